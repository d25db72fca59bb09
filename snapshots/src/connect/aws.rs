//! What the AWS connectors share: ARNs, times, tags, and the frame of a record.

use enrich_core::KeyType;
use enrich_core::vocabulary::{Kind, Provider};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::{Alias, Scope, Time};
use crate::record::{Harvest, Record, Source};
use crate::text::{DAY_MS, parse_time};

/// Since when AWS records the last use of access keys (2015-04-22).
pub(super) const KEY_TRACKING_MS: i64 = 1_429_660_800_000;
/// Since when AWS records the last use of passwords (2014-10-20).
pub(super) const PASSWORD_TRACKING_MS: i64 = 1_413_763_200_000;
/// For how long AWS remembers the last use of a role.
pub(super) const ROLE_TRACKING_MS: i64 = 400 * DAY_MS;

/// The parts of an IAM ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arn<'a> {
    /// Account id as written.
    pub(super) account: &'a str,
    /// `user`, `role`, `root`, `group`, `policy`, …
    pub(super) resource: &'a str,
    /// Path and name, without the leading slash.
    pub(super) path_and_name: &'a str,
}

impl<'a> Arn<'a> {
    /// Takes an `arn:PARTITION:iam::ACCOUNT:…` apart.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, _partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        if arn != "arn" || service != "iam" || account.is_empty() {
            return None;
        }
        let (resource, path_and_name) = resource.split_once('/').unwrap_or((resource, ""));
        Some(Self {
            account,
            resource,
            path_and_name,
        })
    }

    /// Name without the path.
    pub(super) fn name(&self) -> &'a str {
        self.path_and_name
            .rsplit_once('/')
            .map_or(self.path_and_name, |(_, name)| name)
    }

    /// Canonical uid. `account` stands in where the ARN does not name one.
    pub(super) fn uid(&self, account: &str) -> String {
        if self.path_and_name.is_empty() {
            format!("aws:{account}:{}", self.resource)
        } else {
            format!("aws:{account}:{}/{}", self.resource, self.path_and_name)
        }
    }
}

/// The uid of an IAM ARN, or the text itself when it is another ARN.
pub(super) fn uid_of(arn: &str) -> Option<String> {
    Arn::parse(arn).map(|parsed| parsed.uid(parsed.account))
}

/// A name that is unique inside an account whatever its path.
pub(super) fn local_user(account: &str, name: &str) -> String {
    format!("aws-user:{account}/{}", name.to_ascii_lowercase())
}

/// An AWS time: RFC 3339 text, seconds since 1970, or the object that botocore recordings hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AwsTime {
    Text(String),
    Seconds(f64),
    Parts {
        year: i64,
        month: i64,
        day: i64,
        #[serde(default)]
        hour: i64,
        #[serde(default)]
        minute: i64,
        #[serde(default)]
        second: i64,
    },
    Other(serde::de::IgnoredAny),
}

impl AwsTime {
    /// In milliseconds; `None` for what is no time.
    pub(super) fn ms(&self) -> Option<i64> {
        match self {
            Self::Text(text) => parse_time(text),
            Self::Seconds(seconds) if seconds.is_finite() && seconds.abs() < 1e11 => {
                Some((seconds * 1000.0) as i64)
            }
            Self::Parts {
                year,
                month,
                day,
                hour,
                minute,
                second,
            } => parse_time(&format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
            )),
            Self::Seconds(_) | Self::Other(_) => None,
        }
    }
}

/// Milliseconds of an optional time.
pub(super) fn ms(time: Option<&AwsTime>) -> Option<i64> {
    time.and_then(AwsTime::ms)
}

/// A value, or not known.
pub(super) fn at(ms: Option<i64>) -> Time {
    ms.map_or(Time::Unknown, Time::At)
}

/// Never used since recording began, or since the thing exists, whichever is later.
pub(super) fn never_since(tracking_ms: i64, created: Option<i64>) -> Time {
    Time::NeverSince(created.map_or(tracking_ms, |created| created.max(tracking_ms)))
}

/// Deeper than any answer of the API; a search for entries stops there.
const MAX_DEPTH: usize = 64;

/// The objects that are entries, at any depth: answers may be wrapped, grouped and put together in
/// ways that no list of names foresees. What lies inside an entry is not searched.
pub(super) fn entries<'v>(
    value: &'v Value,
    is_entry: &dyn Fn(&Map<String, Value>) -> bool,
) -> Vec<&'v Value> {
    let mut found = Vec::new();
    collect(value, is_entry, 0, &mut found);
    found
}

