//! Inventories: one that fills every field and table of the format, and long ones of any length.

use std::net::IpAddr;

use enrich_core::KeyType;
use enrich_core::vocabulary::{
    Basis, CredentialStatus, Criticality, Dimension, Environment, Kind, LifecycleState,
    NetworkKind, OutcomeKind, OwnerStatus, Priority, PrivilegeLevel, Provider, Role, Severity,
    Verdict,
};
use snapshots::model::*;

/// 2026-03-20T06:00:00Z.
pub(crate) const CREATED_MS: i64 = 1_773_986_400_000;
/// The account of most identities.
pub(crate) const ACCOUNT: &str = "111122223333";

const DAY_MS: i64 = 86_400_000;

/// A key without domain and validity.
pub(crate) fn alias(key_type: KeyType, value: &str) -> Alias {
    Alias {
        key_type,
        domain: String::new(),
        value: value.to_owned(),
        valid_from_ms: None,
        valid_to_ms: None,
    }
}

/// A key in a domain.
pub(crate) fn alias_in(key_type: KeyType, domain: &str, value: &str) -> Alias {
    Alias {
        domain: domain.to_owned(),
        ..alias(key_type, value)
    }
}

/// A key that was valid from one time to another.
pub(crate) fn alias_during(
    key_type: KeyType,
    value: &str,
    from: Option<i64>,
    to: Option<i64>,
) -> Alias {
    Alias {
        valid_from_ms: from,
        valid_to_ms: to,
        ..alias(key_type, value)
    }
}

/// A covered scope without owner.
pub(crate) fn scope(provider: Provider, domain: &str) -> Scope {
    Scope {
        provider,
        domain: domain.to_owned(),
        part: String::new(),
        name: None,
        owner: None,
        escalation_policy: None,
        covered: true,
        environment: Vec::new(),
    }
}

/// A role of an account, found by ARN and principal id.
pub(crate) fn role(account: &str, path: &str, principal: &str) -> Identity {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut identity = Identity::new(
        &format!("aws:{account}:role/{path}"),
        name,
        Kind::IamRole,
        Provider::Aws,
        account,
    );
    identity.sub_type = "aws_iam_role".to_owned();
    identity.aliases = vec![
        alias(
            KeyType::AwsArn,
            &format!("arn:aws:iam::{account}:role/{path}"),
        ),
        alias(KeyType::AwsPrincipalId, principal),
    ];
    identity
}

