//! The format is frozen: a committed v1 file reads as its source says and is rebuilt byte for byte,
//! newer minors open, newer majors do not, codes and hashes keep their values.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::inventory::{ACCOUNT, CREATED_MS, full, many};
use common::{Aligned, Lcg, SIGNING_SEED, aligned, build, build_signed, digest, entry_at, open, public_key, reseal, rows_of, u32_at, u64_at};
use enrich_core::hash::key_hash;
use enrich_core::snapshot::header::{ENTRY_LEN, HEADER_LEN, Header, SIGNER_AT};
use enrich_core::snapshot::schema::{section, time_code};
use enrich_core::snapshot::{EntityRef as StoredEntity, EscalationRef, IdentityRef, TimeFact};
use enrich_core::vocabulary::*;
use enrich_core::{Check, Key, KeyType, MAX_KEY_VALUE, Snapshot, SnapshotError, Trust};
use snapshots::format;
use snapshots::model::*;

/// Greatest number of bytes an identity takes in [`size_of_a_long_snapshot`], a tenth above what
/// was measured when the format was frozen.
const MOST_BYTES_AN_IDENTITY: usize = 140;

/// Sections that a v1 file has.
const SECTIONS: u32 = 32;

fn golden_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1.whose")
}

/// The committed file. `WHOSE_BLESS=1` writes it where there is none; nothing ever overwrites it.
fn golden() -> Aligned {
    let path = golden_path();
    if !path.exists() && std::env::var_os("WHOSE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, build_signed(&full(), &SIGNING_SEED).as_slice()).expect("the golden folder can be written");
    }
    aligned(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn trust() -> Trust {
    Trust::new(vec![public_key(&SIGNING_SEED)])
}

#[test]
fn golden_file_opens_and_verifies() {
    let bytes = golden();
    let snapshot = Snapshot::open(&bytes, Check::All, &trust()).expect("signed by the test key");
    assert_eq!(snapshot.integrity(), Integrity::Verified);
    assert_eq!(snapshot.verify(), Ok(()));
    let header = snapshot.header();
    assert_eq!((header.major, header.minor), (1, 0));
    assert_eq!(header.total_len, bytes.len() as u64);
    assert_eq!((header.sequence, header.created_ms, header.valid_for_s), (41, CREATED_MS, 86_400));
    assert_eq!(header.id(), "golden-v1");
    assert_eq!(header.layer, LayerKind::Shard);
    assert_eq!((header.overlay_of, header.previous), ([0; 32], [0xAB; 32]));
    assert_eq!(header.signer, public_key(&SIGNING_SEED));
    assert_eq!(header.to_bytes(), bytes[..HEADER_LEN]);
    assert_eq!(snapshot.meta("organization"), Some("Golden Works"));
    assert_eq!(snapshot.meta("nothing"), None);
    assert!(!snapshot.is_damaged());
}

#[test]
fn golden_file_fills_every_section() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    let mut ids: Vec<u32> = snapshot.sections().map(|entry| entry.id).collect();
    for entry in snapshot.sections() {
        // Row 0 of the tables that a zero refers to stands for absent.
        let absent = match entry.id {
            section::TEXT | section::LISTS | section::KEY_CLASSES | section::VALIDITY | section::KEY_HOLDERS | section::PROFILES => 1,
            section::TYPES..=section::ESCALATIONS | section::DETAILS..=section::BLAST_RADIUS => 1,
            _ => 0,
        };
        assert!(entry.rows > absent, "section {} has {} rows", entry.id, entry.rows);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..SECTIONS).collect::<Vec<_>>());
}

/// Rows may not change within major 1: their lengths stand here once more.
#[test]
fn row_lengths_are_frozen() {
    let lengths: [u32; SECTIONS as usize] = [
        32, 1, 4, 64, 20, 12, 16, 8, 32, 24, 12, 12, 32, 8, 16, 24, 16, 24, 12, 32, 64, 24, 12, 12, 16, 28, 8, 12, 36, 56, 8, 8,
    ];
    let bytes = golden();
    for entry in open(&bytes).unwrap().sections() {
        assert_eq!(entry.row_len, lengths[entry.id as usize], "section {}", entry.id);
    }
}

#[test]
fn golden_file_is_rebuilt_byte_for_byte() {
    let (committed, rebuilt) = (golden(), build_signed(&full(), &SIGNING_SEED));
    let differs = committed.iter().zip(rebuilt.iter()).position(|(a, b)| a != b);
    assert_eq!(differs, None, "first difference");
    assert_eq!(committed.len(), rebuilt.len());
}

/// Every field of every view, against the model that the file was made of.
#[test]
fn golden_file_reads_as_its_source() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    let mut source = full().identities;
    source.sort_by(|a, b| a.uid.cmp(&b.uid));
    assert_eq!(snapshot.identity_count(), source.len());
    for (row, expected) in snapshot.identities().zip(&source) {
        same_identity(&row, expected);
    }
    assert!(snapshot.identity(source.len() as u32).is_none());
    // One holder a key, but for the one that two share and the one that was lent out.
    assert_eq!(snapshot.key_count(), distinct_keys(&source).len());
}

