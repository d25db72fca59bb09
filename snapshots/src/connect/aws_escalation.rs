//! Permissions that are harmless apart and together give those of another role: `iam:PassRole` with
//! something that runs as the passed role, and the like. They may stand in different policies of one
//! identity, so each policy is reduced to the few actions that matter, and these are united.
//!
//! The list is Rhino Security Labs' of 2018 with the services that were found since.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use enrich_core::vocabulary::PrivilegeLevel;

use super::aws_policy::Document;
use crate::record::Grant;
use crate::text::glob;

/// What has to come together.
struct Rule {
    name: &'static str,
    /// The service that the role is passed to; `None` = no role is passed.
    passed_to: Option<&'static str>,
    /// One action of each group, in lower case.
    needs: &'static [&'static [&'static str]],
}

const fn passing(
    name: &'static str,
    service: &'static str,
    needs: &'static [&'static [&'static str]],
) -> Rule {
    Rule {
        name,
        passed_to: Some(service),
        needs,
    }
}

const RULES: &[Rule] = &[
    passing(
        "iam:PassRole + apprunner:CreateService",
        "tasks.apprunner.amazonaws.com",
        &[&["apprunner:createservice"]],
    ),
    passing(
        "iam:PassRole + autoscaling:CreateLaunchConfiguration",
        "ec2.amazonaws.com",
        &[
            &["autoscaling:createlaunchconfiguration"],
            &[
                "autoscaling:createautoscalinggroup",
                "autoscaling:updateautoscalinggroup",
            ],
        ],
    ),
    passing(
        "iam:PassRole + batch:SubmitJob",
        "ecs-tasks.amazonaws.com",
        &[&["batch:registerjobdefinition"], &["batch:submitjob"]],
    ),
    passing(
        "iam:PassRole + bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore.amazonaws.com",
        &[
            &["bedrock-agentcore:createcodeinterpreter"],
            &["bedrock-agentcore:invokecodeinterpreter"],
        ],
    ),
    passing(
        "iam:PassRole + cloudformation:CreateStack",
        "cloudformation.amazonaws.com",
        &[&[
            "cloudformation:createstack",
            "cloudformation:createstackset",
            "cloudformation:createchangeset",
            "cloudformation:updatestack",
        ]],
    ),
    passing(
        "iam:PassRole + codebuild:CreateProject",
        "codebuild.amazonaws.com",
        &[
            &["codebuild:createproject", "codebuild:updateproject"],
            &["codebuild:startbuild", "codebuild:startbuildbatch"],
        ],
    ),
    passing(
        "iam:PassRole + datapipeline:CreatePipeline",
        "datapipeline.amazonaws.com",
        &[
            &["datapipeline:createpipeline"],
            &["datapipeline:putpipelinedefinition"],
        ],
    ),
    passing(
        "iam:PassRole + ec2:AssociateIamInstanceProfile",
        "ec2.amazonaws.com",
        &[&[
            "ec2:associateiaminstanceprofile",
            "ec2:replaceiaminstanceprofileassociation",
        ]],
    ),
    passing(
        "iam:PassRole + ec2:RequestSpotInstances",
        "ec2.amazonaws.com",
        &[&["ec2:requestspotinstances", "ec2:requestspotfleet"]],
    ),
    passing(
        "iam:PassRole + ec2:RunInstances",
        "ec2.amazonaws.com",
        &[&["ec2:runinstances"]],
    ),
    passing(
        "iam:PassRole + ecs:RunTask",
        "ecs-tasks.amazonaws.com",
        &[
            &["ecs:registertaskdefinition"],
            &[
                "ecs:runtask",
                "ecs:starttask",
                "ecs:createservice",
                "ecs:updateservice",
            ],
        ],
    ),
    passing(
        "iam:PassRole + elasticmapreduce:RunJobFlow",
        "elasticmapreduce.amazonaws.com",
        &[&["elasticmapreduce:runjobflow"]],
    ),
    passing(
        "iam:PassRole + glue:CreateDevEndpoint",
        "glue.amazonaws.com",
        &[&["glue:createdevendpoint"]],
    ),
    passing(
        "iam:PassRole + glue:CreateJob",
        "glue.amazonaws.com",
        &[
            &["glue:createjob", "glue:updatejob"],
            &["glue:startjobrun", "glue:createtrigger"],
        ],
    ),
    passing(
        "iam:PassRole + lambda:CreateFunction",
        "lambda.amazonaws.com",
        &[
            &["lambda:createfunction"],
            &[
                "lambda:invokefunction",
                "lambda:createeventsourcemapping",
                "lambda:addpermission",
                "lambda:createfunctionurlconfig",
            ],
        ],
    ),
    passing(
        "iam:PassRole + sagemaker:CreateNotebookInstance",
        "sagemaker.amazonaws.com",
        &[
            &["sagemaker:createnotebookinstance"],
            &["sagemaker:createpresignednotebookinstanceurl"],
        ],
    ),
    passing(
        "iam:PassRole + sagemaker:CreateTrainingJob",
        "sagemaker.amazonaws.com",
        &[&[
            "sagemaker:createtrainingjob",
            "sagemaker:createprocessingjob",
        ]],
    ),
    passing(
        "iam:PassRole + ssm:StartAutomationExecution",
        "ssm.amazonaws.com",
        &[&["ssm:startautomationexecution"]],
    ),
    passing(
        "iam:PassRole + states:CreateStateMachine",
        "states.amazonaws.com",
        &[
            &["states:createstatemachine", "states:updatestatemachine"],
            &["states:startexecution"],
        ],
    ),
    Rule {
        name: "codestar:CreateProject + codestar:AssociateTeamMember",
        passed_to: None,
        needs: &[
            &["codestar:createproject"],
            &["codestar:associateteammember"],
        ],
    },
    Rule {
        name: "ec2:ModifyInstanceAttribute + ec2:StartInstances",
        passed_to: None,
        needs: &[
            &["ec2:modifyinstanceattribute"],
            &["ec2:stopinstances"],
            &["ec2:startinstances"],
        ],
    },
    Rule {
        name: "eks:CreateAccessEntry + eks:AssociateAccessPolicy",
        passed_to: None,
        needs: &[&["eks:createaccessentry"], &["eks:associateaccesspolicy"]],
    },
];

const PASS_ROLE: &str = "iam:passrole";

/// The actions that any rule needs, in order; their places are the bits of [`Powers`].
static ACTIONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let needed = RULES
        .iter()
        .flat_map(|rule| rule.needs.iter().copied().flatten());
    let actions: BTreeSet<&str> = needed.copied().chain([PASS_ROLE]).collect();
    actions.into_iter().collect()
});

