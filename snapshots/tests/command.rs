//! The command line from end to end: build, verify, sign, inspect, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const USERS: &str = r#"{"Users":[{"UserName":"ci","UserId":"AIDA4CICI4CICI4CICI4","Arn":"arn:aws:iam::111122223333:user/ci","CreateDate":"2023-01-01T00:00:00Z","Tags":[{"Key":"owner","Value":"platform"}]},
    {"UserName":"gone","UserId":"AIDA4GONE4GONE4GONE4","Arn":"arn:aws:iam::111122223333:user/gone","CreateDate":"2023-01-01T00:00:00Z"}]}"#;
const FEWER: &str = r#"{"Users":[{"UserName":"ci","UserId":"AIDA4CICI4CICI4CICI4","Arn":"arn:aws:iam::111122223333:user/ci","CreateDate":"2023-01-01T00:00:00Z"}]}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path("users.json"), USERS).unwrap();
        folder.config("organization = \"Northwind\"\nvalid_for = \"24h\"\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"*.json\"]\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self, text: &str) {
        fs::write(self.path("inventory.toml"), text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_whose-snapshot"))
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// Runs a command that has to end with this code; its standard output and error.
    fn expect(&self, code: i32, line: &str) -> (String, String) {
        let output = self.run(line);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}\n{}",
            text(&output.stderr)
        );
        (text(&output.stdout), text(&output.stderr))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }
}

fn exists(path: &Path) -> bool {
    path.exists()
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let folder = Folder::new();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 3",
    );
    folder.expect(
        0,
        "build --out b.snap --created 2026-03-20T06:00:00Z --sequence 3",
    );
    assert_eq!(folder.bytes("a.snap"), folder.bytes("b.snap"));
    let (shown, _) = folder.expect(0, "inspect a.snap --json");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (
            &shown["sequence"],
            &shown["valid_for_s"],
            &shown["identities"],
            &shown["created"]
        ),
        (
            &3.into(),
            &86_400.into(),
            &2.into(),
            &"2026-03-20T06:00:00Z".into()
        )
    );
}

#[test]
fn one_identity_is_shown_by_key_and_by_uid() {
    let folder = Folder::new();
    let (_, summary) = folder.expect(0, "build --out a.snap --created 2026-03-20T06:00:00Z");
    assert!(
        summary.contains("iam_user") && summary.contains("without an owner"),
        "{summary}"
    );
    for key in [
        "aws_arn:arn:aws:iam::111122223333:user/ci",
        "aws_principal_id:AIDA4CICI4CICI4CICI4",
        "aws:111122223333:user/ci",
    ] {
        let (record, _) = folder.expect(0, &format!("inspect a.snap {key} --json"));
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(
            (
                &record["uid"],
                &record["owner"]["ref"],
                &record["owner"]["source"]
            ),
            (
                &"aws:111122223333:user/ci".into(),
                &"group:default/platform".into(),
                &"aws".into()
            )
        );
    }
    folder.expect(
        1,
        "inspect a.snap aws_arn:arn:aws:iam::111122223333:user/nobody",
    );
    folder.expect(1, "inspect a.snap nonsense");
}

#[test]
fn signatures_are_checked_against_the_keys_that_are_given() {
    let folder = Folder::new();
    folder.expect(0, "keygen --out ours");
    folder.expect(0, "keygen --out theirs");
    folder.expect(1, "keygen --out ours");
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sign ours",
    );
    folder.expect(0, "verify a.snap --trust ours.pub");
    folder.expect(0, "verify a.snap");
    let (_, refusal) = folder.expect(3, "verify a.snap --trust theirs.pub");
    assert!(
        refusal.contains("error:") && refusal.contains("caused by:"),
        "{refusal}"
    );
    folder.expect(0, "build --out plain.snap --created 2026-03-20T06:00:00Z");
    folder.expect(3, "verify plain.snap --trust ours.pub");
    folder.expect(0, "sign plain.snap --key ours --out signed.snap");
    // Signing is deterministic, and the same as signing at build.
    assert_eq!(folder.bytes("signed.snap"), folder.bytes("a.snap"));
    folder.expect(1, "sign plain.snap --key ours.pub");
    let mut bytes = folder.bytes("a.snap");
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    fs::write(folder.path("bad.snap"), bytes).unwrap();
    folder.expect(3, "verify bad.snap");
    folder.expect(1, "sign bad.snap --key ours");
    folder.expect(1, "inspect bad.snap");
}

