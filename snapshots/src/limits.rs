//! What may enter a snapshot: lengths, control characters, and no secrets.
//!
//! Names, purposes and tags are written by whoever may edit them in the source system, so they are
//! treated as hostile. One pass over the finished identity covers every text, whichever connector
//! or policy it came from.

use std::sync::Arc;

use crate::model::{Alias, EntityRef, EscalationPolicy, Identity, Scope, TriageRule};
use crate::secrets::{marked_shape, shape};
use crate::text::is_format;

/// Longest name, in bytes.
pub const NAME: usize = 256;
/// Longest purpose or evidence, in bytes.
pub const SENTENCE: usize = 512;
/// Longest reference (uid, URL, pattern, workload), in bytes.
pub const REFERENCE: usize = 1024;
/// Most entries of a list.
pub const LIST: usize = 64;
/// Most credentials of one identity.
pub const CREDENTIALS: usize = 64;
/// Most aliases of one identity.
pub const ALIASES: usize = 256;

/// What was taken out or cut, for the summary of a build. Never holds the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cleaned {
    /// Values that were shaped as secrets and left out.
    pub secrets: usize,
    /// Values that were cut at their limit.
    pub shortened: usize,
    /// Values in which control characters were replaced, and keys that are left out for them.
    pub control: usize,
    /// List entries beyond the limit.
    pub entries: usize,
}

/// Cleans every text of an identity in place. `false` when its uid itself is shaped as a secret or holds
/// control characters; such an identity can't be kept.
pub fn clean(identity: &mut Identity, cleaned: &mut Cleaned) -> bool {
    if !clean_keys(identity, cleaned) {
        return false;
    }
    cleaned.text(&mut identity.name, NAME);
    cleaned.text(&mut identity.sub_type, NAME);
    cleaned.text(&mut identity.domain, NAME);
    cleaned.option(&mut identity.purpose, SENTENCE);
    if let Some(agent) = &mut identity.agent {
        cleaned.text(&mut agent.framework, NAME);
        cleaned.text(&mut agent.parent, REFERENCE);
    }
    if let Some(owner) = &mut identity.owner {
        cleaned.entity(&mut owner.entity);
        cleaned.text(&mut owner.source, NAME);
    }
    if let Some(sponsor) = &mut identity.sponsor {
        cleaned.entity(sponsor);
    }
    // Nobody is left where the reference was a secret.
    let is_left = |entity: &EntityRef| !entity.reference.is_empty();
    identity.owner = identity.owner.take().filter(|owner| is_left(&owner.entity));
    identity.sponsor = identity.sponsor.take().filter(is_left);
    cleaned.option(&mut identity.service, NAME);
    cleaned.option(&mut identity.vendor, NAME);
    for list in [
        &mut identity.secondary_owners,
        &mut identity.workloads,
        &mut identity.lineage.assumable_by,
        &mut identity.lineage.can_assume,
        &mut identity.lineage.on_behalf_of,
    ] {
        cleaned.list(list);
    }
    cleaned.option(&mut identity.lineage.created_by, REFERENCE);
    if let Some(privilege) = &mut identity.privilege {
        cleaned.list(&mut privilege.basis);
    }
    if let Some(radius) = &mut identity.blast_radius {
        cleaned.list(&mut radius.teams);
    }
    cleaned.truncate(&mut identity.credentials, CREDENTIALS);
    for credential in &mut identity.credentials {
        cleaned.text(&mut credential.uid, NAME);
        cleaned.text(&mut credential.credential_type, NAME);
        cleaned.option(&mut credential.secret_source, REFERENCE);
    }
    identity
        .credentials
        .retain(|credential| !credential.uid.is_empty());
    for expectation in &mut identity.behavior {
        cleaned.list(&mut expectation.allowed);
    }
    cleaned.truncate(&mut identity.response.revocation, LIST);
    for revocation in &mut identity.response.revocation {
        for text in [
            &mut revocation.action,
            &mut revocation.system,
            &mut revocation.team,
        ] {
            cleaned.text(text, NAME);
        }
        cleaned.option(&mut revocation.runbook, REFERENCE);
        cleaned.list(&mut revocation.breaks);
    }
    if let Some(policy) = &mut identity.response.escalation_policy {
        cleaned.escalation(policy);
    }
    cleaned.option(&mut identity.response.context_owner, NAME);
    cleaned.option(&mut identity.response.response_owner, NAME);
    cleaned.truncate(&mut identity.findings, LIST);
    for finding in &mut identity.findings {
        cleaned.text(&mut finding.name, NAME);
        cleaned.text(&mut finding.evidence, SENTENCE);
        if let Some((_, reason)) = &mut finding.exception {
            cleaned.text(reason, SENTENCE);
        }
    }
    for exception in &mut identity.accepted {
        cleaned.text(&mut exception.finding, NAME);
        cleaned.text(&mut exception.reason, SENTENCE);
    }
    for provenance in &mut identity.provenance {
        cleaned.shared(&mut provenance.source, NAME);
    }
    cleaned.truncate(&mut identity.conflicts, LIST);
    for conflict in &mut identity.conflicts {
        cleaned.text(&mut conflict.source, NAME);
        cleaned.text(&mut conflict.value, SENTENCE);
    }
    true
}

