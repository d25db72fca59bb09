//! Configured mappings: where the identities of an in-house log stand, as JSON pointers.

use alloc::string::String;
use alloc::vec::Vec;

use crate::document::{Document, Fault};
use crate::event::observer::Field;
use crate::key::KeyType;
use crate::vocabulary::{Provider, Role};

/// Most mappings of one configuration.
const MAX_MAPPINGS: usize = 32;
/// Most pointers of one mapping, and of all.
const MAX_POINTERS: usize = 128;
const MAX_ALL_POINTERS: usize = 1024;
/// Longest pointer in bytes, and most steps of one: places are numbered with sixteen bits.
const MAX_POINTER: usize = 512;
const MAX_STEPS: usize = 32;

/// How one in-house log is recognised and read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// What people call it.
    pub(crate) name: String,
    /// JSON pointers (RFC 6901) of the values it needs; fields are ranges of them.
    pub(crate) pointers: Vec<String>,
    /// All have to hold for an event to be of this log: the value has this text, or is anything.
    pub(crate) when: Vec<(Field, Option<String>)>,
    pub(crate) time: Field,
    pub(crate) source: Field,
    pub(crate) region: Field,
    /// Joined with colons, as CloudTrail's source and name are.
    pub(crate) action: Vec<Field>,
    pub(crate) user_agent: Field,
    pub(crate) resource: Field,
    pub(crate) workload: Field,
    /// The word that tells success from failure, and the words that do.
    pub(crate) outcome: Field,
    pub(crate) success: Vec<String>,
    pub(crate) failure: Vec<String>,
    /// Where an event happened.
    pub(crate) scope: Option<MappedScope>,
    pub(crate) identities: Vec<MappedIdentity>,
}

/// A text that is written in the mapping or stands in the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) literal: String,
    pub(crate) field: Field,
}

/// Account, cluster, organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedScope {
    pub(crate) provider: Provider,
    pub(crate) domain: Text,
    pub(crate) part: Text,
}

/// One identity of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedIdentity {
    pub(crate) role: Role,
    pub(crate) provider: Provider,
    pub(crate) domain: Text,
    /// Says that it is an AI agent when it holds `true`.
    pub(crate) agent: Field,
    pub(crate) keys: Vec<MappedKey>,
}

/// One key of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedKey {
    pub(crate) key_type: KeyType,
    pub(crate) value: Field,
    pub(crate) domain: Text,
}

/// Reads the member `mappings` of the configuration.
pub(crate) fn read(document: &mut Document<'_>) -> Result<Vec<Mapping>, Fault> {
    let mut mappings = Vec::new();
    let mut count = 0;
    document.array(&mut |document| {
        if mappings.len() == MAX_MAPPINGS {
            return document.fault("more than 32 mappings");
        }
        let mapping = Mapping::read(document)?;
        count += mapping.pointers.len();
        if count > MAX_ALL_POINTERS {
            return document.fault("more than 1024 pointers in all mappings");
        }
        mappings.push(mapping);
        Ok::<_, Fault>(())
    })?;
    Ok(mappings)
}

impl Mapping {
    fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let mut this = Self::default();
        let begin = document.here();
        document.object(&mut |document, name| {
            let pointers = &mut this.pointers;
            match name.as_str() {
                "name" => this.name = document.text()?,
                "when" => document.object(&mut |document, pointer| {
                    let field = add(document, pointers, pointer)?;
                    let text = if document.is_text() {
                        Some(document.text()?)
                    } else if document.bool()? {
                        None
                    } else {
                        return document.fault("a text, or true for any value, is expected");
                    };
                    this.when.push((field, text));
                    Ok::<_, Fault>(())
                })?,
                "time" => this.time = field(document, pointers)?,
                "source" => this.source = field(document, pointers)?,
                "region" => this.region = field(document, pointers)?,
                "action" => {
                    let joined = field(document, pointers)?;
                    let one = |path| Field { path, count: 1 };
                    this.action = (joined.path..joined.path + joined.count).map(one).collect();
                }
                "user_agent" => this.user_agent = field(document, pointers)?,
                "resource" => this.resource = field(document, pointers)?,
                "workload" => this.workload = field(document, pointers)?,
                "outcome" => document.object(&mut |document, name| {
                    match name.as_str() {
                        "value" => this.outcome = field(document, pointers)?,
                        "success" => this.success = texts(document)?,
                        "failure" => this.failure = texts(document)?,
                        _ => {}
                    }
                    Ok::<_, Fault>(())
                })?,
                "scope" => this.scope = Some(scope(document, pointers)?),
                "identities" => document.array(&mut |document| {
                    this.identities.push(identity(document, pointers)?);
                    Ok::<_, Fault>(())
                })?,
                _ => {}
            }
            Ok::<_, Fault>(())
        })?;
        let missing = if this.name.is_empty() {
            "a mapping needs a name"
        } else if this.when.is_empty() {
            // Without a condition it would claim every event of every log.
            "a mapping needs `when`: what tells its events from those of other logs"
        } else if this.identities.is_empty() {
            "a mapping needs `identities`"
        } else {
            return Ok(this);
        };
        document.fault_at(begin, missing)
    }
}

