//! A batch of lines: a few at a time are read, looked up together, and written in their order.

use alloc::vec::Vec;

use super::{Enricher, finish_line, split_line_end};
use crate::event::text::Span;
use crate::forged;
use crate::lane::{self, LANES, Lane};
use crate::pass::{Edit, Purpose, Refused};
use crate::render::style::Rendering;

impl Enricher<'_> {
    /// Enriches a batch of lines. One line out for each line in, in order; line ends, also a
    /// missing last one, stay as they are. A line that is no event, or a bad one, stays as it is.
    pub fn enrich(&mut self, ndjson: &[u8]) -> &[u8] {
        let mut out = core::mem::take(&mut self.out);
        out.clear();
        // Context is as long as the event, within a factor; one allocation instead of several.
        out.reserve(ndjson.len());
        let mut rest = ndjson;
        let together = lane::wanted(&self.layers);
        while self.lanes.len() < together {
            self.lanes.push(Lane::new(&self.readers));
        }
        loop {
            let mut lines: [&[u8]; LANES] = [&[]; LANES];
            let mut texts = [""; LANES];
            let mut count = 0;
            for (line, text) in lines.iter_mut().zip(&mut texts).take(together) {
                let Some((next, after)) = self.next_line(count, rest) else {
                    break;
                };
                *line = next;
                *text = self.scan_line(
                    count,
                    split_line_end(next).0,
                    &mut Purpose::Enrich,
                    together > 1,
                );
                rest = after;
                count += 1;
            }
            // A line by itself has nobody to wait with.
            if count > 1 {
                lane::fetch(
                    self.lanes.get_mut(..count).unwrap_or_default(),
                    &texts,
                    &self.layers,
                );
            }
            let mut to_come: usize =
                rest.len() + lines.iter().map(|line| line.len()).sum::<usize>();
            for (number, (line, text)) in lines.iter().zip(texts).take(count).enumerate() {
                to_come -= line.len();
                self.finish_event(number, text);
                self.line(number, line, to_come, &mut out);
            }
            if count == 0 {
                break;
            }
        }
        self.out = out;
        &self.out
    }

    /// Writes a line whose events are finished. Behind it, `rest` bytes are to come, for which the
    /// output has room.
    fn line(&mut self, number: usize, line: &[u8], rest: usize, out: &mut Vec<u8>) {
        let (body, end) = split_line_end(line);
        let Some(lane) = self.lanes.get_mut(number) else {
            return;
        };
        let mut result = lane.result;
        let needed = line.len() + lane.rendered.len() + rest;
        if result == Ok(Some(()))
            && out.try_reserve(needed).is_err()
            && out.try_reserve_exact(needed).is_err()
        {
            result = Err(Refused::NoRoom);
        }
        finish_line(&mut self.stats, result, &lane.counted.stats);
        // In a damaged snapshot's stead nothing is said, and nothing forged either.
        let with_context = match result {
            Ok(Some(())) => true,
            Err(Refused::Damaged | Refused::NoRoom) => false,
            Err(Refused::TooLarge | Refused::TooDeep) => {
                let rendering = self.config.style.rendering;
                match forged::without(body, rendering, out) {
                    Some(removed) => {
                        self.stats.forged_removed += removed;
                        out.extend_from_slice(end);
                    }
                    None => out.extend_from_slice(line),
                }
                return;
            }
            _ => {
                out.extend_from_slice(line);
                return;
            }
        };
        // Renderings that share places with others change more than the end of an object.
        if self.config.style.rendering != Rendering::Native {
            sort(&mut lane.edits);
        }
        let mut from = 0;
        for edit in &lane.edits {
            out.extend_from_slice(body.get(from..edit.at).unwrap_or(&[]));
            let text = lane.rendered.get(edit.text.0..edit.text.1);
            if with_context {
                out.extend_from_slice(text.unwrap_or(&[]));
            }
            from = edit.to.max(from);
        }
        out.extend_from_slice(body.get(from..).unwrap_or(&[]));
        out.extend_from_slice(end);
    }

    /// Looks up and renders an event that had to wait.
    fn finish_event(&mut self, number: usize, text: &str) {
        let Some(lane) = self.lanes.get_mut(number) else {
            return;
        };
        let Some(place) = lane.waiting.take() else {
            return;
        };
        if lane.result != Ok(Some(())) {
            return;
        }
        if let Some(mut pass) = self.pass(number, text, &mut Purpose::Enrich, false) {
            pass.event(&place, Span::EMPTY);
        }
        let result = self.settled(number);
        if let Some(lane) = self.lanes.get_mut(number) {
            lane.result = result;
        }
    }
}

/// Puts edits in the order of the line. They are so nearly, and mostly few; the standard library's
/// sort would be 4 kB of a guest, and one that only swaps neighbours slow where a line is hostile.
fn sort(edits: &mut [Edit]) {
    let order = |edit: &Edit| (edit.at, edit.to);
    let mut gap = edits.len();
    while gap > 1 {
        // Ciura's rule, continued: nearly as few steps as the best known.
        gap = (gap * 5 / 11).max(1);
        for from in gap..edits.len() {
            let mut at = from;
            while let (Some(before), Some(this)) = (
                at.checked_sub(gap).and_then(|before| edits.get(before)),
                edits.get(at),
            ) && order(this) < order(before)
            {
                edits.swap(at, at - gap);
                at -= gap;
            }
        }
    }
}