/// A key that was valid in two intervals shows both.
#[test]
fn aliases_show_every_interval() {
    let bytes = build(&full());
    let snapshot = open(&bytes).unwrap();
    let mut source = full().identities;
    source.sort_by(|a, b| a.uid.cmp(&b.uid));
    for (row, expected) in snapshot.identities().zip(&source) {
        assert_eq!(stored_aliases(&row), expected_aliases(expected), "{}", expected.uid);
    }
}

type PlainAlias = (KeyType, String, String, i64, i64);

fn stored_aliases(row: &IdentityRef<'_>) -> BTreeSet<PlainAlias> {
    row.aliases()
        .map(|alias| {
            let value = alias.parts.concat();
            assert!(alias.value_is(&value) && !alias.value_is(&format!("{value}x")) && !alias.value_is(""));
            (alias.key_type, alias.domain.to_owned(), value, alias.valid_from_ms, alias.valid_to_ms)
        })
        .collect()
}

fn expected_aliases(identity: &Identity) -> BTreeSet<PlainAlias> {
    identity
        .aliases
        .iter()
        .map(|alias| {
            let mut buffer = String::new();
            let key = Key::canonical(alias.key_type, &alias.domain, &alias.value, &mut buffer).unwrap();
            let ends = alias.valid_to_ms.unwrap_or(i64::MAX).min(identity.retired_at_ms.unwrap_or(i64::MAX));
            (key.key_type, key.domain.to_owned(), key.value.to_owned(), alias.valid_from_ms.unwrap_or(i64::MIN), ends)
        })
        .collect()
}

fn distinct_keys(identities: &[Identity]) -> BTreeSet<(KeyType, String, String)> {
    identities.iter().flat_map(expected_aliases).map(|(key_type, domain, value, ..)| (key_type, domain, value)).collect()
}

fn fact(time: Time) -> TimeFact {
    match time {
        Time::Unknown => TimeFact::Unknown,
        Time::NotTracked => TimeFact::NotTracked,
        Time::Never => TimeFact::Never,
        Time::NeverSince(ms) => TimeFact::NeverSince(ms),
        Time::At(ms) => TimeFact::At(ms),
    }
}

fn at(ms: Option<i64>) -> TimeFact {
    ms.map_or(TimeFact::Unknown, TimeFact::At)
}

fn same_entity(stored: Option<StoredEntity<'_>>, expected: Option<&EntityRef>) {
    assert_eq!(stored.map(|entity| entity.reference), expected.map(|entity| entity.reference.as_str()));
    assert_eq!(stored.and_then(|entity| entity.name), expected.and_then(|entity| entity.name.as_deref()));
    assert_eq!(stored.and_then(|entity| entity.contact), expected.and_then(|entity| entity.contact.as_deref()));
}

fn same_escalation(stored: Option<EscalationRef<'_>>, expected: Option<&EscalationPolicy>) {
    assert_eq!(stored.map(|policy| policy.system), expected.map(|policy| policy.system.as_str()));
    assert_eq!(stored.map(|policy| policy.id), expected.map(|policy| policy.id.as_str()));
    assert_eq!(stored.and_then(|policy| policy.url), expected.and_then(|policy| policy.url.as_deref()));
}

