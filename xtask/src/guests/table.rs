//! Which modules there are: packages, and the sets of WebAssembly features they are built with.

/// One set of wasm features.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    pub(crate) name: &'static str,
    /// What stands before `.wasm` in the file's name.
    pub(crate) suffix: &'static str,
    pub(crate) feature: &'static str,
}

/// For hosts without SIMD, such as the runtime inside Fluent Bit.
pub(crate) const BASELINE: Level = Level {
    name: "baseline",
    suffix: "",
    feature: "-simd128",
};
/// For everybody else.
pub(crate) const SIMD: Level = Level {
    name: "simd128",
    suffix: ".simd128",
    feature: "+simd128",
};

impl Level {
    pub(crate) fn has_simd(self) -> bool {
        self.feature.starts_with('+')
    }
}

/// A package that becomes a module, once for each level.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) package: &'static str,
    /// Where the package is.
    pub(crate) folder: &'static str,
    /// Cargo features that it is built with.
    pub(crate) features: &'static [&'static str],
    /// Name of the modules, without level and extension.
    pub(crate) stem: &'static str,
    pub(crate) levels: &'static [Level],
    /// Largest module, and largest after gzip, in bytes.
    pub(crate) limits: (usize, usize),
}

impl Guest {
    /// File name of a level's module.
    pub(crate) fn file(&self, level: Level) -> String {
        format!("{}{}.wasm", self.stem, level.suffix)
    }

    /// Whether it is finished by `wasm-bindgen`, which also makes JavaScript for it.
    pub(crate) fn has_glue(&self) -> bool {
        self.package == JS.package
    }

    /// The file that cargo makes of it.
    pub(crate) fn built_file(&self) -> String {
        format!("{}.wasm", self.package.replace('-', "_"))
    }
}

/// The guest without imports.
pub(crate) static PLAIN: Guest = Guest {
    package: "whose-plain",
    folder: "wasm/plain",
    features: &[],
    stem: "whose-plain",
    levels: &[BASELINE, SIMD],
    limits: (300_000, 128_000),
};

/// Functions over columns of events and keys.
pub(crate) static CLICKHOUSE: Guest = Guest {
    package: "whose-clickhouse",
    folder: "wasm/clickhouse",
    features: &[],
    stem: "whose-clickhouse",
    levels: &[SIMD],
    // Single fields of a lookup besides.
    limits: (300_000, 131_000),
};

/// For Fluent Bit's filter_wasm.
pub(crate) static FLUENT_BIT: Guest = Guest {
    package: "whose-fluent-bit",
    folder: "wasm/fluent-bit",
    features: &[],
    stem: "whose-fluent-bit",
    levels: &[BASELINE],
    limits: (300_000, 128_000),
};

/// The same for Fluent Bit's exec_wasi.
pub(crate) static FLUENT_BIT_EXEC: Guest = Guest {
    features: &["exec-wasi"],
    stem: "whose-fluent-bit-exec",
    ..FLUENT_BIT
};

/// The guest for JavaScript, which the npm package is made of.
pub(crate) static JS: Guest = Guest {
    package: "whose-js",
    folder: "wasm/js",
    features: &[],
    stem: "whose-js",
    levels: &[BASELINE, SIMD],
    limits: (320_000, 140_000),
};

/// The bare lookup, which `cargo xtask bench` measures. No host gets it.
pub(crate) static BENCH: Guest = Guest {
    package: "whose-bench-guest",
    folder: "benches/guest",
    features: &[],
    stem: "whose-bench",
    levels: &[SIMD],
    limits: (usize::MAX, usize::MAX),
};

/// Every guest that hosts get.
pub(crate) static ALL: &[&Guest] = &[&PLAIN, &JS, &FLUENT_BIT, &FLUENT_BIT_EXEC, &CLICKHOUSE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_modules_have_one_name() {
        let mut files: Vec<String> = ALL
            .iter()
            .flat_map(|guest| guest.levels.iter().map(|level| guest.file(*level)))
            .collect();
        let count = files.len();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), count);
    }
}