fn collect<'v>(
    value: &'v Value,
    is_entry: &dyn Fn(&Map<String, Value>) -> bool,
    depth: usize,
    found: &mut Vec<&'v Value>,
) {
    match value {
        Value::Object(map) if is_entry(map) => found.push(value),
        _ if depth > MAX_DEPTH => {}
        Value::Object(map) => {
            for inner in map.values() {
                collect(inner, is_entry, depth + 1, found);
            }
        }
        Value::Array(items) => {
            for inner in items {
                collect(inner, is_entry, depth + 1, found);
            }
        }
        _ => {}
    }
}

/// The text of a member.
pub(super) fn text<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    map.get(name).and_then(Value::as_str)
}

/// An account id as AWS writes it.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The tag and the annotation that name identities, in KEY notation, separated by spaces or commas
/// (the values of AWS tags can't hold commas).
pub(super) const IDENTITIES: &str = "whose/identities";

/// The keys that a `whose/identities` tag names; what is no key is a warning.
pub(super) fn declared(
    source: &Source,
    of: &str,
    tags: &[Tag],
    harvest: &mut Harvest,
) -> Vec<Alias> {
    let mut out = Vec::new();
    let values = tags.iter().filter(|tag| tag.key == IDENTITIES);
    for key in values.flat_map(|tag| tag.value.split([' ', ',', '\n'])) {
        match crate::record::parse_key(key) {
            _ if key.trim().is_empty() => {}
            Ok(alias) => out.push(alias),
            Err(refusal) => harvest.warn(
                source,
                format!(
                    "{}: {IDENTITIES} names {}: {refusal}",
                    crate::text::printable(of, 120),
                    crate::text::printable(key, 120)
                ),
            ),
        }
    }
    out
}

/// A tag.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Tag {
    #[serde(rename = "Key")]
    pub(super) key: String,
    #[serde(rename = "Value", default)]
    pub(super) value: String,
}

/// `RoleLastUsed` of a role: an object without a date means "not in the last 400 days".
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct RoleLastUsed {
    #[serde(rename = "LastUsedDate")]
    pub(super) date: Option<AwsTime>,
}

impl RoleLastUsed {
    /// When a role was last used. `None` in the place of the object means that the call does not
    /// report it (ListRoles), which is not known.
    pub(super) fn last_seen(this: Option<&Self>, source: &Source, created: Option<i64>) -> Time {
        match this {
            None => Time::Unknown,
            Some(used) => match ms(used.date.as_ref()) {
                Some(at) => Time::At(at),
                None => never_since(source.observed_ms - ROLE_TRACKING_MS, created),
            },
        }
    }
}

/// What every export says about a user, role or root.
pub(super) struct Principal<'a> {
    pub(super) arn: &'a str,
    /// `AIDA…`, `AROA…`.
    pub(super) principal_id: Option<&'a str>,
    pub(super) created: Option<i64>,
    pub(super) tags: &'a [Tag],
}

/// The frame of a record: uid, keys, kind, place, tags. `None` with a warning when the ARN is none.
pub(super) fn frame(
    source: &Source,
    principal: &Principal<'_>,
    harvest: &mut Harvest,
) -> Option<Record> {
    let Some(arn) = Arn::parse(principal.arn) else {
        harvest.warn(
            source,
            format!(
                "entry left out, its ARN is no IAM ARN: {}",
                crate::text::printable(principal.arn, 120)
            ),
        );
        return None;
    };
    let (kind, sub_type) = match arn.resource {
        "user" => (Kind::IamUser, "aws_iam_user"),
        "role" => (Kind::IamRole, "aws_iam_role"),
        "root" => (Kind::Unknown, "aws_account_root"),
        _ => return None,
    };
    // Some exports mask the account; the configuration knows it.
    let account = match source.domain.as_deref() {
        Some(configured) if !arn.account.bytes().all(|b| b.is_ascii_digit()) => configured,
        _ => arn.account,
    };
    let mut record = Record::new(source, Some(arn.uid(account)));
    let mut refused = Vec::new();
    // A name can be given again; it leads here only since this one exists.
    refused.extend(
        record
            .add_key(KeyType::AwsArn, "", principal.arn, principal.created)
            .err(),
    );
    if let Some(id) = principal.principal_id {
        refused.extend(record.add_key(KeyType::AwsPrincipalId, "", id, None).err());
    }
    for refusal in refused {
        harvest.warn(
            source,
            format!("{}: {refusal}", crate::text::printable(principal.arn, 120)),
        );
    }
    let facts = &mut record.facts;
    facts.name = Some(if arn.resource == "root" {
        format!("root of {account}")
    } else {
        arn.name().to_owned()
    });
    facts.native_kind = Some(kind);
    facts.sub_type = Some(sub_type.to_owned());
    facts.provider = Some(Provider::Aws);
    facts.domain = Some(account.to_owned());
    facts.created = at(principal.created);
    facts.tags = principal
        .tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect();
    if arn.resource == "user" {
        record.local_name = Some(local_user(account, arn.name()));
    }
    if let Some(service) = arn
        .path_and_name
        .strip_prefix("aws-service-role/")
        .and_then(|rest| rest.split('/').next())
    {
        facts.sub_type = Some("aws_service_linked_role".to_owned());
        facts.service = Some(service.to_owned());
    }
    if cover(account, harvest)
        && source
            .domain
            .as_deref()
            .is_some_and(|configured| is_account(account) && configured != account)
    {
        harvest.warn(source, another_account(source, account));
    }
    Some(record)
}