fn same_identity(row: &IdentityRef<'_>, expected: &Identity) {
    let uid = expected.uid.as_str();
    assert_eq!(row.uid().concat(), uid);
    assert_eq!(row.name(), expected.name, "{uid}");
    assert_eq!((row.kind(), row.provider()), (expected.kind, Some(expected.provider)), "{uid}");
    assert_eq!(row.sub_type().unwrap_or(""), expected.sub_type, "{uid}");
    assert_eq!(row.domain(), expected.domain, "{uid}");
    assert_eq!(row.purpose(), expected.purpose.as_deref(), "{uid}");
    let agent = expected.agent.as_ref();
    assert_eq!(row.agent(), (agent.map(|agent| agent.framework.as_str()), agent.map(|agent| agent.parent.as_str())), "{uid}");
    let keys = |aliases: BTreeSet<PlainAlias>| aliases.into_iter().map(|(key_type, domain, value, ..)| (key_type, domain, value)).collect::<BTreeSet<_>>();
    assert_eq!(keys(stored_aliases(row)), keys(expected_aliases(expected)), "{uid}");

    same_entity(row.owner(), expected.owner.as_ref().map(|owner| &owner.entity));
    assert_eq!(row.owner_source(), expected.owner.as_ref().map(|owner| owner.source.as_str()), "{uid}");
    assert_eq!(row.owner_as_of(), at(expected.owner.as_ref().and_then(|owner| owner.as_of_ms)), "{uid}");
    assert_eq!(row.owner_status(), expected.owner.as_ref().map_or(OwnerStatus::Unknown, |owner| owner.status), "{uid}");
    same_entity(row.sponsor(), expected.sponsor.as_ref());
    assert!(row.secondary_owners().eq(expected.secondary_owners.iter().map(String::as_str)), "{uid}");
    assert_eq!((row.service(), row.vendor()), (expected.service.as_deref(), expected.vendor.as_deref()), "{uid}");

    assert!(row.environments().eq(expected.environment.iter().copied()), "{uid}");
    assert_eq!(row.criticality(), expected.criticality, "{uid}");
    let privilege = expected.privilege.as_ref();
    assert_eq!(row.privilege_tier(), privilege.map(|privilege| privilege.tier), "{uid}");
    assert_eq!(row.privilege_level(), privilege.map(|privilege| privilege.level), "{uid}");
    assert!(row.privilege_basis().eq(privilege.map_or(&[][..], |privilege| &privilege.basis).iter().map(String::as_str)), "{uid}");
    assert_eq!(row.blast_radius().is_some(), expected.blast_radius.is_some(), "{uid}");
    if let (Some((identities, accounts, environments, teams)), Some(radius)) = (row.blast_radius(), &expected.blast_radius) {
        assert_eq!((identities, accounts), (radius.identities, radius.accounts));
        assert_eq!(environments, radius.environments.iter().fold(0, |mask, word| mask | 1 << word.code()));
        assert!(teams.eq(radius.teams.iter().map(String::as_str)));
    }
    assert_eq!(row.created_by(), expected.lineage.created_by.as_deref(), "{uid}");
    assert!(row.assumable_by().eq(expected.lineage.assumable_by.iter().map(String::as_str)), "{uid}");
    assert!(row.can_assume().eq(expected.lineage.can_assume.iter().map(String::as_str)), "{uid}");
    assert!(row.on_behalf_of().eq(expected.lineage.on_behalf_of.iter().map(String::as_str)), "{uid}");
    assert_eq!(row.lifecycle_state(), Some(expected.lifecycle_state), "{uid}");
    assert_eq!((row.created(), row.last_seen()), (fact(expected.created), fact(expected.last_seen)), "{uid}");
    assert_eq!(row.retired_ms(), expected.retired_at_ms, "{uid}");
    assert!(row.workloads().eq(expected.workloads.iter().map(String::as_str)), "{uid}");
    same_credentials(row, expected);
    same_behavior(row, expected);
    same_response(row, &expected.response);
    let findings: Vec<_> = row.findings().collect();
    assert_eq!(findings.len(), expected.findings.len(), "{uid}");
    for (row, expected) in findings.iter().zip(&expected.findings) {
        assert_eq!((row.name(), row.owasp(), row.severity()), (expected.name.as_str(), expected.owasp.as_deref(), expected.severity));
        assert_eq!(row.evidence(), expected.evidence);
        assert_eq!(row.exception(), expected.exception.as_ref().map(|(until, reason)| (*until, reason.as_str())));
    }
    let provenance = expected.provenance.iter().map(|entry| (entry.field.as_str(), entry.source.as_str(), at(entry.observed_ms)));
    assert!(row.provenance().eq(provenance), "{uid}");
    let conflicts = expected.conflicts.iter().map(|entry| [entry.field.as_str(), entry.source.as_str(), entry.value.as_str()]);
    assert!(row.conflicts().eq(conflicts), "{uid}");
}

fn same_credentials(row: &IdentityRef<'_>, expected: &Identity) {
    let mut sorted = expected.credentials.clone();
    sorted.sort();
    let stored: Vec<_> = row.credentials().collect();
    assert_eq!(stored.len(), sorted.len(), "{}", expected.uid);
    for (row, expected) in stored.iter().zip(&sorted) {
        assert_eq!((row.uid(), row.credential_type()), (expected.uid.as_str(), expected.credential_type.as_str()));
        assert_eq!((row.created(), row.last_rotated()), (fact(expected.created), fact(expected.last_rotated)));
        assert_eq!((row.expires(), row.last_used()), (fact(expected.expires), fact(expected.last_used)));
        assert_eq!((row.status(), row.secret_source()), (expected.status, expected.secret_source.as_deref()));
        assert_eq!(row.max_age_days(), expected.max_age_days);
    }
}

fn same_behavior(row: &IdentityRef<'_>, expected: &Identity) {
    let mut sorted = expected.behavior.clone();
    sorted.sort();
    let stored: Vec<_> = row.expectations().collect();
    assert_eq!(stored.len(), sorted.len(), "{}", expected.uid);
    for (row, expected) in stored.iter().zip(&sorted) {
        assert_eq!((row.dimension(), row.basis()), (Some(expected.dimension), expected.basis));
        assert_eq!(row.evidence(), (expected.window_days, expected.samples));
        assert!(row.allowed().eq(expected.allowed.iter().map(String::as_str)));
        for hour in 0..168_u8 {
            let allowed = expected.hours.map(|bits| bits[usize::from(hour) / 8] >> (hour % 8) & 1 == 1);
            assert_eq!(row.allows_hour(hour), allowed, "hour {hour}");
        }
        assert_eq!(row.hours().is_some(), expected.hours.is_some());
    }
}

fn same_response(row: &IdentityRef<'_>, expected: &Response) {
    let mut fastest_first = expected.revocation.clone();
    fastest_first.sort_by_key(|option| option.expected_minutes);
    let stored: Vec<_> = row.revocations().collect();
    assert_eq!(stored.len(), fastest_first.len());
    for (row, expected) in stored.iter().zip(&fastest_first) {
        assert_eq!((row.action(), row.system(), row.team()), (expected.action.as_str(), expected.system.as_str(), expected.team.as_str()));
        assert_eq!((row.runbook(), row.expected_minutes()), (expected.runbook.as_deref(), expected.expected_minutes));
        assert!(row.breaks().eq(expected.breaks.iter().map(String::as_str)));
    }
    same_escalation(row.escalation_policy(), expected.escalation_policy.as_ref());
    assert_eq!((row.context_owner(), row.response_owner()), (expected.context_owner.as_deref(), expected.response_owner.as_deref()));
}

