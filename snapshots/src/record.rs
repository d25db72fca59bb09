//! What one source says about one identity, before records meet.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::{
    Criticality, Environment, Kind, LifecycleState, PrivilegeLevel, Provider,
};
use enrich_core::{Key, KeyRefused, KeyType};

use crate::joins::Joins;
use crate::kept::Kept;
use crate::model::{Agent, Alias, Credential, EscalationPolicy, Expectation, Scope, Time};

/// A source of the inventory configuration, as connectors see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, used as provenance.
    pub name: String,
    /// Its place in the configuration; the lower one wins a conflict.
    pub rank: usize,
    /// When the export was taken.
    pub observed_ms: i64,
    /// Account or cluster, where the export does not say.
    pub domain: Option<String>,
}

/// One source's statement about one identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Who says so.
    pub source: Source,
    /// The canonical uid, when the source is an inventory and can vouch that the identity exists.
    /// A claim about an identity that others list has none and meets it through its keys.
    pub uid: Option<String>,
    /// Keys of the identity.
    pub aliases: Vec<Alias>,
    /// A name that the provider keeps unique inside an account, in place of a key
    /// (`aws-user:ACCOUNT/NAME`): some exports give nothing else. Never leaves the export.
    pub local_name: Option<String>,
    /// What is said.
    pub facts: Facts,
}

/// The statements of a record. Nothing that is absent here was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Display name.
    pub name: Option<String>,
    /// What the provider's own type amounts to; policy may refine it.
    pub native_kind: Option<Kind>,
    /// What somebody says it is; policy may not change it.
    pub kind: Option<Kind>,
    /// The provider's word.
    pub sub_type: Option<String>,
    /// Whose system.
    pub provider: Option<Provider>,
    /// Account, cluster, …
    pub domain: Option<String>,
    /// Namespace inside the domain.
    pub namespace: Option<String>,
    /// Purpose.
    pub purpose: Option<String>,
    /// AI agent facts.
    pub agent: Option<Agent>,
    /// Owner reference, normalised.
    pub owner: Option<String>,
    /// Sponsor reference, normalised.
    pub sponsor: Option<String>,
    /// Further owners.
    pub secondary_owners: Vec<String>,
    /// Service.
    pub service: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Environments; empty = not said.
    pub environment: Vec<Environment>,
    /// Criticality.
    pub criticality: Option<Criticality>,
    /// What each policy or role that it holds allows.
    pub grants: Vec<Grant>,
    /// Upper bound of the privilege (a permissions boundary).
    pub boundary: Option<Grant>,
    /// Who made it.
    pub created_by: Option<String>,
    /// Who may become it: uids, keys in KEY notation, or patterns.
    pub assumable_by: Vec<String>,
    /// What it may become: uids or keys in KEY notation.
    pub can_assume: Vec<String>,
    /// Trust without a condition that names who is meant, as evidence.
    pub unconditioned_trust: Vec<String>,
    /// Places where the source shows what is shaped as a secret, as evidence; never the value.
    pub exposed: Vec<String>,
    /// Ways to authenticate that are weaker than what the provider offers, as evidence.
    pub weak: Vec<String>,
    /// Lifecycle state.
    pub lifecycle_state: Option<LifecycleState>,
    /// It is gone, at the latest since this time.
    pub retired_at_ms: Option<i64>,
    /// Created.
    pub created: Time,
    /// Last seen in use.
    pub last_seen: Time,
    /// Credentials.
    pub credentials: Vec<Credential>,
    /// Where its secrets live, for credentials that have no own statement.
    pub secret_source: Option<String>,
    /// Workloads.
    pub workloads: Vec<String>,
    /// Declared or observed behaviour.
    pub behavior: Vec<Expectation>,
    /// Escalation policy.
    pub escalation_policy: Option<EscalationPolicy>,
    /// AWS tags, Kubernetes labels and annotations, for the policy to match.
    pub tags: TagMap,
}

/// Tags by name. A sorted list: a record has a handful, and a million records have no room for half
/// a kilobyte of tree each.
pub type TagMap = litemap::LiteMap<String, String>;

/// What one policy or role allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// 0 controls everything else, 3 is harmless. First, so that the widest grant sorts first.
    pub tier: u8,
    /// The widest permission, reversed for the order.
    pub level: std::cmp::Reverse<PrivilegeLevel>,
    /// Name of the policy or role.
    pub name: String,
    /// The rule that the level follows from, where the name does not say it.
    pub rule: Option<&'static str>,
}

impl Grant {
    /// The name of the policy or role alone, without where it holds and through whom.
    #[must_use]
    pub fn bare_name(&self) -> &str {
        let name = self.name.split(" (").next().unwrap_or(&self.name);
        // Azure and Entra say where a role is held: `Key Vault Reader at resource group …`.
        name.rsplit_once(" at ").map_or(name, |(name, _)| name)
    }

