//! Rows of a column: how databases hand over events and keys, in ClickHouse's RowBinary.
//!
//! A row is one event, whatever bytes it holds, and one row's fault is that row's alone.

use std::borrow::Cow;
use std::ops::Range;

use enrich_core::LookupField;

use crate::instance::{Instance, code};
use crate::room;

/// Why a block of rows can't be read: it is not what the function was declared with.
pub(crate) const NOT_ROWS: &str = "the block is not RowBinary of as many String arguments as the function takes; create the function as docs/hosts/clickhouse.md shows";

/// Reads strings of a block, one after the other.
#[derive(Debug)]
pub(crate) struct Rows<'b> {
    rest: &'b [u8],
}

impl<'b> Rows<'b> {
    pub(crate) const fn new(block: &'b [u8]) -> Self {
        Self { rest: block }
    }

    /// The next string.
    pub(crate) fn string(&mut self) -> Result<&'b [u8], &'static str> {
        let mut len = 0_u64;
        let mut at = 0;
        loop {
            let byte = *self.rest.get(at).ok_or(NOT_ROWS)?;
            // Groups of seven bits, as many as tell every length in a 32-bit memory.
            if at >= LONGEST_PREFIX {
                return Err(NOT_ROWS);
            }
            len |= u64::from(byte & 0x7F) << (7 * at);
            at += 1;
            if byte < 0x80 {
                break;
            }
        }
        let rest = self.rest.get(at..).ok_or(NOT_ROWS)?;
        let len = usize::try_from(len).map_err(|_| NOT_ROWS)?;
        let (string, rest) = rest.split_at_checked(len).ok_or(NOT_ROWS)?;
        self.rest = rest;
        Ok(string)
    }

    /// Nothing may be left.
    pub(crate) const fn end(&self) -> Result<(), &'static str> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(NOT_ROWS)
        }
    }
}

/// Most bytes that stand before a string to say how long it is.
const LONGEST_PREFIX: usize = 5;

/// Appends a string to a block.
pub(crate) fn push(string: &[u8], block: &mut Vec<u8>) {
    let mut len = string.len();
    while len >= 0x80 {
        block.push(len as u8 | 0x80);
        len >>= 7;
    }
    block.push(len as u8);
    block.extend_from_slice(string);
}

/// Why a block can't be answered: its rows as they came are more than the memory holds.
pub(crate) const NO_ROOM: &str = "there is no memory for a block of rows";

/// Enriches each row of a block. A row for whose context there is no memory comes back as it was.
///
/// # Errors
/// When the block can't be read, or there is not even room for its rows as they came.
pub(crate) fn enrich(
    instance: &mut Instance,
    block: &[u8],
    rows: usize,
) -> Result<Vec<u8>, &'static str> {
    let mut input = Rows::new(block);
    let mut output = Vec::new();
    // The context is about as long as the event.
    if !has_room(&mut output, 2 * block.len()) && !has_room(&mut output, block.len()) {
        return Err(NO_ROOM);
    }
    let mut buffer = Vec::new();
    for done in 0..rows {
        let row = input.string()?;
        let enriched = event(instance, row, &mut buffer);
        // What is still to come must fit as it came, in any case.
        let rest = input.rest.len();
        let expected = rest.max(output.len() / done.max(1) * (rows - done));
        let needed = enriched.len() + LONGEST_PREFIX;
        if has_room(&mut output, needed + expected + expected / 8)
            || has_room(&mut output, needed + rest)
        {
            push(&enriched, &mut output);
        } else if has_room(&mut output, row.len() + LONGEST_PREFIX + rest) {
            push(row, &mut output);
        } else {
            return Err(NO_ROOM);
        }
    }
    input.end()?;
    Ok(output)
}

/// Whether a block has room for so many bytes more, after asking for it. Not twice as much, as a vector
/// takes: the instance's memory has a limit.
fn has_room(block: &mut Vec<u8>, more: usize) -> bool {
    block.capacity() - block.len() >= more || room::asked(|| block.try_reserve_exact(more)).is_ok()
}

/// Longer events are only read when there is memory for it.
const LONG_EVENT: usize = 1 << 20;

