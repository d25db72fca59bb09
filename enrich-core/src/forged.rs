//! Lines over the limits: they get no context, but what claims to be ours goes from them as well.
//!
//! A reader of its own, since such a line may be of any length and depth: it only counts brackets.

use alloc::vec::Vec;

use crate::render::style::Rendering;

/// Writes an object without the members at its top that have names of ours; how many those were.
/// `None`, with nothing written: there is none, or this is no object.
pub(crate) fn without(body: &[u8], rendering: Rendering, out: &mut Vec<u8>) -> Option<u64> {
    let kept_from = out.len();
    let removed = copy(body, rendering, out).filter(|removed| *removed > 0);
    if removed.is_none() {
        out.truncate(kept_from);
    }
    removed
}

fn copy(body: &[u8], rendering: Rendering, out: &mut Vec<u8>) -> Option<u64> {
    // Blanks and a byte order mark may stand before it, and no text.
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let rest = text.trim_ascii_start().strip_prefix(b"{")?;
    let before = body.get(..body.len() - rest.len())?;
    out.extend_from_slice(before);
    let mut removed = 0;
    let mut has_members = false;
    let mut rest = rest;
    loop {
        let end = member(rest)?;
        let (text, after) = rest.split_at_checked(end)?;
        if is_own(text, rendering) {
            removed += 1;
        } else {
            if has_members {
                out.push(b',');
            }
            out.extend_from_slice(text);
            has_members = true;
        }
        match after.split_first() {
            Some((b',', next)) => rest = next,
            _ => {
                out.extend_from_slice(after);
                return Some(removed);
            }
        }
    }
}

/// Length of a member: up to the comma or bracket at the top that ends it.
fn member(text: &[u8]) -> Option<usize> {
    let mut depth = 0_u64;
    let mut in_string = false;
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether a member has a name of ours, however it is written.
fn is_own(member: &[u8], rendering: Rendering) -> bool {
    let mut name = Name { rest: member };
    if name.rest.trim_ascii_start().first() != Some(&b'"') {
        return false;
    }
    name.rest = name.rest.trim_ascii_start().get(1..).unwrap_or(&[]);
    let mut first = [0; 5];
    let mut len = 0;
    for byte in name {
        if let Some(place) = first.get_mut(len) {
            *place = byte;
        }
        len += 1;
    }
    match rendering {
        _ if first == *b"whose" => len == 5,
        Rendering::Ecs => len == 3 && first.starts_with(b"Nhi"),
        Rendering::Splunk => first.starts_with(b"nhi_"),
        _ => false,
    }
}

/// The characters of a name up to its end, as far as they are ASCII; others are 0.
struct Name<'b> {
    rest: &'b [u8],
}

impl Iterator for Name<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match first {
            b'"' => None,
            b'\\' => {
                let (kind, rest) = rest.split_first()?;
                self.rest = rest;
                if *kind != b'u' {
                    return Some(0);
                }
                let (digits, rest) = rest.split_at_checked(4)?;
                self.rest = rest;
                let digits = core::str::from_utf8(digits).ok()?;
                u8::from_str_radix(digits, 16).ok().or(Some(0))
            }
            byte => Some(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn native(body: &str) -> Option<String> {
        let mut out = b"kept ".to_vec();
        let removed = without(body.as_bytes(), Rendering::Native, &mut out);
        let text = String::from_utf8(out).unwrap();
        let text = text.strip_prefix("kept ").unwrap();
        match removed {
            None => {
                assert_eq!(text, "");
                None
            }
            Some(_) => Some(text.into()),
        }
    }

    #[test]
    fn members_of_ours_go_with_a_comma() {
        for (before, after) in [
            (r#"{"whose":1}"#, "{}"),
            (r#"{"whose":{"a":[1,2,"}"]},"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1, "whose" : "x,\"}" , "b":2}"#, r#"{"a":1, "b":2}"#),
            (
                r#"{"a":{"whose":1},"whose":1,"whose":2} "#,
                r#"{"a":{"whose":1}} "#,
            ),
            (r#"{"\u0077h\u006Fse":1,"a":2}"#, r#"{"a":2}"#),
            ("\u{FEFF} {\"whose\":1}", "\u{FEFF} {}"),
        ] {
            assert_eq!(native(before).as_deref(), Some(after));
        }
    }

    #[test]
    fn whatever_else_is_left_alone() {
        for body in [
            "",
            "{",
            "{}",
            r#"{"whoses":1,"whos":2,"Whose":3}"#,
            r#"{"a":"whose","b":["whose"],"c":{"whose":1}}"#,
            r#"[{"whose":1}]"#,
            r#""{whose}""#,
            r#"text {"whose":1}"#,
            r#"{"whose":1"#,
            r#"{"whose":"1}"#,
            r#"{"Nhi":1,"nhi_owner":2}"#,
            r#"{"\u0177hose":1}"#,
            "{\"\\u00",
        ] {
            assert_eq!(native(body), None, "{body}");
        }
    }

    #[test]
    fn each_rendering_has_its_names() {
        let body = br#"{"Nhi":1,"nhi_owner":2,"Nhix":3,"nhi":4}"#;
        let mut out = Vec::new();
        assert_eq!(without(body, Rendering::Ecs, &mut out), Some(1));
        assert_eq!(out, br#"{"nhi_owner":2,"Nhix":3,"nhi":4}"#);
        out.clear();
        assert_eq!(without(body, Rendering::Splunk, &mut out), Some(1));
        assert_eq!(out, br#"{"Nhi":1,"Nhix":3,"nhi":4}"#);
    }
}
