//! How large a module is, and may be.

use std::io::Write;
use std::path::Path;

use crate::failure::{Failure, While};

/// How large a module is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) plain: usize,
    pub(crate) gzip: usize,
}

impl Size {
    pub(crate) fn of(module: &Path) -> Result<Self, Failure> {
        let bytes =
            std::fs::read(module).while_doing(|| format!("cannot read {}", module.display()))?;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let gzip = encoder
            .write_all(&bytes)
            .and_then(|()| encoder.finish())
            .while_doing(|| format!("cannot compress {}", module.display()))?;
        Ok(Self {
            plain: bytes.len(),
            gzip: gzip.len(),
        })
    }

    pub(crate) fn within(self, (plain, gzip): (usize, usize)) -> bool {
        self.plain <= plain && self.gzip <= gzip
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:.1} kB, gzip {:.1} kB",
            self.plain as f64 / 1000.0,
            self.gzip as f64 / 1000.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_the_limit_and_not_above() {
        let size = Size {
            plain: 300,
            gzip: 120,
        };
        assert!(size.within((300, 120)));
        assert!(!size.within((299, 120)));
        assert!(!size.within((300, 119)));
    }
}
