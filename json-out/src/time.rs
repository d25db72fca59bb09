//! Times as RFC 3339 writes them, in UTC.

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// A time that is written out.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339 {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl Rfc3339 {
    /// The longest, of a year of ten digits and a sign.
    const LONGEST: usize = 32;

    /// Of milliseconds since 1970: `2026-03-20T06:00:00Z`, with milliseconds only when there are any.
    /// A year outside 0 to 9999 is written with its sign or with all its digits.
    #[must_use]
    pub fn of(ms: i64) -> Self {
        let mut this = Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        };
        let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
        let of_day = ms.rem_euclid(DAY_MS) as u32;
        if year < 0 {
            this.push(b'-');
        }
        let width = if year < 0 { 3 } else { 4 };
        this.digits(year.unsigned_abs(), width);
        for (mark, part) in [
            (b'-', month),
            (b'-', day),
            (b'T', of_day / 3_600_000),
            (b':', of_day / 60_000 % 60),
            (b':', of_day / 1000 % 60),
        ] {
            this.push(mark);
            this.push(b'0' + (part / 10) as u8);
            this.push(b'0' + (part % 10) as u8);
        }
        let rest = of_day % 1000;
        if rest != 0 {
            this.push(b'.');
            this.digits(u64::from(rest), 3);
        }
        this.push(b'Z');
        this
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    /// A number with zeros in front, if it has fewer digits.
    fn digits(&mut self, value: u64, width: u32) {
        let digits = value.checked_ilog10().map_or(1, |log| log + 1).max(width);
        for place in (0..digits).rev() {
            let digit = value / 10_u64.saturating_pow(place) % 10;
            self.push(b'0' + digit as u8);
        }
    }

    /// The text as bytes, all of them ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

/// Year, month and day of a number of days since 1970, by counting eras of 400 years that begin in
/// March: then the leap day is the last of its year.
const fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097) as u32;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (
        year_of_era as i64 + era * 400 + (month <= 2) as i64,
        month,
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_sorts() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_773_986_400_000, "2026-03-20T06:00:00Z"),
            (1_773_986_400_007, "2026-03-20T06:00:00.007Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00Z"),
            (-62_167_219_200_001, "-001-12-31T23:59:59.999Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59Z"),
            (253_402_300_800_000, "10000-01-01T00:00:00Z"),
        ] {
            assert_eq!(Rfc3339::of(ms).as_str(), expected);
        }
        for ms in [i64::MIN, i64::MAX] {
            assert!(Rfc3339::of(ms).as_str().ends_with('Z'));
        }
    }
}
