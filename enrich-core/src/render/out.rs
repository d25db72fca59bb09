//! Writes fields: those that are wanted, by the names of the rendering.

use core::cell::RefCell;

use json_out::json::Json;
use json_out::phrases::{Phrase, Phrases};

use super::fields::Field;
use super::style::{Rendering, Style};
use crate::snapshot::TimeFact;

/// A JSON writer whose members are [`Field`]s. A field that is not wanted is not written, and
/// nothing of what is in it.
#[derive(Debug)]
pub(crate) struct Out<'a, 'o> {
    pub(crate) json: &'o mut Json<'a>,
    pub(crate) style: &'o Style,
    /// What was written before, where that is of any use.
    phrases: Option<&'o RefCell<Phrases>>,
}

// Not inlined for the most part: a guest has a size budget, and there are more than a hundred calls.
impl<'a, 'o> Out<'a, 'o> {
    pub(crate) const fn new(json: &'o mut Json<'a>, style: &'o Style) -> Self {
        Self {
            json,
            style,
            phrases: None,
        }
    }

    /// With phrases that were written with this style.
    pub(crate) const fn with(
        json: &'o mut Json<'a>,
        style: &'o Style,
        phrases: &'o RefCell<Phrases>,
    ) -> Self {
        Self {
            json,
            style,
            phrases: Some(phrases),
        }
    }

    /// Members that depend on nothing but what the phrase is about and the style.
    #[inline(always)]
    pub(crate) fn phrase(&mut self, phrase: Phrase, body: impl FnOnce(&mut Self)) {
        if self.is_known(phrase) {
            return;
        }
        let (comma, from) = self.json.here();
        body(self);
        self.keep(phrase, comma, from);
    }

    /// Whether a phrase is remembered; then it is written.
    fn is_known(&mut self, phrase: Phrase) -> bool {
        let Some(phrases) = self.phrases.and_then(|phrases| phrases.try_borrow().ok()) else {
            return false;
        };
        let Some(text) = phrases.get(phrase) else {
            return false;
        };
        if !text.is_empty() {
            self.json.members(text);
        }
        true
    }

    /// Remembers what was written since a place in the text.
    #[inline(never)]
    fn keep(&mut self, phrase: Phrase, comma: bool, from: usize) {
        let phrases = self
            .phrases
            .and_then(|phrases| phrases.try_borrow_mut().ok());
        let text = self.json.buffer().get(from..).unwrap_or(&[]);
        if let Some(mut phrases) = phrases {
            let own = if comma { text.get(1..) } else { None };
            phrases.keep(phrase, own.unwrap_or(text));
        }
    }

    /// Whether a field is written.
    #[inline]
    pub(crate) fn wants(&self, field: Field) -> bool {
        self.style.fields.has(field)
    }

    /// Begins a member, if it is wanted.
    #[inline(never)]
    fn begin(&mut self, field: Field) -> bool {
        let is_wanted = self.wants(field);
        if is_wanted {
            self.json.name(self.style.name(field));
        }
        is_wanted
    }

    #[inline(never)]
    fn open(&mut self, field: Field, bracket: u8) -> bool {
        let is_wanted = self.begin(field);
        if is_wanted {
            self.json.open(bracket);
        }
        is_wanted
    }

    /// A member that is an object.
    #[inline(always)]
    pub(crate) fn object(&mut self, field: Field, body: impl FnOnce(&mut Self)) {
        if self.open(field, b'{') {
            body(self);
            self.json.close(b'}');
        }
    }

    /// A member that is an array.
    #[inline(always)]
    pub(crate) fn array(&mut self, field: Field, body: impl FnOnce(&mut Self)) {
        if self.open(field, b'[') {
            body(self);
            self.json.close(b']');
        }
    }

    /// An element that is an object.
    #[inline(always)]
    pub(crate) fn element(&mut self, body: impl FnOnce(&mut Self)) {
        self.json.separate();
        self.json.open(b'{');
        body(self);
        self.json.close(b'}');
    }

    /// A member with an array of objects, left out when empty.
    pub(crate) fn objects<T>(
        &mut self,
        field: Field,
        items: impl Iterator<Item = T>,
        mut body: impl FnMut(T, &mut Self),
    ) {
        let mut items = items.peekable();
        if items.peek().is_some() {
            self.array(field, |out| {
                for item in items {
                    out.element(|out| body(item, out));
                }
            });
        }
    }