#[test]
fn golden_scopes_read_as_their_source() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    let source = full().scopes;
    assert_eq!(snapshot.scopes().count(), source.len());
    for expected in &source {
        let stored = snapshot.scope(expected.provider, &expected.domain, &expected.part).expect("the scope is found");
        assert_eq!((stored.provider, stored.domain, stored.part), (Some(expected.provider), expected.domain.as_str(), expected.part.as_str()));
        assert_eq!((stored.name, stored.is_covered), (expected.name.as_deref(), expected.covered));
        same_entity(stored.owner, expected.owner.as_ref());
        same_escalation(stored.escalation_policy, expected.escalation_policy.as_ref());
    }
    for (provider, domain, part) in [(Provider::Aws, "", ""), (Provider::K8s, ACCOUNT, ""), (Provider::K8s, "prod-eu", "pay"), (Provider::Other, "zzz", "")] {
        assert!(snapshot.scope(provider, domain, part).is_none(), "{provider} {domain} {part}");
    }
}

#[test]
fn golden_networks_read_as_their_source() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    for (address, expected) in [
        ("198.51.100.7", &[("ci-egress", NetworkKind::Egress), ("office", NetworkKind::Office)][..]),
        ("198.51.100.63", &[("ci-egress", NetworkKind::Egress), ("office", NetworkKind::Office)]),
        ("198.51.100.64", &[("office", NetworkKind::Office)]),
        ("203.0.113.64", &[("office", NetworkKind::Office)]),
        ("203.0.113.63", &[]),
        ("203.0.113.96", &[]),
        ("192.0.2.1", &[("partner", NetworkKind::ThirdParty), ("anything", NetworkKind::Other)]),
        ("192.0.2.2", &[("anything", NetworkKind::Other)]),
        ("2001:db8:10::1", &[("ci-egress", NetworkKind::Egress), ("cloud", NetworkKind::Cloud)]),
        ("2001:db8:11::1", &[("cloud", NetworkKind::Cloud)]),
        ("2001:db9::1", &[]),
        ("::ffff:198.51.100.200", &[("office", NetworkKind::Office)]),
        ("0.0.0.0", &[]),
        ("255.255.255.255", &[]),
        ("::", &[]),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    ] {
        let found: Vec<_> = snapshot.networks_of(address.parse().unwrap()).iter().collect();
        assert_eq!(found, expected, "{address}");
    }
}

/// The public view of a rule has name, priority, rationale and findings; its conditions are read
/// from the row as `docs/format.md` lays it out.
#[test]
fn golden_rules_read_as_their_source() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    let source = full().rules;
    let stored: Vec<_> = snapshot.rules().collect();
    assert_eq!(stored.len(), source.len());
    let (rows, row_len) = rows_of(&bytes, section::RULES);
    let mask = |codes: &mut dyn Iterator<Item = u8>| codes.fold(0_u32, |mask, code| mask | 1 << code);
    for ((row, expected), raw) in stored.iter().zip(&source).zip(bytes[rows].chunks_exact(row_len)) {
        assert_eq!((row.name(), row.priority(), row.rationale()), (expected.name.as_str(), expected.priority, expected.rationale.as_str()));
        assert!(row.findings().eq(expected.findings.iter().map(String::as_str)));
        let words: Vec<u32> = (0..14).map(|word| u32_at(raw, 4 * word)).collect();
        let conditions = [
            mask(&mut expected.outcomes.iter().map(|word| word.code())),
            mask(&mut expected.roles.iter().map(|word| word.code())),
            mask(&mut expected.verdicts.iter().map(|word| word.code())),
            expected.max_tier.map_or(0, |tier| u32::from(tier) + 1),
            expected.min_criticality.map_or(0, |word| u32::from(word.code())),
            expected.min_finding_severity.map_or(0, |word| u32::from(word.code())),
        ];
        assert_eq!(words[3..9], conditions, "{}", expected.name);
        let conditions = [
            mask(&mut expected.kinds.iter().map(|word| word.code())),
            mask(&mut expected.deviations.iter().map(|word| word.code())),
            mask(&mut expected.environments.iter().map(|word| word.code())),
            mask(&mut expected.lifecycle_states.iter().map(|word| word.code())),
        ];
        assert_eq!(words[10..14], conditions, "{}", expected.name);
    }
}

/// What `snapshots` reads back is what went in, but for the order that the format fixes.
#[test]
fn the_reader_of_the_export_agrees() {
    let bytes = golden();
    let read = snapshots::read::inventory(&open(&bytes).unwrap()).unwrap();
    let source = full();
    assert_eq!(read.meta, source.meta);
    let mut identities = source.identities;
    identities.sort_by(|a, b| a.uid.cmp(&b.uid));
    for (mut read, mut expected) in read.identities.into_iter().zip(identities) {
        expected.credentials.sort();
        expected.behavior.sort();
        expected.response.revocation.sort_by_key(|option| option.expected_minutes);
        // Compared by `aliases_show_every_interval`.
        read.aliases.clear();
        expected.aliases.clear();
        assert_eq!(read, expected);
    }
}

