//! No secret enters a snapshot, whichever field of an export it stands in.

use std::path::{Path, PathBuf};

use serde_json::Value;
use snapshots::config::InventoryConfig;
use snapshots::connect::{Connector, Input, connect};
use snapshots::export::{Explicit, Exported, Quiet, assemble, export};
use snapshots::format::build;
use snapshots::policy::Policy;
use snapshots::record::{Harvest, Source};

const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z

/// Put together here, so that scanners of this repository stay quiet. The middle is searched for, since
/// a snapshot stores the beginning of a key apart.
const MIDDLE: &str = "Zq7Xw9Kd3Vb5";

fn secret() -> String {
    format!("ghp{}{MIDDLE}{}", "_", "a1B2c3D4e5F6g7H8i9J0k1L2")
}

fn source(name: &str, domain: Option<&str>) -> Source {
    Source {
        name: name.to_owned(),
        rank: 0,
        observed_ms: NOW,
        domain: domain.map(str::to_owned),
    }
}

/// Everything that leaves a build: the bytes, what a person is told, what the inventory holds.
fn leaving(exported: &Exported) -> String {
    let bytes = build(&exported.inventory).unwrap();
    let report = format!("{:?} {:?}", exported.report, exported.inventory);
    format!("{}{report}", String::from_utf8_lossy(&bytes))
}

/// The paths of all texts of a document, array places left out, and their number.
fn paths(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                paths(inner, &format!("{path}/{name}"), out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, path, out)),
        Value::String(_) if !out.iter().any(|known| known == path) => out.push(path.to_owned()),
        _ => {}
    }
}

/// Writes a text over each text at a path.
fn put(value: &mut Value, path: &str, at: &str, text: &str) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                put(inner, path, &format!("{at}/{name}"), text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, path, at, text)),
        Value::String(known) if path == at => text.clone_into(known),
        _ => {}
    }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/inventory.toml")
}

#[test]
fn no_text_of_any_sample_export_can_carry_a_secret() {
    let config = InventoryConfig::read(&samples()).unwrap();
    let policy = Policy::built_in().unwrap();
    let (mut tried, mut refused) = (0, 0);
    for configured in &config.sources {
        for path in &configured.files {
            let text = std::fs::read_to_string(path).unwrap();
            let Ok(document) = serde_json::from_str::<Value>(&text) else {
                continue;
            };
            let connector = configured
                .connector
                .or_else(|| snapshots::connect::detect(path, text.as_bytes()))
                .unwrap();
            let mut all = Vec::new();
            paths(&document, "", &mut all);
            for field in all {
                let mut altered = document.clone();
                put(&mut altered, &field, "", &secret());
                let source = source(&configured.name, configured.domain.as_deref());
                let mut harvest = Harvest::default();
                let input = Input::memory(path, altered.to_string().as_bytes());
                tried += 1;
                if let Err(error) = connect(connector, &source, &[input], &mut harvest) {
                    // What the command line would say.
                    refused += 1;
                    let line = snapshots::limits::told(error.to_string());
                    assert!(!line.contains(MIDDLE), "{field} of {}", path.display());
                    continue;
                }
                let explicit = Explicit::new(NOW, 1, 0);
                let mut exported = assemble("Larkmoor", &harvest, &policy, &explicit);
                // As the command line does with what connectors say.
                let warnings = harvest.warnings.into_iter().map(snapshots::limits::told);
                exported.report.warnings.extend(warnings);
                assert!(
                    !leaving(&exported).contains(MIDDLE),
                    "{field} of {}",
                    path.display()
                );
            }
        }
    }
    assert!(
        tried > 100 && refused < tried / 2,
        "{tried} tried, {refused} refused"
    );
}

#[test]
fn other_formats_carry_none_either() {
    let secret = secret();
    let report = format!(
        "user,arn,user_creation_time,password_enabled,mfa_active\n{secret},arn:aws:iam::111122223333:user/{secret},{secret},false,false\nx,arn:aws:iam::111122223333:user/x,2024-01-01T00:00:00Z,{secret},true\n"
    );
    let catalogue = format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: pay\nspec:\n  profile:\n    displayName: {secret}\n    email: {secret}@larkmoor.example\n---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {secret}\n  annotations:\n    whose/identities: aws_arn:arn:aws:iam::111122223333:user/x\n    whose/purpose: token {secret}\n    whose/secret-source: {secret}\n    whose/workloads: k8s:prod/{secret}\n    whose/{secret}: x\nspec:\n  owner: {secret}\n  system: {secret}\n"
    );
    let mut harvest = Harvest::default();
    for (connector, name, text) in [
        (Connector::AwsCredentialReport, "report.csv", report),
        (Connector::Backstage, "catalog-info.yaml", catalogue),
    ] {
        let input = Input::memory(name.as_ref(), text.as_bytes());
        connect(connector, &source(name, None), &[input], &mut harvest).unwrap();
    }
    let policy = Policy::built_in().unwrap();
    let exported = assemble("Larkmoor", &harvest, &policy, &Explicit::new(NOW, 1, 0));
    assert!(!leaving(&exported).contains(MIDDLE));
    assert!(
        exported.report.cleaned.secrets >= 4,
        "{:?}",
        exported.report.cleaned
    );
    // The user whose purpose quotes a token has a finding that names the place and the kind.
    let user = exported
        .inventory
        .identities
        .iter()
        .find(|identity| identity.uid == "aws:111122223333:user/x")
        .unwrap();
    let finding = user
        .findings
        .iter()
        .find(|finding| finding.name == "secret_exposed")
        .unwrap();
    assert_eq!(finding.owasp.as_deref(), Some("NHI2:2025"));
    assert!(
        finding
            .evidence
            .contains("description holds a GitHub token"),
        "{}",
        finding.evidence
    );
}

