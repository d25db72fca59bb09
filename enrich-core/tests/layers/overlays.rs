//! Overlays above their base.

use super::*;

fn overlay_over(base: &[u8], sequence: u64, identities: Vec<Identity>) -> Inventory {
    let mut inventory = inventory(sequence, &[ACCOUNT], identities);
    inventory.meta.id = format!("overlay-{sequence}");
    inventory.meta.overlay_of = Some(digest(base));
    inventory
}

#[test]
fn an_overlay_replaces_whole_identities() {
    let base = base();
    // Another owner, and no access key any more.
    let mut replaced = role(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001");
    replaced.owner = Some(owner("group:default/release"));
    replaced.purpose = Some("replaced".to_owned());
    let overlay = build(&overlay_over(&base, 2, vec![replaced]));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    let access_key = user_event(ACCOUNT, "nobody", "", "AKIADEPLOYER00000001", NOW);
    assert_eq!(outcome_of(&mut enricher, &access_key), "matched");

    let top = attach(&mut enricher, &overlay).unwrap();
    let context = context_of(&mut enricher, &deployer_event());
    assert_eq!(first(&context)["outcome"], "matched");
    assert_eq!(first(&context)["owner"]["ref"], "group:default/release");
    assert_eq!(first(&context)["purpose"], "replaced");
    assert_eq!(context["snapshot"]["id"], "overlay-2");
    assert_eq!(
        outcome_of(&mut enricher, &access_key),
        "not_found",
        "keys that the overlay does not give are gone"
    );
    let context = context_of(&mut enricher, &worker_event());
    assert_eq!(
        first(&context)["outcome"],
        "matched",
        "what the overlay does not name is that of the base"
    );
    assert_eq!(context["snapshot"]["id"], format!("shard-{ACCOUNT}-1"));

    enricher.detach(top).unwrap();
    assert_eq!(
        first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"],
        "group:default/platform"
    );
    assert_eq!(outcome_of(&mut enricher, &access_key), "matched");
}

#[test]
fn an_overlay_adds_identities() {
    let base = base();
    let overlay = build(&overlay_over(
        &base,
        2,
        vec![role(ACCOUNT, "new", "AROANEW0000000000001")],
    ));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    let event = role_event(ACCOUNT, "new", "AROANEW0000000000001", NOW);
    assert_eq!(outcome_of(&mut enricher, &event), "not_found");
    attach(&mut enricher, &overlay).unwrap();
    for event in [event, deployer_event(), worker_event()] {
        assert_eq!(outcome_of(&mut enricher, &event), "matched");
    }
}

#[test]
fn an_overlay_is_a_tombstone_for_identities() {
    let base = base();
    let mut gone = deployer();
    gone.retired_at_ms = Some(CREATED_MS - 7_200_000);
    gone.lifecycle_state = LifecycleState::Deprovisioned;
    let overlay = build(&overlay_over(&base, 2, vec![gone]));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    attach(&mut enricher, &overlay).unwrap();
    let context = context_of(&mut enricher, &deployer_event());
    assert_eq!(first(&context)["outcome"], "retired");
    assert_eq!(
        first(&context)["uid"],
        format!("aws:{ACCOUNT}:role/ci/deployer")
    );
    assert_eq!(first(&context)["retired"], "2026-03-20T04:00:00Z");
    let before = role_event(
        ACCOUNT,
        "ci/deployer",
        "AROADEPLOYER00000001",
        "2026-03-20T03:59:59Z",
    );
    assert_eq!(
        outcome_of(&mut enricher, &before),
        "matched",
        "it was there then"
    );
}

#[test]
fn an_overlay_is_a_tombstone_for_keys() {
    let base = base();
    let mut inventory = overlay_over(&base, 2, Vec::new());
    inventory.removed_keys = vec![
        alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001"),
        alias(KeyType::AwsAccessKeyId, "AKIANEVERKNOWN000001"),
    ];
    let overlay = build(&inventory);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    attach(&mut enricher, &overlay).unwrap();
    assert_eq!(
        outcome_of(
            &mut enricher,
            &user_event(ACCOUNT, "nobody", "", "AKIADEPLOYER00000001", NOW)
        ),
        "not_found"
    );
    assert_eq!(
        outcome_of(
            &mut enricher,
            &user_event(ACCOUNT, "nobody", "", "AKIANEVERKNOWN000001", NOW)
        ),
        "not_found"
    );
    assert_eq!(
        outcome_of(&mut enricher, &deployer_event()),
        "matched",
        "its other keys still lead to it"
    );
}

/// A removed key in front of the identity that holds it now: the overlay's holder is the only one.
#[test]
fn an_overlay_moves_a_key() {
    let base = base();
    let mut heir = role(ACCOUNT, "heir", "AROAHEIR000000000001");
    heir.aliases
        .push(alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001"));
    let mut inventory = overlay_over(&base, 2, vec![heir]);
    inventory.removed_keys = vec![alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001")];
    let overlay = build(&inventory);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    attach(&mut enricher, &overlay).unwrap();
    let context = context_of(
        &mut enricher,
        &user_event(ACCOUNT, "nobody", "", "AKIADEPLOYER00000001", NOW),
    );
    assert_eq!(first(&context)["outcome"], "matched", "{context}");
    assert_eq!(first(&context)["uid"], format!("aws:{ACCOUNT}:role/heir"));
}

/// Overlays with identities, and with nothing but removed keys, are consistent files.
#[test]
fn overlays_verify() {
    let base = base();
    let mut with_both = overlay_over(&base, 2, vec![worker()]);
    with_both.removed_keys = vec![alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001")];
    assert_eq!(open(&build(&with_both)).unwrap().verify(), Ok(()));
    let mut keys_only = overlay_over(&base, 3, Vec::new());
    keys_only.removed_keys = vec![alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001")];
    assert_eq!(open(&build(&keys_only)).unwrap().verify(), Ok(()));
}

#[test]
fn overlays_stand_on_overlays() {
    let base = base();
    let owned_by = |reference: &str| {
        let mut identity = deployer();
        identity.owner = Some(owner(reference));
        identity
    };
    let middle = build(&overlay_over(
        &base,
        2,
        vec![
            owned_by("group:default/middle"),
            role(ACCOUNT, "mid", "AROAMIDDLE0000000001"),
        ],
    ));
    let mut top = overlay_over(&middle, 3, vec![owned_by("group:default/top")]);
    top.removed_keys = vec![
        alias(KeyType::AwsPrincipalId, "AROAMIDDLE0000000001"),
        alias(KeyType::AwsArn, &format!("arn:aws:iam::{ACCOUNT}:role/mid")),
    ];
    let top = build(&top);

    let mut enricher = Enricher::new(common::config());
    let bottom_handle = attach(&mut enricher, &base).unwrap();
    let middle_handle = attach(&mut enricher, &middle).unwrap();
    let mid_event = role_event(ACCOUNT, "mid", "AROAMIDDLE0000000001", NOW);
    assert_eq!(outcome_of(&mut enricher, &mid_event), "matched");
    let top_handle = attach(&mut enricher, &top).unwrap();
    assert_eq!(
        first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"],
        "group:default/top"
    );
    assert_eq!(outcome_of(&mut enricher, &mid_event), "not_found");
    assert_eq!(outcome_of(&mut enricher, &worker_event()), "matched");

    let in_use = |handle: enrich_core::LayerHandle| SnapshotError::BaseInUse {
        handle: handle.number(),
    };
    assert_eq!(
        enricher.detach(bottom_handle).unwrap_err(),
        in_use(bottom_handle)
    );
    assert_eq!(
        enricher.detach(middle_handle).unwrap_err(),
        in_use(middle_handle)
    );
    enricher.detach(top_handle).unwrap();
    assert_eq!(
        first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"],
        "group:default/middle"
    );
    enricher.detach(middle_handle).unwrap();
    assert_eq!(
        first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"],
        "group:default/platform"
    );
    enricher.detach(bottom_handle).unwrap();
}

/// While a base with overlays takes the place of the same base with others, it is there twice.
#[test]
fn a_base_that_is_there_twice_can_go_once() {
    let base = base();
    let overlay = build(&overlay_over(&base, 2, Vec::new()));
    let mut enricher = Enricher::new(common::config());
    let old = attach(&mut enricher, &base).unwrap();
    let new = attach(&mut enricher, &base).unwrap();
    let above = attach(&mut enricher, &overlay).unwrap();
    enricher.detach(old).unwrap();
    assert!(enricher.detach(new).is_err());
    assert!(enricher.layers().eq([new, above]));
}

/// An overlay changes its base and no other shard, even where uids and keys are the same.
#[test]
fn an_overlay_leaves_other_shards_alone() {
    let base = base();
    let other = build(&inventory(1, &[OTHER_ACCOUNT], vec![worker()]));
    let mut overlay = overlay_over(&base, 2, Vec::new());
    overlay.removed_keys = worker().aliases;
    let overlay = build(&overlay);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2]] {
        let mut enricher = Enricher::new(common::config());
        for number in order {
            attach(
                &mut enricher,
                [&base, &overlay, &other][match number {
                    0 => 0,
                    1 => 2,
                    _ => 1,
                }],
            )
            .unwrap();
        }
        let context = context_of(&mut enricher, &worker_event());
        assert_eq!(
            first(&context)["outcome"],
            "matched",
            "{order:?}: the base's is gone, the other shard's is not"
        );
        assert_eq!(
            context["snapshot"]["id"],
            format!("shard-{OTHER_ACCOUNT}-1")
        );
    }
}

#[test]
fn overlays_have_lines_of_their_own() {
    let base = build(&inventory(100, &[ACCOUNT], vec![deployer()]));
    let overlay = |sequence| build(&overlay_over(&base, sequence, Vec::new()));
    let (first, second, older) = (overlay(2), overlay(3), overlay(1));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    attach(&mut enricher, &first).expect("an overlay's sequence is not that of its base");
    attach(&mut enricher, &second).unwrap();
    assert_eq!(
        attach(&mut enricher, &older).unwrap_err(),
        SnapshotError::Rollback {
            found: 1,
            attached: 3
        }
    );
}

#[test]
fn scope_owners_come_from_the_newest_layer() {
    let with_owner = |inventory: &mut Inventory, reference: &str| {
        inventory.scopes[0].owner = Some(EntityRef {
            reference: reference.to_owned(),
            name: None,
            contact: None,
        });
    };
    let mut below = inventory(1, &[ACCOUNT], vec![deployer()]);
    with_owner(&mut below, "group:default/below");
    let below = build(&below);
    let mut above = overlay_over(&below, 2, Vec::new());
    with_owner(&mut above, "group:default/above");
    let above = build(&above);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &below).unwrap();
    let event = role_event(ACCOUNT, "nobody", "AROANOBODY0000000001", NOW);
    assert_eq!(
        first(&context_of(&mut enricher, &event))["scope_owner"]["ref"],
        "group:default/below"
    );
    let handle = attach(&mut enricher, &above).unwrap();
    let context = context_of(&mut enricher, &event);
    assert_eq!(first(&context)["scope_owner"]["ref"], "group:default/above");
    assert_eq!(
        context["response"]["response_owner"], "group:default/above",
        "no alert is nobody's"
    );
    enricher.detach(handle).unwrap();
    assert_eq!(
        first(&context_of(&mut enricher, &event))["scope_owner"]["ref"],
        "group:default/below"
    );
}

/// An overlay that says nothing about a scope does not hide its owner.
#[test]
fn an_overlay_without_scope_owner_hides_none() {
    let mut below = inventory(1, &[ACCOUNT], vec![deployer()]);
    below.scopes[0].owner = Some(EntityRef {
        reference: "group:default/below".to_owned(),
        name: None,
        contact: None,
    });
    let below = build(&below);
    let above = build(&overlay_over(&below, 2, vec![worker()]));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &below).unwrap();
    attach(&mut enricher, &above).unwrap();
    let context = context_of(
        &mut enricher,
        &role_event(ACCOUNT, "nobody", "AROANOBODY0000000001", NOW),
    );
    assert_eq!(first(&context)["scope_owner"]["ref"], "group:default/below");
}
