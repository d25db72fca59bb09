use super::*;
use crate::record::DirectoryEntry;

fn source(name: &str, rank: usize) -> Source {
    Source {
        name: name.to_owned(),
        rank,
        observed_ms: 0,
        domain: None,
    }
}

fn record(uid: Option<&str>, owner: Option<&str>) -> Record {
    let mut record = Record::new(&source("catalogue", 0), uid.map(str::to_owned));
    record.facts.owner = owner.map(str::to_owned);
    record
}

fn policy(teams: &[&str]) -> Policy {
    Policy {
        url: Some("https://larkmoor.pagerduty.example/p".to_owned()),
        teams: teams.iter().map(|team| (*team).to_owned()).collect(),
        source: source("pagerduty", 1),
    }
}

#[test]
fn names_of_other_systems_become_references() {
    let mut directory = Directory::default();
    for reference in [
        "group:default/platform",
        "group:labs/tools",
        "user:default/m.okafor",
        "group:default/web-core",
    ] {
        directory
            .entries
            .insert(reference.to_owned(), DirectoryEntry::default());
    }
    directory.known_as.insert(
        "github-team:larkmoor/cloud".to_owned(),
        "group:default/platform".to_owned(),
    );
    directory.known_as.insert(
        "mail:m.okafor@example.com".to_owned(),
        "user:default/m.okafor".to_owned(),
    );
    for (name, expected) in [
        ("github-team:Larkmoor/Cloud", Some("group:default/platform")),
        (
            "github-team:larkmoor/unknown",
            Some("group:default/unknown"),
        ),
        ("github-team:labs/tools", Some("group:labs/tools")),
        ("github-user:S-Tanaka", Some("user:default/s-tanaka")),
        ("mail:M.Okafor@example.com", Some("user:default/m.okafor")),
        ("mail:x@example.com", Some("user:default/x@example.com")),
        ("gitlab:web/core", Some("group:default/web-core")),
        ("gitlab:platform", Some("group:default/platform")),
        ("gitlab:someone", Some("user:default/someone")),
        ("group:default/platform", None),
        ("plain", None),
    ] {
        assert_eq!(meant(name, &directory).as_deref(), expected, "{name}");
    }
}

#[test]
fn a_repository_has_the_owner_on_whom_the_catalogue_agrees() {
    let mut harvest = Harvest::default();
    for name in [
        "github-repo:github.com/larkmoor/a",
        "github-repo:github.com/larkmoor/b",
    ] {
        let mut listed = record(Some(name), None);
        listed.local_name = Some(name.to_owned());
        harvest.records.push(listed);
    }
    let claims = |owners: &[&str], services: &[&str]| {
        let of = |(owner, service): (&&str, &&str)| {
            let mut claim = record(None, Some(owner));
            claim.facts.service = Some((*service).to_owned());
            claim
        };
        owners.iter().zip(services).map(of).collect::<Vec<_>>()
    };
    let mut add = |name: &str, claims| {
        let key = (
            "catalogue".to_owned(),
            format!("github-repo:github.com/larkmoor/{name}"),
        );
        harvest.joins.repositories.insert(key, claims);
    };
    add(
        "a",
        claims(&["group:default/x", "group:default/x"], &["one", "two"]),
    );
    add(
        "b",
        claims(&["group:default/x", "group:default/y"], &["one", "two"]),
    );
    add("nowhere", claims(&["group:default/x"], &["one"]));
    settle(&mut harvest);
    assert_eq!(harvest.records.len(), 3);
    let facts = &harvest.records[2].facts;
    assert_eq!(
        (facts.owner.as_deref(), facts.service.as_deref()),
        (Some("group:default/x"), None)
    );
    assert!(
        harvest.warnings[0].contains("repository larkmoor/b and differ about its owner"),
        "{:?}",
        harvest.warnings
    );
}

