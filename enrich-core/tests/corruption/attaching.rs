//! What attaching refuses, and what a damaged snapshot does once it is attached.

use super::*;

/// On first touch: what only touches good chunks is enriched as ever; what touches the damaged one,
/// and everything after, leaves as it came and is counted. Nothing wrong is ever said.
#[test]
fn damage_shows_on_first_touch() {
    const COUNT: usize = 3 * MANY;
    let good = build(&many(COUNT));
    let body = body_at(&good);
    let chunks = (good.len() - body).div_ceil(CHUNK_LEN);
    let events: Vec<String> = (0..COUNT)
        .step_by(97)
        .map(|n| {
            role_event(
                ACCOUNT,
                &many_path(n),
                &many_principal(n),
                "2026-03-20T05:30:00Z",
            )
        })
        .collect();
    let expected: Vec<Vec<u8>> = {
        let mut enricher = Enricher::new(Config::default());
        enricher.attach(&good, Check::OnFirstTouch, None).unwrap();
        let out = events
            .iter()
            .map(|event| enricher.enrich(event.as_bytes()).to_vec())
            .collect();
        assert_eq!(
            (enricher.stats().damaged, enricher.stats().enriched),
            (0, events.len() as u64)
        );
        out
    };
    let (mut before_damage, mut met) = (0, 0);
    let mut lcg = Lcg(6);
    for chunk in 0..chunks {
        let from = body + chunk * CHUNK_LEN;
        let mut bytes = good.clone();
        // The last bytes are the end of the last section, which is looked at when it is opened.
        let at = from + lcg.below(CHUNK_LEN.min(good.len() - from - 64));
        bytes[at] ^= 0x10;
        let mut enricher = Enricher::new(Config::default());
        if enricher.attach(&bytes, Check::OnFirstTouch, None).is_err() {
            continue;
        }
        let mut damaged = 0;
        for (event, expected) in events.iter().zip(&expected) {
            let out = enricher.enrich(event.as_bytes()).to_vec();
            let now = enricher.stats().damaged;
            if now > damaged {
                assert_eq!(
                    out,
                    event.as_bytes(),
                    "chunk {chunk}: a damaged line leaves as it came"
                );
            } else {
                assert_eq!(damaged, 0, "chunk {chunk}: once damaged, always damaged");
                assert!(out == *expected, "chunk {chunk}: nothing wrong is said");
                before_damage += 1;
            }
            damaged = now;
        }
        met += usize::from(damaged > 0);
        assert_eq!(enricher.stats().enriched + damaged, events.len() as u64);
        assert_eq!(enricher.stats().lines, events.len() as u64);
    }
    assert!(
        before_damage > 0,
        "no event was enriched before the damage was met"
    );
    // Events of roles touch no credentials, so a chunk of nothing else stays unread.
    assert!(met >= chunks - 2, "{met} of {chunks} chunks were touched");
}

/// A lookup by hand says nothing out of a damaged snapshot either.
#[test]
fn lookup_says_nothing_out_of_a_damaged_snapshot() {
    let good = build(&full());
    let key = KEYS[0];
    let answer = {
        let mut enricher = Enricher::new(Config::default());
        enricher.attach(&good, Check::OnFirstTouch, None).unwrap();
        enricher.lookup(key).unwrap().to_vec()
    };
    let mut bytes = good.clone();
    let at = body_at(&bytes) + 70;
    bytes[at] ^= 1;
    let mut enricher = Enricher::new(Config::default());
    enricher.attach(&bytes, Check::OnFirstTouch, None).unwrap();
    match enricher.lookup(key) {
        Err(_) => {}
        Ok(found) => {
            let found: serde_json::Value = serde_json::from_slice(found).unwrap();
            panic!(
                "the only chunk is damaged, and the lookup says {} (undamaged: {} bytes)",
                found["outcome"],
                answer.len()
            );
        }
    }
}

/// A forged context leaves neither from a damaged snapshot: a line that can be read is cleaned.
#[test]
fn damage_lets_no_forged_context_through() {
    let mut bytes = build(&full());
    let at = body_at(&bytes) + 70;
    bytes[at] ^= 1;
    let mut enricher = Enricher::new(Config::default());
    enricher.attach(&bytes, Check::OnFirstTouch, None).unwrap();
    let event = role_event(
        ACCOUNT,
        "ci/deployer",
        "AROAGOLDENDEPLOYER01",
        "2026-03-20T05:00:00Z",
    );
    let forged = format!("{{\"whose\":{{\"v\":1}},{}", &event[1..]);
    let out = String::from_utf8(enricher.enrich(forged.as_bytes()).to_vec()).unwrap();
    assert_eq!(enricher.stats().damaged, 1);
    assert_eq!(
        out, event,
        "the event as it came, without the forged member"
    );
}

