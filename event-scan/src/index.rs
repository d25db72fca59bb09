//! The index of a line: where its quotes are, 64 bytes at a time, as one bit each.
//!
//! One pass finds the end of the line, all quotes that are not escaped, and whether the line holds
//! anything rare (escapes, control characters). The scanner then jumps from quote to quote. The pass
//! works on vectors of sixteen bytes where the target has them, and on words of eight elsewhere.

use alloc::vec::Vec;

/// Bytes that one word of the index stands for.
pub const BLOCK: usize = 64;

/// Where the quotes of one text are.
#[derive(Debug, Default)]
pub struct Index {
    /// Unescaped quotes; bit 0 of a word is the first byte of its block.
    quotes: Vec<u64>,
    /// The first and the last backslash. Escapes mostly stand close together, in one document in a
    /// string, and strings outside hold none.
    first_escape: usize,
    last_escape: usize,
    /// Whether the text holds a byte below 0x20.
    pub has_controls: bool,
}

impl Index {
    /// Indexes the first line of a text. Returns its length, with the line end.
    pub fn line(&mut self, text: &[u8]) -> usize {
        self.build(text, true)
    }

    /// Indexes a whole text, line ends and all.
    pub fn whole(&mut self, text: &[u8]) {
        self.build(text, false);
    }

    fn build(&mut self, text: &[u8], until_line_end: bool) -> usize {
        self.quotes.clear();
        self.first_escape = usize::MAX;
        self.last_escape = 0;
        self.has_controls = false;
        // Whether the first byte of the next block is escaped, 0 or 1.
        let mut carry = 0_u64;
        let mut from = 0;
        while from < text.len() {
            let rest = text.get(from..).unwrap_or(&[]);
            let mut padded = [b' '; BLOCK];
            let block = block_of(rest, &mut padded);
            let mut quotes = lanes::equal(block, b'"');
            if lanes::has_rare(block) || carry != 0 {
                let mut controls = lanes::below_blank(block);
                let escapes = equal_seldom(block, b'\\');
                let ends = if until_line_end {
                    equal_seldom(block, b'\n')
                } else {
                    0
                };
                // Bits below the line end; all of them without one.
                let of_line = (ends & ends.wrapping_neg()).wrapping_sub(1);
                controls &= of_line;
                if ends != 0 {
                    // The carriage return of the line end is none of the line's own bytes.
                    let last = 1_u64 << ends.trailing_zeros() >> 1;
                    controls &= !(last & equal_seldom(block, b'\r'));
                }
                self.has_controls |= controls != 0;
                let of_text = escapes & of_line;
                if of_text != 0 {
                    let first = from + of_text.trailing_zeros() as usize;
                    self.first_escape = self.first_escape.min(first);
                    self.last_escape = from + 63 - of_text.leading_zeros() as usize;
                }
                quotes &= !escaped(escapes, &mut carry) & of_line;
                if ends != 0 {
                    self.quotes.push(quotes);
                    return from + ends.trailing_zeros() as usize + 1;
                }
            }
            self.quotes.push(quotes);
            from += BLOCK;
        }
        text.len()
    }

    /// Whether a backslash may stand between two positions. False is certain.
    #[inline(always)]
    pub fn may_escape(&self, from: usize, to: usize) -> bool {
        from <= self.last_escape && self.first_escape < to
    }

    /// The first and the last backslash; of none, no position is behind the one and before the other.
    #[inline(always)]
    pub(crate) const fn escapes(&self) -> (usize, usize) {
        (self.first_escape, self.last_escape)
    }

    /// The first quote at or after a position; the greatest position when there is none.
    #[inline(always)]
    pub fn quote_from(&self, at: usize) -> usize {
        quote_from(&self.quotes, at)
    }

    /// The quotes of all blocks.
    #[inline(always)]
    pub fn blocks(&self) -> &[u64] {
        &self.quotes
    }

    /// The quotes of one block.
    #[inline]
    pub fn quotes(&self, number: usize) -> Option<u64> {
        self.quotes.get(number).copied()
    }
}

/// The first quote at or after a position, by the quotes of all blocks.
#[inline(always)]
pub(crate) fn quote_from(blocks: &[u64], at: usize) -> usize {
    let mut number = at / BLOCK;
    let Some(word) = blocks.get(number) else {
        return usize::MAX;
    };
    let mut word = word & (u64::MAX << (at % BLOCK));
    while word == 0 {
        number += 1;
        let Some(next) = blocks.get(number) else {
            return usize::MAX;
        };
        word = *next;
    }
    number * BLOCK + word.trailing_zeros() as usize
}

/// The first block of a text; a shorter text is copied in front of blanks.
#[inline(always)]
pub(crate) fn block_of<'t>(text: &'t [u8], blanks: &'t mut [u8; BLOCK]) -> &'t [u8; BLOCK] {
    if let Some(block) = text.first_chunk::<BLOCK>() {
        return block;
    }
    if let Some(head) = blanks.get_mut(..text.len()) {
        head.copy_from_slice(text);
    }
    blanks
}