    /// A grant of a level; the tier that usually goes with it is given by the connector.
    #[must_use]
    pub fn new(name: &str, level: PrivilegeLevel, tier: u8) -> Self {
        Self {
            tier,
            level: std::cmp::Reverse(level),
            name: name.to_owned(),
            rule: None,
        }
    }

    /// The same grant, by a rule.
    #[must_use]
    pub fn by(mut self, rule: Option<&'static str>) -> Self {
        self.rule = rule;
        self
    }

    /// Name and rule, as the basis of a privilege.
    #[must_use]
    pub fn basis(&self) -> String {
        match self.rule {
            Some(rule) => format!("{}: {rule}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Record {
    /// An empty statement of a source.
    #[must_use]
    pub fn new(source: &Source, uid: Option<String>) -> Self {
        Self {
            source: source.clone(),
            uid,
            aliases: Vec::new(),
            local_name: None,
            facts: Facts::default(),
        }
    }

    /// Adds a key if it is one; the refusal otherwise.
    ///
    /// # Errors
    /// Why the value is no key.
    pub fn add_key(
        &mut self,
        key_type: KeyType,
        domain: &str,
        value: &str,
        valid_from_ms: Option<i64>,
    ) -> Result<(), KeyRefused> {
        let alias = alias(key_type, domain, value, valid_from_ms)?;
        if !self.aliases.contains(&alias) {
            self.aliases.push(alias);
        }
        Ok(())
    }
}

/// A checked, folded key as an alias.
///
/// # Errors
/// Why the value is no key.
pub fn alias(
    key_type: KeyType,
    domain: &str,
    value: &str,
    valid_from_ms: Option<i64>,
) -> Result<Alias, KeyRefused> {
    let mut buffer = String::new();
    let key = Key::canonical(key_type, domain, value, &mut buffer)?;
    Ok(Alias {
        key_type,
        domain: key.domain.to_owned(),
        value: key.value.to_owned(),
        valid_from_ms,
        valid_to_ms: None,
    })
}

/// Reads KEY notation into a checked, folded alias.
///
/// # Errors
/// Why the text is no key.
pub fn parse_key(text: &str) -> Result<Alias, KeyRefused> {
    let (key_type, domain, value) = Key::split_notation(text.trim())?;
    alias(key_type, domain, value, None)
}

/// KEY notation of an alias.
#[must_use]
pub fn notation(alias: &Alias) -> String {
    Key::new(alias.key_type, &alias.domain, &alias.value).to_string()
}

/// A key as a number: equal for equal keys, and different for different ones, because nobody finds
/// two texts with the same 128 bits of BLAKE3. Large inventories compare keys by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u128);

impl KeyId {
    /// The id of a key's parts.
    #[must_use]
    pub fn of(key_type: KeyType, domain: &str, value: &str) -> Self {
        let mut text = Vec::with_capacity(domain.len() + value.len() + 9);
        text.push(key_type.code());
        text.extend_from_slice(&(domain.len() as u64).to_le_bytes());
        text.extend_from_slice(domain.as_bytes());
        text.extend_from_slice(value.as_bytes());
        let digest = blake3::hash(&text);
        Self(
            digest
                .as_bytes()
                .first_chunk()
                .map_or(0, |bytes| u128::from_le_bytes(*bytes)),
        )
    }
}

impl From<&Alias> for KeyId {
    fn from(alias: &Alias) -> Self {
        Self::of(alias.key_type, &alias.domain, &alias.value)
    }
}

/// People and teams that a catalogue lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// By reference.
    pub entries: BTreeMap<String, DirectoryEntry>,
    /// Kinds of which the catalogue lists at least one.
    pub kinds: BTreeSet<String>,
    /// What other systems call them (`mail:ADDRESS`, `github-team:ORG/TEAM`, `github-user:LOGIN`,
    /// `gitlab:PATH`, `entra-user:ID`, `entra-group:ID`), in lower case, and their reference. Never leaves the export.
    pub known_as: BTreeMap<String, String>,
}

/// One person or team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Display name.
    pub name: Option<String>,
    /// Channel or team mailbox.
    pub contact: Option<String>,
    /// Since when they are gone.
    pub departed_ms: Option<i64>,
    /// Who is paged for what they own.
    pub escalation_policy: Option<EscalationPolicy>,
    /// Name of the source.
    pub source: String,
}

/// What a source says about an account, project or cluster as a whole. The policy sees it as tags of
/// the identities inside: `account.name`, `account.state`, `account/KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainFacts {
    /// Who says so.
    pub source: Source,
    /// Whose system.
    pub provider: Provider,
    /// The account, project or cluster.
    pub domain: String,
    /// Its display name.
    pub name: Option<String>,
    /// The provider's word for its state.
    pub state: Option<String>,
    /// Nothing in it can be used any more.
    pub closed: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The name of a secret in a store, and its age there. The secret itself is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// When it was put there first.
    pub created: Time,
    /// When it was replaced last.
    pub changed: Time,
    /// When it was last read from there.
    pub last_read: Time,
    /// After how many days the store itself replaces it.
    pub rotation_days: Option<u16>,
    /// Who says so.
    pub source: Source,
}

