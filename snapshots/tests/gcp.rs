//! What the exports of Google Cloud amount to, together and beside those of Kubernetes and GitHub.

use enrich_core::vocabulary::{CredentialStatus, Kind, LifecycleState, PrivilegeLevel};
use snapshots::connect::{Connector, Input, connect, detect, finish};
use snapshots::export::{Explicit, Exported, assemble};
use snapshots::model::{Identity, Time};
use snapshots::policy::Policy;
use snapshots::record::{Harvest, Source, notation};
use snapshots::text::parse_time;

const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z

/// One source: connector, domain, files with their names.
type Files<'a> = (Connector, Option<&'a str>, &'a [(&'a str, &'a str)]);

fn read(sources: &[Files<'_>]) -> Result<Harvest, snapshots::connect::ConnectError> {
    let mut harvest = Harvest::default();
    for (rank, (connector, domain, files)) in sources.iter().enumerate() {
        let source = Source {
            name: format!("{}-{rank}", connector.as_str()),
            rank,
            observed_ms: NOW,
            domain: domain.map(str::to_owned),
        };
        let inputs: Vec<Input> = files
            .iter()
            .map(|(name, text)| Input::memory(name.as_ref(), text.as_bytes()))
            .collect();
        connect(*connector, &source, &inputs, &mut harvest)?;
    }
    finish(&mut harvest);
    Ok(harvest)
}

fn build(sources: &[Files<'_>]) -> Exported {
    let harvest = read(sources).unwrap();
    let policy = Policy::built_in().unwrap();
    let explicit = Explicit::new(NOW, 7, 86_400);
    let mut exported = assemble("Larkmoor", &harvest, &policy, &explicit);
    exported.report.warnings.extend(harvest.warnings);
    exported
}

fn find<'e>(exported: &'e Exported, uid: &str) -> &'e Identity {
    let all = &exported.inventory.identities;
    all.iter()
        .find(|identity| identity.uid == uid)
        .unwrap_or_else(|| panic!("no {uid}"))
}

fn keys(identity: &Identity) -> Vec<String> {
    identity.aliases.iter().map(notation).collect()
}

fn finding<'i>(identity: &'i Identity, name: &str) -> Option<&'i str> {
    let found = identity.findings.iter().find(|found| found.name == name);
    found.map(|found| found.evidence.as_str())
}

const ACCOUNTS: &str = r#"[
    {"name":"projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com","projectId":"shop","uniqueId":"100000000000000000001",
     "email":"api@shop.iam.gserviceaccount.com","displayName":"API","description":"serves the shop","oauth2ClientId":"100000000000000000001","etag":"MDEwMjE5MjA="},
    {"name":"projects/shop/serviceAccounts/deploy@shop.iam.gserviceaccount.com","projectId":"shop","uniqueId":"100000000000000000002",
     "email":"deploy@shop.iam.gserviceaccount.com","disabled":false,"newField":true},
    {"name":"projects/shop/serviceAccounts/old@shop.iam.gserviceaccount.com","projectId":"shop","uniqueId":"100000000000000000003",
     "email":"old@shop.iam.gserviceaccount.com","disabled":true},
    {"name":"projects/shop/serviceAccounts/123456789012-compute@developer.gserviceaccount.com","projectId":"shop","uniqueId":"100000000000000000004",
     "email":"123456789012-compute@developer.gserviceaccount.com","displayName":"Compute Engine default service account"}]"#;

const KEYS: &str = r#"[{"keyAlgorithm":"KEY_ALG_RSA_2048","keyOrigin":"GOOGLE_PROVIDED","keyType":"USER_MANAGED","privateKeyData":"bm90IGZvciB5b3U=",
     "name":"projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com/keys/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
     "validAfterTime":"2025-01-01T00:00:00Z","validBeforeTime":"9999-12-31T23:59:59Z"},
    {"keyType":"SYSTEM_MANAGED","name":"projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com/keys/ffff","validAfterTime":"2026-03-10T00:00:00Z"}]
    [{"keyType":"USER_MANAGED","disabled":true,"name":"projects/shop/serviceAccounts/100000000000000000003/keys/1111","validAfterTime":"2024-01-01T00:00:00Z"}]"#;

