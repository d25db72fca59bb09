//! `aws iam get-credential-report`: passwords, access keys and certificates of users and root.
//!
//! The report names no key ids. Its keys are called `access_key_1` and `access_key_2` until another
//! source gives the ids; reconcile lets them meet by their dates.

use std::collections::BTreeMap;
use std::io::Read;

use enrich_core::vocabulary::{CredentialStatus, PrivilegeLevel};
use serde::Deserialize;

use super::aws::{
    AwsTime, KEY_TRACKING_MS, PASSWORD_TRACKING_MS, Principal, at, frame, ms, never_since,
};
use super::fields::Unknown;
use super::stream::{csv_reader, each_json};
use super::{ConnectError, Connector, Input};
use crate::model::{Credential, Time};
use crate::record::{Grant, Harvest, Record, Source};
use crate::text::parse_time;

const CONNECTOR: Connector = Connector::AwsCredentialReport;

#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(rename = "Content")]
    content: Option<String>,
    #[serde(rename = "GeneratedTime")]
    generated: Option<AwsTime>,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    for input in inputs {
        let head = input
            .head()
            .map_err(|error| ConnectError::read(input, CONNECTOR, &error))?;
        if head.trim_ascii_start().starts_with(b"{") {
            envelope(source, input, harvest)?;
        } else {
            rows(source, input, &mut csv_reader(input, CONNECTOR)?, harvest)?;
        }
    }
    Ok(())
}

