//! Generated cases: lookups against plain maps, the scanner against `serde_json`, any bytes at all.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use common::inventory::{CREATED_MS, alias, alias_during, meta, scope};
use common::{CLUSTER, Lcg, build, k8s_event, open, role_event};
use enrich_core::vocabulary::{Kind, LifecycleState, Provider};
use enrich_core::{Check, Config, Enricher, Key, KeyType};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use snapshots::model::{Alias, Identity, Inventory};

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, max_shrink_iters: 4096, ..ProptestConfig::default() }
}

// ---- Lookups -------------------------------------------------------------------------------------

const COVERED: &str = "111122223333";
const NOT_COVERED: &str = "444455556666";
const HOUR_MS: i64 = 3_600_000;

/// A hand of hours before the snapshot: times collide often, so that bounds are met exactly.
fn tick(n: u8) -> i64 {
    CREATED_MS - 6 * HOUR_MS + i64::from(n) * HOUR_MS
}

fn tick_text(n: u8) -> String {
    format!("2026-03-20T{n:02}:00:00Z")
}

/// One of few keys, so that identities share them and events meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Pool {
    Arn(u8),
    Principal(u8),
    AccessKey(u8),
    User(u8),
    Uid(u8),
}

impl Pool {
    fn parts(self) -> (KeyType, &'static str, String) {
        match self {
            Self::Arn(n) => (KeyType::AwsArn, "", format!("arn:aws:iam::{}:role/r{n}", account_of(n))),
            Self::Principal(n) => (KeyType::AwsPrincipalId, "", format!("AROAPOOLPOOLPOOL{n:04}")),
            Self::AccessKey(n) => (KeyType::AwsAccessKeyId, "", format!("AKIAPOOLPOOLPOOL{n:04}")),
            Self::User(n) => (KeyType::K8sUser, CLUSTER, format!("system:serviceaccount:ns:sa{n}")),
            Self::Uid(n) => (KeyType::K8sUid, CLUSTER, format!("00000000-0000-4000-8000-{n:012}")),
        }
    }

    fn is_unique_id(self) -> bool {
        matches!(self, Self::Principal(_) | Self::Uid(_))
    }

    fn is_same_type(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// The last role is of an account that no snapshot covers.
fn account_of(role: u8) -> &'static str {
    if role == 4 { NOT_COVERED } else { COVERED }
}

fn pool() -> impl Strategy<Value = Pool> {
    prop_oneof![
        (0..5_u8).prop_map(Pool::Arn),
        (0..5_u8).prop_map(Pool::Principal),
        (0..3_u8).prop_map(Pool::AccessKey),
        (0..4_u8).prop_map(Pool::User),
        (0..4_u8).prop_map(Pool::Uid),
    ]
}

#[derive(Clone, Debug)]
struct PlainIdentity {
    keys: Vec<(Pool, Option<u8>, Option<u8>)>,
    retired: Option<u8>,
}

fn plain_identity() -> impl Strategy<Value = PlainIdentity> {
    let bound = || prop_oneof![2 => Just(None), 1 => (0..13_u8).prop_map(Some)];
    (vec((pool(), bound(), bound()), 0..5), prop_oneof![3 => Just(None), 1 => (0..13_u8).prop_map(Some)]).prop_map(|(keys, retired)| {
        let keys = keys
            .into_iter()
            .map(|(key, from, to)| match (from, to) {
                (Some(from), Some(to)) if to < from => (key, Some(to), Some(from)),
                other => (key, other.0, other.1),
            })
            // A key that begins after its identity ended is a mistake of the source.
            .map(|(key, from, to)| (key, from.map(|from| from.min(retired.unwrap_or(from))), to))
            .collect();
        PlainIdentity { keys, retired }
    })
}

fn uid(number: usize) -> String {
    format!("test:{number:02}")
}

fn to_inventory(plain: &[PlainIdentity]) -> Inventory {
    let identities = plain.iter().enumerate().map(|(number, plain)| {
        let mut identity = Identity::new(&uid(number), "x", Kind::IamRole, Provider::Aws, COVERED);
        identity.aliases = plain
            .keys
            .iter()
            .map(|(key, from, to)| {
                let (key_type, domain, value) = key.parts();
                Alias { domain: domain.to_owned(), ..alias_during(key_type, &value, from.map(tick), to.map(tick)) }
            })
            .collect();
        identity.retired_at_ms = plain.retired.map(tick);
        if plain.retired.is_some() {
            identity.lifecycle_state = LifecycleState::Deprovisioned;
        }
        identity
    });
    Inventory {
        meta: meta("Model", 1),
        identities: identities.collect(),
        scopes: vec![scope(Provider::Aws, COVERED), scope(Provider::K8s, CLUSTER)],
        ..Inventory::default()
    }
}

/// Every holder of every key, in a map. Bounds are `[from, to)`, open where unknown.
type Model = HashMap<Pool, Vec<(usize, i64, i64)>>;

fn to_model(plain: &[PlainIdentity]) -> Model {
    let mut model: Model = HashMap::new();
    for (number, identity) in plain.iter().enumerate() {
        for (key, from, to) in &identity.keys {
            let from = from.map_or(i64::MIN, tick);
            let to = to.map_or(i64::MAX, tick).min(identity.retired.map_or(i64::MAX, tick));
            model.entry(*key).or_default().push((number, from, to));
        }
    }
    model
}

/// What an observed identity comes to, in the words of the design.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Matched(usize),
    /// Any of these: of several removed at the same time, none is preferred.
    Retired(BTreeSet<usize>),
    Ambiguous(BTreeSet<usize>),
    NotFoundAtTime,
    NotFound,
    OutOfScope,
}

