//! Hours of the week: `mon-fri 06:00-20:00; sat 08:00-12:00`, in UTC.

/// Bit `24 * weekday + hour`, Monday 00:00 UTC first.
pub type Hours = [u8; 21];

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads hours; several parts are separated by `;`, a part without days means every day.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<Hours, String> {
    let mut hours = [0; 21];
    for part in text.split(';').map(str::trim) {
        if part.eq_ignore_ascii_case("always") {
            return Ok([0xFF; 21]);
        }
        let lower = part.to_ascii_lowercase();
        let (days, span) = lower.rsplit_once(' ').map_or_else(
            || ("mon-sun", lower.as_str()),
            |(days, span)| (days.trim(), span.trim()),
        );
        let days = parse_days(days)
            .ok_or_else(|| format!("hours {part:?}: days are written mon, mon-fri or sat,sun"))?;
        let (from, to) = parse_span(span)
            .ok_or_else(|| format!("hours {part:?}: times are written 06:00-20:00, on the hour, in UTC; write always for the whole week"))?;
        for day in days {
            // A span over midnight goes on into the next day.
            let last = if to <= from { to + 24 } else { to };
            for hour in from..last {
                let bit = (24 * day + hour) % 168;
                hours[bit / 8] |= 1 << (bit % 8);
            }
        }
    }
    Ok(hours)
}

fn parse_days(text: &str) -> Option<Vec<usize>> {
    let day = |name: &str| {
        DAYS.iter()
            .position(|day| name.starts_with(day) && name.len() >= 3)
    };
    let mut out = Vec::new();
    for part in text.split(',').map(str::trim) {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (day(first.trim())?, day(last.trim())?);
                let last = if last < first { last + 7 } else { last };
                out.extend((first..=last).map(|day| day % 7));
            }
            None => out.push(day(part)?),
        }
    }
    Some(out)
}

fn parse_span(text: &str) -> Option<(usize, usize)> {
    let (from, to) = text.split_once('-')?;
    let hour = |text: &str, most: usize| {
        let (hour, minute) = text.trim().split_once(':')?;
        let hour: usize = hour.parse().ok()?;
        (minute == "00" && hour <= most).then_some(hour)
    };
    Some((hour(from, 23)?, hour(to, 24)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(hours: Hours) -> u32 {
        hours.iter().map(|byte| byte.count_ones()).sum()
    }

    fn has(hours: Hours, day: usize, hour: usize) -> bool {
        let bit = 24 * day + hour;
        hours[bit / 8] & (1 << (bit % 8)) != 0
    }

    #[test]
    fn weeks_are_read() {
        let week = parse("mon-fri 06:00-20:00").unwrap();
        assert_eq!(count(week), 5 * 14);
        assert!(has(week, 0, 6) && has(week, 4, 19) && !has(week, 4, 20) && !has(week, 5, 10));
        assert_eq!(
            count(parse("mon-fri 06:00-20:00; sat,sun 08:00-10:00").unwrap()),
            74
        );
        assert_eq!(count(parse("always").unwrap()), 168);
        assert_eq!(count(parse("00:00-24:00").unwrap()), 168);
        let night = parse("sun 22:00-02:00").unwrap();
        assert!(has(night, 6, 23) && has(night, 0, 1) && !has(night, 0, 2) && count(night) == 4);
        assert_eq!(count(parse("fri-mon 00:00-01:00").unwrap()), 4);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "mon",
            "mon 6-20",
            "mon 06:30-20:00",
            "xyz 06:00-20:00",
            "mon 06:00-25:00",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
