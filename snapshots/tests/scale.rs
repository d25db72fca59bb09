//! The exports that sizes are measured with are what they are said to be, and an identity of them takes
//! no more bytes than ten million have in one file.

#[expect(
    dead_code,
    reason = "the example as it stands; its main belongs to the command"
)]
#[path = "../examples/vendor_exports.rs"]
mod vendor_exports;

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::snapshot::schema::section;
use enrich_core::{Check, Snapshot, Trust};
use rkyv::util::AlignedVec;
use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Exported, Quiet, export, export_snapshot};

const IDENTITIES: usize = 2000;
const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z

/// The configuration that the example wrote for [`IDENTITIES`].
fn written(folder: &tempfile::TempDir) -> InventoryConfig {
    vendor_exports::write(IDENTITIES as u64, folder.path()).unwrap();
    InventoryConfig::read(&folder.path().join("inventory.toml")).unwrap()
}

#[test]
fn the_exports_have_the_distribution_that_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let config = written(&folder);
    let Exported {
        inventory, report, ..
    } = export(&config, &Explicit::new(NOW, 1, 0), &mut Quiet).unwrap();
    let identities = &inventory.identities;
    assert_eq!(identities.len(), IDENTITIES);
    assert_eq!((report.without_owner, report.conflicts), (0, 0));
    assert!(report.ambiguous_keys.is_empty() && report.unmatched.is_empty());

    // 1.9 keys an identity of 73 bytes in the mean, with the cluster of those that need one; no two alike.
    let keys: BTreeSet<(&str, &str)> = identities
        .iter()
        .flat_map(|identity| &identity.aliases)
        // Users have paths here, and each is held under its ARN without the path as well.
        .filter(|alias| {
            let user = alias.value.split_once(":user/");
            user.is_none_or(|(_, name)| name.contains('/'))
        })
        .map(|alias| (alias.domain.as_str(), alias.value.as_str()))
        .collect();
    assert_eq!(keys.len(), IDENTITIES * 19 / 10);
    let bytes: usize = keys
        .iter()
        .map(|(domain, value)| domain.len() + value.len())
        .sum();
    let mean = bytes as f64 / keys.len() as f64;
    assert!((72.0..74.0).contains(&mean), "{mean}");

    // A fifth has two credentials, the others none.
    let mut credentials = BTreeMap::new();
    for identity in identities {
        *credentials.entry(identity.credentials.len()).or_insert(0) += 1;
    }
    assert_eq!(
        credentials,
        BTreeMap::from([(0, IDENTITIES * 4 / 5), (2, IDENTITIES / 5)])
    );

    // One owner has 200 identities.
    let mut owners = BTreeMap::new();
    for owner in identities.iter().flat_map(|identity| &identity.owner) {
        *owners.entry(&owner.entity.reference).or_insert(0) += 1;
    }
    assert_eq!(owners.len(), IDENTITIES / 200);
    assert!(owners.values().all(|count| *count == 200), "{owners:?}");
}

#[test]
fn an_identity_takes_what_the_format_needs_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = written(&folder);
    let explicit = Explicit::new(NOW, 1, 0);
    let (built, _) = export_snapshot(&config, &explicit, &mut Quiet).unwrap();
    let mut bytes = AlignedVec::<64>::new();
    bytes.extend_from_slice(&built);
    let snapshot = Snapshot::open(&bytes, Check::All, &Trust::default()).unwrap();
    let each = |sections: &[u32]| {
        let bytes: u64 = snapshot
            .sections()
            .filter(|entry| sections.contains(&entry.id))
            .map(|entry| entry.len)
            .sum();
        bytes as f64 / IDENTITIES as f64
    };
    // 32 of the identity, 1.9 × (12 + 8) of keys and index, 0.4 × 32 of credentials, and the two rows that
    // say from when on its name is its own: 36. A fifth are users with a path, whose ARN without the path
    // takes as much again as a key with a time: 0.2 × (12 + 8 + 16).
    let rows = each(&[
        section::IDENTITIES,
        section::KEYS,
        section::INDEX,
        section::CREDENTIALS,
        section::KEY_CLASSES,
        section::VALIDITY,
    ]);
    assert!(rows < 127.0, "{rows}");
    // Of 2,000 identities most findings have a day of their own, and teams and rules weigh more than they do
    // in a large inventory: 262 bytes. Ten million share them, and fit one file with 214 bytes each
    // (docs/connectors.md has what they take).
    let all = bytes.len() as f64 / IDENTITIES as f64;
    assert!(all < 264.0, "{all}");
}

#[test]
fn evidence_is_shared_by_what_happened_on_one_day() {
    let folder = tempfile::tempdir().unwrap();
    let config = written(&folder);
    let exported = export(&config, &Explicit::new(NOW, 1, 0), &mut Quiet).unwrap();
    let findings = exported.inventory.identities.iter();
    let findings: Vec<_> = findings.flat_map(|identity| &identity.findings).collect();
    assert!(findings.len() > IDENTITIES / 3, "{}", findings.len());
    for finding in &findings {
        assert!(!finding.evidence.contains(':'), "{}", finding.evidence);
    }
    let texts: BTreeSet<&str> = findings.iter().map(|one| one.evidence.as_str()).collect();
    assert!(texts.len() < findings.len(), "{}", texts.len());
}
