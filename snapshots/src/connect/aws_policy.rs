//! IAM policy documents: how they are written. What a permission policy allows is in
//! [`super::aws_privilege`], whom a trust policy lets in in [`super::aws_trust`]. The documents
//! themselves never enter a snapshot.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::aws::Arn;

/// A policy document, as an object or as the URL-encoded JSON text that the API returns.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) statements: Vec<Statement>,
    /// What the statements can't tell, as not all of it is there or readable.
    pub(super) gap: Gap,
}

/// What is not known of a document. What is missing may allow anything, so it is not the same as an
/// empty document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gap {
    /// There is no document.
    #[default]
    Missing,
    /// It, or a statement of it, is none that can be read.
    Unreadable,
    /// Nothing.
    Closed,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Statement {
    #[serde(rename = "Effect", default)]
    pub(super) effect: String,
    #[serde(rename = "Action", default)]
    pub(super) action: Many,
    #[serde(rename = "NotAction", default)]
    pub(super) not_action: Many,
    #[serde(rename = "Resource", default)]
    pub(super) resource: Many,
    #[serde(rename = "NotResource", default)]
    pub(super) not_resource: Many,
    #[serde(rename = "Principal", default)]
    pub(super) principal: Value,
    #[serde(rename = "NotPrincipal", default)]
    pub(super) not_principal: Value,
    #[serde(rename = "Condition", default)]
    pub(super) condition: Value,
}

/// One or many texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Many(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Many {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(texts(&Value::deserialize(deserializer)?)))
    }
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_value(&Value::deserialize(deserializer)?))
    }
}

impl Document {
    /// Reads a document; what can't be read is left out and noted as its gap.
    pub(super) fn from_value(value: &Value) -> Self {
        let parsed;
        let was_absent = value.is_null();
        let value = if let Value::String(text) = value {
            parsed = serde_json::from_str::<Value>(text)
                .or_else(|_| serde_json::from_str(&percent_decoded(text)))
                .unwrap_or(Value::Null);
            &parsed
        } else {
            value
        };
        let (items, is_list) = match value.get("Statement").unwrap_or(value) {
            Value::Array(items) => (items.clone(), true),
            item @ Value::Object(_) => (vec![item.clone()], true),
            _ => (Vec::new(), false),
        };
        let count = items.len();
        // Without an effect it is no statement: `{"Version": "2012-10-17"}` says nothing.
        let statements: Vec<Statement> = items
            .into_iter()
            .filter_map(|item| serde_json::from_value(item).ok())
            .filter(|statement: &Statement| matches!(statement.effect.as_str(), "Allow" | "Deny"))
            .collect();
        let gap = if was_absent {
            Gap::Missing
        } else if is_list && statements.len() == count {
            Gap::Closed
        } else {
            Gap::Unreadable
        };
        Self { statements, gap }
    }

    /// Its statements that allow something.
    pub(super) fn allowed(&self) -> impl Iterator<Item = &Statement> + Clone {
        self.statements.iter().filter(|s| s.effect == "Allow")
    }

    /// Its statements that deny actions on every resource, whatever the conditions of a request.
    pub(super) fn denials(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(|s| {
            s.effect == "Deny"
                && s.condition
                    .as_object()
                    .is_none_or(serde_json::Map::is_empty)
                && s.not_resource.0.is_empty()
                && s.is_everywhere()
        })
    }

    /// The roles that the document lets its holder assume, as uids; patterns are left out.
    pub(super) fn assumable_roles(&self) -> Vec<String> {
        let assume =
            |action: &String| crate::text::glob(&action.to_ascii_lowercase(), "sts:assumerole");
        let allowed = self
            .statements
            .iter()
            .filter(|s| s.effect == "Allow" && s.action.0.iter().any(assume));
        let named = allowed
            .flat_map(|s| &s.resource.0)
            .filter(|r| !r.contains(['*', '?', '$']));
        named
            .filter_map(|resource| {
                Arn::parse(resource)
                    .filter(|arn| arn.resource == "role")
                    .map(|arn| arn.uid(arn.account))
            })
            .collect()
    }
}

impl Statement {
    /// The values that a key is compared with for equality or likeness, whatever the operator's set prefix.
    pub(super) fn condition_values(&self, key: &str) -> Vec<String> {
        let Some(operators) = self.condition.as_object() else {
            return Vec::new();
        };
        let positive = operators.iter().filter(|(operator, _)| {
            let operator = operator
                .rsplit(':')
                .next()
                .unwrap_or(operator)
                .trim_end_matches("IfExists");
            matches!(
                operator,
                "StringEquals" | "StringLike" | "StringEqualsIgnoreCase"
            )
        });
        let compared = positive
            .filter_map(|(_, keys)| keys.as_object())
            .flat_map(|keys| keys.iter());
        compared
            .filter(|(name, _)| name.eq_ignore_ascii_case(key))
            .flat_map(|(_, value)| texts(value))
            .collect()
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let decoded = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match decoded {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allow(action: Value, resource: &str) -> Value {
        json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
    }

    #[test]
    fn what_is_not_read_is_noted() {
        let whole = allow(json!("s3:GetObject"), "*");
        for (document, gap) in [
            (whole.clone(), Gap::Closed),
            (json!(whole.to_string()), Gap::Closed),
            (json!({"Statement": []}), Gap::Closed),
            (Value::Null, Gap::Missing),
            (json!("{garbage"), Gap::Unreadable),
            (json!({}), Gap::Unreadable),
            (json!({"Version": "2012-10-17"}), Gap::Unreadable),
            (
                json!({"Statement": [whole["Statement"][0], "cut"]}),
                Gap::Unreadable,
            ),
        ] {
            assert_eq!(Document::from_value(&document).gap, gap, "{document}");
        }
    }

    #[test]
    fn named_roles_can_be_assumed() {
        let document = Document::from_value(&allow(
            json!("sts:AssumeRole"),
            "arn:aws:iam::222233334444:role/ops/deploy",
        ));
        assert_eq!(
            document.assumable_roles(),
            ["aws:222233334444:role/ops/deploy"]
        );
        assert!(
            Document::from_value(&allow(json!("sts:AssumeRole"), "*"))
                .assumable_roles()
                .is_empty()
        );
    }
}
