//! AI agents in formats that carry OpenTelemetry's or OCSF's agent fields.

use super::observer::Observer;
use super::text::Span;
use crate::key::KeyType;
use crate::vocabulary::{Provider, Role};

/// Adds the agent that an event names. `provider`: whose agents these are.
///
/// Where the agent is one of Entra's, its object id stands in `gen_ai.agent.id`; any other id is no
/// GUID, or one that no Entra object has.
pub(crate) fn observe(o: &mut Observer<'_, '_>, id: Span, provider: Span) {
    let domain = o.or_default_domain(provider);
    o.begin(Role::Actor, Provider::Other, domain);
    o.key(KeyType::EntraObjectId, id);
    o.key_in(KeyType::GenAiAgentId, domain, id);
    o.set_agent();
    o.end();
}
