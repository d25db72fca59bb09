//! Enriched events for a person, a block each: what happened, who it was, who responds.

use host_harness::output::Lines;
use host_harness::text::printable;
use serde_json::Value;

use super::contexts::contexts;
use super::explain::Wrapped;
use super::table::{Colour, Row, Tone};

/// Longest value on a line, in characters.
const VALUE: usize = 200;
/// Where the values of a block begin.
const HANG: usize = 12;

/// Blocks of lines that were enriched. Lines are counted from batch to batch.
#[derive(Debug)]
pub(crate) struct Pretty {
    colour: Colour,
    line: u64,
}

impl Pretty {
    pub(crate) const fn new(colour: Colour) -> Self {
        Self { colour, line: 0 }
    }

    /// The blocks of a batch. `enriched` has as many lines as came in.
    pub(crate) fn batch(&mut self, enriched: &[u8]) -> String {
        let mut page = Wrapped::new(self.colour);
        for line in Lines::new(enriched) {
            self.line += 1;
            let Ok(value) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            for (event, context) in contexts(&value) {
                block(self.line, event, context, &mut page);
                page.gap();
            }
        }
        page.finish()
    }
}

/// One event.
fn block(line: u64, event: &Value, context: &Value, page: &mut Wrapped) {
    let row = Row::new(event, context);
    let (word, tone) = match row.priority.as_str() {
        "critical" => ("CRITICAL", Tone::Worst),
        "high" => ("HIGH", Tone::Bad),
        "medium" => ("MEDIUM", Tone::Warn),
        "low" => ("LOW", Tone::Plain),
        "info" => ("INFO", Tone::Dim),
        _ => ("UNRATED", Tone::Dim),
    };
    let who = who(context, &row);
    let what = format!("  {who}: {}", row.action);
    let place = format!("  line {line}, {}", or(&row.time, "no time"));
    page.line(
        0,
        2,
        &[(tone, word), (Tone::Plain, &what), (Tone::Dim, &place)],
    );
    let about = subject(context);
    for (number, identity) in list(&context["identities"]).enumerate() {
        identity_lines(identity, number == about, page);
    }
    triage(context, page);
    response(&context["response"], page);
    let snapshot = &context["snapshot"];
    if let Some(id) = text(&snapshot["id"]) {
        let age = snapshot["age_at_event_s"].as_i64().map(age);
        let fresh = match snapshot["fresh"].as_bool() {
            Some(true) => ", fresh",
            Some(false) => ", older than it should be",
            None => "",
        };
        let age = age.map_or_else(String::new, |age| format!(", {age}"));
        let said = format!("snapshot {id}{age}{fresh}");
        say(page, "source", Tone::Dim, &said);
    }
}

/// Who did it: also who acted through the identity that the headline names, and for whom.
fn who(context: &Value, row: &Row) -> String {
    if row.who.is_empty() {
        return "nobody who is named".to_owned();
    }
    let with_role = |role: &str| {
        let mut all = list(&context["identities"]);
        let found = all.find(|identity| identity["role"] == role)?;
        text(&found["name"]).or_else(|| text(&found["key"]["value"]))
    };
    let actor = with_role("actor");
    if let (Some(actor), Some(effective)) = (&actor, with_role("effective")) {
        return format!("{actor} as {effective}");
    }
    match with_role("delegator") {
        Some(person) if actor.as_ref() == Some(&row.who) => format!("{} for {person}", row.who),
        _ => row.who.clone(),
    }
}

/// Which rule rated it, whom it fits when the event has several, and why.
fn triage(context: &Value, page: &mut Wrapped) {
    let triage = &context["triage"];
    let Some(mut said) = text(&triage["rule"]) else {
        return;
    };
    if let Some(role) = text(&triage["role"]) {
        let mut all = list(&context["identities"]);
        let fits = all.find(|identity| {
            identity["role"] == triage["role"] && identity["uid"] == triage["uid"]
        });
        let name = fits.and_then(|identity| {
            text(&identity["name"]).or_else(|| text(&identity["key"]["value"]))
        });
        let name = name.unwrap_or_default();
        said.push_str(format!(" for the {role} {name}").trim_end());
    }
    let reasons = join(&triage["reasons"], "; ");
    if !reasons.is_empty() {
        said.push_str(&format!(": {reasons}"));
    }
    say(page, "rated by", Tone::Plain, &said);
}