/// A file of a later minor version: the same content, and a section that nobody knows yet.
fn with_unknown_section(bytes: &[u8]) -> Aligned {
    let count = u32_at(bytes, 100) as usize;
    let old_body = common::body_at(bytes);
    let table = u64_at(bytes, HEADER_LEN + 8) as usize;
    let table_len = u64_at(bytes, HEADER_LEN + 16) as usize;
    let new_table = (HEADER_LEN + (count + 1) * ENTRY_LEN).next_multiple_of(64);
    let new_body = (new_table + table_len).next_multiple_of(64);
    let shift = (new_body - old_body) as u64;
    let unknown = b"what a later version knows, as rows of eight bytes, and an end..";
    let unknown_at = (bytes.len() + shift as usize).next_multiple_of(64);

    let mut out = bytes[..HEADER_LEN + count * ENTRY_LEN].to_vec();
    for number in 0..count {
        let at = HEADER_LEN + number * ENTRY_LEN + 8;
        let offset = u64_at(bytes, at);
        let moved = if number == 0 { new_table as u64 } else { offset + shift };
        out[at..at + 8].copy_from_slice(&moved.to_le_bytes());
    }
    out.extend_from_slice(&200_u32.to_le_bytes());
    out.extend_from_slice(&8_u32.to_le_bytes());
    for number in [unknown_at, unknown.len(), 7] {
        out.extend_from_slice(&(number as u64).to_le_bytes());
    }
    out.resize(new_table, 0);
    out.extend_from_slice(&bytes[table..table + table_len]);
    out.resize(new_body, 0);
    out.extend_from_slice(&bytes[old_body..]);
    out.resize(unknown_at, 0);
    out.extend_from_slice(unknown);
    let total = out.len() as u64;
    out[10..12].copy_from_slice(&1_u16.to_le_bytes());
    out[16..24].copy_from_slice(&total.to_le_bytes());
    out[100..104].copy_from_slice(&(count as u32 + 1).to_le_bytes());
    let mut out = aligned(&out);
    reseal(&mut out);
    format::sign(&mut out, &SIGNING_SEED).unwrap();
    out
}

#[test]
fn a_newer_minor_opens_and_reads_the_same() {
    let bytes = with_unknown_section(&golden());
    let snapshot = Snapshot::open(&bytes, Check::All, &trust()).expect("a minor version only adds sections");
    assert_eq!((snapshot.header().major, snapshot.header().minor), (1, 1));
    assert_eq!(snapshot.sections().last().map(|entry| (entry.id, entry.row_len, entry.rows)), Some((200, 8, 7)));
    assert_eq!(snapshot.verify(), Ok(()));
    let mut source = full().identities;
    source.sort_by(|a, b| a.uid.cmp(&b.uid));
    for (row, expected) in snapshot.identities().zip(&source) {
        same_identity(&row, expected);
    }
    assert_eq!(snapshot.rules().count(), full().rules.len());
    let mut enricher = common::enricher(&bytes);
    let event = common::role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z");
    let mut plain = golden();
    reseal(&mut plain);
    let mut of_golden = common::enricher(&plain);
    let (newer, known) = (common::context_of(&mut enricher, &event), common::context_of(&mut of_golden, &event));
    assert_eq!(newer["identities"], known["identities"]);
    assert_eq!(newer["triage"], known["triage"]);
    assert_eq!(newer["response"], known["response"]);
}

/// A word that a later minor version has added reads as an absent fact.
#[test]
fn unknown_codes_are_absent_facts() {
    let mut bytes = golden();
    let (types, row_len) = rows_of(&bytes, section::TYPES);
    for row in types.step_by(row_len) {
        bytes[row..row + 3].copy_from_slice(&[200, 201, 202]);
    }
    let (exposure, row_len) = rows_of(&bytes, section::EXPOSURE);
    for row in exposure.step_by(row_len) {
        bytes[row + 1] = 99;
        bytes[row + 3] = 99;
    }
    let (expectations, row_len) = rows_of(&bytes, section::EXPECTATIONS);
    for row in expectations.step_by(row_len) {
        bytes[row] = 77;
    }
    reseal(&mut bytes);
    let snapshot = open(&bytes).unwrap();
    for row in snapshot.identities() {
        assert_eq!((row.kind(), row.provider(), row.lifecycle_state()), (Kind::Unknown, None, None));
        assert_eq!((row.criticality(), row.privilege_level()), (None, None));
        assert!(row.expectations().all(|expectation| expectation.dimension().is_none()));
    }
    let mut enricher = common::enricher(&bytes);
    let event = common::role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z");
    let context = common::context_of(&mut enricher, &event);
    assert_eq!(context["identities"][0]["outcome"], "matched");
    assert_eq!(context["identities"][0]["kind"], "unknown");
    assert_eq!(context["identities"][0]["provider"], serde_json::Value::Null);
    assert_eq!(context["identities"][0]["behavior"]["verdict"], "no_baseline");
}