/// The bit of an action of the table.
fn bit(action: &str) -> u128 {
    ACTIONS
        .binary_search(&action)
        .map_or(0, |place| 1_u128 << place)
}

/// The bits of all actions that a pattern holds.
fn bits(pattern: &str) -> u128 {
    let pattern = pattern.to_ascii_lowercase();
    if !pattern.contains(['*', '?']) {
        return bit(&pattern);
    }
    let held = ACTIONS.iter().filter(|action| glob(&pattern, action));
    held.fold(0, |bits, action| bits | bit(action))
}

/// Which of the actions a policy allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Powers {
    /// On some resource.
    some: u128,
    /// On every one of its kind.
    wide: u128,
    /// Taken away, without a condition and for every resource.
    denied: u128,
    /// Services that a role may be passed to; empty when it may not be passed.
    passed_to: BTreeSet<String>,
}

impl Powers {
    /// What a document allows of the actions that matter here.
    pub(super) fn of(document: &Document) -> Self {
        let mut powers = Self::default();
        for statement in document.allowed() {
            let bits = statement_bits(&statement.action.0, &statement.not_action.0);
            powers.some |= bits;
            if statement.is_everywhere() {
                powers.wide |= bits;
            }
            if bits & bit(PASS_ROLE) != 0 {
                let services = statement.condition_values("iam:PassedToService");
                if services.is_empty() {
                    powers.passed_to.insert("*".to_owned());
                }
                powers.passed_to.extend(services);
            }
        }
        for statement in document.denials() {
            powers.denied |= statement_bits(&statement.action.0, &statement.not_action.0);
        }
        powers
    }

    /// Whether there is nothing in it that could matter.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: &Self) {
        self.some |= other.some;
        self.wide |= other.wide;
        self.denied |= other.denied;
        self.passed_to.extend(other.passed_to.iter().cloned());
    }
}

fn statement_bits(actions: &[String], not_actions: &[String]) -> u128 {
    let union = |list: &[String]| list.iter().fold(0, |all, pattern| all | bits(pattern));
    if not_actions.is_empty() {
        union(actions)
    } else {
        let every = ACTIONS.iter().fold(0, |all, action| all | bit(action));
        every & !union(not_actions)
    }
}

