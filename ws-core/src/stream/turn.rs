//! How much one poll of a producer may send, so that one that is always ready does not keep its connection's driver
//! from everything else.

use std::cell::Cell;

/// Items of one poll.
const ITEMS: usize = 64;
/// So many items count like one more poll of a handler.
const ITEMS_A_POLL: usize = 8;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(ITEMS) };
    static SENT: Cell<usize> = const { Cell::new(0) };
}

/// A poll of a handler begins.
pub(crate) fn begin_turn() {
    LEFT.set(ITEMS);
    SENT.set(0);
}

/// What the last poll on this thread costs, in polls of handlers that send no items.
pub(crate) fn cost_of_turn() -> usize {
    1 + SENT.take() / ITEMS_A_POLL
}

/// Whether so many more items, which are few, may be sent in this poll. After the refusal the next poll begins anew,
/// also where no driver says so.
pub(super) fn spend(items: usize) -> bool {
    let left = LEFT.get();
    if left == 0 {
        LEFT.set(ITEMS);
        return false;
    }
    LEFT.set(left.saturating_sub(items));
    SENT.set(SENT.get() + items);
    true
}
