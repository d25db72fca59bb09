//! An explained event as a page for a person.

use enrich_core::explain::{
    AGAIN, Compared, DecidedIdentity, ExplainedKey, KeyAnswer, KeyLookup, RuleTrace,
};
use enrich_core::vocabulary::{OutcomeKind, Role};
use host_harness::text::printable;
use serde_json::Value;

use super::{Explained, Wrapped, time};
use crate::cli::table::{Colour, Tone};

/// Longest value, in characters.
const VALUE: usize = 160;
/// Most allowed values, holders, workloads, … that are listed.
const LISTED: usize = 6;
/// Where what follows a label stands.
const COLUMN: usize = 14;

/// The whole page, with an empty line behind it.
pub(super) fn page(explained: &Explained<'_>, colour: Colour) -> String {
    let mut page = Page {
        explained,
        out: Wrapped::new(colour),
    };
    page.head();
    for number in 0..explained.decision.identities.len() {
        page.identity(number);
    }
    page.passed_over();
    page.triage();
    page.response();
    page.snapshot();
    page.out.gap();
    page.out.finish()
}

struct Page<'p> {
    explained: &'p Explained<'p>,
    out: Wrapped,
}

/// A third party's text, fit to print.
fn shown(text: &str) -> String {
    printable(text, VALUE)
}

/// A text member of the context; empty when it is not there.
fn text_at(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(shown)
        .unwrap_or_default()
}

/// The first few of some texts, and how many more there are.
fn listed<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let texts: Vec<&str> = texts.collect();
    let mut out = texts
        .iter()
        .take(LISTED)
        .map(|text| shown(text))
        .collect::<Vec<_>>()
        .join(", ");
    if texts.len() > LISTED {
        out.push_str(&format!(" and {} more", texts.len() - LISTED));
    }
    out
}

fn texts_of(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(Value::as_str)
}

const fn outcome_tone(outcome: OutcomeKind) -> Tone {
    match outcome {
        OutcomeKind::Matched => Tone::Good,
        OutcomeKind::Retired => Tone::Bad,
        _ => Tone::Warn,
    }
}