/// The rules that the policies of one identity fulfil together, each with the names of those that
/// contribute to it.
pub(super) fn grants(policies: &[(&str, &Powers)]) -> Vec<Grant> {
    let mut all = Powers::default();
    for (_, powers) in policies {
        all.add(powers);
    }
    let (some, wide) = (all.some & !all.denied, all.wide & !all.denied);
    let mut out = Vec::new();
    for rule in RULES {
        let groups = rule
            .needs
            .iter()
            .map(|group| group.iter().fold(0, |bits, action| bits | bit(action)));
        let passes = rule.passed_to.map(|service| {
            (some & bit(PASS_ROLE) != 0)
                && all.passed_to.iter().any(|pattern| glob(pattern, service))
        });
        let has = if rule.passed_to.is_some() { some } else { wide };
        if passes == Some(false) || !groups.clone().all(|group| has & group != 0) {
            continue;
        }
        let pass = if passes.is_some() { bit(PASS_ROLE) } else { 0 };
        let needed = groups.fold(pass, |bits, group| bits | group);
        // Whoever passes any role passes the strongest; a named role is one step away.
        let (level, tier) = if wide & pass != 0 {
            (PrivilegeLevel::Admin, 0)
        } else {
            (PrivilegeLevel::Write, 1)
        };
        let names: BTreeSet<&str> = policies
            .iter()
            .filter(|(_, powers)| powers.some & needed != 0)
            .map(|(name, _)| *name)
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        out.push(Grant::new(&names.join(" + "), level, tier).by(Some(rule.name)));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn allow(action: Value, resource: &str) -> Powers {
        Powers::of(&Document::from_value(
            &json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}}),
        ))
    }

    fn fired(policies: &[(&str, &Powers)]) -> Vec<(u8, String)> {
        grants(policies)
            .iter()
            .map(|grant| (grant.tier, grant.basis()))
            .collect()
    }

    #[test]
    fn every_action_has_a_bit() {
        assert!(ACTIONS.len() <= 128, "{}", ACTIONS.len());
        assert!(
            ACTIONS
                .iter()
                .all(|action| action.chars().all(|c| !c.is_ascii_uppercase()))
        );
    }

    #[test]
    fn what_stands_in_two_policies_comes_together() {
        let pass = allow(json!("iam:PassRole"), "*");
        let run = allow(json!(["ec2:Run*", "lambda:CreateFunction"]), "*");
        assert!(fired(&[("pass", &pass)]).is_empty());
        assert!(fired(&[("run", &run)]).is_empty());
        // A function that nothing can start is none.
        assert_eq!(
            fired(&[("run", &run), ("pass", &pass)]),
            [(0, "pass + run: iam:PassRole + ec2:RunInstances".to_owned())]
        );
        let invoke = allow(json!("lambda:InvokeFunction"), "*");
        assert!(
            fired(&[("run", &run), ("pass", &pass), ("invoke", &invoke)]).contains(&(
                0,
                "invoke + pass + run: iam:PassRole + lambda:CreateFunction".to_owned()
            ))
        );
    }

    #[test]
    fn a_named_role_is_one_step_away() {
        let one = allow(
            json!(["iam:PassRole", "ec2:RunInstances"]),
            "arn:aws:iam::1:role/one",
        );
        assert_eq!(
            fired(&[("p", &one)]),
            [(1, "p: iam:PassRole + ec2:RunInstances".to_owned())]
        );
    }

    #[test]
    fn the_service_that_a_role_is_passed_to_counts() {
        let to = |service: &str| {
            Powers::of(&Document::from_value(&json!({"Statement": [
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": service}}},
                {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}]})))
        };
        assert!(fired(&[("p", &to("lambda.amazonaws.com"))]).is_empty());
        assert_eq!(fired(&[("p", &to("ec2.amazonaws.com"))]).len(), 1);
        assert_eq!(fired(&[("p", &to("*.amazonaws.com"))]).len(), 1);
    }

    #[test]
    fn denials_reach_over_policies() {
        let both = allow(json!(["iam:PassRole", "ec2:RunInstances"]), "*");
        let deny = Powers::of(&Document::from_value(
            &json!({"Statement": {"Effect": "Deny", "Action": "iam:Pass*", "Resource": "*"}}),
        ));
        assert!(fired(&[("p", &both), ("d", &deny)]).is_empty());
        assert!(!deny.is_empty() && Powers::of(&Document::default()).is_empty());
    }

    #[test]
    fn access_without_a_passed_role_has_to_be_wide() {
        let actions = json!(["eks:CreateAccessEntry", "eks:AssociateAccessPolicy"]);
        assert_eq!(fired(&[("p", &allow(actions.clone(), "*"))])[0].0, 1);
        assert!(
            fired(&[(
                "p",
                &allow(actions, "arn:aws:eks:eu-central-1:1:cluster/one")
            )])
            .is_empty()
        );
    }
}
