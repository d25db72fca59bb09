//! How a context is written: in which rendering, which fields, and how people are named.

use alloc::string::String;
use alloc::vec::Vec;

use super::fields::{Detail, Field, Selection};

/// Whose words and places a context uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rendering {
    /// One member `whose`.
    #[default]
    Native,
    /// `enrichments` of the Open Cybersecurity Schema Framework 1.8, one for each identity.
    Ocsf,
    /// `Nhi` and `related.user` of the Elastic Common Schema 9.4.
    Ecs,
    /// Flat fields: those that Splunk's identity correlation has, and `nhi_…`.
    Splunk,
}

impl Rendering {
    /// JSON pointers of members that are ours and nobody else's, beside `whose`: what came in with
    /// such a name is removed.
    pub(crate) const fn ours(self) -> &'static [&'static str] {
        match self {
            Self::Native | Self::Ocsf => &[],
            Self::Ecs => &["/Nhi"],
            Self::Splunk => super::splunk::OURS,
        }
    }

    /// JSON pointers of the places that are shared with others, in an event.
    pub(crate) const fn shared(self) -> &'static [&'static str] {
        match self {
            Self::Native => &[],
            Self::Ocsf => super::ocsf::SHARED,
            Self::Ecs => super::ecs::SHARED,
            Self::Splunk => super::splunk::SHARED,
        }
    }
}

/// How people are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum People {
    /// As the snapshot names them.
    #[default]
    Named,
    /// By keyed hashes of their references, without name and contact: the same as the builder's
    /// with the same key. Without a key they are withheld.
    Pseudonymous(Option<[u8; 32]>),
}

/// Fewest bytes of a key of pseudonyms.
pub(crate) const LEAST_KEY: usize = 16;

impl People {
    /// Pseudonyms of a key; `None` when it is too short to be one.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        let key = key.as_bytes().trim_ascii();
        (key.len() >= LEAST_KEY).then(|| {
            Self::Pseudonymous(Some(blake3::derive_key(
                "whose pseudonyms of people v1",
                key,
            )))
        })
    }
}

/// The namespace of pseudonyms.
const SPACE: &str = "user:pseudonym/";

/// How a context is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) rendering: Rendering,
    pub(crate) fields: Selection,
    pub(crate) people: People,
    /// Attributes that OCSF has from 1.9 on.
    pub(crate) has_ocsf_1_9: bool,
    /// Also the attributes in which OCSF itself has a place for the fact.
    pub(crate) has_typed_homes: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            rendering: Rendering::Native,
            fields: Selection::of_detail(Detail::Standard),
            people: People::Named,
            has_ocsf_1_9: false,
            has_typed_homes: false,
        }
    }
}

/// Other names of fields, where the standard has a word of its own.
const OCSF_NAMES: &[(Field, &str)] = &[
    (Field::Key, "match"),
    (Field::KeyType, "key_type"),
    (Field::Credential, "programmatic_credential"),
    (Field::Credentials, "programmatic_credentials"),
    (Field::CredentialCreated, "created_time"),
    (Field::LastRotated, "last_rotation_time"),
    (Field::LastUsed, "last_used_time"),
    (Field::Expires, "expiration_time"),
    (Field::Created, "created_time"),
    (Field::LastSeen, "last_seen_time"),
];
const ECS_NAMES: &[(Field, &str)] = &[
    (Field::Key, "match"),
    (Field::KeyValue, "atomic"),
    (Field::KeyPath, "field"),
];

impl Style {
    /// Selects fields: those of a level, or those that are listed.
    pub(crate) fn select<'p>(
        &mut self,
        detail: Detail,
        paths: &'p [String],
    ) -> Result<(), &'p str> {
        self.fields = if paths.is_empty() {
            Selection::of_detail(detail)
        } else {
            Selection::of_paths(paths)?
        };
        // There an enrichment's name says it.
        if self.rendering == Rendering::Ocsf {
            self.fields.remove(Field::KeyPath);
        }
        Ok(())
    }

    /// The style of the record that a lookup gives.
    pub(crate) fn record(&self) -> Self {
        Self {
            rendering: Rendering::Native,
            fields: Selection::of_record(),
            ..self.clone()
        }
    }

    /// The name that a field has in this rendering.
    #[inline]
    pub(super) fn name(&self, field: Field) -> &'static str {
        if self.rendering == Rendering::Native {
            return field.name();
        }
        self.other_name(field)
    }

    #[inline(never)]
    fn other_name(&self, field: Field) -> &'static str {
        let names = match self.rendering {
            Rendering::Ocsf => OCSF_NAMES,
            _ => ECS_NAMES,
        };
        let other = names.iter().find(|(known, _)| *known == field);
        other.map_or_else(|| field.name(), |(_, name)| name)
    }

    /// Whether a reference is to a person who is not named.
    pub(super) fn hides(&self, reference: &str) -> bool {
        self.people != People::Named && reference.starts_with("user:")
    }

    /// The pseudonym of a person.
    #[cold]
    pub(super) fn pseudonym(&self, reference: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(SPACE.as_bytes());
        match (&self.people, reference.strip_prefix(SPACE)) {
            // The builder has done it already.
            (_, Some(known)) => out.extend_from_slice(known.as_bytes()),
            (People::Pseudonymous(Some(key)), None) => {
                let digest = blake3::keyed_hash(key, reference.as_bytes());
                let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
                let name = digest.as_bytes().iter().take(16);
                out.extend(name.filter_map(|byte| letters.get(usize::from(byte % 32)).copied()));
            }
            _ => out.extend_from_slice(b"withheld"),
        }
    }
}