#[test]
fn a_newer_snapshot_is_not_overwritten() {
    let folder = Folder::new();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 9",
    );
    let before = folder.bytes("a.snap");
    let (_, refusal) = folder.expect(
        1,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 8",
    );
    assert!(
        refusal.contains("sequence 9") && refusal.contains("--force"),
        "{refusal}"
    );
    assert_eq!(folder.bytes("a.snap"), before);
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 8 --force",
    );
    fs::write(folder.path("notes.txt"), "not a snapshot").unwrap();
    folder.expect(1, "build --out notes.txt --created 2026-03-20T06:00:00Z");
    assert_eq!(folder.bytes("notes.txt"), b"not a snapshot");
}

#[test]
fn the_previous_snapshot_leaves_tombstones_and_a_chain() {
    let folder = Folder::new();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 1",
    );
    fs::write(folder.path("users.json"), FEWER).unwrap();
    folder.expect(
        0,
        "build --out b.snap --created 2026-03-21T06:00:00Z --previous a.snap",
    );
    let (shown, _) = folder.expect(0, "inspect b.snap --json");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["sequence"], &shown["retired"]),
        (&2.into(), &1.into())
    );
    let (record, _) = folder.expect(
        0,
        "inspect b.snap aws_principal_id:AIDA4GONE4GONE4GONE4 --json",
    );
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        (&record["lifecycle_state"], &record["retired_at"]),
        (&"deprovisioned".into(), &"2026-03-21T06:00:00Z".into())
    );
    folder.expect(
        1,
        "build --out c.snap --created 2026-03-21T06:00:00Z --previous a.snap --sequence 1",
    );
}

#[test]
fn a_failed_build_leaves_nothing() {
    let folder = Folder::new();
    folder.config("organization = \"Northwind\"\n[[source]]\nname = \"aws\"\nconnector = \"aws_credential_report\"\nfiles = [\"users.json\"]\n");
    let (_, refusal) = folder.expect(1, "build --out a.snap");
    assert!(
        refusal.contains("source \"aws\"") && refusal.contains("aws_iam_users"),
        "{refusal}"
    );
    folder.config("organization = \"Northwind\"\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"nowhere.json\"]\n");
    let (_, refusal) = folder.expect(1, "build --out a.snap");
    assert!(refusal.contains("required = false"), "{refusal}");
    folder.expect(2, "build");
    folder.expect(2, "build --out a.snap --created yesterday");
    assert!(!exists(&folder.path("a.snap")));
    let names: Vec<_> = fs::read_dir(folder.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_init_writes_says_what_is_missing() {
    let folder = Folder::new();
    folder.expect(1, "init");
    folder.expect(0, "init new");
    let (_, refusal) = folder.expect(1, "build --config new/inventory.toml --out a.snap");
    assert!(refusal.contains("authorization-details.json"), "{refusal}");
    let (names, _) = folder.expect(0, "sources");
    assert!(names.lines().any(|name| name == "kubernetes"));
    folder.expect(3, "sources inventory.toml");
    let (line, _) = folder.expect(0, "sources users.json --json");
    assert!(line.contains("\"aws_iam_users\""));
}

#[test]
fn lint_fails_below_a_limit_and_says_where() {
    let folder = Folder::new();
    folder.expect(0, "build --out a.snap --created 2026-03-20T06:00:00Z");
    let (shown, _) = folder.expect(0, "lint a.snap");
    assert!(
        shown.contains("iam_user") && shown.contains("50.0%"),
        "{shown}"
    );
    folder.expect(0, "lint a.snap --min owner=50");
    let (_, errors) = folder.expect(3, "lint a.snap --min owner=51");
    assert!(
        errors.contains("owner of all: 1 of 2 known, 50.0%; the limit is 51%"),
        "{errors}"
    );
    fs::write(
        folder.path("policy.toml"),
        "version = 1\n[lint.kind.iam_user]\nowner = 90\n",
    )
    .unwrap();
    let (shown, _) = folder.expect(3, "lint a.snap --policy policy.toml --json --missing owner");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (
            &shown["ok"],
            &shown["failed"][0]["group"],
            &shown["all"]["owner"]["percent"]
        ),
        (&false.into(), &"iam_user".into(), &50.0.into())
    );
    assert_eq!(
        shown["missing"]["uids"],
        serde_json::json!(["aws:111122223333:user/gone"])
    );
    // The command line outranks the policy.
    folder.expect(
        0,
        "lint a.snap --policy policy.toml --min iam_user:owner=10",
    );
    folder.expect(2, "lint a.snap --min owners=1");
}

#[test]
fn diff_names_what_is_gone_and_what_changed() {
    let folder = Folder::new();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 3",
    );
    fs::write(folder.path("users.json"), FEWER).unwrap();
    folder.expect(
        0,
        "build --out b.snap --created 2026-03-21T06:00:00Z --previous a.snap",
    );
    let (same, _) = folder.expect(0, "diff a.snap a.snap");
    assert!(
        same.contains("0 new, 0 gone, 0 renamed, 0 changed, 2 the same"),
        "{same}"
    );
    let (shown, _) = folder.expect(0, "diff a.snap b.snap");
    for part in [
        "0 new, 1 gone, 0 renamed, 1 changed",
        "aws:111122223333:user/gone",
        "owner: group:default/platform -> (none)",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let (shown, _) = folder.expect(0, "diff a.snap b.snap --json");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (
            &shown["counts"]["gone"],
            &shown["gone_identities"][0]["uid"],
            &shown["changed"][0]["changes"]["owner"]["from"],
            &shown["new"]["sequence"]
        ),
        (
            &1.into(),
            &"aws:111122223333:user/gone".into(),
            &"group:default/platform".into(),
            &4.into()
        )
    );
    // Back again: what was a tombstone is new.
    let (shown, _) = folder.expect(0, "diff b.snap a.snap");
    assert!(shown.contains("1 new, 0 gone"), "{shown}");
}