impl StoredSecret {
    /// A secret of which only its ages are known.
    #[must_use]
    pub fn new(source: &Source, created: Time, changed: Time) -> Self {
        Self {
            created,
            changed,
            last_read: Time::Unknown,
            rotation_days: None,
            source: source.clone(),
        }
    }
}

/// What the sources of one build list completely, so that what they don't list is known to be gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Names of the sources that were read.
    pub read: BTreeSet<String>,
    /// Names of the sources of which something is missing: a file, a page, an entry.
    pub partial: BTreeSet<String>,
    /// Source, provider, domain and group of identities ([`Coverage::group`]) of which a source showed
    /// at least one. An export may be made without a group, so its absence says nothing.
    pub listed: BTreeSet<(String, Provider, String, String)>,
}

impl Coverage {
    /// What exports list together: users, roles or root of an AWS account; elsewhere what the provider
    /// has one word for.
    #[must_use]
    pub fn group<'a>(provider: Provider, uid: &'a str, sub_type: &'a str) -> &'a str {
        match provider {
            // Roles of services are listed with the other roles.
            Provider::Aws => {
                let resource = uid.splitn(3, ':').nth(2).unwrap_or("");
                resource.split(['/', '#']).next().unwrap_or("")
            }
            _ => sub_type,
        }
    }

    /// Notes that a source lists the identities of these records.
    pub fn list<'a>(&mut self, source: &Source, records: impl IntoIterator<Item = &'a Record>) {
        // Few groups for very many records.
        let mut groups = hashbrown::HashSet::new();
        for record in records {
            if let Some(uid) = &record.uid
                && let Some(provider) = record.facts.provider
                && record.facts.retired_at_ms.is_none()
            {
                let sub_type = record.facts.sub_type.as_deref().unwrap_or("");
                let domain = record.facts.domain.as_deref().unwrap_or("");
                groups.insert((provider, domain, Self::group(provider, uid, sub_type)));
            }
        }
        for (provider, domain, group) in groups {
            let group = (
                source.name.clone(),
                provider,
                domain.to_owned(),
                group.to_owned(),
            );
            self.listed.insert(group);
        }
    }

    fn absorb(&mut self, mut other: Self) {
        self.read.append(&mut other.read);
        self.partial.append(&mut other.partial);
        self.listed.append(&mut other.listed);
    }
}

/// Everything that the connectors of one export yielded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Harvest {
    /// Statements of the sources that were read before, packed.
    pub(crate) kept: Vec<Kept>,
    /// Statements, in the order of the sources.
    pub records: Vec<Record>,
    /// People and teams.
    pub directory: Directory,
    /// Accounts, clusters and namespaces that were covered.
    pub scopes: Vec<Scope>,
    /// What sources say about whole accounts, projects and clusters.
    pub domains: Vec<DomainFacts>,
    /// Secrets in stores, by place in lower case (`github-actions:org/repo#name`).
    pub stored_secrets: BTreeMap<String, StoredSecret>,
    /// Issuers of the tokens of Kubernetes service accounts, by cluster.
    pub token_issuers: BTreeMap<String, String>,
    /// What one source says by a name that another explains.
    pub joins: Joins,
    /// What was read completely.
    pub coverage: Coverage,
    /// What a person should know: source, and what.
    pub warnings: Vec<String>,
}

impl Harvest {
    /// Takes over what a source further down says. Where both speak of the same team, secret or
    /// issuer, the first one is believed.
    pub fn absorb(&mut self, mut other: Self) {
        self.keep();
        other.keep();
        self.kept.append(&mut other.kept);
        for (reference, entry) in other.directory.entries {
            self.directory.entries.entry(reference).or_insert(entry);
        }
        for (name, reference) in other.directory.known_as {
            self.directory.known_as.entry(name).or_insert(reference);
        }
        self.directory.kinds.append(&mut other.directory.kinds);
        self.scopes.append(&mut other.scopes);
        self.domains.append(&mut other.domains);
        for (place, secret) in other.stored_secrets {
            self.stored_secrets.entry(place).or_insert(secret);
        }
        for (cluster, issuer) in other.token_issuers {
            self.token_issuers.entry(cluster).or_insert(issuer);
        }
        self.joins.absorb(other.joins);
        self.coverage.absorb(other.coverage);
        self.warnings.append(&mut other.warnings);
    }

    /// Ends the reading of one source: the order of its files and their entries does not matter.
    pub fn settle(&mut self) {
        self.scopes.sort();
        self.domains
            .sort_by_cached_key(|facts| format!("{facts:?}"));
        self.keep();
    }

    /// Notes that a source does not show all that it lists, so nothing is gone for its silence.
    pub fn incomplete(&mut self, source: &Source) {
        self.coverage.partial.insert(source.name.clone());
    }

    /// Notes something for the person who runs the export.
    pub fn warn(&mut self, source: &Source, what: impl AsRef<str>) {
        self.warnings
            .push(format!("source {:?}: {}", source.name, what.as_ref()));
    }
}
