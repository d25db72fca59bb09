//! Inputs made by changing seeds: bytes here and there, or the whole spelling of their lines.

use crate::corpus::Seed;
use crate::generate;
use crate::random::Random;

/// Pieces that a change puts in.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r",
    b"\t",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\u",
    b"\\ud800",
    b"\\udc00",
    b"\"\":",
    b"\"a\":1,",
    b"\"whose\":{},",
    b"null",
    b"-",
    b"1e400",
    b"                                                                ",
];

/// One of the seeds with some changes; the same for the same number and seeds.
#[must_use]
pub fn changed(number: u64, seeds: &[Seed]) -> Vec<u8> {
    let mut random = Random::new(number);
    let seed = &random.pick(seeds).bytes;
    let other = &random.pick(seeds).bytes;
    match random.below(3) {
        0 => respell(&mut random, seed),
        1 => {
            let seed = respell(&mut random, seed);
            change(&mut random, &seed, other)
        }
        _ => change(&mut random, seed, other),
    }
}

/// A seed with each of its lines in another spelling.
fn respell(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in seed.split_inclusive(|byte| *byte == b'\n') {
        match generate::respelled(random, line) {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                out.extend(line.ends_with(b"\n").then_some(b'\n'));
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// A seed with some changes. `other`: a seed from which a part may come.
fn change(random: &mut Random, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(out.len() + 1);
        match random.below(7) {
            0 => {
                if let Some(byte) = out.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            1 => {
                if let Some(byte) = out.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            2 if random.is_one_in(4) => out.truncate(at),
            3 => {
                let end = (at + random.below(20)).min(out.len());
                out.drain(at..end);
            }
            4 => {
                let from = random.below(other.len());
                let end = (from + random.below(60)).min(other.len());
                out.splice(at..at, other[from..end].iter().copied());
            }
            5 => {
                // A part of itself once more: duplicate keys, brackets that do not match.
                let end = (at + random.below(80)).min(out.len());
                let part = out[at..end].to_vec();
                let place = random.below(out.len() + 1);
                out.splice(place..place, part);
            }
            _ => {
                let piece = random.pick(PIECES).iter().copied();
                out.splice(at..at, piece);
            }
        }
    }
    out
}
