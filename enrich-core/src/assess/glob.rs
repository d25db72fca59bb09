//! Patterns with `*` (any text, also none) and `?` (one character).

/// Whether a text fits a pattern. Takes at most `pattern × text` steps, whatever the pattern.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0_usize, 0_usize);
    // Where the last star stands, and the text position that it has swallowed up to.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
                // One character, not one byte.
                while text.get(t).is_some_and(|byte| byte & 0xC0 == 0x80) {
                    t += 1;
                }
            }
            Some(expected) if expected == byte => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star_p, star_t)) = star else {
                    return false;
                };
                star = Some((star_p, star_t + 1));
                p = star_p + 1;
                t = star_t + 1;
            }
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn as_shells_do() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("aws-cli/*", "aws-cli/2.15", true),
            ("aws-cli/*", "Boto3/1", false),
            ("*-deployer", "ci-deployer", true),
            (
                "sts.amazonaws.com:Assume*Role*",
                "sts.amazonaws.com:AssumeRoleWithWebIdentity",
                true,
            ),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*a", "aaaa", true),
            ("a**b", "ab", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn stays_quick_on_hostile_patterns() {
        let pattern = "a*".repeat(200);
        let text = "a".repeat(4000) + "b";
        assert!(matches(&pattern, &text));
        assert!(!matches(&(pattern + "c"), &text));
    }
}
