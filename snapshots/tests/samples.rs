//! What the sample organisation's catalogue says reaches the record, although the catalogue is read
//! before the exports that hold the credentials.

use std::path::Path;

use enrich_core::vocabulary::Kind;
use snapshots::config::InventoryConfig;
use snapshots::connect::{Input, detect};
use snapshots::export::{Explicit, Quiet, export};
use snapshots::model::Identity;

fn sample() -> Vec<Identity> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/inventory.toml");
    let config = InventoryConfig::read(&file).expect("the sample configuration is good");
    let explicit = Explicit::new(1_773_985_500_000, 41, 0);
    let exported = export(&config, &explicit, &mut Quiet).expect("the samples load");
    exported.inventory.identities
}

#[test]
fn jobs_of_a_repository_meet_their_owner_their_pager_and_the_role_that_lets_them_in() {
    let identities = sample();
    let of = |uid: &str| {
        let found = identities.iter().find(|identity| identity.uid == uid);
        found.expect("it is in the samples")
    };
    let jobs = of("github:github.com:actions/larkmoor/storefront-legacy");
    assert_eq!(jobs.kind, Kind::CiJob);
    let owner = jobs.owner.as_ref().expect("the catalogue names one");
    assert_eq!(
        (owner.entity.reference.as_str(), owner.source.as_str()),
        ("group:default/storefront", "catalogue")
    );
    // The file in the repository says otherwise about its workflows, and the catalogue stands first.
    let conflict = &jobs.conflicts[0];
    assert_eq!(
        (conflict.source.as_str(), conflict.value.as_str()),
        ("codeowners", "group:default/platform")
    );
    let paged = jobs
        .response
        .escalation_policy
        .as_ref()
        .expect("its team is paged");
    assert_eq!(paged.id, "PLK4SHP");
    assert!(
        paged
            .url
            .as_deref()
            .is_some_and(|url| url.ends_with("/PLK4SHP"))
    );
    // The role trusts `repo:larkmoor/*`.
    assert_eq!(
        jobs.lineage.can_assume,
        ["aws:444455556666:role/ci/gha-image-build"]
    );
    let key = of("github:github.com:deploy-key/larkmoor/storefront-legacy/84410226");
    assert_eq!(
        key.owner
            .as_ref()
            .map(|owner| owner.entity.reference.as_str()),
        Some("group:default/storefront")
    );
    let lambda = of("aws:111122223333:role/lambda/order-events-enricher");
    let policy = lambda
        .response
        .escalation_policy
        .as_ref()
        .map(|policy| policy.id.as_str());
    assert_eq!(
        policy,
        Some("PLK4SHP"),
        "through the service that its entity names"
    );
}

#[test]
fn the_catalogue_says_where_the_secret_lives_and_what_stops() {
    let identities = sample();
    let user = identities
        .iter()
        .find(|identity| identity.uid == "aws:444455556666:user/ci/storefront-release")
        .expect("the CI user is in the samples");
    let workload = "github-actions:larkmoor/storefront-legacy";
    assert_eq!(user.workloads, [workload]);
    assert_eq!(user.credentials.len(), 1);
    assert_eq!(
        user.credentials[0].secret_source.as_deref(),
        Some("github-actions:larkmoor/storefront-legacy#AWS_ACCESS_KEY_ID")
    );
    assert!(!user.response.revocation.is_empty());
    for option in &user.response.revocation {
        assert_eq!(option.breaks, [workload], "{}", option.action);
    }
}

#[test]
fn graph_and_azure_speak_of_one_managed_identity() {
    let identities = sample();
    let portal = identities
        .iter()
        .find(|identity| {
            identity
                .uid
                .ends_with(":sp/0f5e2b90-0004-4d17-9c2a-000000000004")
        })
        .expect("the managed identity is in the samples");
    // Its age is known to Graph alone, its role, its tags and who runs as it to Azure alone.
    assert_eq!(
        portal.created,
        snapshots::model::Time::At(1_755_691_200_000)
    );
    let privilege = portal.privilege.as_ref().expect("it holds a role");
    let basis =
        "Key Vault Secrets User at resource group 5ab1e000-40aa-4c0d-9b7e-111122223333/returns";
    assert_eq!(
        (privilege.tier, privilege.basis.as_slice()),
        (2, [basis.to_owned()].as_slice())
    );
    let owner = portal.owner.as_ref().expect("a tag names the owner");
    assert_eq!(owner.entity.reference, "group:default/storefront");
    assert_eq!(
        portal.workloads,
        [
            "azure:/subscriptions/5ab1e000-40aa-4c0d-9b7e-111122223333/resourcegroups/returns/providers/microsoft.app/containerapps/returns-portal"
        ]
    );
}

#[test]
fn owners_and_sponsors_of_entra_are_the_people_of_the_catalogue() {
    let identities = sample();
    let agent = identities
        .iter()
        .find(|identity| {
            identity
                .uid
                .ends_with(":sp/0f5e2b90-0008-4d17-9c2a-000000000008")
        })
        .expect("the agent identity is in the samples");
    let owner = agent.owner.as_ref().expect("Graph names an owner");
    assert_eq!(owner.entity.reference, "user:default/l.moreau");
    assert_eq!(
        agent
            .sponsor
            .as_ref()
            .map(|sponsor| sponsor.reference.as_str()),
        Some("user:default/r.haddad")
    );
    assert_eq!(agent.kind, Kind::AiAgent);
}

#[test]
fn every_sample_is_recognised_as_what_it_is() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/inventory.toml");
    let config = InventoryConfig::read(&file).expect("the sample configuration is good");
    let mut seen = 0;
    for source in &config.sources {
        for path in &source.files {
            let head = Input::file(path).head().expect("it can be read");
            // An answer about one app, or a few lines of a list, may look like another list of the vendor.
            let found = detect(path, &head);
            assert_eq!(found, source.connector, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10);
}
