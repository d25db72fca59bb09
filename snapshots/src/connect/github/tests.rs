use enrich_core::vocabulary::{CredentialStatus, Kind, LifecycleState, PrivilegeLevel};

use super::*;
use crate::record::notation;

fn source(domain: Option<&str>) -> Source {
    Source {
        name: "github".to_owned(),
        rank: 0,
        observed_ms: parse_time("2026-03-20T05:40:00Z").unwrap(),
        domain: domain.map(str::to_owned),
    }
}

fn load(texts: &[&str], domain: Option<&str>) -> Result<Harvest, ConnectError> {
    let inputs: Vec<Input> = texts
        .iter()
        .map(|text| Input::memory("github.json".as_ref(), text.as_bytes()))
        .collect();
    let mut harvest = Harvest::default();
    connect(&source(domain), &inputs, &mut harvest).map(|()| harvest)
}

fn one<'h>(harvest: &'h Harvest, uid: &str) -> &'h Record {
    let found = |record: &&Record| record.uid.as_deref() == Some(uid);
    harvest
        .records
        .iter()
        .find(found)
        .unwrap_or_else(|| panic!("no {uid} in {:#?}", harvest.records))
}

fn keys(record: &Record) -> Vec<String> {
    record.aliases.iter().map(notation).collect()
}

const INSTALLATIONS: &str = r#"{"total_count":2,"installations":[
  {"id":41001,"account":{"login":"Larkmoor","id":7001,"type":"Organization","url":"https://api.github.com/users/Larkmoor"},
   "repository_selection":"all","html_url":"https://github.com/organizations/larkmoor/settings/installations/41001",
   "app_id":5101,"app_slug":"Fernweh-Deploy","target_type":"Organization",
   "permissions":{"administration":"write","contents":"write","metadata":"read"},"events":["push","release"],
   "created_at":"2024-05-16T08:47:09.000-07:00","updated_at":"2025-06-06T11:23:23.000-07:00",
   "single_file_name":null,"suspended_at":null,"suspended_by":null,"something_new":{"x":1}},
  {"id":41002,"account":{"login":"Larkmoor","id":7001,"type":"Organization","url":"https://api.github.com/users/Larkmoor"},
   "repository_selection":"selected","html_url":"https://github.com/organizations/larkmoor/settings/installations/41002",
   "app_id":5102,"app_slug":"old-checks","permissions":{"checks":"write"},"events":[],
   "created_at":"2023-01-01T00:00:00Z","suspended_at":"2025-12-01T09:00:00Z","suspended_by":{"login":"d-novak","id":1}}]}"#;

#[test]
fn apps_are_identities_and_installations_their_credentials() {
    let app = r#"{"id":5101,"slug":"fernweh-deploy","owner":{"login":"fernweh-tools","id":9,"url":"https://api.github.com/users/fernweh-tools"},"name":"Fernweh Deploy","external_url":"https://fernweh.example","html_url":"https://github.com/apps/fernweh-deploy","permissions":{},"events":[]}"#;
    let harvest = load(&[INSTALLATIONS, app], None).unwrap();
    let record = one(&harvest, "github:github.com:app/fernweh-deploy");
    assert_eq!(keys(record), ["github_app@github.com:fernweh-deploy"]);
    let facts = &record.facts;
    assert_eq!(facts.namespace.as_deref(), Some("larkmoor"));
    assert_eq!(facts.native_kind, Some(Kind::Bot));
    assert_eq!(facts.vendor.as_deref(), Some("fernweh-tools"));
    assert_eq!(
        facts.grants.iter().min().unwrap().name,
        "administration:write (all repositories)"
    );
    assert_eq!(facts.tags.get("github/events").unwrap(), "push,release");
    let credential = &facts.credentials[0];
    assert_eq!(
        (credential.uid.as_str(), credential.credential_type.as_str()),
        ("41001", "installation")
    );
    assert_eq!(
        credential.created,
        Time::At(parse_time("2024-05-16T15:47:09Z").unwrap())
    );
    assert_eq!(
        (facts.lifecycle_state, facts.last_seen),
        (None, Time::NotTracked)
    );

    let suspended = &one(&harvest, "github:github.com:app/old-checks").facts;
    assert_eq!(suspended.lifecycle_state, Some(LifecycleState::Disabled));
    assert_eq!(suspended.credentials[0].status, CredentialStatus::Inactive);
    assert!(
        !format!("{harvest:?}").contains("novak"),
        "who suspended it is nobody's business"
    );
    assert!(
        harvest.warnings[0].ends_with("are ignored: something_new (1)"),
        "{:?}",
        harvest.warnings
    );
    // An organisation of which only apps are known is not covered.
    let scopes: Vec<_> = harvest
        .scopes
        .iter()
        .map(|s| (s.domain.as_str(), s.part.as_str(), s.covered))
        .collect();
    assert_eq!(scopes, [("github.com", "larkmoor", false)]);
}