const PROJECTS: &str = r#"[{"createTime":"2024-01-01T00:00:00Z","lifecycleState":"ACTIVE","name":"Shop","projectId":"shop","projectNumber":"123456789012",
    "labels":{"team":"storefront","env":"prod"},"parent":{"id":"77","type":"folder"}}]"#;

fn policies(bindings: &[(&str, &str, &[&str])]) -> String {
    let mut out = Vec::new();
    for (resource, role, members) in bindings {
        let result = serde_json::json!({"resource": resource, "assetType": "x.googleapis.com/X", "project": "projects/123456789012",
            "organization": "organizations/9", "policy": {"bindings": [{"role": role, "members": members}]}});
        out.push(result.to_string());
    }
    format!("[{}]", out.join(","))
}

const PROJECT: &str = "//cloudresourcemanager.googleapis.com/projects/shop";
const API: &str =
    "//iam.googleapis.com/projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com";

#[test]
fn accounts_have_keys_credentials_and_uses() {
    let activity = r#"{"activities":[
        {"fullResourceName":"//iam.googleapis.com/projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com","activityType":"serviceAccountLastAuthentication",
         "observationPeriod":{"startTime":"2025-01-01T08:00:00Z","endTime":"2026-03-19T07:00:00Z"},
         "activity":{"lastAuthenticatedTime":"2026-03-19T07:00:00Z","serviceAccount":{"serviceAccountId":"100000000000000000001","projectNumber":"123456789012"}}},
        {"fullResourceName":"//iam.googleapis.com/projects/shop/serviceAccounts/deploy@shop.iam.gserviceaccount.com","activityType":"serviceAccountLastAuthentication",
         "observationPeriod":{"startTime":"2025-01-01T08:00:00Z","endTime":"2026-03-19T07:00:00Z"},"activity":{}},
        {"fullResourceName":"//iam.googleapis.com/projects/shop/serviceAccounts/100000000000000000001/keys/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
         "activityType":"serviceAccountKeyLastAuthentication","activity":{"lastAuthenticatedTime":"2025-02-01T08:00:00Z"}}]}"#;
    let exported = build(&[(
        Connector::Gcp,
        None,
        // The order of the files does not matter.
        &[
            ("u.json", activity),
            ("k.json", KEYS),
            ("a.json", ACCOUNTS),
            ("p.json", PROJECTS),
        ],
    )]);
    let api = find(&exported, "gcp:shop:sa/api@shop.iam.gserviceaccount.com");
    assert_eq!(
        keys(api),
        [
            "gcp_email:api@shop.iam.gserviceaccount.com",
            "gcp_unique_id:100000000000000000001",
            "gcp_key_id:0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
            "gcp_oauth_client_id:100000000000000000001",
        ]
    );
    assert_eq!((api.name.as_str(), api.kind), ("api", Kind::ServiceAccount));
    assert_eq!(api.purpose.as_deref(), Some("serves the shop"));
    assert_eq!(api.domain, "shop");
    assert_eq!(
        api.last_seen,
        Time::At(parse_time("2026-03-19T07:00:00Z").unwrap())
    );
    let [key] = &api.credentials[..] else {
        panic!("one key")
    };
    assert_eq!(
        (key.expires, key.status),
        (Time::Never, CredentialStatus::Active)
    );
    assert_eq!(
        key.last_used,
        Time::At(parse_time("2025-02-01T08:00:00Z").unwrap())
    );
    assert!(finding(api, "long_lived_secret").is_some_and(|text| text.contains("443 days")));
    // What the project's labels say.
    assert_eq!(
        api.owner
            .as_ref()
            .map(|owner| owner.entity.reference.as_str()),
        Some("group:default/storefront")
    );
    assert_eq!(api.environment.len(), 1);
    let deploy = find(&exported, "gcp:shop:sa/deploy@shop.iam.gserviceaccount.com");
    assert_eq!(
        deploy.last_seen,
        Time::NeverSince(parse_time("2025-01-01T08:00:00Z").unwrap())
    );
    let old = find(&exported, "gcp:shop:sa/old@shop.iam.gserviceaccount.com");
    assert_eq!(old.lifecycle_state, LifecycleState::Disabled);
    assert_eq!(old.credentials[0].status, CredentialStatus::Inactive);
    // The address of a default account holds the project's number; the list knows the id.
    let default = find(
        &exported,
        "gcp:123456789012:sa/123456789012-compute@developer.gserviceaccount.com",
    );
    assert_eq!(default.domain, "shop");
    let warnings = exported.report.warnings.join("\n");
    assert!(warnings.contains("SYSTEM_MANAGED 1"), "{warnings}");
    assert!(warnings.contains("serviceAccount.newField 1"), "{warnings}");
    let scope = exported
        .inventory
        .scopes
        .iter()
        .find(|scope| scope.domain == "shop");
    assert!(scope.is_some_and(|scope| scope.covered && scope.name.as_deref() == Some("Shop")));
    assert!(!format!("{exported:?}").contains("bm90IGZvciB5b3U"));
}