#[test]
fn a_newer_major_is_refused_before_anything_else_is_read() {
    let refused = SnapshotError::UnsupportedMajor { found: 2, supported: 1 };
    let mut bytes = golden();
    bytes[8] = 2;
    reseal(&mut bytes);
    assert_eq!(open(&bytes).err(), Some(refused.clone()));
    // Nothing behind the version is looked at: neither lengths nor digests nor alignment.
    for byte in &mut bytes[10..] {
        *byte = 0xFF;
    }
    assert_eq!(Header::parse(&bytes), Err(refused.clone()));
    assert_eq!(open(&bytes).err(), Some(refused.clone()));
    assert_eq!(Header::parse(&bytes[..12]), Err(refused.clone()));
    let unaligned = aligned(&[&[0], bytes.as_slice()].concat());
    assert_eq!(open(&unaligned[1..]).err(), Some(refused));
    bytes[8..10].copy_from_slice(&[0, 0]);
    assert_eq!(open(&bytes).err(), Some(SnapshotError::UnsupportedMajor { found: 0, supported: 1 }));
}

#[test]
fn the_order_of_identities_does_not_matter() {
    let expected = build(&full());
    let mut lcg = Lcg(1);
    for _ in 0..20 {
        let mut inventory = full();
        shuffle(&mut inventory.identities, &mut lcg);
        shuffle(&mut inventory.scopes, &mut lcg);
        shuffle(&mut inventory.networks, &mut lcg);
        for identity in &mut inventory.identities {
            shuffle(&mut identity.credentials, &mut lcg);
            shuffle(&mut identity.behavior, &mut lcg);
            shuffle(&mut identity.environment, &mut lcg);
        }
        assert!(build(&inventory).as_slice() == expected.as_slice(), "other bytes");
    }
    let mut long = many(3000);
    let expected = build(&long);
    shuffle(&mut long.identities, &mut lcg);
    assert!(build(&long).as_slice() == expected.as_slice(), "other bytes");
}

/// Nor does the order of an identity's keys, of which one was valid in two intervals.
#[test]
fn the_order_of_aliases_does_not_matter() {
    let expected = build(&full());
    let mut inventory = full();
    for identity in &mut inventory.identities {
        identity.aliases.reverse();
    }
    assert!(build(&inventory).as_slice() == expected.as_slice(), "other bytes");
}

fn shuffle<T>(list: &mut [T], lcg: &mut Lcg) {
    for at in (1..list.len()).rev() {
        list.swap(at, lcg.below(at + 1));
    }
}

#[test]
fn every_explicit_input_shows_in_the_bytes() {
    let plain = build(&full());
    let changes: [(&str, fn(&mut Meta)); 6] = [
        ("sequence", |meta| meta.sequence += 1),
        ("created", |meta| meta.created_ms += 1),
        ("valid_for", |meta| meta.valid_for_s += 1),
        ("previous", |meta| meta.previous = None),
        ("overlay_of", |meta| meta.overlay_of = Some([7; 32])),
        ("organization", |meta| meta.organization.push('!')),
    ];
    let mut digests = BTreeSet::from([digest(&plain)]);
    for (name, change) in changes {
        let mut inventory = full();
        change(&mut inventory.meta);
        let changed = build(&inventory);
        assert!(digests.insert(digest(&changed)), "{name} does not reach the digest");
        assert_eq!(build(&inventory).as_slice(), changed.as_slice(), "{name}");
    }
    // The digest covers the content, and the content alone moves the index seed.
    let mut inventory = full();
    inventory.meta.sequence += 1;
    let changed = build(&inventory);
    assert_eq!(u64_at(&changed, 112), u64_at(&plain, 112));
    inventory.identities.pop();
    inventory.identities.pop();
    assert_ne!(u64_at(&build(&inventory), 112), u64_at(&plain, 112));
}

#[test]
fn signing_changes_signer_and_signature_only() {
    let (unsigned, signed) = (build(&full()), build_signed(&full(), &SIGNING_SEED));
    assert_eq!(unsigned[..SIGNER_AT], signed[..SIGNER_AT]);
    assert_eq!(unsigned[HEADER_LEN..], signed[HEADER_LEN..]);
    assert_eq!(unsigned[SIGNER_AT..HEADER_LEN], [0; HEADER_LEN - SIGNER_AT]);
    let mut again = signed.clone();
    format::sign(&mut again, &SIGNING_SEED).unwrap();
    assert_eq!(again.as_slice(), signed.as_slice());
}

/// The page on the format says that gaps are zero.
#[test]
fn gaps_are_zero() {
    for bytes in [golden(), build(&many(2000))] {
        let snapshot = open(&bytes).unwrap();
        let mut end = HEADER_LEN + ENTRY_LEN * snapshot.sections().count();
        for entry in snapshot.sections() {
            assert_eq!(entry.offset % 64, 0, "section {}", entry.id);
            assert!(bytes[end..entry.offset as usize].iter().all(|byte| *byte == 0), "in front of section {}", entry.id);
            end = (entry.offset + entry.len) as usize;
        }
        assert_eq!(end, bytes.len());
    }
}

#[test]
fn size_of_a_long_snapshot() {
    const COUNT: usize = 100_000;
    let bytes = build(&many(COUNT));
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.verify(), Ok(()));
    let each = bytes.len() / COUNT;
    println!("{COUNT} identities, {} keys: {} bytes, {each} an identity", snapshot.key_count(), bytes.len());
    for entry in snapshot.sections().filter(|entry| entry.len as usize / COUNT > 0) {
        println!("  section {:2}: {:5.1} bytes an identity", entry.id, entry.len as f64 / COUNT as f64);
    }
    assert!(each <= MOST_BYTES_AN_IDENTITY, "{each} bytes an identity");
    let index = u64_at(&bytes, entry_at(&bytes, section::INDEX) + 16) as usize;
    assert!(index <= 8 * snapshot.key_count() + 64 + 8, "the index takes more than 8 bytes a key: {index}");
}

