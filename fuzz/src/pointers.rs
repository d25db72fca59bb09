//! Where the scanner is asked to look: at fixed places, and at places of the document at hand.

use crate::document::Doc;
use crate::random::Random;

/// Pointers that are looked for in every document. Some share their first or last eight bytes, some
/// are prefixes of others.
pub const FIXED: &[&str] = &[
    "/",
    "//",
    "/a",
    "/a/b",
    "/a/b/c",
    "/a/0",
    "/a/0/b",
    "/a/0/0",
    "/b/0/0/0",
    "/~0",
    "/~1",
    "/~01",
    "/a~1b",
    "/whose",
    "/whose/v",
    "/a/whose",
    "/é",
    "/\u{1F600}",
    "/\u{0}",
    "/\"",
    "/\\",
    "/eventName",
    "/eventNamf",
    "/eventTime",
    "/userIdentity",
    "/userIdentity/type",
    "/userIdentity/sessionContext/sessionIssuer/arn",
    "/resources/0/ARN",
    "/requestParameters",
    "/requestParameters/roleArn",
    "/12345678",
    "/123456789",
    "/1234567812345678",
    "/12345678x12345678",
    "/12345678y12345678",
    "/12345678-between-the-ends-12345678",
    "/12345678-between the ends-12345678",
    "/user/extra/authentication.kubernetes.io~1credential-id/0",
    "/protoPayload/authenticationInfo/serviceAccountDelegationInfo/0/principalSubject",
];

/// Most pointers that are taken from a document.
pub(crate) const MOST_DERIVED: usize = 48;

/// Pointers to what a document holds, and to what it nearly holds.
pub(crate) fn derived(document: &Doc, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut level = vec![(String::new(), document)];
    // Level by level, so that a long first member does not take all places.
    while out.len() < MOST_DERIVED && !level.is_empty() {
        let mut next = Vec::new();
        for (pointer, value) in level {
            match value {
                Doc::Object(members) => {
                    let named = members.iter().filter(|(name, _)| name != "0");
                    next.extend(named.map(|(name, value)| {
                        let step = name.replace('~', "~0").replace('/', "~1");
                        (format!("{pointer}/{step}"), value)
                    }));
                }
                Doc::Array(items) => {
                    let first = items.first();
                    next.extend(first.map(|item| (format!("{pointer}/0"), item)));
                }
                _ => {}
            }
        }
        out.extend(next.iter().map(|(pointer, _)| pointer.clone()));
        level = next;
    }
    out.truncate(MOST_DERIVED);
    // Every third of them slightly wrong.
    let mut random = Random::of(text.as_bytes());
    let near: Vec<String> = out
        .iter()
        .step_by(3)
        .map(|pointer| near(pointer, &mut random))
        .collect();
    out.extend(near);
    out
}

/// A pointer that differs from another in one character, or goes on where the other ends.
fn near(pointer: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = pointer.chars().collect();
    let at = 1 + random.below(characters.len());
    match random.below(4) {
        0 => characters.push('x'),
        1 => characters.extend("/0".chars()),
        2 if at < characters.len() => characters[at] = 'y',
        _ if at < characters.len() => {
            characters.remove(at);
        }
        _ => characters.push('0'),
    }
    // A tilde stands only in front of 0 or 1.
    let text: String = characters.into_iter().collect();
    text.replace('~', "~0")
}
