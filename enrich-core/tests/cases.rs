//! Every behaviour case through the core in this process.

use enrich_core::{Check, Config, Enricher};
use whose_cases::{Case, all, check, native};

fn cases() -> Vec<Case> {
    all().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_case_holds() {
    let cases = cases();
    let mut failures = Vec::new();
    for case in cases.iter().filter(|case| !case.is_fixme) {
        for failure in check(case, &mut native) {
            failures.push(format!("{} ({}): {failure}", case.name, case.title));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases: \n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    assert!(cases.len() >= 60, "only {} cases were found", cases.len());
}

#[test]
fn cases_to_fix_still_fail() {
    for case in cases().iter().filter(|case| case.is_fixme) {
        let failures = check(case, &mut native);
        assert!(
            !failures.is_empty(),
            "{} holds now; move it out of data/fixme",
            case.name
        );
    }
}

/// Buffers are reused from event to event; nothing of one may show in the next.
#[test]
fn an_enricher_that_has_seen_every_other_case_says_the_same() {
    let cases = cases();
    for case in &cases {
        let config = Config::from_json(&case.config).expect("a configuration");
        let mut enricher = Enricher::new(config);
        for snapshot in &case.snapshots {
            enricher
                .attach(snapshot.bytes(), Check::All, None)
                .expect("attached");
        }
        let fresh = enricher.enrich(&case.event).to_vec();
        for other in &cases {
            enricher.enrich(&other.event);
        }
        let used = enricher.enrich(&case.event);
        assert!(fresh == used, "{}: {}", case.name, used.escape_ascii());
    }
}