/// The design's rules, on plain maps: keys in their order, unique ids before names.
fn expected(plain: &[PlainIdentity], model: &Model, keys: &[Pool], covered: bool, time: i64) -> Expected {
    let knows = |identity: usize, kind: Pool| plain[identity].keys.iter().filter(move |(key, ..)| key.is_same_type(kind)).map(|(key, ..)| *key);
    let mut best: Option<(u8, Expected)> = None;
    let mut has_refused = false;
    for key in keys {
        let Some(holders) = model.get(key) else { continue };
        // A name that leads to an identity whose id is another than the event's is no match.
        let fits = |identity: usize| {
            key.is_unique_id()
                || keys.iter().filter(|id| id.is_unique_id()).all(|id| {
                    let mut known = knows(identity, *id).peekable();
                    known.peek().is_none() || known.any(|known| known == *id)
                })
        };
        let holders: Vec<_> = holders.iter().copied().filter(|(identity, ..)| fits(*identity)).collect();
        if holders.is_empty() {
            has_refused = true;
            continue;
        }
        let now: BTreeSet<usize> = holders.iter().filter(|(_, from, to)| *from <= time && time < *to).map(|(identity, ..)| *identity).collect();
        let gone: BTreeMap<i64, BTreeSet<usize>> = holders
            .iter()
            .filter(|(_, _, to)| *to <= time)
            .filter_map(|(identity, ..)| plain[*identity].retired.map(|at| (tick(at), *identity)))
            .filter(|(at, _)| *at <= time)
            .fold(BTreeMap::new(), |mut map, (at, identity)| {
                map.entry(at).or_insert_with(BTreeSet::new).insert(identity);
                map
            });
        let (rank, found) = if now.len() == 1 {
            (4, Expected::Matched(*now.first().unwrap()))
        } else if now.len() > 1 {
            (2, Expected::Ambiguous(now))
        } else if let Some((_, latest)) = gone.last_key_value() {
            (3, Expected::Retired(latest.clone()))
        } else {
            (1, Expected::NotFoundAtTime)
        };
        let decides = rank == 4 || (key.is_unique_id() && rank != 2);
        if best.as_ref().is_none_or(|(known, _)| rank > *known) {
            best = Some((rank, found));
        }
        if decides && best.as_ref().is_some_and(|(known, _)| *known == 4 || *known != 2) {
            break;
        }
    }
    match best {
        Some((_, found)) => found,
        None if has_refused || covered => Expected::NotFound,
        None => Expected::OutOfScope,
    }
}

fn actual(identity: &Value) -> Expected {
    let number = |uid: &Value| uid.as_str().and_then(|uid| uid.strip_prefix("test:")).and_then(|n| n.parse().ok()).expect("a uid of the model");
    match identity["outcome"].as_str().expect("an outcome") {
        "matched" => Expected::Matched(number(&identity["uid"])),
        "retired" => Expected::Retired(BTreeSet::from([number(&identity["uid"])])),
        "ambiguous" => {
            let candidates: BTreeSet<usize> = identity["candidates"].as_array().unwrap().iter().map(|candidate| number(&candidate["uid"])).collect();
            assert_eq!(identity["candidate_count"], candidates.len(), "{identity}");
            Expected::Ambiguous(candidates)
        }
        "not_found_at_time" => Expected::NotFoundAtTime,
        "not_found" => Expected::NotFound,
        "out_of_scope" => Expected::OutOfScope,
        other => panic!("{other}"),
    }
}

fn agrees(actual: &Expected, expected: &Expected) -> bool {
    match (actual, expected) {
        (Expected::Retired(one), Expected::Retired(any)) => one.is_subset(any),
        _ => actual == expected,
    }
}

/// An event that shows keys of the pool.
#[derive(Clone, Debug)]
enum PlainEvent {
    Role { arn: u8, principal: Option<u8>, access_key: Option<u8>, time: Option<u8> },
    Cluster { user: u8, uid: Option<u8>, time: Option<u8>, impersonated: Option<(u8, Option<u8>)> },
}

fn plain_event() -> impl Strategy<Value = PlainEvent> {
    let time = || prop_oneof![1 => Just(None), 8 => (0..13_u8).prop_map(Some)];
    prop_oneof![
        (0..6_u8, proptest::option::of(0..6_u8), proptest::option::of(0..4_u8), time())
            .prop_map(|(arn, principal, access_key, time)| PlainEvent::Role { arn, principal, access_key, time }),
        (0..5_u8, proptest::option::of(0..5_u8), time(), proptest::option::of((0..5_u8, proptest::option::of(0..5_u8))))
            .prop_map(|(user, uid, time, impersonated)| PlainEvent::Cluster { user, uid, time, impersonated }),
    ]
}

impl PlainEvent {
    /// The event, the keys of each of its identities in the order in which they decide, whether
    /// their place is covered, and the time at which they are looked up.
    fn render(&self) -> (String, Vec<(Vec<Pool>, bool)>, i64) {
        match self {
            Self::Role { arn, principal, access_key, time } => {
                let account = account_of(*arn);
                let id = principal.map_or_else(String::new, |n| Pool::Principal(n).parts().2);
                let mut event = role_event(account, &format!("r{arn}"), &id, &time.map_or_else(String::new, tick_text));
                let mut keys: Vec<Pool> = principal.iter().map(|n| Pool::Principal(*n)).collect();
                keys.push(Pool::Arn(*arn));
                if let Some(n) = access_key {
                    event = event.replace("\"sessionContext\"", &format!("\"accessKeyId\":\"{}\",\"sessionContext\"", Pool::AccessKey(*n).parts().2));
                    keys.push(Pool::AccessKey(*n));
                }
                (event, vec![(keys, account == COVERED)], time.map_or(CREATED_MS, tick))
            }
            Self::Cluster { user, uid, time, impersonated } => {
                let id = |n: &Option<u8>| n.map_or_else(String::new, |n| Pool::Uid(n).parts().2);
                let name = Pool::User(*user).parts().2;
                let mut event = k8s_event(&name, &id(uid), "ns", &time.map_or_else(String::new, tick_text));
                let keys = |user: u8, uid: &Option<u8>| uid.iter().map(|n| Pool::Uid(*n)).chain([Pool::User(user)]).collect::<Vec<_>>();
                let mut identities = vec![(keys(*user, uid), true)];
                if let Some((user, uid)) = impersonated {
                    let other = format!("\"impersonatedUser\":{{\"username\":\"{}\",\"uid\":\"{}\"}},\"sourceIPs\"", Pool::User(*user).parts().2, id(uid));
                    event = event.replace("\"sourceIPs\"", &other);
                    identities.push((keys(*user, uid), true));
                }
                (event, identities, time.map_or(CREATED_MS, tick))
            }
        }
    }
}

