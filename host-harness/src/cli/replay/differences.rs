//! What two contexts of one event say differently, member by member.
//!
//! Elements of lists are paired by what they are, not by where they stand: identities by role and
//! key, findings and the like by name, credentials by uid, revocations by action.

use serde_json::{Map, Value, json};

/// Members by which the elements of a list are told apart, in order of preference.
const NAMED_BY: [&str; 8] = [
    "uid",
    "name",
    "action",
    "dimension",
    "ref",
    "id",
    "value",
    "field",
];

/// Whom a difference is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subject {
    pub(super) role: String,
    /// Of NEW, else of OLD; `None` when neither knows it.
    pub(super) name: Option<String>,
    pub(super) uid: Option<String>,
    /// The key that decided, as contexts carry it: type, domain, value.
    pub(super) key: Value,
}

/// One member that differs. `None`: it is not there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// `None`: it is about the event as a whole.
    pub(super) subject: Option<Subject>,
    /// Path of the member, as `owner.ref` or `findings[orphaned].severity`.
    pub(super) field: String,
    pub(super) old: Option<Value>,
    pub(super) new: Option<Value>,
}

/// Everything but which snapshot spoke: that differs always.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut all = Vec::new();
    let empty = Vec::new();
    let identities =
        |context: &'_ Value| context["identities"].as_array().unwrap_or(&empty).clone();
    for (old, new) in pairs(&identities(old), &identities(new)) {
        let mut found = Vec::new();
        compare("", old.as_ref(), new.as_ref(), &mut found);
        let subject = subject(old.as_ref(), new.as_ref());
        all.extend(found.into_iter().map(|(field, old, new)| Difference {
            subject: Some(subject.clone()),
            field,
            old,
            new,
        }));
    }
    let rest = |context: &Value| {
        let mut members = context.as_object().cloned().unwrap_or_default();
        members.retain(|name, _| name != "identities" && name != "snapshot");
        Value::Object(members)
    };
    let mut found = Vec::new();
    compare("", Some(&rest(old)), Some(&rest(new)), &mut found);
    all.extend(found.into_iter().map(|(field, old, new)| Difference {
        subject: None,
        field,
        old,
        new,
    }));
    all
}

/// Who is in an event.
pub(super) fn identities(context: &Value) -> Vec<Subject> {
    let identities = context["identities"].as_array();
    identities
        .into_iter()
        .flatten()
        .map(|identity| subject(None, Some(identity)))
        .collect()
}

type Pair = (Option<Value>, Option<Value>);

/// Identities of both sides: by role and key, then by role, because another key may decide now; then
/// alone. In the order of the event.
fn pairs(old: &[Value], new: &[Value]) -> Vec<Pair> {
    let mut left: Vec<Option<&Value>> = new.iter().map(Some).collect();
    let mut take = |is_same: &dyn Fn(&Value) -> bool| {
        left.iter_mut()
            .find(|one| one.is_some_and(is_same))
            .and_then(Option::take)
            .cloned()
    };
    let mut pairs: Vec<Pair> = old.iter().map(|old| (Some(old.clone()), None)).collect();
    let same = |old: &Value, new: &Value| old["role"] == new["role"] && old["key"] == new["key"];
    for (old, new) in &mut pairs {
        if let Some(old) = old {
            *new = take(&|new| same(old, new));
        }
    }
    for (old, new) in &mut pairs {
        if let (Some(old), None) = (&old, &new) {
            *new = take(&|new| old["role"] == new["role"]);
        }
    }
    pairs.extend(
        left.into_iter()
            .flatten()
            .map(|new| (None, Some(new.clone()))),
    );
    pairs
}

fn subject(old: Option<&Value>, new: Option<&Value>) -> Subject {
    let of = |member: &str| {
        [new, old]
            .into_iter()
            .flatten()
            .find_map(|identity| identity[member].as_str())
            .map(str::to_owned)
    };
    let key = [new, old]
        .into_iter()
        .flatten()
        .find_map(|identity| identity.get("key"));
    Subject {
        role: of("role").unwrap_or_default(),
        name: of("name"),
        uid: of("uid"),
        key: key.cloned().unwrap_or(Value::Null),
    }
}

type Found = (String, Option<Value>, Option<Value>);

