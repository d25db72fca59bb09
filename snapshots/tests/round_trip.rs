//! A record comes back from the bytes as it went in, all groups of it.

use std::net::IpAddr;

use enrich_core::vocabulary::{
    Basis, CredentialStatus, Criticality, Dimension, Environment, Kind, LifecycleState,
    NetworkKind, OwnerStatus, PrivilegeLevel, Provider, Severity,
};
use enrich_core::{Check, KeyType, Snapshot, Trust};
use rkyv::util::AlignedVec;
use snapshots::model::{
    Agent, Alias, BlastRadius, Conflict, Credential, EntityRef, EscalationPolicy, EventLimits,
    Exception, Expectation, Finding, Identity, Inventory, Lineage, Meta, Network, Owner, Privilege,
    Provenance, Response, Revocation, Scope, Time,
};

fn entity(reference: &str) -> EntityRef {
    EntityRef {
        reference: reference.to_owned(),
        name: Some("Payments".to_owned()),
        contact: Some("#payments".to_owned()),
    }
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn full() -> Identity {
    let mut identity = Identity::new(
        "aws:111122223333:role/ci/agent",
        "agent",
        Kind::AiAgent,
        Provider::Aws,
        "111122223333",
    );
    identity.sub_type = "aws_iam_role".to_owned();
    identity.purpose = Some("answers mail".to_owned());
    identity.agent = Some(Agent {
        framework: "langchain".to_owned(),
        parent: "aws:111122223333:role/parent".to_owned(),
    });
    identity.aliases = vec![
        Alias {
            key_type: KeyType::AwsArn,
            domain: String::new(),
            value: "arn:aws:iam::111122223333:role/ci/agent".to_owned(),
            valid_from_ms: Some(1_700_000_000_000),
            valid_to_ms: Some(1_800_000_000_000),
        },
        Alias {
            key_type: KeyType::AwsPrincipalId,
            domain: String::new(),
            value: "AROA4AGENT4AGENT4AGE".to_owned(),
            valid_from_ms: None,
            valid_to_ms: None,
        },
        Alias {
            key_type: KeyType::K8sUser,
            domain: "prod".to_owned(),
            value: "system:serviceaccount:a:b".to_owned(),
            valid_from_ms: None,
            valid_to_ms: None,
        },
    ];
    identity.owner = Some(Owner {
        entity: entity("group:default/payments"),
        source: "catalog".to_owned(),
        as_of_ms: Some(1_773_986_400_000),
        status: OwnerStatus::Active,
    });
    identity.sponsor = Some(entity("user:default/a.ortiz"));
    identity.secondary_owners = own(&["user:default/b.lin"]);
    identity.service = Some("mail".to_owned());
    identity.vendor = Some("Acme".to_owned());
    identity.environment = vec![Environment::Production, Environment::Test];
    identity.criticality = Some(Criticality::High);
    identity.privilege = Some(Privilege {
        tier: 0,
        level: PrivilegeLevel::Admin,
        basis: own(&["AdministratorAccess"]),
    });
    identity.blast_radius = Some(BlastRadius {
        identities: 3,
        accounts: 2,
        environments: vec![Environment::Staging],
        teams: own(&["group:default/x"]),
    });
    identity.lineage = Lineage {
        created_by: Some("terraform".to_owned()),
        assumable_by: own(&["a", "b"]),
        can_assume: own(&["c"]),
        on_behalf_of: own(&["d"]),
    };
    identity.lifecycle_state = LifecycleState::Dormant;
    identity.created = Time::At(1_700_000_000_000);
    identity.last_seen = Time::NeverSince(1_650_000_000_000);
    identity.credentials = [
        Time::Never,
        Time::NotTracked,
        Time::Unknown,
        Time::At(1_790_000_000_000),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, expires)| Credential {
        uid: format!("AKIA4{number}AAAAAAAAAAAAAAA"),
        credential_type: "access_key".to_owned(),
        created: Time::At(1_700_000_000_000),
        last_rotated: Time::At(1_710_000_000_000),
        expires,
        last_used: Time::NeverSince(1_429_660_800_000),
        status: CredentialStatus::Active,
        secret_source: Some("github-actions:acme/payments#AWS_KEY".to_owned()),
        max_age_days: (number == 0).then_some(90),
    })
    .collect();
    identity.workloads = own(&["github-actions:acme/payments", "k8s:prod/a/b"]);
    identity.behavior = vec![
        Expectation {
            dimension: Dimension::Network,
            allowed: own(&["office"]),
            hours: None,
            basis: Basis::Declared,
            window_days: 0,
            samples: 0,
        },
        Expectation {
            dimension: Dimension::Hours,
            allowed: Vec::new(),
            hours: Some(core::array::from_fn(|n| n as u8)),
            basis: Basis::Observed,
            window_days: 30,
            samples: 1234,
        },
    ];
    identity.response = Response {
        revocation: vec![Revocation {
            action: "deny all".to_owned(),
            system: "aws-iam".to_owned(),
            team: "group:default/iam".to_owned(),
            runbook: Some("https://r.example".to_owned()),
            expected_minutes: 5,
            breaks: own(&["k8s:prod/a/b"]),
        }],
        escalation_policy: Some(EscalationPolicy {
            system: "pagerduty".to_owned(),
            id: "P1".to_owned(),
            url: None,
        }),
        context_owner: Some("group:default/payments".to_owned()),
        response_owner: Some("group:default/iam".to_owned()),
    };
    identity.findings = vec![Finding {
        name: "overprivileged".to_owned(),
        owasp: Some("NHI5:2025".to_owned()),
        severity: Severity::High,
        evidence: "tier 0; limit 0".to_owned(),
        exception: Some((1_790_000_000_000, "migration".to_owned())),
    }];
    identity.accepted = ["human_use_suspected", "stale"]
        .map(|finding| Exception {
            finding: finding.to_owned(),
            until_ms: 1_790_000_000_000,
            reason: "drill".to_owned(),
        })
        .into();
    identity.provenance = vec![Provenance {
        field: "owner".into(),
        source: "catalog".into(),
        observed_ms: Some(1_773_986_400_000),
    }];
    identity.conflicts = vec![Conflict {
        field: "owner".to_owned(),
        source: "tags".to_owned(),
        value: "group:default/y".to_owned(),
    }];
    identity
}

