//! One enriched event as a row: when, who, what, expected or not, why, who can revoke.

use host_harness::text::printable;
use serde_json::Value;

/// Longest text of a cell, in characters.
const CELL: usize = 120;
/// Most reasons in one cell.
const MAX_REASONS: usize = 4;
/// Where events say when they happened, in order of preference.
const TIMES: &[&str] = &[
    "/eventTime",
    "/requestReceivedTimestamp",
    "/stageTimestamp",
    "/@timestamp",
    "/timestamp",
    "/time",
    "/EventTime",
];

/// What a person reads about one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// As the event wrote it; empty when it has no time.
    pub(crate) time: String,
    /// Name, or the key when nobody is known.
    pub(crate) who: String,
    /// Who answers for it.
    pub(crate) owner: String,
    /// What was done.
    pub(crate) action: String,
    pub(crate) outcome: String,
    /// `expected`, `unexpected`, `no_baseline` or empty.
    pub(crate) verdict: String,
    pub(crate) why: Vec<String>,
    /// `critical` … `info` or empty.
    pub(crate) priority: String,
    /// Who switches it off, and how fast.
    pub(crate) revoke: String,
}

impl Row {
    /// The row of an event with its context.
    pub(crate) fn new(event: &Value, context: &Value) -> Self {
        let inner = inner(event);
        let event_at = |pointer: &str| {
            event
                .pointer(pointer)
                .or_else(|| inner.as_ref()?.pointer(pointer))
        };
        let identity = principal(context);
        let text = |value: &Value| {
            value
                .as_str()
                .map(|text| printable(text, CELL))
                .unwrap_or_default()
        };
        let mut row = Self {
            time: TIMES
                .iter()
                .find_map(|pointer| event_at(pointer)?.as_str())
                .map(|time| printable(time, 40))
                .unwrap_or_default(),
            action: action(&event_at),
            priority: text(&context["triage"]["priority"]),
            revoke: revoke(&context["response"]),
            ..Self::default()
        };
        match identity {
            Some(identity) => {
                row.who = who(identity);
                row.owner = owner(identity);
                row.outcome = text(&identity["outcome"]);
                row.verdict = text(&identity["behavior"]["verdict"]);
                row.why = why(context, identity);
            }
            None => row.outcome = "no_identity".to_owned(),
        }
        row
    }

    /// Whether a person who looks for trouble may skip it.
    pub(crate) fn is_calm(&self) -> bool {
        let is_quiet = matches!(self.priority.as_str(), "info" | "low");
        let is_known = matches!(self.outcome.as_str(), "matched" | "no_identity");
        self.verdict != "unexpected" && (is_quiet || (self.priority.is_empty() && is_known))
    }

    /// Whether another row says the same about another moment and another action.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        let same = |row: &Self| {
            let Self {
                who,
                owner,
                outcome,
                verdict,
                why,
                priority,
                revoke,
                time: _,
                action: _,
            } = row.clone();
            (who, owner, outcome, verdict, why, priority, revoke)
        };
        same(self) == same(other)
    }
}

/// The event inside an envelope, when the context stands beside it.
fn inner(event: &Value) -> Option<Value> {
    if let Some(detail) = event.get("detail").filter(|detail| detail.is_object()) {
        return Some(detail.clone());
    }
    ["/CloudTrailEvent", "/properties/log", "/message"]
        .iter()
        .find_map(|pointer| serde_json::from_str(event.pointer(pointer)?.as_str()?).ok())
}

/// The identity that the row is about: the one that behaves unexpectedly, else whoever acted.
fn principal(context: &Value) -> Option<&Value> {
    let weight = |identity: &Value| {
        let role = match identity["role"].as_str() {
            Some("actor") => 4,
            Some("effective") => 3,
            Some("delegator") => 2,
            Some("target") => 1,
            _ => 0,
        };
        role + if identity["behavior"]["verdict"] == "unexpected" {
            10
        } else {
            0
        }
    };
    let identities = context["identities"].as_array()?;
    // The first of equals, as events list them by importance.
    identities
        .iter()
        .rev()
        .max_by_key(|identity| weight(identity))
}