#[test]
fn pages_and_webhooks_are_read_too() {
    let slurped = format!("[{INSTALLATIONS},{INSTALLATIONS}]");
    assert_eq!(load(&[&slurped], None).unwrap().records.len(), 2);
    let hook = r#"{"action":"deleted","installation":{"id":41001,"account":{"login":"Larkmoor","id":7001,"type":"Organization"},"repository_selection":"all","app_id":5101,"app_slug":"","permissions":{"contents":"write"},"created_at":1557933591,"suspended_at":null},"sender":{"login":"d-novak","id":1,"type":"User"}}"#;
    let harvest = load(&[hook], None).unwrap();
    let record = one(&harvest, "github:github.com:app-id/5101");
    assert_eq!(
        record.facts.credentials[0].status,
        CredentialStatus::Revoked
    );
    assert_eq!(
        record.facts.credentials[0].created,
        Time::At(1_557_933_591_000)
    );
    assert!(record.facts.grants.is_empty() && record.aliases.is_empty());
    assert!(
        harvest.warnings[0].contains("named by their id alone"),
        "{:?}",
        harvest.warnings
    );
    // The list names the slug that the webhook leaves out, and it says when it was true.
    let both = load(&[hook, INSTALLATIONS], None).unwrap();
    assert_eq!(both.records.len(), 2);
    let listed = one(&both, "github:github.com:app/fernweh-deploy");
    assert_eq!(listed.facts.credentials[0].status, CredentialStatus::Active);
    let later = hook.replace("\"created_at\"", "\"updated_at\":1790000000,\"created_at\"");
    for files in [
        [later.as_str(), INSTALLATIONS],
        [INSTALLATIONS, later.as_str()],
    ] {
        let both = load(&files, None).unwrap();
        let gone = one(&both, "github:github.com:app/fernweh-deploy");
        assert_eq!(
            (both.records.len(), gone.facts.credentials[0].status),
            (2, CredentialStatus::Revoked)
        );
    }
}

#[test]
fn a_deploy_key_that_is_gone_stays_gone() {
    let hook = |action: &str| {
        format!(
            r#"{{"action":"{action}","key":{{"id":7,"key":"ssh-rsa AAAA","title":"x","verified":true,"created_at":"2024-02-01T10:00:00Z","read_only":true}},"repository":{{"full_name":"larkmoor/docs"}}}}"#
        )
    };
    for files in [
        [hook("created"), hook("deleted")],
        [hook("deleted"), hook("created")],
    ] {
        let harvest = load(&[&files[0], &files[1]], None).unwrap();
        assert_eq!(harvest.records.len(), 1);
        let facts = &harvest.records[0].facts;
        assert_eq!(
            (facts.credentials[0].status, facts.lifecycle_state),
            (CredentialStatus::Revoked, Some(LifecycleState::Disabled))
        );
    }
}

