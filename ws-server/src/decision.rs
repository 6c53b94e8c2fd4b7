//! The one decision on a connection (R7).

use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Undecided,
    Accepted,
    Rejected,
    /// The acceptor was dropped without a decision.
    Dropped,
}

/// Between the acceptor, which decides, and the task that waits for it.
#[derive(Debug)]
pub(crate) struct Decision {
    verdict: Mutex<Verdict>,
    on_decision: Notify,
}

impl Decision {
    pub(crate) fn new() -> Self {
        Self { verdict: Mutex::new(Verdict::Undecided), on_decision: Notify::new() }
    }

    /// The first one stands.
    pub(crate) fn decide(&self, verdict: Verdict) {
        let mut current = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == Verdict::Undecided {
            *current = verdict;
            drop(current);
            self.on_decision.notify_waiters();
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn made(&self) -> Verdict {
        loop {
            let notified = self.on_decision.notified();
            match self.verdict() {
                Verdict::Undecided => notified.await,
                verdict => return verdict,
            }
        }
    }
}