fn check_lookups(plain: &[PlainIdentity], events: &[PlainEvent], check: Check) {
    let inventory = to_inventory(plain);
    let bytes = build(&inventory);
    assert_eq!(open(&bytes).unwrap().verify(), Ok(()));
    let model = to_model(plain);
    let mut enricher = Enricher::new(common::config());
    enricher.attach(&bytes, check, None).unwrap();
    for event in events {
        let (line, identities, time) = event.render();
        let context = common::context_of(&mut enricher, &line);
        let seen = context["identities"].as_array().unwrap();
        assert_eq!(seen.len(), identities.len(), "{line}");
        for (seen, (keys, covered)) in seen.iter().zip(&identities) {
            let (actual, expected) = (actual(seen), expected(plain, &model, keys, *covered, time));
            assert!(agrees(&actual, &expected), "{actual:?}, expected {expected:?}, of {keys:?} at {time} in {event:?}");
        }
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn lookups_are_those_of_a_map(plain in vec(plain_identity(), 0..9), events in vec(plain_event(), 1..12)) {
        check_lookups(&plain, &events, Check::All);
    }

    #[test]
    fn lookups_on_first_touch_are_the_same(plain in vec(plain_identity(), 0..9), events in vec(plain_event(), 1..4)) {
        check_lookups(&plain, &events, Check::OnFirstTouch);
    }

    /// Each key leads to its holders, with their bounds, and each alias shows on its identity.
    #[test]
    fn holders_are_those_of_a_map(plain in vec(plain_identity(), 0..9)) {
        let bytes = build(&to_inventory(&plain));
        let snapshot = open(&bytes).unwrap();
        let model = to_model(&plain);
        let all = (0..6).flat_map(|n| [Pool::Arn(n), Pool::Principal(n), Pool::AccessKey(n), Pool::User(n), Pool::Uid(n)]);
        for key in all {
            let (key_type, domain, value) = key.parts();
            let mut found = BTreeSet::new();
            snapshot.holders(&Key::new(key_type, domain, &value), |holder| {
                found.insert((holder.identity as usize, holder.valid_from_ms, holder.valid_to_ms));
            });
            let expected: BTreeSet<_> = model.get(&key).into_iter().flatten().copied().collect();
            prop_assert_eq!(found, expected, "{:?}", key);
        }
        for (row, identity) in snapshot.identities().zip(&plain) {
            let stored: BTreeSet<(KeyType, String)> = row.aliases().map(|alias| (alias.key_type, alias.parts.concat())).collect();
            let given: BTreeSet<(KeyType, String)> = identity.keys.iter().map(|(key, ..)| (key.parts().0, key.parts().2)).collect();
            prop_assert_eq!(stored, given, "{}", row.uid().concat());
        }
    }
}

/// A name that was given again many times: whoever holds it at the event's time is found, however
/// many held it before.
#[test]
fn a_name_of_many_generations() {
    for generations in [2_u8, 12, 16, 17, 20, 40] {
        let minute = |n: u8| CREATED_MS - 60_000 * i64::from(generations - n);
        let identities = (0..generations).map(|n| {
            let mut identity = Identity::new(&uid(usize::from(n)), "x", Kind::ServiceAccount, Provider::K8s, CLUSTER);
            let last = n + 1 == generations;
            let (key_type, domain, value) = Pool::User(0).parts();
            let ends = (!last).then(|| minute(n + 1));
            identity.aliases = vec![Alias { domain: domain.to_owned(), ..alias_during(key_type, &value, Some(minute(n)), ends) }];
            identity.retired_at_ms = ends;
            identity
        });
        let inventory = Inventory { meta: meta("Model", 1), identities: identities.collect(), scopes: vec![scope(Provider::K8s, CLUSTER)], ..Inventory::default() };
        let bytes = build(&inventory);
        let mut enricher = common::enricher(&bytes);
        for n in 0..generations {
            let mut time = String::new();
            enrich_core::time::write_rfc3339(&mut time, minute(n) + 1000).unwrap();
            let context = common::context_of(&mut enricher, &k8s_event(&Pool::User(0).parts().2, "", "ns", &time));
            let identity = &context["identities"][0];
            assert_eq!((&identity["outcome"], &identity["uid"]), (&"matched".into(), &uid(usize::from(n)).into()), "{n} of {generations} generations");
        }
    }
}

/// More holders than are kept: ambiguous, and their number is right.
#[test]
fn a_key_of_many_holders() {
    for count in [2_usize, 8, 9, 16, 17, 300] {
        let identities = (0..count).map(|n| {
            let mut identity = Identity::new(&format!("test:{n:03}"), "x", Kind::IamUser, Provider::Aws, COVERED);
            identity.aliases = vec![alias(KeyType::AwsAccessKeyId, &Pool::AccessKey(0).parts().2), alias(KeyType::AwsPrincipalId, &format!("AIDAMANYHOLDERS{n:05}"))];
            identity
        });
        let bytes = build(&Inventory { meta: meta("Model", 1), identities: identities.collect(), scopes: vec![scope(Provider::Aws, COVERED)], ..Inventory::default() });
        let mut enricher = common::enricher(&bytes);
        let event = common::user_event(COVERED, "nobody", "", &Pool::AccessKey(0).parts().2, "2026-03-20T05:00:00Z");
        let context = common::context_of(&mut enricher, &event);
        let identity = &context["identities"][0];
        assert_eq!((&identity["outcome"], &identity["candidate_count"]), (&"ambiguous".into(), &count.into()), "{count} holders");
        assert_eq!(identity["candidates"].as_array().unwrap().len(), count.min(8));
    }
}

/// A hundred thousand keys: every one is found, and leads to its own identity; what is nearly one is not.
#[test]
fn many_keys() {
    const COUNT: usize = 50_000;
    let mut lcg = Lcg(9);
    let value = |n: usize, lcg: &mut Lcg| match n % 4 {
        0 => (KeyType::AwsArn, String::new(), format!("arn:aws:iam::{COVERED}:role/{}/{n}", lcg.below(50))),
        1 => (KeyType::K8sUser, CLUSTER.to_owned(), format!("system:serviceaccount:ns-{}:sa-{n}", lcg.below(300))),
        2 => (KeyType::Email, String::new(), format!("bot-{n}@team-{}.example", lcg.below(40))),
        _ => (KeyType::OidcSubject, "token.example".to_owned(), format!("repo:o/r-{n}:ref:{}", lcg.next())),
    };
    let mut model: HashMap<(KeyType, String, String), u32> = HashMap::new();
    let mut identities = Vec::new();
    for n in 0..COUNT {
        let mut identity = Identity::new(&format!("test:{n:06}"), "x", Kind::Bot, Provider::Other, "x");
        let (key_type, domain, text) = value(n, &mut lcg);
        let id = (KeyType::AwsPrincipalId, String::new(), format!("AROA{:012}{n:06}", lcg.next() % 1_000_000_000_000));
        for (key_type, domain, text) in [(key_type, domain, text), id] {
            identity.aliases.push(Alias { domain: domain.clone(), ..alias(key_type, &text) });
            assert_eq!(model.insert((key_type, domain, text), n as u32), None);
        }
        identities.push(identity);
    }
    let bytes = build(&Inventory { identities, ..Inventory::default() });
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.key_count(), 2 * COUNT);
    assert_eq!(snapshot.verify(), Ok(()));
    let holders = |key_type, domain: &str, value: &str| {
        let mut found = Vec::new();
        snapshot.holders(&Key::new(key_type, domain, value), |holder| found.push(holder.identity));
        found
    };
    let sorted: BTreeMap<_, _> = model.iter_all();
    for ((key_type, domain, value), identity) in &sorted {
        assert_eq!(holders(*key_type, domain, value), [*identity], "{key_type}@{domain}:{value}");
        // Another type, another domain, a byte more, a byte less, a byte changed.
        let at = lcg.below(value.len());
        let mut changed = value.clone();
        let byte = if value.as_bytes()[at] == b'z' { "y" } else { "z" };
        changed.replace_range(at..=at, byte);
        for (key_type, domain, value) in [
            (KeyType::GcpPrincipal, domain.as_str(), value.as_str()),
            (*key_type, "elsewhere", value),
            (*key_type, domain, &format!("{value}z")),
            (*key_type, domain, &value[..value.len() - 1]),
            (*key_type, domain, &value[1..]),
            (*key_type, domain, &changed),
        ] {
            let known = sorted.get(&(key_type, domain.to_owned(), value.to_owned())).copied();
            assert_eq!(holders(key_type, domain, value), Vec::from_iter(known), "{key_type}@{domain}:{value}");
        }
    }
    assert_eq!(holders(KeyType::AwsArn, "", ""), [0; 0]);
}

