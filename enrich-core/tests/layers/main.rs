//! Shards side by side, overlays above their base, generations one after the other.

#[path = "../common/mod.rs"]
mod common;
mod overlays;
mod shards;

use common::inventory::{ACCOUNT, CREATED_MS, alias, alias_during, alias_in, meta, role, scope};
use common::{
    Aligned, CLUSTER, SIGNING_SEED, attach, build, build_signed, context_of, digest, k8s_event,
    open, outcome_of, public_key, role_event, user_event,
};
use enrich_core::vocabulary::{Kind, LifecycleState, Provider};
use enrich_core::{Check, Enricher, KeyType, SnapshotError, Trust};
use serde_json::{Value, json};
use snapshots::model::*;

const OTHER_ACCOUNT: &str = "444455556666";
const NOW: &str = "2026-03-20T05:00:00Z";

fn owner(reference: &str) -> Owner {
    Owner {
        entity: EntityRef {
            reference: reference.to_owned(),
            name: None,
            contact: None,
        },
        source: "test".to_owned(),
        as_of_ms: None,
        status: enrich_core::vocabulary::OwnerStatus::Active,
    }
}

fn inventory(sequence: u64, accounts: &[&str], identities: Vec<Identity>) -> Inventory {
    Inventory {
        meta: Meta {
            id: format!("shard-{}-{sequence}", accounts.join("-")),
            ..meta("Layers Inc.", sequence)
        },
        identities,
        scopes: accounts
            .iter()
            .map(|account| scope(Provider::Aws, account))
            .collect(),
        ..Inventory::default()
    }
}

fn deployer() -> Identity {
    let mut identity = role(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001");
    identity
        .aliases
        .push(alias(KeyType::AwsAccessKeyId, "AKIADEPLOYER00000001"));
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
fn rollback_is_refused_within_a_line_only() {
    let shard =
        |sequence, accounts: &[&str]| build(&inventory(sequence, accounts, vec![deployer()]));
    let attached = shard(5, &[ACCOUNT]);
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &attached).unwrap();
    let rollback = |found| Err(SnapshotError::Rollback { found, attached: 5 });
    let (older, older_and_wider) = (shard(4, &[ACCOUNT]), shard(0, &[ACCOUNT, OTHER_ACCOUNT]));
    assert_eq!(attach(&mut enricher, &older).map(|_| ()), rollback(4));
    assert_eq!(
        attach(&mut enricher, &older_and_wider).map(|_| ()),
        rollback(0),
        "one scope in common"
    );
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
        (
            &common::config(),
            &unsigned,
            Check::OnFirstTouch,
            "unverified",
        ),
    ] {
        let mut enricher = Enricher::new(config.clone());
        enricher.attach(bytes, check, None).unwrap();
        assert_eq!(
            context_of(&mut enricher, &deployer_event())["snapshot"]["integrity"],
            word,
            "{check:?}"
        );
    }
    let mut enricher = Enricher::new(trusting);
    assert_eq!(
        enricher.attach(&unsigned, Check::All, None).unwrap_err(),
        SnapshotError::Unsigned
    );
    enricher.attach(&signed, Check::All, None).unwrap();
    assert_eq!(
        enricher
            .attach(&unsigned, Check::OnFirstTouch, None)
            .unwrap_err(),
        SnapshotError::Unsigned
    );
    assert_eq!(
        context_of(&mut enricher, &deployer_event())["snapshot"]["integrity"],
        "verified",
        "the attached one goes on"
    );
}

/// Of two layers, the word is that of the one that answered.
#[test]
fn each_layer_has_its_own_word() {
    let signed = build_signed(&inventory(1, &[ACCOUNT], vec![deployer()]), &SIGNING_SEED);
    let other = build(&inventory(
        1,
        &[OTHER_ACCOUNT],
        vec![role(OTHER_ACCOUNT, "x", "AROAOTHER00000000001")],
    ));
    let mut config = common::config();
    config.trust = Trust::new(vec![public_key(&SIGNING_SEED)]);
    let mut enricher = Enricher::new(config);
    enricher.attach(&signed, Check::All, None).unwrap();
    enricher.attach(&other, Check::ByHost, None).unwrap();
    assert_eq!(
        context_of(&mut enricher, &deployer_event())["snapshot"]["integrity"],
        "verified"
    );
    let context = context_of(
        &mut enricher,
        &role_event(OTHER_ACCOUNT, "x", "AROAOTHER00000000001", NOW),
    );
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
        let context = context_of(
            &mut enricher,
            &role_event(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001", time),
        );
        assert_eq!(
            (
                &context["snapshot"]["age_at_event_s"],
                &context["snapshot"]["fresh"]
            ),
            (&json!(age), &json!(fresh)),
            "{time}"
        );
        assert_eq!(context["snapshot"]["created"], "2026-03-20T06:00:00Z");
    }
    let context = context_of(
        &mut enricher,
        &role_event(ACCOUNT, "ci/deployer", "AROADEPLOYER00000001", "yesterday"),
    );
    assert_eq!(context["snapshot"]["event_time"], "absent");
    assert_eq!(context["snapshot"]["age_at_event_s"], Value::Null);
    assert_eq!(
        first(&context)["outcome"],
        "matched",
        "resolved as of the snapshot"
    );
}
