//! What callers on this side upload: polled beside the handlers, as futures of the application's like them.

use std::collections::VecDeque;
use std::task::Waker;

use super::drive::{Budget, Driver};
use super::guarded::Guarded;
use super::handlers::{Handler, Handlers};
use crate::engine::{Key, Verdict};
use crate::stream::{Upload, cost_of_turn};
use crate::transport::Transport;

/// Polls of uploads in one round, so that they and the handlers do not starve one another.
const POLLS: usize = 16;

#[derive(Default)]
pub(super) struct Uploads {
    /// Handed over, and not polled yet.
    new: VecDeque<(Key, Guarded)>,
    begun: Handlers,
    /// How some ended, which is not in the outbox yet.
    pub(super) ends: VecDeque<(Key, Verdict)>,
}

impl Uploads {
    /// Takes over what handles left; nothing of the application's runs.
    pub(super) fn take(&mut self, uploads: &mut Vec<Upload>) {
        self.new.extend(uploads.drain(..).map(Guarded::upload));
    }

    pub(super) fn register(&self, driver: &Waker) {
        self.begun.register(driver);
    }

    /// Whether there are none.
    pub(super) fn is_idle(&self) -> bool {
        self.new.is_empty() && self.ends.is_empty() && !self.begun.is_live()
    }

    pub(super) fn has_due(&self) -> bool {
        !self.new.is_empty() || !self.ends.is_empty() || self.begun.has_due()
    }

    pub(super) fn stop(&mut self, flow: Key) {
        self.begun.stop(flow);
        self.new.retain(|(new, _)| *new != flow);
    }

    pub(super) fn stop_all(&mut self) {
        self.begun.stop_all();
        self.new = VecDeque::new();
        self.ends = VecDeque::new();
    }

    /// Polls the next that is new or was woken; false where none is.
    fn poll_next(&mut self) -> bool {
        let ended = match self.new.pop_front() {
            Some((flow, upload)) => {
                self.begun.start(flow, Handler::Inline(upload)).map(|verdict| (flow, verdict))
            }
            None => match self.begun.poll_next() {
                Some(ended) => ended,
                None => return false,
            },
        };
        self.ends.extend(ended);
        true
    }
}

impl<T: Transport> Driver<T> {
    /// Polls uploads, within the budget and while the outbox has room.
    pub(super) fn run_uploads(&mut self, budget: &mut Budget) {
        for _ in 0..POLLS {
            if budget.polls == 0 || self.room == 0 || !self.uploads.poll_next() {
                return;
            }
            budget.polls = budget.polls.saturating_sub(cost_of_turn());
        }
    }
}
