//! Looks at a module without trusting it: imports, exports, memory, features, size.

use std::io::Write;

use serde::Serialize;
use wasmparser::{
    CompositeInnerType, ExternalKind, Parser, Payload, ValType, Validator, WasmFeatures,
    types::Types,
};

use crate::abi::{self, Value};
use crate::engine::{GuestModule, Limits};
use crate::error::HarnessError;
use crate::text::printable;

/// One function of the ABI and what the module has in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// Name.
    pub name: &'static str,
    /// Signature by the ABI.
    pub expected: String,
    /// Signature in the module, absent when it does not export the name.
    pub found: Option<String>,
    /// Whether the two are the same.
    pub holds: bool,
}

/// What a module is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModuleReport {
    /// Size in bytes.
    pub size: usize,
    /// Size after gzip at its highest level.
    pub gzip_size: usize,
    /// Imports as `module.name`; a plain guest has none.
    pub imports: Vec<String>,
    /// The functions of the ABI.
    pub exports: Vec<ExportReport>,
    /// What `whose_abi_version` returned, when the module could be started.
    pub abi_version: Option<i32>,
    /// Memory at the start, in bytes, when a 32-bit memory is exported as `memory`.
    pub memory_bytes: Option<u64>,
    /// Features beyond WebAssembly 1.0 without which it is not valid.
    pub features: Vec<&'static str>,
    /// What does not hold; empty when the module is a plain guest.
    pub problems: Vec<String>,
}

const FEATURES: &[(&str, WasmFeatures)] = &[
    ("mutable-global", WasmFeatures::MUTABLE_GLOBAL),
    ("sign-extension", WasmFeatures::SIGN_EXTENSION),
    (
        "saturating-float-to-int",
        WasmFeatures::SATURATING_FLOAT_TO_INT,
    ),
    ("multi-value", WasmFeatures::MULTI_VALUE),
    (
        "bulk-memory",
        WasmFeatures::BULK_MEMORY.union(WasmFeatures::BULK_MEMORY_OPT),
    ),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("simd128", WasmFeatures::SIMD),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    ("threads", WasmFeatures::THREADS),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("memory64", WasmFeatures::MEMORY64),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("exceptions", WasmFeatures::EXCEPTIONS),
    ("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC),
];

/// Whether snapshots were baked into a module: it has the section that says which.
pub(crate) fn is_baked(bytes: &[u8]) -> bool {
    Parser::new(0)
        .parse_all(bytes)
        .map_while(Result::ok)
        .any(|payload| {
            matches!(payload, Payload::CustomSection(section) if section.name() == "whose.baked")
        })
}

/// Reports on a module. `name` is what problems call it.
///
/// # Errors
/// The bytes are not a WebAssembly module at all.
pub fn inspect(name: &str, bytes: &[u8]) -> Result<ModuleReport, HarnessError> {
    let invalid = |error: &dyn std::fmt::Display| HarnessError::ModuleInvalid {
        module: name.to_owned(),
        cause: crate::error::Cause::new(printable(&error.to_string(), 500)),
    };
    let types = Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .map_err(|error| invalid(&error))?;
    let mut report = ModuleReport {
        size: bytes.len(),
        gzip_size: gzip_size(bytes),
        imports: Vec::new(),
        exports: Vec::new(),
        abi_version: None,
        memory_bytes: None,
        features: features(bytes),
        problems: Vec::new(),
    };
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| invalid(&error))? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(|error| invalid(&error))?;
                    report.imports.push(printable(
                        &format!("{}.{}", import.module, import.name),
                        200,
                    ));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(export.map_err(|error| invalid(&error))?);
                }
            }
            _ => {}
        }
    }
    for expected in abi::EXPORTS {
        let found = exports.iter().find(|export| export.name == expected.name);
        let found = found.map(|export| describe(&types, export.kind, export.index));
        let holds = found.as_deref() == Some(expected.to_string().as_str());
        report.exports.push(ExportReport {
            name: expected.name,
            expected: expected.to_string(),
            found,
            holds,
        });
    }
    let memory = exports
        .iter()
        .find(|export| export.name == "memory" && export.kind == ExternalKind::Memory);
    if let Some(memory) = memory {
        let memory = types.as_ref().memory_at(memory.index);
        if !memory.memory64 {
            report.memory_bytes = Some(memory.initial << memory.page_size_log2.unwrap_or(16));
        }
    }
    judge(name, bytes, &mut report);
    Ok(report)
}

