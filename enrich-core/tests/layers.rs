//! Shards side by side, overlays above their base, generations one after the other.

mod common;

use common::inventory::{ACCOUNT, CREATED_MS, alias, alias_during, alias_in, meta, role, scope};
use common::{Aligned, CLUSTER, SIGNING_SEED, attach, build, build_signed, context_of, digest, k8s_event, open, outcome_of, public_key, role_event, user_event};
use enrich_core::vocabulary::{Kind, LifecycleState, Provider};
use enrich_core::{Check, Enricher, KeyType, SnapshotError, Trust};
use serde_json::{Value, json};
use snapshots::model::*;

const OTHER_ACCOUNT: &str = "444455556666";
const NOW: &str = "2026-03-20T05:00:00Z";

fn owner(reference: &str) -> Owner {
    Owner {
        entity: EntityRef { reference: reference.to_owned(), name: None, contact: None },
        source: "test".to_owned(),
        as_of_ms: None,
        status: enrich_core::vocabulary::OwnerStatus::Active,
    }
}

fn inventory(sequence: u64, accounts: &[&str], identities: Vec<Identity>) -> Inventory {
    Inventory {
        meta: Meta { id: format!("shard-{}-{sequence}", accounts.join("-")), ..meta("Layers Inc.", sequence) },
        identities,
        scopes: accounts.iter().map(|account| scope(Provider::Aws, account)).collect(),
        ..Inventory::default()
    }
}

fn overlay_over(base: &[u8], sequence: u64, identities: Vec<Identity>) -> Inventory {
    let mut inventory = inventory(sequence, &[ACCOUNT], identities);
    inventory.meta.id = format!("overlay-{sequence}");
    inventory.meta.overlay_of = Some(digest(base));
    inventory
}