/// Enriches one event, which may have line ends in it, as pretty-printed JSON has.
fn event<'i>(instance: &'i mut Instance, event: &'i [u8], buffer: &mut Vec<u8>) -> Cow<'i, [u8]> {
    // What reading takes besides the output: its index and its copy are as long as the event, or less.
    if event.len() > LONG_EVENT && !has_room(&mut Vec::new(), 2 * event.len()) {
        return Cow::Borrowed(event);
    }
    let body = event.strip_suffix(b"\n").unwrap_or(event);
    if memchr::memchr(b'\n', body).is_none() {
        // More than a batch takes is more than a line may have, which leaves unchanged.
        return Cow::Borrowed(room::asked(|| instance.enrich(event)).unwrap_or(event));
    }
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    let (body, end) = event.split_at_checked(body.len()).unwrap_or((event, &[]));
    // In JSON they are blanks. Another blank takes their place meanwhile, so that it is one line: one
    // that the event does not have, so that they can be put back.
    let stand_in = [b'\t', b'\r']
        .into_iter()
        .find(|blank| memchr::memchr(*blank, body).is_none());
    buffer.clear();
    if room::asked(|| buffer.try_reserve(body.len())).is_err() {
        return Cow::Borrowed(event);
    }
    buffer.extend(body.iter().map(|byte| match byte {
        b'\n' => stand_in.unwrap_or(b' '),
        byte => *byte,
    }));
    match room::asked(|| instance.enrich(buffer)) {
        Ok(enriched) if enriched != buffer.as_slice() => {
            // In what was put in, control characters are escaped.
            let back = |byte: &u8| match byte {
                byte if Some(*byte) == stand_in => b'\n',
                byte => *byte,
            };
            let mut whole = Vec::new();
            if !has_room(&mut whole, enriched.len() + end.len()) {
                return Cow::Borrowed(event);
            }
            whole.extend(enriched.iter().map(back).chain(end.iter().copied()));
            Cow::Owned(whole)
        }
        _ => Cow::Borrowed(event),
    }
}

/// Looks up each row of a block of keys and names of fields.
///
/// `refusal`: the code with which the snapshot that should answer was refused; then no key is out of
/// its scope.
///
/// # Errors
/// When the block can't be read, or a name is no field's: what is wrong and what to do.
pub(crate) fn lookup(
    instance: &mut Instance,
    refusal: i32,
    block: &[u8],
    rows: usize,
) -> Result<Vec<u8>, Cow<'static, str>> {
    let mut input = Rows::new(block);
    let mut output = Vec::with_capacity(block.len());
    let mut names = 0;
    // Nearly always the same in all rows.
    let mut last: Option<(&[u8], Option<LookupField<'_>>)> = None;
    let mut memory = Memory::new(0);
    for done in 0..rows {
        let (key, name) = (input.string()?, input.string()?);
        if output.capacity() - output.len() < LONG_ANSWER {
            let expected = output.len() / done.max(1) * (rows - done);
            let _ = has_room(&mut output, LONG_ANSWER + expected + expected / 8);
        }
        let field = match &last {
            Some((last, field)) if *last == name => field,
            _ => {
                names += 1;
                // With another name in each row there is nothing to remember.
                memory = Memory::new(if names > MOST_NAMES { 0 } else { rows });
                &last.insert((name, field(name)?)).1
            }
        };
        if let Some(answered) = memory.of(key) {
            output.extend_from_within(answered);
            continue;
        }
        let start = output.len();
        if refusal < 0 {
            refused(refusal, instance, field.as_ref(), &mut output);
        } else if answer(instance, key, field.as_ref(), &mut output) {
            memory.keep(key, start..output.len());
        } else {
            // What a damaged snapshot said before it turned out to be damaged is not said again.
            memory = Memory::new(0);
        }
    }
    input.end()?;
    Ok(output)
}

/// Where in the output a key of this block was answered before. Events repeat their keys: a table of
/// millions of rows has hundreds of them.
struct Memory<'b> {
    /// One place for each value of the hash; a later key takes it over. Empty: nothing is kept.
    slots: Vec<Option<(&'b [u8], Range<usize>)>>,
}

/// Changes of the field's name in one block after which nothing is remembered.
const MOST_NAMES: usize = 8;
/// More bytes than an answer has as a rule.
const LONG_ANSWER: usize = 16 << 10;

/// Places of a [`Memory`], a power of two.
const SLOTS: usize = 2048;

impl<'b> Memory<'b> {
    fn new(rows: usize) -> Self {
        let slots = if rows > 1 { SLOTS } else { 0 };
        Self {
            slots: vec![None; slots],
        }
    }