/// Cleans every text of an account, cluster or namespace. `false` when its name in the provider's
/// system is itself shaped as a secret.
pub fn clean_scope(scope: &mut Scope, cleaned: &mut Cleaned) -> bool {
    if is_secret(&scope.domain) || is_secret(&scope.part) {
        cleaned.secrets += 1;
        return false;
    }
    cleaned.text(&mut scope.domain, REFERENCE);
    cleaned.text(&mut scope.part, REFERENCE);
    cleaned.option(&mut scope.name, NAME);
    if let Some(owner) = &mut scope.owner {
        cleaned.entity(owner);
    }
    if let Some(policy) = &mut scope.escalation_policy {
        cleaned.escalation(policy);
    }
    true
}

/// Cleans the texts of triage rules. A rule without its name is called by its place, for outputs name
/// the rule that matched.
pub(crate) fn clean_rules(rules: &[TriageRule], cleaned: &mut Cleaned) -> Vec<TriageRule> {
    let mut rules = rules.to_vec();
    for (place, rule) in rules.iter_mut().enumerate() {
        cleaned.text(&mut rule.name, NAME);
        cleaned.text(&mut rule.rationale, SENTENCE);
        cleaned.list(&mut rule.findings);
        if rule.name.is_empty() {
            rule.name = format!("rule {}", place + 1);
        }
    }
    rules
}

/// A line for a person, or what it held when it quotes a secret from an export.
#[must_use]
pub fn told(line: String) -> String {
    match shape(&line) {
        None => line,
        Some(shape) => format!("a message is not shown, because it quotes {shape} from an export"),
    }
}

/// Cleans uid and keys alone. `false` when the uid is shaped as a secret or holds control characters.
pub fn clean_keys(identity: &mut Identity, cleaned: &mut Cleaned) -> bool {
    is_clean(&identity.uid, cleaned) && {
        cleaned.aliases(&mut identity.aliases);
        true
    }
}

/// Whether a uid can be kept: it is not shaped as a secret and holds no control characters.
pub(crate) fn is_clean(uid: &str, cleaned: &mut Cleaned) -> bool {
    if has_marked_secret(uid) {
        cleaned.secrets += 1;
        return false;
    }
    if has_control(uid) {
        cleaned.control += 1;
        return false;
    }
    true
}

impl Cleaned {
    /// Adds the counts of another part of the same export.
    pub const fn add(&mut self, other: &Self) {
        self.secrets += other.secrets;
        self.shortened += other.shortened;
        self.control += other.control;
        self.entries += other.entries;
    }

    /// Cleans a text that many identities share.
    fn shared(&mut self, text: &mut Arc<str>, limit: usize) {
        let is_fine = text.len() <= limit
            && !text.chars().any(|c| c.is_control() || is_format(c))
            && !is_secret(text);
        if !is_fine {
            let mut own = text.to_string();
            self.text(&mut own, limit);
            *text = own.into();
        }
    }

    /// Cleans one text in place; one that is shaped as a secret becomes empty.
    pub fn text(&mut self, text: &mut String, limit: usize) {
        if is_secret(text) {
            self.secrets += 1;
            text.clear();
            return;
        }
        if text.chars().any(|c| c.is_control() || is_format(c)) {
            self.control += 1;
            *text = text
                .chars()
                .map(|c| {
                    if c.is_control() || is_format(c) {
                        '\u{FFFD}'
                    } else {
                        c
                    }
                })
                .collect();
        }
        if text.len() > limit {
            self.shortened += 1;
            let mut end = limit - '…'.len_utf8();
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text.push('…');
        }
    }

    fn option(&mut self, text: &mut Option<String>, limit: usize) {
        if let Some(inner) = text {
            self.text(inner, limit);
            if inner.is_empty() {
                *text = None;
            }
        }
    }

    fn list(&mut self, list: &mut Vec<String>) {
        self.truncate(list, LIST);
        for text in list.iter_mut() {
            self.text(text, REFERENCE);
        }
        list.retain(|text| !text.is_empty());
    }

    fn truncate<T>(&mut self, list: &mut Vec<T>, limit: usize) {
        if list.len() > limit {
            self.entries += list.len() - limit;
            list.truncate(limit);
        }
    }

    fn entity(&mut self, entity: &mut EntityRef) {
        self.text(&mut entity.reference, NAME);
        self.option(&mut entity.name, NAME);
        self.option(&mut entity.contact, NAME);
    }