#[test]
fn roles_decide_by_where_they_are_bound() {
    let roles = r#"{"roles":[{"name":"projects/shop/roles/keyMaker","title":"Key maker","includedPermissions":["iam.serviceAccountKeys.create"]},
        {"name":"projects/shop/roles/gone","deleted":true}]}"#;
    let text = policies(&[
        (
            "//cloudresourcemanager.googleapis.com/organizations/9",
            "roles/viewer",
            &["serviceAccount:api@shop.iam.gserviceaccount.com"],
        ),
        (
            PROJECT,
            "projects/shop/roles/keyMaker",
            &["serviceAccount:deploy@shop.iam.gserviceaccount.com"],
        ),
        (
            PROJECT,
            "projects/shop/roles/gone",
            &["serviceAccount:api@shop.iam.gserviceaccount.com"],
        ),
        (
            "//storage.googleapis.com/photos",
            "roles/storage.objectAdmin",
            &[
                "serviceAccount:api@shop.iam.gserviceaccount.com",
                "allUsers",
                "group:devs@larkmoor.example",
            ],
        ),
        (
            PROJECT,
            "roles/editor",
            &["serviceAccount:123456789012-compute@developer.gserviceaccount.com"],
        ),
        (
            PROJECT,
            "roles/pubsub.serviceAgent",
            &["serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"],
        ),
        (
            PROJECT,
            "roles/run.developer",
            &["user:Jane@Larkmoor.example"],
        ),
        (
            PROJECT,
            "roles/iam.serviceAccountUser",
            &["user:jane@larkmoor.example"],
        ),
        (
            PROJECT,
            "roles/viewer",
            &[
                "serviceAccount:scanner@vendor-prod.iam.gserviceaccount.com",
                "serviceAccount:ghost@shop.iam.gserviceaccount.com",
            ],
        ),
    ]);
    let exported = build(&[(
        Connector::Gcp,
        None,
        &[
            ("i.json", &text),
            ("r.json", roles),
            ("a.json", ACCOUNTS),
            ("p.json", PROJECTS),
        ],
    )]);
    let privilege = |uid: &str| {
        let privilege = find(&exported, uid).privilege.clone().unwrap();
        (privilege.level, privilege.tier, privilege.basis)
    };
    assert_eq!(
        privilege("gcp:shop:sa/api@shop.iam.gserviceaccount.com"),
        (
            PrivilegeLevel::Write,
            2,
            vec!["roles/storage.objectAdmin (photos)".to_owned()]
        )
    );
    assert_eq!(
        privilege("gcp:shop:sa/deploy@shop.iam.gserviceaccount.com"),
        (
            PrivilegeLevel::Admin,
            0,
            vec!["projects/shop/roles/keyMaker (projects/shop)".to_owned()]
        )
    );
    // Running code as any account of the project is to hold what they hold.
    let (level, tier, basis) = privilege("gcp:larkmoor.example:user/jane@larkmoor.example");
    assert_eq!((level, tier), (PrivilegeLevel::Admin, 0));
    assert_eq!(
        basis,
        ["roles/iam.serviceAccountUser with roles/run.developer (projects/shop)"]
    );
    let default = find(
        &exported,
        "gcp:123456789012:sa/123456789012-compute@developer.gserviceaccount.com",
    );
    assert_eq!(default.sub_type, "gcp_default_service_account");
    let evidence = finding(default, "overprivileged").unwrap();
    assert!(
        evidence.contains("roles/editor (projects/shop)"),
        "{evidence}"
    );
    let agent = find(
        &exported,
        "gcp:123456789012:sa/service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com",
    );
    assert_eq!(agent.sub_type, "gcp_service_agent");
    assert_eq!(agent.domain, "shop");
    assert_eq!(
        (agent.vendor.as_deref(), agent.service.as_deref()),
        (Some("Google"), Some("pubsub"))
    );
    assert!(finding(agent, "orphaned").is_none());
    // A foreign account is an identity here, and one of a third party; one that its listed project does
    // not hold is none.
    let foreign = find(
        &exported,
        "gcp:vendor-prod:sa/scanner@vendor-prod.iam.gserviceaccount.com",
    );
    assert!(finding(foreign, "third_party").is_some());
    let warnings = exported.report.warnings.join("\n");
    for part in [
        "ghost@shop.iam.gserviceaccount.com 1",
        "allUsers 1, group 1",
        "projects/shop/roles/gone 1",
    ] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
}