/// Times are kept to the second, in four states.
#[test]
fn time_codes_are_frozen() {
    assert_eq!([time_code::UNKNOWN, time_code::NOT_TRACKED, time_code::NEVER], [0, 1, 2]);
    assert_eq!([time_code::FIRST_NEVER_SINCE, time_code::FIRST_SECOND], [16, 65_536]);
    let cases = [
        (Time::Unknown, 0, TimeFact::Unknown),
        (Time::NotTracked, 1, TimeFact::NotTracked),
        (Time::Never, 2, TimeFact::Never),
        (Time::At(65_536_000), 65_536, TimeFact::At(65_536_000)),
        // The day on which the states would stand for seconds.
        (Time::At(65_535_999), 0, TimeFact::Unknown),
        (Time::At(-1), 0, TimeFact::Unknown),
        (Time::At(CREATED_MS + 999), 1_773_986_400, TimeFact::At(CREATED_MS)),
        (Time::At(4_294_967_295_000), u32::MAX, TimeFact::At(4_294_967_295_000)),
        (Time::At(i64::MAX), u32::MAX, TimeFact::At(4_294_967_295_000)),
        // The first start of "never since" in the order of the identities.
        (Time::NeverSince(-5), 16, TimeFact::NeverSince(-5)),
        (Time::NeverSince(CREATED_MS + 1), 17, TimeFact::NeverSince(CREATED_MS + 1)),
        (Time::NeverSince(-5), 16, TimeFact::NeverSince(-5)),
    ];
    let identities = cases.iter().enumerate().map(|(number, (time, ..))| Identity {
        last_seen: *time,
        ..Identity::new(&format!("other:x:{number:02}"), "x", Kind::Bot, Provider::Other, "x")
    });
    let bytes = build(&Inventory { identities: identities.collect(), ..Inventory::default() });
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.verify(), Ok(()));
    let (rows, row_len) = rows_of(&bytes, section::IDENTITIES);
    for ((identity, (time, code, expected)), row) in snapshot.identities().zip(cases).zip(rows.step_by(row_len)) {
        assert_eq!(identity.last_seen(), expected, "{time:?}");
        assert_eq!(u32_at(&bytes, row + 20), code, "{time:?}");
    }
}

/// An index of another hash is unreadable, so these values stay as long as major 1 does.
#[test]
fn hash_values_are_frozen() {
    for (seed, key_type, domain, value, expected) in [
        (0, 1, "", "", 0xC53B_C7E3_CB8C_DBEB_u64),
        (7, 1, "", "arn:aws:iam::123456789012:role/ci/deployer", 0x1062_888E_F60A_1CE4),
        (7, 30, "prod-eu", "system:serviceaccount:payments:api", 0x477A_D0B3_A7F1_8D36),
        (u64::MAX, 255, "exactly sixteen.", "exactly eight 8.", 0xC972_1C29_8006_F11D),
        (1, 2, "é", "AROA4EXAMPLE4EXAMPLE4", 0xB785_7C0E_4005_51BB),
    ] {
        let hash = key_hash(seed, key_type, domain.as_bytes(), value.as_bytes());
        assert_eq!(hash, expected, "{seed} {key_type} {domain:?} {value:?}");
    }
}

