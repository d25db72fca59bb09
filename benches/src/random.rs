//! Numbers that are the same on every machine: uniform, and by Zipf's law.

/// A linear congruential generator, without a dependency.
#[derive(Clone, Copy, Debug)]
pub struct Lcg(u64);

impl Lcg {
    /// A generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, of 48 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 16
    }

    /// A number below `end`, out of the upper bits: the lower ones repeat early.
    pub const fn below(&mut self, end: usize) -> usize {
        ((self.next() as u128 * end as u128) >> 48) as usize
    }

    /// `len` letters and digits as AWS ids have them.
    pub fn id(&mut self, len: usize) -> String {
        self.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", len)
    }

    /// `len` hexadecimal digits.
    pub fn hex(&mut self, len: usize) -> String {
        self.of(b"0123456789abcdef", len)
    }

    fn of(&mut self, letters: &[u8], len: usize) -> String {
        (0..len)
            .map(|_| char::from(letters[self.below(letters.len())]))
            .collect()
    }
}

/// How often each of several things is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Each as often as any other.
    Uniform,
    /// The `n`th most frequent 1/n^1.1 times as often as the first.
    Zipf,
}

impl Spread {
    /// As names of measurements have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "Zipf 1.1",
        }
    }

    /// `count` numbers below `end`.
    #[must_use]
    pub fn draw(self, count: usize, end: usize, random: &mut Lcg) -> Vec<usize> {
        match self {
            Self::Uniform => (0..count).map(|_| random.below(end)).collect(),
            Self::Zipf => {
                let mut sum = 0.0;
                let sums: Vec<f64> = (1..=end)
                    .map(|rank| {
                        sum += (rank as f64).powf(-1.1);
                        sum
                    })
                    .collect();
                (0..count)
                    .map(|_| {
                        let at = random.next() as f64 / (1_u64 << 48) as f64 * sum;
                        let rank = sums.partition_point(|sum| *sum <= at).min(end - 1);
                        // The frequent ones lie anywhere: a prime above every size makes a permutation.
                        (rank as u64 * 2_654_435_761 % end as u64) as usize
                    })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_zipf_is_the_most_frequent() {
        let drawn = Spread::Zipf.draw(10_000, 100, &mut Lcg::new(1));
        let count = |number: usize| drawn.iter().filter(|drawn| **drawn == number).count();
        // 1 / sum(1/n^1.1 for n in 1..=100) = 0.232
        assert!((2_200..2_450).contains(&count(0)), "{}", count(0));
        let second = (2_654_435_761_u64 % 100) as usize;
        assert!(count(second) < count(0) && count(second) > 800);
        assert!(drawn.iter().all(|number| *number < 100));
    }

    #[test]
    fn ids_are_not_met_again() {
        let mut random = Lcg::new(5);
        let ids: std::collections::HashSet<String> = (0..100_000).map(|_| random.hex(32)).collect();
        assert_eq!(ids.len(), 100_000);
    }

    #[test]
    fn uniform_reaches_everything() {
        let drawn = Spread::Uniform.draw(10_000, 50, &mut Lcg::new(1));
        for number in 0..50 {
            assert!(drawn.contains(&number));
        }
    }
}