fn who(identity: &Value) -> String {
    if let Some(name) = identity["name"].as_str() {
        return printable(name, CELL);
    }
    let key = &identity["key"];
    let text = |member: &str| printable(key[member].as_str().unwrap_or("?"), CELL);
    format!("{}:{}", text("type"), text("value"))
}

fn owner(identity: &Value) -> String {
    let of = |owner: &Value| {
        let name = owner["name"].as_str().or_else(|| owner["ref"].as_str())?;
        let departed = if owner["status"] == "departed" {
            ", departed"
        } else {
            ""
        };
        Some(format!("{}{departed}", printable(name, CELL)))
    };
    of(&identity["owner"])
        .or_else(|| of(&identity["scope_owner"]).map(|owner| format!("{owner}, scope owner")))
        .unwrap_or_default()
}

/// What was done: the API call of CloudTrail, the verb and resource of Kubernetes.
fn action<'e>(event_at: &impl Fn(&str) -> Option<&'e Value>) -> String {
    let text = |pointer: &str| {
        event_at(pointer)
            .and_then(Value::as_str)
            .map(|text| printable(text, CELL))
    };
    if let Some(name) = text("/eventName") {
        return match text("/eventSource")
            .and_then(|source| source.split('.').next().map(str::to_owned))
        {
            Some(service) => format!("{service}:{name}"),
            None => name,
        };
    }
    let Some(verb) = text("/verb") else {
        return text("/operationName")
            .or_else(|| text("/eventType"))
            .or_else(|| text("/action"))
            .unwrap_or_default();
    };
    let resource = text("/objectRef/resource").unwrap_or_default();
    let sub = text("/objectRef/subresource")
        .map(|sub| format!("/{sub}"))
        .unwrap_or_default();
    let namespace = text("/objectRef/namespace")
        .map(|namespace| format!(" in {namespace}"))
        .unwrap_or_default();
    format!("{verb} {resource}{sub}{namespace}")
        .trim_end()
        .to_owned()
}

