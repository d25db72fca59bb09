//! Pseudonyms of people: who must not know names still sees which identities have the same owner.
//!
//! A pseudonym is a keyed hash of the reference, so it stays the same from build to build, and only
//! who holds the key can tell whose it is, by making the pseudonyms of the people who come into
//! question. References to teams, services and vendors stay as they are.

use crate::model::{EntityRef, Identity, Scope};

/// What pseudonyms are made with.
#[derive(Clone, PartialEq, Eq)]
pub struct Pseudonyms {
    key: Option<[u8; 32]>,
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret.
        f.write_str("Pseudonyms")
    }
}

/// The namespace of pseudonyms.
const SPACE: &str = "user:pseudonym/";
/// Fewest bytes of a key.
pub const LEAST_KEY: usize = 16;

impl Pseudonyms {
    /// Pseudonyms of a key; `None` when it is too short to be one.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let key = key.trim_ascii();
        (key.len() >= LEAST_KEY).then(|| Self {
            key: Some(blake3::derive_key("whose pseudonyms of people v1", key)),
        })
    }

    /// Without a key nobody can be told from anybody: people are withheld.
    #[must_use]
    pub const fn withheld() -> Self {
        Self { key: None }
    }

    /// The pseudonym of a person; other references and pseudonyms stay as they are.
    #[must_use]
    pub fn of(&self, reference: &str) -> String {
        if !reference.starts_with("user:") || reference.starts_with(SPACE) {
            return reference.to_owned();
        }
        let Some(key) = &self.key else {
            return format!("{SPACE}withheld");
        };
        let digest = blake3::keyed_hash(key, reference.as_bytes());
        let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
        let name: String = digest
            .as_bytes()
            .iter()
            .take(16)
            .map(|byte| char::from(letters[usize::from(byte % 32)]))
            .collect();
        format!("{SPACE}{name}")
    }

    fn entity(&self, entity: &mut EntityRef) {
        if entity.reference.starts_with("user:") {
            entity.reference = self.of(&entity.reference);
            entity.name = None;
            entity.contact = None;
        }
    }

    fn text(&self, text: &mut String) {
        if text.starts_with("user:") {
            *text = self.of(text);
        }
    }

    /// A text in which references to people, as whole words, are replaced: those that are known, and
    /// whatever else is written as one.
    fn sentence(&self, text: &str, people: &[String]) -> String {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '/' | '+');
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("user:") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let is_start = !out.ends_with(|c: char| is_part(c) || c == ':');
            let known = people.iter().find(|person| {
                from.strip_prefix(person.as_str())
                    .is_some_and(|after| !after.starts_with(is_part))
            });
            let written = || {
                let end = from
                    .find(|c: char| !(is_part(c) || matches!(c, ':' | '.')))
                    .unwrap_or(from.len());
                from[..end].trim_end_matches([':', '.']).len()
            };
            let len = known.map_or_else(written, String::len);
            if is_start && len > "user:".len() {
                out.push_str(&self.of(&from[..len]));
                rest = &from[len..];
            } else {
                out.push_str("user:");
                rest = &from["user:".len()..];
            }
        }
        out + rest
    }

    /// Hides the people of an identity: who owns it, answers for it, switches it off. The identity's
    /// own names and keys stay, because events are looked up by them.
    pub fn hide(&self, identity: &mut Identity) {
        let response = &identity.response;
        let mut people: Vec<String> = identity
            .owner
            .iter()
            .map(|owner| &owner.entity.reference)
            .chain(identity.sponsor.iter().map(|sponsor| &sponsor.reference))
            .chain(&identity.secondary_owners)
            .chain(&identity.lineage.created_by)
            .chain(&response.context_owner)
            .chain(&response.response_owner)
            .filter(|reference| reference.starts_with("user:"))
            .cloned()
            .collect();
        // The longest first: one reference may begin as another does.
        people.sort_by(|a, b| (b.len(), b).cmp(&(a.len(), a)));
        people.dedup();
        for finding in &mut identity.findings {
            finding.evidence = self.sentence(&finding.evidence, &people);
            if let Some((_, reason)) = &mut finding.exception {
                *reason = self.sentence(reason, &people);
            }
        }
        for exception in &mut identity.accepted {
            exception.reason = self.sentence(&exception.reason, &people);
        }
        if let Some(owner) = &mut identity.owner {
            self.entity(&mut owner.entity);
        }
        if let Some(sponsor) = &mut identity.sponsor {
            self.entity(sponsor);
        }
        let response = &mut identity.response;
        let teams = response.revocation.iter_mut().map(|way| &mut way.team);
        let radius = identity.blast_radius.iter_mut();
        let texts = identity
            .secondary_owners
            .iter_mut()
            .chain(&mut identity.lineage.created_by)
            .chain(&mut identity.lineage.on_behalf_of)
            .chain(&mut response.context_owner)
            .chain(&mut response.response_owner)
            .chain(teams)
            .chain(radius.flat_map(|radius| &mut radius.teams))
            .chain(
                identity
                    .conflicts
                    .iter_mut()
                    .map(|conflict| &mut conflict.value),
            );
        for text in texts {
            self.text(text);
        }
    }

    /// Hides the person who answers for an account or namespace.
    pub fn hide_owner(&self, scope: &mut Scope) {
        if let Some(owner) = &mut scope.owner {
            self.entity(owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use enrich_core::vocabulary::{Kind, OwnerStatus, Provider, Severity};

    use super::*;
    use crate::model::{Conflict, Finding, Owner};

    #[test]
    fn a_pseudonym_is_stable_keyed_and_applied_once() {
        let one = Pseudonyms::of_key(b"a key of sixteen bytes or more\n").unwrap();
        let other = Pseudonyms::of_key(b"another key of sixteen bytes").unwrap();
        let jane = one.of("user:default/jane");
        assert!(
            jane.starts_with("user:pseudonym/") && jane.len() == 31,
            "{jane}"
        );
        assert_eq!(jane, one.of("user:default/jane"));
        assert_eq!(jane, one.of(&jane));
        assert_ne!(jane, one.of("user:default/joan"));
        assert_ne!(jane, other.of("user:default/jane"));
        assert_eq!(one.of("group:default/pay"), "group:default/pay");
        assert_eq!(
            Pseudonyms::withheld().of("user:default/jane"),
            "user:pseudonym/withheld"
        );
        assert_eq!(Pseudonyms::of_key(b"short"), None);
        assert!(!format!("{one:?}").contains("key"));
    }

    #[test]
    fn nothing_of_a_person_is_left() {
        let pseudonyms = Pseudonyms::of_key(b"a key of sixteen bytes or more").unwrap();
        let mut identity = Identity::new("aws:1:user/x", "x", Kind::IamUser, Provider::Aws, "1");
        let jane = EntityRef {
            reference: "user:default/jane".to_owned(),
            name: Some("Jane".to_owned()),
            contact: Some("jane@larkmoor.example".to_owned()),
        };
        identity.owner = Some(Owner {
            entity: jane.clone(),
            source: "tags".to_owned(),
            as_of_ms: None,
            status: OwnerStatus::Departed,
        });
        identity.sponsor = Some(jane);
        identity.secondary_owners = vec![
            "user:default/jane".to_owned(),
            "group:default/pay".to_owned(),
        ];
        identity.response.context_owner = Some("user:default/jane".to_owned());
        identity.conflicts = vec![Conflict {
            field: "owner".to_owned(),
            source: "s".to_owned(),
            value: "user:default/jane".to_owned(),
        }];
        identity.findings = vec![Finding {
            name: "orphaned".to_owned(),
            owasp: None,
            severity: Severity::Low,
            evidence: "owner user:default/jane is not in the catalogue any more".to_owned(),
            exception: None,
        }];
        identity.lineage.created_by = Some("user:default/jane".to_owned());
        pseudonyms.hide(&mut identity);
        let text = format!("{identity:?}").to_lowercase();
        assert!(!text.contains("jane"), "{text}");
        assert_eq!(identity.secondary_owners[1], "group:default/pay");
        assert!(identity.findings[0].evidence.contains("user:pseudonym/"));
    }

    #[test]
    fn only_whole_references_are_replaced_in_a_sentence() {
        let pseudonyms = Pseudonyms::of_key(b"a key of sixteen bytes or more").unwrap();
        let people = [
            "user:default/janet".to_owned(),
            "user:default/jan".to_owned(),
        ];
        let [janet, jan] = [0, 1].map(|n| pseudonyms.of(&people[n]));
        let other = pseudonyms.of("user:default/joe");
        assert_eq!(
            pseudonyms.sentence(
                "user:default/jan, user:default/janet and user:default/joe. superuser:x/y",
                &people
            ),
            format!("{jan}, {janet} and {other}. superuser:x/y")
        );
        // Also where the longer one is not known beforehand.
        assert_eq!(
            pseudonyms.sentence("user:default/janet", &people[1..]),
            janet
        );
    }
}
