//! Tiny guests in WebAssembly text: one that behaves, with single functions replaced by bad ones.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;
use std::time::Duration;

use host_harness::{GuestModule, HarnessError, Limits};

/// A guest that copies its input behind it and counts the calls. Memory: statistics at 64, an error
/// sentence at 1024, then a heap that only grows,
/// and goes on elsewhere when the host has added memory of its own.
const FUNCTIONS: &[(&str, &str)] = &[
    ("whose_abi_version", "(result i32) (i32.const 1)"),
    (
        "whose_alloc",
        "(param $len i32) (param $align i32) (result i32) (local $at i32) (local $pages i32)
         (local.set $at (i32.and
           (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
           (i32.sub (i32.const 0) (local.get $align))))
         (if (i32.gt_u (i32.add (local.get $at) (local.get $len)) (global.get $top))
           (then
             (local.set $pages (i32.add (i32.shr_u (local.get $len) (i32.const 16)) (i32.const 1)))
             (local.set $at (memory.grow (local.get $pages)))
             (if (i32.eq (local.get $at) (i32.const -1)) (then (return (i32.const 0))))
             (local.set $at (i32.shl (local.get $at) (i32.const 16)))
             (global.set $top
               (i32.add (local.get $at) (i32.shl (local.get $pages) (i32.const 16))))))
         (global.set $heap (i32.add (local.get $at) (local.get $len)))
         (local.get $at)",
    ),
    ("whose_free", "(param i32 i32 i32)"),
    (
        "whose_configure",
        "(param $ptr i32) (param $len i32) (result i32) (i32.const 0)",
    ),
    (
        "whose_attach",
        "(param $ptr i32) (param $len i32) (param $flags i32) (param $now i64) (result i32)
         (if (i32.eqz (local.get $len)) (then (return (i32.const -6))))
         (if (i32.and (local.get $ptr) (i32.const 63)) (then (return (i32.const -2))))
         (global.set $layers (i32.add (global.get $layers) (i32.const 1)))
         (i32.sub (global.get $layers) (i32.const 1))",
    ),
    ("whose_detach", "(param i32) (result i32) (i32.const 0)"),
    ("whose_enrich", ECHO),
    ("whose_keys", ECHO),
    (
        "whose_lookup",
        "(param $ptr i32) (param $len i32) (result i64) (i64.const -16)",
    ),
    (
        "whose_stats",
        r#"(result i64)
         (i32.store8 (i32.const 74) (i32.add (i32.const 48) (global.get $calls)))
         (i64.or (i64.shl (i64.const 64) (i64.const 32)) (i64.const 12))"#,
    ),
    (
        "whose_last_error",
        "(result i64) (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const 13))",
    ),
];

/// Returns the input itself.
pub(crate) const ECHO: &str = "(param $ptr i32) (param $len i32) (result i64)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))";

/// The text of a guest with some functions replaced.
pub(crate) fn guest(replaced: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from(
        "(module (memory (export \"memory\") 2)
           (global $heap (mut i32) (i32.const 4096))
           (global $top (mut i32) (i32.const 131072))
           (global $calls (mut i32) (i32.const 0))
           (global $layers (mut i32) (i32.const 0))
           (data (i32.const 64) \"{\\\"events\\\":0}\")
           (data (i32.const 1024) \"no such\\1bluck!\")",
    );
    for (name, body) in FUNCTIONS {
        let body = replaced
            .iter()
            .find(|(replaced, _)| replaced == name)
            .map_or(*body, |(_, body)| *body);
        text.push_str(&format!("(func (export \"{name}\") {body})"));
    }
    text.push(')');
    wat::parse_str(&text).expect("valid text")
}

/// Limits for tests: fuel, because it is the same on every machine.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.fuel = Some(1_000_000);
    limits.working_memory = 4 << 20;
    limits.call_deadline = Duration::from_secs(60);
    limits
}

/// Compiles a guest.
pub(crate) fn module(replaced: &[(&str, &str)]) -> Result<Arc<GuestModule>, HarnessError> {
    GuestModule::from_bytes("test", &guest(replaced), limits())
}

/// An enrich function that behaves, except that a batch that begins with `!` does this.
pub(crate) fn on_bang(bad: &str) -> String {
    format!(
        "(param $ptr i32) (param $len i32) (result i64)
         (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33)) (then {bad}))
         (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))"
    )
}

/// Returns a packed pointer and length.
pub(crate) fn returns(ptr: &str, len: &str) -> String {
    format!(
        "(return (i64.or (i64.shl (i64.extend_i32_u {ptr}) (i64.const 32)) (i64.extend_i32_u {len})))"
    )
}