/// Fills in what does not hold, and starts the module when nothing speaks against it.
fn judge(name: &str, bytes: &[u8], report: &mut ModuleReport) {
    if !report.imports.is_empty() {
        report.problems.push(format!(
            "{} imports; a plain guest has none",
            report.imports.len()
        ));
    }
    if report.memory_bytes.is_none() {
        report
            .problems
            .push("no 32-bit memory is exported as `memory`".into());
    }
    for export in report.exports.iter().filter(|export| !export.holds) {
        let found = export.found.as_deref().unwrap_or("nothing");
        report.problems.push(format!(
            "`{}` must be {}, found {found}",
            export.name, export.expected
        ));
    }
    if !report.problems.is_empty() {
        return;
    }
    match GuestModule::from_bytes(name, bytes, Limits::default()) {
        Ok(_) => report.abi_version = Some(abi::VERSION),
        Err(error) => {
            if let HarnessError::AbiVersion { found, .. } = error {
                report.abi_version = Some(found);
            }
            let mut text = error.to_string();
            if let Some(cause) = std::error::Error::source(&error) {
                text = format!("{text}: {cause}");
            }
            report.problems.push(text);
        }
    }
}

fn describe(types: &Types, kind: ExternalKind, index: u32) -> String {
    if kind != ExternalKind::Func {
        return "no function".into();
    }
    let CompositeInnerType::Func(function) = &types[types.as_ref().core_function_at(index)]
        .composite_type
        .inner
    else {
        return "no function".into();
    };
    let name = |value: &ValType| match value {
        ValType::I32 => Value::I32.as_str().to_owned(),
        ValType::I64 => Value::I64.as_str().to_owned(),
        other => other.to_string(),
    };
    let parameters: Vec<String> = function.params().iter().take(20).map(name).collect();
    let results: Vec<String> = function.results().iter().take(20).map(name).collect();
    let results = if results.is_empty() {
        "()".to_owned()
    } else {
        results.join(", ")
    };
    format!("({}) -> {results}", parameters.join(", "))
}

/// A feature is used when the module is not valid without it.
fn features(bytes: &[u8]) -> Vec<&'static str> {
    FEATURES
        .iter()
        .filter(|(_, feature)| {
            Validator::new_with_features(WasmFeatures::all().difference(*feature))
                .validate_all(bytes)
                .is_err()
        })
        .map(|(name, _)| *name)
        .collect()
}

fn gzip_size(bytes: &[u8]) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to a Vec cannot fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_or(0, |compressed| compressed.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> ModuleReport {
        inspect("m", &wat::parse_str(text).expect("valid text")).expect("a module")
    }

    #[test]
    fn what_is_missing_is_said() {
        let report = report(
            r#"(module (import "env" "f" (func)) (func (export "whose_alloc") (param i64)))"#,
        );
        assert_eq!(report.imports, ["env.f"]);
        assert_eq!(report.problems[0], "1 imports; a plain guest has none");
        assert_eq!(
            report.problems[1],
            "no 32-bit memory is exported as `memory`"
        );
        assert!(
            report
                .problems
                .contains(&"`whose_alloc` must be (i32, i32) -> i32, found (i64) -> ()".to_owned())
        );
        assert!(
            report
                .problems
                .contains(&"`whose_stats` must be () -> i64, found nothing".to_owned())
        );
        assert_eq!(report.abi_version, None);
    }

    #[test]
    fn features_are_found() {
        let report = report(
            r#"(module (memory (export "memory") 2)
                (func (param v128) (result v128) local.get 0)
                (func (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))))"#,
        );
        assert_eq!(report.features, ["bulk-memory", "simd128"]);
        assert_eq!(report.memory_bytes, Some(2 << 16));
    }

    #[test]
    fn other_bytes_are_no_module() {
        let error = inspect("m", b"\x7fELF").expect_err("no module");
        assert_eq!(
            error.to_string(),
            "module m is not a WebAssembly module that this host runs"
        );
    }
}