#[test]
fn every_group_of_the_record_survives() {
    let bare = Identity::new("k8s:prod:a/b", "b", Kind::Unknown, Provider::K8s, "prod");
    let mut retired = Identity::new(
        "k8s:prod:a/c",
        "c",
        Kind::ServiceAccount,
        Provider::K8s,
        "prod",
    );
    retired.lifecycle_state = LifecycleState::Deprovisioned;
    retired.retired_at_ms = Some(1_773_000_000_000);
    let inventory = Inventory {
        meta: Meta {
            id: "x-1".to_owned(),
            organization: "Northwind".to_owned(),
            created_ms: 1_773_986_400_000,
            sequence: 4,
            valid_for_s: 3600,
            previous: Some([7; 32]),
            overlay_of: None,
        },
        identities: vec![full(), bare, retired],
        scopes: vec![Scope {
            provider: Provider::K8s,
            domain: "prod".to_owned(),
            part: "a".to_owned(),
            name: Some("A".to_owned()),
            owner: Some(entity("group:default/payments")),
            escalation_policy: None,
            covered: true,
            environment: vec![Environment::Production, Environment::Test],
        }],
        networks: vec![Network {
            name: "office".to_owned(),
            kind: NetworkKind::Office,
            prefixes: vec![(IpAddr::from([203, 0, 113, 0]), 24)],
        }],
        rules: Vec::new(),
        limits: EventLimits {
            dormant_after_days: Some(90),
            rotation_grace_days: None,
        },
        removed_keys: Vec::new(),
    };
    let built = snapshots::format::build(&inventory).unwrap();
    let mut bytes = AlignedVec::<64>::new();
    bytes.extend_from_slice(&built);
    let snapshot = Snapshot::open(&bytes, Check::All, &Trust::default()).unwrap();
    snapshot.verify().unwrap();
    let mut back = snapshots::read::inventory(&snapshot).unwrap();
    for identity in &mut back.identities {
        identity.aliases.sort();
    }
    assert_eq!(back.identities, inventory.identities);
    assert_eq!(
        (&back.meta, &back.scopes, back.limits),
        (&inventory.meta, &inventory.scopes, inventory.limits)
    );
}