/// As `lanes::equal`, and a call: for blocks that hold something rare.
#[inline(never)]
fn equal_seldom(block: &[u8; BLOCK], byte: u8) -> u64 {
    lanes::equal(block, byte)
}

/// The bytes behind an odd number of backslashes, of a block with these backslashes. `carry`:
/// whether the first byte is escaped by the block before, and after the call by this one.
///
/// The series of backslashes are told apart by the parity of where they begin, as simdjson does it.
const fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let potential = backslashes & !*carry;
    let maybe_escaped = potential << 1 | ODD;
    let series = maybe_escaped.wrapping_sub(potential) ^ ODD;
    let escaped = series ^ (backslashes | *carry);
    *carry = (series & backslashes) >> 63;
    escaped
}

/// Which bytes of a block open and close a bracket.
#[inline]
pub fn brackets(block: &[u8; BLOCK]) -> (u64, u64) {
    // Bit 5 is all that tells a square bracket from a curly one.
    (
        lanes::equal_folded(block, b'{'),
        lanes::equal_folded(block, b'}'),
    )
}

#[cfg(any(
    target_feature = "sse2",
    target_feature = "simd128",
    all(target_feature = "neon", target_arch = "aarch64")
))]
use vectors as lanes;
#[cfg(not(any(
    target_feature = "sse2",
    target_feature = "simd128",
    all(target_feature = "neon", target_arch = "aarch64")
)))]
use words as lanes;

/// On vectors of sixteen bytes.
#[cfg(any(
    target_feature = "sse2",
    target_feature = "simd128",
    all(target_feature = "neon", target_arch = "aarch64")
))]
mod vectors {
    use wide::u8x16;

    use super::BLOCK;

    #[inline(always)]
    fn load(block: &[u8; BLOCK]) -> [u8x16; 4] {
        let (parts, _) = block.as_chunks::<16>();
        let mut out = [u8x16::splat(0); 4];
        for (out, part) in out.iter_mut().zip(parts) {
            *out = u8x16::new(*part);
        }
        out
    }

    #[inline(always)]
    fn mask(lanes: [u8x16; 4]) -> u64 {
        let [a, b, c, d] = lanes.map(|lane| u64::from(lane.to_bitmask()));
        a | b << 16 | c << 32 | d << 48
    }

    #[inline(always)]
    pub(super) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
        let wanted = u8x16::splat(byte);
        mask(load(block).map(|lane| lane.simd_eq(wanted)))
    }

    #[inline(always)]
    pub(super) fn equal_folded(block: &[u8; BLOCK], byte: u8) -> u64 {
        let (wanted, bit) = (u8x16::splat(byte), u8x16::splat(0x20));
        mask(load(block).map(|lane| (lane | bit).simd_eq(wanted)))
    }

    #[inline(always)]
    pub(super) fn below_blank(block: &[u8; BLOCK]) -> u64 {
        let most = u8x16::splat(0x1F);
        mask(load(block).map(|lane| lane.max(most).simd_eq(most)))
    }

    /// Whether a block holds a backslash or a byte below 0x20.
    #[inline(always)]
    pub(super) fn has_rare(block: &[u8; BLOCK]) -> bool {
        let (most, slash) = (u8x16::splat(0x1F), u8x16::splat(b'\\'));
        let lanes = load(block);
        let [a, b, c, d] = lanes;
        // The least byte of each four tells whether one of them is below.
        let least = a.min(b).min(c.min(d));
        let [a, b, c, d] = lanes.map(|lane| lane.simd_eq(slash));
        ((a | b) | (c | d) | least.max(most).simd_eq(most)).to_bitmask() != 0
    }
}

/// On words of eight bytes, for targets without vectors.
#[cfg(any(
    test,
    not(any(
        target_feature = "sse2",
        target_feature = "simd128",
        all(target_feature = "neon", target_arch = "aarch64")
    ))
))]
mod words {
    use super::BLOCK;

    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    const HIGH: u64 = !LOW;

    /// One bit for each byte whose high bit is set in a word made of each eight bytes.
    #[inline(always)]
    fn mask(block: &[u8; BLOCK], marks: impl Fn(u64) -> u64) -> u64 {
        let (words, _) = block.as_chunks::<8>();
        let mut out = 0;
        for word in words.iter().rev() {
            let marks = marks(u64::from_le_bytes(*word)) & HIGH;
            // Gathers the eight high bits in the top byte.
            out = out << 8 | (marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        }
        out
    }

    /// High bits where a byte is zero; exact in every byte.
    const fn zeros(word: u64) -> u64 {
        !((word & LOW).wrapping_add(LOW) | word | LOW)
    }

    #[inline(always)]
    pub(super) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
        let wanted = ONES * u64::from(byte);
        mask(block, |word| zeros(word ^ wanted))
    }

    #[inline(always)]
    pub(super) fn equal_folded(block: &[u8; BLOCK], byte: u8) -> u64 {
        let wanted = ONES * u64::from(byte);
        mask(block, |word| zeros((word | (ONES * 0x20)) ^ wanted))
    }