/// Number of the identity that the response is about.
fn subject(context: &Value) -> usize {
    let about = &context["response"]["about"];
    let identities = context["identities"].as_array();
    let mut identities = identities.into_iter().flatten();
    let is_it = |identity: &Value| {
        identity["role"] == about["role"]
            && (about["uid"].is_null() || identity["uid"] == about["uid"])
    };
    if about.is_null() {
        return 0;
    }
    identities.position(is_it).unwrap_or(0)
}

fn identity_lines(identity: &Value, is_subject: bool, page: &mut Wrapped) {
    let role = text(&identity["role"]).unwrap_or_default();
    let outcome = text(&identity["outcome"]).unwrap_or_default();
    let key = format!(
        "{} {}",
        text(&identity["key"]["type"]).unwrap_or_default(),
        text(&identity["key"]["value"]).unwrap_or_default()
    );
    let Some(uid) = text(&identity["uid"]) else {
        let why = match outcome.as_str() {
            "not_found" => "is in no inventory, although its place is covered",
            "not_found_at_time" => "belonged to nobody, or to another, at that time",
            "out_of_scope" => "is of a place whose identities are in no inventory",
            "ambiguous" => "is held by several identities",
            other => other,
        };
        say(page, &role, Tone::Warn, &format!("{key} {why}"));
        for candidate in list(&identity["candidates"]) {
            let owner = text(&candidate["owner"]).unwrap_or_else(|| "nobody".to_owned());
            let uid = text(&candidate["uid"]).unwrap_or_default();
            say(
                page,
                "",
                Tone::Plain,
                &format!("it may be {uid}, owned by {owner}"),
            );
        }
        if let Some(owner) = entity(&identity["scope_owner"]) {
            let place = text(&identity["scope_owner"]["scope"])
                .or_else(|| text(&identity["scope_owner"]["domain"]))
                .unwrap_or_default();
            say(
                page,
                "",
                Tone::Plain,
                &format!("{owner} answers for {place}"),
            );
        }
        return;
    };
    let kind = text(&identity["kind"])
        .unwrap_or_default()
        .replace('_', " ");
    let name = text(&identity["name"]).unwrap_or_default();
    let mut who = format!("{name}, {kind} ({uid})");
    if let Some(purpose) = text(&identity["purpose"]) {
        who.push_str(&format!(": {purpose}"));
    }
    let tone = if outcome == "retired" {
        Tone::Bad
    } else {
        Tone::Plain
    };
    if outcome == "retired" {
        who.push_str("; retired");
        if let Some(at) = text(&identity["retired"]) {
            who.push_str(&format!(" {at}"));
        }
    }
    say(page, &role, tone, &who);
    owner_line(identity, page);
    if !is_subject && role != "actor" && role != "effective" {
        return;
    }
    let privilege = &identity["privilege"];
    let mut may = Vec::new();
    may.extend(text(&privilege["level"]));
    may.extend(
        privilege["tier"]
            .as_u64()
            .map(|tier| format!("tier {tier}")),
    );
    let basis = join(&privilege["basis"], ", ");
    let mut may = may.join(", ");
    if !basis.is_empty() {
        may.push_str(&format!(" ({basis})"));
    }
    for (words, said) in [
        (join(&identity["environment"], ", "), ""),
        (
            text(&identity["criticality"]).unwrap_or_default(),
            "criticality ",
        ),
        (join(&identity["workloads"], ", "), "runs "),
    ] {
        if !words.is_empty() {
            may.push_str(&format!("; {said}{words}"));
        }
    }
    say(page, "may", Tone::Plain, may.trim_start_matches("; "));
    credential_line(&identity["credential"], page);
    behavior_lines(&identity["behavior"], page);
    for finding in list(&identity["findings"]) {
        let name = text(&finding["name"]).unwrap_or_default();
        let mut said = name;
        let ids = [text(&finding["owasp"]), text(&finding["severity"])];
        let ids: Vec<String> = ids.into_iter().flatten().collect();
        if !ids.is_empty() {
            said.push_str(&format!(" ({})", ids.join(", ")));
        }
        if let Some(evidence) = text(&finding["evidence"]) {
            said.push_str(&format!(": {evidence}"));
        }
        let is_accepted = finding["exception"]["in_force"] == true;
        if is_accepted {
            let until = text(&finding["exception"]["until"]).unwrap_or_default();
            said.push_str(&format!("; accepted until {until}"));
        }
        let is_severe = matches!(finding["severity"].as_str(), Some("high" | "critical"));
        let tone = match (is_accepted, is_severe) {
            (true, _) => Tone::Dim,
            (false, true) => Tone::Bad,
            (false, false) => Tone::Warn,
        };
        say(page, "finding", tone, &said);
    }
}

