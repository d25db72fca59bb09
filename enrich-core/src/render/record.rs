//! The whole record of an identity, as JSON (`whose lookup`).

use super::fields::Field;
use super::out::Out;
use super::{finding, identity, response};
use crate::assess::findings::{EventFinding, Evidence};
use crate::snapshot::IdentityRef;

/// Writes every group of the record, as members of an object.
pub(crate) fn write(identity: &IdentityRef<'_>, created_ms: i64, out: &mut Out<'_, '_>) {
    identity::facts(identity, 0, out);
    identity::details(identity, out);
    response::blast_radius(Field::RecordBlast, identity, out);
    identity::credentials(identity, created_ms, out);
    out.strings(Field::Workloads, &mut identity.workloads());
    identity::expectations(Field::RecordBehavior, identity, out);
    out.object(Field::RecordResponse, |out| {
        response::of_identity(identity, 0, None, out);
    });
    out.objects(Field::Findings, identity.findings(), |found, out| {
        let found = EventFinding {
            name: found.name(),
            owasp: found.owasp(),
            severity: found.severity(),
            evidence: Evidence::Text(found.evidence()),
            exception: found.exception(),
            row: None,
        };
        finding::write(&found, 0, created_ms, out);
    });
    identity::origins(identity, out);
}