/// Adds what differs below a path.
fn compare(path: &str, old: Option<&Value>, new: Option<&Value>, out: &mut Vec<Found>) {
    if old == new {
        return;
    }
    let nothing = Map::new();
    let objects = match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => Some((old, new)),
        (Some(Value::Object(old)), None) => Some((old, &nothing)),
        (None, Some(Value::Object(new))) => Some((&nothing, new)),
        _ => None,
    };
    if let Some((old, new)) = objects {
        let names = old
            .keys()
            .chain(new.keys().filter(|name| !old.contains_key(*name)));
        for name in names {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            compare(&path, old.get(name), new.get(name), out);
        }
        return;
    }
    let empty = Vec::new();
    let lists = match (old, new) {
        (Some(Value::Array(old)), Some(Value::Array(new))) => Some((old, new)),
        (Some(Value::Array(old)), None) => Some((old, &empty)),
        (None, Some(Value::Array(new))) => Some((&empty, new)),
        _ => None,
    };
    if let Some((old, new)) = lists
        && old.iter().chain(new).all(Value::is_object)
    {
        elements(path, old, new, out);
        return;
    }
    if let Some((old, new)) = lists
        && sorted(old) == sorted(new)
    {
        return;
    }
    out.push((path.to_owned(), old.cloned(), new.cloned()));
}