/// One pointer, or several of which the first that holds something counts.
fn field(document: &mut Document<'_>, pointers: &mut Vec<String>) -> Result<Field, Fault> {
    if document.is_text() {
        let pointer = document.text()?;
        return add(document, pointers, pointer);
    }
    let mut all = Field {
        path: pointers.len() as u16,
        count: 0,
    };
    document.array(&mut |document| {
        let pointer = document.text()?;
        all.count += add(document, pointers, pointer)?.count;
        Ok::<_, Fault>(())
    })?;
    Ok(all)
}

fn add(
    document: &Document<'_>,
    pointers: &mut Vec<String>,
    pointer: String,
) -> Result<Field, Fault> {
    let steps = pointer.split('/').count() - 1;
    if !pointer.starts_with('/') || pointer.len() > MAX_POINTER || steps > MAX_STEPS {
        return document.fault(
            "a JSON pointer begins with /, such as /auth/client, and has at most 512 bytes and 32 steps",
        );
    }
    if pointers.len() == MAX_POINTERS {
        return document.fault("more than 128 pointers in one mapping");
    }
    let path = pointers.len() as u16;
    pointers.push(pointer);
    Ok(Field { path, count: 1 })
}

/// A pointer when it begins with a slash, else the text itself.
fn text(document: &mut Document<'_>, pointers: &mut Vec<String>) -> Result<Text, Fault> {
    let literal = document.text()?;
    Ok(if literal.starts_with('/') {
        Text {
            field: add(document, pointers, literal)?,
            literal: String::new(),
        }
    } else {
        Text {
            literal,
            field: Field::default(),
        }
    })
}

fn texts(document: &mut Document<'_>) -> Result<Vec<String>, Fault> {
    let mut texts = Vec::new();
    document.array(&mut |document| {
        texts.push(document.text()?);
        Ok::<_, Fault>(())
    })?;
    Ok(texts)
}

/// A word of a closed list.
fn word<T>(
    document: &mut Document<'_>,
    parse: impl FnOnce(&str) -> Option<T>,
    message: &'static str,
) -> Result<T, Fault> {
    let begin = document.here();
    let text = document.text()?;
    parse(&text).map_or_else(|| document.fault_at(begin, message), Ok)
}

const PROVIDERS: &str = "not the name of a provider, such as aws, gcp, entra, k8s, github, okta";

fn scope(document: &mut Document<'_>, pointers: &mut Vec<String>) -> Result<MappedScope, Fault> {
    let mut this = MappedScope {
        provider: Provider::Other,
        domain: Text::default(),
        part: Text::default(),
    };
    document.object(&mut |document, name| {
        match name.as_str() {
            "provider" => this.provider = word(document, Provider::parse, PROVIDERS)?,
            "domain" => this.domain = text(document, pointers)?,
            "part" => this.part = text(document, pointers)?,
            _ => {}
        }
        Ok::<_, Fault>(())
    })?;
    Ok(this)
}

fn identity(
    document: &mut Document<'_>,
    pointers: &mut Vec<String>,
) -> Result<MappedIdentity, Fault> {
    let begin = document.here();
    let mut role = None;
    let mut provider = None;
    let mut domain = Text::default();
    let mut agent = Field::default();
    let mut keys = Vec::new();
    document.object(&mut |document, name| {
        match name.as_str() {
            "role" => {
                let message = "not a role: actor, effective, delegator, via or target";
                role = Some(word(document, Role::parse, message)?);
            }
            "provider" => provider = Some(word(document, Provider::parse, PROVIDERS)?),
            "domain" => domain = text(document, pointers)?,
            "agent" => agent = field(document, pointers)?,
            "keys" => document.array(&mut |document| {
                keys.push(key(document, pointers)?);
                Ok::<_, Fault>(())
            })?,
            _ => {}
        }
        Ok::<_, Fault>(())
    })?;
    let (Some(role), Some(first)) = (role, keys.first()) else {
        return document.fault_at(begin, "an identity needs a role and at least one key");
    };
    Ok(MappedIdentity {
        role,
        provider: provider.unwrap_or_else(|| first.key_type.provider()),
        domain,
        agent,
        keys,
    })
}

fn key(document: &mut Document<'_>, pointers: &mut Vec<String>) -> Result<MappedKey, Fault> {
    let begin = document.here();
    let mut key_type = None;
    let mut value = Field::default();
    let mut domain = Text::default();
    document.object(&mut |document, name| {
        match name.as_str() {
            "type" => {
                let message = "not a key type, such as okta_client_id or oidc_subject";
                key_type = Some(word(document, KeyType::parse, message)?);
            }
            "value" => value = field(document, pointers)?,
            "domain" => domain = text(document, pointers)?,
            _ => {}
        }
        Ok::<_, Fault>(())
    })?;
    match key_type {
        Some(key_type) if value.count > 0 => Ok(MappedKey {
            key_type,
            value,
            domain,
        }),
        _ => document.fault_at(begin, "a key needs a type and a value"),
    }
}