/// A hash map's entries in a fixed order.
trait IterAll<K, V> {
    fn iter_all(self) -> BTreeMap<K, V>;
}

impl<K: Ord, V> IterAll<K, V> for HashMap<K, V> {
    fn iter_all(self) -> BTreeMap<K, V> {
        self.into_iter().collect()
    }
}

// ---- The scanner ---------------------------------------------------------------------------------

/// A JSON document as it is written: members in order, duplicates kept.
#[derive(Clone)]
enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Writer::write(self, 0))
    }
}

/// Writes a document with seeded blanks and escapes.
struct Writer {
    lcg: Lcg,
    out: String,
}

impl Writer {
    fn write(json: &Json, seed: u64) -> String {
        let mut this = Self { lcg: Lcg(seed), out: String::new() };
        this.value(json);
        this.out
    }

    fn blank(&mut self) {
        // A line feed would end the line; it is the one blank that cannot stand in one.
        for _ in 0..self.lcg.below(8).saturating_sub(5) {
            self.out.push([' ', '\t', '\r'][self.lcg.below(3)]);
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            let must = c < ' ' || c == '"' || c == '\\';
            if !must && self.lcg.below(12) != 0 {
                self.out.push(c);
                continue;
            }
            let short = match c {
                '"' => Some('"'),
                '\\' => Some('\\'),
                '/' => Some('/'),
                '\n' => Some('n'),
                '\r' => Some('r'),
                '\t' => Some('t'),
                '\u{8}' => Some('b'),
                '\u{c}' => Some('f'),
                _ => None,
            };
            match short.filter(|_| self.lcg.below(2) == 0) {
                Some(short) => self.out.extend(['\\', short]),
                None => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let digits = if self.lcg.below(2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
                        self.out.push_str(&digits);
                    }
                }
            }
        }
        self.out.push('"');
    }

    fn value(&mut self, json: &Json) {
        self.blank();
        match json {
            Json::Null => self.out.push_str("null"),
            Json::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Json::Number(value) => self.out.push_str(value),
            Json::Text(text) => self.text(text),
            Json::Array(items) => {
                self.out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        self.out.push(',');
                    }
                    self.value(item);
                }
                self.blank();
                self.out.push(']');
            }
            Json::Object(members) => {
                self.out.push('{');
                for (number, (name, value)) in members.iter().enumerate() {
                    if number > 0 {
                        self.out.push(',');
                    }
                    self.blank();
                    self.text(name);
                    self.blank();
                    self.out.push(':');
                    self.value(value);
                }
                self.blank();
                self.out.push('}');
            }
        }
        self.blank();
    }
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        any::<i16>().prop_map(|n| n.to_string()),
        (100_000_000_000_u64..1_000_000_000_000).prop_map(|n| n.to_string()),
    ]
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number().prop_map(Json::Number),
        prop_oneof![Just("1e5"), Just("-0.25"), Just("0"), Just("-0"), Just("1E+2"), Just("10.5e-3")].prop_map(|n| Json::Number(n.to_owned())),
        "\\PC{0,12}".prop_map(Json::Text),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            vec((member_name(), inner), 0..4).prop_map(Json::Object),
        ]
    })
}

