//! The bytes that a thread reads into, and writes from, for all of its connections: used within one call, so that a
//! connection holds none.

use std::cell::Cell;

thread_local! {
    /// Empty until it is needed, and while it is used: whoever finds it so makes one.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends at least so many bytes, whatever is in them.
pub(super) fn with<T>(bytes: usize, use_them: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut scratch = SCRATCH.take();
    if scratch.len() < bytes {
        scratch.resize(bytes, 0);
    }
    let outcome = use_them(&mut scratch);
    SCRATCH.set(scratch);
    outcome
}