fn owner_line(identity: &Value, page: &mut Wrapped) {
    let mut said = match entity(&identity["owner"]) {
        Some(owner) if identity["owner"]["status"] == "departed" => {
            format!("{owner}, who has left")
        }
        Some(owner) => owner,
        None => "nobody".to_owned(),
    };
    if let Some(sponsor) = entity(&identity["sponsor"]) {
        said.push_str(&format!("; sponsor {sponsor}"));
    }
    if let Some(owner) = entity(&identity["scope_owner"]) {
        said.push_str(&format!("; {owner} answers for the place"));
    }
    if let Some(vendor) = text(&identity["vendor"]) {
        said.push_str(&format!("; a third party's: {vendor}"));
    }
    say(page, "owned by", Tone::Plain, &said);
}

fn credential_line(credential: &Value, page: &mut Wrapped) {
    let Some(uid) = text(&credential["uid"]) else {
        return;
    };
    let sort = text(&credential["type"])
        .unwrap_or_default()
        .replace('_', " ");
    if credential["status"] == "unlisted" {
        let said = format!(
            "access key {uid}, which the inventory does not list: to deactivate a listed one does not stop it"
        );
        return say(page, "with", Tone::Bad, &said);
    }
    let mut said = format!("{sort} {uid}");
    if let Some(days) = credential["rotation_age_days"].as_i64() {
        said.push_str(&format!(", {days} days old"));
    }
    if let Some(days) = credential["max_age_days"].as_u64() {
        said.push_str(&format!(" (limit {days})"));
    }
    if let Some(expires) = text(&credential["expires"]) {
        let word = if expires == "never" {
            "expires"
        } else {
            "expires at"
        };
        said.push_str(&format!(", {word} {expires}"));
    }
    if let Some(source) = text(&credential["secret_source"]) {
        said.push_str(&format!(", kept in {source}"));
    }
    say(page, "with", Tone::Plain, said.trim_start());
}

fn behavior_lines(behavior: &Value, page: &mut Wrapped) {
    let Some(verdict) = text(&behavior["verdict"]) else {
        return;
    };
    let (tone, said) = match verdict.as_str() {
        "expected" => (Tone::Good, "as expected"),
        "unexpected" => (Tone::Bad, "not as expected"),
        _ => (Tone::Dim, "nothing is declared or known of it"),
    };
    say(page, "behavior", tone, said);
    for deviation in list(&behavior["deviations"]) {
        let dimension = text(&deviation["dimension"])
            .unwrap_or_default()
            .replace('_', " ");
        let seen = text(&deviation["seen"]).unwrap_or_default();
        let mut said = format!("{dimension}: {seen}");
        if let Some(network) = text(&deviation["seen_network"]) {
            said.push_str(&format!(" ({network})"));
        }
        let expected = join(&deviation["expected"], " or ");
        if !expected.is_empty() {
            said.push_str(&format!(", expected {expected}"));
        }
        if let Some(more) = deviation["expected_more"].as_u64() {
            said.push_str(&format!(" and {more} more"));
        }
        if let Some(basis) = text(&deviation["basis"]) {
            said.push_str(&format!(" ({basis}"));
            if let Some(samples) = deviation["samples"].as_u64() {
                let days = deviation["window_days"].as_u64().unwrap_or(0);
                said.push_str(&format!(" in {samples} events of {days} days"));
            }
            said.push(')');
        }
        say(page, "", Tone::Bad, &said);
    }
}

