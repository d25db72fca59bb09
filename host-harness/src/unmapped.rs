//! In place of `mapping` where files cannot be mapped into a guest's memory: everything is copied.

use std::fs::File;
use std::io;
use std::ops::Deref;

use wasmtime::{Memory, Store};

fn unsupported() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this platform maps no files into a guest's memory",
    )
}

/// Never made.
pub(crate) enum View {}

impl View {
    pub(crate) fn of(_: &File, _: usize) -> io::Result<Self> {
        Err(unsupported())
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match *self {}
    }
}

/// Makes no memories: the engine's own are used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memories;

impl Memories {
    pub(crate) fn map<T>(
        &self,
        _: &mut Store<T>,
        _: Memory,
        _: usize,
        _: (&File, usize),
    ) -> io::Result<()> {
        Err(unsupported())
    }

    pub(crate) fn clear<T>(
        &self,
        _: &mut Store<T>,
        _: Memory,
        _: usize,
        _: usize,
    ) -> io::Result<()> {
        Err(unsupported())
    }
}
