//! Small readings of text that several parts share: times, durations, globs, nearest words.

use enrich_core::time::{parse_rfc3339, write_rfc3339};

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;

/// Reads RFC 3339, a bare date as its first moment in UTC, or `/Date(MS)/` as PowerShell writes it.
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix("/Date(") {
        // The milliseconds are UTC; an offset behind them only says where they were written.
        let number = inner.strip_suffix(")/")?;
        let end = number
            .char_indices()
            .find(|(at, c)| *at > 0 && matches!(c, '+' | '-'))
            .map_or(number.len(), |(at, _)| at);
        return number[..end].parse().ok();
    }
    if text.len() == 10 {
        parse_rfc3339(&format!("{text}T00:00:00Z"))
    } else {
        parse_rfc3339(text)
    }
}

/// Writes RFC 3339.
#[must_use]
pub fn time(ms: i64) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_rfc3339(&mut out, ms);
    out
}

/// A moment's day in UTC, such as `2026-03-20`. Evidence names days: the credential beside it has the
/// second, and what names a second is a text of its own for each identity, a hundred bytes of a snapshot.
#[must_use]
pub(crate) fn day(ms: i64) -> String {
    let mut text = time(ms);
    if let Some(at) = text.find('T') {
        text.truncate(at);
    }
    text
}

/// Reads `30s`, `90m`, `24h` or `7d` as seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(scale)
}

/// Whether a text matches a pattern with `*` (any run) and `?` (one character). Linear in memory
/// and at worst quadratic in time: a pattern can't make it backtrack exponentially.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    // Bytes do for UTF-8: a literal can't match from the middle of a character, and `?` takes a whole one.
    let (pattern, bytes) = (pattern.as_bytes(), text.as_bytes());
    let next = |at: usize| (at + 1..=bytes.len()).find(|at| text.is_char_boundary(*at));
    let (mut at, mut seen) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while seen < bytes.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, seen));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                seen = next(seen).unwrap_or(bytes.len());
            }
            Some(byte) if *byte == bytes[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    let from = next(from).unwrap_or(bytes.len());
                    retry = Some((star, from));
                    at = star + 1;
                    seen = from;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The candidate with the fewest edits, when it is near enough to be meant.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len().max(word.len()) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// A text of others, ready to be printed: control characters escaped, at most `limit` characters.
#[must_use]
pub fn printable(text: &str, limit: usize) -> String {
    let mut out: String = text
        .chars()
        .take(limit)
        .flat_map(|c| {
            if c.is_control() || is_format(c) {
                c.escape_unicode().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

/// Characters that change how the text around them is shown.
#[must_use]
pub const fn is_format(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("24h"), Some(86_400));
        assert_eq!(parse_duration("90m"), Some(5400));
        assert_eq!(parse_duration("7d"), Some(604_800));
        for wrong in ["", "24", "h", "-1h", "1.5h", "1w"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_are_their_first_moment() {
        assert_eq!(
            parse_time("2026-03-20"),
            parse_rfc3339("2026-03-20T00:00:00Z")
        );
        assert_eq!(
            parse_time("2026-03-20T05:40:00Z").map(time).as_deref(),
            Some("2026-03-20T05:40:00Z")
        );
        assert_eq!(
            parse_time("2026-03-20T23:59:59Z").map(day).as_deref(),
            Some("2026-03-20")
        );
        assert_eq!(parse_time("20 March"), None);
        for (text, expected) in [
            ("/Date(1773985200000)/", Some(1_773_985_200_000)),
            ("/Date(1773985200000+0100)/", Some(1_773_985_200_000)),
            ("/Date(-1000)/", Some(-1000)),
            ("/Date()/", None),
            ("/Date(1773985200000", None),
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("ci-*", "ci-deploy", true),
            ("ci-*", "xci-deploy", false),
            ("*ReadOnly*", "AmazonEC2ReadOnlyAccess", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxab", true),
            ("", "x", false),
            ("?", "é", true),
            ("*?é", "éé", true),
            ("??", "é", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!glob(&"*a".repeat(40), &"a".repeat(39)));
    }

    #[test]
    fn the_closest_word_is_offered_only_when_near() {
        assert_eq!(
            closest("criticallity", ["criticality", "kind", "tier"]),
            Some("criticality")
        );
        assert_eq!(closest("zzz", ["criticality", "kind", "tier"]), None);
    }

    #[test]
    fn control_characters_are_not_printed() {
        assert_eq!(printable("a\u{1b}[31mb", 20), "a\\u{1b}[31mb");
        assert_eq!(printable("\u{202e}abc", 20), "\\u{202e}abc");
        assert_eq!(printable("abcdef", 3), "abc…");
    }
}