#[test]
fn impersonation_is_an_edge_on_both_ends() {
    let text = policies(&[
        (
            API,
            "roles/iam.serviceAccountTokenCreator",
            &[
                "serviceAccount:deploy@shop.iam.gserviceaccount.com",
                "group:devs@larkmoor.example",
            ],
        ),
        (
            "//cloudresourcemanager.googleapis.com/folders/77",
            "roles/iam.serviceAccountTokenCreator",
            &["serviceAccount:robot@lab.iam.gserviceaccount.com"],
        ),
        (
            "//iam.googleapis.com/projects/shop/serviceAccounts/100000000000000000002",
            "roles/iam.serviceAccountUser",
            &["allAuthenticatedUsers"],
        ),
    ]);
    let exported = build(&[(
        Connector::Gcp,
        None,
        &[
            ("i.json", &text),
            ("a.json", ACCOUNTS),
            ("p.json", PROJECTS),
        ],
    )]);
    let api = find(&exported, "gcp:shop:sa/api@shop.iam.gserviceaccount.com");
    assert_eq!(
        api.lineage.assumable_by,
        [
            "gcp:lab:sa/robot@lab.iam.gserviceaccount.com",
            "gcp:shop:sa/deploy@shop.iam.gserviceaccount.com",
            "group:devs@larkmoor.example",
        ]
    );
    // A role on the folder reaches all accounts of its projects.
    let robot = find(&exported, "gcp:lab:sa/robot@lab.iam.gserviceaccount.com");
    assert_eq!(robot.lineage.can_assume.len(), 4);
    assert_eq!(
        robot.blast_radius.as_ref().map(|radius| radius.identities),
        Some(4)
    );
    assert!(finding(api, "third_party").is_some_and(|text| text.contains("account lab")));
    let deploy = find(&exported, "gcp:shop:sa/deploy@shop.iam.gserviceaccount.com");
    assert!(deploy.lineage.can_assume.contains(&api.uid));
    let evidence = finding(deploy, "unconditioned_trust").unwrap();
    assert!(evidence.contains("allAuthenticatedUsers"), "{evidence}");
    assert!(deploy.lineage.assumable_by.contains(&"*".to_owned()));
}

