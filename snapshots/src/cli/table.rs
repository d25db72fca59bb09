//! Plain two-column tables for people.

use comfy_table::{ContentArrangement, Table, presets};
use snapshots::text::printable;

/// A table without lines whose cells hold nothing that a terminal would obey.
pub(super) fn table(rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell, 400)));
    }
    table
}
