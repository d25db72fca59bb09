//! Changed, cut, forged and misplaced snapshots: each has a defined result, and none a panic.
//!
//! The tests take a good file, say what stands at a place, change it, and name the error variant.

mod attaching;
mod bytes;
#[path = "../common/mod.rs"]
mod common;
mod header;
mod parts;
mod shape;
mod signature;

use common::inventory::{
    ACCOUNT, CREATED_MS, full, many, many_path, many_principal, meta, role, scope,
};
use common::{
    Aligned, Lcg, SIGNING_SEED, Under, aligned, attach, body_at, build, build_signed, digest,
    entry_at, k8s_event, open, public_key, reseal, role_event, u32_at, u64_at, user_event,
};
use enrich_core::config::Config;
use enrich_core::snapshot::SnapshotError::*;
use enrich_core::snapshot::header::{
    CHUNK_LEN, DIGEST_AT, ENTRY_LEN, HEADER_LEN, SIGNATURE_AT, SIGNER_AT,
};
use enrich_core::snapshot::schema::section;
use enrich_core::vocabulary::{Integrity, Provider};
use enrich_core::{
    Check, Enricher, Key, KeyType, LayerHandle, MAX_LAYERS, Snapshot, SnapshotError, Trust,
};
use snapshots::model::{Inventory, Meta};

/// Identities in the long snapshot, which has more than one chunk.
const MANY: usize = 20_000;
/// Another test key.
const STRANGER: [u8; 32] = *b"another test key, also no secret";

fn trust() -> Trust {
    Trust::new(vec![public_key(&SIGNING_SEED)])
}

fn long() -> Aligned {
    build_signed(&many(MANY), &SIGNING_SEED)
}

fn refusal(bytes: &[u8], check: Check, trust: &Trust) -> Option<SnapshotError> {
    Snapshot::open(bytes, check, trust).err()
}

/// Events that touch every part of the lookup: hits, misses, shared keys, tombstones, envelopes.
fn events() -> String {
    let mut lines = vec![
        role_event(
            ACCOUNT,
            "ci/deployer",
            "AROAGOLDENDEPLOYER01",
            "2026-03-20T05:00:00Z",
        ),
        role_event(
            ACCOUNT,
            "ci/deployer",
            "AROASOMEBODYELSE0001",
            "2026-03-20T05:00:00Z",
        ),
        role_event(
            ACCOUNT,
            "shop/worker",
            "AROAGOLDENWORKEROLD1",
            "2026-03-20T05:00:00Z",
        ),
        role_event(
            ACCOUNT,
            "shop/worker",
            "AROAGOLDENWORKERNEW1",
            "2026-03-20T05:00:00Z",
        ),
        role_event(ACCOUNT, "shop/worker", "", "2026-03-10T20:00:00Z"),
        role_event(
            "999900001111",
            "x",
            "AROAUNKNOWNUNKNOWN01",
            "2026-03-20T05:00:00Z",
        ),
        user_event(
            ACCOUNT,
            "legacy-backup",
            "AIDAGOLDENLEGACY0001",
            "AKIAGOLDENSHARED0001",
            "2026-03-20T05:00:00Z",
        ),
        user_event(
            ACCOUNT,
            "nobody",
            "",
            "AKIAGOLDENSHARED0001",
            "2026-03-20T05:00:00Z",
        ),
        user_event(
            ACCOUNT,
            "nobody",
            "",
            "AKIAGOLDENDEPLOYER01",
            "2026-03-20T05:00:00Z",
        ),
        user_event(
            ACCOUNT,
            "nobody",
            "",
            "AKIAGOLDENLENTOUT001",
            "2026-01-01T00:00:00Z",
        ),
        k8s_event(
            "system:serviceaccount:payments:api",
            "5b0a1f8e-7d7e-4c55-9a53-2f0c3f5e1a01",
            "payments",
            "2026-03-20T05:00:00Z",
        ),
        k8s_event(
            "system:serviceaccount:payments:gone",
            "",
            "payments",
            "2026-03-20T05:00:00Z",
        ),
        k8s_event("kubernetes-admin", "", "kube-system", "no time"),
        r#"{"eventSource":"x.amazonaws.com","eventName":"y","userIdentity":{"type":"Root"}}"#
            .to_owned(),
        r#"{"whose":"forged","message":"hello"}"#.to_owned(),
        "not json".to_owned(),
    ];
    for n in 0..24 {
        lines.push(role_event(
            ACCOUNT,
            &many_path(n * 7),
            &many_principal(n * 7),
            "2026-03-20T05:30:00Z",
        ));
    }
    let records = lines[..4].join(",");
    lines.push(format!("{{\"Records\":[{records}]}}"));
    for n in 0..12 {
        lines.push(role_event(
            ACCOUNT,
            &many_path(n * 1663),
            "",
            "2026-03-20T05:30:00Z",
        ));
    }
    lines.join("\n")
}