#[test]
fn federation_leads_to_jobs_and_clusters() {
    const POOL: &str = "projects/123456789012/locations/global/workloadIdentityPools/github";
    let subject = format!(
        "principal://iam.googleapis.com/{POOL}/subject/repo:larkmoor/shop:ref:refs/heads/main"
    );
    let everyone = format!("principalSet://iam.googleapis.com/{POOL}/*");
    let text = policies(&[
        (
            API,
            "roles/iam.workloadIdentityUser",
            &[&subject, "serviceAccount:shop.svc.id.goog[payments/api]"],
        ),
        (
            "//iam.googleapis.com/projects/shop/serviceAccounts/deploy@shop.iam.gserviceaccount.com",
            "roles/iam.workloadIdentityUser",
            &[&everyone],
        ),
        (
            PROJECT,
            "roles/aiplatform.user",
            &[
                "principal://agents.global.org-9.system.id.goog/resources/aiplatform/projects/123456789012/locations/europe-west1/reasoningEngines/42",
            ],
        ),
    ]);
    let pools = format!(
        r#"[{{"name":"{POOL}/providers/actions","state":"ACTIVE","attributeMapping":{{"google.subject":"assertion.sub"}},
            "oidc":{{"issuerUri":"https://token.actions.githubusercontent.com"}}}}]"#
    );
    let clusters = r#"[{"name":"prod","location":"europe-west1","workloadIdentityConfig":{"workloadPool":"shop.svc.id.goog"}}]"#;
    let cluster = r#"{"kind":"ServiceAccountList","apiVersion":"v1","items":[{"metadata":{"name":"api","namespace":"payments","uid":"0b1c2d3e-0000-4000-8000-000000000001"}}]}
        {"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"api-0","namespace":"payments","ownerReferences":[{"kind":"StatefulSet","name":"api","controller":true}]},"spec":{"serviceAccountName":"api"}}]}"#;
    let exported = build(&[
        (
            Connector::Gcp,
            None,
            &[
                ("i.json", &text),
                ("a.json", ACCOUNTS),
                ("p.json", PROJECTS),
                ("w.json", &pools),
                ("c.json", clusters),
            ],
        ),
        (Connector::Kubernetes, Some("prod"), &[("k.json", cluster)]),
    ]);
    let job = find(
        &exported,
        "gcp:123456789012:principal/github/repo:larkmoor/shop:ref:refs/heads/main",
    );
    assert_eq!((job.kind, job.domain.as_str()), (Kind::CiJob, "shop"));
    assert_eq!(keys(job), [format!("gcp_principal:{subject}")]);
    let api = find(&exported, "gcp:shop:sa/api@shop.iam.gserviceaccount.com");
    assert_eq!(
        api.lineage.assumable_by,
        [
            "gcp:123456789012:principal/github/repo:larkmoor/shop:ref:refs/heads/main",
            "gcp:shop.svc.id.goog:principal/ns/payments/sa/api",
            "k8s:prod:payments/api",
            "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor/shop:ref:refs/heads/main",
        ]
    );
    assert_eq!(
        api.workloads,
        ["github-actions:larkmoor/shop", "k8s:prod/payments/api"]
    );
    let gke = find(
        &exported,
        "gcp:shop.svc.id.goog:principal/ns/payments/sa/api",
    );
    assert_eq!(
        keys(gke),
        [
            "gcp_principal:principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/shop.svc.id.goog/subject/ns/payments/sa/api",
            "gcp_principal:serviceAccount:shop.svc.id.goog[payments/api]",
        ]
    );
    let kubernetes = find(&exported, "k8s:prod:payments/api");
    assert!(kubernetes.lineage.can_assume.contains(&api.uid));
    let deploy = find(&exported, "gcp:shop:sa/deploy@shop.iam.gserviceaccount.com");
    let evidence = finding(deploy, "unconditioned_trust").unwrap();
    assert!(evidence.contains("no attribute condition"), "{evidence}");
    let agent = exported
        .inventory
        .identities
        .iter()
        .find(|one| one.kind == Kind::AiAgent);
    assert!(agent.is_some_and(|agent| agent.domain == "shop" && agent.name == "42"));
}