/// A configuration whose only source reads standard input.
const STDIN: &str = "organization = \"Northwind\"\ncreated = \"2026-03-20T06:00:00Z\"\nsequence = 3\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"-\"]\n";

#[test]
fn packed_files_and_standard_input_give_the_same_snapshot() {
    let folder = Folder::new();
    let options = "--created 2026-03-20T06:00:00Z --sequence 3";
    folder.config("organization = \"Northwind\"\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"users.json\"]\n");
    folder.expect(0, &format!("build --out plain.snap {options}"));
    fs::write(
        folder.path("users.json"),
        zstd::encode_all(USERS.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    folder.expect(0, &format!("build --out packed.snap {options}"));
    assert_eq!(folder.bytes("plain.snap"), folder.bytes("packed.snap"));
    let (shown, _) = folder.expect(0, "sources users.json");
    assert!(shown.contains("aws_iam_users"), "{shown}");

    folder.config(STDIN);
    let mut child = Command::new(env!("CARGO_BIN_EXE_whose-snapshot"))
        .args(["build", "--out", "stdin.snap", "--json"])
        .current_dir(folder.path(""))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), USERS.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let read = &shown["read"][0];
    assert_eq!(
        (&read["connector"], &read["files"], &read["records"]),
        (&"aws_iam_users".into(), &1.into(), &2.into())
    );
    folder.config(&STDIN.replace("[\"-\"]", "[\"-\", \"-\"]"));
    let (_, errors) = folder.expect(1, "build --out x.snap");
    assert!(errors.contains("can be read once"), "{errors}");
}

#[test]
fn a_truncated_export_leaves_the_last_snapshot() {
    let folder = Folder::new();
    folder.expect(0, "build --out a.snap --created 2026-03-20T06:00:00Z");
    let before = folder.bytes("a.snap");
    let mut packed = Vec::new();
    let mut packer = flate2::read::GzEncoder::new(USERS.as_bytes(), flate2::Compression::fast());
    std::io::Read::read_to_end(&mut packer, &mut packed).unwrap();
    for (bytes, words) in [
        (
            &USERS.as_bytes()[..USERS.len() - 9],
            "line 2, column 128: EOF while parsing a string; the file is truncated",
        ),
        (
            &packed[..packed.len() - 9],
            "its gzip data ends early: the file is truncated",
        ),
    ] {
        fs::write(folder.path("users.json"), bytes).unwrap();
        let (_, errors) = folder.expect(1, "build --out a.snap --created 2026-03-21T06:00:00Z");
        assert!(
            errors.contains(words) && errors.contains("users.json"),
            "{errors}"
        );
        assert_eq!(folder.bytes("a.snap"), before);
    }
}

#[test]
fn the_same_file_twice_is_read_once_and_named() {
    let folder = Folder::new();
    folder.config("organization = \"Northwind\"\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"*.json\", \"users.json\"]\n");
    let (shown, _) = folder.expect(0, "build --out a.snap --json");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["read"][0]["files"], 1);
    assert!(
        shown["warnings"][0]
            .as_str()
            .unwrap()
            .contains("the same file as"),
        "{}",
        shown["warnings"]
    );
}