/// A damaged snapshot is refused when attaching it already shows the damage: what was attached
/// before goes on.
#[test]
fn damage_met_while_attaching_is_a_refusal() {
    let good = build(&full());
    let mut older = full();
    older.meta.sequence -= 1;
    let mut bytes = build(&older);
    let at = body_at(&bytes) + 70;
    bytes[at] ^= 1;
    let mut enricher = Enricher::new(Config::default());
    attach(&mut enricher, &good).unwrap();
    let second = enricher.attach(&bytes, Check::OnFirstTouch, None);
    assert!(
        second.is_err(),
        "older, damaged, and attached beside the good one"
    );
    let event = role_event(
        ACCOUNT,
        "ci/deployer",
        "AROAGOLDENDEPLOYER01",
        "2026-03-20T05:00:00Z",
    );
    assert_eq!(common::outcome_of(&mut enricher, &event), "matched");
}

#[test]
fn older_than_the_attached_one() {
    let generation = |sequence| {
        let mut inventory = full();
        inventory.meta.sequence = sequence;
        build(&inventory)
    };
    let (older, attached, newer) = (generation(40), generation(41), generation(42));
    let mut enricher = Enricher::new(common::config());
    let handle = attach(&mut enricher, &attached).unwrap();
    let error = attach(&mut enricher, &older).unwrap_err();
    assert_eq!(
        error,
        Rollback {
            found: 40,
            attached: 41
        }
    );
    assert_eq!(
        error.to_string(),
        "snapshot has sequence 40, older than the attached 41; publish a newer one, or detach first if going back is meant"
    );
    for check in [Check::ByHost, Check::OnFirstTouch] {
        assert_eq!(
            enricher.attach(&older, check, None).unwrap_err(),
            Rollback {
                found: 40,
                attached: 41
            }
        );
    }
    let event = role_event(
        ACCOUNT,
        "ci/deployer",
        "AROAGOLDENDEPLOYER01",
        "2026-03-20T05:00:00Z",
    );
    assert_eq!(
        common::outcome_of(&mut enricher, &event),
        "matched",
        "the attached one goes on"
    );
    let second = attach(&mut enricher, &newer).unwrap();
    enricher.detach(handle).unwrap();
    assert_eq!(
        attach(&mut enricher, &attached).unwrap_err(),
        Rollback {
            found: 41,
            attached: 42
        }
    );
    enricher.detach(second).unwrap();
    attach(&mut enricher, &older).expect("going back is meant");
}

#[test]
fn expired() {
    let bytes = build(&full());
    let ended_ms = CREATED_MS + 86_400_000;
    let mut enricher = Enricher::new(Config::default());
    let error = enricher
        .attach(&bytes, Check::All, Some(ended_ms + 1))
        .unwrap_err();
    assert_eq!(error, Expired { ended_ms });
    assert_eq!(
        error.to_string(),
        "snapshot expired at 2026-03-21T06:00:00Z; build a new one"
    );
    assert_eq!(
        enricher
            .attach(&bytes, Check::All, Some(i64::MAX))
            .unwrap_err(),
        Expired { ended_ms }
    );
    for now in [None, Some(ended_ms), Some(CREATED_MS), Some(i64::MIN)] {
        let handle = enricher
            .attach(&bytes, Check::All, now)
            .expect("not expired");
        enricher.detach(handle).unwrap();
    }
    let forever = build(&Inventory {
        meta: Meta {
            valid_for_s: 0,
            ..full().meta
        },
        ..full()
    });
    enricher
        .attach(&forever, Check::All, Some(i64::MAX))
        .expect("no limit is declared");
    let long = build(&Inventory {
        meta: Meta {
            valid_for_s: u64::MAX,
            ..full().meta
        },
        ..full()
    });
    enricher
        .attach(&long, Check::All, Some(i64::MAX))
        .expect("longer than time");
}

#[test]
fn layers_that_do_not_fit() {
    let base = build(&full());
    let overlay = build(&Inventory {
        meta: Meta {
            overlay_of: Some(digest(&base)),
            ..meta("Golden Works", 1)
        },
        ..Inventory::default()
    });
    let mut enricher = Enricher::new(Config::default());
    let missing = digest(&base)[..8].try_into().unwrap();
    assert_eq!(
        attach(&mut enricher, &overlay).unwrap_err(),
        MissingBase { base: missing }
    );
    assert_eq!(
        enricher.detach(LayerHandle::from_number(0)).unwrap_err(),
        UnknownHandle { handle: 0 }
    );
    assert_eq!(
        enricher.detach(LayerHandle::from_number(-1)).unwrap_err(),
        UnknownHandle { handle: -1 }
    );

    let bottom = attach(&mut enricher, &base).unwrap();
    let top = attach(&mut enricher, &overlay).unwrap();
    assert_eq!(
        enricher.detach(bottom).unwrap_err(),
        BaseInUse {
            handle: bottom.number()
        }
    );
    enricher.detach(top).unwrap();
    assert_eq!(
        enricher.detach(top).unwrap_err(),
        UnknownHandle {
            handle: top.number()
        }
    );
    enricher.detach(bottom).unwrap();
    assert_eq!(
        attach(&mut enricher, &overlay).unwrap_err(),
        MissingBase { base: missing }
    );
}