fn priority_tone(priority: &str) -> Tone {
    match priority {
        "critical" | "high" => Tone::Bad,
        "medium" => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// What an outcome means, where the word does not say it.
fn meaning(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Retired => "the identity had been removed before the event happened",
        OutcomeKind::Ambiguous => "several identities held the key when the event happened",
        OutcomeKind::NotFound => "its account or cluster is covered and nobody there holds the key",
        OutcomeKind::NotFoundAtTime => "nobody held the key when the event happened",
        OutcomeKind::OutOfScope => "no attached snapshot covers where it lives",
        _ => "",
    }
}

impl Page<'_> {
    fn context_of(&self, number: usize) -> &Value {
        &self.explained.context["identities"][number]
    }

    /// Role and name; the value of its first key when nobody is known.
    fn label(&self, number: usize) -> String {
        let Some(decided) = self.explained.decision.identities.get(number) else {
            return String::new();
        };
        format!("{} {}", decided.role, self.name(number))
    }

    fn name(&self, number: usize) -> String {
        let decision = self.explained.decision;
        let found = decision
            .identities
            .get(number)
            .and_then(|decided| decided.found.as_ref());
        if let Some(found) = found {
            return shown(&found.name);
        }
        let observed = decision.observed.identities.get(number);
        observed
            .and_then(|observed| observed.keys.first())
            .map_or_else(|| "?".to_owned(), |key| shown(&key.value))
    }

    /// The role alone where it says enough.
    fn short_label(&self, number: usize) -> String {
        let identities = &self.explained.decision.identities;
        let Some(decided) = identities.get(number) else {
            return String::new();
        };
        let same = identities.iter().filter(|one| one.role == decided.role);
        if same.count() > 1 {
            self.label(number)
        } else {
            decided.role.to_string()
        }
    }

    fn head(&mut self) {
        let decision = self.explained.decision;
        let observed = &decision.observed;
        let mut head = format!("line {}", self.explained.line);
        if let Some((record, count)) = self.explained.record {
            head.push_str(&format!(", record {} of {count}", record + 1));
        }
        head.push_str(&format!(": {}, ", observed.format));
        match observed.time_ms {
            Some(ms) => head.push_str(&time(ms)),
            None => head.push_str(&format!(
                "no time; looked up as of {}, when the snapshot was made",
                time(decision.resolved_at_ms)
            )),
        }
        self.out.line(0, 4, &[(Tone::Plain, &head)]);
        for (name, value, path) in &observed.facts {
            let path = path.as_deref().map(place).unwrap_or_default();
            let parts = [(Tone::Plain, &*shown(value)), (Tone::Dim, &*path)];
            self.out.labelled(2, COLUMN, name, &parts);
        }
        if decision.identities.is_empty() {
            self.out
                .line(2, 4, &[(Tone::Plain, "the event names no identity")]);
        }
    }

    fn identity(&mut self, number: usize) {
        let decision = self.explained.decision;
        let (Some(decided), Some(observed)) = (
            decision.identities.get(number),
            decision.observed.identities.get(number),
        ) else {
            return;
        };
        self.out.gap();
        let outcome = decided.outcome.as_str().replace('_', " ");
        let agent = if observed.is_agent {
            ", an AI agent as the event says"
        } else {
            ""
        };
        let meaning = match meaning(decided.outcome) {
            "" => String::new(),
            meaning => format!(" ({meaning})"),
        };
        self.out.line(
            0,
            4,
            &[
                (Tone::Plain, &self.label(number)),
                (Tone::Plain, role_meaning(decided.role)),
                (Tone::Plain, agent),
                (Tone::Plain, ": "),
                (outcome_tone(decided.outcome), &outcome),
                (Tone::Dim, &meaning),
            ],
        );
        self.facts(number, decided);
        for (at, (key, lookup)) in observed.keys.iter().zip(&decided.lookups).enumerate() {
            self.key(at, key, lookup, decided);
        }
        self.candidates(number);
        self.behavior(decided);
        self.findings(number);
    }

    /// What the snapshot knows of it, in one line.
    fn facts(&mut self, number: usize, decided: &DecidedIdentity) {
        let context = self.context_of(number).clone();
        if decided.found.is_none() {
            let lives = place_name(decided);
            self.out
                .labelled(2, COLUMN, "lives in", &[(Tone::Plain, &lives)]);
            let scope = &context["scope_owner"];
            if scope.is_object() {
                let said = ["/provider", "/domain", "/part", "/scope"]
                    .map(|pointer| text_at(scope, pointer))
                    .join(" ");
                let said = format!("{} answers for {}", text_at(scope, "/ref"), said.trim_end());
                self.out
                    .labelled(2, COLUMN, "its place", &[(Tone::Plain, &said)]);
            }
            return;
        }
        let mut facts = vec![text_at(&context, "/kind").replace('_', " ")];
        let owner = text_at(&context, "/owner/ref");
        facts.push(if owner.is_empty() {
            "no owner".to_owned()
        } else if text_at(&context, "/owner/status") == "departed" {
            format!("owner {owner} (departed)")
        } else {
            format!("owner {owner}")
        });
        let sponsor = text_at(&context, "/sponsor/ref");
        if !sponsor.is_empty() {
            facts.push(format!("sponsor {sponsor}"));
        }
        if let Some(tier) = context["privilege"]["tier"].as_u64() {
            facts.push(format!("privilege tier {tier}"));
        }
        facts.extend(texts_of(&context["environment"]).map(shown));
        for (what, pointer) in [
            ("criticality ", "/criticality"),
            ("state ", "/lifecycle_state"),
            ("retired ", "/retired"),
        ] {
            let text = text_at(&context, pointer);
            if !text.is_empty() {
                facts.push(format!("{what}{text}"));
            }
        }
        self.out
            .labelled(2, COLUMN, "is", &[(Tone::Plain, &facts.join(", "))]);
        if let Some(found) = &decided.found {
            self.out
                .labelled(2, COLUMN, "uid", &[(Tone::Plain, &shown(&found.uid))]);
        }
        let credential = &context["credential"];
        if credential.is_object() {
            let mut said = text_at(credential, "/uid");
            let sort = text_at(credential, "/type");
            if !sort.is_empty() {
                said.push_str(&format!(", {sort}"));
            }
            if let Some(days) = credential["rotation_age_days"].as_i64() {
                said.push_str(&format!(", rotated {days} days before the event"));
            }
            if let Some(limit) = credential["max_age_days"].as_u64() {
                said.push_str(&format!(", limit {limit}"));
            }
            let status = text_at(credential, "/status");
            if !status.is_empty() {
                said.push_str(&format!(", {status}"));
            }
            self.out
                .labelled(2, COLUMN, "credential", &[(Tone::Plain, &said)]);
        }
    }

    /// A key, where it stands, and what the lookup made of it.
    fn key(&mut self, at: usize, key: &ExplainedKey, lookup: &KeyLookup, of: &DecidedIdentity) {
        let mut text = key.key_type.to_string();
        if !key.domain.is_empty() {
            text.push('@');
            text.push_str(&shown(&key.domain));
        }
        text.push(' ');
        text.push_str(&shown(&key.value));
        let path = key.path.as_deref().map(place).unwrap_or_default();
        let label = if at == 0 { "keys" } else { "" };
        let parts = [(Tone::Plain, &*text), (Tone::Dim, &*path)];
        self.out.labelled(2, COLUMN, label, &parts);
        let (tone, mut answer) = self.answer(lookup, of, at);
        if key.lacks_domain {
            answer.push_str(&format!(
                "; it has no domain: give --default-domain {}=DOMAIN",
                self.explained.decision.observed.format
            ));
        }
        self.out.line(COLUMN + 2, COLUMN + 4, &[(tone, &answer)]);
        for holder in lookup.holders.iter().take(LISTED) {
            let name = shown(&holder.identity.uid);
            let said = if holder.is_outranked {
                format!("{name} is ruled out: the event shows a unique id that it does not have")
            } else if lookup.answer == KeyAnswer::Outcome(OutcomeKind::Matched)
                || lookup.answer == KeyAnswer::Outcome(OutcomeKind::Ambiguous)
            {
                continue;
            } else {
                let since = holder
                    .from_ms
                    .map(|ms| format!(" from {}", time(ms)))
                    .unwrap_or_default();
                let until = holder
                    .to_ms
                    .map(|ms| format!(" until {}", time(ms)))
                    .unwrap_or_default();
                format!("{name} held it{since}{until}")
            };
            self.out
                .line(COLUMN + 2, COLUMN + 4, &[(Tone::Warn, &said)]);
        }
    }

    fn answer(&self, lookup: &KeyLookup, of: &DecidedIdentity, at: usize) -> (Tone, String) {
        let decides = of.key == Some(at);
        match lookup.answer {
            KeyAnswer::NotAsked => (
                Tone::Dim,
                "not looked up: a key before it had decided".to_owned(),
            ),
            KeyAnswer::Outcome(outcome) => {
                let word = outcome.as_str().replace('_', " ");
                if decides {
                    (outcome_tone(outcome), format!("{word}: this key decides"))
                } else {
                    (Tone::Dim, format!("{word}: another key says more"))
                }
            }
            _ if lookup.holders.is_empty() => (Tone::Dim, "nobody holds it".to_owned()),
            _ => (Tone::Dim, "no match".to_owned()),
        }
    }

    fn candidates(&mut self, number: usize) {
        let context = self.context_of(number).clone();
        let Some(candidates) = context["candidates"].as_array() else {
            return;
        };
        let count = context["candidate_count"].as_u64().unwrap_or(0);
        let told = format!("{count} identities held it at that time");
        self.out
            .labelled(2, COLUMN, "candidates", &[(Tone::Plain, &told)]);
        for candidate in candidates {
            let owner = text_at(candidate, "/owner");
            let owner = if owner.is_empty() {
                "no owner".to_owned()
            } else {
                format!("owner {owner}")
            };
            let said = format!("{}, {owner}", text_at(candidate, "/uid"));
            self.out
                .line(COLUMN + 2, COLUMN + 4, &[(Tone::Plain, &said)]);
        }
    }

    fn behavior(&mut self, decided: &DecidedIdentity) {
        let Some(verdict) = decided.verdict else {
            if decided.found.is_some() {
                let said = "not judged: only who acts is";
                self.out
                    .labelled(2, COLUMN, "behavior", &[(Tone::Dim, said)]);
            }
            return;
        };
        let (tone, said) = match verdict.as_str() {
            "expected" => (Tone::Good, "expected".to_owned()),
            "unexpected" => (Tone::Bad, "unexpected".to_owned()),
            _ if decided.compared.is_empty() => (Tone::Dim, "nothing is expected of it".to_owned()),
            _ => (
                Tone::Dim,
                "no baseline: the event shows nothing that could be compared".to_owned(),
            ),
        };
        self.out.labelled(2, COLUMN, "behavior", &[(tone, &said)]);
        for compared in &decided.compared {
            self.compared(compared);
        }
    }

    fn compared(&mut self, compared: &Compared) {
        let dimension = compared.dimension.to_string();
        let (tone, result) = match compared.fits {
            Some(true) => (Tone::Good, "fits"),
            Some(false) => (Tone::Bad, "deviates"),
            None => (Tone::Dim, "not shown by the event"),
        };
        let mut said = String::new();
        if !compared.seen.is_empty() {
            said.push_str(&format!(": {}", shown(&compared.seen)));
        }
        if compared.dimension.as_str() == "network" && compared.fits.is_some() {
            if compared.seen_networks.is_empty() {
                said.push_str(" (in no named network)");
            } else {
                let networks = compared.seen_networks.iter().map(String::as_str);
                said.push_str(&format!(" (in {})", listed(networks)));
            }
        } else if compared.fits.is_none() && !compared.seen.is_empty() {
            said.push_str(" (is no address)");
        }
        self.out.labelled(
            COLUMN,
            COLUMN + 12,
            &dimension,
            &[(tone, result), (Tone::Plain, &said)],
        );
        let mut basis = compared.basis.to_string();
        if compared.window_days != 0 || compared.samples != 0 {
            basis.push_str(&format!(
                " over {} days in {} events",
                compared.window_days, compared.samples
            ));
        }
        let allowed = compared.allowed.iter().map(String::as_str);
        let expected = format!("expected ({basis}): {}", listed(allowed));
        self.out
            .line(COLUMN + 12, COLUMN + 14, &[(Tone::Plain, &expected)]);
    }

    fn findings(&mut self, number: usize) {
        let context = self.context_of(number).clone();
        let findings = context["findings"].as_array();
        for (at, finding) in findings.into_iter().flatten().enumerate() {
            let owasp = text_at(finding, "/owasp");
            let mut head = format!(
                "{} ({}",
                text_at(finding, "/name"),
                text_at(finding, "/severity")
            );
            if !owasp.is_empty() {
                head.push_str(&format!(", {owasp}"));
            }
            head.push(')');
            let mut said = format!(": {}", text_at(finding, "/evidence"));
            let exception = &finding["exception"];
            if exception.is_object() {
                let until = text_at(exception, "/until");
                said.push_str(&if exception["in_force"] == true {
                    format!("; accepted until {until}, so it does not count")
                } else {
                    format!("; was accepted until {until}, so it counts again")
                });
                let reason = text_at(exception, "/reason");
                if !reason.is_empty() {
                    said.push_str(&format!(" (reason: {reason})"));
                }
            }
            let label = if at == 0 { "findings" } else { "" };
            self.out.item(
                2,
                [COLUMN, COLUMN + 2],
                label,
                &[(Tone::Warn, &head), (Tone::Plain, &said)],
            );
        }
    }

    /// What a person might have taken for a key. That a key stands in a second place is no news here;
    /// `keys --explain` tells it.
    fn passed_over(&mut self) {
        let observed = &self.explained.decision.observed;
        let mut told = observed
            .passed_over
            .iter()
            .filter(|passed| passed.why != AGAIN)
            .peekable();
        if told.peek().is_none() {
            return;
        }
        self.out.gap();
        self.out.line(0, 4, &[(Tone::Plain, "passed over as keys")]);
        for passed in told {
            let path = passed.path.as_deref().map(place).unwrap_or_default();
            let said = format!("{}{path}: {}", shown(&passed.value), passed.why);
            self.out.line(2, 4, &[(Tone::Dim, &said)]);
        }
    }

    fn triage(&mut self) {
        let triage = &self.explained.decision.triage;
        self.out.gap();
        if triage.layer.is_none() {
            let said = "triage: the snapshot has no rules";
            self.out.line(0, 4, &[(Tone::Plain, said)]);
            return;
        }
        match triage
            .winner
            .and_then(|(rule, identity)| Some((triage.rules.get(rule)?, identity)))
        {
            Some((rule, identity)) => {
                let priority = rule.priority.as_str();
                let said = format!(
                    " by rule {}, for the {}",
                    shown(&rule.name),
                    self.label(identity)
                );
                self.out.line(
                    0,
                    4,
                    &[
                        (Tone::Plain, "triage: "),
                        (priority_tone(priority), priority),
                        (Tone::Plain, &said),
                    ],
                );
            }
            None => {
                let said = format!("triage: none of the {} rules fits", triage.rules.len());
                self.out.line(0, 4, &[(Tone::Plain, &said)]);
            }
        }
        for rule in &triage.rules {
            self.rule(rule);
        }
        match triage.not_looked_at {
            0 => {}
            1 => self
                .out
                .line(2, 4, &[(Tone::Dim, "1 more rule was not looked at")]),
            more => {
                let said = format!("{more} more rules were not looked at");
                self.out.line(2, 4, &[(Tone::Dim, &said)]);
            }
        }
    }

    fn rule(&mut self, rule: &RuleTrace) {
        let head = format!("{} ({}): ", shown(&rule.name), rule.priority);
        let fits = rule.tried.iter().find(|tried| tried.unmet.is_none());
        if let Some(tried) = fits {
            let conditions: Vec<String> = tried
                .met
                .iter()
                .map(|stated| {
                    if stated.has == stated.wants {
                        format!("{} {}", stated.about, shown(&stated.has))
                    } else {
                        format!(
                            "{} {} (wants {})",
                            stated.about,
                            shown(&stated.has),
                            shown(&stated.wants)
                        )
                    }
                })
                .collect();
            let conditions = if conditions.is_empty() {
                "it states no condition".to_owned()
            } else {
                conditions.join("; ")
            };
            let said = format!("{head}{}: {conditions}", self.label(tried.identity));
            self.out.line(
                2,
                7,
                &[(Tone::Good, "yes"), (Tone::Plain, &format!("  {said}"))],
            );
            if !rule.rationale.is_empty() {
                let said = format!("why: {}", printable(&rule.rationale, 400));
                self.out.line(6, 7, &[(Tone::Plain, &said)]);
            }
            return;
        }
        // Identities that fail in the same way are told together.
        let mut failed: Vec<(String, String)> = Vec::new();
        for tried in &rule.tried {
            let Some(unmet) = &tried.unmet else { continue };
            let label = self.short_label(tried.identity);
            let why = if unmet.about == "role" {
                format!("the rule is about {}", shown(&unmet.wants))
            } else {
                let (has, wants) = (shown(&unmet.has), shown(&unmet.wants));
                format!("{} is {has}, wants {wants}", unmet.about)
            };
            match failed.iter_mut().find(|(_, known)| *known == why) {
                Some((labels, _)) => {
                    labels.push_str(" and ");
                    labels.push_str(&label);
                }
                None => failed.push((label, why)),
            }
        }
        let failed: Vec<String> = failed
            .into_iter()
            .map(|(labels, why)| format!("{labels}: {why}"))
            .collect();
        let said = if failed.is_empty() {
            format!("{head}the event names no identity")
        } else {
            format!("{head}{}", failed.join("; "))
        };
        self.out.line(
            2,
            7,
            &[(Tone::Dim, "no"), (Tone::Dim, &format!("  {said}"))],
        );
    }

    fn response(&mut self) {
        let decision = self.explained.decision;
        let Some(about) = decision.about else {
            return;
        };
        self.out.gap();
        let said = format!(
            "response: about the {}; {}",
            self.label(about),
            because(decision.about_because)
        );
        self.out.line(0, 4, &[(Tone::Plain, &said)]);
        let response = self.explained.context["response"].clone();
        if !response.is_object() {
            let said = "nobody is known who could be asked, and no way to switch it off";
            self.out.line(2, 4, &[(Tone::Warn, said)]);
            return;
        }
        let mut told = |label: &str, said: &str| {
            self.out.labelled(2, COLUMN, label, &[(Tone::Plain, said)]);
        };
        for (label, pointer) in [("ask", "/context_owner"), ("respond", "/response_owner")] {
            let who = text_at(&response, pointer);
            told(
                label,
                if who.is_empty() {
                    "nobody is named"
                } else {
                    &who
                },
            );
        }
        let options = response["revocation"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        match options.first() {
            Some(fastest) => {
                let mut said = format!(
                    "{} within {} minutes",
                    text_at(fastest, "/action"),
                    fastest["expected_minutes"]
                );
                for (what, pointer) in [
                    (", in ", "/system"),
                    (", by ", "/team"),
                    (", see ", "/runbook"),
                ] {
                    let text = text_at(fastest, pointer);
                    if !text.is_empty() {
                        said.push_str(&format!("{what}{text}"));
                    }
                }
                told("fastest", &said);
                let breaks = listed(texts_of(&fastest["breaks"]));
                if !breaks.is_empty() {
                    told("it stops", &breaks);
                }
                if options.len() > 1 {
                    let others = options[1..]
                        .iter()
                        .filter_map(|other| other["action"].as_str());
                    told("else", &listed(others));
                }
            }
            None => told("fastest", "no way to switch it off is known"),
        }
        let policy = &response["escalation_policy"];
        if policy.is_object() {
            let said = ["/system", "/id", "/url"].map(|pointer| text_at(policy, pointer));
            told("page", said.join(" ").trim_end());
        } else {
            told("page", "no escalation policy is known");
        }
    }

    fn snapshot(&mut self) {
        let snapshot = self.explained.context["snapshot"].clone();
        if !snapshot.is_object() {
            return;
        }
        self.out.gap();
        let mut said = format!(
            "snapshot {}, made {}",
            text_at(&snapshot, "/id"),
            text_at(&snapshot, "/created")
        );
        if let Some(age) = snapshot["age_at_event_s"].as_i64() {
            said.push_str(&if age >= 0 {
                format!(", {} before the event", span(age))
            } else {
                format!(", {} after the event", span(age.saturating_neg()))
            });
        }
        match snapshot["fresh"].as_bool() {
            Some(true) => said.push_str(", fresh"),
            Some(false) => said.push_str(", no longer fresh by then"),
            None => {}
        }
        said.push_str(&format!(
            ", {}",
            text_at(&snapshot, "/integrity").replace('_', " ")
        ));
        self.out.line(0, 4, &[(Tone::Plain, &said)]);
        self.out
            .line(2, 4, &[(Tone::Dim, &text_at(&snapshot, "/digest"))]);
        if let Some(layers) = snapshot["layers"].as_array() {
            let said = format!("with {} snapshots attached", layers.len());
            self.out.line(2, 4, &[(Tone::Dim, &said)]);
        }
    }
}

/// A place in the event, set off from the value.
fn place(path: &str) -> String {
    format!(" ({})", shown(path))
}

/// What a role means, unless it is that of who acts.
fn role_meaning(role: Role) -> &'static str {
    match role {
        Role::Effective => ", whose permissions were used",
        Role::Delegator => ", on whose behalf the actor acted",
        Role::Via => ", which forwarded the call",
        Role::Target => ", which was acted upon",
        _ => "",
    }
}

/// Why the response is about an identity.
fn because(word: &str) -> &str {
    match word {
        "only" => "it is the only one in the event",
        "triage" => "the triage rule fits it",
        "actor" => "it acted, and no triage rule fits",
        "first" => "no triage rule fits, and the event names nobody who acted",
        "known" => {
            "it acted too, and nothing is known to do about the one that the rule or its role points to"
        }
        "revocable" => {
            "it acted too, and no way is known to switch off the one that the rule or its role points to"
        }
        "person" => "the triage rule fits the identity that this person acted through",
        other => other,
    }
}

/// Where an unknown identity lives.
fn place_name(decided: &DecidedIdentity) -> String {
    if decided.domain.is_empty() {
        return format!("{}, the event does not say where", decided.provider);
    }
    format!("{} {}", decided.provider, shown(&decided.domain))
}

/// A time span in the two largest units.
fn span(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_down_to_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (3599, "59 min"),
            (3600, "1 h 0 min"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let many = ["a"; 9];
        assert_eq!(listed(many.into_iter()), "a, a, a, a, a, a and 3 more");
        assert_eq!(listed(["x\u{1b}"].into_iter()), "x\\u{1b}");
    }
}
