//! JSON byte by byte: where a value ends, and what a string says. For what is small or rare; a
//! line's own strings and objects are delimited through its index.

use alloc::vec::Vec;

use crate::index;
use crate::scan::{MAX_DEPTH, ScanError};

/// First byte that is not blank at or after `at`.
pub fn next_byte(bytes: &[u8], at: usize) -> (usize, Option<u8>) {
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return (at, Some(*byte));
        }
        at += 1;
    }
    (at, None)
}

/// Delimits the value at `at`; returns the position after it. `depth`: brackets open around it.
pub fn skip_value(bytes: &[u8], at: usize, depth: u32, max_depth: u32) -> Result<usize, ScanError> {
    let mut skipper = Skipper {
        bytes,
        at,
        blocks: &[],
        max_depth: max_depth.min(MAX_DEPTH),
    };
    skipper.value(depth)?;
    Ok(skipper.at)
}

/// Where a string that starts at `at` (after its quote) ends.
fn string_end(bytes: &[u8], at: usize) -> Result<usize, ScanError> {
    let mut at = at;
    loop {
        // Eight bytes at a time while nothing in them needs a look.
        while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let stop = special(u64::from_le_bytes(*word));
            if stop == 0 {
                at += 8;
            } else {
                at += (stop.trailing_zeros() / 8) as usize;
                break;
            }
        }
        match bytes.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => {
                // The escaped byte may be a quote; whatever it is, it is not looked at.
                if bytes.get(at + 1).is_none_or(|byte| *byte < 0x20) {
                    return Err(ScanError::Syntax);
                }
                at += 2;
            }
            // RFC 8259: control characters stand in strings only escaped.
            Some(0..0x20) | None => return Err(ScanError::Syntax),
            Some(_) => at += 1,
        }
    }
}

/// A set high bit for each byte that is a quote, a backslash or below 0x20. Bytes above a set one
/// may be set by the borrow; only the lowest counts.
#[inline]
const fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    ((quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash) | control) & HIGH
}

/// Decodes the inside of a JSON string.
pub fn decode(raw: &[u8], out: &mut Vec<u8>) -> Result<(), ScanError> {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let [_, code, after @ ..] = tail else {
            return Err(ScanError::Syntax);
        };
        rest = after;
        out.push(match code {
            b'"' => b'"',
            b'\\' => b'\\',
            b'/' => b'/',
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (mut unit, mut tail) = hex4(rest)?;
                if (0xD800..0xDC00).contains(&unit) {
                    let [b'\\', b'u', low @ ..] = tail else {
                        return Err(ScanError::Syntax);
                    };
                    let (second, after) = hex4(low)?;
                    if !(0xDC00..0xE000).contains(&second) {
                        return Err(ScanError::Syntax);
                    }
                    unit = 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
                    tail = after;
                }
                let character = char::from_u32(unit).ok_or(ScanError::Syntax)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = tail;
                continue;
            }
            _ => return Err(ScanError::Syntax),
        });
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn hex4(bytes: &[u8]) -> Result<(u32, &[u8]), ScanError> {
    let (digits, rest) = bytes.split_first_chunk::<4>().ok_or(ScanError::Syntax)?;
    let mut value = 0;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16).ok_or(ScanError::Syntax)?;
    }
    Ok((value, rest))
}

/// Where a number or literal ends that begins at `at` with this byte: at the first byte that none has.
#[inline]
pub(crate) fn word_end(bytes: &[u8], at: usize, byte: u8) -> Result<usize, ScanError> {
    if !matches!(byte, b't' | b'f' | b'n' | b'-' | b'0'..=b'9') {
        return Err(ScanError::Syntax);
    }
    let mut at = at + 1;
    while bytes
        .get(at)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'))
    {
        at += 1;
    }
    Ok(at)
}

/// Delimits values without looking into them.
pub(crate) struct Skipper<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
    /// The quotes of the text by its index, where there is one. Only of texts without control
    /// characters.
    pub(crate) blocks: &'a [u64],
    pub(crate) max_depth: u32,
}

impl Skipper<'_> {
    /// The first byte that is not blank, which becomes the place; 0 at the end.
    #[inline]
    pub(crate) fn solid(&mut self) -> u8 {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return *byte;
            }
            self.at += 1;
        }
        0
    }

    /// From a quote to behind the one that closes the string.
    #[inline]
    fn string(&mut self) -> Result<(), ScanError> {
        self.at = if self.blocks.is_empty() {
            string_end(self.bytes, self.at + 1)?
        } else {
            index::quote_from(self.blocks, self.at + 1)
        };
        if self.at >= self.bytes.len() {
            return Err(ScanError::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    pub(crate) fn value(&mut self, depth: u32) -> Result<(), ScanError> {
        match self.bytes.get(self.at) {
            Some(b'"') => self.string()?,
            Some(b'{' | b'[') => self.brackets(depth)?,
            byte => self.at = word_end(self.bytes, self.at, byte.copied().unwrap_or(0))?,
        }
        Ok(())
    }

    /// From an opening bracket to the one that closes it.
    fn brackets(&mut self, outer: u32) -> Result<(), ScanError> {
        // One bit for each open bracket, 1 = object; MAX_DEPTH bits are enough.
        let mut open = 0_u128;
        let mut depth = 0_u32;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(byte @ (b'{' | b'[')) => {
                    depth += 1;
                    if outer + depth > self.max_depth {
                        return Err(ScanError::TooDeep);
                    }
                    open = open << 1 | u128::from(*byte == b'{');
                }
                Some(byte @ (b'}' | b']')) => {
                    if (open & 1 == 1) != (*byte == b'}') {
                        return Err(ScanError::Syntax);
                    }
                    open >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                // Outside strings no control characters but blanks stand in JSON.
                Some(0..=8 | 11 | 12 | 14..=0x1F) | None => return Err(ScanError::Syntax),
                Some(_) => {}
            }
            self.at += 1;
        }
    }
}