fn response(response: &Value, page: &mut Wrapped) {
    let mut options = list(&response["revocation"]).peekable();
    let owner = text(&response["response_owner"]);
    if options.peek().is_none()
        && let Some(owner) = &owner
    {
        say(
            page,
            "respond",
            Tone::Worst,
            &format!("{owner}; no way to switch it off is known"),
        );
    }
    for (number, option) in options.enumerate() {
        let team = text(&option["team"])
            .or_else(|| owner.clone())
            .unwrap_or_default();
        let action = text(&option["action"]).unwrap_or_default();
        let minutes = option["expected_minutes"].as_u64().unwrap_or(0);
        let mut said = format!("{team} to {action}, {minutes} min");
        if let Some(runbook) = text(&option["runbook"]) {
            said.push_str(&format!(", {runbook}"));
        }
        let breaks = join(&option["breaks"], ", ");
        if !breaks.is_empty() {
            said.push_str(&format!("; then {breaks} stops"));
        }
        let (label, tone) = if number == 0 {
            ("respond", Tone::Worst)
        } else {
            ("or", Tone::Plain)
        };
        say(page, label, tone, &said);
    }
    if let Some(context_owner) = text(&response["context_owner"]) {
        say(
            page,
            "ask",
            Tone::Plain,
            &format!("{context_owner} whether it is legitimate"),
        );
    }
    let policy = &response["escalation_policy"];
    if let (Some(system), Some(id)) = (text(&policy["system"]), text(&policy["id"])) {
        let url = text(&policy["url"]).map_or_else(String::new, |url| format!(", {url}"));
        say(page, "page", Tone::Plain, &format!("{system} {id}{url}"));
    }
    let reach = &response["blast_radius"];
    if let Some(identities) = reach["identities"].as_u64() {
        let accounts = reach["accounts"].as_u64().unwrap_or(0);
        let count = |count: u64, one: &str, many: &str| {
            format!("{count} {}", if count == 1 { one } else { many })
        };
        let identities = count(identities, "identity", "identities");
        let accounts = count(accounts, "account", "accounts");
        let mut said = format!("{identities} in {accounts}");
        for (words, before) in [
            (join(&reach["environments"], ", "), "; "),
            (join(&reach["teams"], ", "), "; of "),
        ] {
            if !words.is_empty() {
                said.push_str(&format!("{before}{words}"));
            }
        }
        say(page, "reaches", Tone::Plain, &said);
    }
}