/// The answer of the API: the whole report in one text.
fn envelope(source: &Source, input: &Input, harvest: &mut Harvest) -> Result<(), ConnectError> {
    let mut found = false;
    each_json(input, CONNECTOR, &["data"], &mut |item| {
        let Ok(Envelope {
            content: Some(content),
            generated,
        }) = serde_json::from_value(item.value)
        else {
            return Ok(());
        };
        found = true;
        let mut source = source.clone();
        source.observed_ms = ms(generated.as_ref()).unwrap_or(source.observed_ms);
        let content = if content.starts_with("user,") {
            content
        } else {
            base64(&content).unwrap_or(content)
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(content.as_bytes());
        rows(&source, input, &mut reader, harvest)
    })?;
    if found {
        Ok(())
    } else {
        Err(ConnectError::nothing(input, CONNECTOR, "Content"))
    }
}

fn rows<R: Read>(
    source: &Source,
    input: &Input,
    reader: &mut csv::Reader<R>,
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let fault = |line: u64, reason: String| ConnectError::Csv {
        path: input.path().display().to_string(),
        connector: CONNECTOR.as_str(),
        line,
        reason,
    };
    let failed = |error: csv::Error| match error.kind() {
        csv::ErrorKind::Io(error) => ConnectError::read(input, CONNECTOR, error),
        _ => fault(
            error.position().map_or(1, csv::Position::line),
            error.to_string(),
        ),
    };
    let headers = reader.headers().map_err(failed)?.clone();
    for needed in ["user", "arn", "user_creation_time"] {
        if !headers.iter().any(|header| header == needed) {
            return Err(fault(1, format!("there is no column {needed:?}")));
        }
    }
    let mut unknown = Unknown::default();
    for column in headers.iter().filter(|column| !is_known(column)) {
        unknown.add(column);
    }
    unknown.warn(source, harvest);
    let mut records = reader.records().peekable();
    if records.peek().is_none() {
        harvest.warn(
            source,
            format!(
                "{} has a head and no row, not even that of the root user; make the report again",
                input.path().display()
            ),
        );
    }
    while let Some(row) = records.next() {
        let row = row.map_err(failed)?;
        let line = row.position().map_or(0, csv::Position::line);
        if row.len() != headers.len() {
            // What is cut off could be a key, and the rest of the users.
            let remedy = if row.len() < headers.len() && records.peek().is_none() {
                "the file is truncated, make the report again"
            } else {
                "repair the line or make the report again"
            };
            let reason = format!(
                "the row has {} columns, the head has {}; {remedy}",
                row.len(),
                headers.len()
            );
            return Err(fault(line, reason));
        }
        let row = Row(headers.iter().zip(row.iter()).collect());
        if let Some(record) = record(source, &row, harvest) {
            harvest.add(record);
        } else {
            harvest.incomplete(source);
        }
    }
    Ok(())
}

/// The columns of the report, of which some are not read.
fn is_known(column: &str) -> bool {
    const SLOTS: &[&str] = &["access_key_1_", "access_key_2_", "cert_1_", "cert_2_"];
    let of_slot = SLOTS.iter().find_map(|slot| column.strip_prefix(slot));
    match of_slot {
        Some(rest) => matches!(
            rest,
            "active" | "last_rotated" | "last_used_date" | "last_used_region" | "last_used_service"
        ),
        None => matches!(
            column,
            "user"
                | "arn"
                | "user_creation_time"
                | "password_enabled"
                | "password_last_used"
                | "password_last_changed"
                | "password_next_rotation"
                | "mfa_active"
        ),
    }
}

/// One row by column name. Placeholders for "there is nothing" read as absent.
struct Row<'a>(BTreeMap<&'a str, &'a str>);

impl Row<'_> {
    fn text(&self, column: &str) -> &str {
        self.0.get(column).copied().unwrap_or("").trim()
    }

    fn time(&self, column: &str) -> Option<i64> {
        parse_time(self.text(column))
    }

    /// `true`, `TRUE`; `None` for `not_supported` and the like.
    fn flag(&self, column: &str) -> Option<bool> {
        match self.text(column).to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}

fn record(source: &Source, row: &Row<'_>, harvest: &mut Harvest) -> Option<Record> {
    let created = row.time("user_creation_time");
    let mut record = frame(
        source,
        &Principal {
            arn: row.text("arn"),
            principal_id: None,
            created,
            tags: &[],
        },
        harvest,
    )?;
    let is_root = row.text("user") == "<root_account>"
        || record.facts.sub_type.as_deref() == Some("aws_account_root");
    let mut credentials = Vec::new();
    credentials.extend(password(row, is_root));
    for slot in ["access_key_1", "access_key_2"] {
        credentials.extend(access_key(row, slot));
    }
    for slot in ["cert_1", "cert_2"] {
        credentials.extend(certificate(row, slot));
    }
    // Root has a password always; a user without one needs no second factor.
    let has_password = is_root || row.flag("password_enabled") == Some(true);
    if has_password && row.flag("mfa_active") == Some(false) {
        let weak = "signs in to the console with a password and no second factor (MFA)";
        record.facts.weak.push(weak.to_owned());
    }
    record.facts.last_seen = last_seen(&credentials);
    record.facts.credentials = credentials;
    if is_root {
        record
            .facts
            .grants
            .push(Grant::new("account root", PrivilegeLevel::Admin, 0));
    }
    Some(record)
}

/// The latest use of any credential; "never since" only when that holds for all of them.
fn last_seen(credentials: &[Credential]) -> Time {
    let uses = credentials.iter().map(|credential| credential.last_used);
    let latest = uses
        .clone()
        .filter_map(|time| {
            if let Time::At(ms) = time {
                Some(ms)
            } else {
                None
            }
        })
        .max();
    if let Some(latest) = latest {
        return Time::At(latest);
    }
    let never: Option<Vec<i64>> = uses
        .map(|time| {
            if let Time::NeverSince(ms) = time {
                Some(ms)
            } else {
                None
            }
        })
        .collect();
    never
        .and_then(|never| never.into_iter().max())
        .map_or(Time::Unknown, Time::NeverSince)
}

const fn status(active: Option<bool>) -> CredentialStatus {
    match active {
        Some(true) => CredentialStatus::Active,
        Some(false) => CredentialStatus::Inactive,
        None => CredentialStatus::Unknown,
    }
}

fn password(row: &Row<'_>, is_root: bool) -> Option<Credential> {
    let enabled = row.flag("password_enabled");
    // Root always has one; the report says not_supported in place of its state.
    if enabled != Some(true) && !is_root {
        return None;
    }
    let created = row.time("user_creation_time");
    let tracked = |column: &str| match row.text(column) {
        "not_supported" => Time::NotTracked,
        _ => at(row.time(column)),
    };
    Some(Credential {
        uid: "password".to_owned(),
        credential_type: "password".to_owned(),
        created: Time::Unknown,
        last_rotated: tracked("password_last_changed"),
        expires: match row.text("password_next_rotation") {
            "N/A" => Time::Never,
            _ => tracked("password_next_rotation"),
        },
        last_used: match row.text("password_last_used") {
            "no_information" | "N/A" => never_since(PASSWORD_TRACKING_MS, created),
            _ => tracked("password_last_used"),
        },
        status: if is_root {
            CredentialStatus::Active
        } else {
            status(enabled)
        },
        secret_source: None,
        max_age_days: None,
    })
}

fn access_key(row: &Row<'_>, slot: &str) -> Option<Credential> {
    let active = row.flag(&format!("{slot}_active"));
    let rotated = row.time(&format!("{slot}_last_rotated"));
    // Inactive and without a date: there is no key in this slot.
    if active != Some(true) && rotated.is_none() {
        return None;
    }
    let last_used = match row.time(&format!("{slot}_last_used_date")) {
        Some(used) => Time::At(used),
        None => never_since(KEY_TRACKING_MS, rotated),
    };
    Some(Credential {
        uid: slot.to_owned(),
        credential_type: "access_key".to_owned(),
        created: Time::Unknown,
        last_rotated: at(rotated),
        expires: Time::Never,
        last_used,
        status: status(active),
        secret_source: None,
        max_age_days: None,
    })
}

fn certificate(row: &Row<'_>, slot: &str) -> Option<Credential> {
    let active = row.flag(&format!("{slot}_active"));
    let rotated = row.time(&format!("{slot}_last_rotated"));
    (active == Some(true) || rotated.is_some()).then(|| Credential {
        uid: slot.to_owned(),
        credential_type: "certificate".to_owned(),
        created: Time::Unknown,
        last_rotated: at(rotated),
        expires: Time::Unknown,
        last_used: Time::NotTracked,
        status: status(active),
        secret_source: None,
        max_age_days: None,
    })
}

/// The command line prints the report's bytes in base64.
fn base64(text: &str) -> Option<String> {
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() * 3 / 4), 0_u32, 0_u32);
    for byte in text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace() && *b != b'=')
    {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

    fn load(text: &str) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "report".to_owned(),
            rank: 0,
            observed_ms: 1_773_986_400_000,
            domain: None,
        };
        let mut harvest = Harvest::default();
        connect(
            &source,
            &[Input::memory("r.csv".as_ref(), text.as_bytes())],
            &mut harvest,
        )
        .map(|()| harvest)
    }

    fn ms(text: &str) -> i64 {
        parse_time(text).unwrap()
    }

    #[test]
    fn root_has_a_password_that_is_not_tracked() {
        let row = "<root_account>,arn:aws:iam::111122223333:root,2016-05-16T18:13:11+00:00,not_supported,no_information,not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A";
        let harvest = load(&format!("{HEAD}\n{row}\n")).unwrap();
        let root = &harvest.records[0];
        assert_eq!(root.uid.as_deref(), Some("aws:111122223333:root"));
        let password = &root.facts.credentials[0];
        assert_eq!(
            (password.last_rotated, password.expires),
            (Time::NotTracked, Time::NotTracked)
        );
        assert_eq!(
            password.last_used,
            Time::NeverSince(ms("2016-05-16T18:13:11Z"))
        );
        assert_eq!(root.facts.grants[0].tier, 0);
    }

    #[test]
    fn two_keys_and_upper_case_flags() {
        let row = "ci,arn:aws:iam::111122223333:user/ci,2012-01-29T21:54:13+00:00,FALSE,N/A,N/A,N/A,FALSE,TRUE,2012-01-29T21:54:13+00:00,N/A,N/A,N/A,FALSE,2024-06-24T20:30:37+00:00,2024-12-01T22:25:00+00:00,us-east-1,sts,FALSE,N/A,FALSE,N/A";
        let harvest = load(&format!("{HEAD}\n{row}")).unwrap();
        let [first, second] = &harvest.records[0].facts.credentials[..] else {
            panic!("two keys")
        };
        assert_eq!(
            (first.uid.as_str(), first.status, first.last_used),
            (
                "access_key_1",
                CredentialStatus::Active,
                Time::NeverSince(KEY_TRACKING_MS)
            )
        );
        assert_eq!(
            (second.uid.as_str(), second.status, second.last_used),
            (
                "access_key_2",
                CredentialStatus::Inactive,
                Time::At(ms("2024-12-01T22:25:00Z"))
            )
        );
        assert_eq!(
            harvest.records[0].facts.last_seen,
            Time::At(ms("2024-12-01T22:25:00Z"))
        );
    }

    #[test]
    fn the_json_envelope_holds_base64_and_its_time() {
        let json = r#"{"Content":"dXNlcixhcm4sdXNlcl9jcmVhdGlvbl90aW1lCmEsYXJuOmF3czppYW06OjE6dXNlci9hLE4vQQo=","GeneratedTime":"2019-05-07T15:40:22+00:00","ReportFormat":"text/csv"}"#;
        let harvest = load(json).unwrap();
        assert_eq!(
            harvest.records[0].source.observed_ms,
            ms("2019-05-07T15:40:22Z")
        );
        assert_eq!(harvest.records[0].facts.created, Time::Unknown);
    }

    #[test]
    fn a_report_that_is_cut_is_refused() {
        let row = |columns: usize| {
            format!(
                "a,arn:aws:iam::111122223333:user/a{}",
                ",N/A".repeat(columns - 2)
            )
        };
        let refused = |text: &str| load(text).unwrap_err().to_string();
        let cut = refused(&format!("{HEAD}\n{}\n{}", row(22), row(7)));
        assert!(cut.contains("r.csv") && cut.contains("line 3"), "{cut}");
        assert!(cut.contains("has 7 columns, the head has 22"), "{cut}");
        assert!(cut.contains("truncated"), "{cut}");
        for columns in [7, 23] {
            let odd = refused(&format!("{HEAD}\n{}\n{}\n", row(columns), row(22)));
            assert!(odd.contains("line 2") && odd.contains("repair"), "{odd}");
        }
        let empty = load(&format!("{HEAD}\n")).unwrap();
        assert!(empty.warnings[0].contains("no row"), "{:?}", empty.warnings);
    }

    #[test]
    fn other_files_are_refused() {
        assert!(
            load("a,b\n1,2\n")
                .unwrap_err()
                .to_string()
                .contains("no column \"user\"")
        );
        assert!(
            load("{\"Users\":[]}")
                .unwrap_err()
                .to_string()
                .contains("no Content")
        );
    }
}
