//! Azure Key Vault logs.

use super::FormatReader;
use super::observer::{Observer, fields};
use crate::vocabulary::Format;

fields! {
    PLACE = "/not written yet";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::AzureKeyvault,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_present(PLACE)
}

fn observe(_: &mut Observer<'_, '_>) {}