/// Names that mean something, names that nearly do, and any.
fn member_name() -> impl Strategy<Value = String> {
    let known = [
        "userIdentity", "type", "principalId", "arn", "accountId", "accessKeyId", "userName", "invokedBy", "identityProvider", "sessionContext",
        "sessionIssuer", "eventName", "eventSource", "eventVersion", "eventTime", "requestParameters", "roleArn", "responseElements",
        "assumedRoleUser", "assumedRoleId", "user", "username", "uid", "extra", "kind", "verb", "objectRef", "whose", "Whose", "whose ", "",
        "sourceIPAddress", "recipientAccountId", "resources", "ARN", "@timestamp", "impersonatedUser", "namespace", "name", "resource",
    ];
    prop_oneof![6 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

/// Values that make keys, values that nearly do, and anything.
fn key_value() -> impl Strategy<Value = Json> {
    let texts = [
        "AROAPOOLPOOLPOOL0001", "AROAPOOLPOOLPOOL0001:session", "AIDAPOOLPOOLPOOL0002", "AKIAPOOLPOOLPOOL0001", "ASIAPOOLPOOLPOOL0001",
        "arn:aws:iam::111122223333:role/r1", "arn:aws:iam::111122223333:user/u/é", "arn:aws:sts::111122223333:assumed-role/r1/s",
        "111122223333", "Backup.amazonaws.com", "AWS Internal", "", "...", "a.ortiz@Example.com", "https://token.example/", "https://token.example//",
        "arn:aws:iam::111122223333:oidc-provider/token.example", "repo:o/r:ref:refs/heads/main", "system:serviceaccount:ns:sa1", "kubernetes-admin",
    ];
    prop_oneof![5 => proptest::sample::select(texts.to_vec()).prop_map(|text| Json::Text(text.to_owned())), 1 => any_json()]
}

fn event_type() -> impl Strategy<Value = Json> {
    let types = ["AssumedRole", "IAMUser", "Root", "AWSService", "AWSAccount", "WebIdentityUser", "SAMLUser", "FederatedUser", "Unknown"];
    prop_oneof![9 => proptest::sample::select(types.to_vec()).prop_map(|text| Json::Text(text.to_owned())), 1 => any_json()]
}

/// Members in any order, some missing, some twice.
fn object(members: Vec<(&'static str, BoxedStrategy<Json>)>) -> BoxedStrategy<Json> {
    let each: Vec<_> = members
        .into_iter()
        .map(|(name, value)| {
            let count = prop_oneof![1 => Just(0_usize), 8 => Just(1), 1 => Just(2)];
            count.prop_flat_map(move |count| vec(value.clone().prop_map(move |value| (name.to_owned(), value)), count))
        })
        .collect();
    (each, vec((member_name(), any_json()), 0..3))
        .prop_map(|(known, other)| known.into_iter().flatten().chain(other).collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(Json::Object)
        .boxed()
}

fn cloudtrail() -> BoxedStrategy<Json> {
    let key = || key_value().boxed();
    let issuer = object(vec![("principalId", key()), ("arn", key()), ("type", key())]);
    let session = object(vec![("sessionIssuer", prop_oneof![6 => issuer, 1 => any_json().boxed()].boxed()), ("webIdFederationData", any_json().boxed())]);
    let identity = object(vec![
        ("type", event_type().boxed()),
        ("principalId", key()),
        ("arn", key()),
        ("accountId", key()),
        ("accessKeyId", key()),
        ("userName", key()),
        ("invokedBy", key()),
        ("identityProvider", key()),
        ("sessionContext", prop_oneof![6 => session, 1 => any_json().boxed()].boxed()),
    ]);
    let time = prop_oneof![Just("2026-03-20T05:00:00Z"), Just("2026-03-20T05:00:00.5+02:00"), Just("now")].prop_map(|text| Json::Text(text.to_owned()));
    let source = prop_oneof![Just("sts.amazonaws.com"), Just("iam.amazonaws.com"), Just("s3.amazonaws.com")].prop_map(|text| Json::Text(text.to_owned()));
    let name = prop_oneof![Just("AssumeRole"), Just("GetObject"), Just("CreateUser"), Just("ConsoleLogin")].prop_map(|text| Json::Text(text.to_owned()));
    object(vec![
        ("eventVersion", Just(Json::Text("1.11".to_owned())).boxed()),
        ("userIdentity", prop_oneof![9 => identity, 1 => any_json().boxed()].boxed()),
        ("eventTime", time.boxed()),
        ("eventSource", source.boxed()),
        ("eventName", name.boxed()),
        ("requestParameters", object(vec![("roleArn", key()), ("userName", key())])),
        ("responseElements", object(vec![("assumedRoleUser", object(vec![("assumedRoleId", key()), ("arn", key())])), ("user", object(vec![("arn", key()), ("userId", key())]))])),
        ("recipientAccountId", key()),
        ("sourceIPAddress", key()),
        ("resources", vec(object(vec![("ARN", key())]), 0..3).prop_map(Json::Array).boxed()),
    ])
}

fn k8s_audit() -> BoxedStrategy<Json> {
    let key = || key_value().boxed();
    let list = || vec(key_value(), 0..3).prop_map(Json::Array).boxed();
    let word = |text: &'static str| Just(Json::Text(text.to_owned())).boxed();
    let extra = object(vec![("canonicalArn", list()), ("arn", list()), ("accessKeyId", list()), ("authentication.kubernetes.io/pod-name", list())]);
    object(vec![
        ("kind", word("Event")),
        ("apiVersion", word("audit.k8s.io/v1")),
        ("verb", word("get")),
        ("auditID", word("x")),
        ("stage", word("ResponseComplete")),
        ("requestURI", key()),
        ("user", object(vec![("username", key()), ("uid", key()), ("extra", extra)])),
        ("impersonatedUser", object(vec![("username", key()), ("uid", key())])),
        ("objectRef", object(vec![("resource", word("serviceaccounts")), ("namespace", key()), ("name", key())])),
        ("sourceIPs", list()),
        ("requestReceivedTimestamp", word("2026-03-20T05:00:00Z")),
    ])
}

fn event() -> BoxedStrategy<Json> {
    prop_oneof![3 => cloudtrail(), 2 => k8s_audit(), 1 => any_json().boxed()].boxed()
}

/// What `keys` says of one line, without the line number.
fn keys_of(enricher: &mut Enricher<'_>, line: &str) -> Value {
    enricher.configure(common::config());
    serde_json::from_slice(enricher.keys(line.as_bytes())).expect("one JSON object a line")
}

/// A pointer's text as `serde_json` sees it.
fn text_at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The members of an object as written, duplicates kept.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

fn members_of(line: &[u8]) -> Option<Vec<(String, Value)>> {
    serde_json::from_slice::<Members>(line).ok().map(|members| members.0)
}

/// A small snapshot that knows some of the generated keys.
fn known() -> common::Aligned {
    let mut role = common::inventory::role(COVERED, "r1", "AROAPOOLPOOLPOOL0001");
    role.aliases.push(alias(KeyType::AwsAccessKeyId, "AKIAPOOLPOOLPOOL0001"));
    role.workloads = vec!["a\"b\\c\u{1}\u{2028}".to_owned()];
    build(&Inventory { meta: meta("Scan", 1), identities: vec![role], scopes: vec![scope(Provider::Aws, COVERED)], ..Inventory::default() })
}

proptest! {
    #![proptest_config(cases(3000))]

    /// However a document is written, the same identities are seen as in the document that
    /// `serde_json` makes of it: no duplicates, no escapes, no blanks, members sorted.
    #[test]
    fn the_scanner_sees_what_serde_json_sees(json in event(), seed in any::<u64>()) {
        let line = Writer::write(&json, seed);
        let value: Value = serde_json::from_str(&line).expect("generated documents are JSON");
        let plain = serde_json::to_string(&value).unwrap();
        let mut enricher = Enricher::new(common::config());
        prop_assert_eq!(keys_of(&mut enricher, &line), keys_of(&mut enricher, &plain), "{} and {}", line, plain);
    }

    /// The same, field by field, for sessions of roles and for IAM users.
    #[test]
    fn the_fields_of_cloudtrail_are_those_of_serde_json(json in cloudtrail(), seed in any::<u64>()) {
        let line = Writer::write(&json, seed);
        let value: Value = serde_json::from_str(&line).unwrap();
        let seen = keys_of(&mut Enricher::new(common::config()), &line);
        let is_event = value.get("userIdentity").is_some_and(|v| !v.is_null())
            && value.get("eventName").is_some_and(|v| !v.is_null())
            && (value.get("eventSource").is_some_and(|v| !v.is_null()) || value.get("eventVersion").is_some_and(|v| !v.is_null()));
        prop_assume!(is_event && !text_at(&value, "/eventSource").starts_with("aws:"));
        prop_assert_eq!(&seen["format"], "aws_cloudtrail");
        let identity = "/userIdentity";
        let issuer = format!("{identity}/sessionContext/sessionIssuer");
        let first = |text: &str| text.split(':').next().unwrap_or("").to_owned();
        // Ids may be numbers; none of those is shaped as a key.
        let mut expected: Vec<(KeyType, String)> = Vec::new();
        let mut add = |key_type: KeyType, text: String| {
            if enrich_core::key::check_value(key_type, &text).is_ok() && !expected.contains(&(key_type, text.clone())) {
                expected.push((key_type, text));
            }
        };
        match text_at(&value, "/userIdentity/type") {
            "AssumedRole" => {
                add(KeyType::AwsPrincipalId, text_at(&value, &format!("{issuer}/principalId")).to_owned());
                add(KeyType::AwsPrincipalId, first(text_at(&value, "/userIdentity/principalId")));
                add(KeyType::AwsArn, text_at(&value, &format!("{issuer}/arn")).to_owned());
            }
            "IAMUser" if text_at(&value, &format!("{issuer}/arn")).is_empty() => {
                add(KeyType::AwsPrincipalId, first(text_at(&value, "/userIdentity/principalId")));
                add(KeyType::AwsArn, text_at(&value, "/userIdentity/arn").to_owned());
            }
            _ => return Ok(()),
        }
        let has_key = !expected.is_empty();
        let access_key = text_at(&value, "/userIdentity/accessKeyId").to_owned();
        // By itself a temporary key leads to nobody.
        if (has_key || access_key.starts_with("AKIA")) && enrich_core::key::check_value(KeyType::AwsAccessKeyId, &access_key).is_ok() {
            expected.push((KeyType::AwsAccessKeyId, access_key));
        }
        let actor = seen["identities"].as_array().unwrap().iter().find(|identity| {
            identity["role"] == "actor" && identity["keys"][0]["type"] != "aws_service"
        });
        let keys: Vec<(KeyType, String)> = actor.map_or_else(Vec::new, |actor| {
            actor["keys"].as_array().unwrap().iter().map(|key| {
                (KeyType::parse(key["type"].as_str().unwrap()).unwrap(), key["value"].as_str().unwrap().to_owned())
            }).collect()
        });
        prop_assert_eq!(keys, expected, "{}", line);
    }

    /// Whatever `whose` comes in at the top, none leaves but ours; the rest is untouched.
    #[test]
    fn forged_context_is_removed(json in event(), forged in vec((any::<prop::sample::Index>(), any_json()), 0..4), seed in any::<u64>()) {
        let Json::Object(mut members) = json else { return Ok(()) };
        for (at, value) in forged {
            members.insert(at.index(members.len() + 1), ("whose".to_owned(), value));
        }
        let line = Writer::write(&Json::Object(members.clone()), seed);
        let bytes = known();
        let mut enricher = common::enricher(&bytes);
        let out = enricher.enrich(line.as_bytes()).to_vec();
        let came_in = members.iter().filter(|(name, _)| name == "whose").count();
        prop_assert_eq!(enricher.stats().forged_removed, came_in as u64, "{}", line);
        let left = members_of(&out).expect("JSON stays JSON");
        let ours: Vec<_> = left.iter().filter(|(name, _)| name == "whose").collect();
        prop_assert_eq!(ours.len() as u64, enricher.stats().enriched);
        if let Some((_, ours)) = ours.first() {
            prop_assert_eq!(left.last().map(|(name, _)| name.as_str()), Some("whose"), "inserted last");
            prop_assert_eq!(&ours["snapshot"]["organization"], &Value::Null);
            prop_assert!(ours["v"] == 1 && ours["snapshot"]["digest"].as_str().is_some_and(|digest| digest.starts_with("blake3:")));
        }
        let before: Vec<_> = members_of(line.as_bytes()).unwrap().into_iter().filter(|(name, _)| name != "whose").collect();
        let after: Vec<_> = left.into_iter().filter(|(name, _)| name != "whose").collect();
        prop_assert_eq!(before, after);
        if came_in == 0 {
            // Byte for byte, but for what was put in.
            let close = line.rfind('}').unwrap();
            prop_assert!(out.starts_with(&line.as_bytes()[..close]) && out.ends_with(&line.as_bytes()[close..]));
        }
    }

    /// Records of an envelope are cleaned and enriched one by one.
    #[test]
    fn records_are_events(records in vec((event(), any::<bool>()), 0..4), seed in any::<u64>()) {
        let records: Vec<Json> = records.into_iter().map(|(json, is_forged)| match json {
            Json::Object(mut members) if is_forged => {
                members.push(("whose".to_owned(), Json::Text("forged".to_owned())));
                Json::Object(members)
            }
            other => other,
        }).collect();
        let bytes = known();
        let mut enricher = common::enricher(&bytes);
        for envelope in [Json::Object(vec![("Records".to_owned(), Json::Array(records.clone()))]), Json::Array(records.clone())] {
            let line = Writer::write(&envelope, seed);
            let out = enricher.enrich(line.as_bytes()).to_vec();
            let out: Value = serde_json::from_slice(&out).expect("JSON stays JSON");
            let before: Value = serde_json::from_str(&line).unwrap();
            let list = |value: &Value| value.get("Records").unwrap_or(value).as_array().unwrap().clone();
            for (before, after) in list(&before).into_iter().zip(list(&out)) {
                let Value::Object(mut after) = after else { prop_assert_eq!(before, after); continue };
                let Value::Object(mut before) = before else { panic!("{line}") };
                // What is an envelope itself carries its context further inside.
                if ["Records", "records", "Events", "logEvents", "items"].iter().any(|name| before.contains_key(*name)) { continue }
                before.remove("whose");
                if let Some(ours) = after.remove("whose") {
                    prop_assert_eq!(&ours["v"], 1);
                }
                prop_assert_eq!(before, after);
            }
        }
    }

    /// Bytes of any kind: no panic, the same lines, and nothing changed that is not JSON.
    #[test]
    fn any_bytes_keep_their_lines(input in vec(any::<u8>(), 0..300)) {
        lines_are_kept(&input);
    }

    /// Bytes that are nearly events: cut, repeated, overwritten.
    #[test]
    fn damaged_events_keep_their_lines(
        json in event(),
        seed in any::<u64>(),
        damage in vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]\",:\\\n\r 0u\x00\x7F\xC3".to_vec())], 0..3_u8), 0..6),
    ) {
        let mut input = Writer::write(&json, seed).into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(input.len().max(1));
            match how {
                0 if !input.is_empty() => input[at] = byte,
                1 => input.insert(at.min(input.len()), byte),
                _ => input.truncate(at),
            }
        }
        lines_are_kept(&input);
    }

    /// Many lines, each with its own end.
    #[test]
    fn line_ends_stay(lines in vec((event(), any::<u64>(), 0..4_u8), 0..6), last in any::<bool>()) {
        let mut input = Vec::new();
        for (json, seed, end) in &lines {
            if *end != 3 {
                input.extend_from_slice(Writer::write(json, *seed).as_bytes());
            }
            input.extend_from_slice(if *end == 1 { b"\r\n" } else { b"\n" });
        }
        if last {
            input.pop();
        }
        lines_are_kept(&input);
    }
}

