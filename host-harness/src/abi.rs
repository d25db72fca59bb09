//! The plain guest ABI, version 1, as numbers and names (`docs/abi.md`).

/// The version that this harness speaks.
pub const VERSION: i32 = 1;
/// A snapshot starts at a multiple of this in guest memory.
pub const SNAPSHOT_ALIGN: u32 = 64;
/// Batches, keys and configuration start at a multiple of this, which suits 128-bit loads.
pub const BUFFER_ALIGN: u32 = 16;
/// Memory grows by this.
pub(crate) const WASM_PAGE: usize = 64 << 10;
/// The lowest number that is an error code in a packed 64-bit result. Anything else is
/// `pointer << 32 | length`, also when it reads as negative because the pointer lies above 2 GiB.
pub const LOWEST_CODE: i64 = -4095;

/// A value type of an exported function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
}

impl Value {
    /// As WebAssembly text writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }
}

/// One function that a guest must export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// Name.
    pub name: &'static str,
    /// Parameters.
    pub parameters: &'static [Value],
    /// Result.
    pub result: Option<Value>,
}

const fn export(name: &'static str, parameters: &'static [Value], result: Option<Value>) -> Export {
    Export {
        name,
        parameters,
        result,
    }
}

use Value::{I32, I64};

/// Every function of the ABI. A guest also exports its linear memory as `memory`.
pub const EXPORTS: &[Export] = &[
    export("whose_abi_version", &[], Some(I32)),
    export("whose_alloc", &[I32, I32], Some(I32)),
    export("whose_free", &[I32, I32, I32], None),
    export("whose_configure", &[I32, I32], Some(I32)),
    export("whose_attach", &[I32, I32, I32, I64], Some(I32)),
    export("whose_detach", &[I32], Some(I32)),
    export("whose_enrich", &[I32, I32], Some(I64)),
    export("whose_keys", &[I32, I32], Some(I64)),
    export("whose_lookup", &[I32, I32], Some(I64)),
    export("whose_stats", &[], Some(I64)),
    export("whose_last_error", &[], Some(I64)),
];

impl std::fmt::Display for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "(")?;
        for (at, value) in self.parameters.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, value.as_str())?;
        }
        write!(f, ") -> {}", self.result.map_or("()", Value::as_str))
    }
}

/// How a guest checks the bytes of a snapshot when it is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Everything, at once.
    #[default]
    All,
    /// Nothing: the host vouches for the bytes.
    ByHost,
    /// Header, directory and chunk table at once, each chunk when it is first touched.
    OnFirstTouch,
}

impl Check {
    /// The `flags` argument of `whose_attach`.
    #[must_use]
    pub const fn flags(self) -> i32 {
        match self {
            Self::All => 0,
            Self::ByHost => 1,
            Self::OnFirstTouch => 2,
        }
    }
}

macro_rules! codes {
    ($( $(#[$meta:meta])* $name:ident = $code:literal, $text:literal; )+) => {
        /// Error codes, the same for every function.
        pub mod code {
            $( $(#[$meta])* pub const $name: i32 = $code; )+
        }

        /// What a code says in general; the guest's own sentence says it in particular.
        #[must_use]
        pub const fn describe(number: i32) -> Option<&'static str> {
            match number { $( $code => Some($text), )+ _ => None }
        }
    };
}

codes! {
    /// The guest is at fault.
    INTERNAL = -1, "the module failed inside itself";
    /// Pointer, length or alignment.
    BAD_ARGUMENT = -2, "an argument (pointer, length or alignment) is not acceptable";
    /// The configuration is refused.
    CONFIGURATION = -3, "the configuration is refused";
    /// Not a snapshot.
    NOT_A_SNAPSHOT = -4, "not a snapshot";
    /// Another major version.
    UNSUPPORTED_MAJOR = -5, "the snapshot has a format major that the module does not read";
    /// Cut off.
    TRUNCATED = -6, "the snapshot is cut off";
    /// A digest does not fit.
    DIGEST_MISMATCH = -7, "the snapshot's bytes do not have their digest";
    /// No signature where one is required.
    UNSIGNED = -8, "the snapshot is not signed and a signature is required";
    /// Signed by a stranger.
    UNTRUSTED_SIGNER = -9, "the snapshot is signed by a key that is not trusted";
    /// The signature does not fit.
    BAD_SIGNATURE = -10, "the snapshot's signature does not fit";
    /// Older than the attached one.
    ROLLBACK = -11, "the snapshot is older than the attached one";
    /// The layout is invalid.
    LAYOUT = -12, "the snapshot's layout is invalid";
    /// An overlay without its base.
    MISSING_BASE = -13, "the overlay's base is not attached";
    /// Too many layers.
    TOO_MANY_LAYERS = -14, "too many layers are attached";
    /// Unknown handle.
    UNKNOWN_HANDLE = -15, "no layer has that handle";
    /// A key is refused.
    KEY_REFUSED = -16, "the key is refused";
    /// Too large.
    TOO_LARGE = -17, "the input is too large";
    /// Expired.
    EXPIRED = -18, "the snapshot has expired";
}

/// Splits a packed 64-bit result into pointer and length, or gives the error code.
///
/// # Errors
/// The error code, from -1 to -4095.
pub const fn unpack(packed: i64) -> Result<(u32, u32), i32> {
    if packed < 0 && packed >= LOWEST_CODE {
        return Err(packed as i32);
    }
    let bits = packed as u64;
    Ok(((bits >> 32) as u32, bits as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_results_tell_codes_from_high_pointers() {
        assert_eq!(unpack(0), Ok((0, 0)));
        assert_eq!(unpack(-1), Err(code::INTERNAL));
        assert_eq!(unpack(-18), Err(code::EXPIRED));
        assert_eq!(unpack(LOWEST_CODE), Err(-4095));
        // A buffer at 3 GiB reads as a negative number and is no error.
        let high = ((0xC000_0000_u64 << 32) | 77) as i64;
        assert!(high < 0);
        assert_eq!(unpack(high), Ok((0xC000_0000, 77)));
    }

    #[test]
    fn every_code_is_described() {
        for number in -18..=-1 {
            assert!(describe(number).is_some(), "{number}");
        }
        assert_eq!(describe(-19), None);
        assert_eq!(describe(0), None);
    }

    #[test]
    fn signatures_print_as_documented() {
        let shown: Vec<String> = EXPORTS.iter().map(ToString::to_string).collect();
        assert_eq!(shown[0], "() -> i32");
        assert_eq!(shown[4], "(i32, i32, i32, i64) -> i32");
        assert_eq!(shown[2], "(i32, i32, i32) -> ()");
    }
}
