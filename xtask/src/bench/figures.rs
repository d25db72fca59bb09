//! Medians, spread, and numbers as people read them.

/// The middle of several numbers; of an even count the mean of both in the middle.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(half)) {
        (1, Some(middle)) => *middle,
        (0, Some(above)) => f64::midpoint(sorted[half - 1], *above),
        _ => f64::NAN,
    }
}

/// The median's deviation in the middle (MAD), as a part of the median.
pub(super) fn spread(numbers: &[f64]) -> f64 {
    let middle = median(numbers);
    let deviations: Vec<f64> = numbers.iter().map(|n| (n - middle).abs()).collect();
    median(&deviations) / middle
}

/// A time.
pub(super) fn time(nanoseconds: f64) -> String {
    scaled(
        nanoseconds,
        &[("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)],
    )
}

/// Bytes a second.
pub(super) fn bytes_a_second(bytes: f64) -> String {
    scaled(
        bytes,
        &[("B/s", 1.0), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)],
    )
}

/// Something a second.
pub(super) fn a_second(count: f64) -> String {
    scaled(
        count,
        &[("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6), ("G/s", 1e9)],
    )
}

/// Three digits in the largest unit that leaves at least one.
fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let fitting = units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor)
        .or_else(|| units.first());
    let (unit, factor) = fitting.copied().unwrap_or(("", 1.0));
    format!("{} {unit}", digits(value / factor))
}

/// Three digits.
pub(super) fn digits(value: f64) -> String {
    let after = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.after$}")
}

/// A whole number, with commas.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A part, in percent.
pub(super) fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_its_spread() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        // Deviations 1, 0, 98: one slow round counts for nothing.
        assert_eq!(spread(&[1.0, 2.0, 100.0]), 0.5);
        assert_eq!(spread(&[5.0, 5.0, 5.0]), 0.0);
    }

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        assert_eq!(time(0.5), "0.50 ns");
        assert_eq!(time(41.23), "41.2 ns");
        assert_eq!(time(1_234.0), "1.23 µs");
        assert_eq!(time(456_000_000.0), "456 ms");
        assert_eq!(bytes_a_second(3e9), "3.00 GB/s");
        assert_eq!(a_second(1e6), "1.00 M/s");
        assert_eq!(grouped(1_234_567.2), "1,234,567");
        assert_eq!(grouped(123.0), "123");
        assert_eq!(percent(0.0123), "1.2 %");
    }
}
