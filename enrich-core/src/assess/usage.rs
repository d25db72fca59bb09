//! How an identity is used in an event, and what that shows: dormancy, a person at work, another
//! environment, a credential that has been replaced.

use super::findings::{DAY_MS, Evidence};
use super::{glob, place};
use crate::event::observation::Observation;
use crate::event::text::TextBuffers;
use crate::layers::Layers;
use crate::snapshot::{CredentialRef, IdentityRef, TimeFact};
use crate::vocabulary::{
    CredentialStatus, Environment, Kind, LifecycleState, OutcomeKind, Role, Severity,
};

/// How one identity is used in an event.
pub(crate) struct Usage<'q, 's> {
    pub(crate) layers: &'q Layers<'q>,
    pub(crate) buffers: &'q TextBuffers<'q>,
    pub(crate) observation: &'q Observation,
    pub(crate) role: Role,
    pub(crate) outcome: OutcomeKind,
    pub(crate) identity: &'q IdentityRef<'s>,
    pub(crate) credential: Option<&'q CredentialRef<'s>>,
    /// It used an access key that the inventory does not list.
    pub(crate) is_unlisted: bool,
    /// The event's time or, without one, the snapshot's.
    pub(crate) time_ms: i64,
}

impl<'s> Usage<'_, 's> {
    /// Whether something was unused for longer than the limit when the event happened. A use after
    /// the event says nothing about it, and neither does a time that is not known.
    fn unused(&self, last: TimeFact, credential: &'s str) -> Option<Evidence<'s>> {
        let (at, limit) = (last.at()?, self.layers.limits().dormant_after_days?);
        let for_ms = self.observation.time_ms?.saturating_sub(at);
        (for_ms > i64::from(limit) * DAY_MS).then_some(Evidence::Unused {
            credential,
            at,
            days: for_ms / DAY_MS,
            limit,
        })
    }

    /// Why the identity, or the credential that it used, counts as dormant. A last use that is known
    /// decides; else the snapshot's state does.
    pub(crate) fn dormant(&self) -> Option<Evidence<'s>> {
        let last_seen = self.identity.last_seen();
        let is_known = last_seen.at().is_some()
            && self.observation.time_ms.is_some()
            && self.layers.limits().dormant_after_days.is_some();
        let of_state =
            !is_known && self.identity.lifecycle_state() == Some(LifecycleState::Dormant);
        self.unused(last_seen, "")
            .or_else(|| of_state.then_some(Evidence::State("the identity is dormant")))
            .or_else(|| {
                self.credential
                    .and_then(|credential| self.unused(credential.last_used(), credential.uid()))
            })
    }

    /// What shows that a person is at work.
    pub(crate) fn human(&self) -> Option<Evidence<'s>> {
        let kind = self.identity.kind();
        // A person may well sign in through an application, or by way of a broker.
        let acts = matches!(self.role, Role::Actor | Role::Effective);
        if !acts || matches!(kind, Kind::Human | Kind::Unknown) {
            return None;
        }
        if self.observation.facts.is_interactive {
            return Some(Evidence::Interactive);
        }
        // An AI agent may drive a browser, and who acts for a person or by a person's impersonation
        // shows the person's user agent.
        let is_alone = self.role == Role::Actor
            && !self
                .observation
                .identities
                .iter()
                .any(|other| matches!(other.role, Role::Effective | Role::Delegator));
        if kind == Kind::AiAgent || !is_alone {
            return None;
        }
        let agent = self.buffers.get(self.observation.facts.user_agent);
        let family = family(agent)?;
        Some(Evidence::Named(
            "user agent of ",
            family,
            " shown by a non-human identity",
        ))
    }

    /// An environment in which the event happened and which is none of the identity's.
    pub(crate) fn outside(&self) -> Option<(Severity, Evidence<'s>)> {
        let own = self.identity.environment_mask();
        if own == 0 || self.identity.kind() == Kind::Human {
            return None;
        }
        let (provider, domain, part) = place(self.buffers, self.observation)?;
        let mut place = self.layers.environments(provider, domain, part);
        if place == 0 {
            place = self.layers.environments(provider, domain, "");
        }
        let severity = if place >> Environment::Production.code() & 1 == 1 {
            Severity::High
        } else {
            Severity::Medium
        };
        (place != 0 && place & own == 0).then_some((severity, Evidence::Outside { place, own }))
    }

    /// The credential that has replaced the used one: same identity and type, made later, usable.
    /// Once the grace is over, or the used one is switched off, it should not be used any more.
    pub(crate) fn replaced(&self, old: &CredentialRef<'s>, is_off: bool) -> Option<Evidence<'s>> {
        let made = old.created().at()?;
        // A holder of tokens may have one for each purpose; none of them replaces another.
        if old.credential_type() == "token" {
            return None;
        }
        let mut first: Option<(i64, CredentialRef<'s>)> = None;
        for new in self.identity.credentials() {
            if let TimeFact::At(at) = new.created()
                && at > made
                && first.is_none_or(|(first, _)| at < first)
                && new.status() == CredentialStatus::Active
                && new.credential_type() == old.credential_type()
            {
                first = Some((at, new));
            }
        }
        let (at, new) = first?;
        let grace = self.layers.limits().rotation_grace_days?;
        let for_ms = self.time_ms.saturating_sub(at);
        let is_over = for_ms > i64::from(grace) * DAY_MS || (is_off && for_ms >= 0);
        is_over.then_some(Evidence::Replaced {
            old: old.uid(),
            new: new.uid(),
            at,
            days: for_ms / DAY_MS,
            grace,
        })
    }
}

/// User agents that only people have in front of them, and what shows each.
const FAMILIES: [(&str, &str); 4] = [
    ("Mozilla/5.0 (*Gecko*", "a browser"),
    ("signin.amazonaws.com", "the AWS console"),
    ("aws-cli/*exec-env/CloudShell*", "AWS CloudShell"),
    (
        "google-cloud-sdk gcloud/*interactive/True from-script/False*",
        "gcloud at a terminal",
    ),
];

/// Programs that call themselves a browser.
const NO_BROWSERS: [&str; 3] = ["*Headless*", "*Electron/*", "*compatible*"];

/// What a user agent shows of a person, if anything.
fn family(agent: &str) -> Option<&'static str> {
    let (_, family) = FAMILIES
        .iter()
        .find(|(pattern, _)| glob::matches(pattern, agent))?;
    let is_program = NO_BROWSERS
        .iter()
        .any(|pattern| glob::matches(pattern, agent));
    (!is_program).then_some(*family)
}