#[test]
fn weak_ways_to_sign_in_are_findings() {
    let report = "user,arn,user_creation_time,password_enabled,mfa_active,access_key_1_active,access_key_1_last_rotated\n\
        <root_account>,arn:aws:iam::111122223333:root,2020-01-01T00:00:00Z,not_supported,true,true,2026-03-01T00:00:00Z\n\
        person,arn:aws:iam::111122223333:user/person,2024-01-01T00:00:00Z,true,false,false,N/A\n\
        safe,arn:aws:iam::111122223333:user/safe,2024-01-01T00:00:00Z,true,true,false,N/A\n\
        machine,arn:aws:iam::111122223333:user/machine,2024-01-01T00:00:00Z,false,false,false,N/A\n";
    let cluster = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"old","namespace":"a"}},
        {"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"old-token","namespace":"a","annotations":{"kubernetes.io/service-account.name":"old"}}}]}"#;
    let mut harvest = Harvest::default();
    for (connector, name, text) in [
        (Connector::AwsCredentialReport, "report.csv", report),
        (Connector::Kubernetes, "cluster.json", cluster),
    ] {
        let input = Input::memory(name.as_ref(), text.as_bytes());
        connect(
            connector,
            &source(name, Some("prod")),
            &[input],
            &mut harvest,
        )
        .unwrap();
    }
    let policy = Policy::built_in().unwrap();
    let exported = assemble("Larkmoor", &harvest, &policy, &Explicit::new(NOW, 1, 0));
    let weak: Vec<(&str, &str)> = exported
        .inventory
        .identities
        .iter()
        .filter_map(|identity| {
            let mut findings = identity.findings.iter();
            let found = findings.find(|finding| finding.owasp.as_deref() == Some("NHI4:2025"))?;
            Some((identity.uid.as_str(), found.evidence.as_str()))
        })
        .collect();
    assert_eq!(
        weak,
        [
            (
                "aws:111122223333:root",
                "the account's root has the access key access_key_1; limit 0"
            ),
            (
                "aws:111122223333:user/person",
                "signs in to the console with a password and no second factor (MFA); limit 0"
            ),
            (
                "k8s:prod:a/old",
                "the token in secret/a/old-token never expires; limit 0"
            ),
        ]
    );
}

#[test]
fn the_environment_of_a_pod_is_looked_at() {
    let cluster = format!(
        r#"{{"apiVersion":"v1","kind":"List","items":[
        {{"apiVersion":"v1","kind":"ServiceAccount","metadata":{{"name":"api","namespace":"pay"}}}},
        {{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"api-0","namespace":"pay"}},"spec":{{"serviceAccountName":"api",
          "containers":[{{"name":"main","env":[{{"name":"TOKEN","value":"{}"}},{{"name":"MODE","value":"live"}},{{"name":"REF","valueFrom":{{}}}}]}}]}}}}]}}"#,
        secret()
    );
    let mut harvest = Harvest::default();
    let input = Input::memory("cluster.json".as_ref(), cluster.as_bytes());
    connect(
        Connector::Kubernetes,
        &source("k8s", Some("prod")),
        &[input],
        &mut harvest,
    )
    .unwrap();
    let policy = Policy::built_in().unwrap();
    let exported = assemble("Larkmoor", &harvest, &policy, &Explicit::new(NOW, 1, 0));
    let evidence: Vec<&str> = exported.inventory.identities[0]
        .findings
        .iter()
        .filter(|finding| finding.name == "secret_exposed")
        .map(|finding| finding.evidence.as_str())
        .collect();
    assert_eq!(
        evidence,
        ["api-0: environment variable TOKEN of container main holds a GitHub token; limit 0"]
    );
    assert!(!leaving(&exported).contains(MIDDLE));
}

#[test]
fn the_samples_hold_no_secret() {
    let config = InventoryConfig::read(&samples()).unwrap();
    let explicit = Explicit::new(NOW, 1, 0);
    let exported = export(&config, &explicit, &mut Quiet).unwrap();
    assert_eq!(exported.report.cleaned.secrets, 0);
}