#[test]
fn the_65th_layer() {
    let shards: Vec<Aligned> = (0..=MAX_LAYERS)
        .map(|number| {
            let account = format!("{number:012}");
            let mut inventory = Inventory {
                meta: meta("Golden Works", 1),
                ..Inventory::default()
            };
            inventory.identities = vec![role(&account, "x", &format!("AROASHARD{number:012}"))];
            inventory.scopes = vec![scope(Provider::Aws, &account)];
            build(&inventory)
        })
        .collect();
    let mut enricher = Enricher::new(Config::default());
    let handles: Vec<LayerHandle> = shards[..MAX_LAYERS]
        .iter()
        .map(|shard| attach(&mut enricher, shard).unwrap())
        .collect();
    assert_eq!(MAX_LAYERS, 64);
    assert_eq!(
        attach(&mut enricher, &shards[MAX_LAYERS]).unwrap_err(),
        TooManyLayers { limit: 64 }
    );
    for number in [0, 31, 63] {
        let event = role_event(
            &format!("{number:012}"),
            "x",
            &format!("AROASHARD{number:012}"),
            "2026-03-20T05:00:00Z",
        );
        assert_eq!(common::outcome_of(&mut enricher, &event), "matched");
    }
    enricher.detach(handles[31]).unwrap();
    attach(&mut enricher, &shards[MAX_LAYERS]).expect("there is room again");
    let event = role_event(
        &format!("{:012}", 31),
        "x",
        &format!("AROASHARD{:012}", 31),
        "2026-03-20T05:00:00Z",
    );
    assert_eq!(common::outcome_of(&mut enricher, &event), "out_of_scope");
}

/// Every message a person may read says whose fault it is and what to do.
#[test]
fn messages_name_the_remedy() {
    for (error, code, text) in [
        (
            NotASnapshot,
            -4,
            "not a snapshot: the first bytes are wrong; give a file written by `whose-snapshot build`, unchanged by text-mode transfer",
        ),
        (
            UnsupportedMajor {
                found: 2,
                supported: 1,
            },
            -5,
            "snapshot has format major 2, this module reads 1; either use a module of that major or rebuild the snapshot with the matching whose-snapshot",
        ),
        (
            Truncated { need: 320, have: 3 },
            -6,
            "snapshot is cut off: 3 bytes of 320; copy it again and publish it by rename",
        ),
        (
            DigestMismatch,
            -7,
            "snapshot digest does not fit its header, directory or chunk table; the file was changed after it was built",
        ),
        (
            ChunkMismatch {
                chunk: 2,
                offset: 4096,
            },
            -7,
            "snapshot chunk 2 (from byte 4096) does not have its digest; the file was changed after it was built",
        ),
        (
            Unsigned,
            -8,
            "snapshot is not signed and a signature is required; sign it with `whose-snapshot sign`, or do not require one",
        ),
        (
            UntrustedSigner { signer: [0xAB; 8] },
            -9,
            "snapshot is signed by a key that is not trusted here (abababababababab…); add that key to the trusted keys only if it is yours",
        ),
        (
            BadSignature,
            -10,
            "snapshot signature does not fit its header; the file was changed after it was signed",
        ),
        (
            Layout {
                offset: 12,
                what: "header length is not 320",
            },
            -12,
            "snapshot is malformed at byte 12: header length is not 320; rebuild it",
        ),
        (
            MissingBase { base: [1; 8] },
            -13,
            "overlay belongs to a base that is not attached (0101010101010101…); attach that base first",
        ),
        (
            TooManyLayers { limit: 64 },
            -14,
            "64 layers are attached already; detach one or merge shards",
        ),
        (
            UnknownHandle { handle: 7 },
            -15,
            "no attached layer has the handle 7",
        ),
        (
            BaseInUse { handle: 7 },
            -15,
            "layer 7 is the base of an attached overlay; detach the overlay first",
        ),
        (
            Unaligned,
            -2,
            "snapshot bytes must start at a multiple of 64; allocate them with that alignment",
        ),
        (
            BadTrustedKey,
            -3,
            "a trusted key is not an ed25519 public key; check the configuration",
        ),
        (
            Inconsistent {
                section: 5,
                row: 9,
                what: "key is not found by its own value",
            },
            -12,
            "snapshot is inconsistent in section 5, row 9: key is not found by its own value; rebuild it",
        ),
    ] {
        assert_eq!((error.code(), error.to_string().as_str()), (code, text));
    }
}
