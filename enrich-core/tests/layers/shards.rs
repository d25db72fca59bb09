//! Shards side by side.

use super::*;

#[test]
fn shards_answer_side_by_side() {
    let a = base();
    let b = build(&inventory(
        7,
        &[OTHER_ACCOUNT],
        vec![role(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001")],
    ));
    let mut enricher = Enricher::new(common::config());
    let handle_a = attach(&mut enricher, &a).unwrap();
    assert_eq!(
        outcome_of(
            &mut enricher,
            &role_event(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001", NOW)
        ),
        "out_of_scope"
    );
    let handle_b = attach(&mut enricher, &b).unwrap();
    assert_ne!(handle_a, handle_b);

    let context = context_of(&mut enricher, &deployer_event());
    assert_eq!(
        first(&context)["uid"],
        format!("aws:{ACCOUNT}:role/ci/deployer")
    );
    assert_eq!(context["snapshot"]["id"], format!("shard-{ACCOUNT}-1"));
    let context = context_of(
        &mut enricher,
        &role_event(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001", NOW),
    );
    assert_eq!(
        first(&context)["uid"],
        format!("aws:{OTHER_ACCOUNT}:role/ci/deployer")
    );
    assert_eq!(
        context["snapshot"]["id"],
        format!("shard-{OTHER_ACCOUNT}-7"),
        "the snapshot that answered is named"
    );
    let digests: Vec<String> = [&a, &b]
        .iter()
        .map(|bytes| format!("blake3:{}", hex(&digest(bytes))))
        .collect();
    assert_eq!(context["snapshot"]["digest"], digests[1]);
    assert_eq!(context["snapshot"]["layers"], json!(digests));

    // Each covers its account, and only that.
    for (account, outcome) in [
        (ACCOUNT, "not_found"),
        (OTHER_ACCOUNT, "not_found"),
        ("777788889999", "out_of_scope"),
    ] {
        assert_eq!(
            outcome_of(
                &mut enricher,
                &role_event(account, "nobody", "AROANOBODY0000000001", NOW)
            ),
            outcome
        );
    }
    enricher.detach(handle_a).unwrap();
    assert_eq!(outcome_of(&mut enricher, &deployer_event()), "out_of_scope");
    let context = context_of(
        &mut enricher,
        &role_event(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001", NOW),
    );
    assert_eq!(
        first(&context)["outcome"],
        "matched",
        "the other shard goes on"
    );
    assert_eq!(
        context["snapshot"]["layers"],
        Value::Null,
        "one layer needs no list"
    );
    enricher.detach(handle_b).unwrap();
    let line = deployer_event();
    assert_eq!(
        enricher.enrich(line.as_bytes()),
        line.as_bytes(),
        "without a snapshot nothing is added"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_key_in_two_shards_is_ambiguous() {
    let a = base();
    let mut twin = deployer();
    twin.uid = "aws:copy:role/ci/deployer".to_owned();
    let b = build(&inventory(1, &[OTHER_ACCOUNT], vec![twin]));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &a).unwrap();
    let second = attach(&mut enricher, &b).unwrap();
    let context = context_of(&mut enricher, &deployer_event());
    let identity = first(&context);
    assert_eq!(identity["outcome"], "ambiguous");
    assert_eq!(identity["candidate_count"], 2);
    let uids: Vec<&str> = identity["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|candidate| candidate["uid"].as_str().unwrap())
        .collect();
    assert_eq!(
        uids,
        [
            format!("aws:{ACCOUNT}:role/ci/deployer").as_str(),
            "aws:copy:role/ci/deployer"
        ]
    );
    assert_eq!(identity["uid"], Value::Null, "no candidate is preferred");
    enricher.detach(second).unwrap();
    assert_eq!(outcome_of(&mut enricher, &deployer_event()), "matched");
}

/// The time decides between shards as it does inside one.
#[test]
fn a_key_in_two_shards_at_different_times_is_not() {
    let moved_ms = CREATED_MS - 86_400_000;
    let holder = |uid: &str, from, to| {
        let mut identity = Identity::new(uid, uid, Kind::IamUser, Provider::Aws, ACCOUNT);
        identity.aliases = vec![alias_during(
            KeyType::AwsAccessKeyId,
            "AKIAMOVED00000000001",
            from,
            to,
        )];
        identity
    };
    let a = build(&inventory(
        1,
        &[ACCOUNT],
        vec![holder("aws:a:user/a", None, Some(moved_ms))],
    ));
    let b = build(&inventory(
        1,
        &[OTHER_ACCOUNT],
        vec![holder("aws:b:user/b", Some(moved_ms), None)],
    ));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &a).unwrap();
    attach(&mut enricher, &b).unwrap();
    for (time, uid) in [
        ("2026-03-19T05:59:59.999Z", "aws:a:user/a"),
        ("2026-03-19T06:00:00Z", "aws:b:user/b"),
    ] {
        let context = context_of(
            &mut enricher,
            &user_event(ACCOUNT, "x", "", "AKIAMOVED00000000001", time),
        );
        assert_eq!(first(&context)["uid"], uid, "{time}");
    }
}

/// Layers of different providers: each answers for its own.
#[test]
fn a_cluster_beside_an_account() {
    let aws = base();
    let mut sa = Identity::new(
        "k8s:prod-eu:sa/payments/api",
        "api",
        Kind::ServiceAccount,
        Provider::K8s,
        CLUSTER,
    );
    sa.aliases = vec![alias_in(
        KeyType::K8sUser,
        CLUSTER,
        "system:serviceaccount:payments:api",
    )];
    let mut k8s = inventory(1, &[], vec![sa]);
    k8s.scopes = vec![scope(Provider::K8s, CLUSTER)];
    let k8s = build(&k8s);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &aws).unwrap();
    let event = k8s_event("system:serviceaccount:payments:api", "", "payments", NOW);
    assert_eq!(outcome_of(&mut enricher, &event), "out_of_scope");
    attach(&mut enricher, &k8s).unwrap();
    assert_eq!(outcome_of(&mut enricher, &event), "matched");
    assert_eq!(outcome_of(&mut enricher, &deployer_event()), "matched");
    assert_eq!(
        outcome_of(&mut enricher, &k8s_event("jane", "", "payments", NOW)),
        "not_found"
    );
}

/// A long sequence of attaching and detaching, against a list of what should be there.
#[test]
fn attach_and_detach_in_any_order() {
    let accounts: Vec<String> = (0..8)
        .map(|number| format!("{:012}", 100 + number))
        .collect();
    let shards: Vec<Aligned> = accounts
        .iter()
        .map(|account| {
            build(&inventory(
                1,
                &[account],
                vec![role(
                    account,
                    "x",
                    &format!("AROAANYORDER{}", &account[4..]),
                )],
            ))
        })
        .collect();
    let mut enricher = Enricher::new(common::config());
    let mut attached: Vec<(usize, enrich_core::LayerHandle)> = Vec::new();
    let mut lcg = common::Lcg(8);
    let mut used = Vec::new();
    for step in 0..400 {
        let shard = lcg.below(shards.len());
        match attached.iter().position(|(number, _)| *number == shard) {
            Some(at) => {
                let (_, handle) = attached.remove(at);
                enricher.detach(handle).unwrap();
                assert_eq!(
                    enricher.detach(handle).unwrap_err(),
                    SnapshotError::UnknownHandle {
                        handle: handle.number()
                    }
                );
            }
            None => {
                let handle = attach(&mut enricher, &shards[shard]).unwrap();
                assert!(!used.contains(&handle), "a handle is not given twice");
                used.push(handle);
                attached.push((shard, handle));
            }
        }
        if attached.is_empty() {
            continue;
        }
        for (number, account) in accounts.iter().enumerate() {
            let event = role_event(account, "x", &format!("AROAANYORDER{}", &account[4..]), NOW);
            let expected = if attached.iter().any(|(shard, _)| *shard == number) {
                "matched"
            } else {
                "out_of_scope"
            };
            assert_eq!(outcome_of(&mut enricher, &event), expected, "step {step}");
        }
    }
}
