//! Generated cases: lookups against plain maps, the scanner against `serde_json`, any bytes at all.

#[path = "../common/mod.rs"]
mod common;
mod events;
mod input;
mod json;
mod lookups;
mod model;
mod scanner;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use common::inventory::{CREATED_MS, alias, alias_during, meta, scope};
use common::{CLUSTER, Lcg, build, k8s_event, open, role_event};
use enrich_core::snapshot::Probe;
use enrich_core::vocabulary::{Kind, LifecycleState, Provider};
use enrich_core::{Check, Config, Enricher, Key, KeyType, Snapshot, Trust};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use snapshots::model::{Alias, Identity, Inventory};

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: count,
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..ProptestConfig::default()
    }
}

const COVERED: &str = "111122223333";
const NOT_COVERED: &str = "444455556666";
const HOUR_MS: i64 = 3_600_000;

/// A small snapshot that knows some of the generated keys.
fn known() -> common::Aligned {
    let mut role = common::inventory::role(COVERED, "r1", "AROAPOOLPOOLPOOL0001");
    role.aliases
        .push(alias(KeyType::AwsAccessKeyId, "AKIAPOOLPOOLPOOL0001"));
    role.workloads = vec!["a\"b\\c\u{1}\u{2028}".to_owned()];
    build(&Inventory {
        meta: meta("Scan", 1),
        identities: vec![role],
        scopes: vec![scope(Provider::Aws, COVERED)],
        ..Inventory::default()
    })
}