#[test]
fn deploy_keys_belong_to_the_repository_of_their_link() {
    let text = r#"[{"id":101,"key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMADEUP","url":"https://api.github.com/repos/Larkmoor/Docs/keys/101","title":"docs mirror","verified":true,"created_at":"2024-02-01T10:00:00Z","read_only":false,"added_by":"D-Novak","last_used":null,"enabled":true},
      {"id":102,"key":"ssh-rsa AAAA","url":"https://git.larkmoor.example/api/v3/repos/larkmoor/docs/keys/102","title":"x","verified":true,"created_at":"2024-02-01T10:00:00Z","read_only":true,"last_used":"2026-03-01T00:00:00Z","enabled":false}]"#;
    let harvest = load(&[text], None).unwrap();
    let record = one(&harvest, "github:github.com:deploy-key/larkmoor/docs/101");
    let created = parse_time("2024-02-01T10:00:00Z").unwrap();
    let facts = &record.facts;
    assert_eq!(
        record.local_name.as_deref(),
        Some("github-repo:github.com/larkmoor/docs")
    );
    assert_eq!(
        (facts.name.as_deref(), facts.last_seen),
        (Some("docs mirror"), Time::NeverSince(created))
    );
    assert_eq!(
        facts.created_by.as_deref(),
        Some("github:github.com:user/d-novak")
    );
    assert_eq!(
        (facts.grants[0].level.0, facts.grants[0].tier),
        (PrivilegeLevel::Write, 2)
    );
    assert_eq!(
        (
            facts.credentials[0].expires,
            facts.credentials[0].last_rotated
        ),
        (Time::Never, Time::At(created))
    );
    let other = one(
        &harvest,
        "github:git.larkmoor.example:deploy-key/larkmoor/docs/102",
    );
    assert_eq!(other.facts.lifecycle_state, Some(LifecycleState::Disabled));
    assert!(other.facts.grants.is_empty());
    assert!(!format!("{harvest:?}").contains("AAAA"), "no key material");
}

#[test]
fn tokens_are_credentials_of_their_person() {
    let text = r#"[{"id":25381,"owner":{"login":"Svc-Larkmoor","id":8101,"url":"https://api.github.com/users/svc-larkmoor","type":"User","site_admin":false},
       "repository_selection":"all","repositories_url":"https://api.github.com/organizations/7001/personal-access-tokens/25381/repositories",
       "permissions":{"organization":{"administration":"write"},"repository":{"contents":"write","metadata":"read"}},
       "access_granted_at":"2025-05-16T08:47:09.000-07:00","token_id":98716,"token_name":"nightly","token_expired":false,"token_expires_at":null,"token_last_used_at":null},
      {"id":25382,"owner":{"login":"d-novak","id":8102,"url":"https://api.github.com/users/d-novak","type":"User"},"repository_selection":"selected",
       "permissions":{"organization":{},"repository":{"contents":"write"}},"access_granted_at":"2024-05-16T08:47:09Z","token_id":98717,"token_name":"t","token_expired":true,"token_expires_at":"2025-01-01T00:00:00Z","token_last_used_at":"2024-12-24T00:00:00Z"}]"#;
    let requests = r#"[{"id":1,"reason":"please","owner":{"login":"d-novak","id":8102,"type":"User"},"repository_selection":"all","permissions":{"repository":{"administration":"write"}},"created_at":"2026-03-01T00:00:00Z","token_id":98718,"token_name":"n","token_expired":false,"token_expires_at":"2026-06-01T00:00:00Z","token_last_used_at":null},
      {"id":2,"reason":"more","owner":{"login":"svc-larkmoor","id":8101,"type":"User"},"repository_selection":"all","permissions":{},"created_at":"2026-03-01T00:00:00Z","token_id":98716,"token_name":"nightly","token_expired":false,"token_expires_at":null,"token_last_used_at":null}]"#;
    let harvest = load(&[requests, text], Some("larkmoor")).unwrap();
    assert_eq!(
        harvest.records.len(),
        3,
        "a token that asks for more is in already"
    );
    let record = one(&harvest, "github:github.com:user/svc-larkmoor");
    assert_eq!(
        keys(record),
        [
            "github_login@github.com:svc-larkmoor",
            "github_actor_id@github.com:8101",
            "github_token_id@github.com:98716"
        ]
    );
    let credential = &record.facts.credentials[0];
    let granted = parse_time("2025-05-16T15:47:09Z").unwrap();
    assert_eq!(
        (
            credential.uid.as_str(),
            credential.expires,
            credential.last_used,
            credential.created
        ),
        (
            "98716",
            Time::Never,
            Time::NeverSince(granted),
            Time::Unknown
        )
    );
    let widest = record.facts.grants.iter().min().unwrap();
    assert_eq!(
        (widest.tier, widest.name.as_str()),
        (
            0,
            "token 98716 organization_administration:write (all repositories)"
        )
    );
    let expired = one(&harvest, "github:github.com:user/d-novak");
    assert_eq!(
        expired.facts.credentials[0].status,
        CredentialStatus::Expired
    );
    assert!(expired.facts.grants.is_empty());
    let waiting = &harvest.records[2].facts;
    assert_eq!(
        (waiting.credentials[0].status, waiting.grants.len()),
        (CredentialStatus::Inactive, 0)
    );
    assert!(!format!("{harvest:?}").contains("nightly"));
}