#[test]
fn a_failed_build_leaves_the_last_snapshot_where_it_is() {
    let folder = Folder::new();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 3",
    );
    let before = folder.bytes("a.snap");
    let sources = "organization = \"Northwind\"\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"users.json\"]\n[[source]]\nname = \"more\"\nconnector = \"aws_iam_users\"\nfiles = [\"more.json\"]\n";
    for (text, reason) in [
        (None, "required = false"),
        (Some("{\"Users\":[{\"UserName\":\"x\","), "more.json"),
        (
            Some("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}"),
            "kubernetes",
        ),
    ] {
        if let Some(text) = text {
            fs::write(folder.path("more.json"), text).unwrap();
        }
        folder.config(sources);
        let (_, refusal) = folder.expect(
            1,
            "build --out a.snap --created 2026-03-21T06:00:00Z --sequence 4",
        );
        assert!(refusal.contains(reason), "{reason} is not in\n{refusal}");
        assert_eq!(folder.bytes("a.snap"), before, "{reason}");
    }
}

#[test]
fn tombstones_are_kept_for_as_long_as_is_configured() {
    let folder = Folder::new();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 3",
    );
    fs::write(folder.path("users.json"), FEWER).unwrap();
    let config = "organization = \"Northwind\"\ntombstone_retention = \"30d\"\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"users.json\"]\n";
    folder.config(config);
    let gone = "aws:111122223333:user/gone";
    folder.expect(
        0,
        "build --out b.snap --created 2026-03-21T06:00:00Z --previous a.snap",
    );
    folder.expect(0, &format!("inspect b.snap {gone}"));
    folder.expect(
        0,
        "build --out c.snap --created 2026-04-20T05:00:00Z --previous b.snap",
    );
    folder.expect(0, &format!("inspect c.snap {gone}"));
    folder.expect(
        0,
        "build --out d.snap --created 2026-04-20T07:00:00Z --previous b.snap",
    );
    folder.expect(1, &format!("inspect d.snap {gone}"));
}

#[test]
fn people_are_hidden_behind_pseudonyms_that_the_key_resolves() {
    let folder = Folder::new();
    fs::write(
        folder.path("users.json"),
        USERS.replace("platform", "jane@northwind.example"),
    )
    .unwrap();
    fs::write(
        folder.path("policy.toml"),
        "version = 1\nextends = \"default\"\n[privacy]\npseudonymise_people = true\n",
    )
    .unwrap();
    let config = |more: &str| {
        folder.config(&format!("organization = \"Northwind\"\npolicy = \"policy.toml\"\n{more}\n[[source]]\nname = \"aws\"\nconnector = \"auto\"\nfiles = [\"users.json\"]\n"));
    };
    config("");
    let (_, refusal) = folder.expect(1, "build --out a.snap");
    assert!(refusal.contains("pseudonym_key"), "{refusal}");
    config("pseudonym_key = \"people.key\"");
    fs::write(folder.path("people.key"), "short").unwrap();
    folder.expect(1, "build --out a.snap");
    fs::write(folder.path("people.key"), "a key of sixteen bytes or more").unwrap();
    folder.expect(0, "build --out a.snap --created 2026-03-20T06:00:00Z");
    let (shown, _) = folder.expect(0, "inspect a.snap aws:111122223333:user/ci --json");
    assert!(!shown.contains("jane"), "{shown}");
    assert!(!String::from_utf8_lossy(&folder.bytes("a.snap")).contains("jane"));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let owner = shown["owner"]["ref"].as_str().unwrap();
    let (resolved, _) = folder.expect(
        0,
        "pseudonym --key people.key user:default/joan user:default/jane@northwind.example",
    );
    let line = resolved.lines().nth(1).unwrap();
    assert_eq!(
        line,
        format!("{owner}\tuser:default/jane@northwind.example")
    );
}