    /// Which place a key has: the multiplication spreads its last bytes, in which keys differ, over
    /// the upper bits.
    fn place(key: &[u8]) -> usize {
        let mut hash = key.len() as u64;
        for word in key.rchunks(8) {
            let word = word
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
            hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        (hash >> 32) as usize & (SLOTS - 1)
    }

    fn of(&self, key: &[u8]) -> Option<Range<usize>> {
        match self.slots.get(Self::place(key))? {
            Some((kept, answer)) if *kept == key => Some(answer.clone()),
            _ => None,
        }
    }

    fn keep(&mut self, key: &'b [u8], answer: Range<usize>) {
        if let Some(slot) = self.slots.get_mut(Self::place(key)) {
            *slot = Some((key, answer));
        }
    }
}

/// The field of a name; `None` is the whole answer.
fn field(name: &[u8]) -> Result<Option<LookupField<'_>>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    let name = core::str::from_utf8(name).unwrap_or("\u{FFFD}");
    if let Some(field) = LookupField::named(name) {
        return Ok(Some(field));
    }
    let mut sentence = String::from("whose_lookup knows no field \"");
    escape(name.chars().take(LONGEST_NAME), &mut sentence);
    sentence.push_str(KNOWN_FIELDS);
    Err(sentence)
}

const KNOWN_FIELDS: &str = "\"; '' is the whole answer, else outcome, key or a field of an identity in docs/fields.md, such as owner.ref";
/// Most characters of a wrong name that are told.
const LONGEST_NAME: usize = 64;

/// Appends what a key leads to. A key that is none is an outcome too: a query over a table must not
/// end because of a row. Returns false when the snapshot turned out to be damaged.
fn answer(
    instance: &mut Instance,
    key: &[u8],
    field: Option<&LookupField<'_>>,
    output: &mut Vec<u8>,
) -> bool {
    let answered = match field {
        None => instance.lookup(key),
        Some(field) => instance.lookup_field(key, field),
    };
    let code = match answered {
        Ok(value) => {
            push(value, output);
            return true;
        }
        Err(code) => code,
    };
    refused(code, instance, field, output);
    code == code::BAD_KEY
}

/// Appends that nothing can be said, and why.
fn refused(code: i32, instance: &Instance, field: Option<&LookupField<'_>>, output: &mut Vec<u8>) {
    let outcome = match code {
        code::BAD_KEY => KEY_REFUSED,
        _ => SNAPSHOT_REFUSED,
    };
    match field {
        None => {
            let mut whole =
                format!("{{\"v\":1,\"outcome\":\"{outcome}\",\"code\":{code},\"error\":\"");
            escape(instance.error().chars(), &mut whole);
            whole.push_str("\",\"records\":[]}");
            push(whole.as_bytes(), output);
        }
        Some(field) if field.name() == "outcome" => push(outcome.as_bytes(), output),
        Some(_) => push(b"", output),
    }
}

/// The outcome of a text that is no key.
const KEY_REFUSED: &str = "key_refused";
/// The outcome in a snapshot that turned out to be damaged.
const SNAPSHOT_REFUSED: &str = "snapshot_refused";