    fn escalation(&mut self, policy: &mut EscalationPolicy) {
        // Written as one text, SYSTEM:ID, so a secret may lie across the two.
        if is_secret(&format!("{}:{}", policy.system, policy.id)) {
            self.secrets += 1;
            policy.system.clear();
            policy.id.clear();
        }
        self.text(&mut policy.system, NAME);
        self.text(&mut policy.id, NAME);
        self.option(&mut policy.url, REFERENCE);
    }

    /// Keys are never cut: a shortened key would be another key. The 40-character rule is left out,
    /// because unique ids look alike.
    pub(crate) fn aliases(&mut self, aliases: &mut Vec<Alias>) {
        let before = aliases.len();
        aliases
            .retain(|alias| !has_marked_secret(&alias.value) && !has_marked_secret(&alias.domain));
        self.secrets += before - aliases.len();
        // A key in which characters are replaced would be another key.
        let before = aliases.len();
        aliases.retain(|alias| !has_control(&alias.value) && !has_control(&alias.domain));
        self.control += before - aliases.len();
        self.truncate(aliases, ALIASES);
    }
}

/// Whether a text holds something shaped as a secret.
#[must_use]
pub fn is_secret(text: &str) -> bool {
    shape(text).is_some()
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn has_marked_secret(text: &str) -> bool {
    marked_shape(text).is_some()
}

#[cfg(test)]
mod tests {
    use enrich_core::KeyType;
    use enrich_core::vocabulary::{Kind, Provider};

    use super::*;
    use crate::secrets::samples;

    #[test]
    fn every_text_of_an_identity_is_cleaned() {
        let secret = samples().swap_remove(0);
        let mut identity = Identity::new(
            "aws:1:user/x",
            "bad\u{1b}[0m",
            Kind::IamUser,
            Provider::Aws,
            "1",
        );
        identity.purpose = Some("x".repeat(600));
        identity.vendor = Some(secret.clone());
        identity.workloads = (0..70).map(|n| format!("w{n}")).collect();
        identity.aliases.push(Alias {
            key_type: KeyType::GithubLogin,
            domain: String::new(),
            value: secret,
            valid_from_ms: None,
            valid_to_ms: None,
        });
        let mut cleaned = Cleaned::default();
        assert!(clean(&mut identity, &mut cleaned));
        assert_eq!(identity.name, "bad\u{FFFD}[0m");
        assert_eq!(identity.purpose.as_ref().map(String::len), Some(512));
        assert_eq!(
            (
                identity.vendor,
                identity.aliases.len(),
                identity.workloads.len()
            ),
            (None, 0, LIST)
        );
        assert_eq!(
            cleaned,
            Cleaned {
                secrets: 2,
                shortened: 1,
                control: 1,
                entries: 6
            }
        );
    }

    #[test]
    fn what_holds_control_characters_is_no_key() {
        let mut identity = Identity::new("aws:1:user/x", "x", Kind::IamUser, Provider::Aws, "1");
        identity.aliases.push(Alias {
            key_type: KeyType::AwsArn,
            domain: String::new(),
            value: "arn:aws:iam::1:user/x\u{1b}[31m".to_owned(),
            valid_from_ms: None,
            valid_to_ms: None,
        });
        let mut cleaned = Cleaned::default();
        assert!(clean_keys(&mut identity, &mut cleaned));
        assert_eq!((identity.aliases.len(), cleaned.control), (0, 1));
        identity.uid.push('\n');
        assert!(!clean_keys(&mut identity, &mut cleaned));
        assert_eq!(cleaned.control, 2);
    }

    #[test]
    fn a_secret_that_was_taken_apart_is_seen() {
        let mut policy = EscalationPolicy {
            system: "password".to_owned(),
            id: " hunter22".to_owned(),
            url: None,
        };
        let mut cleaned = Cleaned::default();
        cleaned.escalation(&mut policy);
        assert_eq!((policy.id.as_str(), cleaned.secrets), ("", 1));
        policy.system = "pagerduty".to_owned();
        policy.id = "PABC123DEF".to_owned();
        cleaned.escalation(&mut policy);
        assert_eq!((policy.id.as_str(), cleaned.secrets), ("PABC123DEF", 1));
    }

    #[test]
    fn an_owner_whose_reference_is_a_secret_is_none() {
        let mut identity = Identity::new("aws:1:user/x", "x", Kind::IamUser, Provider::Aws, "1");
        identity.sponsor = Some(EntityRef {
            reference: samples().swap_remove(0),
            ..EntityRef::default()
        });
        let mut cleaned = Cleaned::default();
        assert!(clean(&mut identity, &mut cleaned));
        assert_eq!((identity.sponsor, cleaned.secrets), (None, 1));
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        let mut cleaned = Cleaned::default();
        let mut text = "é".repeat(200);
        cleaned.text(&mut text, NAME);
        assert!(text.len() <= NAME && text.ends_with('…'));
    }
}
