//! A model of lookups: few keys, plain maps, the rules of the design in their own words.

use super::*;

/// A hand of hours before the snapshot: times collide often, so that bounds are met exactly.
pub(super) fn tick(n: u8) -> i64 {
    CREATED_MS - 6 * HOUR_MS + i64::from(n) * HOUR_MS
}

pub(super) fn tick_text(n: u8) -> String {
    format!("2026-03-20T{n:02}:00:00Z")
}

/// One of few keys, so that identities share them and events meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Pool {
    Arn(u8),
    Principal(u8),
    AccessKey(u8),
    User(u8),
    Uid(u8),
}

impl Pool {
    pub(super) fn parts(self) -> (KeyType, &'static str, String) {
        match self {
            Self::Arn(n) => (
                KeyType::AwsArn,
                "",
                format!("arn:aws:iam::{}:role/r{n}", account_of(n)),
            ),
            Self::Principal(n) => (
                KeyType::AwsPrincipalId,
                "",
                format!("AROAPOOLPOOLPOOL{n:04}"),
            ),
            Self::AccessKey(n) => (
                KeyType::AwsAccessKeyId,
                "",
                format!("AKIAPOOLPOOLPOOL{n:04}"),
            ),
            Self::User(n) => (
                KeyType::K8sUser,
                CLUSTER,
                format!("system:serviceaccount:ns:sa{n}"),
            ),
            Self::Uid(n) => (
                KeyType::K8sUid,
                CLUSTER,
                format!("00000000-0000-4000-8000-{n:012}"),
            ),
        }
    }

    pub(super) fn is_unique_id(self) -> bool {
        matches!(self, Self::Principal(_) | Self::Uid(_))
    }

