//! Reading a small JSON document from end to end, strictly: the configuration.
//!
//! `serde_json` would do it too, and does in tests beside this; in a guest it and the code derived
//! for it take 25 kB of the 300 that the module may have, where the scanner's parts are already
//! there.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::bytewise;
use crate::event::scan::MAX_DEPTH;

/// What is wrong with a document, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Byte, from 0.
    pub(crate) at: usize,
    pub(crate) message: &'static str,
}

/// A place in a document.
#[derive(Debug)]
pub(crate) struct Document<'d> {
    bytes: &'d [u8],
    at: usize,
}

impl<'d> Document<'d> {
    pub(crate) const fn new(bytes: &'d [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A fault here.
    pub(crate) fn fault<T>(&self, message: &'static str) -> Result<T, Fault> {
        self.fault_at(self.at, message)
    }

    /// A fault at a place that was passed.
    #[expect(clippy::unused_self, reason = "a fault belongs to a document")]
    pub(crate) fn fault_at<T>(&self, at: usize, message: &'static str) -> Result<T, Fault> {
        Err(Fault { at, message })
    }

    /// Where the next value begins.
    pub(crate) fn here(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Whether the next value is a text.
    pub(crate) fn is_text(&mut self) -> bool {
        self.peek() == Some(b'"')
    }

    fn peek(&mut self) -> Option<u8> {
        let (at, byte) = bytewise::next_byte(self.bytes, self.at);
        self.at = at;
        byte
    }

    fn expect(&mut self, byte: u8, message: &'static str) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return self.fault(message);
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but blanks may follow.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fault("something follows the document"),
        }
    }

    /// `null` is read as if the member were absent.
    pub(crate) fn is_null(&mut self) -> bool {
        self.peek();
        let is_null = self
            .bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(b"null"));
        if is_null {
            self.at += 4;
        }
        is_null
    }

    pub(crate) fn text(&mut self) -> Result<String, Fault> {
        if self.peek() != Some(b'"') {
            return self.fault("a text is expected");
        }
        let from = self.at + 1;
        let Ok(end) = bytewise::skip_value(self.bytes, self.at, 0, MAX_DEPTH) else {
            return self.fault("the text does not end");
        };
        let mut decoded = Vec::new();
        let raw = self.bytes.get(from..end - 1).unwrap_or(&[]);
        if bytewise::decode(raw, &mut decoded).is_err() {
            return self.fault("the text has a wrong escape");
        }
        let Ok(text) = String::from_utf8(decoded) else {
            return self.fault("the text is not UTF-8");
        };
        self.at = end;
        Ok(text)
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self) -> Result<u64, Fault> {
        self.peek();
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let len = rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-'))
            .count();
        let digits = rest.get(..len).unwrap_or(&[]);
        let has_leading_zero = len > 1 && digits.first() == Some(&b'0');
        let value = core::str::from_utf8(digits)
            .ok()
            .filter(|_| !has_leading_zero)
            .and_then(|digits| digits.parse().ok());
        let Some(value) = value else {
            return self.fault("a whole number is expected");
        };
        self.at += len;
        Ok(value)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Fault> {
        self.peek();
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        for (word, value) in [(b"true" as &[u8], true), (b"false", false)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.fault("true or false is expected")
    }

    /// Reads an object: `member` is called at the value of each member, which it has to read. A
    /// member of a name that it does not know is a fault of its own making.
    pub(crate) fn object<E: From<Fault>>(
        &mut self,
        member: &mut dyn FnMut(&mut Self, String) -> Result<(), E>,
    ) -> Result<(), E> {
        self.list(b'{', b'}', "an object is expected", &mut |this| {
            let name_at = this.at;
            let name = this.text()?;
            this.expect(b':', "a colon is expected")?;
            if this.is_null() {
                return Ok(());
            }
            let value_at = this.at;
            member(this, name)?;
            if this.at == value_at {
                this.at = name_at;
                this.fault("unknown member")?;
            }
            Ok(())
        })
    }

    /// Reads an array: `element` is called at each element, which it has to read.
    pub(crate) fn array<E: From<Fault>>(
        &mut self,
        element: &mut dyn FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.list(b'[', b']', "an array is expected", element)
    }

    fn list<E: From<Fault>>(
        &mut self,
        open: u8,
        close: u8,
        message: &'static str,
        element: &mut dyn FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(open, message)?;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.peek();
            element(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => self.fault("a comma or the closing bracket is expected")?,
            }
        }
    }
}
