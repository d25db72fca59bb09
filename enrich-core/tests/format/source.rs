//! Every field of every view, against the model that the file was made of.

use super::*;

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
        assert_eq!(
            stored_aliases(&row),
            expected_aliases(expected),
            "{}",
            expected.uid
        );
    }
}

type PlainAlias = (KeyType, String, String, i64, i64);

fn stored_aliases(row: &IdentityRef<'_>) -> BTreeSet<PlainAlias> {
    row.aliases()
        .map(|alias| {
            let value = alias.parts.concat();
            assert!(
                alias.value_is(&value)
                    && !alias.value_is(&format!("{value}x"))
                    && !alias.value_is("")
            );
            (
                alias.key_type,
                alias.domain.to_owned(),
                value,
                alias.valid_from_ms,
                alias.valid_to_ms,
            )
        })
        .collect()
}

fn expected_aliases(identity: &Identity) -> BTreeSet<PlainAlias> {
    identity
        .aliases
        .iter()
        .map(|alias| {
            let mut buffer = String::new();
            let key =
                Key::canonical(alias.key_type, &alias.domain, &alias.value, &mut buffer).unwrap();
            let ends = alias
                .valid_to_ms
                .unwrap_or(i64::MAX)
                .min(identity.retired_at_ms.unwrap_or(i64::MAX));
            (
                key.key_type,
                key.domain.to_owned(),
                key.value.to_owned(),
                alias.valid_from_ms.unwrap_or(i64::MIN),
                ends,
            )
        })
        .collect()
}

fn distinct_keys(identities: &[Identity]) -> BTreeSet<(KeyType, String, String)> {
    identities
        .iter()
        .flat_map(expected_aliases)
        .map(|(key_type, domain, value, ..)| (key_type, domain, value))
        .collect()
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
    assert_eq!(
        stored.map(|entity| entity.reference),
        expected.map(|entity| entity.reference.as_str())
    );
    assert_eq!(
        stored.and_then(|entity| entity.name),
        expected.and_then(|entity| entity.name.as_deref())
    );
    assert_eq!(
        stored.and_then(|entity| entity.contact),
        expected.and_then(|entity| entity.contact.as_deref())
    );
}

fn same_escalation(stored: Option<EscalationRef<'_>>, expected: Option<&EscalationPolicy>) {
    assert_eq!(
        stored.map(|policy| policy.system),
        expected.map(|policy| policy.system.as_str())
    );
    assert_eq!(
        stored.map(|policy| policy.id),
        expected.map(|policy| policy.id.as_str())
    );
    assert_eq!(
        stored.and_then(|policy| policy.url),
        expected.and_then(|policy| policy.url.as_deref())
    );
}

