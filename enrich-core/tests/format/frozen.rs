//! Codes, times, hashes and rules that may not change within major 1.

use super::*;

/// Rows may not change within major 1: their lengths stand here once more.
#[test]
fn row_lengths_are_frozen() {
    let lengths: [u32; SECTIONS as usize] = [
        32, 1, 4, 64, 20, 12, 16, 8, 32, 24, 12, 12, 32, 8, 16, 24, 16, 24, 12, 32, 64, 24, 12, 12,
        16, 28, 8, 12, 36, 56, 8, 8,
    ];
    let bytes = golden();
    for entry in open(&bytes).unwrap().sections() {
        assert_eq!(
            entry.row_len, lengths[entry.id as usize],
            "section {}",
            entry.id
        );
    }
}

/// Times are kept to the second, in four states.
#[test]
fn time_codes_are_frozen() {
    assert_eq!(
        [time_code::UNKNOWN, time_code::NOT_TRACKED, time_code::NEVER],
        [0, 1, 2]
    );
    assert_eq!(
        [time_code::FIRST_NEVER_SINCE, time_code::FIRST_SECOND],
        [16, 65_536]
    );
    let cases = [
        (Time::Unknown, 0, TimeFact::Unknown),
        (Time::NotTracked, 1, TimeFact::NotTracked),
        (Time::Never, 2, TimeFact::Never),
        (Time::At(65_536_000), 65_536, TimeFact::At(65_536_000)),
        // The day on which the states would stand for seconds.
        (Time::At(65_535_999), 0, TimeFact::Unknown),
        (Time::At(-1), 0, TimeFact::Unknown),
        (
            Time::At(CREATED_MS + 999),
            1_773_986_400,
            TimeFact::At(CREATED_MS),
        ),
        (
            Time::At(4_294_967_295_000),
            u32::MAX,
            TimeFact::At(4_294_967_295_000),
        ),
        (
            Time::At(i64::MAX),
            u32::MAX,
            TimeFact::At(4_294_967_295_000),
        ),
        // The first start of "never since" in the order of the identities.
        (Time::NeverSince(-5), 16, TimeFact::NeverSince(-5)),
        (
            Time::NeverSince(CREATED_MS + 1),
            17,
            TimeFact::NeverSince(CREATED_MS + 1),
        ),
        (Time::NeverSince(-5), 16, TimeFact::NeverSince(-5)),
    ];
    let identities = cases
        .iter()
        .enumerate()
        .map(|(number, (time, ..))| Identity {
            last_seen: *time,
            ..Identity::new(
                &format!("other:x:{number:02}"),
                "x",
                Kind::Bot,
                Provider::Other,
                "x",
            )
        });
    let bytes = build(&Inventory {
        identities: identities.collect(),
        ..Inventory::default()
    });
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.verify(), Ok(()));
    let (rows, row_len) = rows_of(&bytes, section::IDENTITIES);
    for ((identity, (time, code, expected)), row) in
        snapshot.identities().zip(cases).zip(rows.step_by(row_len))
    {
        assert_eq!(identity.last_seen(), expected, "{time:?}");
        assert_eq!(u32_at(&bytes, row + 20), code, "{time:?}");
    }
}

/// An index of another hash is unreadable, so these values stay as long as major 1 does.
#[test]
fn hash_values_are_frozen() {
    for (seed, key_type, domain, value, expected) in [
        (0, 1, "", "", 0xC53B_C7E3_CB8C_DBEB_u64),
        (
            7,
            1,
            "",
            "arn:aws:iam::123456789012:role/ci/deployer",
            0x1062_888E_F60A_1CE4,
        ),
        (
            7,
            30,
            "prod-eu",
            "system:serviceaccount:payments:api",
            0x477A_D0B3_A7F1_8D36,
        ),
        (
            u64::MAX,
            255,
            "exactly sixteen.",
            "exactly eight 8.",
            0xC972_1C29_8006_F11D,
        ),
        (1, 2, "é", "AROA4EXAMPLE4EXAMPLE4", 0xB785_7C0E_4005_51BB),
    ] {
        let hash = key_hash(seed, key_type, domain.as_bytes(), value.as_bytes());
        assert_eq!(hash, expected, "{seed} {key_type} {domain:?} {value:?}");
    }
}

