//! What `whose-snapshot bake` put into the module: snapshots and a configuration.

use crate::instance::{Instance, code};
use crate::memory::bytes;

/// Where the bake tool writes: address and length of the table of snapshots, address and length of
/// the configuration. All zero in a module that nothing was baked into.
///
/// Exported, so that the tool finds it by its name (`docs/abi.md`).
#[unsafe(no_mangle)]
#[expect(
    unreachable_pub,
    reason = "exported to the tool that bakes, not to Rust"
)]
pub static mut WHOSE_BAKED: [u32; 4] = [0; 4];

/// Bytes of one entry of the table: address, length and check of a snapshot, and zero.
const ENTRY: usize = 16;

/// Configures the instance and attaches every snapshot of the table: how many, or a code. Events
/// flow either way; the instance has the sentence.
pub(crate) fn attach(instance: &mut Instance) -> i32 {
    // SAFETY: nothing in the module writes to it, and there is one thread. Volatile, since the
    // compiler sees only the zeros that it starts with here.
    let [table, table_len, config, config_len] =
        unsafe { core::ptr::read_volatile(&raw const WHOSE_BAKED) };
    if table_len == 0 {
        return 0;
    }
    // What was baked in lies above the memory that the module began with, where no allocator
    // reaches: nobody changes it.
    let (Some(table), Some(config)) = (
        bytes(table as i32, table_len as i32),
        bytes(config as i32, config_len as i32),
    ) else {
        return instance.fail(code::BAD_ARGUMENT, OUTSIDE);
    };
    if !config.is_empty() {
        let refused = instance.configure(config);
        if refused != 0 {
            return refused;
        }
    }
    let mut attached = Vec::new();
    for entry in table.chunks_exact(ENTRY) {
        let word = |at: usize| {
            let bytes = entry.get(at..at + 4).and_then(|word| word.try_into().ok());
            i32::from_le_bytes(bytes.unwrap_or_default())
        };
        let handle = match bytes(word(0), word(4)) {
            // No clock: whether the snapshot's time is over is judged by each event's time alone.
            Some(snapshot) if word(8) == ON_FIRST_TOUCH => {
                instance.attach(snapshot, ON_FIRST_TOUCH, 0)
            }
            _ => instance.fail(code::BAD_ARGUMENT, OUTSIDE),
        };
        if handle < 0 {
            // A base without its overlay would say what the overlay takes back.
            let sentence = String::from_utf8_lossy(instance.last_error()).into_owned();
            for attached in attached.into_iter().rev() {
                instance.detach(attached);
            }
            return instance.fail(handle, sentence);
        }
        attached.push(handle);
    }
    i32::try_from(attached.len()).unwrap_or(i32::MAX)
}

/// The check of each snapshot: whoever changed the table might have changed the snapshot as well.
const ON_FIRST_TOUCH: i32 = 2;

const OUTSIDE: &str = "what was baked into the module is not where or what it says; bake it again";
