//! The native rendering: one member `whose`.

use alloc::vec::Vec;

use json_out::json::Json;

use super::Context;
use super::fields::Field;
use super::out::Out;
use super::phrase::About;
use super::{identity, reasons, response};
use crate::layers::Layer;
use crate::snapshot::Header;

/// Writes the members of `whose`.
pub(super) fn write(context: &Context<'_, '_, '_>, out: &mut Out<'_, '_>) {
    out.number(Field::Version, 1);
    if context.observation.identities.is_empty() {
        out.string(Field::NoIdentity, "no_identity");
    }
    out.array(Field::Identities, |out| {
        for (observed, resolution, assessed) in context.identities() {
            out.element(|out| identity::write(context, observed, resolution, assessed, out));
        }
    });
    triage(context, out);
    response::member(context, out);
    snapshot(context, out);
}

/// How urgent it is, and why.
pub(super) fn triage(context: &Context<'_, '_, '_>, out: &mut Out<'_, '_>) {
    let Some(triage) = &context.assessment.triage else {
        return;
    };
    let assessed = context.assessment.identities.get(triage.identity);
    out.object(Field::Triage, |out| {
        // The rules are those of one layer.
        let phrase = About::Rule.rows(0, [triage.rule.number, 0]);
        out.phrase(phrase, |out| {
            out.string(Field::Priority, triage.rule.priority().as_str());
            out.string(Field::Rule, triage.rule.name());
        });
        if let Some(assessed) = assessed {
            if context.assessment.identities.len() > 1 {
                out.string(Field::TriageRole, assessed.role.as_str());
                if let Some(identity) = &assessed.identity {
                    out.parts(Field::TriageUid, &identity.uid());
                }
            }
            out.array(Field::Reasons, |out| {
                reasons::write(context, &triage.rule, assessed, false, out.json);
            });
        }
    });
}

/// What is said about a snapshot in every event, written once.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Its id and digest: members of an object.
    members: Vec<u8>,
    /// When it was made: a JSON text.
    created: Vec<u8>,
}

impl Said {
    pub(crate) fn of(header: &Header) -> Self {
        let mut said = Self::default();
        let mut out = Json::new(&mut said.members);
        out.string(Field::SnapshotId.name(), header.id());
        out.name(Field::SnapshotDigest.name());
        out.quoted(|out| digest(&header.digest, out));
        Json::new(&mut said.created).quoted(|out| out.plain_time(header.created_ms));
        said
    }

    /// Its id and digest, as members of an object.
    pub(crate) fn members(&self) -> &[u8] {
        &self.members
    }
}

/// The snapshot that the event's most important identity comes from.
pub(super) fn layer_of<'c, 's>(context: &Context<'c, 's, '_>) -> Option<&'s Layer<'s>> {
    let number = context.primary().map_or(0, |assessed| assessed.layer);
    context.layers.get(number)
}

/// Which snapshot said all this, and how old it was.
pub(super) fn snapshot(context: &Context<'_, '_, '_>, out: &mut Out<'_, '_>) {
    let number = context.primary().map_or(0, |assessed| assessed.layer);
    let Some(layer) = layer_of(context) else {
        return;
    };
    let header = layer.snapshot.header();
    out.object(Field::Snapshot, |out| {
        let phrase = About::Snapshot.rows(number, [0; 2]);
        out.phrase(phrase, |out| {
            out.json.members(&layer.said.members);
            out.written(Field::SnapshotCreated, &layer.said.created);
        });
        match context.observation.time_ms {
            Some(at) => {
                let age = at.saturating_sub(header.created_ms).div_euclid(1000);
                out.signed(Field::AgeAtEvent, age);
                if header.valid_for_s != 0 {
                    out.bool(
                        Field::Fresh,
                        age <= i64::try_from(header.valid_for_s).unwrap_or(i64::MAX),
                    );
                }
            }
            // Keys were resolved at the snapshot's creation, for want of a better time.
            None => out.string(Field::EventTime, "absent"),
        }
        out.string(Field::Integrity, layer.snapshot.integrity().as_str());
        if context.layers.iter().nth(1).is_some() {
            out.array(Field::Layers, |out| {
                for layer in context.layers.iter() {
                    out.json.element(|json| {
                        json.quoted(|json| digest(&layer.snapshot.header().digest, json));
                    });
                }
            });
        }
    });
}

pub(super) fn digest(digest: &[u8; 32], out: &mut Json<'_>) {
    out.raw("blake3:");
    out.hex(digest);
}