    #[inline(always)]
    pub(super) fn below_blank(block: &[u8; BLOCK]) -> u64 {
        mask(block, |word| zeros(word & (ONES * 0xE0)))
    }

    /// Whether a block holds a backslash or a byte below 0x20.
    #[inline(always)]
    pub(super) fn has_rare(block: &[u8; BLOCK]) -> bool {
        let (words, _) = block.as_chunks::<8>();
        let mut marks = 0;
        for word in words {
            let word = u64::from_le_bytes(*word);
            let slash = word ^ (ONES * u64::from(b'\\'));
            // Only whether there is one counts, and that the borrow does not change.
            marks |= (slash.wrapping_sub(ONES) & !slash) | (word.wrapping_sub(ONES * 0x20) & !word);
        }
        marks & HIGH != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of all bytes in a disorder that is the same each time.
    fn noise(seed: u64) -> [u8; BLOCK] {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        core::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let byte = (state >> 56) as u8;
            if seed.is_multiple_of(2) {
                b"\"\\{}[]\n\x1f \x7f\xdc"[usize::from(byte) % 11]
            } else {
                byte
            }
        })
    }

    fn plain(block: &[u8; BLOCK], is_it: impl Fn(u8) -> bool) -> u64 {
        (0..BLOCK).fold(0, |mask, at| mask | u64::from(is_it(block[at])) << at)
    }

    #[test]
    fn vectors_and_words_find_what_a_loop_finds() {
        for seed in 0..2000 {
            let block = noise(seed);
            for byte in *b"\"\\\n{" {
                let expected = plain(&block, |b| b == byte);
                assert_eq!(lanes::equal(&block, byte), expected);
                assert_eq!(words::equal(&block, byte), expected);
            }
            let open = plain(&block, |b| matches!(b, b'{' | b'['));
            let close = plain(&block, |b| matches!(b, b'}' | b']'));
            assert_eq!(brackets(&block), (open, close));
            assert_eq!(words::equal_folded(&block, b'{'), open);
            let controls = plain(&block, |b| b < 0x20);
            assert_eq!(lanes::below_blank(&block), controls);
            assert_eq!(words::below_blank(&block), controls);
            let has_rare = block.iter().any(|b| *b < 0x20 || *b == b'\\');
            assert_eq!(lanes::has_rare(&block), has_rare);
            assert_eq!(words::has_rare(&block), has_rare);
        }
    }

    fn all_from(index: &Index, at: usize) -> Vec<usize> {
        let mut at = at;
        let all = core::iter::from_fn(|| {
            let quote = index.quote_from(at);
            at = quote.saturating_add(1);
            (quote != usize::MAX).then_some(quote)
        });
        all.collect()
    }

    #[test]
    fn quotes_behind_an_odd_number_of_backslashes_are_none() {
        for seed in 0..3000_u64 {
            // Mostly quotes and backslashes, over several blocks.
            let mut text = Vec::new();
            for part in 0..1 + seed % 4 {
                text.extend(noise(seed * 8 + part * 2).iter().map(|byte| match byte {
                    b'"' => b'"',
                    b' ' => b'x',
                    _ => b'\\',
                }));
            }
            text.truncate(text.len() - (seed % 50) as usize);
            let mut index = Index::default();
            index.whole(&text);
            let mut expected = Vec::new();
            let mut at = 0;
            while at < text.len() {
                match text[at] {
                    b'\\' => at += 1,
                    b'"' => expected.push(at),
                    _ => {}
                }
                at += 1;
            }
            assert_eq!(all_from(&index, 0), expected, "{seed}");
            let half = text.len() / 2;
            expected.retain(|at| *at >= half);
            assert_eq!(all_from(&index, half), expected, "{seed}");
        }
    }

    #[test]
    fn escapes_lie_between_the_first_and_the_last() {
        for (first, last) in [(3, 3), (63, 64), (0, 199), (64, 127)] {
            let mut text = [b'x'; 260];
            text[first] = b'\\';
            text[last] = b'\\';
            text[200] = b'\n';
            text[230] = b'\\';
            let mut index = Index::default();
            assert_eq!(index.line(&text), 201);
            for at in 0..200 {
                let is_there = (first..=last).contains(&at);
                assert_eq!(index.may_escape(at, at + 1), is_there, "{at}");
            }
            index.line(b"\"none\"");
            assert!(!index.may_escape(0, 6));
        }
    }

    #[test]
    fn a_line_ends_where_it_ends() {
        for len in 0..200 {
            let mut text = alloc::vec![b'x'; len];
            let mut index = Index::default();
            assert_eq!(index.line(&text), len);
            text.extend_from_slice(b"\n\"next\n");
            assert_eq!(index.line(&text), len + 1);
            assert!(all_from(&index, 0).is_empty());
            index.whole(&text);
            assert_eq!(all_from(&index, 0), [len + 1]);
        }
    }
}
