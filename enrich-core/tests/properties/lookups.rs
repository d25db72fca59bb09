//! Lookups against plain maps.

use super::model::*;
use super::*;

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
            assert!(
                agrees(&actual, &expected),
                "{actual:?}, expected {expected:?}, of {keys:?} at {time} in {event:?}"
            );
        }
    }
}

/// Lookups that are taken together give what each gives alone, in any number.
fn check_together(snapshot: &Snapshot<'_>, keys: &[Key<'_>]) {
    let mut probes = vec![Probe::EMPTY; keys.len()];
    for count in [keys.len(), keys.len().min(16), keys.len().min(3)] {
        let keys = &keys[..count];
        snapshot.probe(keys, &mut probes);
        for (key, probe) in keys.iter().zip(&probes) {
            let mut together = Vec::new();
            snapshot.holders_probed(key, probe, |holder| together.push(holder));
            let mut alone = Vec::new();
            snapshot.holders(key, |holder| alone.push(holder));
            assert_eq!(together, alone, "{key}");
        }
    }
    // A probe of another key leads to nothing that the key does not lead to.
    if let [first, rest @ ..] = keys {
        for key in rest {
            snapshot.probe(&[*first], &mut probes);
            let mut found = Vec::new();
            snapshot.holders_probed(key, &probes[0], |holder| found.push(holder));
            let mut alone = Vec::new();
            snapshot.holders(key, |holder| alone.push(holder));
            assert!(
                found.is_empty() || found == alone,
                "{key} with the probe of {first}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(4000))]

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
        let texts: Vec<_> = (0..6)
            .flat_map(|n| [Pool::Arn(n), Pool::Principal(n), Pool::AccessKey(n), Pool::User(n), Pool::Uid(n)])
            .map(|key| key.parts())
            .collect();
        let keys: Vec<Key<'_>> = texts.iter().map(|(key_type, domain, value)| Key::new(*key_type, domain, value)).collect();
        for check in [Check::ByHost, Check::OnFirstTouch] {
            check_together(&Snapshot::open(&bytes, check, &Trust::default()).unwrap(), &keys);
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
            let mut identity = Identity::new(
                &uid(usize::from(n)),
                "x",
                Kind::ServiceAccount,
                Provider::K8s,
                CLUSTER,
            );
            let last = n + 1 == generations;
            let (key_type, domain, value) = Pool::User(0).parts();
            let ends = (!last).then(|| minute(n + 1));
            identity.aliases = vec![Alias {
                domain: domain.to_owned(),
                ..alias_during(key_type, &value, Some(minute(n)), ends)
            }];
            identity.retired_at_ms = ends;
            identity
        });
        let inventory = Inventory {
            meta: meta("Model", 1),
            identities: identities.collect(),
            scopes: vec![scope(Provider::K8s, CLUSTER)],
            ..Inventory::default()
        };
        let bytes = build(&inventory);
        let mut enricher = common::enricher(&bytes);
        for n in 0..generations {
            let mut time = String::new();
            enrich_core::time::write_rfc3339(&mut time, minute(n) + 1000).unwrap();
            let context = common::context_of(
                &mut enricher,
                &k8s_event(&Pool::User(0).parts().2, "", "ns", &time),
            );
            let identity = &context["identities"][0];
            assert_eq!(
                (&identity["outcome"], &identity["uid"]),
                (&"matched".into(), &uid(usize::from(n)).into()),
                "{n} of {generations} generations"
            );
        }
    }
}

/// More holders than are kept: ambiguous, and their number is right.
#[test]
fn a_key_of_many_holders() {
    for count in [2_usize, 8, 9, 16, 17, 300] {
        let identities = (0..count).map(|n| {
            let mut identity = Identity::new(
                &format!("test:{n:03}"),
                "x",
                Kind::IamUser,
                Provider::Aws,
                COVERED,
            );
            identity.aliases = vec![
                alias(KeyType::AwsAccessKeyId, &Pool::AccessKey(0).parts().2),
                alias(KeyType::AwsPrincipalId, &format!("AIDAMANYHOLDERS{n:05}")),
            ];
            identity
        });
        let bytes = build(&Inventory {
            meta: meta("Model", 1),
            identities: identities.collect(),
            scopes: vec![scope(Provider::Aws, COVERED)],
            ..Inventory::default()
        });
        let mut enricher = common::enricher(&bytes);
        let event = common::user_event(
            COVERED,
            "nobody",
            "",
            &Pool::AccessKey(0).parts().2,
            "2026-03-20T05:00:00Z",
        );
        let context = common::context_of(&mut enricher, &event);
        let identity = &context["identities"][0];
        assert_eq!(
            (&identity["outcome"], &identity["candidate_count"]),
            (&"ambiguous".into(), &count.into()),
            "{count} holders"
        );
        assert_eq!(
            identity["candidates"].as_array().unwrap().len(),
            count.min(8)
        );
    }
}

/// A hundred thousand keys: every one is found, and leads to its own identity; what is nearly one is not.
#[test]
fn many_keys() {
    const COUNT: usize = 50_000;
    let mut lcg = Lcg(9);
    let value = |n: usize, lcg: &mut Lcg| match n % 4 {
        0 => (
            KeyType::AwsArn,
            String::new(),
            format!("arn:aws:iam::{COVERED}:role/{}/{n}", lcg.below(50)),
        ),
        1 => (
            KeyType::K8sUser,
            CLUSTER.to_owned(),
            format!("system:serviceaccount:ns-{}:sa-{n}", lcg.below(300)),
        ),
        2 => (
            KeyType::Email,
            String::new(),
            format!("bot-{n}@team-{}.example", lcg.below(40)),
        ),
        _ => (
            KeyType::OidcSubject,
            "token.example".to_owned(),
            format!("repo:o/r-{n}:ref:{}", lcg.next()),
        ),
    };
    let mut model: HashMap<(KeyType, String, String), u32> = HashMap::new();
    let mut identities = Vec::new();
    for n in 0..COUNT {
        let mut identity = Identity::new(
            &format!("test:{n:06}"),
            "x",
            Kind::Bot,
            Provider::Other,
            "x",
        );
        let (key_type, domain, text) = value(n, &mut lcg);
        let id = (
            KeyType::AwsPrincipalId,
            String::new(),
            format!("AROA{:012}{n:06}", lcg.next() % 1_000_000_000_000),
        );
        for (key_type, domain, text) in [(key_type, domain, text), id] {
            identity.aliases.push(Alias {
                domain: domain.clone(),
                ..alias(key_type, &text)
            });
            assert_eq!(model.insert((key_type, domain, text), n as u32), None);
        }
        identities.push(identity);
    }
    let bytes = build(&Inventory {
        identities,
        ..Inventory::default()
    });
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.key_count(), 2 * COUNT);
    assert_eq!(snapshot.verify(), Ok(()));
    let holders = |key_type, domain: &str, value: &str| {
        let mut found = Vec::new();
        snapshot.holders(&Key::new(key_type, domain, value), |holder| {
            found.push(holder.identity)
        });
        found
    };
    let sorted: BTreeMap<_, _> = model.iter_all();
    let mut keys = Vec::new();
    for (key_type, domain, value) in sorted.keys() {
        keys.push(Key::new(*key_type, domain, value));
        // As long, and nearly always elsewhere.
        keys.push(Key::new(KeyType::GcpPrincipal, domain, value));
    }
    check_together(&snapshot, &keys);
    for ((key_type, domain, value), identity) in &sorted {
        assert_eq!(
            holders(*key_type, domain, value),
            [*identity],
            "{key_type}@{domain}:{value}"
        );
        // Another type, another domain, a byte more, a byte less, a byte changed.
        let at = lcg.below(value.len());
        let mut changed = value.clone();
        let byte = if value.as_bytes()[at] == b'z' {
            "y"
        } else {
            "z"
        };
        changed.replace_range(at..=at, byte);
        for (key_type, domain, value) in [
            (KeyType::GcpPrincipal, domain.as_str(), value.as_str()),
            (*key_type, "elsewhere", value),
            (*key_type, domain, &format!("{value}z")),
            (*key_type, domain, &value[..value.len() - 1]),
            (*key_type, domain, &value[1..]),
            (*key_type, domain, &changed),
        ] {
            let known = sorted
                .get(&(key_type, domain.to_owned(), value.to_owned()))
                .copied();
            assert_eq!(
                holders(key_type, domain, value),
                Vec::from_iter(known),
                "{key_type}@{domain}:{value}"
            );
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

/// Of candidates that the event's own id rules out, none is counted.
#[test]
fn candidates_that_are_ruled_out_are_not_counted() {
    let with_id = |number: usize, id: Option<&str>| {
        let mut identity = Identity::new(&uid(number), "x", Kind::IamRole, Provider::Aws, COVERED);
        identity.aliases = vec![alias(KeyType::AwsArn, &Pool::Arn(1).parts().2)];
        identity
            .aliases
            .extend(id.map(|id| alias(KeyType::AwsPrincipalId, id)));
        identity
    };
    let identities = vec![
        with_id(0, None),
        with_id(1, None),
        with_id(2, Some("AROASOMEBODYELSE0001")),
    ];
    let bytes = build(&Inventory {
        meta: meta("Model", 1),
        identities,
        scopes: vec![scope(Provider::Aws, COVERED)],
        ..Inventory::default()
    });
    let mut enricher = common::enricher(&bytes);
    let context = common::context_of(
        &mut enricher,
        &role_event(
            COVERED,
            "r1",
            "AROAPOOLPOOLPOOL0001",
            "2026-03-20T05:00:00Z",
        ),
    );
    let identity = &context["identities"][0];
    assert_eq!(
        identity["candidates"].as_array().map(Vec::len),
        Some(2),
        "{identity}"
    );
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
    let identities = vec![
        named(0, vec![shared()]),
        named(1, vec![shared()]),
        named(2, vec![alias(KeyType::AwsArn, &Pool::Arn(1).parts().2)]),
    ];
    let bytes = build(&Inventory {
        meta: meta("Model", 1),
        identities,
        scopes: vec![scope(Provider::Aws, COVERED)],
        ..Inventory::default()
    });
    let mut enricher = common::enricher(&bytes);
    let context = common::context_of(
        &mut enricher,
        &role_event(
            COVERED,
            "r1",
            "AROAPOOLPOOLPOOL0001",
            "2026-03-20T05:00:00Z",
        ),
    );
    assert_eq!(
        (
            &context["identities"][0]["outcome"],
            &context["identities"][0]["uid"]
        ),
        (&"matched".into(), &uid(2).into())
    );
}