/// Removes every member `whose`, however deep.
fn without_whose(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("whose");
            members.values_mut().for_each(without_whose);
        }
        Value::Array(items) => items.iter_mut().for_each(without_whose),
        _ => {}
    }
}

fn lines_are_kept(input: &[u8]) {
    let bytes = known();
    let mut enricher = common::enricher(&bytes);
    let out = enricher.enrich(input).to_vec();
    let before: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    let after: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(before.len(), after.len(), "one line out for each line in");
    for (before, after) in before.iter().zip(&after) {
        let end = |line: &[u8]| (line.ends_with(b"\n"), line.ends_with(b"\r\n"));
        assert_eq!(end(before), end(after));
        if before == after {
            continue;
        }
        assert!(std::str::from_utf8(before).is_ok(), "what is not UTF-8 leaves as it came");
        if let Ok(mut event) = serde_json::from_slice::<Value>(before) {
            let mut extended: Value = serde_json::from_slice(after).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(after)));
            without_whose(&mut event);
            without_whose(&mut extended);
            assert_eq!(event, extended);
        }
    }
    let stats = enricher.stats();
    let filled = before.iter().filter(|line| line.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))).count();
    assert_eq!(stats.lines, filled as u64);
    let mut again = common::enricher(&bytes);
    let twice = again.enrich(&out).to_vec();
    assert_eq!(again.enrich(&twice), twice, "enriching what is enriched replaces the context by itself");
    // The other entry takes the same bytes.
    let mut keys = Enricher::new(Config::default());
    let lines = keys.keys(input).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice::<Value>(line).unwrap()).count();
    assert_eq!(lines, before.len());
}

