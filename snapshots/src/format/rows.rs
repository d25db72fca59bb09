//! Rows about identities: interned as widely as the facts allow.

use enrich_core::snapshot::schema::*;
use enrich_core::vocabulary::Environment;
use hashbrown::HashMap;

use super::intern::{Lists, Rows, Texts};
use super::{BuildError, Sections};
use crate::model::*;
use crate::text::DAY_MS;

/// The tables that grow while identities are written.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) texts: Texts,
    pub(super) lists: Lists,
    pub(super) credentials: Vec<CredentialRow>,
    profiles: Rows<ProfileRow>,
    types: Rows<TypeRow>,
    entities: Rows<EntityRow>,
    ownership: Rows<OwnershipRow>,
    exposure: Rows<ExposureRow>,
    expectations: Rows<ExpectationRow>,
    hours: Rows<HoursRow>,
    responses: Rows<ResponseRow>,
    revocations: Rows<RevocationRow>,
    escalations: Rows<EscalationRow>,
    details: Rows<DetailsRow>,
    findings: Rows<FindingRow>,
    conflicts: Rows<ConflictRow>,
    provenance: Rows<ProvenanceRow>,
    blast_radius: Rows<BlastRadiusRow>,
    never_since: Vec<i64>,
    never_since_at: HashMap<i64, u32>,
}

/// From so many different starts of "never since" on, only days are told apart.
const EXACT_NEVER_SINCE: usize = 50_000;

/// A mask of codes below 32.
fn mask(codes: impl Iterator<Item = u8>) -> u32 {
    codes.fold(0, |mask, code| mask | 1 << code)
}