#[test]
fn a_deleted_account_ends_and_its_successor_has_the_address() {
    let text = policies(&[(
        PROJECT,
        "roles/viewer",
        &[
            "deleted:serviceAccount:api@shop.iam.gserviceaccount.com?uid=100000000000000000099",
            "deleted:serviceAccount:past@shop.iam.gserviceaccount.com?uid=100000000000000000098",
        ],
    )]);
    let exported = build(&[(
        Connector::Gcp,
        None,
        &[("i.json", &text), ("a.json", ACCOUNTS)],
    )]);
    let ids = |unique: &str| {
        let key = format!("gcp_unique_id:{unique}");
        let all = exported.inventory.identities.iter();
        let mut holders = all.filter(|one| keys(one).contains(&key));
        let holder = holders.next().unwrap();
        assert!(holders.next().is_none());
        holder
    };
    let living = ids("100000000000000000001");
    assert_eq!(living.uid, "gcp:shop:sa/api@shop.iam.gserviceaccount.com");
    assert!(keys(living).contains(&"gcp_email:api@shop.iam.gserviceaccount.com".to_owned()));
    let dead = ids("100000000000000000099");
    assert_eq!(dead.lifecycle_state, LifecycleState::Deprovisioned);
    assert_eq!(dead.retired_at_ms, Some(NOW));
    assert!(!keys(dead).iter().any(|key| key.starts_with("gcp_email:")));
    assert!(dead.uid.ends_with("#100000000000000000099"), "{}", dead.uid);
    // Nobody has the other one's address now, so it still leads to the dead.
    let past = ids("100000000000000000098");
    assert!(keys(past).contains(&"gcp_email:past@shop.iam.gserviceaccount.com".to_owned()));
    assert!(exported.report.ambiguous_keys.is_empty());
}

#[test]
fn assets_hold_what_the_lists_hold() {
    let assets = r#"{"name":"//iam.googleapis.com/projects/shop/serviceAccounts/100000000000000000001","assetType":"iam.googleapis.com/ServiceAccount",
 "resource":{"version":"v1","data":{"email":"api@shop.iam.gserviceaccount.com","name":"projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com","projectId":"shop","uniqueId":"100000000000000000001"}},
 "ancestors":["projects/123456789012","folders/77","organizations/9"],"updateTime":"2026-01-01T00:00:00Z"}
{"name":"//iam.googleapis.com/projects/shop/serviceAccounts/100000000000000000001/keys/abcd","assetType":"iam.googleapis.com/ServiceAccountKey",
 "resource":{"data":{"name":"projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com/keys/abcd","keyType":"USER_MANAGED","validAfterTime":{"seconds":1735689600},"validBeforeTime":{"seconds":253402300799}}}}
# one line that a person put in
{"name":"//iam.googleapis.com/projects/shop/serviceAccounts/100000000000000000001","assetType":"iam.googleapis.com/ServiceAccount",
 "iamPolicy":{"bindings":[{"role":"roles/iam.serviceAccountTokenCreator","members":["serviceAccount:deploy@lab.iam.gserviceaccount.com"]}]},"ancestors":["projects/123456789012"]}
{"name":"//run.googleapis.com/projects/shop/locations/europe-west1/services/web","assetType":"run.googleapis.com/Service",
 "resource":{"data":{"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"web","namespace":"123456789012","labels":{"cloud.googleapis.com/location":"europe-west1"}},
 "spec":{"template":{"spec":{"serviceAccountName":"api@shop.iam.gserviceaccount.com"}}}}}}
{"name":"//storage.googleapis.com/photos","assetType":"storage.googleapis.com/Bucket","resource":{"data":{"name":"photos"}}}
"#;
    assert_eq!(
        detect("a.json".as_ref(), assets.as_bytes()),
        Some(Connector::Gcp)
    );
    let exported = build(&[(Connector::Gcp, None, &[("a.json", assets)])]);
    let api = find(&exported, "gcp:shop:sa/api@shop.iam.gserviceaccount.com");
    assert_eq!(
        (api.credentials[0].created, api.credentials[0].expires),
        (Time::At(1_735_689_600_000), Time::Never)
    );
    assert_eq!(
        api.lineage.assumable_by,
        ["gcp:lab:sa/deploy@lab.iam.gserviceaccount.com"]
    );
    assert_eq!(api.workloads, ["gcp-run:shop/europe-west1/web"]);
    let warnings = exported.report.warnings.join("\n");
    assert!(
        warnings.contains("storage.googleapis.com/Bucket 1"),
        "{warnings}"
    );
    // A search shows addresses, ids and times of creation beside the entry.
    let search = r#"{"results":[{"assetType":"iam.googleapis.com/ServiceAccount","createTime":"2025-06-01T00:00:00Z","displayName":"API","project":"projects/123456789012",
        "additionalAttributes":{"email":"api@shop.iam.gserviceaccount.com","uniqueId":"100000000000000000001"},
        "name":"//iam.googleapis.com/projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com"}],"nextPageToken":"more"}"#;
    let exported = build(&[(Connector::Gcp, None, &[("s.json", search)])]);
    let api = find(&exported, "gcp:shop:sa/api@shop.iam.gserviceaccount.com");
    let created = parse_time("2025-06-01").unwrap();
    assert_eq!(api.created, Time::At(created));
    // An address can be given again; it leads here only since this account exists.
    assert_eq!(api.aliases[0].valid_from_ms, Some(created));
    assert!(
        exported
            .report
            .warnings
            .iter()
            .any(|text| text.contains("nextPageToken"))
    );
}

