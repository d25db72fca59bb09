//! What a guest's output must hold before it is passed on: a guest is hostile until checked.

use memchr::{memchr, memchr_iter};

/// How much longer than its input an output line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputCaps {
    /// Bytes that any line may gain.
    pub added: usize,
    /// Bytes that it may gain for each of its own: an envelope has a context for each record.
    pub added_per_byte: usize,
}

impl Default for OutputCaps {
    fn default() -> Self {
        Self {
            added: 1 << 20,
            added_per_byte: 64,
        }
    }
}

/// Lines with their line ends; the last may lack one.
#[derive(Clone, Debug)]
pub struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// The lines of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.0).map_or(self.0.len(), |at| at + 1);
        let (line, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(line)
    }
}

/// Number of lines; a last one without a line end counts.
#[must_use]
pub fn count_lines(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count() + usize::from(bytes.last().is_some_and(|last| *last != b'\n'))
}

/// The line end that a line has.
fn line_end(line: &[u8]) -> &'static [u8] {
    if line.ends_with(b"\r\n") {
        b"\r\n"
    } else if line.ends_with(b"\n") {
        b"\n"
    } else {
        b""
    }
}

/// Compares an enriched batch with its input, line by line.
///
/// # Errors
/// The first thing that does not hold, with the line's number in the batch.
pub fn check_enriched(input: &[u8], output: &[u8], caps: OutputCaps) -> Result<(), String> {
    let mut outputs = Lines::new(output);
    for (at, before) in Lines::new(input).enumerate() {
        let Some(after) = outputs.next() else {
            return Err(format!(
                "{at} lines for {} lines of input",
                count_lines(input)
            ));
        };
        if before != after {
            check_changed(before, after, caps)
                .map_err(|what| format!("line {}: {what}", at + 1))?;
        }
    }
    if outputs.next().is_some() {
        return Err(format!(
            "{} lines for {} lines of input",
            count_lines(output),
            count_lines(input)
        ));
    }
    Ok(())
}

fn check_changed(before: &[u8], after: &[u8], caps: OutputCaps) -> Result<(), String> {
    let end = line_end(before);
    if line_end(after) != end {
        return Err("another line end than its input".into());
    }
    let cap = before
        .len()
        .saturating_add(caps.added)
        .saturating_add(before.len().saturating_mul(caps.added_per_byte));
    if after.len() > cap {
        return Err(format!("{} bytes, more than {cap}", after.len()));
    }
    if brackets(after).is_none() || brackets(after) != brackets(before) {
        return Err("not the JSON object or array that its input is".into());
    }
    // What was broken on the way in may stay broken; the guest must not break anything.
    if memchr(0, after).is_some() && memchr(0, before).is_none() {
        return Err("a NUL byte that its input has not".into());
    }
    if let Err(error) = std::str::from_utf8(after)
        && std::str::from_utf8(before).is_ok()
    {
        return Err(format!(
            "no UTF-8 at byte {}, where its input is",
            error.valid_up_to()
        ));
    }
    Ok(())
}

/// Holds what `whose_keys` returned against its input: one JSON object a line.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_objects(input: &[u8], output: &[u8]) -> Result<(), String> {
    let (lines, expected) = (count_lines(output), count_lines(input));
    if lines != expected {
        return Err(format!("{lines} lines for {expected} lines of input"));
    }
    if let Err(error) = std::str::from_utf8(output) {
        return Err(format!("no UTF-8 at byte {}", error.valid_up_to()));
    }
    if memchr(0, output).is_some() {
        return Err("a NUL byte".into());
    }
    for (at, line) in Lines::new(output).enumerate() {
        check_object(line).map_err(|what| format!("line {}: {what}", at + 1))?;
    }
    Ok(())
}

/// First and last byte of a line that is an object or an array, to the eye, and whether a byte order
/// mark stands before it.
fn brackets(line: &[u8]) -> Option<(bool, u8, u8)> {
    let (mark, text) = match line.strip_prefix(b"\xEF\xBB\xBF") {
        Some(text) => (true, text),
        None => (false, line),
    };
    match text.trim_ascii() {
        [b'{', .., b'}'] => Some((mark, b'{', b'}')),
        [b'[', .., b']'] => Some((mark, b'[', b']')),
        _ => None,
    }
}