#[test]
fn classic_tokens_come_from_single_sign_on() {
    let text = r#"[{"login":"svc-larkmoor","credential_id":161195,"credential_type":"personal access token","token_last_eight":"12ab34cd","credential_authorized_at":"2025-01-26T19:06:43Z","credential_accessed_at":null,"authorized_credential_id":12345678,"authorized_credential_expires_at":null,"scopes":["repo","admin:org"]},
      {"login":"d-novak","credential_id":161196,"credential_type":"SSH key","credential_authorized_at":"2025-01-26T19:06:43Z","credential_accessed_at":"2026-01-26T19:06:43Z","authorized_credential_id":1,"fingerprint":"jklmnop12345678","authorized_credential_title":"laptop"},
      {"login":"d-novak","credential_id":161197,"credential_type":"personal access token","token_last_eight":"ffff0000","credential_authorized_at":"2024-01-26T19:06:43Z","credential_accessed_at":null,"authorized_credential_expires_at":"2024-03-01T00:00:00Z","scopes":["repo"]}]"#;
    let harvest = load(&[text], Some("larkmoor")).unwrap();
    let facts = &harvest.records[0].facts;
    assert_eq!(
        (
            facts.credentials[0].uid.as_str(),
            facts.credentials[0].expires
        ),
        ("credential-authorization/161195", Time::Never)
    );
    assert_eq!(
        facts
            .grants
            .iter()
            .map(|g| (g.tier, g.name.as_str()))
            .collect::<Vec<_>>(),
        [(1, "scope repo"), (0, "scope admin:org")]
    );
    assert_eq!(
        harvest.records[1].facts.credentials[0].credential_type,
        "ssh_key"
    );
    assert_eq!(
        harvest.records[1].facts.credentials[0].expires,
        Time::Unknown
    );
    assert_eq!(
        harvest.records[2].facts.credentials[0].status,
        CredentialStatus::Expired
    );
    assert!(harvest.records[2].facts.grants.is_empty());
    let all = format!("{harvest:?}");
    for hidden in ["12ab34cd", "jklmnop", "laptop", "12345678"] {
        assert!(!all.contains(hidden), "{hidden}");
    }
}

#[test]
fn members_cover_their_organisation_only_when_all_are_listed() {
    let member = r#"{"login":"Svc-Larkmoor","id":8101,"url":"https://api.github.com/users/svc-larkmoor","type":"User","site_admin":false}"#;
    let covered = |text: &str| {
        let harvest = load(&[text], Some("larkmoor")).unwrap();
        (
            harvest
                .scopes
                .iter()
                .any(|scope| scope.covered && scope.part.is_empty()),
            harvest.records[0].facts.grants.len(),
        )
    };
    assert_eq!(covered(&format!("[{member}]")), (false, 0));
    assert_eq!(
        covered(&format!(
            r#"{{"organization":"larkmoor","members":[{member}]}}"#
        )),
        (true, 0)
    );
    assert_eq!(
        covered(&format!(
            r#"{{"organization":"larkmoor","role":"admin","members":[{member}]}}"#
        )),
        (false, 1)
    );
}