pub(super) fn same_identity(row: &IdentityRef<'_>, expected: &Identity) {
    let uid = expected.uid.as_str();
    assert_eq!(row.uid().concat(), uid);
    assert_eq!(row.name(), expected.name, "{uid}");
    assert_eq!(
        (row.kind(), row.provider()),
        (expected.kind, Some(expected.provider)),
        "{uid}"
    );
    assert_eq!(row.sub_type().unwrap_or(""), expected.sub_type, "{uid}");
    assert_eq!(row.domain(), expected.domain, "{uid}");
    assert_eq!(row.purpose(), expected.purpose.as_deref(), "{uid}");
    let agent = expected.agent.as_ref();
    assert_eq!(
        row.agent(),
        (
            agent.map(|agent| agent.framework.as_str()),
            agent.map(|agent| agent.parent.as_str())
        ),
        "{uid}"
    );
    let keys = |aliases: BTreeSet<PlainAlias>| {
        aliases
            .into_iter()
            .map(|(key_type, domain, value, ..)| (key_type, domain, value))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        keys(stored_aliases(row)),
        keys(expected_aliases(expected)),
        "{uid}"
    );

    same_entity(
        row.owner(),
        expected.owner.as_ref().map(|owner| &owner.entity),
    );
    assert_eq!(
        row.owner_source(),
        expected.owner.as_ref().map(|owner| owner.source.as_str()),
        "{uid}"
    );
    assert_eq!(
        row.owner_as_of(),
        at(expected.owner.as_ref().and_then(|owner| owner.as_of_ms)),
        "{uid}"
    );
    assert_eq!(
        row.owner_status(),
        expected
            .owner
            .as_ref()
            .map_or(OwnerStatus::Unknown, |owner| owner.status),
        "{uid}"
    );
    same_entity(row.sponsor(), expected.sponsor.as_ref());
    assert!(
        row.secondary_owners()
            .eq(expected.secondary_owners.iter().map(String::as_str)),
        "{uid}"
    );
    assert_eq!(
        (row.service(), row.vendor()),
        (expected.service.as_deref(), expected.vendor.as_deref()),
        "{uid}"
    );

    assert!(
        row.environments().eq(expected.environment.iter().copied()),
        "{uid}"
    );
    assert_eq!(row.criticality(), expected.criticality, "{uid}");
    let privilege = expected.privilege.as_ref();
    assert_eq!(
        row.privilege_tier(),
        privilege.map(|privilege| privilege.tier),
        "{uid}"
    );
    assert_eq!(
        row.privilege_level(),
        privilege.map(|privilege| privilege.level),
        "{uid}"
    );
    assert!(
        row.privilege_basis().eq(privilege
            .map_or(&[][..], |privilege| &privilege.basis)
            .iter()
            .map(String::as_str)),
        "{uid}"
    );
    assert_eq!(
        row.blast_radius().is_some(),
        expected.blast_radius.is_some(),
        "{uid}"
    );
    if let (Some((identities, accounts, environments, teams)), Some(radius)) =
        (row.blast_radius(), &expected.blast_radius)
    {
        assert_eq!((identities, accounts), (radius.identities, radius.accounts));
        assert_eq!(
            environments,
            radius
                .environments
                .iter()
                .fold(0, |mask, word| mask | 1 << word.code())
        );
        assert!(teams.eq(radius.teams.iter().map(String::as_str)));
    }
    assert_eq!(
        row.created_by(),
        expected.lineage.created_by.as_deref(),
        "{uid}"
    );
    assert!(
        row.assumable_by()
            .eq(expected.lineage.assumable_by.iter().map(String::as_str)),
        "{uid}"
    );
    assert!(
        row.can_assume()
            .eq(expected.lineage.can_assume.iter().map(String::as_str)),
        "{uid}"
    );
    assert!(
        row.on_behalf_of()
            .eq(expected.lineage.on_behalf_of.iter().map(String::as_str)),
        "{uid}"
    );
    assert_eq!(
        row.lifecycle_state(),
        Some(expected.lifecycle_state),
        "{uid}"
    );
    assert_eq!(
        (row.created(), row.last_seen()),
        (fact(expected.created), fact(expected.last_seen)),
        "{uid}"
    );
    assert_eq!(row.retired_ms(), expected.retired_at_ms, "{uid}");
    assert!(
        row.workloads()
            .eq(expected.workloads.iter().map(String::as_str)),
        "{uid}"
    );
    same_credentials(row, expected);
    same_behavior(row, expected);
    same_response(row, &expected.response);
    let findings: Vec<_> = row.findings().collect();
    assert_eq!(findings.len(), expected.findings.len(), "{uid}");
    for (row, expected) in findings.iter().zip(&expected.findings) {
        assert_eq!(
            (row.name(), row.owasp(), row.severity()),
            (
                expected.name.as_str(),
                expected.owasp.as_deref(),
                expected.severity
            )
        );
        assert_eq!(row.evidence(), expected.evidence);
        assert_eq!(
            row.exception(),
            expected
                .exception
                .as_ref()
                .map(|(until, reason)| (*until, reason.as_str()))
        );
    }
    let provenance = expected
        .provenance
        .iter()
        .map(|entry| (&*entry.field, &*entry.source, at(entry.observed_ms)));
    assert!(row.provenance().eq(provenance), "{uid}");
    let conflicts = expected
        .conflicts
        .iter()
        .map(|entry| [&*entry.field, &*entry.source, entry.value.as_str()]);
    assert!(row.conflicts().eq(conflicts), "{uid}");
}

fn same_credentials(row: &IdentityRef<'_>, expected: &Identity) {
    let mut sorted = expected.credentials.clone();
    sorted.sort();
    let stored: Vec<_> = row.credentials().collect();
    assert_eq!(stored.len(), sorted.len(), "{}", expected.uid);
    for (row, expected) in stored.iter().zip(&sorted) {
        assert_eq!(
            (row.uid(), row.credential_type()),
            (expected.uid.as_str(), expected.credential_type.as_str())
        );
        assert_eq!(
            (row.created(), row.last_rotated()),
            (fact(expected.created), fact(expected.last_rotated))
        );
        assert_eq!(
            (row.expires(), row.last_used()),
            (fact(expected.expires), fact(expected.last_used))
        );
        assert_eq!(
            (row.status(), row.secret_source()),
            (expected.status, expected.secret_source.as_deref())
        );
        assert_eq!(row.max_age_days(), expected.max_age_days);
    }
}