fn deployer() -> Identity {
    let mut identity = role(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001");
    identity.aliases.push(alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001"));
    identity.owner = Some(owner("group:default/platform"));
    identity
}

fn worker() -> Identity {
    role(ACCOUNT, "shop/worker", "AROAWORKER0000000001")
}

fn base() -> Aligned {
    build(&inventory(1, &[ACCOUNT], vec![deployer(), worker()]))
}

fn deployer_event() -> String {
    role_event(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001", NOW)
}

fn worker_event() -> String {
    role_event(ACCOUNT, "shop/worker", "AROAWORKER0000000001", NOW)
}

fn first(context: &Value) -> &Value {
    &context["identities"][0]
}

#[test]
fn shards_answer_side_by_side() {
    let a = base();
    let b = build(&inventory(7, &[OTHER_ACCOUNT], vec![role(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001")]));
    let mut enricher = Enricher::new(common::config());
    let handle_a = attach(&mut enricher, &a).unwrap();
    assert_eq!(outcome_of(&mut enricher, &role_event(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001", NOW)), "out_of_scope");
    let handle_b = attach(&mut enricher, &b).unwrap();
    assert_ne!(handle_a, handle_b);

    let context = context_of(&mut enricher, &deployer_event());
    assert_eq!(first(&context)["uid"], format!("aws:{ACCOUNT}:role/ci/deployer"));
    assert_eq!(context["snapshot"]["id"], format!("shard-{ACCOUNT}-1"));
    let context = context_of(&mut enricher, &role_event(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001", NOW));
    assert_eq!(first(&context)["uid"], format!("aws:{OTHER_ACCOUNT}:role/ci/deployer"));
    assert_eq!(context["snapshot"]["id"], format!("shard-{OTHER_ACCOUNT}-7"), "the snapshot that answered is named");
    let digests: Vec<String> = [&a, &b].iter().map(|bytes| format!("blake3:{}", hex(&digest(bytes)))).collect();
    assert_eq!(context["snapshot"]["digest"], digests[1]);
    assert_eq!(context["snapshot"]["layers"], json!(digests));

    // Each covers its account, and only that.
    for (account, outcome) in [(ACCOUNT, "not_found"), (OTHER_ACCOUNT, "not_found"), ("777788889999", "out_of_scope")] {
        assert_eq!(outcome_of(&mut enricher, &role_event(account, "nobody", "AROANOBODY0000000001", NOW)), outcome);
    }
    enricher.detach(handle_a).unwrap();
    assert_eq!(outcome_of(&mut enricher, &deployer_event()), "out_of_scope");
    let context = context_of(&mut enricher, &role_event(OTHER_ACCOUNT, "ci/deployer", "AROAOTHER00000000001", NOW));
    assert_eq!(first(&context)["outcome"], "matched", "the other shard goes on");
    assert_eq!(context["snapshot"]["layers"], Value::Null, "one layer needs no list");
    enricher.detach(handle_b).unwrap();
    let line = deployer_event();
    assert_eq!(enricher.enrich(line.as_bytes()), line.as_bytes(), "without a snapshot nothing is added");
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
    let uids: Vec<&str> = identity["candidates"].as_array().unwrap().iter().map(|candidate| candidate["uid"].as_str().unwrap()).collect();
    assert_eq!(uids, [format!("aws:{ACCOUNT}:role/ci/deployer").as_str(), "aws:copy:role/ci/deployer"]);
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
        identity.aliases = vec![alias_during(KeyType::AwsAccessKeyId, "AKIAMOVED00000000001", from, to)];
        identity
    };
    let a = build(&inventory(1, &[ACCOUNT], vec![holder("aws:a:user/a", None, Some(moved_ms))]));
    let b = build(&inventory(1, &[OTHER_ACCOUNT], vec![holder("aws:b:user/b", Some(moved_ms), None)]));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &a).unwrap();
    attach(&mut enricher, &b).unwrap();
    for (time, uid) in [("2026-03-19T05:59:59.999Z", "aws:a:user/a"), ("2026-03-19T06:00:00Z", "aws:b:user/b")] {
        let context = context_of(&mut enricher, &user_event(ACCOUNT, "x", "", "AKIAMOVED00000000001", time));
        assert_eq!(first(&context)["uid"], uid, "{time}");
    }
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
    assert_eq!(outcome_of(&mut enricher, &access_key), "not_found", "keys that the overlay does not give are gone");
    let context = context_of(&mut enricher, &worker_event());
    assert_eq!(first(&context)["outcome"], "matched", "what the overlay does not name is that of the base");
    assert_eq!(context["snapshot"]["id"], format!("shard-{ACCOUNT}-1"));

    enricher.detach(top).unwrap();
    assert_eq!(first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"], "group:default/platform");
    assert_eq!(outcome_of(&mut enricher, &access_key), "matched");
}

#[test]
fn an_overlay_adds_identities() {
    let base = base();
    let overlay = build(&overlay_over(&base, 2, vec![role(ACCOUNT, "new", "AROANEW0000000000001")]));
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
    assert_eq!(first(&context)["uid"], format!("aws:{ACCOUNT}:role/ci/deployer"));
    assert_eq!(first(&context)["retired"], "2026-03-20T04:00:00Z");
    let before = role_event(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001", "2026-03-20T03:59:59Z");
    assert_eq!(outcome_of(&mut enricher, &before), "matched", "it was there then");
}

#[test]
fn an_overlay_is_a_tombstone_for_keys() {
    let base = base();
    let mut inventory = overlay_over(&base, 2, Vec::new());
    inventory.removed_keys = vec![alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001"), alias(KeyType::AwsAccessKeyId, "AKIANEVERKNOWN000001")];
    let overlay = build(&inventory);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    attach(&mut enricher, &overlay).unwrap();
    assert_eq!(outcome_of(&mut enricher, &user_event(ACCOUNT, "nobody", "", "AKIADEPLOYER00000001", NOW)), "not_found");
    assert_eq!(outcome_of(&mut enricher, &user_event(ACCOUNT, "nobody", "", "AKIANEVERKNOWN000001", NOW)), "not_found");
    assert_eq!(outcome_of(&mut enricher, &deployer_event()), "matched", "its other keys still lead to it");
}

/// A removed key in front of the identity that holds it now: the overlay's holder is the only one.
#[test]
fn an_overlay_moves_a_key() {
    let base = base();
    let mut heir = role(ACCOUNT, "heir", "AROAHEIR000000000001");
    heir.aliases.push(alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001"));
    let mut inventory = overlay_over(&base, 2, vec![heir]);
    inventory.removed_keys = vec![alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001")];
    let overlay = build(&inventory);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    attach(&mut enricher, &overlay).unwrap();
    let context = context_of(&mut enricher, &user_event(ACCOUNT, "nobody", "", "AKIADEPLOYER00000001", NOW));
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
    let middle = build(&overlay_over(&base, 2, vec![owned_by("group:default/middle"), role(ACCOUNT, "mid", "AROAMIDDLE0000000001")]));
    let mut top = overlay_over(&middle, 3, vec![owned_by("group:default/top")]);
    top.removed_keys = vec![alias(KeyType::AwsPrincipalId, "AROAMIDDLE0000000001"), alias(KeyType::AwsArn, &format!("arn:aws:iam::{ACCOUNT}:role/mid"))];
    let top = build(&top);

    let mut enricher = Enricher::new(common::config());
    let bottom_handle = attach(&mut enricher, &base).unwrap();
    let middle_handle = attach(&mut enricher, &middle).unwrap();
    let mid_event = role_event(ACCOUNT, "mid", "AROAMIDDLE0000000001", NOW);
    assert_eq!(outcome_of(&mut enricher, &mid_event), "matched");
    let top_handle = attach(&mut enricher, &top).unwrap();
    assert_eq!(first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"], "group:default/top");
    assert_eq!(outcome_of(&mut enricher, &mid_event), "not_found");
    assert_eq!(outcome_of(&mut enricher, &worker_event()), "matched");

    let in_use = |handle: enrich_core::LayerHandle| SnapshotError::BaseInUse { handle: handle.number() };
    assert_eq!(enricher.detach(bottom_handle).unwrap_err(), in_use(bottom_handle));
    assert_eq!(enricher.detach(middle_handle).unwrap_err(), in_use(middle_handle));
    enricher.detach(top_handle).unwrap();
    assert_eq!(first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"], "group:default/middle");
    enricher.detach(middle_handle).unwrap();
    assert_eq!(first(&context_of(&mut enricher, &deployer_event()))["owner"]["ref"], "group:default/platform");
    enricher.detach(bottom_handle).unwrap();
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
            attach(&mut enricher, [&base, &overlay, &other][match number { 0 => 0, 1 => 2, _ => 1 }]).unwrap();
        }
        let context = context_of(&mut enricher, &worker_event());
        assert_eq!(first(&context)["outcome"], "matched", "{order:?}: the base's is gone, the other shard's is not");
        assert_eq!(context["snapshot"]["id"], format!("shard-{OTHER_ACCOUNT}-1"));
    }
}

#[test]
fn rollback_is_refused_within_a_line_only() {
    let shard = |sequence, accounts: &[&str]| build(&inventory(sequence, accounts, vec![deployer()]));
    let attached = shard(5, &[ACCOUNT]);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &attached).unwrap();
    let rollback = |found| Err(SnapshotError::Rollback { found, attached: 5 });
    let (older, older_and_wider) = (shard(4, &[ACCOUNT]), shard(0, &[ACCOUNT, OTHER_ACCOUNT]));
    assert_eq!(attach(&mut enricher, &older).map(|_| ()), rollback(4));
    assert_eq!(attach(&mut enricher, &older_and_wider).map(|_| ()), rollback(0), "one scope in common");
    let elsewhere = shard(4, &[OTHER_ACCOUNT]);
    let handle = attach(&mut enricher, &elsewhere).expect("other scopes count for themselves");
    enricher.detach(handle).unwrap();
    let mut stranger = inventory(4, &[ACCOUNT], Vec::new());
    stranger.meta.organization = "Somebody Else".to_owned();
    let stranger = build(&stranger);
    let handle = attach(&mut enricher, &stranger).expect("another organisation counts for itself");
    enricher.detach(handle).unwrap();
    // A scope of which only the owner is known is not what a line is about.
    let mut not_covered = inventory(4, &[ACCOUNT], Vec::new());
    not_covered.scopes[0].covered = false;
    let not_covered = build(&not_covered);
    let handle = attach(&mut enricher, &not_covered).expect("nothing covered in common");
    enricher.detach(handle).unwrap();
    let same = shard(5, &[ACCOUNT]);
    let handle = attach(&mut enricher, &same).expect("the same sequence is no rollback");
    enricher.detach(handle).unwrap();
    let newer = shard(6, &[ACCOUNT]);
    attach(&mut enricher, &newer).expect("newer");
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
    assert_eq!(attach(&mut enricher, &older).unwrap_err(), SnapshotError::Rollback { found: 1, attached: 3 });
}

#[test]
fn scope_owners_come_from_the_newest_layer() {
    let with_owner = |inventory: &mut Inventory, reference: &str| {
        inventory.scopes[0].owner = Some(EntityRef { reference: reference.to_owned(), name: None, contact: None });
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
    assert_eq!(first(&context_of(&mut enricher, &event))["scope_owner"]["ref"], "group:default/below");
    let handle = attach(&mut enricher, &above).unwrap();
    let context = context_of(&mut enricher, &event);
    assert_eq!(first(&context)["scope_owner"]["ref"], "group:default/above");
    assert_eq!(context["response"]["response_owner"], "group:default/above", "no alert is nobody's");
    enricher.detach(handle).unwrap();
    assert_eq!(first(&context_of(&mut enricher, &event))["scope_owner"]["ref"], "group:default/below");
}

/// An overlay that says nothing about a scope does not hide its owner.
#[test]
fn an_overlay_without_scope_owner_hides_none() {
    let mut below = inventory(1, &[ACCOUNT], vec![deployer()]);
    below.scopes[0].owner = Some(EntityRef { reference: "group:default/below".to_owned(), name: None, contact: None });
    let below = build(&below);
    let above = build(&overlay_over(&below, 2, vec![worker()]));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &below).unwrap();
    attach(&mut enricher, &above).unwrap();
    let context = context_of(&mut enricher, &role_event(ACCOUNT, "nobody", "AROANOBODY0000000001", NOW));
    assert_eq!(first(&context)["scope_owner"]["ref"], "group:default/below");
}

#[test]
fn the_output_says_how_the_bytes_were_checked() {
    let signed = build_signed(&inventory(1, &[ACCOUNT], vec![deployer()]), &SIGNING_SEED);
    let unsigned = base();
    let mut trusting = common::config();
    trusting.trust = Trust::new(vec![public_key(&SIGNING_SEED)]);
    for (config, bytes, check, word) in [
        (&trusting, &signed, Check::All, "verified"),
        (&trusting, &signed, Check::OnFirstTouch, "verified"),
        (&trusting, &signed, Check::ByHost, "by_host"),
        (&trusting, &unsigned, Check::ByHost, "by_host"),
        (&common::config(), &signed, Check::All, "unverified"),
        (&common::config(), &unsigned, Check::All, "unverified"),
        (&common::config(), &unsigned, Check::OnFirstTouch, "unverified"),
    ] {
        let mut enricher = Enricher::new(config.clone());
        enricher.attach(bytes, check, None).unwrap();
        assert_eq!(context_of(&mut enricher, &deployer_event())["snapshot"]["integrity"], word, "{check:?}");
    }
    let mut enricher = Enricher::new(trusting);
    assert_eq!(enricher.attach(&unsigned, Check::All, None).unwrap_err(), SnapshotError::Unsigned);
    enricher.attach(&signed, Check::All, None).unwrap();
    assert_eq!(enricher.attach(&unsigned, Check::OnFirstTouch, None).unwrap_err(), SnapshotError::Unsigned);
    assert_eq!(context_of(&mut enricher, &deployer_event())["snapshot"]["integrity"], "verified", "the attached one goes on");
}

/// Of two layers, the word is that of the one that answered.
#[test]
fn each_layer_has_its_own_word() {
    let signed = build_signed(&inventory(1, &[ACCOUNT], vec![deployer()]), &SIGNING_SEED);
    let other = build(&inventory(1, &[OTHER_ACCOUNT], vec![role(OTHER_ACCOUNT, "x", "AROAOTHER00000000001")]));
    let mut config = common::config();
    config.trust = Trust::new(vec![public_key(&SIGNING_SEED)]);
    let mut enricher = Enricher::new(config);
    enricher.attach(&signed, Check::All, None).unwrap();
    enricher.attach(&other, Check::ByHost, None).unwrap();
    assert_eq!(context_of(&mut enricher, &deployer_event())["snapshot"]["integrity"], "verified");
    let context = context_of(&mut enricher, &role_event(OTHER_ACCOUNT, "x", "AROAOTHER00000000001", NOW));
    assert_eq!(context["snapshot"]["integrity"], "by_host");
}

#[test]
fn freshness_is_judged_at_the_event() {
    let mut inventory = inventory(1, &[ACCOUNT], vec![deployer()]);
    inventory.meta.valid_for_s = 3600;
    let bytes = build(&inventory);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &bytes).unwrap();
    for (time, age, fresh) in [
        ("2026-03-20T06:00:00Z", 0, true),
        ("2026-03-20T07:00:00Z", 3600, true),
        ("2026-03-20T07:00:01Z", 3601, false),
        ("2026-03-20T05:00:00Z", -3600, true),
    ] {
        let context = context_of(&mut enricher, &role_event(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001", time));
        assert_eq!((&context["snapshot"]["age_at_event_s"], &context["snapshot"]["fresh"]), (&json!(age), &json!(fresh)), "{time}");
        assert_eq!(context["snapshot"]["created"], "2026-03-20T06:00:00Z");
    }
    let context = context_of(&mut enricher, &role_event(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001", "yesterday"));
    assert_eq!(context["snapshot"]["event_time"], "absent");
    assert_eq!(context["snapshot"]["age_at_event_s"], Value::Null);
    assert_eq!(first(&context)["outcome"], "matched", "resolved as of the snapshot");
}

/// Layers of different providers: each answers for its own.
#[test]
fn a_cluster_beside_an_account() {
    let aws = base();
    let mut sa = Identity::new("k8s:prod-eu:sa/payments/api", "api", Kind::ServiceAccount, Provider::K8s, CLUSTER);
    sa.aliases = vec![alias_in(KeyType::K8sUser, CLUSTER, "system:serviceaccount:payments:api")];
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
    assert_eq!(outcome_of(&mut enricher, &k8s_event("jane", "", "payments", NOW)), "not_found");
}

/// A long sequence of attaching and detaching, against a list of what should be there.
#[test]
fn attach_and_detach_in_any_order() {
    let accounts: Vec<String> = (0..8).map(|number| format!("{:012}", 100 + number)).collect();
    let shards: Vec<Aligned> = accounts
        .iter()
        .map(|account| build(&inventory(1, &[account], vec![role(account, "x", &format!("AROAANYORDER{}", &account[4..]))])))
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
                assert_eq!(enricher.detach(handle).unwrap_err(), SnapshotError::UnknownHandle { handle: handle.number() });
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
            let expected = if attached.iter().any(|(shard, _)| *shard == number) { "matched" } else { "out_of_scope" };
            assert_eq!(outcome_of(&mut enricher, &event), expected, "step {step}");
        }
    }
}
