//! The whole record of an identity, as JSON (`whose lookup`).

use super::json::Json;
use super::native;
use crate::assess::findings::{EventFinding, Evidence};
use crate::snapshot::{IdentityRef, TimeFact};
use crate::vocabulary::{Dimension, Environment};

/// Writes every group of the record.
pub(crate) fn write(identity: &IdentityRef<'_>, created_ms: i64, out: &mut Json<'_>) {
    out.object(|out| {
        native::facts(identity, out);
        native::time("created", identity.created(), out);
        native::time("last_seen", identity.last_seen(), out);
        if let TimeFact::At(ms) = identity.owner_as_of() {
            out.time("owner_as_of", ms);
        }
        aliases(identity, out);
        lineage(identity, out);
        if let Some((identities, accounts, environments, teams)) = identity.blast_radius() {
            out.member("blast_radius", |out| {
                out.object(|out| {
                    out.number("identities", u64::from(identities));
                    out.number("accounts", u64::from(accounts));
                    let reached = Environment::ALL
                        .iter()
                        .filter(|word| environments >> word.code() & 1 == 1);
                    out.strings("environments", reached.map(|word| word.as_str()));
                    out.strings("teams", teams);
                });
            });
        }
        objects(
            "credentials",
            identity.credentials(),
            out,
            |credential, out| native::credential(&credential, Some(created_ms), out),
        );
        out.strings("workloads", identity.workloads());
        behavior(identity, out);
        out.member("response", |out| {
            out.object(|out| native::of_identity(identity, None, out))
        });
        objects("findings", identity.findings(), out, |finding, out| {
            let finding = EventFinding {
                name: finding.name(),
                owasp: finding.owasp(),
                severity: finding.severity(),
                evidence: Evidence::Text(finding.evidence()),
                exception: finding.exception(),
            };
            native::finding(&finding, created_ms, out);
        });
        objects(
            "provenance",
            identity.provenance(),
            out,
            |(field, source, observed), out| {
                out.string("field", field);
                out.string("source", source);
                native::time("observed", observed, out);
            },
        );
        objects(
            "conflicts",
            identity.conflicts(),
            out,
            |[field, source, value], out| {
                out.string("field", field);
                out.string("source", source);
                out.string("value", value);
            },
        );
    });
}

/// A member with an array of objects, left out when empty.
fn objects<T>(
    name: &str,
    items: impl Iterator<Item = T>,
    out: &mut Json<'_>,
    f: impl Fn(T, &mut Json<'_>),
) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        out.member(name, |out| {
            out.array(|out| {
                items.for_each(|item| out.element(|out| out.object(|out| f(item, out))))
            })
        });
    }
}

fn aliases(identity: &IdentityRef<'_>, out: &mut Json<'_>) {
    objects("aliases", identity.aliases(), out, |alias, out| {
        out.string("type", alias.key_type.as_str());
        out.some_string("domain", Some(alias.domain));
        out.member("value", |out| out.text(&alias.parts));
        if alias.valid_from_ms != i64::MIN {
            out.time("valid_from", alias.valid_from_ms);
        }
        if alias.valid_to_ms != i64::MAX {
            out.time("valid_to", alias.valid_to_ms);
        }
    });
}

fn lineage(identity: &IdentityRef<'_>, out: &mut Json<'_>) {
    let (by, may_be, can_be, behalf) = (
        identity.created_by(),
        identity.assumable_by(),
        identity.can_assume(),
        identity.on_behalf_of(),
    );
    if by.is_none() && may_be.len() + can_be.len() + behalf.len() == 0 {
        return;
    }
    out.member("lineage", |out| {
        out.object(|out| {
            out.some_string("created_by", by);
            out.strings("assumable_by", may_be);
            out.strings("can_assume", can_be);
            out.strings("on_behalf_of", behalf);
        });
    });
}

fn behavior(identity: &IdentityRef<'_>, out: &mut Json<'_>) {
    objects(
        "behavior",
        identity.expectations(),
        out,
        |expectation, out| {
            out.some_string(
                "dimension",
                expectation.dimension().map(|dimension| dimension.as_str()),
            );
            out.strings("allowed", expectation.allowed());
            if expectation.dimension() == Some(Dimension::Hours) {
                let hours = (0..168_u8)
                    .filter(|hour| expectation.allows_hour(*hour) == Some(true))
                    .count();
                out.number("hours_of_week", hours as u64);
            }
            out.string("basis", expectation.basis().as_str());
            let (days, samples) = expectation.evidence();
            if days != 0 || samples != 0 {
                out.number("window_days", u64::from(days));
                out.number("samples", u64::from(samples));
            }
        },
    );
}
