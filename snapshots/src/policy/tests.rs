//! Tests of the policy: what is read, what is refused and how.

use enrich_core::vocabulary::{Dimension, Priority};

use super::*;

fn parse(text: &str) -> Result<Policy, ConfigError> {
    Policy::parse("policy.toml", &format!("version = 1\n{text}"))
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_built_in_policy_is_a_policy() {
    let policy = Policy::built_in().unwrap();
    assert_eq!(
        policy
            .triage
            .first()
            .map(|rule| (rule.name.as_str(), rule.priority)),
        Some(("privileged-and-unexpected", Priority::Critical))
    );
    assert!(policy.triage.iter().all(|rule| rule.rationale.len() > 20));
    assert_eq!(
        (
            policy.thresholds.credential_max_age_days,
            policy.thresholds.overprivileged_max_tier
        ),
        (90, 0)
    );
}

#[test]
fn own_rules_stand_before_the_default_ones() {
    let policy = parse(
        "extends = \"default\"\n[thresholds]\ndormant_after_days = 30\n[[triage]]\nname = \"unexpected\"\npriority = \"info\"\nrationale = \"we know\"\nwhen = { verdicts = [\"unexpected\"] }\n",
    )
    .unwrap();
    assert_eq!(
        policy
            .triage
            .iter()
            .filter(|rule| rule.name == "unexpected")
            .map(|rule| rule.priority)
            .collect::<Vec<_>>(),
        [Priority::Info]
    );
    assert_eq!(policy.triage[0].name, "unexpected");
    assert_eq!(
        (
            policy.thresholds.dormant_after_days,
            policy.thresholds.credential_max_age_days
        ),
        (30, 90)
    );
}

#[test]
fn baselines_keep_the_order_of_the_file() {
    let policy = parse("[behavior.zeta]\nregions = [\"eu-west-1\"]\n[behavior.alpha]\nregions = \"us-east-1\"\nhours = \"always\"\n").unwrap();
    assert_eq!(
        policy
            .behavior
            .iter()
            .map(|baseline| baseline.name.as_str())
            .collect::<Vec<_>>(),
        ["zeta", "alpha"]
    );
    assert_eq!(
        policy.behavior[1]
            .expectations
            .iter()
            .map(|stated| stated.dimension)
            .collect::<Vec<_>>(),
        [Dimension::Region, Dimension::Hours]
    );
}

#[test]
fn prefixes_lose_their_host_bits() {
    let policy = parse("[networks.ci]\nkind = \"egress\"\ncidrs = [\"198.51.100.77/26\", \"2001:db8:10::1/48\", \"203.0.113.9\"]\n[behavior.a]\nnetworks = [\"ci\", \"10.1.2.3/8\"]\n").unwrap();
    let shown: Vec<String> = policy.networks[0]
        .prefixes
        .iter()
        .map(|(address, len)| format!("{address}/{len}"))
        .collect();
    assert_eq!(
        shown,
        ["198.51.100.64/26", "203.0.113.9/32", "2001:db8:10::/48"]
    );
    assert_eq!(
        (
            policy.networks[1].name.as_str(),
            policy.networks[1].prefixes[0].0.to_string().as_str()
        ),
        ("10.1.2.3/8", "10.0.0.0")
    );
}

#[test]
fn refusals_name_the_line_and_the_word_that_was_meant() {
    for (text, line, meant) in [
        (
            "[thresholds]\ncredential_max_age_day = 9\n",
            "line 3",
            "did you mean \"credential_max_age_days\"",
        ),
        (
            "[[classify]]\nmatch = { provder = \"aws\" }\nset = {}\n",
            "line 3",
            "did you mean \"provider\"",
        ),
        (
            "[[classify]]\nset = { criticallity = \"high\" }\n",
            "line 3",
            "did you mean \"criticality\"",
        ),
        (
            "[[classify]]\nset = { criticality = \"hihg\" }\n",
            "line 3",
            "did you mean \"high\"",
        ),
        (
            "[[classify]]\nmatch = { kind = \"cijob\" }\nset = {}\n",
            "line 3",
            "did you mean \"ci_job\"",
        ),
        (
            "[networks.ci-egress]\nkind = \"egress\"\ncidrs = []\n[behavior.a]\nnetworks = [\"ci-egres\"]\n",
            "line 6",
            "did you mean \"ci-egress\"",
        ),
        (
            "[[triage]]\nname = \"a\"\npriority = \"urgent\"\nrationale = \"\"\n",
            "line 4",
            "the words are info, low, medium, high, critical",
        ),
        (
            "[[triage]]\nname = \"a\"\npriority = \"high\"\nrationale = \"\"\nwhen = { findings = [\"orphan\"] }\n",
            "line 6",
            "did you mean \"orphaned\"",
        ),
        (
            "[networks.a]\nkind = \"egress\"\ncidrs = [\"10.0.0.0/33\"]\n",
            "line 4",
            "no address prefix",
        ),
        (
            "[behavior.a]\nhours = \"mon-fri 6-20\"\n",
            "line 3",
            "on the hour",
        ),
        (
            "[behavior.empty]\nmatch = { name = \"x\" }\n",
            "line 2",
            "states no dimension",
        ),
        ("[[classify]]\nset = { tier = 4 }\n", "", "tiers are 0"),
        (
            "extends = \"defaults\"\n",
            "line 2",
            "did you mean \"default\"",
        ),
        (
            "[[exception]]\nfinding = \"stale\"\nuntil = \"soon\"\nreason = \"x\"\n",
            "line 4",
            "no date",
        ),
        (
            "[[classify]]\nmatch = { alias = \"aws_arm:*\" }\nset = {}\n",
            "line 3",
            "no key type",
        ),
        ("version = 2\n", "", "duplicate key"),
    ] {
        let refusal = refusal(text);
        assert!(
            refusal.contains(line) && refusal.contains(meant),
            "{text}\n→ {refusal}"
        );
    }
    assert!(
        Policy::parse("p", "version = 2\n")
            .unwrap_err()
            .to_string()
            .contains("version 2 is not known")
    );
}

#[test]
fn owners_are_written_out() {
    for (text, expected) in [
        ("payments", "group:default/payments"),
        ("Shared Services", "group:default/shared-services"),
        ("group:default/payments", "group:default/payments"),
        ("user:a.ortiz", "user:default/a.ortiz"),
        ("jane@example.com", "user:default/jane@example.com"),
        ("team-a/payments", "group:team-a/payments"),
        ("vendor:acme", "vendor:default/acme"),
        ("é", "group:default/é"),
    ] {
        assert_eq!(owner_reference(text), expected);
    }
    // What is a secret stays recognisable as one.
    let token = format!("SK{}", "0123456789abcdef".repeat(2));
    assert_eq!(owner_reference(&token), token);
}

#[test]
fn lint_limits_are_read_and_checked() {
    use crate::lint::{Aspect, Group, Limit};
    use enrich_core::vocabulary::Provider;
    let read = |lint: &str| Policy::parse("policy.toml", &format!("version = 1\n[lint]\n{lint}"));
    let limits =
        read("owner = 95\n[lint.kind.ai_agent]\nsponsor = 100\n[lint.provider.aws]\nrotation = 80")
            .unwrap()
            .lint;
    assert_eq!(
        limits,
        [
            Limit::new(Group::All, Aspect::Owner, 95),
            Limit::new(Group::Kind(Kind::AiAgent), Aspect::Sponsor, 100),
            Limit::new(Group::Provider(Provider::Aws), Aspect::Rotation, 80),
        ]
    );
    let message = |lint: &str| read(lint).unwrap_err().to_string();
    assert!(message("ownr = 1").contains("did you mean \"owner\""));
    assert!(message("owner = 101").contains("0 to 100 percent"));
    let text = message("[lint.kind.robot]\nowner = 1");
    assert!(
        text.contains("line 3") && text.contains("no kind"),
        "{text}"
    );
    assert!(message("[lint.provider.acme]\nowner = 1").contains("no provider"));
}