/// The facts of a header.
pub(crate) fn meta(organization: &str, sequence: u64) -> Meta {
    Meta {
        organization: organization.to_owned(),
        created_ms: CREATED_MS,
        sequence,
        ..Meta::default()
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn entity(reference: &str, name: &str, contact: &str) -> EntityRef {
    EntityRef {
        reference: reference.to_owned(),
        name: text(name),
        contact: text(contact),
    }
}

fn pagerduty(id: &str) -> EscalationPolicy {
    EscalationPolicy {
        system: "pagerduty".to_owned(),
        id: id.to_owned(),
        url: text(&format!("https://paging.example/{id}")),
    }
}

fn expect(dimension: Dimension, allowed: &[&str]) -> Expectation {
    Expectation {
        dimension,
        allowed: texts(allowed),
        hours: None,
        basis: Basis::Declared,
        window_days: 0,
        samples: 0,
    }
}

/// An inventory in which every field of the model is set somewhere, so that every table has rows.
pub(crate) fn full() -> Inventory {
    Inventory {
        meta: Meta {
            id: "golden-v1".to_owned(),
            organization: "Golden Works".to_owned(),
            created_ms: CREATED_MS,
            sequence: 41,
            valid_for_s: 86_400,
            previous: Some([0xAB; 32]),
            overlay_of: None,
        },
        identities: vec![
            deployer(),
            legacy_user(),
            payments_api(),
            agent(),
            old_deployer(),
            recreated_deployer(),
            vendor(),
            bare(),
        ],
        scopes: scopes(),
        networks: networks(),
        rules: rules(),
        limits: EventLimits::default(),
        removed_keys: Vec::new(),
    }
}

/// Everything that an identity of a cloud can have.
fn deployer() -> Identity {
    let mut hours = [0_u8; 21];
    for day in 0..5 {
        for hour in 6..20 {
            let bit: usize = 24 * day + hour;
            hours[bit / 8] |= 1 << (bit % 8);
        }
    }
    let mut identity = role(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01");
    identity
        .aliases
        .push(alias(KeyType::AwsAccessKeyId, "AKIAGOLDENDEPLOYER01"));
    // The same key twice, with time in between: a key that was lent out.
    identity.aliases.push(alias_during(
        KeyType::AwsAccessKeyId,
        "AKIAGOLDENLENTOUT001",
        Some(CREATED_MS - 90 * DAY_MS),
        Some(CREATED_MS - 60 * DAY_MS),
    ));
    identity.aliases.push(alias_during(
        KeyType::AwsAccessKeyId,
        "AKIAGOLDENLENTOUT001",
        Some(CREATED_MS - 30 * DAY_MS),
        None,
    ));
    identity.name = "CI deployer (production)".to_owned();
    identity.kind = Kind::CiJob;
    identity.purpose = text("Deploys the shop");
    identity.owner = Some(Owner {
        entity: entity("group:default/platform", "Platform", "#platform-oncall"),
        source: "backstage".to_owned(),
        as_of_ms: Some(CREATED_MS - 2 * DAY_MS),
        status: OwnerStatus::Active,
    });
    identity.sponsor = Some(entity(
        "user:default/a.ortiz",
        "A. Ortiz",
        "a.ortiz@golden.example",
    ));
    identity.secondary_owners = texts(&["group:default/release", "group:default/sre"]);
    identity.service = text("shop");
    identity.environment = vec![Environment::Production, Environment::Staging];
    identity.criticality = Some(Criticality::High);
    identity.privilege = Some(Privilege {
        tier: 1,
        level: PrivilegeLevel::Admin,
        basis: texts(&["AdministratorAccess", "ci-deploy"]),
    });
    identity.blast_radius = Some(BlastRadius {
        identities: 17,
        accounts: 3,
        environments: vec![Environment::Production, Environment::Development],
        teams: texts(&["group:default/payments", "group:default/data"]),
    });
    identity.lineage = Lineage {
        created_by: text("aws:111122223333:user/root-admin"),
        assumable_by: texts(&["oidc:token.actions.githubusercontent.com:repo:golden/shop"]),
        can_assume: texts(&["aws:444455556666:role/deploy-target"]),
        on_behalf_of: texts(&["user:default/release-captain"]),
    };
    identity.lifecycle_state = LifecycleState::Active;
    identity.created = Time::At(CREATED_MS - 400 * DAY_MS);
    identity.last_seen = Time::At(CREATED_MS - 3_600_000);
    identity.credentials = vec![
        Credential {
            uid: "AKIAGOLDENDEPLOYER01".to_owned(),
            credential_type: "access_key".to_owned(),
            created: Time::At(CREATED_MS - 412 * DAY_MS),
            last_rotated: Time::At(CREATED_MS - 412 * DAY_MS),
            expires: Time::Never,
            last_used: Time::At(CREATED_MS - DAY_MS),
            status: CredentialStatus::Active,
            secret_source: text("github-actions:golden/shop#AWS_KEY"),
            max_age_days: Some(90),
        },
        Credential {
            uid: "AKIAGOLDENDEPLOYER00".to_owned(),
            credential_type: "access_key".to_owned(),
            created: Time::Unknown,
            last_rotated: Time::NotTracked,
            expires: Time::At(CREATED_MS - DAY_MS),
            last_used: Time::NeverSince(CREATED_MS - 500 * DAY_MS),
            status: CredentialStatus::Inactive,
            secret_source: None,
            max_age_days: None,
        },
    ];
    identity.workloads = texts(&["github-actions:golden/shop", "k8s:prod-eu/ci/runner"]);
    identity.behavior = vec![
        expect(Dimension::Network, &["ci-egress", "office"]),
        expect(Dimension::Region, &["eu-west-1", "eu-central-1"]),
        expect(
            Dimension::Action,
            &["sts.amazonaws.com:AssumeRole*", "s3.amazonaws.com:*"],
        ),
        expect(Dimension::UserAgent, &["aws-cli/*"]),
        Expectation {
            hours: Some(hours),
            ..expect(Dimension::Hours, &[])
        },
        Expectation {
            basis: Basis::Observed,
            window_days: 30,
            samples: 12_345,
            ..expect(Dimension::Workload, &["session-*"])
        },
        expect(Dimension::Resource, &["arn:aws:s3:::golden-*"]),
    ];
    identity.response = Response {
        revocation: vec![
            Revocation {
                action: "delete the role".to_owned(),
                system: "aws-iam".to_owned(),
                team: "group:default/cloud-iam".to_owned(),
                runbook: None,
                expected_minutes: 30,
                breaks: texts(&["github-actions:golden/shop", "k8s:prod-eu/ci/runner"]),
            },
            Revocation {
                action: "deactivate the access key".to_owned(),
                system: "aws-iam".to_owned(),
                team: "group:default/cloud-iam".to_owned(),
                runbook: text("https://runbooks.example/deactivate-key"),
                expected_minutes: 5,
                breaks: texts(&["github-actions:golden/shop"]),
            },
        ],
        escalation_policy: Some(pagerduty("PGOLD01")),
        context_owner: text("group:default/platform"),
        response_owner: text("group:default/cloud-iam"),
    };
    identity.findings = vec![
        Finding {
            name: "overprivileged".to_owned(),
            owasp: text("NHI5:2025"),
            severity: Severity::High,
            evidence: "level admin, 3 of 112 granted actions used in 90 days".to_owned(),
            exception: None,
        },
        Finding {
            name: "long_lived_secret".to_owned(),
            owasp: text("NHI7:2025"),
            severity: Severity::Medium,
            evidence: "rotated 412 days before the snapshot, limit 90".to_owned(),
            exception: Some((
                CREATED_MS + 30 * DAY_MS,
                "replaced by OIDC in April".to_owned(),
            )),
        },
    ];
    identity.provenance = vec![
        Provenance {
            field: "owner".into(),
            source: "backstage".into(),
            observed_ms: Some(CREATED_MS - DAY_MS),
        },
        Provenance {
            field: "privilege".into(),
            source: "aws-main".into(),
            observed_ms: None,
        },
    ];
    identity.conflicts = vec![Conflict {
        field: "owner".to_owned(),
        source: "aws-main".to_owned(),
        value: "group:default/ops".to_owned(),
    }];
    identity
}

fn legacy_user() -> Identity {
    let mut identity = Identity::new(
        "aws:111122223333:user/legacy-backup",
        "legacy-backup",
        Kind::IamUser,
        Provider::Aws,
        ACCOUNT,
    );
    identity.sub_type = "aws_iam_user".to_owned();
    identity.aliases = vec![
        alias(
            KeyType::AwsArn,
            "arn:aws:iam::111122223333:user/legacy-backup",
        ),
        alias(KeyType::AwsPrincipalId, "AIDAGOLDENLEGACY0001"),
        // Shared with the agent: one key, two holders.
        alias(KeyType::AwsAccessKeyId, "AKIAGOLDENSHARED0001"),
    ];
    identity.owner = Some(Owner {
        entity: EntityRef {
            reference: "user:default/gone".to_owned(),
            name: None,
            contact: None,
        },
        source: "tags".to_owned(),
        as_of_ms: None,
        status: OwnerStatus::Departed,
    });
    identity.lifecycle_state = LifecycleState::Dormant;
    identity.created = Time::NotTracked;
    identity.last_seen = Time::NeverSince(CREATED_MS - 700 * DAY_MS);
    identity.criticality = Some(Criticality::Low);
    identity
}

fn payments_api() -> Identity {
    let mut identity = Identity::new(
        "k8s:prod-eu:sa/payments/api",
        "api",
        Kind::ServiceAccount,
        Provider::K8s,
        "prod-eu",
    );
    identity.sub_type = "k8s_service_account".to_owned();
    identity.aliases = vec![
        alias_in(
            KeyType::K8sUser,
            "prod-eu",
            "system:serviceaccount:payments:api",
        ),
        alias_in(
            KeyType::K8sUid,
            "prod-eu",
            "5b0a1f8e-7d7e-4c55-9a53-2f0c3f5e1a01",
        ),
    ];
    identity.environment = vec![Environment::Test, Environment::Other];
    identity.privilege = Some(Privilege {
        tier: 3,
        level: PrivilegeLevel::None,
        basis: Vec::new(),
    });
    identity.created = Time::At(CREATED_MS - 100 * DAY_MS);
    identity
}

fn agent() -> Identity {
    let mut identity = Identity::new(
        "aws:111122223333:role/agents/triage-agent",
        "triage-agent",
        Kind::AiAgent,
        Provider::Aws,
        ACCOUNT,
    );
    identity.agent = Some(Agent {
        framework: "langgraph".to_owned(),
        parent: "aws:111122223333:role/ci/deployer".to_owned(),
    });
    identity.aliases = vec![
        alias(
            KeyType::AwsArn,
            "arn:aws:iam::111122223333:role/agents/triage-agent",
        ),
        alias(KeyType::AwsPrincipalId, "AROAGOLDENAGENT00001"),
        alias(KeyType::AwsAccessKeyId, "AKIAGOLDENSHARED0001"),
        alias_in(
            KeyType::OidcSubject,
            "https://token.actions.githubusercontent.com",
            "repo:golden/shop:ref:refs/heads/main",
        ),
    ];
    identity.privilege = Some(Privilege {
        tier: 2,
        level: PrivilegeLevel::Write,
        basis: texts(&["triage-agent"]),
    });
    identity
}

/// A role that was deleted; its name was given again to `recreated_deployer`.
fn old_deployer() -> Identity {
    let mut identity = role(ACCOUNT, "shop/worker", "AROAGOLDENWORKEROLD1");
    identity.uid = "aws:111122223333:role/shop/worker#AROAGOLDENWORKEROLD1".to_owned();
    identity.lifecycle_state = LifecycleState::Deprovisioned;
    identity.retired_at_ms = Some(CREATED_MS - 10 * DAY_MS);
    identity
}

fn recreated_deployer() -> Identity {
    let mut identity = role(ACCOUNT, "shop/worker", "AROAGOLDENWORKERNEW1");
    for alias in &mut identity.aliases {
        alias.valid_from_ms = Some(CREATED_MS - 9 * DAY_MS);
    }
    identity
}

fn vendor() -> Identity {
    let mut identity = Identity::new(
        "github:github.com:app/scanner",
        "scanner",
        Kind::OauthClient,
        Provider::Github,
        "github.com",
    );
    identity.aliases = vec![
        alias(KeyType::GithubApp, "Scanner[bot]"),
        alias(KeyType::Email, "Scanner@Vendor.example"),
        alias(KeyType::SpiffeId, "spiffe://Golden.example/ns/scan"),
    ];
    identity.vendor = text("Scanner Inc.");
    identity.lifecycle_state = LifecycleState::Disabled;
    identity
}

/// Nothing but a name and a place.
fn bare() -> Identity {
    Identity::new(
        "other:nowhere:é",
        "é",
        Kind::Unknown,
        Provider::Other,
        "nowhere",
    )
}

fn scopes() -> Vec<Scope> {
    vec![
        Scope {
            name: text("Golden production"),
            owner: Some(entity(
                "group:default/cloud-platform",
                "Cloud Platform",
                "#cloud",
            )),
            escalation_policy: Some(pagerduty("PGOLD02")),
            ..scope(Provider::Aws, ACCOUNT)
        },
        Scope {
            covered: false,
            owner: Some(entity("group:default/finance", "Finance", "#finance")),
            ..scope(Provider::Aws, "999900001111")
        },
        scope(Provider::K8s, "prod-eu"),
        Scope {
            part: "payments".to_owned(),
            owner: Some(entity(
                "group:default/payments",
                "Payments",
                "#payments-oncall",
            )),
            ..scope(Provider::K8s, "prod-eu")
        },
    ]
}

fn networks() -> Vec<Network> {
    let prefix = |address: &str, len| (address.parse::<IpAddr>().unwrap(), len);
    vec![
        Network {
            name: "ci-egress".to_owned(),
            kind: NetworkKind::Egress,
            prefixes: vec![prefix("198.51.100.0", 26), prefix("2001:db8:10::", 48)],
        },
        Network {
            name: "office".to_owned(),
            kind: NetworkKind::Office,
            prefixes: vec![prefix("198.51.100.0", 24), prefix("203.0.113.64", 27)],
        },
        Network {
            name: "cloud".to_owned(),
            kind: NetworkKind::Cloud,
            prefixes: vec![prefix("2001:db8::", 32)],
        },
        Network {
            name: "partner".to_owned(),
            kind: NetworkKind::ThirdParty,
            prefixes: vec![prefix("192.0.2.1", 32)],
        },
        Network {
            name: "anything".to_owned(),
            kind: NetworkKind::Other,
            prefixes: vec![prefix("192.0.2.0", 24)],
        },
    ]
}

fn rules() -> Vec<TriageRule> {
    let rule = |name: &str, priority| TriageRule {
        name: name.to_owned(),
        priority,
        rationale: format!("why {name}"),
        outcomes: Vec::new(),
        roles: Vec::new(),
        verdicts: Vec::new(),
        max_tier: None,
        min_criticality: None,
        min_finding_severity: None,
        findings: Vec::new(),
        kinds: Vec::new(),
        deviations: Vec::new(),
        environments: Vec::new(),
        lifecycle_states: Vec::new(),
    };
    vec![
        TriageRule {
            outcomes: vec![OutcomeKind::Matched, OutcomeKind::Retired],
            roles: vec![Role::Actor, Role::Effective],
            verdicts: vec![Verdict::Unexpected],
            max_tier: Some(1),
            min_criticality: Some(Criticality::Medium),
            min_finding_severity: Some(Severity::High),
            findings: texts(&["overprivileged", "long_lived_secret"]),
            kinds: vec![Kind::CiJob, Kind::IamRole],
            deviations: vec![Dimension::Network, Dimension::Resource],
            environments: vec![Environment::Production],
            lifecycle_states: vec![LifecycleState::Active, LifecycleState::Dormant],
            ..rule("privileged-and-unexpected", Priority::Critical)
        },
        TriageRule {
            outcomes: vec![OutcomeKind::NotFound, OutcomeKind::Ambiguous],
            ..rule("unknown-identity", Priority::Medium)
        },
        rule("anything-else", Priority::Info),
    ]
}

/// The principal id of identity `n` of [`many`].
pub(crate) fn many_principal(n: usize) -> String {
    let mut rest = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 << 63;
    let mut id = "AROA".to_owned();
    for _ in 0..12 {
        id.push(char::from(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(rest & 31) as usize],
        ));
        rest >>= 5;
    }
    // The multiplier is odd, so 64 bits tell all apart; 60 of them would too, with this suffix.
    format!("{id}{n:06}")
}

/// The path of role `n` of [`many`].
pub(crate) fn many_path(n: usize) -> String {
    format!("team-{:03}/service-{n:06}", n % 200)
}

/// `count` roles besides those of [`full`]: two keys each, owners 1:200, two credentials each fifth.
pub(crate) fn many(count: usize) -> Inventory {
    let mut inventory = full();
    inventory.meta.id = format!("many-{count}");
    inventory.identities.reserve(count);
    let mut by_team: Vec<Identity> = Vec::new();
    for team in 0..200 {
        let mut template = role(ACCOUNT, "x", "AROA");
        template.owner = Some(Owner {
            entity: entity(
                &format!("group:default/team-{team:03}"),
                &format!("Team {team}"),
                &format!("#team-{team:03}"),
            ),
            source: "backstage".to_owned(),
            as_of_ms: Some(CREATED_MS),
            status: OwnerStatus::Active,
        });
        template.environment = vec![if team % 3 == 0 {
            Environment::Production
        } else {
            Environment::Development
        }];
        template.criticality = Some(Criticality::Medium);
        template.privilege = Some(Privilege {
            tier: (team % 4) as u8,
            level: PrivilegeLevel::Write,
            basis: texts(&["service-policy"]),
        });
        template.behavior = vec![
            expect(Dimension::Network, &["ci-egress"]),
            expect(Dimension::Region, &["eu-west-1"]),
        ];
        template.response.response_owner = text("group:default/cloud-iam");
        template.provenance = vec![Provenance {
            field: "owner".into(),
            source: "backstage".into(),
            observed_ms: Some(CREATED_MS),
        }];
        by_team.push(template);
    }
    for n in 0..count {
        let (path, principal) = (many_path(n), many_principal(n));
        let mut identity = by_team[n % 200].clone();
        identity.uid = format!("aws:{ACCOUNT}:role/{path}");
        identity.name = format!("service-{n:06}");
        identity.aliases = vec![
            alias(
                KeyType::AwsArn,
                &format!("arn:aws:iam::{ACCOUNT}:role/{path}"),
            ),
            alias(KeyType::AwsPrincipalId, &principal),
        ];
        identity.created = Time::At(CREATED_MS - 1000 * (n as i64 % 100_000) * 60);
        identity.last_seen = Time::At(CREATED_MS - 1000 * (n as i64 % 1000));
        if n.is_multiple_of(5) {
            for number in 0..2 {
                identity.credentials.push(Credential {
                    uid: format!("AKIA{n:015}{number}"),
                    credential_type: "access_key".to_owned(),
                    created: Time::At(CREATED_MS - DAY_MS * 30),
                    last_rotated: Time::At(CREATED_MS - DAY_MS * 30),
                    expires: Time::Never,
                    last_used: Time::At(CREATED_MS - DAY_MS),
                    status: CredentialStatus::Active,
                    secret_source: None,
                    max_age_days: Some(90),
                });
            }
        }
        inventory.identities.push(identity);
    }
    inventory
}