fn same_behavior(row: &IdentityRef<'_>, expected: &Identity) {
    let mut sorted = expected.behavior.clone();
    sorted.sort();
    let stored: Vec<_> = row.expectations().collect();
    assert_eq!(stored.len(), sorted.len(), "{}", expected.uid);
    for (row, expected) in stored.iter().zip(&sorted) {
        assert_eq!(
            (row.dimension(), row.basis()),
            (Some(expected.dimension), expected.basis)
        );
        assert_eq!(row.evidence(), (expected.window_days, expected.samples));
        assert!(
            row.allowed()
                .eq(expected.allowed.iter().map(String::as_str))
        );
        for hour in 0..168_u8 {
            let allowed = expected
                .hours
                .map(|bits| bits[usize::from(hour) / 8] >> (hour % 8) & 1 == 1);
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
        assert_eq!(
            (row.action(), row.system(), row.team()),
            (
                expected.action.as_str(),
                expected.system.as_str(),
                expected.team.as_str()
            )
        );
        assert_eq!(
            (row.runbook(), row.expected_minutes()),
            (expected.runbook.as_deref(), expected.expected_minutes)
        );
        assert!(row.breaks().eq(expected.breaks.iter().map(String::as_str)));
    }
    same_escalation(row.escalation_policy(), expected.escalation_policy.as_ref());
    assert_eq!(
        (row.context_owner(), row.response_owner()),
        (
            expected.context_owner.as_deref(),
            expected.response_owner.as_deref()
        )
    );
}

#[test]
fn golden_scopes_read_as_their_source() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    let source = full().scopes;
    assert_eq!(snapshot.scopes().count(), source.len());
    for expected in &source {
        let stored = snapshot
            .scope(expected.provider, &expected.domain, &expected.part)
            .expect("the scope is found");
        assert_eq!(
            (stored.provider, stored.domain, stored.part),
            (
                Some(expected.provider),
                expected.domain.as_str(),
                expected.part.as_str()
            )
        );
        assert_eq!(
            (stored.name, stored.is_covered),
            (expected.name.as_deref(), expected.covered)
        );
        same_entity(stored.owner, expected.owner.as_ref());
        same_escalation(
            stored.escalation_policy,
            expected.escalation_policy.as_ref(),
        );
    }
    for (provider, domain, part) in [
        (Provider::Aws, "", ""),
        (Provider::K8s, ACCOUNT, ""),
        (Provider::K8s, "prod-eu", "pay"),
        (Provider::Other, "zzz", ""),
    ] {
        assert!(
            snapshot.scope(provider, domain, part).is_none(),
            "{provider} {domain} {part}"
        );
    }
}

#[test]
fn golden_networks_read_as_their_source() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    for (address, expected) in [
        (
            "198.51.100.7",
            &[
                ("ci-egress", NetworkKind::Egress),
                ("office", NetworkKind::Office),
            ][..],
        ),
        (
            "198.51.100.63",
            &[
                ("ci-egress", NetworkKind::Egress),
                ("office", NetworkKind::Office),
            ],
        ),
        ("198.51.100.64", &[("office", NetworkKind::Office)]),
        ("203.0.113.64", &[("office", NetworkKind::Office)]),
        ("203.0.113.63", &[]),
        ("203.0.113.96", &[]),
        (
            "192.0.2.1",
            &[
                ("partner", NetworkKind::ThirdParty),
                ("anything", NetworkKind::Other),
            ],
        ),
        ("192.0.2.2", &[("anything", NetworkKind::Other)]),
        (
            "2001:db8:10::1",
            &[
                ("ci-egress", NetworkKind::Egress),
                ("cloud", NetworkKind::Cloud),
            ],
        ),
        ("2001:db8:11::1", &[("cloud", NetworkKind::Cloud)]),
        ("2001:db9::1", &[]),
        ("::ffff:198.51.100.200", &[("office", NetworkKind::Office)]),
        ("0.0.0.0", &[]),
        ("255.255.255.255", &[]),
        ("::", &[]),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    ] {
        let found: Vec<_> = snapshot
            .networks_of(address.parse().unwrap())
            .iter()
            .collect();
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
    let mask =
        |codes: &mut dyn Iterator<Item = u8>| codes.fold(0_u32, |mask, code| mask | 1 << code);
    for ((row, expected), raw) in stored
        .iter()
        .zip(&source)
        .zip(bytes[rows].chunks_exact(row_len))
    {
        assert_eq!(
            (row.name(), row.priority(), row.rationale()),
            (
                expected.name.as_str(),
                expected.priority,
                expected.rationale.as_str()
            )
        );
        assert!(
            row.findings()
                .eq(expected.findings.iter().map(String::as_str))
        );
        let words: Vec<u32> = (0..14).map(|word| u32_at(raw, 4 * word)).collect();
        let conditions = [
            mask(&mut expected.outcomes.iter().map(|word| word.code())),
            mask(&mut expected.roles.iter().map(|word| word.code())),
            mask(&mut expected.verdicts.iter().map(|word| word.code())),
            expected.max_tier.map_or(0, |tier| u32::from(tier) + 1),
            expected
                .min_criticality
                .map_or(0, |word| u32::from(word.code())),
            expected
                .min_finding_severity
                .map_or(0, |word| u32::from(word.code())),
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
        expected
            .response
            .revocation
            .sort_by_key(|option| option.expected_minutes);
        // Compared by `aliases_show_every_interval`.
        read.aliases.clear();
        expected.aliases.clear();
        assert_eq!(read, expected);
    }
}