/// As deep as allowed, and one deeper: inside and outside of what is read, and as `serde_json` sees it.
#[test]
fn depth_has_a_limit() {
    let bytes = known();
    let nested = |depth: usize, open: &str, close: &str| format!("{}0{}", open.repeat(depth), close.repeat(depth));
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        for member in ["x", "userIdentity", "resources", "requestParameters"] {
            for brackets in [1, 60, 120, 126, 127, 128, 129, 200, 5000] {
                let step = open.matches(['[', '{']).count();
                let depth = 1 + (brackets - 1) / step * step;
                let line = format!("{{\"{member}\":{}}}", nested((brackets - 1) / step, open, close));
                let mut enricher = common::enricher(&bytes);
                let out = enricher.enrich(line.as_bytes()).to_vec();
                assert_eq!(out, line.as_bytes());
                let stats = enricher.stats();
                assert_eq!((stats.too_deep, stats.unrecognized), if depth > 128 { (1, 0) } else { (0, 1) }, "{member}, {depth} deep, {open}");
            }
        }
    }
    // The limit of the configuration, and an event that stays under it.
    let config = Config::from_json(br#"{"limits":{"max_depth":4}}"#).unwrap();
    let event = role_event(COVERED, "r1", "AROAPOOLPOOLPOOL0001", "2026-03-20T05:00:00Z");
    for (line, too_deep) in [(event.clone(), 0), (format!("{{\"Records\":[{event}]}}"), 1)] {
        let mut enricher = Enricher::new(config.clone());
        enricher.attach(&bytes, Check::All, None).unwrap();
        let changed = enricher.enrich(line.as_bytes()) != line.as_bytes();
        assert_eq!((enricher.stats().too_deep, changed), (too_deep, too_deep == 0));
    }
}