/// What to say about entries of an account that the configuration does not name. They are read all the
/// same: their ARNs say where they belong.
pub(super) fn another_account(source: &Source, account: &str) -> String {
    format!(
        "the export speaks of account {}, the configuration names {}",
        crate::text::printable(account, 40),
        source.domain.as_deref().unwrap_or("none")
    )
}

/// Whether the last of the pages of a list is there.
#[derive(Debug, Default)]
pub(super) struct Pages {
    more: usize,
    last: usize,
}

impl Pages {
    /// Looks at an answer, or at what stands beside its list.
    pub(super) fn note(&mut self, answer: &Value) {
        let truncated = answer.get("IsTruncated").and_then(Value::as_bool);
        let token = answer
            .get("NextToken")
            .is_some_and(|token| !token.is_null());
        if truncated == Some(true) || token {
            self.more += 1;
        } else if truncated == Some(false) {
            self.last += 1;
        }
    }

    /// Says so when there is a page with more behind it and no last one.
    pub(super) fn settle(&self, source: &Source, harvest: &mut Harvest) {
        if self.more > 0 && self.last == 0 {
            harvest.incomplete(source);
            harvest.warn(
                source,
                "the list is cut (IsTruncated or NextToken without a last page); what is not in it is not known to be gone",
            );
        }
    }
}

/// Notes that an account was read; whether it is the first time.
fn cover(account: &str, harvest: &mut Harvest) -> bool {
    // Entries of one account stand together, so the search is short from the end.
    let mut known = harvest.scopes.iter().rev();
    if known.any(|scope| scope.provider == Provider::Aws && scope.domain == account) {
        return false;
    }
    harvest.scopes.push(Scope {
        provider: Provider::Aws,
        domain: account.to_owned(),
        part: String::new(),
        name: None,
        owner: None,
        escalation_policy: None,
        covered: true,
        environment: Vec::new(),
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_keep_their_path_in_the_uid() {
        assert_eq!(
            uid_of("arn:aws:iam::111122223333:role/ci/deployer").as_deref(),
            Some("aws:111122223333:role/ci/deployer")
        );
        assert_eq!(
            uid_of("arn:aws-cn:iam::111122223333:user/x").as_deref(),
            Some("aws:111122223333:user/x")
        );
        assert_eq!(
            uid_of("arn:aws:iam::111122223333:root").as_deref(),
            Some("aws:111122223333:root")
        );
        assert_eq!(uid_of("arn:aws:sts::111122223333:assumed-role/x/y"), None);
        assert_eq!(
            Arn::parse("arn:aws:iam::1:role/a/b/c").map(|arn| arn.name()),
            Some("c")
        );
    }

    #[test]
    fn times_come_in_three_shapes() {
        for text in [
            r#""2019-03-29T18:29:17Z""#,
            r#""2019-03-29T18:29:17+00:00""#,
            "1553884157",
            r#"{"__class__":"datetime","year":2019,"month":3,"day":29,"hour":18,"minute":29,"second":17,"microsecond":0}"#,
        ] {
            let time: AwsTime = serde_json::from_str(text).unwrap();
            assert_eq!(time.ms(), Some(1_553_884_157_000), "{text}");
        }
        let time: AwsTime = serde_json::from_str("[1]").unwrap();
        assert_eq!(time.ms(), None);
    }

    #[test]
    fn an_empty_last_used_is_not_never() {
        let source = Source {
            name: "s".to_owned(),
            rank: 0,
            observed_ms: 1_773_986_400_000,
            domain: None,
        };
        let empty = RoleLastUsed::default();
        assert_eq!(RoleLastUsed::last_seen(None, &source, None), Time::Unknown);
        assert_eq!(
            RoleLastUsed::last_seen(Some(&empty), &source, Some(0)),
            Time::NeverSince(1_773_986_400_000 - ROLE_TRACKING_MS)
        );
        let young = 1_773_986_400_000 - DAY_MS;
        assert_eq!(
            RoleLastUsed::last_seen(Some(&empty), &source, Some(young)),
            Time::NeverSince(young)
        );
    }
}