#[test]
fn a_list_that_is_cut_retires_nobody() {
    let page = |project: &str, more: &str| {
        format!(
            r#"{{"accounts":[{{"name":"projects/{project}/serviceAccounts/api@{project}.iam.gserviceaccount.com","projectId":"{project}",
                "uniqueId":"100000000000000000001","email":"api@{project}.iam.gserviceaccount.com"}}]{more}}}"#
        )
    };
    let more = r#","nextPageToken":"more""#;
    let (cut, end, other) = (page("shop", more), page("shop", ""), page("lab", ""));
    let is_partial = |files: &[(&str, &str)]| {
        let harvest = read(&[(Connector::Gcp, None, files)]).unwrap();
        let told = harvest
            .warnings
            .iter()
            .any(|text| text.contains("nextPageToken"));
        assert_eq!(told, harvest.coverage.partial.contains("gcp-0"));
        told
    };
    assert!(is_partial(&[("a.json", &cut)]));
    assert!(is_partial(&[("a.json", &cut), ("b.json", &other)]));
    assert!(!is_partial(&[("a.json", &cut), ("b.json", &end)]));
    assert!(!is_partial(&[("b.json", &end), ("a.json", &cut)]));
    assert!(!is_partial(&[("b.json", &end)]));
}

#[test]
fn a_policy_without_a_name_needs_a_place() {
    let policy = r#"{"bindings":[{"role":"roles/iam.serviceAccountTokenCreator","members":["user:jane@larkmoor.example"]}],"etag":"BwX","version":1}"#;
    let error = read(&[(Connector::Gcp, None, &[("policy.json", policy)])]).unwrap_err();
    assert!(error.to_string().contains("needs `domain = "), "{error}");
    let tier = |domain: &str| {
        let exported = build(&[(Connector::Gcp, Some(domain), &[("policy.json", policy)])]);
        let jane = find(&exported, "gcp:larkmoor.example:user/jane@larkmoor.example");
        jane.privilege.as_ref().map(|privilege| privilege.tier)
    };
    assert_eq!(tier("shop"), Some(0));
    assert_eq!(tier("organizations/9"), Some(0));
    assert_eq!(tier("//storage.googleapis.com/photos"), Some(2));
    // A file that is named after an account holds the policy of that account.
    let exported = build(&[(
        Connector::Gcp,
        None,
        &[
            ("api@shop.iam.gserviceaccount.com.json", policy),
            ("a.json", ACCOUNTS),
        ],
    )]);
    let api = find(&exported, "gcp:shop:sa/api@shop.iam.gserviceaccount.com");
    assert_eq!(
        api.lineage.assumable_by,
        ["gcp:larkmoor.example:user/jane@larkmoor.example"]
    );
}