/// Documents that no reader may take: unpaired surrogates, broken escapes, bare control characters,
/// in what is read. They leave as they came.
#[test]
fn broken_strings_leave_as_they_came() {
    let bytes = known();
    let event = role_event(COVERED, "r1", "AROAPOOLPOOLPOOL0001", "2026-03-20T05:00:00Z");
    for broken in ["\\ud800", "\\udc00", "\\ud800\\u0041", "\\ud83d\\ud83d", "\\u12", "\\u12g4", "\\x41", "\\", "\u{1}", "\\U0041"] {
        let line = event.replace("GetObject", broken);
        let mut enricher = common::enricher(&bytes);
        assert_eq!(enricher.enrich(line.as_bytes()), line.as_bytes(), "{broken}");
        assert_eq!((enricher.stats().not_json, enricher.stats().enriched), (1, 0), "{broken}");
        assert!(serde_json::from_str::<Value>(&line).is_err());
    }
    for good in ["\\ud83d\\ude00", "\\u0000", "\\/", "é", "\u{7f}", "\u{10FFFF}"] {
        let line = event.replace("GetObject", good);
        let mut enricher = common::enricher(&bytes);
        enricher.enrich(line.as_bytes());
        assert_eq!(enricher.stats().enriched, 1, "{good}");
    }
}

/// Times that are none are not guessed: what `eventTime` shows is a time or nothing.
#[test]
fn no_time_is_guessed() {
    let bytes = known();
    for (text, is_time) in [
        ("2026-03-20T05:00:00Z", true),
        ("2016-12-31T23:59:60Z", true),
        ("2026-03-20T05:00:61Z", false),
        ("2026-03-20T05:00:99Z", false),
        ("2026-03-20T05:61:00Z", false),
        ("2026-03-20T05:00:00+99:00", false),
        ("2026-03-20", false),
        ("1773982800", false),
    ] {
        let mut enricher = common::enricher(&bytes);
        let context = common::context_of(&mut enricher, &role_event(COVERED, "r1", "AROAPOOLPOOLPOOL0001", text));
        assert_eq!(context["snapshot"]["event_time"] == "absent", !is_time, "{text}");
    }
}

/// Of candidates that the event's own id rules out, none is counted.
#[test]
fn candidates_that_are_ruled_out_are_not_counted() {
    let with_id = |number: usize, id: Option<&str>| {
        let mut identity = Identity::new(&uid(number), "x", Kind::IamRole, Provider::Aws, COVERED);
        identity.aliases = vec![alias(KeyType::AwsArn, &Pool::Arn(1).parts().2)];
        identity.aliases.extend(id.map(|id| alias(KeyType::AwsPrincipalId, id)));
        identity
    };
    let identities = vec![with_id(0, None), with_id(1, None), with_id(2, Some("AROASOMEBODYELSE0001"))];
    let bytes = build(&Inventory { meta: meta("Model", 1), identities, scopes: vec![scope(Provider::Aws, COVERED)], ..Inventory::default() });
    let mut enricher = common::enricher(&bytes);
    let context = common::context_of(&mut enricher, &role_event(COVERED, "r1", "AROAPOOLPOOLPOOL0001", "2026-03-20T05:00:00Z"));
    let identity = &context["identities"][0];
    assert_eq!(identity["candidates"].as_array().map(Vec::len), Some(2), "{identity}");
    assert_eq!(identity["candidate_count"], 2);
}

/// A key of one identity is not another's, wherever it stands in the tables: the last identity
/// does not hold the ids that others share.
#[test]
fn shared_ids_are_not_those_of_the_last_identity() {
    let named = |number: usize, keys: Vec<Alias>| {
        let mut identity = Identity::new(&uid(number), "x", Kind::IamRole, Provider::Aws, COVERED);
        identity.aliases = keys;
        identity
    };
    let shared = || alias(KeyType::AwsPrincipalId, "AROASHAREDSHARED0001");
    let identities = vec![named(0, vec![shared()]), named(1, vec![shared()]), named(2, vec![alias(KeyType::AwsArn, &Pool::Arn(1).parts().2)])];
    let bytes = build(&Inventory { meta: meta("Model", 1), identities, scopes: vec![scope(Provider::Aws, COVERED)], ..Inventory::default() });
    let mut enricher = common::enricher(&bytes);
    let context = common::context_of(&mut enricher, &role_event(COVERED, "r1", "AROAPOOLPOOLPOOL0001", "2026-03-20T05:00:00Z"));
    assert_eq!((&context["identities"][0]["outcome"], &context["identities"][0]["uid"]), (&"matched".into(), &uid(2).into()));
}