fn say(page: &mut Wrapped, label: &str, tone: Tone, said: &str) {
    if !said.is_empty() {
        page.labelled(2, HANG, label, &[(tone, said)]);
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(|text| printable(text, VALUE))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn join(value: &Value, between: &str) -> String {
    list(value)
        .filter_map(text)
        .collect::<Vec<_>>()
        .join(between)
}

/// A person or team: name, reference, contact.
fn entity(value: &Value) -> Option<String> {
    let reference = text(&value["ref"])?;
    let contact = text(&value["contact"]);
    let mut inside = vec![];
    let said = match text(&value["name"]) {
        Some(name) => {
            inside.push(reference);
            name
        }
        None => reference,
    };
    inside.extend(contact);
    Some(if inside.is_empty() {
        said
    } else {
        format!("{said} ({})", inside.join(", "))
    })
}

/// How old a snapshot was: seconds as a person counts them.
fn age(seconds: i64) -> String {
    let (size, side) = (
        seconds.unsigned_abs(),
        if seconds < 0 { "after" } else { "before" },
    );
    let (count, unit) = match size {
        0..=119 => (size, "s"),
        120..=7199 => (size / 60, "min"),
        7200..=172_799 => (size / 3600, "h"),
        _ => (size / 86_400, "days"),
    };
    format!("taken {count} {unit} {side} the event")
}

fn or<'t>(text: &'t str, other: &'t str) -> &'t str {
    if text.is_empty() { other } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn page(context: &Value) -> String {
        let event = json!({ "eventTime": "2026-03-20T07:30:00Z", "whose": context });
        let line = format!("{event}\n");
        let page = Pretty::new(Colour::for_stdout(false)).batch(line.as_bytes());
        // As one line: where lines break is not the matter here.
        page.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn person() -> Value {
        json!({"role":"actor","outcome":"matched","uid":"k8s:a:user:dana","name":"dana","kind":"human"})
    }

    fn account() -> Value {
        json!({"role":"effective","outcome":"matched","uid":"k8s:a:payments/api","name":"api","kind":"service_account",
            "behavior":{"verdict":"unexpected","deviations":[
                {"dimension":"action","seen":"get secrets","expected":["a","b"],"expected_more":7,"basis":"declared"}]}})
    }

    #[test]
    fn a_person_behind_an_account_is_named_and_the_rule_names_whom_it_fits() {
        let context = json!({"identities":[person(), account()],
            "triage":{"priority":"high","rule":"odd","role":"effective","uid":"k8s:a:payments/api","reasons":["behavior unexpected"]},
            "response":{"about":{"role":"actor","uid":"k8s:a:user:dana","because":"person"},"response_owner":"group:default/soc"}});
        let page = page(&context);
        assert!(page.starts_with("HIGH dana as api:"), "{page}");
        assert!(
            page.contains("rated by odd for the effective api: behavior unexpected"),
            "{page}"
        );
        assert!(
            page.contains("get secrets, expected a or b and 7 more (declared)"),
            "{page}"
        );
        assert!(page.contains("respond group:default/soc; no way"), "{page}");
    }

    #[test]
    fn a_person_on_whose_behalf_somebody_acted_is_named() {
        let mut agent = account();
        agent["role"] = json!("actor");
        let mut person = person();
        person["role"] = json!("delegator");
        let page = page(&json!({"identities":[agent, person], "triage":{"rule":"odd"}}));
        assert!(page.starts_with("UNRATED api for dana:"), "{page}");
        assert!(page.ends_with("rated by odd"), "{page}");
    }

    #[test]
    fn an_unknown_place_and_an_unlisted_key_are_said_as_such() {
        let context = json!({"identities":[
            {"role":"actor","outcome":"out_of_scope","key":{"type":"aws_arn","value":"arn:x"},
             "scope_owner":{"ref":"group:default/partners","domain":"999988887777"}}]});
        let unknown = page(&context);
        assert!(
            unknown.contains("aws_arn arn:x is of a place whose identities are in no inventory group:default/partners answers for 999988887777"),
            "{unknown}"
        );
        let context = json!({"identities":[
            {"role":"actor","outcome":"matched","uid":"u","name":"n","credential":{"uid":"AKIAX","status":"unlisted"},
             "findings":[{"name":"unlisted_credential_used","severity":"high","evidence":"not among the access keys that the inventory lists: 2"}]}]});
        let unlisted = page(&context);
        assert!(
            unlisted.contains("with access key AKIAX, which the inventory does not list"),
            "{unlisted}"
        );
        assert!(
            unlisted.contains("finding unlisted_credential_used (high): not among the access keys that the inventory lists: 2"),
            "{unlisted}"
        );
    }
}