fn check_object(line: &[u8]) -> Result<(), String> {
    if brackets(line) == Some((false, b'{', b'}')) {
        Ok(())
    } else {
        Err("not a JSON object".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: OutputCaps = OutputCaps {
        added: 20,
        added_per_byte: 0,
    };

    fn check(input: &str, output: &str) -> Result<(), String> {
        check_enriched(input.as_bytes(), output.as_bytes(), CAPS)
    }

    #[test]
    fn what_holds() {
        assert_eq!(check("", ""), Ok(()));
        assert_eq!(check("x\n", "x\n"), Ok(()));
        assert_eq!(check("{\"a\":1}\n", "{\"a\":1,\"b\":2}\n"), Ok(()));
        assert_eq!(check(" {} \r\n{}", " {\"a\":1} \r\n{\"a\":1}"), Ok(()));
        assert_eq!(check("\n\nx", "\n\nx"), Ok(()));
        assert_eq!(check("[{}]\n", "[{\"a\":1}]\n"), Ok(()));
        assert_eq!(check("\u{FEFF}{}\n", "\u{FEFF}{\"a\":1}\n"), Ok(()));
    }

    #[test]
    fn what_does_not_hold() {
        let wrong = |input: &str, output: &str| check(input, output).expect_err("must not hold");
        assert_eq!(wrong("{}\n{}\n", "{}\n"), "1 lines for 2 lines of input");
        assert_eq!(wrong("{}\n", "{}\n{}\n"), "2 lines for 1 lines of input");
        assert_eq!(wrong("{}\n", ""), "0 lines for 1 lines of input");
        assert_eq!(
            wrong("{}\r\n", "{ }\n"),
            "line 1: another line end than its input"
        );
        assert_eq!(
            wrong("{}", "{}\n"),
            "line 1: another line end than its input"
        );
        assert_eq!(
            wrong("{}\n", "x\n"),
            "line 1: not the JSON object or array that its input is"
        );
        assert_eq!(
            wrong("{}\n", "{\n"),
            "line 1: not the JSON object or array that its input is"
        );
        assert_eq!(
            wrong("\u{FEFF}{}\n", "{\"a\":1}\n"),
            "line 1: not the JSON object or array that its input is"
        );
        assert_eq!(
            wrong("{}\n", "[{}]\n"),
            "line 1: not the JSON object or array that its input is"
        );
        assert_eq!(
            wrong("x\n", "{}\n"),
            "line 1: not the JSON object or array that its input is"
        );
        assert_eq!(
            wrong("{}\n", "{                      }\n"),
            "line 1: 25 bytes, more than 23"
        );
        assert_eq!(
            wrong("{}\n{}\n", "{}\n{\0}\n"),
            "line 2: a NUL byte that its input has not"
        );
    }

    #[test]
    fn broken_utf8_may_stay_but_not_appear() {
        assert_eq!(
            check_enriched(b"{}\n", b"{\xff}\n", CAPS),
            Err("line 1: no UTF-8 at byte 1, where its input is".into())
        );
        assert_eq!(
            check_enriched(b"{\"\xff\":1}\n", b"{\"\xff\":1,\"b\":2}\n", CAPS),
            Ok(())
        );
        assert_eq!(check_enriched(b"{\0}\n", b"{\0 }\n", CAPS), Ok(()));
    }

    #[test]
    fn a_line_may_grow_with_its_length() {
        let caps = OutputCaps {
            added: 0,
            added_per_byte: 1,
        };
        assert_eq!(check_enriched(b"{  }", b"{      }", caps), Ok(()));
        assert_eq!(
            check_enriched(b"{  }", b"{       }", caps),
            Err("line 1: 9 bytes, more than 8".into())
        );
    }

    #[test]
    fn keys_are_objects() {
        assert_eq!(check_objects(b"a\nb", b"{}\n{}\n"), Ok(()));
        assert_eq!(
            check_objects(b"a\nb\n", b"{}\n"),
            Err("1 lines for 2 lines of input".into())
        );
        assert_eq!(
            check_objects(b"a", b"x"),
            Err("line 1: not a JSON object".into())
        );
        assert_eq!(
            check_objects(b"a", b"{\xff}"),
            Err("no UTF-8 at byte 1".into())
        );
        assert_eq!(check_objects(b"a", b"{\0}"), Err("a NUL byte".into()));
    }

    #[test]
    fn lines_keep_their_ends() {
        let lines: Vec<&[u8]> = Lines::new(b"a\r\n\nb").collect();
        assert_eq!(lines, [&b"a\r\n"[..], b"\n", b"b"]);
        assert_eq!(count_lines(b"a\r\n\nb"), 3);
        assert_eq!(count_lines(b""), 0);
        assert_eq!(count_lines(b"\n"), 1);
    }
}
