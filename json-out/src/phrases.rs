//! Phrases: pieces of contexts that are the same in many events, kept as they were written.
//!
//! A snapshot interns what identities share: type, ownership, exposure, response. What is written of
//! such a row under one configuration is always the same text, and to copy it takes less time than to
//! write it. That a phrase is remembered, replaced or forgotten changes how
//! long an event takes, never what is written.

use alloc::vec::Vec;

/// How many phrases are remembered; a power of two.
const PLACES: usize = 8192;
const _: () = assert!(PLACES.is_power_of_two());

/// Bytes of text that are kept. When they are full, everything is forgotten.
const MOST_TEXT: usize = 1 << 20;

/// Which phrase: what it is about, and which rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phrase {
    about: u32,
    rows: [u32; 2],
}

impl Phrase {
    /// The phrase about this, which is not 0, of these rows.
    #[must_use]
    pub const fn new(about: u32, rows: [u32; 2]) -> Self {
        Self { about, rows }
    }

    fn place(self) -> usize {
        let [one, other] = self.rows;
        let mixed = (u64::from(one) << 32 | u64::from(other))
            .wrapping_add(u64::from(self.about) << 17)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 48) as usize % PLACES
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// About 0 is none.
    phrase: Phrase,
    from: u32,
    len: u32,
}

/// The phrases that are remembered. Room is taken with the first one, once.
#[derive(Debug, Default)]
pub struct Phrases {
    places: Vec<Place>,
    text: Vec<u8>,
}

impl Phrases {
    /// What was written, if it is remembered.
    #[inline]
    pub fn get(&self, phrase: Phrase) -> Option<&[u8]> {
        let place = self.places.get(phrase.place())?;
        if place.phrase != phrase {
            return None;
        }
        let from = place.from as usize;
        self.text.get(from..from + place.len as usize)
    }

    /// Remembers what was written.
    #[inline(never)]
    pub fn keep(&mut self, phrase: Phrase, text: &[u8]) {
        if self.places.is_empty() {
            // Without room everything is written anew, which is slower and no less right.
            if self.places.try_reserve_exact(PLACES).is_err()
                || self.text.try_reserve_exact(MOST_TEXT).is_err()
            {
                return;
            }
            self.places.resize(PLACES, Place::default());
        }
        if self.text.capacity() - self.text.len() < text.len() {
            if text.len() > MOST_TEXT / 16 {
                return;
            }
            self.forget();
        }
        let from = self.text.len() as u32;
        self.text.extend_from_slice(text);
        if let Some(place) = self.places.get_mut(phrase.place()) {
            *place = Place {
                phrase,
                from,
                len: text.len() as u32,
            };
        }
    }

    /// Forgets all phrases: their rows are another's, or they would be written otherwise.
    pub fn forget(&mut self) {
        self.text.clear();
        self.places.fill(Place::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_was_kept() {
        let mut phrases = Phrases::default();
        let text = |row: u32| alloc::format!("{row}").repeat(40);
        for round in 0..3_u32 {
            for row in round * 1000..round * 1000 + 20_000 {
                let phrase = Phrase::new(256 + row % 3, [row, 0]);
                if let Some(known) = phrases.get(phrase) {
                    assert_eq!(known, text(row).as_bytes());
                }
                phrases.keep(phrase, text(row).as_bytes());
                assert_eq!(phrases.get(phrase), Some(text(row).as_bytes()));
                let other = Phrase::new(512 + row % 3, [row, 0]);
                assert_eq!(phrases.get(other), None);
            }
        }
        assert!(phrases.text.capacity() < 2 * MOST_TEXT);
        phrases.forget();
        assert_eq!(phrases.get(Phrase::new(256, [0, 0])), None);
    }

    #[test]
    fn a_text_that_would_take_all_room_is_not_kept() {
        let mut phrases = Phrases::default();
        let phrase = Phrase::new(9, [7, 0]);
        phrases.keep(phrase, &[b'x'; MOST_TEXT + 1]);
        assert_eq!(phrases.get(phrase), None);
        phrases.keep(phrase, b"");
        assert_eq!(phrases.get(phrase), Some(&b""[..]));
    }
}