#[test]
fn vocabulary_codes_are_frozen() {
    macro_rules! frozen {
        ($( $name:ident [ $( $code:literal $text:literal ),+ $(,)? ] )+) => {
            $(
                let expected: &[(u8, &str)] = &[ $( ($code, $text) ),+ ];
                let actual: Vec<(u8, &str)> = $name::ALL.iter().map(|word| (word.code(), word.as_str())).collect();
                assert_eq!(actual, expected, stringify!($name));
                for word in $name::ALL {
                    assert_eq!($name::from_code(word.code()), Some(*word));
                    assert_eq!($name::parse(word.as_str()), Some(*word));
                    assert_eq!(word.to_string(), word.as_str());
                }
                let known = (0..=u8::MAX).filter(|code| $name::from_code(*code).is_some()).count();
                assert_eq!(known, expected.len(), stringify!($name));
                assert_eq!($name::parse("no such word"), None);
            )+
        };
    }
    frozen! {
        Kind [0 "unknown", 1 "service_account", 2 "iam_user", 3 "iam_role", 4 "service_principal", 5 "managed_identity", 6 "oauth_client",
            7 "workload", 8 "ci_job", 9 "bot", 10 "ai_agent", 11 "device", 12 "human"]
        Provider [1 "aws", 2 "k8s", 3 "gcp", 4 "entra", 5 "github", 6 "okta", 7 "vault", 8 "spiffe", 9 "oidc", 10 "other"]
        Role [1 "actor", 2 "effective", 3 "delegator", 4 "via", 5 "target"]
        OutcomeKind [1 "matched", 2 "not_found", 3 "not_found_at_time", 4 "retired", 5 "ambiguous", 6 "out_of_scope"]
        Format [0 "unknown", 1 "aws_cloudtrail", 2 "gcp_audit", 3 "entra_signin", 4 "entra_audit", 5 "msgraph_activity", 6 "azure_activity",
            7 "azure_keyvault", 8 "o365_ual", 9 "k8s_audit", 10 "github_audit", 11 "okta_system_log", 12 "ocsf", 13 "ecs", 14 "mapped"]
        Environment [1 "production", 2 "staging", 3 "test", 4 "development", 5 "other"]
        Criticality [1 "low", 2 "medium", 3 "high", 4 "critical"]
        PrivilegeLevel [1 "none", 2 "read", 3 "write", 4 "admin"]
        LifecycleState [1 "active", 2 "disabled", 3 "dormant", 4 "deprovisioned"]
        OwnerStatus [0 "unknown", 1 "active", 2 "departed"]
        CredentialStatus [0 "unknown", 1 "active", 2 "inactive", 3 "expired", 4 "revoked"]
        Dimension [1 "network", 2 "region", 3 "action", 4 "user_agent", 5 "hours", 6 "workload", 7 "resource"]
        Basis [1 "declared", 2 "observed"]
        Verdict [1 "expected", 2 "unexpected", 3 "no_baseline"]
        Severity [1 "info", 2 "low", 3 "medium", 4 "high", 5 "critical"]
        Priority [1 "info", 2 "low", 3 "medium", 4 "high", 5 "critical"]
        NetworkKind [0 "other", 1 "egress", 2 "office", 3 "cloud", 4 "third_party"]
        LayerKind [1 "shard", 2 "overlay"]
        Integrity [1 "verified", 2 "by_host", 3 "unverified"]
        KeyType [0 "uid", 1 "aws_arn", 2 "aws_principal_id", 3 "aws_access_key_id", 4 "aws_service", 5 "aws_account",
            6 "aws_identity_store_user_id", 10 "gcp_email",
            11 "gcp_unique_id", 12 "gcp_principal", 13 "gcp_key_id", 14 "gcp_oauth_client_id", 20 "entra_object_id", 21 "entra_app_id",
            22 "entra_key_id", 23 "entra_upn", 24 "email", 30 "k8s_user", 31 "k8s_uid", 40 "github_login", 41 "github_app",
            42 "github_actor_id", 43 "github_token_id", 44 "github_token_hash", 45 "github_oauth_app_id", 50 "okta_id", 51 "okta_client_id",
            52 "okta_token_id", 53 "okta_login", 60 "vault_entity_id", 61 "vault_accessor", 70 "spiffe_id", 71 "oidc_subject",
            80 "gen_ai_agent_id", 81 "scim_id"]
    }
}

/// Which key types need a domain, how each is folded, and which are given once only.
#[test]
fn key_rules_are_frozen() {
    use enrich_core::{DomainRule, Fold};
    for key_type in KeyType::ALL {
        let name = key_type.as_str();
        let domain = match name {
            "k8s_user" | "k8s_uid" | "oidc_subject" => DomainRule::Required,
            "aws_identity_store_user_id" | "gen_ai_agent_id" | "scim_id" => DomainRule::Required,
            name if name.starts_with("okta_") || name.starts_with("vault_") => DomainRule::Required,
            name if name.starts_with("github_") => DomainRule::Default("github.com"),
            _ => DomainRule::Global,
        };
        assert_eq!(key_type.domain_rule(), domain, "{name}");
        let fold = match name {
            "aws_service" | "gcp_email" | "email" | "github_login" | "github_app"
            | "okta_login" => Fold::Lower,
            name if name.starts_with("entra_") => Fold::Lower,
            "spiffe_id" => Fold::TrustDomain,
            _ => Fold::None,
        };
        assert_eq!(key_type.fold(), fold, "{name}");
        let once = [
            "aws_principal_id",
            "gcp_unique_id",
            "entra_object_id",
            "k8s_uid",
            "github_actor_id",
            "okta_id",
            "vault_entity_id",
            "aws_identity_store_user_id",
            "scim_id",
        ];
        assert_eq!(key_type.is_unique_id(), once.contains(&name), "{name}");
    }
}