#[test]
fn an_optional_source_that_is_missing_or_damaged_takes_nobody_away() {
    let folder = Folder::new();
    let config = |required: &str| {
        format!(
            "organization = \"Northwind\"\n[[source]]\nname = \"aws\"\nconnector = \"aws_iam_users\"\nfiles = [\"users.json\"]\n[[source]]\nname = \"more\"\nconnector = \"aws_iam_users\"\nfiles = [\"more-*.json\"]\nrequired = {required}\n"
        )
    };
    folder.config(&config("false"));
    let more = USERS.replace("ci", "other").replace("gone", "third");
    let more = more.replace("AIDA4CICI4CICI4CICI4", "AIDA4OTHR4OTHR4OTHR4");
    let more = more.replace("AIDA4GONE4GONE4GONE4", "AIDA4THRD4THRD4THRD4");
    fs::write(folder.path("more-1.json"), &more).unwrap();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 1",
    );
    fs::write(folder.path("more-1.json"), &more[..more.len() - 9]).unwrap();
    let line = "build --out b.snap --created 2026-03-21T06:00:00Z --previous a.snap --json";
    for reason in ["more-1.json", "names no file"] {
        let (shown, _) = folder.expect(0, line);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let warnings = shown["warnings"].to_string();
        assert!(warnings.contains(reason), "{reason}: {warnings}");
        assert!(
            warnings.contains("2 identities of the previous snapshot are left out"),
            "{warnings}"
        );
        assert_eq!(shown["tombstones"], 0);
        let _ = fs::remove_file(folder.path("more-1.json"));
    }
    folder.config(&config("true"));
    folder.expect(1, line);
}

#[test]
fn an_empty_inventory_and_an_older_one_are_refused() {
    let folder = Folder::new();
    folder.expect(
        0,
        "build --out a.snap --created 2026-03-20T06:00:00Z --sequence 1",
    );
    let before = folder.bytes("a.snap");
    let older = "build --out b.snap --created 2026-03-19T06:00:00Z --previous a.snap";
    let (_, refusal) = folder.expect(1, older);
    assert!(
        refusal.contains("2026-03-19T06:00:00Z") && refusal.contains("--force"),
        "{refusal}"
    );
    folder.expect(0, &format!("{older} --force"));
    fs::write(folder.path("users.json"), "{\"Users\":[]}").unwrap();
    folder.config("organization = \"Northwind\"\n[[source]]\nname = \"aws\"\nconnector = \"aws_iam_users\"\nfiles = [\"users.json\"]\n");
    let empty = "build --out a.snap --created 2026-03-21T06:00:00Z --previous b.snap";
    let (_, refusal) = folder.expect(1, empty);
    assert!(refusal.contains("--allow-empty"), "{refusal}");
    assert_eq!(folder.bytes("a.snap"), before);
    folder.expect(0, &format!("{empty} --allow-empty"));
    folder.expect(2, "build --out c.snap --valid-for 99999d");
}

#[cfg(unix)]
#[test]
fn a_path_with_control_characters_is_shown_without_them() {
    let folder = Folder::new();
    let output = Command::new(env!("CARGO_BIN_EXE_whose-snapshot"))
        .args(["sources", "no\u{1b}[31mfile"])
        .current_dir(folder.0.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.contains(&0x1b));
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    let folder = Folder::new();
    folder.expect(0, "build --out a.snap --created 2026-03-20T06:00:00Z");
    for (line, code) in [
        ("inspect a.snap", 0),
        ("lint a.snap", 0),
        ("verify a.snap", 0),
        // What the status says is not lost with the text.
        ("verify inventory.toml --json", 3),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_whose-snapshot"))
            .args(line.split_whitespace())
            .current_dir(folder.0.path())
            .stdout(writer)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        assert!(!told.contains("panicked"), "{line}: {told}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let folder = Folder::new();
    folder.expect(0, "build --out a.snap --created 2026-03-20T06:00:00Z");
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_whose-snapshot"))
        .args(["inspect", "a.snap"])
        .current_dir(folder.0.path())
        .stdout(full)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("standard output"), "{told}");
}