/// Keys of each sort, for lookups on a snapshot that may say anything.
const KEYS: [&str; 9] = [
    "aws_arn:arn:aws:iam::111122223333:role/ci/deployer",
    "aws_principal_id:AROAGOLDENDEPLOYER01",
    "aws_access_key_id:AKIAGOLDENSHARED0001",
    "aws_access_key_id:AKIAGOLDENLENTOUT001",
    "k8s_user@prod-eu:system:serviceaccount:payments:api",
    "github_app:scanner",
    "spiffe_id:spiffe://golden.example/ns/scan",
    "oidc_subject@token.actions.githubusercontent.com:repo:golden/shop:ref:refs/heads/main",
    "aws_arn:arn:aws:iam::111122223333:role/nobody",
];

/// Reads everything that can be read, and does everything that can be done. What it says may be
/// wrong; that it ends, and how, is what is tested.
fn use_everything(bytes: &[u8], events: &str, check: Check, keys: &[&str]) {
    let Ok(snapshot) = Snapshot::open(bytes, check, &Trust::default()) else {
        return;
    };
    let mut seen = 0_usize;
    for identity in snapshot.identities() {
        seen += identity.uid().concat().len() + identity.name().len() + identity.domain().len();
        seen += usize::from(identity.kind().code()) + identity.sub_type().map_or(0, str::len);
        seen += identity
            .aliases()
            .map(|alias| alias.parts.concat().len() + usize::from(alias.value_is("x")))
            .sum::<usize>();
        seen += identity.owner().map_or(0, |owner| owner.reference.len())
            + identity
                .sponsor()
                .map_or(0, |sponsor| sponsor.reference.len());
        seen += identity.secondary_owners().map(str::len).sum::<usize>()
            + identity.workloads().map(str::len).sum::<usize>();
        seen += identity.privilege_basis().map(str::len).sum::<usize>()
            + identity.environments().count();
        seen += identity
            .expectations()
            .map(|row| {
                row.allowed().count()
                    + (0..=255)
                        .filter(|hour| row.allows_hour(*hour) == Some(true))
                        .count()
            })
            .sum::<usize>();
        seen += identity
            .revocations()
            .map(|row| row.action().len() + row.breaks().count())
            .sum::<usize>();
        seen += identity
            .credentials()
            .map(|row| row.uid().len() + usize::from(row.status().code()))
            .sum::<usize>();
        seen += identity
            .findings()
            .map(|row| row.evidence().len() + row.exception().map_or(0, |(_, reason)| reason.len()))
            .sum::<usize>();
        seen += identity.conflicts().count()
            + identity.provenance().count()
            + identity
                .blast_radius()
                .map_or(0, |(.., teams)| teams.count());
        seen += identity.assumable_by().count()
            + identity.can_assume().count()
            + identity.on_behalf_of().count();
        seen += identity
            .escalation_policy()
            .map_or(0, |policy| policy.id.len())
            + identity.purpose().map_or(0, str::len);
        seen += usize::from(identity.retired_ms().is_some())
            + usize::from(identity.last_seen().at().is_some());
    }
    seen += snapshot
        .scopes()
        .map(|scope| scope.domain.len())
        .sum::<usize>();
    seen += snapshot
        .rules()
        .map(|rule| rule.rationale().len() + rule.findings().count())
        .sum::<usize>();
    for address in [
        "198.51.100.7",
        "0.0.0.0",
        "255.255.255.255",
        "2001:db8:10::1",
        "::",
    ] {
        seen += snapshot
            .networks_of(address.parse().unwrap())
            .iter()
            .count();
    }
    seen += snapshot.meta("organization").map_or(0, str::len)
        + usize::from(snapshot.scope(Provider::Aws, ACCOUNT, "").is_some());
    std::hint::black_box(seen);
    let _ = snapshot.verify();

    let mut enricher = Enricher::new(common::config());
    if enricher.attach(bytes, check, None).is_err() {
        return;
    }
    let out = enricher.enrich(events.as_bytes());
    assert_eq!(
        out.iter().filter(|byte| **byte == b'\n').count(),
        events.matches('\n').count(),
        "lines are kept"
    );
    assert!(std::str::from_utf8(out).is_ok(), "what comes out is text");
    for (number, (out, event)) in out
        .split(|byte| *byte == b'\n')
        .zip(events.lines())
        .enumerate()
    {
        let is_json = serde_json::from_slice::<serde_json::Value>(out).is_ok();
        assert!(
            is_json || out == event.as_bytes(),
            "line {number}: {}",
            String::from_utf8_lossy(out)
        );
    }
    for key in keys {
        let record = enricher.lookup(key).expect("the key is a key");
        assert!(
            serde_json::from_slice::<serde_json::Value>(record).is_ok(),
            "{key}"
        );
    }
}