#[test]
fn jobs_have_the_subjects_that_github_says() {
    let repos = r#"[{"id":1,"name":"docs","full_name":"larkmoor/docs","html_url":"https://github.com/larkmoor/docs","url":"https://api.github.com/repos/larkmoor/docs","default_branch":"trunk","archived":false},
      {"id":2,"name":"quiet","full_name":"larkmoor/quiet","html_url":"https://github.com/larkmoor/quiet","default_branch":"main","archived":false}]"#;
    let environments = r#"{"repository":"larkmoor/docs","total_count":1,"environments":[{"id":5,"name":"live: eu","html_url":"https://github.com/larkmoor/docs/deployments/activity_log?environments_filter=live","protection_rules":[]}]}"#;
    let workflows = r#"{"total_count":1,"workflows":[{"id":9,"name":"CI","path":".github/workflows/ci.yml","state":"active","url":"https://api.github.com/repos/larkmoor/docs/actions/workflows/9"}]}"#;
    let token = r#"{"repository":"larkmoor/docs","default_workflow_permissions":"write","can_approve_pull_request_reviews":false}"#;
    let subjects = |template: &str| {
        let harvest = load(&[repos, environments, workflows, token, template], None).unwrap();
        let record = one(&harvest, "github:github.com:actions/larkmoor/docs");
        assert_eq!(record.facts.workloads, ["github-actions:larkmoor/docs"]);
        assert_eq!(record.facts.grants[0].name, "GITHUB_TOKEN write");
        assert!(
            !harvest
                .records
                .iter()
                .any(|r| r.uid.as_deref().is_some_and(|uid| uid.ends_with("quiet"))),
            "no job is known there"
        );
        record
            .aliases
            .iter()
            .map(|alias| alias.value.clone())
            .collect::<Vec<_>>()
    };
    let usual = [
        "ref:refs/heads/trunk",
        "environment:live%3A eu",
        "pull_request",
    ];
    let expected = usual.map(|context| format!("repo:larkmoor/docs:{context}"));
    assert_eq!(
        subjects(r#"{"repository":"larkmoor/docs","use_default":true}"#),
        expected
    );
    assert_eq!(
        subjects(
            r#"{"repository":"larkmoor/docs","use_default":false,"include_claim_keys":["repo","context"]}"#
        ),
        expected
    );
    assert_eq!(
        subjects(
            r#"{"use_default":true,"use_immutable_subject":true,"sub_claim_prefix":"repo:larkmoor@7001/docs@1"}"#
        )[2],
        "repo:larkmoor@7001/docs@1:pull_request"
    );
    // What cannot be known is not made up.
    for unknown in [
        r#"{"repository":"larkmoor/docs","use_default":false,"include_claim_keys":["repo","context","job_workflow_ref"]}"#,
        r#"{"repository":"larkmoor/docs","use_default":true,"use_immutable_subject":true}"#,
        r#"{"repository":"larkmoor/docs","use_default":false}"#,
    ] {
        assert_eq!(subjects(unknown), Vec::<String>::new(), "{unknown}");
    }
}

#[test]
fn secrets_have_a_place_and_an_age() {
    let of_repository = r#"{"repository":"larkmoor/docs","total_count":1,"secrets":[{"name":"NPM_TOKEN","created_at":"2024-08-10T14:59:22Z","updated_at":"2026-01-10T14:59:22Z"}]}"#;
    let of_environment = r#"{"repository":"larkmoor/docs","environment":"live","secrets":[{"name":"KEY","created_at":"2024-08-10T14:59:22Z","updated_at":"2024-08-10T14:59:22Z"}]}"#;
    let of_organization = r#"{"total_count":1,"secrets":[{"name":"SIGN","created_at":"2024-08-10T14:59:22Z","updated_at":"2025-01-10T14:59:22Z","visibility":"selected","selected_repositories_url":"https://api.github.com/orgs/larkmoor/actions/secrets/SIGN/repositories"}]}"#;
    let harvest = load(&[of_repository, of_environment, of_organization], None).unwrap();
    let places: Vec<&str> = harvest.stored_secrets.keys().map(String::as_str).collect();
    assert_eq!(
        places,
        [
            "github-actions:larkmoor#sign",
            "github-actions:larkmoor/docs#npm_token",
            "github-actions:larkmoor/docs/live#key"
        ]
    );
    assert_eq!(
        harvest.stored_secrets[places[1]].changed,
        Time::At(parse_time("2026-01-10T14:59:22Z").unwrap())
    );
    one(&harvest, "github:github.com:actions/larkmoor/docs");
    let error = load(
        &[
            r#"{"total_count":1,"secrets":[{"name":"A","created_at":"2024-08-10T14:59:22Z","updated_at":"2024-08-10T14:59:22Z"}]}"#,
        ],
        None,
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("do not say which repository")
    );
    // The values of variables may be secrets; they are not even looked at.
    let variables = r#"{"total_count":1,"variables":[{"name":"A","value":"hunter2","created_at":"2024-08-10T14:59:22Z","updated_at":"2024-08-10T14:59:22Z"}]}"#;
    assert!(load(&[variables], Some("larkmoor/docs")).is_err());
}