#[test]
fn vocabulary_codes_are_frozen() {
    macro_rules! frozen {
        ($( $name:ident [ $( $code:literal $text:literal ),+ $(,)? ] )+) => {
            $(
                let expected: &[(u8, &str)] = &[ $( ($code, $text) ),+ ];
                let actual: Vec<(u8, &str)> = $name::ALL.iter().map(|word| (word.code(), word.as_str())).collect();
                assert_eq!(actual, expected, stringify!($name));
                for word in $name::ALL {
                    assert_eq!($name::from_code(word.code()), Some(*word));
                    assert_eq!($name::parse(word.as_str()), Some(*word));
                    assert_eq!(word.to_string(), word.as_str());
                }
                let known = (0..=u8::MAX).filter(|code| $name::from_code(*code).is_some()).count();
                assert_eq!(known, expected.len(), stringify!($name));
                assert_eq!($name::parse("no such word"), None);
            )+
        };
    }
    frozen! {
        Kind [0 "unknown", 1 "service_account", 2 "iam_user", 3 "iam_role", 4 "service_principal", 5 "managed_identity", 6 "oauth_client",
            7 "workload", 8 "ci_job", 9 "bot", 10 "ai_agent", 11 "device", 12 "human"]
        Provider [1 "aws", 2 "k8s", 3 "gcp", 4 "entra", 5 "github", 6 "okta", 7 "vault", 8 "spiffe", 9 "oidc", 10 "other"]
        Role [1 "actor", 2 "effective", 3 "delegator", 4 "via", 5 "target"]
        OutcomeKind [1 "matched", 2 "not_found", 3 "not_found_at_time", 4 "retired", 5 "ambiguous", 6 "out_of_scope"]
        Format [0 "unknown", 1 "aws_cloudtrail", 2 "gcp_audit", 3 "entra_signin", 4 "entra_audit", 5 "msgraph_activity", 6 "azure_activity",
            7 "azure_keyvault", 8 "o365_ual", 9 "k8s_audit", 10 "github_audit", 11 "okta_system_log", 12 "ocsf", 13 "ecs", 14 "mapped"]
        Environment [1 "production", 2 "staging", 3 "test", 4 "development", 5 "other"]
        Criticality [1 "low", 2 "medium", 3 "high", 4 "critical"]
        PrivilegeLevel [1 "none", 2 "read", 3 "write", 4 "admin"]
        LifecycleState [1 "active", 2 "disabled", 3 "dormant", 4 "deprovisioned"]
        OwnerStatus [0 "unknown", 1 "active", 2 "departed"]
        CredentialStatus [0 "unknown", 1 "active", 2 "inactive", 3 "expired", 4 "revoked"]
        Dimension [1 "network", 2 "region", 3 "action", 4 "user_agent", 5 "hours", 6 "workload", 7 "resource"]
        Basis [1 "declared", 2 "observed"]
        Verdict [1 "expected", 2 "unexpected", 3 "no_baseline"]
        Severity [1 "info", 2 "low", 3 "medium", 4 "high", 5 "critical"]
        Priority [1 "info", 2 "low", 3 "medium", 4 "high", 5 "critical"]
        NetworkKind [0 "other", 1 "egress", 2 "office", 3 "cloud", 4 "third_party"]
        LayerKind [1 "shard", 2 "overlay"]
        Integrity [1 "verified", 2 "by_host", 3 "unverified"]
        KeyType [0 "uid", 1 "aws_arn", 2 "aws_principal_id", 3 "aws_access_key_id", 4 "aws_service", 5 "aws_account", 10 "gcp_email",
            11 "gcp_unique_id", 12 "gcp_principal", 13 "gcp_key_id", 14 "gcp_oauth_client_id", 20 "entra_object_id", 21 "entra_app_id",
            22 "entra_key_id", 23 "entra_upn", 24 "email", 30 "k8s_user", 31 "k8s_uid", 40 "github_login", 41 "github_app",
            42 "github_actor_id", 43 "github_token_id", 44 "github_token_hash", 45 "github_oauth_app_id", 50 "okta_id", 51 "okta_client_id",
            52 "okta_token_id", 53 "okta_login", 60 "vault_entity_id", 61 "vault_accessor", 70 "spiffe_id", 71 "oidc_subject"]
    }
}

/// Which key types need a domain, how each is folded, and which are given once only.
#[test]
fn key_rules_are_frozen() {
    use enrich_core::{DomainRule, Fold};
    for key_type in KeyType::ALL {
        let name = key_type.as_str();
        let domain = match name {
            "k8s_user" | "k8s_uid" | "oidc_subject" => DomainRule::Required,
            name if name.starts_with("okta_") || name.starts_with("vault_") => DomainRule::Required,
            name if name.starts_with("github_") => DomainRule::Default("github.com"),
            _ => DomainRule::Global,
        };
        assert_eq!(key_type.domain_rule(), domain, "{name}");
        let fold = match name {
            "aws_service" | "gcp_email" | "email" | "github_login" | "github_app" | "okta_login" => Fold::Lower,
            name if name.starts_with("entra_") => Fold::Lower,
            "spiffe_id" => Fold::TrustDomain,
            _ => Fold::None,
        };
        assert_eq!(key_type.fold(), fold, "{name}");
        let once = ["aws_principal_id", "gcp_unique_id", "entra_object_id", "k8s_uid", "github_actor_id", "okta_id", "vault_entity_id"];
        assert_eq!(key_type.is_unique_id(), once.contains(&name), "{name}");
    }
}

/// The longest key value goes in and is found; one byte more is an error at build.
#[test]
fn the_longest_key_is_found() {
    let longest = format!("arn:aws:iam::{ACCOUNT}:role/{}", "x".repeat(MAX_KEY_VALUE - 31 - ACCOUNT.len() + 6));
    for len in [MAX_KEY_VALUE, MAX_KEY_VALUE + 1] {
        let mut value = longest.clone();
        value.truncate(len.min(longest.len()));
        value.extend(std::iter::repeat_n('y', len - value.len()));
        let mut identity = Identity::new("aws:1:role/x", "x", Kind::IamRole, Provider::Aws, "1");
        identity.aliases = vec![common::inventory::alias(KeyType::AwsArn, &value)];
        let inventory = Inventory { identities: vec![identity], ..Inventory::default() };
        if len > MAX_KEY_VALUE {
            assert!(format::build(&inventory).is_err());
            continue;
        }
        let bytes = build(&inventory);
        let mut found = Vec::new();
        open(&bytes).unwrap().holders(&Key::new(KeyType::AwsArn, "", &value), |candidate| found.push(candidate.identity));
        assert_eq!(found, [0]);
    }
}

/// A snapshot of nothing is a snapshot.
#[test]
fn an_empty_inventory_is_a_snapshot() {
    let bytes = build(&Inventory::default());
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.verify(), Ok(()));
    assert_eq!((snapshot.identity_count(), snapshot.key_count()), (0, 0));
    assert_eq!(snapshot.identities().count() + snapshot.scopes().count() + snapshot.rules().count(), 0);
    let mut enricher = common::enricher(&bytes);
    let event = common::role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z");
    assert_eq!(common::outcome_of(&mut enricher, &event), "out_of_scope");
}
