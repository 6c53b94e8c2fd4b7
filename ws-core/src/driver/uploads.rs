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

/// Nothing before the first one.
#[derive(Default)]
pub(super) struct Uploads(Option<Box<Lists>>);

#[derive(Default)]
struct Lists {
    /// Handed over, and not polled yet.
    new: VecDeque<(Key, Guarded)>,
    begun: Handlers,
    /// How some ended, which is not in the outbox yet.
    ends: VecDeque<(Key, Verdict)>,
}

impl Uploads {
    /// Takes over what handles left; nothing of the application's runs.
    pub(super) fn take(&mut self, uploads: Vec<Upload>) {
        if !uploads.is_empty() {
            let lists = self.0.get_or_insert_default();
            lists.new.extend(uploads.into_iter().map(Guarded::upload));
        }
    }

    /// As [`Handlers::register`].
    pub(super) fn register(&self, driver: &Waker) {
        if let Some(lists) = &self.0 {
            lists.begun.register(driver);
        }
    }

    /// Whether there are none.
    pub(super) fn is_idle(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|lists| lists.new.is_empty() && lists.ends.is_empty() && lists.begun.is_idle())
    }

    pub(super) fn has_due(&self) -> bool {
        let has = |lists: &Lists| !lists.new.is_empty() || !lists.ends.is_empty() || lists.begun.has_due();
        self.0.as_deref().is_some_and(has)
    }

    pub(super) fn stop(&mut self, flow: Key) {
        if let Some(lists) = &mut self.0 {
            lists.begun.stop(flow);
            lists.new.retain(|(new, _)| *new != flow);
        }
    }

    /// Gives back what nothing needs while no upload is under way.
    pub(super) fn rest(&mut self) {
        if let Some(lists) = &mut self.0 {
            lists.begun.rest();
            if lists.new.is_empty() && lists.ends.is_empty() && lists.begun.is_empty() {
                self.0 = None;
            }
        }
    }

    pub(super) fn stop_all(&mut self) {
        self.0 = None;
    }

    /// Whether it keeps nothing.
    #[cfg(test)]
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn has_ends(&self) -> bool {
        self.0.as_ref().is_some_and(|lists| !lists.ends.is_empty())
    }

    /// Those that ended.
    pub(super) fn take_ends(&mut self) -> VecDeque<(Key, Verdict)> {
        self.0.as_mut().map(|lists| std::mem::take(&mut lists.ends)).unwrap_or_default()
    }

    /// Those that are not in the outbox yet.
    pub(super) fn keep_ends(&mut self, ends: VecDeque<(Key, Verdict)>) {
        if let Some(lists) = &mut self.0 {
            lists.ends = ends;
        }
    }

    /// Polls the next that is new or was woken; false where none is.
    fn poll_next(&mut self) -> bool {
        let Some(lists) = &mut self.0 else { return false };
        let ended = match lists.new.pop_front() {
            Some((flow, upload)) => {
                lists.begun.start(flow, Handler::Inline(upload)).map(|verdict| (flow, verdict))
            }
            None => match lists.begun.poll_next() {
                Some(ended) => ended,
                None => return false,
            },
        };
        lists.ends.extend(ended);
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
