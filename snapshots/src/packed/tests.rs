//! What was packed comes back.

use super::*;

#[test]
fn numbers_and_texts_come_back() {
    for number in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN, 1_773_986_400_000] {
        assert_eq!(Packed::of(&number).open(), number);
    }
    for number in [0, 127, 128, u64::from(u32::MAX), u64::MAX] {
        assert_eq!(Packed::of(&number).open(), number);
    }
    let value = (
        vec![Some("é".to_owned()), None, Some(String::new())],
        (Time::NeverSince(-7), [7_u8; 21]),
    );
    assert_eq!(Packed::of(&value).open(), value);
}

#[test]
fn words_are_shared_and_texts_are_not() {
    let list: Vec<Cow<'static, str>> = vec![
        Cow::Borrowed("owner"),
        Cow::Owned("owner".to_owned()),
        Cow::Borrowed("behavior.hours"),
    ];
    let sources: Vec<Arc<str>> = vec!["aws".into(), "catalogue".into(), "aws".into()];
    let value = (list, sources);
    let packed = Packed::of(&value);
    // Another thread has not seen the words yet.
    let opened = std::thread::scope(|scope| {
        let open = scope.spawn(|| packed.open());
        open.join().unwrap()
    });
    assert_eq!(opened, value);
    assert!(matches!(opened.0[0], Cow::Borrowed(_)) && matches!(opened.0[1], Cow::Owned(_)));
}

#[test]
fn every_field_of_a_record_comes_back() {
    let text = |of: &str| Some(of.to_owned());
    let list = |of: &str| vec![format!("{of}-1"), format!("{of}-2")];
    let facts = Facts {
        name: text("name"),
        native_kind: Some(Kind::IamRole),
        kind: Some(Kind::CiJob),
        sub_type: text("sub_type"),
        provider: Some(Provider::Gcp),
        domain: text("domain"),
        namespace: text("namespace"),
        purpose: text("purpose"),
        agent: Some(Agent {
            framework: "f".to_owned(),
            parent: "p".to_owned(),
        }),
        owner: text("owner"),
        sponsor: text("sponsor"),
        secondary_owners: list("secondary"),
        service: text("service"),
        vendor: text("vendor"),
        environment: vec![Environment::Staging, Environment::Production],
        criticality: Some(Criticality::High),
        grants: vec![
            Grant::new("g", PrivilegeLevel::Admin, 0).by(Some("administrator")),
            Grant::new("h", PrivilegeLevel::Read, 3),
        ],
        boundary: Some(Grant::new("b", PrivilegeLevel::Write, 1)),
        created_by: text("created_by"),
        assumable_by: list("assumable"),
        can_assume: list("can"),
        unconditioned_trust: list("trust"),
        exposed: list("exposed"),
        weak: list("weak"),
        lifecycle_state: Some(LifecycleState::Disabled),
        retired_at_ms: Some(-5),
        created: Time::At(5),
        last_seen: Time::NotTracked,
        credentials: vec![Credential {
            uid: "c".to_owned(),
            credential_type: "token".to_owned(),
            created: Time::At(1),
            last_rotated: Time::NeverSince(2),
            expires: Time::Never,
            last_used: Time::Unknown,
            status: CredentialStatus::Revoked,
            secret_source: text("place"),
            max_age_days: Some(90),
        }],
        secret_source: text("secret_source"),
        workloads: list("workload"),
        behavior: vec![Expectation {
            dimension: Dimension::Hours,
            allowed: list("allowed"),
            hours: Some([9; 21]),
            basis: Basis::Observed,
            window_days: 30,
            samples: 70_000,
        }],
        escalation_policy: Some(EscalationPolicy {
            system: "pagerduty".to_owned(),
            id: "P1".to_owned(),
            url: text("url"),
        }),
        tags: [("k".to_owned(), "v".to_owned())].into_iter().collect(),
    };
    assert_eq!(Packed::of(&facts).open(), facts);
    assert_eq!(Packed::of(&Facts::default()).open(), Facts::default());
}

#[test]
fn keys_are_read_where_they_stand() {
    let aliases = vec![
        Alias {
            key_type: KeyType::AwsArn,
            domain: String::new(),
            value: "arn:aws:iam::111122223333:role/a".to_owned(),
            valid_from_ms: Some(1),
            valid_to_ms: None,
        },
        Alias {
            key_type: KeyType::K8sUser,
            domain: "prod".to_owned(),
            value: "system:serviceaccount:a:b".to_owned(),
            valid_from_ms: None,
            valid_to_ms: Some(2),
        },
    ];
    let packed = Packed::of(&aliases);
    let ids: Vec<KeyId> = keys(&mut packed.bytes()).map(|key| key.id()).collect();
    assert_eq!(ids, [KeyId::from(&aliases[0]), KeyId::from(&aliases[1])]);
    // Lists compare as those of the aliases do.
    let other = Packed::of(&aliases[1..].to_vec());
    let order = keys(&mut packed.bytes()).cmp(keys(&mut other.bytes()));
    assert_eq!(order, aliases.as_slice().cmp(&aliases[1..]));
}

#[test]
fn what_is_cut_reads_as_empty() {
    let bytes = Packed::of(&(vec!["long enough".to_owned()], Some(7_i64)));
    for len in 0..bytes.bytes().len() {
        let mut rest = &bytes.bytes()[..len];
        let (texts, _) = <(Vec<String>, Option<i64>)>::get(&mut rest);
        assert!(texts.len() <= 1);
    }
}
