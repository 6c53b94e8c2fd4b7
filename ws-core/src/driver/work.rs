//! What a turn works with, and nothing needs while a connection rests: so it goes from one to the next.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Instant;

use crate::engine::{Effects, Key, Start, Verdict};

/// Lists of what is to be done, and what was seen in this turn.
#[derive(Default)]
pub(super) struct Work {
    pub(super) effects: Effects,
    /// Admitted, and not started yet.
    pub(super) starts: VecDeque<Start>,
    /// Handlers' verdicts that are not in the outbox yet.
    pub(super) verdicts: VecDeque<(Key, Verdict)>,
    /// The clock, as it was read last.
    pub(super) now: Option<Instant>,
    /// When to look again, where the last look found nothing more to do and left the waker.
    pub(super) rests: Option<Option<Instant>>,
}

/// Entries of any list for which an empty one keeps room.
const SPARE: usize = 1024;

thread_local! {
    /// That of the last turn on this thread, where it was done.
    static LAST: Cell<Option<Box<Work>>> = const { Cell::new(None) };
}

impl Work {
    /// Empty, and mostly with room from the last turn of any connection.
    pub(super) fn borrow() -> Box<Self> {
        LAST.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// For the next turn of whoever comes.
    pub(super) fn give_back(work: Box<Self>) {
        debug_assert!(work.is_done());
        if work.room() <= SPARE {
            // Where the thread ends, it is dropped.
            let _ = LAST.try_with(|last| last.set(Some(work)));
        }
    }

    /// Whether nothing of it is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.starts.is_empty() && self.verdicts.is_empty() && !self.effects.asks()
    }

    fn room(&self) -> usize {
        self.effects.room().max(self.starts.capacity()).max(self.verdicts.capacity())
    }
}
