//! PagerDuty: which escalation policy a service has. Who is on call is not read, and neither are
//! people, schedules and the keys of integrations.

use serde_json::Value;

use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::joins::{Policy, Service};
use crate::record::{Harvest, Source};

/// Members of services and policies, read or not.
const SERVICE: &[&str] = &[
    "id",
    "type",
    "summary",
    "self",
    "html_url",
    "name",
    "description",
    "created_at",
    "updated_at",
    "status",
    "teams",
    "integrations",
    "escalation_policy",
    "auto_resolve_timeout",
    "acknowledgement_timeout",
    "last_incident_timestamp",
    "incident_urgency_rule",
    "support_hours",
    "scheduled_actions",
    "addons",
    "response_play",
    "alert_creation",
    "alert_grouping",
    "alert_grouping_timeout",
    "alert_grouping_parameters",
    "auto_pause_notifications_parameters",
];
const POLICY: &[&str] = &[
    "id",
    "type",
    "summary",
    "self",
    "html_url",
    "name",
    "description",
    "created_at",
    "updated_at",
    "escalation_rules",
    "services",
    "num_loops",
    "teams",
    "on_call_handoff_notifications",
    "privilege",
];

/// Whether a text looks like an answer of the PagerDuty API that is read here.
pub(super) fn recognise(head: &str) -> bool {
    let tight: String = head.chars().filter(|c| !c.is_whitespace()).collect();
    let is_type = |name: &str| tight.contains(&format!("\"type\":\"{name}\""));
    // Schedules name the escalation policies that they are a part of.
    let is_schedule = is_type("schedule") && !is_type("service") && !is_type("escalation_policy");
    head.starts_with(['{', '['])
        && !is_schedule
        && head.contains("pagerduty.com/")
        && ["services", "escalation_policies", "escalation_policy"]
            .iter()
            .any(|word| head.contains(&format!("\"{word}\"")))
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut unknown = Unknown::default();
    for input in inputs {
        let (mut read, mut others, mut first) = (0_u64, 0_u64, String::new());
        let lists = &["services", "escalation_policies"];
        let seen = each_json(input, Connector::Pagerduty, lists, &mut |item| {
            let (found, passed_over) = take(source, &item.value, harvest, &mut unknown, 0);
            read += found;
            others += passed_over;
            if passed_over > 0 && first.is_empty() {
                first = item.place.to_string();
            }
            Ok(())
        })?;
        let has_list = lists.iter().any(|list| seen.lists.contains(*list));
        if read == 0 && (others > 0 || !has_list) {
            return Err(ConnectError::nothing(
                input,
                Connector::Pagerduty,
                "service or escalation policy",
            ));
        }
        if others > 0 {
            harvest.warn(
                source,
                format!("{others} entries are no services and no escalation policies, the first in {first}"),
            );
        }
    }
    unknown.warn(source, harvest);
    Ok(())
}

/// Takes a service, a policy, or a list of them. Returns how many were read and how many passed over.
fn take(
    source: &Source,
    value: &Value,
    harvest: &mut Harvest,
    unknown: &mut Unknown,
    depth: u8,
) -> (u64, u64) {
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let kind = text("type").unwrap_or_default();
    match (kind, text("id")) {
        ("service", Some(id)) => {
            unknown.note(value, SERVICE);
            let policy = value.get("escalation_policy");
            let Some(policy) = policy
                .and_then(|policy| policy.get("id"))
                .and_then(Value::as_str)
            else {
                return (0, 1);
            };
            let service = Service {
                policy: policy.to_owned(),
                enabled: text("status") != Some("disabled"),
                source: source.clone(),
            };
            harvest
                .joins
                .services
                .entry(id.to_owned())
                .or_insert(service);
            // The reference inside holds the link, where the policies themselves are not exported.
            let url = value
                .pointer("/escalation_policy/html_url")
                .and_then(Value::as_str);
            add_policy(source, policy, url, Vec::new(), harvest);
            harvest.joins.entries += 1;
            (1, 0)
        }
        ("escalation_policy", Some(id)) => {
            unknown.note(value, POLICY);
            let teams = value
                .get("teams")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let teams = teams
                .filter_map(|team| team.get("id")?.as_str())
                .map(str::to_owned);
            add_policy(source, id, text("html_url"), teams.collect(), harvest);
            harvest.joins.entries += 1;
            (1, 0)
        }
        // What a list inside a policy or service refers to.
        (kind, _) if kind.ends_with("_reference") => (0, 0),
        ("", None) => {
            let lists: Vec<&Value> = match value {
                Value::Object(members) => {
                    members.values().filter(|value| value.is_array()).collect()
                }
                Value::Array(_) => vec![value],
                _ => return (0, 0),
            };
            let entries = lists
                .into_iter()
                .filter(|_| depth < 4)
                .filter_map(Value::as_array)
                .flatten();
            entries
                .map(|entry| take(source, entry, harvest, unknown, depth + 1))
                .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        }
        _ => (0, 1),
    }
}