    pub(super) fn is_same_type(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// The last role is of an account that no snapshot covers.
pub(super) fn account_of(role: u8) -> &'static str {
    if role == 4 { NOT_COVERED } else { COVERED }
}

pub(super) fn pool() -> impl Strategy<Value = Pool> {
    prop_oneof![
        (0..5_u8).prop_map(Pool::Arn),
        (0..5_u8).prop_map(Pool::Principal),
        (0..3_u8).prop_map(Pool::AccessKey),
        (0..4_u8).prop_map(Pool::User),
        (0..4_u8).prop_map(Pool::Uid),
    ]
}

#[derive(Clone, Debug)]
pub(super) struct PlainIdentity {
    pub(super) keys: Vec<(Pool, Option<u8>, Option<u8>)>,
    retired: Option<u8>,
}

pub(super) fn plain_identity() -> impl Strategy<Value = PlainIdentity> {
    let bound = || prop_oneof![2 => Just(None), 1 => (0..13_u8).prop_map(Some)];
    (
        vec((pool(), bound(), bound()), 0..5),
        prop_oneof![3 => Just(None), 1 => (0..13_u8).prop_map(Some)],
    )
        .prop_map(|(keys, retired)| {
            let keys = keys
                .into_iter()
                .map(|(key, from, to)| match (from, to) {
                    (Some(from), Some(to)) if to < from => (key, Some(to), Some(from)),
                    other => (key, other.0, other.1),
                })
                // A key that begins after its identity ended is a mistake of the source.
                .map(|(key, from, to)| {
                    (key, from.map(|from| from.min(retired.unwrap_or(from))), to)
                })
                .collect();
            PlainIdentity { keys, retired }
        })
}

pub(super) fn uid(number: usize) -> String {
    format!("test:{number:02}")
}

pub(super) fn to_inventory(plain: &[PlainIdentity]) -> Inventory {
    let identities = plain.iter().enumerate().map(|(number, plain)| {
        let mut identity = Identity::new(&uid(number), "x", Kind::IamRole, Provider::Aws, COVERED);
        identity.aliases = plain
            .keys
            .iter()
            .map(|(key, from, to)| {
                let (key_type, domain, value) = key.parts();
                Alias {
                    domain: domain.to_owned(),
                    ..alias_during(key_type, &value, from.map(tick), to.map(tick))
                }
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
pub(super) type Model = HashMap<Pool, Vec<(usize, i64, i64)>>;

pub(super) fn to_model(plain: &[PlainIdentity]) -> Model {
    let mut model: Model = HashMap::new();
    for (number, identity) in plain.iter().enumerate() {
        for (key, from, to) in &identity.keys {
            let from = from.map_or(i64::MIN, tick);
            let to = to
                .map_or(i64::MAX, tick)
                .min(identity.retired.map_or(i64::MAX, tick));
            model.entry(*key).or_default().push((number, from, to));
        }
    }
    model
}

/// What an observed identity comes to, in the words of the design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Matched(usize),
    /// Any of these: of several removed at the same time, none is preferred.
    Retired(BTreeSet<usize>),
    Ambiguous(BTreeSet<usize>),
    NotFoundAtTime,
    NotFound,
    OutOfScope,
}

/// The design's rules, on plain maps: keys in their order, unique ids before names.
pub(super) fn expected(
    plain: &[PlainIdentity],
    model: &Model,
    keys: &[Pool],
    covered: bool,
    time: i64,
) -> Expected {
    let knows = |identity: usize, kind: Pool| {
        plain[identity]
            .keys
            .iter()
            .filter(move |(key, ..)| key.is_same_type(kind))
            .map(|(key, ..)| *key)
    };
    let mut best: Option<(u8, Expected)> = None;
    let mut has_refused = false;
    for key in keys {
        let Some(holders) = model.get(key) else {
            continue;
        };
        // A name that leads to an identity whose id is another than the event's is no match.
        let fits = |identity: usize| {
            key.is_unique_id()
                || keys.iter().filter(|id| id.is_unique_id()).all(|id| {
                    let mut known = knows(identity, *id).peekable();
                    known.peek().is_none() || known.any(|known| known == *id)
                })
        };
        let holders: Vec<_> = holders
            .iter()
            .copied()
            .filter(|(identity, ..)| fits(*identity))
            .collect();
        if holders.is_empty() {
            has_refused = true;
            continue;
        }
        let now: BTreeSet<usize> = holders
            .iter()
            .filter(|(_, from, to)| *from <= time && time < *to)
            .map(|(identity, ..)| *identity)
            .collect();
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
        if decides
            && best
                .as_ref()
                .is_some_and(|(known, _)| *known == 4 || *known != 2)
        {
            break;
        }
    }
    match best {
        Some((_, found)) => found,
        None if has_refused || covered => Expected::NotFound,
        None => Expected::OutOfScope,
    }
}

pub(super) fn actual(identity: &Value) -> Expected {
    let number = |uid: &Value| {
        uid.as_str()
            .and_then(|uid| uid.strip_prefix("test:"))
            .and_then(|n| n.parse().ok())
            .expect("a uid of the model")
    };
    match identity["outcome"].as_str().expect("an outcome") {
        "matched" => Expected::Matched(number(&identity["uid"])),
        "retired" => Expected::Retired(BTreeSet::from([number(&identity["uid"])])),
        "ambiguous" => {
            let candidates: BTreeSet<usize> = identity["candidates"]
                .as_array()
                .unwrap()
                .iter()
                .map(|candidate| number(&candidate["uid"]))
                .collect();
            assert_eq!(identity["candidate_count"], candidates.len(), "{identity}");
            Expected::Ambiguous(candidates)
        }
        "not_found_at_time" => Expected::NotFoundAtTime,
        "not_found" => Expected::NotFound,
        "out_of_scope" => Expected::OutOfScope,
        other => panic!("{other}"),
    }
}

pub(super) fn agrees(actual: &Expected, expected: &Expected) -> bool {
    match (actual, expected) {
        (Expected::Retired(one), Expected::Retired(any)) => one.is_subset(any),
        _ => actual == expected,
    }
}

/// An event that shows keys of the pool.
#[derive(Clone, Debug)]
pub(super) enum PlainEvent {
    Role {
        arn: u8,
        principal: Option<u8>,
        access_key: Option<u8>,
        time: Option<u8>,
    },
    Cluster {
        user: u8,
        uid: Option<u8>,
        time: Option<u8>,
        impersonated: Option<(u8, Option<u8>)>,
    },
}

pub(super) fn plain_event() -> impl Strategy<Value = PlainEvent> {
    let time = || prop_oneof![1 => Just(None), 8 => (0..13_u8).prop_map(Some)];
    prop_oneof![
        (
            0..6_u8,
            proptest::option::of(0..6_u8),
            proptest::option::of(0..4_u8),
            time()
        )
            .prop_map(|(arn, principal, access_key, time)| PlainEvent::Role {
                arn,
                principal,
                access_key,
                time
            }),
        (
            0..5_u8,
            proptest::option::of(0..5_u8),
            time(),
            proptest::option::of((0..5_u8, proptest::option::of(0..5_u8)))
        )
            .prop_map(|(user, uid, time, impersonated)| PlainEvent::Cluster {
                user,
                uid,
                time,
                impersonated
            }),
    ]
}

impl PlainEvent {
    /// The event, the keys of each of its identities in the order in which they decide, whether
    /// their place is covered, and the time at which they are looked up.
    pub(super) fn render(&self) -> (String, Vec<(Vec<Pool>, bool)>, i64) {
        match self {
            Self::Role {
                arn,
                principal,
                access_key,
                time,
            } => {
                let account = account_of(*arn);
                let id = principal.map_or_else(String::new, |n| Pool::Principal(n).parts().2);
                let mut event = role_event(
                    account,
                    &format!("r{arn}"),
                    &id,
                    &time.map_or_else(String::new, tick_text),
                );
                let mut keys: Vec<Pool> = principal.iter().map(|n| Pool::Principal(*n)).collect();
                keys.push(Pool::Arn(*arn));
                if let Some(n) = access_key {
                    event = event.replace(
                        "\"sessionContext\"",
                        &format!(
                            "\"accessKeyId\":\"{}\",\"sessionContext\"",
                            Pool::AccessKey(*n).parts().2
                        ),
                    );
                    keys.push(Pool::AccessKey(*n));
                }
                (
                    event,
                    vec![(keys, account == COVERED)],
                    time.map_or(CREATED_MS, tick),
                )
            }
            Self::Cluster {
                user,
                uid,
                time,
                impersonated,
            } => {
                let id = |n: &Option<u8>| n.map_or_else(String::new, |n| Pool::Uid(n).parts().2);
                let name = Pool::User(*user).parts().2;
                let mut event = k8s_event(
                    &name,
                    &id(uid),
                    "ns",
                    &time.map_or_else(String::new, tick_text),
                );
                let keys = |user: u8, uid: &Option<u8>| {
                    uid.iter()
                        .map(|n| Pool::Uid(*n))
                        .chain([Pool::User(user)])
                        .collect::<Vec<_>>()
                };
                let mut identities = vec![(keys(*user, uid), true)];
                if let Some((user, uid)) = impersonated {
                    let other = format!(
                        "\"impersonatedUser\":{{\"username\":\"{}\",\"uid\":\"{}\"}},\"sourceIPs\"",
                        Pool::User(*user).parts().2,
                        id(uid)
                    );
                    event = event.replace("\"sourceIPs\"", &other);
                    identities.push((keys(*user, uid), true));
                }
                (event, identities, time.map_or(CREATED_MS, tick))
            }
        }
    }
}
