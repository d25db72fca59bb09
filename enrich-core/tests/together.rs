//! Lines that are read together, as in a large snapshot, leave as each leaves alone.

mod common;

use common::inventory::{ACCOUNT, many, many_path, many_principal};
use common::{Aligned, Lcg, build, config, digest, role_event};
use enrich_core::{Check, Config, Enricher};

/// Enough that lines are read together.
const ROLES: usize = 12_000;

fn lines(random: &mut Lcg, count: usize) -> Vec<Vec<u8>> {
    let time = "2026-03-20T06:00:00Z";
    let event = |number: usize| {
        let path = many_path(number);
        role_event(ACCOUNT, &path, &many_principal(number), time)
    };
    (0..count)
        .map(|_| {
            let known = event(random.below(ROLES));
            let known = known.trim_end();
            let line = match random.below(12) {
                0 => "no JSON\n".to_owned(),
                1 => "\r\n".to_owned(),
                2 => format!("{{\"Records\":[{known},{known}]}}\n"),
                3 => format!("[{known},{}]\n", event(ROLES + 7).trim_end()),
                4 => format!("{known} and more\n"),
                5 => format!("{}\r\n", event(ROLES + random.below(50)).trim_end()),
                6 => known.replacen('{', "{\"whose\":{\"v\":9},", 1) + "\n",
                7 => "{\"a\":1}\n".to_owned(),
                8 => known.replace("AROA", "\\u0041ROA") + "\n",
                _ => format!("{known}\n"),
            };
            line.into_bytes()
        })
        .collect()
}

fn enricher<'s>(layers: &[&'s Aligned], check: Check, config: Config) -> Enricher<'s> {
    let mut enricher = Enricher::new(config);
    for layer in layers {
        enricher
            .attach(layer, check, None)
            .expect("a good snapshot");
    }
    enricher
}

/// Each line by itself, and all of them in batches of several lengths.
fn same_alone_and_together(layers: &[&Aligned], check: Check, config: &Config) {
    let lines = lines(&mut Lcg(3), 400);
    let mut one = enricher(layers, check, config.clone());
    let mut several = enricher(layers, check, config.clone());
    let alone: Vec<Vec<u8>> = lines.iter().map(|line| one.enrich(line).to_vec()).collect();
    assert!(
        alone
            .iter()
            .zip(&lines)
            .filter(|(out, line)| out != line)
            .count()
            > 200
    );
    let mut from = 0;
    for len in (1..40).cycle() {
        let to = (from + len).min(lines.len());
        let together = several.enrich(&lines[from..to].concat()).to_vec();
        assert_eq!(
            String::from_utf8_lossy(&together),
            String::from_utf8_lossy(&alone[from..to].concat())
        );
        from = to;
        if from == lines.len() {
            break;
        }
    }
    assert_eq!(one.stats_json(), several.stats_json());
}

#[test]
fn one_layer() {
    let snapshot = build(&many(ROLES));
    assert!(snapshot.len() > 1 << 20);
    for check in [Check::All, Check::ByHost, Check::OnFirstTouch] {
        same_alone_and_together(&[&snapshot], check, &config());
    }
    for rendering in ["ocsf", "ecs", "splunk"] {
        let text = format!("{{\"rendering\":\"{rendering}\"}}");
        let config = Config::from_json(text.as_bytes()).expect("a configuration");
        same_alone_and_together(&[&snapshot], Check::ByHost, &config);
    }
}

#[test]
fn an_overlay_that_takes_a_key_away() {
    let base = build(&many(ROLES));
    let mut overlay = many(0);
    overlay.identities.truncate(1);
    overlay.meta.sequence = 99;
    overlay.meta.overlay_of = Some(digest(&base));
    let taken = many(ROLES).identities.pop().expect("the last role");
    overlay.removed_keys = taken.aliases;
    let overlay = build(&overlay);
    same_alone_and_together(&[&base, &overlay], Check::All, &config());
}