#[test]
fn bad_exports_are_named() {
    let fail = |text: &str| {
        read(&[(Connector::Gcp, None, &[("x.json", text)])])
            .unwrap_err()
            .to_string()
    };
    let cut = &ACCOUNTS[..ACCOUNTS.len() / 2];
    let error = fail(cut);
    assert!(
        error.contains("truncated") && error.contains("line"),
        "{error}"
    );
    let error = fail(r#"{"UserDetailList":[],"RoleDetailList":[]}"#);
    assert!(error.contains("aws_authorization_details"), "{error}");
    let refused =
        r#"{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}"#;
    let harvest = read(&[(Connector::Gcp, None, &[("x.json", refused)])]).unwrap();
    assert!(
        harvest
            .warnings
            .iter()
            .any(|text| text.contains("403 Permission denied"))
    );
    // An empty list is an answer.
    assert!(
        read(&[(Connector::Gcp, None, &[("x.json", "[]")])])
            .unwrap()
            .records
            .is_empty()
    );
}

#[test]
fn events_of_the_audit_log_lead_to_them() {
    const POOL: &str = "projects/123456789012/locations/global/workloadIdentityPools/github";
    let subject = format!(
        "principal://iam.googleapis.com/{POOL}/subject/repo:larkmoor/shop:ref:refs/heads/main"
    );
    let text = policies(&[
        (API, "roles/iam.workloadIdentityUser", &[&subject]),
        (
            PROJECT,
            "roles/viewer",
            &["deleted:serviceAccount:past@shop.iam.gserviceaccount.com?uid=100000000000000000098"],
        ),
    ]);
    let exported = build(&[(
        Connector::Gcp,
        None,
        &[
            ("a.json", ACCOUNTS),
            ("k.json", KEYS),
            ("i.json", &text),
            ("p.json", PROJECTS),
        ],
    )]);
    let built = snapshots::format::build(&exported.inventory).unwrap();
    let mut bytes = rkyv::util::AlignedVec::<64>::new();
    bytes.extend_from_slice(&built);
    let mut enricher = enrich_core::Enricher::new(enrich_core::Config::default());
    enricher
        .attach(&bytes, enrich_core::Check::All, None)
        .unwrap();
    let mut actor = |authentication: serde_json::Value| {
        let event = serde_json::json!({"logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity", "timestamp": "2026-03-21T06:00:00Z",
            "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "storage.googleapis.com",
                "methodName": "storage.objects.get", "authenticationInfo": authentication},
            "resource": {"type": "gcs_bucket", "labels": {"project_id": "shop"}}});
        let line = serde_json::to_vec(&event).unwrap();
        let out: serde_json::Value = serde_json::from_slice(enricher.enrich(&line)).unwrap();
        let identities = out["whose"]["identities"].as_array().unwrap().clone();
        let actor = identities
            .into_iter()
            .find(|one| one["role"] == "actor")
            .unwrap();
        let text = |name: &str| actor[name].as_str().map(str::to_owned);
        let key = actor["credential"]["uid"].as_str().map(str::to_owned);
        (text("outcome").unwrap(), text("uid"), key)
    };
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(
        actor(
            serde_json::json!({"principalEmail": "api@shop.iam.gserviceaccount.com",
            "serviceAccountKeyName": "//iam.googleapis.com/projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com/keys/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"})
        ),
        (
            "matched".to_owned(),
            own("gcp:shop:sa/api@shop.iam.gserviceaccount.com"),
            own("0a1b2c3d4e5f60718293a4b5c6d7e8f901234567")
        )
    );
    // A job becomes the account: the job is who acts.
    let delegated = serde_json::json!({"principalEmail": "api@shop.iam.gserviceaccount.com",
        "serviceAccountDelegationInfo": [{"principalSubject": subject}]});
    assert_eq!(
        actor(delegated),
        (
            "matched".to_owned(),
            own("gcp:123456789012:principal/github/repo:larkmoor/shop:ref:refs/heads/main"),
            None
        )
    );
    let past = serde_json::json!({"principalEmail": "past@shop.iam.gserviceaccount.com"});
    assert_eq!(
        actor(past),
        (
            "retired".to_owned(),
            own("gcp:shop:sa/past@shop.iam.gserviceaccount.com"),
            None
        )
    );
    let unknown = serde_json::json!({"principalEmail": "nobody@shop.iam.gserviceaccount.com"});
    assert_eq!(actor(unknown), ("not_found".to_owned(), None, None));
}