fn escape(text: impl Iterator<Item = char>, out: &mut String) {
    for character in text {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                out.push_str(if control < '\u{10}' {
                    "\\u000"
                } else {
                    "\\u001"
                });
                out.extend(char::from_digit(u32::from(control) % 16, 16));
            }
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(strings: &[&[u8]]) -> Vec<u8> {
        let mut block = Vec::new();
        for string in strings {
            push(string, &mut block);
        }
        block
    }

    fn strings(block: &[u8]) -> Vec<Vec<u8>> {
        let mut rows = Rows::new(block);
        let mut strings = Vec::new();
        while rows.end().is_err() {
            strings.push(rows.string().expect("a block of strings").to_vec());
        }
        strings
    }

    /// A forged member is removed also when nothing is attached, so that there is something to see.
    const FORGED: &[u8] = b"{\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"X\",\"userIdentity\":{},\"whose\":1}";
    const CLEAN: &[u8] =
        b"{\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"X\",\"userIdentity\":{}}";

    #[test]
    fn strings_of_every_length_are_read_as_they_are_written() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_152] {
            let string = vec![b'x'; len];
            assert_eq!(
                strings(&block(&[&string, b"next"])),
                [string, b"next".to_vec()]
            );
        }
    }

    #[test]
    fn a_block_that_is_not_one_is_refused() {
        let mut instance = Instance::new();
        for bad in [
            b"".as_slice(),
            b"\x05abc",
            b"\x80",
            b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
            b"\x01a\x01b",
        ] {
            assert_eq!(enrich(&mut instance, bad, 1), Err(NOT_ROWS), "{bad:?}");
        }
        assert!(lookup(&mut instance, 0, b"\x01a", 1).is_err());
        assert_eq!(enrich(&mut instance, b"", 0), Ok(Vec::new()));
    }

    #[test]
    fn a_row_is_one_event() {
        let mut instance = Instance::new();
        let two = [CLEAN, b"\n", FORGED].concat();
        let rows: [&[u8]; 7] = [FORGED, b"", b"no json", b"\xFF\n\xFE", &two, b"\n", b"{}\r"];
        let out = enrich(&mut instance, &block(&rows), rows.len()).expect("a block");
        let out = strings(&out);
        assert_eq!(out[0], CLEAN);
        assert_eq!(out[1..], rows[1..]);
    }

    #[test]
    fn line_ends_inside_an_event_stay() {
        let mut instance = Instance::new();
        let forged = String::from_utf8(FORGED.to_vec()).unwrap();
        let clean = String::from_utf8(CLEAN.to_vec()).unwrap();
        // Line ends alone, with tabs, with carriage returns; and a last one.
        for blank in ["\n", "\n\t", "\r\n", "\n\n  "] {
            for end in ["", "\n", "\r\n"] {
                let pretty = |event: &str| {
                    event.replace("\"eventName\"", &format!("{blank}\"eventName\"")) + end
                };
                let out = enrich(&mut instance, &block(&[pretty(&forged).as_bytes()]), 1);
                let out = strings(&out.expect("a block"));
                assert_eq!(
                    String::from_utf8_lossy(&out[0]),
                    pretty(&clean),
                    "{blank:?} {end:?}"
                );
            }
        }
        // With every blank there is, line ends become spaces where something changes.
        let every = |event: &str| event.replace("\"eventName\"", "\r\n\t\"eventName\"");
        let out = enrich(
            &mut instance,
            &block(&[every(&forged).as_bytes(), every(&clean).as_bytes()]),
            2,
        );
        let out = strings(&out.expect("a block"));
        assert_eq!(
            String::from_utf8_lossy(&out[0]),
            every(&clean).replace('\n', " ")
        );
        assert_eq!(String::from_utf8_lossy(&out[1]), every(&clean));
    }

    #[test]
    fn a_key_that_is_none_is_an_outcome() {
        let mut instance = Instance::new();
        let rows: [&[u8]; 12] = [
            b"nonsense",
            b"outcome",
            b"nonsense",
            b"owner.ref",
            b"",
            b"outcome",
            b"\xFF",
            b"outcome",
            b"aws_arn:arn:aws:iam::111122223333:role/x",
            b"outcome",
            b"non\"sense",
            b"",
        ];
        let out = lookup(&mut instance, 0, &block(&rows), rows.len() / 2).expect("a block");
        let out = strings(&out);
        let texts: Vec<&str> = out
            .iter()
            .map(|text| core::str::from_utf8(text).unwrap())
            .collect();
        assert_eq!(
            texts[..5],
            [
                "key_refused",
                "",
                "key_refused",
                "key_refused",
                "out_of_scope"
            ]
        );
        assert!(
            texts[5]
                .starts_with("{\"v\":1,\"outcome\":\"key_refused\",\"code\":-16,\"error\":\"key "),
            "{}",
            texts[5]
        );
        assert!(texts[5].ends_with("\",\"records\":[]}"));
    }

    #[test]
    fn a_key_that_comes_again_gets_the_same_answer() {
        let mut instance = Instance::new();
        let keys: Vec<String> = (0..5000)
            .map(|number| match number % 7 {
                0 => "nonsense".to_owned(),
                // More keys than places, so that some lose theirs and come again.
                other => format!(
                    "aws_arn:arn:aws:iam::111122223333:role/{}",
                    number % 997 * other
                ),
            })
            .collect();
        for names in [
            ["outcome", "outcome"],
            ["outcome", "owner.ref"],
            ["", "outcome"],
        ] {
            let rows: Vec<&[u8]> = keys
                .iter()
                .enumerate()
                .flat_map(|(at, key)| [key.as_bytes(), names[at / 50 % 2].as_bytes()])
                .collect();
            let together = lookup(&mut instance, 0, &block(&rows), keys.len()).expect("a block");
            let alone: Vec<u8> = rows
                .chunks(2)
                .flat_map(|row| lookup(&mut instance, 0, &block(row), 1).expect("a block"))
                .collect();
            assert_eq!(together, alone, "{names:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_field_is_told() {
        let mut instance = Instance::new();
        let error =
            lookup(&mut instance, 0, &block(&[b"x", b"ownr\n.ref"]), 1).expect_err("no field");
        assert!(
            error.starts_with("whose_lookup knows no field \"ownr\\u000a.ref\"; ''"),
            "{error}"
        );
    }
}
