use super::*;
use crate::record::notation;

fn load(
    text: &str,
    domain: Option<&str>,
    path: &str,
    paths: &[(&str, &[&str])],
) -> Result<Harvest, ConnectError> {
    let source = Source {
        name: "owners".to_owned(),
        rank: 0,
        observed_ms: 0,
        domain: domain.map(str::to_owned),
    };
    let mut harvest = Harvest::default();
    let paths = paths.iter().map(|(path, keys)| {
        (
            (*path).to_owned(),
            keys.iter().map(|key| (*key).to_owned()).collect(),
        )
    });
    harvest
        .joins
        .paths
        .insert("owners".to_owned(), paths.collect());
    let input = Input::memory(path.as_ref(), text.as_bytes());
    connect(&source, &[input], &mut harvest).map(|()| harvest)
}

fn claims(text: &str, domain: &str) -> Vec<(String, String, Vec<String>)> {
    let harvest = load(text, Some(domain), "CODEOWNERS", &[]).unwrap();
    harvest
        .records
        .into_iter()
        .map(|record| {
            (
                record.local_name.unwrap_or_default(),
                record.facts.owner.unwrap_or_default(),
                record.facts.secondary_owners,
            )
        })
        .collect()
}

#[test]
fn patterns_match_as_git_has_it() {
    for (pattern, path, expected) in [
        ("*", "a/b/c.rs", true),
        ("*.rs", "a/b/c.rs", true),
        ("*.rs", "a/b/c.js", false),
        ("/*", "c.rs", true),
        ("/*", "a/c.rs", false),
        ("docs", "x/docs/y/z", true),
        ("/docs", "x/docs/y", false),
        ("docs/", "docs/y/z", true),
        ("docs/", "x/docs/y", true),
        ("docs/", "docs", false),
        ("docs/*", "docs/a.md", true),
        ("docs/*", "docs/x/a.md", false),
        ("/crates/wasi*", "crates/wasi-http/src/lib.rs", true),
        ("apps/web", "x/apps/web/a", false),
        ("**/logs", "a/b/logs/x", true),
        ("/ui/**/*kube*", "ui/a/b/mykube.ts", true),
        ("/ui/**", "ui/a/b", true),
        ("/", "a/b", true),
        ("a?c", "abc", true),
        ("[ab].rs", "a.rs", false),
    ] {
        assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn a_pattern_of_many_wildcards_ends() {
    let pattern = format!("{}x", "**/".repeat(200_000));
    assert!(!matches(&pattern, ANYTHING) && matches(&pattern, "a/b/x"));
    let text = (0..50_000).fold(String::new(), |text, n| format!("{text}[s{n}] @o\n"));
    assert!(load(&text, Some("gitlab.example.com/o/r"), "CODEOWNERS", &[]).is_ok());
}

#[test]
fn the_rule_for_everything_owns_the_repository() {
    let text = "# comment\n* @s-tanaka @Larkmoor/platform ops@example.com # for now\n/docs/ @larkmoor/docs\n\n/.github/workflows/ @larkmoor/release\n/lonely\n";
    assert_eq!(
        claims(text, "larkmoor/Infra"),
        [
            (
                "github-actions:github.com/larkmoor/infra".to_owned(),
                "github-team:larkmoor/release".to_owned(),
                vec![]
            ),
            (
                "github-repo:github.com/larkmoor/infra".to_owned(),
                "github-team:Larkmoor/platform".to_owned(),
                vec![
                    "github-user:s-tanaka".to_owned(),
                    "mail:ops@example.com".to_owned()
                ]
            ),
        ]
    );
    // The last rule counts, also one that takes ownership away.
    assert_eq!(claims("* @a\n* @b\n", "o/r").len(), 1);
    assert_eq!(claims("* @a\n* @b\n", "o/r")[0].1, "github-user:b");
    assert_eq!(claims("* @a\n*\n", "o/r"), []);
    assert_eq!(claims("/only/this @a\n", "o/r"), []);
}

#[test]
fn sections_escapes_and_exclusions_are_gitlabs() {
    let text = "* @web/core\n\\#notes @someone\n[Docs][2] @docs-team\n*.md\ndocs/ @@maintainer x\n^[Pipelines] @ops\n.github/workflows/\n!.github/workflows/\u{1}.yml\n[docs]\nmy\\ files/ @web/writers\n";
    let harvest = load(
        text,
        Some("gitlab.larkmoor.example/web/shop/front"),
        "CODEOWNERS",
        &[
            ("my files/", &["email:x@example.com"]),
            ("readme.md", &["email:x@example.com"]),
            ("#notes", &["email:x@example.com"]),
        ],
    )
    .unwrap();
    let owners: Vec<_> = harvest
        .records
        .iter()
        .map(|record| {
            (
                record.local_name.clone(),
                record.facts.owner.clone().unwrap(),
                record.facts.secondary_owners.clone(),
            )
        })
        .collect();
    assert_eq!(
        owners,
        [
            (
                Some("github-repo:gitlab.larkmoor.example/web/shop/front".to_owned()),
                "gitlab:web/core".to_owned(),
                vec![]
            ),
            (None, "gitlab:someone".to_owned(), vec![]),
            (
                None,
                "gitlab:web/core".to_owned(),
                vec!["gitlab:web/writers".to_owned()]
            ),
            (
                None,
                "gitlab:web/core".to_owned(),
                vec!["gitlab:docs-team".to_owned()]
            ),
        ]
    );
    assert!(
        harvest
            .warnings
            .iter()
            .any(|warning| warning.contains("1 roles")),
        "{:?}",
        harvest.warnings
    );
}

#[test]
fn paths_lead_to_identities_only_as_configured() {
    let text = "/terraform/ @larkmoor/platform\n/terraform/payments/ @larkmoor/payments\n";
    let key = "aws_arn:arn:aws:iam::111122223333:role/payments";
    let harvest = load(
        text,
        Some("larkmoor/infra"),
        "CODEOWNERS",
        &[
            ("terraform/payments/", &[key, "nonsense"]),
            ("/src/", &[key]),
        ],
    )
    .unwrap();
    assert_eq!(harvest.records.len(), 1);
    assert_eq!(notation(&harvest.records[0].aliases[0]), key);
    assert_eq!(
        harvest.records[0].facts.owner.as_deref(),
        Some("github-team:larkmoor/payments")
    );
    let told = harvest.warnings.join("; ");
    assert!(
        told.contains("nobody owns /src/") && told.contains("paths names nonsense"),
        "{told}"
    );
}

#[test]
fn the_repository_comes_from_the_domain_or_the_folder() {
    let name = |domain, path| {
        load("* @a\n", domain, path, &[])
            .map(|harvest| harvest.records[0].local_name.clone().unwrap())
    };
    assert_eq!(
        name(Some("larkmoor"), "clones/shop/.github/CODEOWNERS").unwrap(),
        "github-repo:github.com/larkmoor/shop"
    );
    assert_eq!(
        name(Some("git.example.com/larkmoor/x"), "CODEOWNERS").unwrap(),
        "github-repo:git.example.com/larkmoor/x"
    );
    for domain in [None, Some("larkmoor")] {
        assert!(
            name(domain, "CODEOWNERS")
                .unwrap_err()
                .to_string()
                .contains("which repository")
        );
    }
}

#[test]
fn what_is_not_understood_is_counted_or_refused() {
    let harvest = load(
        "* @a\n!x @b\n/y nobody\n/z @ok nobody\n",
        Some("o/r"),
        "CODEOWNERS",
        &[],
    )
    .unwrap();
    assert!(
        harvest.warnings[0].contains("4 lines or owners are not understood, the first in line 2"),
        "{:?}",
        harvest.warnings
    );
    for text in ["{\"a\": 1}\n", "user,arn\nx,y\n"] {
        let error = load(text, Some("o/r"), "CODEOWNERS", &[]);
        assert!(
            matches!(error, Err(ConnectError::Nothing { .. })),
            "{text} {error:?}"
        );
    }
    for text in ["", "# all commented out\n"] {
        let harvest = load(text, Some("o/r"), "CODEOWNERS", &[]).unwrap();
        assert!(harvest.warnings[0].contains("names no owners"));
    }
}

#[test]
fn two_clones_with_one_folder_name_are_told() {
    let source = Source {
        name: "owners".to_owned(),
        rank: 0,
        observed_ms: 0,
        domain: Some("larkmoor".to_owned()),
    };
    let warnings = |paths: [&str; 2]| {
        let inputs = paths.map(|path| Input::memory(path.as_ref(), b"* @larkmoor/core\n"));
        let mut harvest = Harvest::default();
        connect(&source, &inputs, &mut harvest).unwrap();
        harvest.warnings
    };
    assert!(warnings(["a/shop/CODEOWNERS", "a/infra/CODEOWNERS"]).is_empty());
    let told = warnings(["a/shop/CODEOWNERS", "b/Shop/.github/CODEOWNERS"]);
    assert!(
        told[0].contains("a/shop/CODEOWNERS and b/Shop/.github/CODEOWNERS both count"),
        "{told:?}"
    );
}