#[test]
fn other_exports_are_refused_and_empty_lists_are_not() {
    for text in [
        "[]",
        r#"{"total_count":0,"installations":[]}"#,
        r#"{"total_count":0,"secrets":[]}"#,
    ] {
        assert!(load(&[text], None).unwrap().records.is_empty(), "{text}");
    }
    for text in [
        r#"{"UserDetailList":[{"Arn":"x"}]}"#,
        "",
        r#"[{"action":"org.create","actor":"x","@timestamp":1}]"#,
    ] {
        assert!(
            matches!(load(&[text], None), Err(ConnectError::Nothing { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        load(&["[{\"id\":"], None),
        Err(ConnectError::Json { .. })
    ));
}

#[test]
fn answers_that_hold_a_secret_are_left_out() {
    let token = r#"{"token":"not-a-real-one","expires_at":"2026-07-11T22:14:10Z","permissions":{"contents":"read"},"repository_selection":"all"}"#;
    let manifest = r#"{"id":1,"slug":"x","owner":{"login":"larkmoor"},"permissions":{},"events":[],"pem":"not-a-real-one","webhook_secret":"not-a-real-one"}"#;
    for text in [token, manifest] {
        let harvest = load(&[text], Some("larkmoor")).unwrap();
        assert!(harvest.records.is_empty() && !format!("{harvest:?}").contains("not-a-real-one"));
        assert!(
            harvest.warnings[0].contains("delete the file"),
            "{:?}",
            harvest.warnings
        );
    }
}

#[test]
fn what_is_passed_over_is_counted() {
    let text = r#"{"A":[{"name":"X","value":"v","created_at":"2024-08-10T14:59:22Z","updated_at":"2024-08-10T14:59:22Z"}],"B":[{"name":"X","created_at":"2024-08-10T14:59:22Z","updated_at":"2024-08-10T14:59:22Z"}]}"#;
    let harvest = load(&[text], Some("larkmoor/docs")).unwrap();
    assert_eq!(harvest.stored_secrets.len(), 1);
    assert!(
        harvest.warnings[0].contains("1 entries are of lists that are not read"),
        "{:?}",
        harvest.warnings
    );
}

#[test]
fn domains_name_host_organisation_and_repository() {
    let home = |text| {
        let home = Home::of(Some(text));
        (home.host, home.organization, home.repository)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(home("larkmoor"), (None, some("larkmoor"), None));
    assert_eq!(
        home("larkmoor/docs.site"),
        (None, some("larkmoor"), some("larkmoor/docs.site"))
    );
    assert_eq!(
        home("git.Larkmoor.example/larkmoor"),
        (some("git.larkmoor.example"), some("larkmoor"), None)
    );
    assert_eq!(
        host_of("https://api.larkmoor.ghe.com/orgs/x").as_deref(),
        Some("larkmoor.ghe.com")
    );
    assert_eq!(
        host_of("https://git.example.com/api/v3/orgs/x").as_deref(),
        Some("git.example.com")
    );
    assert_eq!(
        repository_of_link("https://api.github.com/orgs/larkmoor/x"),
        None
    );
}
