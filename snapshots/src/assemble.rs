//! Assembly: the records of all sources become the identities of one inventory.
//!
//! Identities are decided in two steps, because some facts of one need another: first what each is,
//! then what it reaches, what is wrong with it and what is done about it. Between the two only their
//! keys are looked at, so a snapshot of a million identities is written one at a time.

use std::sync::Mutex;

use enrich_core::KeyType;
use enrich_core::vocabulary::{LifecycleState, OwnerStatus};

use crate::classify::{Context, Named, complete, decide, scopes};
use crate::domains::{self, Domains};
use crate::export::{Explicit, Exported, Report};
use crate::format::MAX_UID;
use crate::format::{BuildError, Builder, Holder};
use crate::limits::{Cleaned, clean, clean_rules, clean_scope, is_clean, told};
use crate::model::{Alias, EventLimits, Identity, Inventory, Meta, Time};
use crate::policy::Policy;
use crate::previous::Previous;
use crate::privacy::Pseudonyms;
use crate::reach::reach;
use crate::reconcile::{Precedence, RETENTION_MS, Stored, in_parallel, reconcile, tombstones};
use crate::record::Harvest;

/// What the inventory configuration decides beside the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) organization: String,
    pub(crate) precedence: Precedence,
    pub(crate) retention_ms: i64,
    pub(crate) pseudonyms: Option<Pseudonyms>,
}

impl Settings {
    pub(crate) fn new(organization: &str) -> Self {
        Self {
            organization: organization.to_owned(),
            precedence: Precedence::default(),
            retention_ms: RETENTION_MS,
            pseudonyms: None,
        }
    }
}

/// So many identities are finished together and written before the next ones.
const BATCH: usize = 16_384;

/// Identities that are decided and not finished.
pub(crate) struct Assembly<'a> {
    subjects: Vec<Stored>,
    context: Context<'a>,
    inventory: Inventory,
    report: Report,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(
        settings: &Settings,
        harvest: &'a mut Harvest,
        policy: &'a Policy,
        explicit: &Explicit,
    ) -> Self {
        let reconciled = reconcile(harvest, &settings.precedence);
        let harvest = &*harvest;
        let domains = Domains::new(&harvest.domains);
        let mut covered = domains::owned(&harvest.scopes, &harvest.domains, policy);
        domains::namespaces(&mut covered, &reconciled.subjects, policy);
        let scopes = scopes(&covered, policy, &harvest.directory);
        let mut context = Context::new(policy, &harvest.directory, explicit.created_ms, &scopes);
        if policy.pseudonymise_people && settings.pseudonyms.is_some() {
            context.pseudonyms.clone_from(&settings.pseudonyms);
        }
        let named = Mutex::new(Named::default());
        let mut subjects = in_parallel(reconciled.subjects, |stored| {
            let mut subject = stored.open();
            domains.apply(&mut subject);
            add_short_names(&mut subject.identity.aliases);
            decide(&mut subject, &context, &named);
            Stored::of(subject)
        });
        reach(&mut subjects);
        let named = named.into_inner().unwrap_or_default();
        let (networks, mut warnings) = named.settle(policy);
        warnings.extend(reconciled.warnings);
        let mut cleaned = Cleaned::default();
        let mut scopes = scopes;
        scopes.retain_mut(|scope| {
            if let Some(pseudonyms) = &context.pseudonyms {
                pseudonyms.hide_owner(scope);
            }
            clean_scope(scope, &mut cleaned)
        });
        let mut too_long = 0_usize;
        subjects.retain_mut(|subject| {
            // The format has no room for it, and one odd name is no reason to have no snapshot.
            if subject.uid.len() > MAX_UID {
                too_long += 1;
                return false;
            }
            let is_kept = is_clean(&subject.uid, &mut cleaned);
            if is_kept {
                let stated = subject.aliases();
                let mut aliases = stated.clone();
                cleaned.aliases(&mut aliases);
                if aliases != stated {
                    subject.set_aliases(&aliases);
                }
            } else {
                warnings.push(
                    "an identity is left out because its uid is shaped as a secret or holds control characters".to_owned(),
                );
            }
            is_kept
        });
        if too_long > 0 {
            warnings.push(format!(
                "{too_long} identities are left out because their uids have more than {MAX_UID} bytes"
            ));
        }
        let mut report = Report {
            ambiguous_keys: reconciled.ambiguous_keys,
            unmatched: reconciled.unmatched,
            warnings,
            cleaned,
            ..Report::default()
        };
        if let Some(previous) = &explicit.previous {
            let (count, left_out) = tombstones(
                previous,
                &harvest.coverage,
                explicit.created_ms,
                settings.retention_ms,
                &mut subjects,
            );
            report.tombstones = count;
            report.warnings.extend(left_out);
        }
        report.identities = subjects.len();
        let rules = clean_rules(&policy.triage, &mut report.cleaned);
        let inventory = Inventory {
            meta: Meta {
                id: String::new(),
                organization: settings.organization.clone(),
                created_ms: explicit.created_ms,
                sequence: explicit.sequence,
                valid_for_s: explicit.valid_for_s,
                previous: explicit.previous.as_ref().map(Previous::digest),
                overlay_of: None,
            },
            identities: Vec::new(),
            scopes,
            networks,
            rules,
            limits: EventLimits {
                dormant_after_days: Some(policy.thresholds.dormant_after_days),
                rotation_grace_days: Some(policy.thresholds.rotation_grace_days),
            },
            removed_keys: Vec::new(),
        };
        Self {
            subjects,
            context,
            inventory,
            report,
        }
    }

    /// Finishes all identities and keeps them.
    pub(crate) fn into_inventory(self) -> Exported {
        let mut identities = Vec::with_capacity(self.subjects.len());
        let done = self.each(&mut |identity| {
            identities.push(identity);
            Ok(())
        });
        let (mut inventory, report) =
            done.unwrap_or_else(|never: std::convert::Infallible| match never {});
        inventory.identities = identities;
        Exported { inventory, report }
    }

    /// Writes the identities as they are finished. The inventory that comes back holds none of them.
    pub(crate) fn into_snapshot(mut self) -> Result<(Vec<u8>, Exported), BuildError> {
        let mut builder = {
            let subjects = &self.subjects;
            let holder = |number: usize| {
                let subject = &subjects[number];
                Holder {
                    uid: &subject.uid,
                    aliases: subject.aliases().into(),
                    retired_at_ms: subject.retired_at_ms,
                }
            };
            Builder::new((subjects.len(), &holder), &[], false)?
        };
        // The keys are written.
        for subject in &mut self.subjects {
            subject.drop_aliases();
        }
        let (inventory, report) = self.each(&mut |identity| builder.add(&identity))?;
        let bytes = builder.finish(&inventory)?;
        Ok((bytes, Exported { inventory, report }))
    }

    fn each<E>(
        self,
        sink: &mut dyn FnMut(Identity) -> Result<(), E>,
    ) -> Result<(Inventory, Report), E> {
        let Self {
            mut subjects,
            context,
            inventory,
            mut report,
        } = self;
        // From the end, so that what is done is let go.
        subjects.reverse();
        while !subjects.is_empty() {
            let rest = subjects.len().saturating_sub(BATCH);
            let batch: Vec<Stored> = subjects.drain(rest..).rev().collect();
            let finished = in_parallel(batch, |stored| {
                let mut subject = stored.open();
                let mut cleaned = Cleaned::default();
                if !subject.is_tombstone {
                    cleaned.secrets += subject.exposed.len();
                    complete(&mut subject, &context);
                    clean(&mut subject.identity, &mut cleaned);
                } else if let Some(pseudonyms) = &context.pseudonyms {
                    // The previous snapshot may be from before.
                    pseudonyms.hide(&mut subject.identity);
                }
                (subject.identity, cleaned)
            });
            for (identity, cleaned) in finished {
                report.cleaned.add(&cleaned);
                count(&identity, inventory.meta.created_ms, &mut report);
                sink(identity)?;
            }
        }
        for list in [
            &mut report.ambiguous_keys,
            &mut report.unmatched,
            &mut report.warnings,
        ] {
            for line in list {
                *line = told(std::mem::take(line));
            }
        }
        Ok((inventory, report))
    }
}

