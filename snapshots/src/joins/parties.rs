//! Owners and sponsors whom a directory service knows by an id: the catalogue may know the same person
//! or group, by that id or by the mail address.

use super::Joins;
use crate::record::{DirectoryEntry, Harvest};

/// A person or group of a directory service. Records name it as `entra-user:ID` or `entra-group:ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Party {
    /// Mail address, by which a catalogue may know it.
    pub mail: Option<String>,
    /// What it is called when no catalogue knows it.
    pub reference: String,
    /// What the service says about it.
    pub entry: DirectoryEntry,
}

/// Finds each one in the catalogue, and lists those whom the catalogue does not know.
pub(super) fn parties(joins: &Joins, harvest: &mut Harvest) {
    let directory = &mut harvest.directory;
    for (name, party) in &joins.parties {
        let by_mail = party.mail.as_ref().and_then(|mail| {
            let mail = format!("mail:{}", mail.to_lowercase());
            directory.known_as.get(&mail)
        });
        let reference = directory
            .known_as
            .get(name)
            .or(by_mail)
            .unwrap_or(&party.reference)
            .clone();
        let entry = directory
            .entries
            .entry(reference.clone())
            .or_insert_with(|| party.entry.clone());
        // Who can't sign in any more is gone, whatever the catalogue still lists.
        entry.departed_ms = entry.departed_ms.or(party.entry.departed_ms);
        entry.name = entry.name.take().or_else(|| party.entry.name.clone());
        directory.known_as.insert(name.clone(), reference);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_knows_people_by_id_or_by_mail() {
        let mut harvest = Harvest::default();
        let known = |harvest: &mut Harvest, name: &str, reference: &str| {
            let directory = &mut harvest.directory;
            directory
                .known_as
                .insert(name.to_owned(), reference.to_owned());
            directory
                .entries
                .insert(reference.to_owned(), DirectoryEntry::default());
        };
        known(&mut harvest, "entra-group:1", "group:default/payments");
        known(
            &mut harvest,
            "mail:d.novak@example.com",
            "user:default/d.novak",
        );
        let party = |mail: Option<&str>, reference: &str, departed| Party {
            mail: mail.map(str::to_owned),
            reference: reference.to_owned(),
            entry: DirectoryEntry {
                departed_ms: departed,
                ..DirectoryEntry::default()
            },
        };
        harvest.joins.parties.extend([
            (
                "entra-group:1".to_owned(),
                party(None, "group:entra/pay", None),
            ),
            (
                "entra-user:2".to_owned(),
                party(Some("D.Novak@example.com"), "user:default/x", Some(7)),
            ),
            (
                "entra-user:3".to_owned(),
                party(None, "user:default/new@example.com", None),
            ),
        ]);
        let mut record = crate::record::Record::new(
            &crate::record::Source {
                name: "entra".to_owned(),
                rank: 0,
                observed_ms: 0,
                domain: None,
            },
            None,
        );
        record.facts.owner = Some("entra-user:2".to_owned());
        record.facts.secondary_owners = vec!["entra-user:3".to_owned(), "entra-group:1".to_owned()];
        harvest.records.push(record);
        super::super::settle(&mut harvest);
        let facts = &harvest.records[0].facts;
        assert_eq!(facts.owner.as_deref(), Some("user:default/d.novak"));
        assert_eq!(
            facts.secondary_owners,
            ["user:default/new@example.com", "group:default/payments"]
        );
        let entries = &harvest.directory.entries;
        assert_eq!(entries["user:default/d.novak"].departed_ms, Some(7));
        assert!(entries.contains_key("user:default/new@example.com"));
        assert!(!entries.contains_key("group:entra/pay"));
    }
}