/// Lists of objects: elements of one name are compared, others came or went as a whole.
fn elements(path: &str, old: &[Value], new: &[Value], out: &mut Vec<Found>) {
    let (old, new) = (named(old), named(new));
    let names = old.iter().chain(
        new.iter()
            .filter(|(name, _)| !old.iter().any(|(known, _)| known == name)),
    );
    let find = |list: &[(String, Value)], name: &str| {
        list.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    for (name, _) in names {
        let path = format!("{path}[{name}]");
        match (find(&old, name), find(&new, name)) {
            (Some(old), Some(new)) => compare(&path, Some(&old), Some(&new), out),
            (old, new) => out.push((path, old, new)),
        }
    }
}

/// The elements with their names; the second of one name is `name#2`.
fn named(list: &[Value]) -> Vec<(String, Value)> {
    let mut out: Vec<(String, Value)> = Vec::new();
    for value in list {
        let name = NAMED_BY.iter().find_map(|member| value[*member].as_str());
        let name = name.map_or_else(|| value.to_string(), str::to_owned);
        let mut unique = name.clone();
        let mut number = 1;
        while out.iter().any(|(known, _)| *known == unique) {
            number += 1;
            unique = format!("{name}#{number}");
        }
        out.push((unique, value.clone()));
    }
    out
}

/// A list whose order says nothing.
fn sorted(list: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = list.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    texts
}

impl Subject {
    /// One JSON object; the order of the members is fixed.
    pub(super) fn object(&self) -> Value {
        json!({ "role": self.role, "name": self.name, "uid": self.uid, "key": self.key })
    }
}

impl Difference {
    /// One JSON object; the order of the members is fixed.
    pub(super) fn object(&self) -> Value {
        let mut object = self
            .subject
            .as_ref()
            .map_or_else(|| json!({}), Subject::object);
        object["field"] = json!(self.field);
        object["old"] = self.old.clone().unwrap_or(Value::Null);
        object["new"] = self.new.clone().unwrap_or(Value::Null);
        object
    }

    /// Whether a prefix names it: whole members, so that `owner` is not `owner_status`. A list's
    /// elements may be left unnamed: `findings.severity` is that of any finding.
    pub(super) fn is_under(&self, prefix: &str) -> bool {
        let is_under = |field: &str| {
            field
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        is_under(&self.field) || is_under(&without_name(&self.field))
    }
}

/// A path without the name of the list's element that it goes through.
fn without_name(field: &str) -> String {
    match (field.find('['), field.rfind(']')) {
        (Some(from), Some(to)) if from < to => [&field[..from], &field[to + 1..]].concat(),
        _ => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(old: &Value, new: &Value) -> Vec<String> {
        differences(old, new)
            .into_iter()
            .map(|one| {
                let text = |value: &Option<Value>| {
                    value.as_ref().map_or_else(|| "-".into(), Value::to_string)
                };
                let role = one.subject.as_ref().map_or("", |subject| &subject.role);
                format!("{role}|{}|{}|{}", one.field, text(&one.old), text(&one.new))
            })
            .collect()
    }

    fn identity(role: &str, value: &str, more: Value) -> Value {
        let mut identity = json!({"role": role, "key": {"type": "aws_arn", "value": value}});
        for (name, member) in more.as_object().expect("an object") {
            identity[name] = member.clone();
        }
        identity
    }

    #[test]
    fn which_snapshot_spoke_is_no_difference() {
        let old =
            json!({"v": 1, "identities": [], "snapshot": {"digest": "a", "age_at_event_s": 1}});
        let new =
            json!({"v": 1, "identities": [], "snapshot": {"digest": "b", "age_at_event_s": 2}});
        assert_eq!(fields(&old, &new), [""; 0]);
    }

    #[test]
    fn identities_are_paired_by_role_and_key() {
        let old = json!({"identities": [
            identity("target", "t", json!({"outcome": "not_found"})),
            identity("actor", "a", json!({"outcome": "matched", "name": "x"})),
            identity("actor", "b", json!({"outcome": "matched"})),
        ]});
        let new = json!({"identities": [
            identity("actor", "b", json!({"outcome": "retired"})),
            identity("actor", "c", json!({"outcome": "matched", "name": "x"})),
            identity("target", "t", json!({"outcome": "not_found"})),
            identity("via", "v", json!({"outcome": "out_of_scope"})),
        ]});
        assert_eq!(
            fields(&old, &new),
            [
                "actor|key.value|\"a\"|\"c\"",
                "actor|outcome|\"matched\"|\"retired\"",
                "via|role|-|\"via\"",
                "via|key.type|-|\"aws_arn\"",
                "via|key.value|-|\"v\"",
                "via|outcome|-|\"out_of_scope\"",
            ]
        );
    }

    #[test]
    fn elements_are_paired_by_name() {
        let old = json!({
            "identities": [identity("actor", "a", json!({
                "owner": {"ref": "a", "status": "active"},
                "environment": ["production", "test"],
                "findings": [{"name": "stale", "severity": "low"}, {"name": "gone", "severity": "low"}],
            }))],
            "response": {"revocation": [{"action": "off", "expected_minutes": 5}, {"action": "delete"}]},
        });
        let new = json!({
            "identities": [identity("actor", "a", json!({
                "owner": {"ref": "b", "status": "active"},
                "environment": ["test", "production"],
                "findings": [{"name": "new", "severity": "high"}, {"name": "stale", "severity": "high"}],
            }))],
            "triage": {"priority": "high"},
            "response": {"revocation": [{"action": "delete"}, {"action": "off", "expected_minutes": 9}]},
        });
        assert_eq!(
            fields(&old, &new),
            [
                "actor|owner.ref|\"a\"|\"b\"",
                "actor|findings[stale].severity|\"low\"|\"high\"",
                "actor|findings[gone]|{\"name\":\"gone\",\"severity\":\"low\"}|-",
                "actor|findings[new]|-|{\"name\":\"new\",\"severity\":\"high\"}",
                "|response.revocation[off].expected_minutes|5|9",
                "|triage.priority|-|\"high\"",
            ]
        );
    }

    #[test]
    fn elements_of_one_name_stay_apart() {
        let list = |last: &str| json!({"list": [{"name": "a", "x": "1"}, {"name": "a", "x": last}, {"y": 1}]});
        assert_eq!(fields(&list("2"), &list("3")), ["|list[a#2].x|\"2\"|\"3\""]);
    }

    #[test]
    fn a_prefix_names_whole_members() {
        let one = |field: &str| Difference {
            subject: None,
            field: field.to_owned(),
            old: None,
            new: None,
        };
        assert!(one("owner.ref").is_under("owner"));
        assert!(one("findings[x].severity").is_under("findings"));
        assert!(one("owner").is_under("owner"));
        assert!(one("findings[a.b].severity").is_under("findings.severity"));
        assert!(one("findings[x].severity").is_under("findings[x]"));
        assert!(!one("findings[x].severity").is_under("findings.sev"));
        assert!(!one("findings[x]").is_under("findings.severity"));
        assert!(!one("owner_status").is_under("owner"));
        assert!(!one("owner").is_under("owner.ref"));
    }
}