fn add_policy(
    source: &Source,
    id: &str,
    url: Option<&str>,
    teams: Vec<String>,
    harvest: &mut Harvest,
) {
    let known = harvest
        .joins
        .policies
        .entry(id.to_owned())
        .or_insert_with(|| Policy {
            url: None,
            teams: Vec::new(),
            source: source.clone(),
        });
    known.url = known.url.take().or_else(|| url.map(str::to_owned));
    for team in teams {
        if !known.teams.contains(&team) {
            known.teams.push(team);
        }
    }
    known.teams.sort();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "pagerduty".to_owned(),
            rank: 1,
            observed_ms: 0,
            domain: None,
        };
        let mut harvest = Harvest::default();
        let input = Input::memory("services.json".as_ref(), text.as_bytes());
        connect(&source, &[input], &mut harvest).map(|()| harvest)
    }

    const CHECKOUT: &str = r#"{"id":"PSVC001","type":"service","summary":"Checkout","self":"https://api.pagerduty.com/services/PSVC001","html_url":"https://larkmoor.pagerduty.com/service-directory/PSVC001","name":"Checkout","status":"active","integrations":[{"id":"PINT001","type":"events_api_v2_inbound_integration_reference"}],"escalation_policy":{"id":"PPOL001","type":"escalation_policy_reference","html_url":"https://larkmoor.pagerduty.com/escalation_policies/PPOL001"},"teams":[]}"#;
    const FIRST: &str = r#"{"id":"PPOL001","type":"escalation_policy","summary":"Checkout first","html_url":"https://larkmoor.pagerduty.com/escalation_policies/PPOL001","name":"Checkout first","escalation_rules":[{"id":"PRUL001","escalation_delay_in_minutes":10,"targets":[{"id":"PUSR001","type":"user_reference","summary":"Sora Tanaka"}]}],"services":[{"id":"PSVC001","type":"service_reference"}],"teams":[{"id":"PTEA001","type":"team_reference","summary":"Storefront"}]}"#;

    #[test]
    fn services_lead_to_policies_and_nobody_is_named() {
        for text in [
            format!(
                r#"{{"services":[{CHECKOUT}],"limit":25,"offset":0,"more":false}} {{"escalation_policies":[{FIRST}],"more":false}}"#
            ),
            format!("[{CHECKOUT},{FIRST}]"),
            format!(r#"[{{"services":[{CHECKOUT}]}},{{"escalation_policies":[{FIRST}]}}]"#),
        ] {
            let harvest = load(&text).unwrap();
            assert!(harvest.warnings.is_empty(), "{:?}", harvest.warnings);
            assert_eq!(harvest.joins.services["PSVC001"].policy, "PPOL001");
            let policy = &harvest.joins.policies["PPOL001"];
            assert_eq!(policy.teams, ["PTEA001"]);
            assert_eq!(
                policy.url.as_deref(),
                Some("https://larkmoor.pagerduty.com/escalation_policies/PPOL001")
            );
            assert!(!format!("{harvest:?}").contains("Tanaka"));
        }
    }

    #[test]
    fn other_answers_are_refused_or_counted() {
        let people = r#"{"users":[{"id":"PUSR001","type":"user","name":"Sora Tanaka","email":"s@example.com"}]}"#;
        assert!(matches!(load(people), Err(ConnectError::Nothing { .. })));
        assert!(matches!(
            load(r#"{"Users":[]}"#),
            Err(ConnectError::Nothing { .. })
        ));
        assert!(load(r#"{"services":[],"more":false}"#).is_ok());
        let harvest = load(&format!(
            "[{CHECKOUT},{{\"id\":\"P1\",\"type\":\"schedule\"}}]"
        ))
        .unwrap();
        assert!(
            harvest.warnings[0].contains("1 entries"),
            "{:?}",
            harvest.warnings
        );
    }
}