    /// A text.
    #[inline(never)]
    pub(crate) fn string(&mut self, field: Field, text: &str) {
        if self.begin(field) {
            self.json.text(&[text]);
        }
    }

    /// A text that is left out when there is nothing to say.
    #[inline(never)]
    pub(crate) fn some(&mut self, field: Field, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.string(field, text);
        }
    }

    /// A value that is written already.
    #[inline(never)]
    pub(crate) fn written(&mut self, field: Field, json: &[u8]) {
        if self.begin(field) {
            self.json.bytes(json);
        }
    }

    /// A text in two parts.
    #[inline(never)]
    pub(crate) fn parts(&mut self, field: Field, parts: &[&str]) {
        if self.begin(field) {
            self.json.text(parts);
        }
    }

    /// A reference to a person or team, left out when there is nothing to say.
    #[inline(never)]
    pub(crate) fn reference(&mut self, field: Field, reference: Option<&str>) {
        if let Some(reference) = reference.filter(|text| !text.is_empty())
            && self.begin(field)
        {
            let style = self.style;
            self.json
                .quoted(|json| reference_text(style, reference, json));
        }
    }

    /// References, left out when there are none.
    #[inline(never)]
    pub(crate) fn references(
        &mut self,
        field: Field,
        references: &mut dyn ExactSizeIterator<Item = &str>,
    ) {
        if references.len() != 0 && self.open(field, b'[') {
            for reference in references {
                self.json.separate();
                let style = self.style;
                self.json
                    .quoted(|json| reference_text(style, reference, json));
            }
            self.json.close(b']');
        }
    }

    /// An array of texts, left out when empty.
    #[inline(never)]
    pub(crate) fn strings(&mut self, field: Field, texts: &mut dyn Iterator<Item = &str>) {
        let mut is_open = false;
        for text in texts {
            if !is_open {
                is_open = self.open(field, b'[');
                if !is_open {
                    return;
                }
            }
            self.json.separate();
            self.json.text(&[text]);
        }
        if is_open {
            self.json.close(b']');
        }
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, field: Field, value: u64) {
        if self.begin(field) {
            self.json.digits(value);
        }
    }

    #[inline(never)]
    pub(crate) fn signed(&mut self, field: Field, value: i64) {
        if self.begin(field) {
            self.json.integer(value);
        }
    }

    #[inline(never)]
    pub(crate) fn bool(&mut self, field: Field, value: bool) {
        if self.begin(field) {
            self.json.raw(if value { "true" } else { "false" });
        }
    }

    /// A JSON string of what `body` appends.
    #[inline(always)]
    pub(crate) fn quoted(&mut self, field: Field, body: impl FnOnce(&mut Json<'_>)) {
        if self.begin(field) {
            self.json.quoted(body);
        }
    }

    /// A time. OCSF counts milliseconds where the name is one of its own.
    #[inline(never)]
    pub(crate) fn time(&mut self, field: Field, ms: i64) {
        if self.begin(field) {
            if self.style.rendering == Rendering::Ocsf && self.style.name(field).ends_with("_time")
            {
                self.json.integer(ms);
            } else {
                self.json.quoted(|json| json.plain_time(ms));
            }
        }
    }

    /// A time in its four states; unknown is absent. Where a member has one type for everybody, a
    /// state that is no time stands in a member of its own.
    #[inline(never)]
    pub(crate) fn fact_time(&mut self, field: Field, time: TimeFact) {
        let (state, since) = match time {
            TimeFact::Unknown => return,
            TimeFact::At(ms) => return self.time(field, ms),
            TimeFact::NotTracked => ("not_tracked", None),
            TimeFact::Never => ("never", None),
            TimeFact::NeverSince(ms) => ("never since ", Some(ms)),
        };
        if !self.wants(field) {
            return;
        }
        let suffix = match self.style.rendering {
            Rendering::Native => "",
            _ => "_state",
        };
        self.json.name_parts(&[field.name(), suffix]);
        self.json.quoted(|json| {
            json.raw(state);
            if let Some(ms) = since {
                json.plain_time(ms);
            }
        });
    }
}

/// A reference inside a text, or what stands for it.
pub(crate) fn reference_text(style: &Style, reference: &str, json: &mut Json<'_>) {
    if style.hides(reference) {
        style.pseudonym(reference, json.buffer());
    } else {
        json.escaped(reference);
    }
}