pub(super) fn environments(list: &[Environment]) -> u32 {
    mask(list.iter().map(|environment| environment.code()))
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            texts: Texts::new(),
            lists: Lists::new(),
            credentials: Vec::new(),
            profiles: Rows::new(),
            types: Rows::new(),
            entities: Rows::new(),
            ownership: Rows::new(),
            exposure: Rows::new(),
            expectations: Rows::new(),
            hours: Rows::new(),
            responses: Rows::new(),
            revocations: Rows::new(),
            escalations: Rows::new(),
            details: Rows::new(),
            findings: Rows::new(),
            conflicts: Rows::new(),
            provenance: Rows::new(),
            blast_radius: Rows::new(),
            never_since: Vec::new(),
            never_since_at: HashMap::new(),
        }
    }

    /// Hands every table over.
    pub(super) fn push_into(self, out: &mut Sections) -> Result<(), BuildError> {
        out.push(section::PROFILES, &self.profiles.into_rows())?;
        out.push(section::TYPES, &self.types.into_rows())?;
        out.push(section::OWNERSHIP, &self.ownership.into_rows())?;
        out.push(section::ENTITIES, &self.entities.into_rows())?;
        out.push(section::EXPOSURE, &self.exposure.into_rows())?;
        out.push(section::EXPECTATIONS, &self.expectations.into_rows())?;
        out.push(section::HOURS, &self.hours.into_rows())?;
        out.push(section::RESPONSES, &self.responses.into_rows())?;
        out.push(section::REVOCATIONS, &self.revocations.into_rows())?;
        out.push(section::ESCALATIONS, &self.escalations.into_rows())?;
        out.push(section::CREDENTIALS, &self.credentials)?;
        out.push(section::DETAILS, &self.details.into_rows())?;
        out.push(section::FINDINGS, &self.findings.into_rows())?;
        out.push(section::CONFLICTS, &self.conflicts.into_rows())?;
        out.push(section::PROVENANCE, &self.provenance.into_rows())?;
        out.push(section::BLAST_RADIUS, &self.blast_radius.into_rows())?;
        out.push(section::NEVER_SINCE, &self.never_since)?;
        out.push(section::LISTS, &self.lists.into_numbers())?;
        out.push(section::TEXT, &self.texts.into_heap())
    }

    /// A time as the format holds it. Times before 1970-01-02 cannot be told from the states and
    /// become unknown; times after 2106 become the last second that fits.
    pub(super) fn time(&mut self, time: Time) -> Result<u32, BuildError> {
        Ok(match time {
            Time::Unknown => time_code::UNKNOWN,
            Time::NotTracked => time_code::NOT_TRACKED,
            Time::Never => time_code::NEVER,
            Time::NeverSince(ms) => {
                let limit = time_code::FIRST_SECOND - time_code::FIRST_NEVER_SINCE;
                // The place for them is small. When it is nearly full, the rest is rounded up to the
                // day: what was not used since noon was not used since midnight either.
                let is_nearly_full = self.never_since.len() >= EXACT_NEVER_SINCE;
                let ms = if is_nearly_full && !self.never_since_at.contains_key(&ms) {
                    ms.saturating_add(DAY_MS - 1).div_euclid(DAY_MS) * DAY_MS
                } else {
                    ms
                };
                let next = self.never_since.len() as u32;
                let number = *self.never_since_at.entry(ms).or_insert(next);
                if number == next {
                    self.never_since.push(ms);
                }
                if number >= limit {
                    return Err(BuildError::TooLarge {
                        what: "different starts of \"never since\"",
                        count: u64::from(number),
                        limit: u64::from(limit),
                    });
                }
                time_code::FIRST_NEVER_SINCE + number
            }
            Time::At(ms) => match u32::try_from(ms.div_euclid(1000)) {
                Ok(seconds) if seconds >= time_code::FIRST_SECOND => seconds,
                Err(_) if ms > 0 => u32::MAX,
                _ => time_code::UNKNOWN,
            },
        })
    }

    fn time_or_unknown(&mut self, ms: Option<i64>) -> Result<u32, BuildError> {
        self.time(ms.map_or(Time::Unknown, Time::At))
    }

    fn text_list(&mut self, texts: &[String]) -> Result<u32, BuildError> {
        let list = texts
            .iter()
            .map(|text| self.texts.add(text))
            .collect::<Result<_, _>>()?;
        self.lists.add(list)
    }

    pub(super) fn entity(&mut self, entity: Option<&EntityRef>) -> Result<u32, BuildError> {
        let Some(entity) = entity else { return Ok(0) };
        self.entities.add(EntityRow {
            reference: self.texts.add(&entity.reference)?,
            name: self.texts.option(entity.name.as_deref())?,
            contact: self.texts.option(entity.contact.as_deref())?,
        })
    }

    pub(super) fn escalation(
        &mut self,
        policy: Option<&EscalationPolicy>,
    ) -> Result<u32, BuildError> {
        let Some(policy) = policy else { return Ok(0) };
        self.escalations.add(EscalationRow {
            system: self.texts.add(&policy.system)?,
            id: self.texts.add(&policy.id)?,
            url: self.texts.option(policy.url.as_deref())?,
        })
    }

    pub(super) fn credentials(&mut self, identity: &Identity) -> Result<(), BuildError> {
        let mut sorted: Vec<&Credential> = identity.credentials.iter().collect();
        sorted.sort();
        for credential in sorted {
            let codes = u32::from(credential.status.code())
                | u32::from(credential.max_age_days.unwrap_or(0)) << 16;
            let row = CredentialRow {
                uid: self.texts.add(&credential.uid)?,
                type_: self.texts.add(&credential.credential_type)?,
                created: self.time(credential.created)?,
                last_rotated: self.time(credential.last_rotated)?,
                expires: self.time(credential.expires)?,
                last_used: self.time(credential.last_used)?,
                secret_source: self.texts.option(credential.secret_source.as_deref())?,
                codes,
            };
            self.credentials.push(row);
        }
        Ok(())
    }

    pub(super) fn profile(&mut self, identity: &Identity) -> Result<u32, BuildError> {
        let codes = u32::from(identity.kind.code())
            | u32::from(identity.provider.code()) << 8
            | u32::from(identity.lifecycle_state.code()) << 16;
        let type_ = self.types.add(TypeRow {
            codes,
            sub_type: self.texts.add(&identity.sub_type)?,
            domain: self.texts.add(&identity.domain)?,
        })?;
        let row = ProfileRow {
            type_,
            ownership: self.ownership(identity)?,
            exposure: self.exposure(identity)?,
            behavior: self.behavior(&identity.behavior)?,
            response: self.response(&identity.response)?,
            provenance: self.provenance(&identity.provenance)?,
        };
        self.profiles.add(row)
    }

    fn ownership(&mut self, identity: &Identity) -> Result<u32, BuildError> {
        let owner = identity.owner.as_ref();
        let row = OwnershipRow {
            owner: self.entity(owner.map(|owner| &owner.entity))?,
            source: self
                .texts
                .option(owner.map(|owner| owner.source.as_str()))?,
            as_of: self.time_or_unknown(owner.and_then(|owner| owner.as_of_ms))?,
            status: owner.map_or(0, |owner| u32::from(owner.status.code())),
            sponsor: self.entity(identity.sponsor.as_ref())?,
            secondary: self.text_list(&identity.secondary_owners)?,
            service: self.texts.option(identity.service.as_deref())?,
            vendor: self.texts.option(identity.vendor.as_deref())?,
        };
        self.ownership.add(row)
    }

    fn exposure(&mut self, identity: &Identity) -> Result<u32, BuildError> {
        let privilege = identity.privilege.as_ref();
        if let Some(privilege) = privilege
            && privilege.tier > 3
        {
            return Err(BuildError::Tier {
                uid: identity.uid.clone(),
                tier: privilege.tier,
            });
        }
        let codes = environments(&identity.environment)
            | identity
                .criticality
                .map_or(0, |criticality| u32::from(criticality.code()))
                << 8
            | privilege.map_or(0, |privilege| u32::from(privilege.tier) + 1) << 16
            | privilege.map_or(0, |privilege| u32::from(privilege.level.code())) << 24;
        let basis =
            self.text_list(privilege.map_or(&[], |privilege| privilege.basis.as_slice()))?;
        self.exposure.add(ExposureRow { codes, basis })
    }

    fn behavior(&mut self, expectations: &[Expectation]) -> Result<u32, BuildError> {
        let mut sorted: Vec<&Expectation> = expectations.iter().collect();
        sorted.sort();
        let mut list = Vec::with_capacity(sorted.len());
        for expectation in sorted {
            let hours = match &expectation.hours {
                None => 0,
                Some(bits) => {
                    let mut words = [0_u32; 6];
                    for (at, byte) in bits.iter().enumerate() {
                        words[at / 4] |= u32::from(*byte) << (8 * (at % 4));
                    }
                    // Row 0 means absent; "never" would look like it, so one unused bit is set.
                    words[5] |= 1 << 31;
                    self.hours.add(HoursRow { words })?
                }
            };
            let row = ExpectationRow {
                codes: u32::from(expectation.dimension.code())
                    | u32::from(expectation.basis.code()) << 8
                    | u32::from(expectation.window_days) << 16,
                samples: expectation.samples,
                allowed: self.text_list(&expectation.allowed)?,
                hours,
            };
            list.push(self.expectations.add(row)?);
        }
        self.lists.add(list)
    }

    fn response(&mut self, response: &Response) -> Result<u32, BuildError> {
        let mut options: Vec<&Revocation> = response.revocation.iter().collect();
        // Fastest first; a stable sort keeps the declared order among equals.
        options.sort_by_key(|option| option.expected_minutes);
        let mut list = Vec::with_capacity(options.len());
        for option in options {
            let row = RevocationRow {
                action: self.texts.add(&option.action)?,
                system: self.texts.add(&option.system)?,
                team: self.texts.add(&option.team)?,
                runbook: self.texts.option(option.runbook.as_deref())?,
                expected_minutes: option.expected_minutes,
                breaks: self.text_list(&option.breaks)?,
            };
            list.push(self.revocations.add(row)?);
        }
        let row = ResponseRow {
            revocations: self.lists.add(list)?,
            escalation: self.escalation(response.escalation_policy.as_ref())?,
            context_owner: self.texts.option(response.context_owner.as_deref())?,
            response_owner: self.texts.option(response.response_owner.as_deref())?,
        };
        self.responses.add(row)
    }

    fn provenance(&mut self, provenance: &[Provenance]) -> Result<u32, BuildError> {
        let mut list = Vec::with_capacity(provenance.len());
        for entry in provenance {
            let row = ProvenanceRow {
                field: self.texts.add(&entry.field)?,
                source: self.texts.add(&entry.source)?,
                observed: self.time_or_unknown(entry.observed_ms)?,
            };
            list.push(self.provenance.add(row)?);
        }
        self.lists.add(list)
    }

    pub(super) fn details(
        &mut self,
        identity: &Identity,
        uid_rest: &str,
        shared_keys: u32,
    ) -> Result<u32, BuildError> {
        let agent = identity.agent.as_ref();
        let row = DetailsRow {
            retired_ms: identity.retired_at_ms.unwrap_or(i64::MIN),
            name: if identity.name == uid_rest {
                0
            } else {
                self.texts.add(&identity.name)?
            },
            purpose: self.texts.option(identity.purpose.as_deref())?,
            agent_framework: self
                .texts
                .option(agent.map(|agent| agent.framework.as_str()))?,
            agent_parent: self
                .texts
                .option(agent.map(|agent| agent.parent.as_str()))?,
            created_by: self.texts.option(identity.lineage.created_by.as_deref())?,
            assumable_by: self.text_list(&identity.lineage.assumable_by)?,
            can_assume: self.text_list(&identity.lineage.can_assume)?,
            on_behalf_of: self.text_list(&identity.lineage.on_behalf_of)?,
            workloads: self.text_list(&identity.workloads)?,
            findings: self.findings(&identity.findings)?,
            conflicts: self.conflicts(&identity.conflicts)?,
            blast_radius: self.blast_radius(identity.blast_radius.as_ref())?,
            shared_keys,
            reserved: 0,
        };
        let nothing = DetailsRow {
            retired_ms: i64::MIN,
            ..DetailsRow::default()
        };
        if row == nothing {
            Ok(0)
        } else {
            self.details.add(row)
        }
    }

    fn findings(&mut self, findings: &[Finding]) -> Result<u32, BuildError> {
        let mut list = Vec::with_capacity(findings.len());
        for finding in findings {
            let exception = finding.exception.as_ref();
            let row = FindingRow {
                name: self.texts.add(&finding.name)?,
                owasp: self.texts.option(finding.owasp.as_deref())?,
                severity: u32::from(finding.severity.code()),
                evidence: self.texts.add(&finding.evidence)?,
                exception_until: self.time_or_unknown(exception.map(|(until, _)| *until))?,
                exception_reason: self
                    .texts
                    .option(exception.map(|(_, reason)| reason.as_str()))?,
            };
            list.push(self.findings.add(row)?);
        }
        self.lists.add(list)
    }

    fn conflicts(&mut self, conflicts: &[Conflict]) -> Result<u32, BuildError> {
        let mut list = Vec::with_capacity(conflicts.len());
        for conflict in conflicts {
            let row = ConflictRow {
                field: self.texts.add(&conflict.field)?,
                source: self.texts.add(&conflict.source)?,
                value: self.texts.add(&conflict.value)?,
            };
            list.push(self.conflicts.add(row)?);
        }
        self.lists.add(list)
    }

    fn blast_radius(&mut self, radius: Option<&BlastRadius>) -> Result<u32, BuildError> {
        let Some(radius) = radius else { return Ok(0) };
        let row = BlastRadiusRow {
            identities: radius.identities,
            accounts: radius.accounts,
            environments: environments(&radius.environments),
            teams: self.text_list(&radius.teams)?,
        };
        self.blast_radius.add(row)
    }

    pub(super) fn rule(&mut self, rule: &TriageRule) -> Result<RuleRow, BuildError> {
        Ok(RuleRow {
            name: self.texts.add(&rule.name)?,
            priority: u32::from(rule.priority.code()),
            rationale: self.texts.add(&rule.rationale)?,
            outcomes: mask(rule.outcomes.iter().map(|word| word.code())),
            roles: mask(rule.roles.iter().map(|word| word.code())),
            verdicts: mask(rule.verdicts.iter().map(|word| word.code())),
            max_tier: rule.max_tier.map_or(0, |tier| u32::from(tier) + 1),
            min_criticality: rule
                .min_criticality
                .map_or(0, |word| u32::from(word.code())),
            min_finding_severity: rule
                .min_finding_severity
                .map_or(0, |word| u32::from(word.code())),
            findings: self.text_list(&rule.findings)?,
            kinds: mask(rule.kinds.iter().map(|word| word.code())),
            deviations: mask(rule.deviations.iter().map(|word| word.code())),
            environments: environments(&rule.environments),
            lifecycle_states: mask(rule.lifecycle_states.iter().map(|word| word.code())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_starts_of_never_since_become_days() {
        let mut writer = Writer::new();
        let mut codes = std::collections::BTreeSet::new();
        for second in 0..200_000_i64 {
            codes.insert(writer.time(Time::NeverSince(second * 61_000)).unwrap());
        }
        let days = 200_000_i64 * 61 / 86_400;
        let most = EXACT_NEVER_SINCE + days as usize + 1;
        assert!(
            codes.len() > EXACT_NEVER_SINCE && codes.len() <= most,
            "{}",
            codes.len()
        );
        // What was exact before stays so, and a rounded start is never earlier than the true one.
        assert_eq!(
            writer.time(Time::NeverSince(61_000)).unwrap(),
            time_code::FIRST_NEVER_SINCE + 1
        );
        let late = writer.time(Time::NeverSince(199_999 * 61_000)).unwrap();
        let stored = writer.never_since[(late - time_code::FIRST_NEVER_SINCE) as usize];
        assert!(stored >= 199_999 * 61_000 && stored % DAY_MS == 0);
    }
}