/// Gives users that have a path their ARN without it as a further key. CloudTrail names the user that
/// a call of IAM acts upon by the name alone, and no two users of an account have the same name,
/// whatever their paths. Roles need none: events have their ids or whole ARNs.
fn add_short_names(aliases: &mut Vec<Alias>) {
    let short: Vec<Alias> = aliases
        .iter()
        .filter(|alias| alias.key_type == KeyType::AwsArn)
        .filter_map(|alias| {
            Some(Alias {
                value: without_path(&alias.value)?,
                ..alias.clone()
            })
        })
        .collect();
    for alias in short {
        if aliases.iter().all(|known| known.value != alias.value) {
            aliases.push(alias);
        }
    }
}

/// The ARN of a user without the path; `None` where it has none, and for all that are no users.
fn without_path(arn: &str) -> Option<String> {
    let (account, path_and_name) = arn.split_once(":user/")?;
    let (_, name) = path_and_name.rsplit_once('/')?;
    Some(format!("{account}:user/{name}"))
}

fn count(identity: &Identity, created_ms: i64, report: &mut Report) {
    if identity.lifecycle_state == LifecycleState::Deprovisioned {
        *report.kinds.entry("(retired)").or_default() += 1;
        return;
    }
    *report.kinds.entry(identity.kind.as_str()).or_default() += 1;
    match &identity.owner {
        None => report.without_owner += 1,
        Some(owner) if owner.status == OwnerStatus::Departed => report.departed_owner += 1,
        Some(_) => {}
    }
    report.conflicts += identity.conflicts.len();
    for finding in &identity.findings {
        match report.findings.get_mut(&finding.name) {
            Some((count, highest)) => {
                *count += 1;
                *highest = (*highest).max(finding.severity);
            }
            None => {
                let first = (1, finding.severity);
                report.findings.insert(finding.name.clone(), first);
            }
        }
    }
    for credential in &identity.credentials {
        if let Time::At(rotated) = credential.last_rotated
            && rotated > created_ms
        {
            report.warnings.push(format!("{}: credential {} was rotated after the snapshot's time; check the clock or `created`", identity.uid, credential.uid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_path;

    #[test]
    fn a_user_with_a_path_has_a_short_name() {
        for (arn, short) in [
            (
                "arn:aws:iam::111122223333:user/team/a/bob",
                Some("arn:aws:iam::111122223333:user/bob"),
            ),
            (
                "arn:aws-cn:iam::111122223333:user/svc/bob",
                Some("arn:aws-cn:iam::111122223333:user/bob"),
            ),
            ("arn:aws:iam::111122223333:user/bob", None),
            ("arn:aws:iam::111122223333:role/ci/bob", None),
            ("arn:aws:iam::111122223333:root", None),
        ] {
            assert_eq!(without_path(arn).as_deref(), short, "{arn}");
        }
    }
}