#[test]
fn labels_select_accounts_of_the_cluster() {
    let account = |name: &str, cluster: &str, labels: &[(&str, &str)]| {
        let mut account = record(Some(name), None);
        account.facts.provider = Some(Provider::K8s);
        account.facts.domain = Some(cluster.to_owned());
        account.facts.namespace = Some("shop".to_owned());
        account.facts.tags = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        account
    };
    let mut harvest = Harvest::default();
    harvest.records.extend([
        account("one", "prod", &[("app", "x"), ("tier", "web")]),
        account("two", "prod", &[("app", "x")]),
        account("three", "test", &[("app", "x"), ("tier", "web")]),
    ]);
    harvest.joins.selectors.push(Selector {
        labels: [("app", "x"), ("tier", "web")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        cluster: Some("prod".to_owned()),
        namespace: Some("shop".to_owned()),
        record: record(None, Some("group:default/x")),
    });
    settle(&mut harvest);
    let claimed: Vec<Option<&str>> = harvest.records[3..]
        .iter()
        .map(|record| record.uid.as_deref())
        .collect();
    assert_eq!(claimed, [Some("one")]);
    assert_eq!(
        harvest.records[3].facts.owner.as_deref(),
        Some("group:default/x")
    );
}

#[test]
fn services_and_teams_lead_to_who_is_paged() {
    let mut harvest = Harvest::default();
    let service = |enabled| Service {
        policy: "PPOL001".to_owned(),
        enabled,
        source: source("pagerduty", 1),
    };
    harvest
        .joins
        .services
        .insert("PSVC001".to_owned(), service(true));
    harvest
        .joins
        .services
        .insert("PSVC002".to_owned(), service(false));
    harvest
        .joins
        .policies
        .insert("PPOL001".to_owned(), policy(&["PTEA001", "PTEA002"]));
    harvest
        .joins
        .policies
        .insert("PPOL002".to_owned(), policy(&["PTEA002"]));
    for service in ["PSVC001", "PSVC002", "PSVC404"] {
        let mut named = record(Some(service), None);
        named
            .facts
            .tags
            .insert(SERVICE.to_owned(), service.to_owned());
        harvest.records.push(named);
    }
    let mut stated = record(Some("stated"), None);
    stated.facts.escalation_policy = Some(EscalationPolicy {
        system: "pagerduty".to_owned(),
        id: "PPOL002".to_owned(),
        url: None,
    });
    harvest.records.push(stated);
    for (team, link) in [
        ("group:default/a", TeamLink::Team("PTEA001".to_owned())),
        ("group:default/b", TeamLink::Team("PTEA002".to_owned())),
        ("group:default/c", TeamLink::Service("PSVC001".to_owned())),
    ] {
        harvest
            .directory
            .entries
            .insert(team.to_owned(), DirectoryEntry::default());
        harvest.joins.teams.insert(team.to_owned(), link);
    }
    settle(&mut harvest);
    assert_eq!(harvest.records.len(), 5);
    let claim = &harvest.records[4];
    assert_eq!(
        (claim.uid.as_deref(), claim.source.name.as_str()),
        (Some("PSVC001"), "pagerduty")
    );
    let of_claim = claim.facts.escalation_policy.as_ref().unwrap();
    assert_eq!(
        (of_claim.id.as_str(), of_claim.url.as_deref()),
        ("PPOL001", Some("https://larkmoor.pagerduty.example/p"))
    );
    assert!(
        harvest.records[3]
            .facts
            .escalation_policy
            .as_ref()
            .unwrap()
            .url
            .is_some()
    );
    let of_team = |team: &str| {
        harvest.directory.entries[team]
            .escalation_policy
            .as_ref()
            .map(|policy| policy.id.as_str())
    };
    assert_eq!(
        [
            of_team("group:default/a"),
            of_team("group:default/b"),
            of_team("group:default/c")
        ],
        [Some("PPOL001"), None, Some("PPOL001")]
    );
    let told = harvest.warnings.join("; ");
    for words in [
        "1 references name PagerDuty services that no export lists",
        "disabled and page nobody",
        "team of group:default/b",
    ] {
        assert!(told.contains(words), "{told}");
    }
}
