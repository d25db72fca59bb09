//! Credentials: the same one from several exports becomes one.

use super::*;

/// Whether a statement about the last use says more than the one before.
pub(crate) fn later(known: Time, other: Time) -> bool {
    let weight = |time: Time| match time {
        Time::Unknown => (0, 0),
        Time::NotTracked => (1, 0),
        Time::NeverSince(since) => (2, since),
        Time::Never => (3, 0),
        Time::At(at) => (4, at),
    };
    weight(other) > weight(known)
}

pub(super) fn merge_credentials(known: &mut Vec<Credential>, more: Vec<Credential>) {
    for credential in more {
        match known.iter_mut().find(|known| {
            known.uid == credential.uid && known.credential_type == credential.credential_type
        }) {
            Some(known) => complete(known, &credential),
            None => known.push(credential),
        }
    }
}

/// Fills what is unknown; the later of two last uses holds.
fn complete(known: &mut Credential, other: &Credential) {
    for (slot, value) in [
        (&mut known.created, other.created),
        (&mut known.last_rotated, other.last_rotated),
        (&mut known.expires, other.expires),
    ] {
        if *slot == Time::Unknown {
            *slot = value;
        }
    }
    if later(known.last_used, other.last_used) {
        known.last_used = other.last_used;
    }
    if known.status == enrich_core::vocabulary::CredentialStatus::Unknown {
        known.status = other.status;
    }
    known.secret_source = known
        .secret_source
        .take()
        .or_else(|| other.secret_source.clone());
}

/// The credential report calls access keys by their slot; another source knows their ids. They meet
/// by date (a key that was never changed was last changed when it was made), then by order.
pub(super) fn name_report_keys(credentials: &mut Vec<Credential>) {
    let is_slot = |credential: &Credential| {
        credential.credential_type == "access_key" && credential.uid.starts_with("access_key_")
    };
    let (mut slots, rest): (Vec<Credential>, Vec<Credential>) =
        credentials.drain(..).partition(is_slot);
    let (mut named, mut other): (Vec<Credential>, Vec<Credential>) = rest
        .into_iter()
        .partition(|credential| credential.credential_type == "access_key");
    named.sort_by_key(|credential| (credential.created, credential.uid.clone()));
    slots.sort_by_key(|credential| (credential.last_rotated, credential.uid.clone()));
    let mut met = vec![false; named.len()];
    let near =
        |a: Time, b: Time| matches!((a, b), (Time::At(a), Time::At(b)) if (a - b).abs() <= 60_000);
    slots.retain(|slot| {
        match (0..named.len()).find(|n| !met[*n] && near(named[*n].created, slot.last_rotated)) {
            Some(found) => {
                met[found] = true;
                complete(&mut named[found], slot);
                false
            }
            None => true,
        }
    });
    let free: Vec<usize> = (0..named.len()).filter(|n| !met[*n]).collect();
    if free.len() == slots.len() {
        for (number, slot) in free.into_iter().zip(slots.drain(..)) {
            complete(&mut named[number], &slot);
        }
    }
    other.append(&mut named);
    other.append(&mut slots);
    *credentials = other;
}
