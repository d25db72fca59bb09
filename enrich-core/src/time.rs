//! Times: RFC 3339 in, RFC 3339 out, in milliseconds since 1970-01-01T00:00:00Z.
//!
//! The calendar arithmetic is the civil-date algorithm of Howard Hinnant ("chrono-Compatible
//! Low-Level Date Algorithms"), which needs no table and is exact for every year that fits.

use json_out::time::Rfc3339;

use core::fmt;

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar, from the year 0 on.
const fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    // One era more, so that nothing is below zero.
    let year = year + 400 - (month <= 2) as u32;
    let era = year / 400;
    let year_of_era = year % 400;
    let month_index = (month + 9) % 12;
    let day_of_year = (153 * month_index + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era) as i64 - 719_468 - 146_097
}

/// A position in a text that is being read from the left.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, tail) = self.0.split_at_checked(count)?;
        let mut value = 0_i64;
        for byte in head {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(byte - b'0');
        }
        self.0 = tail;
        Some(value)
    }

    /// Takes the next byte when it is a wanted one.
    fn literal(&mut self, is_wanted: impl Fn(u8) -> bool) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !is_wanted(*first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    /// The digits of a fraction of a second, to the millisecond; further digits are dropped.
    fn milliseconds(&mut self) -> i64 {
        let mut scale = 100;
        let mut value = 0;
        while let Some((digit, rest)) = self
            .0
            .split_first()
            .filter(|(byte, _)| byte.is_ascii_digit())
        {
            value += i64::from(digit - b'0') * scale;
            scale /= 10;
            self.0 = rest;
        }
        value
    }
}

/// Reads a time as RFC 3339 writes it, and the spellings that log pipelines make of it: a space in
/// place of `T`, no zone (then UTC), any number of fractional digits.
///
/// `None` for anything else; no time is ever guessed.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    // BigQuery writes the zone as a word.
    let text = text.as_bytes();
    let text = text.strip_suffix(b" UTC").unwrap_or(text);
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T' | b't' | b' ',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
        rest @ ..,
    ] = text
    else {
        return None;
    };
    let mut is_number = true;
    let mut two = |tens: &u8, ones: &u8| {
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        is_number &= tens < 10 && ones < 10;
        u32::from(tens) * 10 + u32::from(ones)
    };
    let year = two(y0, y1) * 100 + two(y2, y3);
    let (month, day) = (two(m0, m1), two(d0, d1));
    let (hour, minute, second) = (two(h0, h1), two(n0, n1), two(s0, s1));
    if !is_number {
        return None;
    }
    let mut reader = Reader(rest);
    let millisecond = if reader.literal(|byte| matches!(byte, b'.' | b',')).is_some() {
        reader.milliseconds()
    } else {
        0
    };
    let offset_minutes = match reader.literal(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-')) {
        Some(sign @ (b'+' | b'-')) => {
            let hours = reader.digits(2)?;
            let _ = reader.literal(|byte| byte == b':');
            let minutes = reader.digits(2)?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let total = hours * 60 + minutes;
            if sign == b'-' { -total } else { total }
        }
        _ => 0,
    };
    if second > 60 {
        return None;
    }
    // A leap second reads as the last second of its minute.
    let second = second.min(59);
    if !reader.0.is_empty() || hour > 23 || minute > 59 || day < 1 {
        return None;
    }
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    };
    if day > longest {
        return None;
    }
    let of_day = i64::from((hour * 60 + minute) * 60 + second) - offset_minutes * 60;
    let seconds = days_from_civil(year, month, day) * 86_400 + of_day;
    Some(seconds * 1000 + millisecond)
}

/// Reads a count since 1970: seconds, milliseconds, microseconds or nanoseconds, told apart by size;
/// a fraction is read with seconds.
#[must_use]
pub fn parse_epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let value: i64 = whole.parse().ok()?;
    match whole.len() {
        9..=11 => Some(value * 1000 + Reader(fraction.as_bytes()).milliseconds()),
        12..=14 => Some(value),
        15..=17 => Some(value / 1000),
        18..=19 => Some(value / 1_000_000),
        _ => None,
    }
}

/// Writes a time as `2026-03-20T06:00:00Z`, with milliseconds only when there are any.
///
/// # Errors
/// Those of the writer.
pub fn write_rfc3339(f: &mut dyn fmt::Write, ms: i64) -> fmt::Result {
    f.write_str(Rfc3339::of(ms).as_str())
}

/// The hour of the week, 0 = Monday 00:00 UTC, 167 = Sunday 23:00 UTC.
#[must_use]
pub const fn hour_of_week(ms: i64) -> u8 {
    // 1970-01-01 was a Thursday.
    let hour = ms.div_euclid(3_600_000) + 3 * 24;
    hour.rem_euclid(168) as u8
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn text(ms: i64) -> String {
        let mut out = String::new();
        write_rfc3339(&mut out, ms).unwrap();
        out
    }

    #[test]
    fn reads_what_logs_write() {
        for (input, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-03-20T06:00:00Z", 1_773_986_400_000),
            ("2026-03-20T06:00:00.5Z", 1_773_986_400_500),
            ("2026-03-20T06:00:00.1234567Z", 1_773_986_400_123),
            ("2026-03-20 06:00:00.50", 1_773_986_400_500),
            ("2026-03-20T08:00:00+02:00", 1_773_986_400_000),
            ("2026-03-20T08:00:00+0200", 1_773_986_400_000),
            ("2026-03-20T06:00:00", 1_773_986_400_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("1969-12-31T23:59:59Z", -1000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
        ] {
            assert_eq!(parse_rfc3339(input), Some(expected), "{input}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for input in [
            "",
            "now",
            "2026",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2026-03-20T24:00:00Z",
            "2026-03-20T06:60:00Z",
            "2026-03-20T06:00:00Zx",
            "2026-03-20T06:00:00+25:00",
            "2026-03-20",
            "+026-03-20T06:00:00Z",
            "2026-03-20T06:00:00é",
        ] {
            assert_eq!(parse_rfc3339(input), None, "{input}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for ms in [
            0,
            1,
            999,
            1000,
            1_773_986_400_000,
            -1,
            4_102_444_799_999,
            951_782_400_000,
            1_709_164_800_000,
        ] {
            assert_eq!(parse_rfc3339(&text(ms)), Some(ms), "{}", text(ms));
        }
        assert_eq!(text(1_773_986_400_500), "2026-03-20T06:00:00.500Z");
    }

    #[test]
    fn weeks_start_on_monday() {
        assert_eq!(
            hour_of_week(parse_rfc3339("2026-03-16T00:00:00Z").unwrap()),
            0
        );
        assert_eq!(
            hour_of_week(parse_rfc3339("2026-03-22T23:59:59Z").unwrap()),
            167
        );
        assert_eq!(
            hour_of_week(parse_rfc3339("2026-03-20T06:30:00Z").unwrap()),
            4 * 24 + 6
        );
        assert_eq!(hour_of_week(0), 3 * 24);
    }
}