/// Deviations first; then what the triage rule gave as reasons.
fn why(context: &Value, identity: &Value) -> Vec<String> {
    let deviations = identity["behavior"]["deviations"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut why: Vec<String> = deviations.iter().take(MAX_REASONS).map(deviation).collect();
    if why.is_empty() {
        let reasons = context["triage"]["reasons"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        why = reasons
            .iter()
            .take(MAX_REASONS)
            .filter_map(Value::as_str)
            .map(|reason| printable(reason, CELL).replace('_', " "))
            .collect();
    }
    why
}

/// One deviation in few words; the enriched event has them all.
fn deviation(deviation: &Value) -> String {
    let seen = deviation["seen"].as_str().unwrap_or("");
    let dimension =
        printable(deviation["dimension"].as_str().unwrap_or(""), CELL).replace('_', " ");
    match dimension.as_str() {
        // What was done stands in its own column, and the list of what is usual is long.
        "action" => return "action outside its list".to_owned(),
        // The product; the rest names library and system versions.
        "user agent" => {
            return format!(
                "{dimension} {}",
                printable(seen.split(' ').next().unwrap_or(""), 40)
            );
        }
        _ => {}
    }
    let allowed = deviation["expected"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let expected = allowed.first().and_then(Value::as_str).map(|first| {
        let more = if allowed.len() > 1 { ", …" } else { "" };
        format!(", not {}{more}", printable(first, 40))
    });
    format!(
        "{dimension} {}{}",
        printable(seen, 60),
        expected.unwrap_or_default()
    )
}

fn revoke(response: &Value) -> String {
    let text = |value: &Value| value.as_str().map(|text| printable(text, CELL));
    let fastest = &response["revocation"][0];
    let Some(team) = text(&fastest["team"]).or_else(|| text(&response["response_owner"])) else {
        return String::new();
    };
    // The kind and namespace of a reference say nothing in a table.
    let team = team
        .rsplit_once('/')
        .map_or_else(|| team.clone(), |(_, name)| name.to_owned());
    match fastest["expected_minutes"].as_u64() {
        Some(minutes) => format!("{team}, {minutes} min"),
        None => team,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn context() -> Value {
        json!({"v":1,"identities":[
            {"role":"via","outcome":"out_of_scope","key":{"type":"aws_service","value":"s3.amazonaws.com"}},
            {"role":"actor","outcome":"matched","name":"deployer","owner":{"ref":"group:default/payments","name":"Payments","status":"departed"},
             "behavior":{"verdict":"unexpected","deviations":[
                {"dimension":"network","seen":"203.0.113.9","expected":["ci-egress","office","vpn"],"basis":"declared"}]}}],
            "triage":{"priority":"critical","rule":"r","reasons":["privilege tier 1"]},
            "response":{"response_owner":"group:default/soc","revocation":[{"action":"x","team":"group:default/cloud-iam","expected_minutes":5}]}})
    }

    #[test]
    fn a_row_tells_the_story() {
        let event = json!({"eventTime":"2026-03-20T05:12:09Z","eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey"});
        let row = Row::new(&event, &context());
        assert_eq!(row.time, "2026-03-20T05:12:09Z");
        assert_eq!(
            (row.who.as_str(), row.owner.as_str()),
            ("deployer", "Payments, departed")
        );
        assert_eq!(row.action, "iam:CreateAccessKey");
        assert_eq!(row.why, ["network 203.0.113.9, not ci-egress, …"]);
        assert_eq!(
            (row.priority.as_str(), row.revoke.as_str()),
            ("critical", "cloud-iam, 5 min")
        );
        assert!(!row.is_calm());
    }

    #[test]
    fn events_inside_others_are_read() {
        let wrapped = json!({"detail":{"eventName":"X","eventTime":"2026-01-01T00:00:00Z"}});
        let row = Row::new(&wrapped, &context());
        assert_eq!(
            (row.action.as_str(), row.time.as_str()),
            ("X", "2026-01-01T00:00:00Z")
        );
        let log = json!({"properties":{"log":"{\"verb\":\"get\",\"objectRef\":{\"resource\":\"pods\",\"subresource\":\"log\",\"namespace\":\"a\"}}"}});
        assert_eq!(Row::new(&log, &context()).action, "get pods/log in a");
    }

    #[test]
    fn calm_is_what_nobody_needs_to_see() {
        let row = |outcome: &str, verdict: &str, priority: &str| Row {
            outcome: outcome.into(),
            verdict: verdict.into(),
            priority: priority.into(),
            ..Row::default()
        };
        assert!(row("matched", "expected", "info").is_calm());
        assert!(row("matched", "no_baseline", "").is_calm());
        assert!(row("no_identity", "", "").is_calm());
        assert!(!row("not_found", "", "").is_calm());
        assert!(!row("matched", "unexpected", "info").is_calm());
        assert!(!row("matched", "expected", "high").is_calm());
    }

    #[test]
    fn a_miss_names_the_key_and_the_scope_owner() {
        let context = json!({"identities":[{"role":"actor","outcome":"not_found",
            "key":{"type":"aws_access_key_id","value":"AKIA\u{1b}X"},"scope_owner":{"ref":"group:default/platform"}}]});
        let row = Row::new(&json!({}), &context);
        assert_eq!(row.who, "aws_access_key_id:AKIA\\u{1b}X");
        assert_eq!(row.owner, "group:default/platform, scope owner");
        assert_eq!(
            Row::new(&json!({}), &json!({"identities":[]})).outcome,
            "no_identity"
        );
    }
}
