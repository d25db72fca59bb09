//! The cost curves.

use std::path::Path;

/// Draws.
///
/// # Errors
/// Something cannot be read or written.
pub fn draw(_results: &Path, _out: &Path) -> anyhow::Result<()> {
    Ok(())
}
