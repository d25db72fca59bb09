//! How much memory this process has, as Linux counts it.

/// Bytes of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// Proportional share: a page that several mappings have in common counts once.
    pub(super) pss: u64,
    /// Pages that are this process's own and were written to.
    pub(super) private_dirty: u64,
}

impl Memory {
    /// What it is now; `None` where the system does not tell.
    pub(super) fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/smaps_rollup").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            kilobytes.checked_mul(1024)
        };
        Some(Self {
            pss: field("Pss:")?,
            private_dirty: field("Private_Dirty:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text_is_read() {
        let text = "5565-7ffe ---p 00000000 00:00 0    [rollup]\nRss:     2104 kB\nPss:      310 kB\nPss_Dirty:  9 kB\nPrivate_Dirty:       100 kB\n";
        let memory = Memory {
            pss: 310 << 10,
            private_dirty: 100 << 10,
        };
        assert_eq!(Memory::parse(text), Some(memory));
        assert_eq!(Memory::parse("Rss: 1 kB\n"), None);
    }
}