#[cfg(test)]
mod tests {
    use super::family;

    #[test]
    fn people_and_programs() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
                Some("a browser"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
                Some("a browser"),
            ),
            ("signin.amazonaws.com", Some("the AWS console")),
            (
                "aws-cli/2.13.5 Python/3.11.4 Linux/4.14.255 exec-env/CloudShell exe/x86_64.amzn.2 prompt/off command/iam.create-role",
                Some("AWS CloudShell"),
            ),
            (
                "google-cloud-sdk gcloud/522.0.0 command/gcloud.projects.list environment/None interactive/True from-script/False python/3.12",
                Some("gcloud at a terminal"),
            ),
            (
                "google-cloud-sdk gcloud/522.0.0 command/gcloud.projects.list environment/None interactive/False from-script/True python/3.12",
                None,
            ),
            ("console.amazonaws.com", None),
            ("AWS Internal", None),
            ("cloudformation.amazonaws.com", None),
            ("aws-sdk-java/1.12.797 Mozilla/5.0 (compatible) Gecko", None),
            (
                "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.4391",
                None,
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/145.0.0.0 Safari/537.36",
                None,
            ),
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (KHTML, like Gecko) Code/1.99 Chrome/134 Electron/35 Safari/537.36",
                None,
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1)",
                None,
            ),
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", None),
            ("kubectl/v1.34.2 (darwin/arm64) kubernetes/8cc511e", None),
            ("", None),
        ] {
            assert_eq!(family(agent), expected, "{agent}");
        }
    }
}
