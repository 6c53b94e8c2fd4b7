//! One listener.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::failure::{FailureKind, Report};
use crate::message::{Message, MessageHandle};
use crate::protocol::CloseInfo;

/// What a listener gives back: nothing, or a `Result`. A failure is told to `on_failure` and stops nothing (R23).
pub trait ListenerOutcome {
    /// Why it failed, if it did.
    fn failure(self) -> Option<String>;
}

impl ListenerOutcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> ListenerOutcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// When a listener sees a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// On its arrival, before anything becomes of it.
    Arrival,
    /// When its handler starts.
    Turn,
}

type See<V> = dyn Fn(&V, &MessageHandle) -> Option<String> + Send + Sync;
type SeeOnce<V> = dyn FnOnce(&V, &MessageHandle) -> Option<String> + Send;
type Filter<V> = dyn Fn(&V) -> bool + Send + Sync;
type Waiter<V> = oneshot::Sender<Result<Message<V>, CloseInfo>>;

pub(super) enum Action<V> {
    See(Box<See<V>>),
    Once { filter: Box<Filter<V>>, run: Mutex<Option<Box<SeeOnce<V>>>> },
    Wait { filter: Box<Filter<V>>, waiter: Mutex<Option<Waiter<V>>> },
}

/// One listener, until it is told off: a list that is being walked may still hold it.
pub(super) struct Entry<V> {
    pub(super) id: u64,
    pub(super) stage: Stage,
    is_off: AtomicBool,
    action: Action<V>,
}

impl<V> Entry<V> {
    pub(super) const fn new(id: u64, stage: Stage, action: Action<V>) -> Self {
        Self { id, stage, is_off: AtomicBool::new(false), action }
    }

    pub(super) fn turn_off(&self) {
        self.is_off.store(true, Ordering::Release);
    }

    /// Shows it a message; true where it was its last. `again` reads the message once more, for who keeps it.
    pub(super) fn show(
        &self,
        event: &V,
        handle: &MessageHandle,
        again: &dyn Fn() -> Option<V>,
        report: &Report,
    ) -> bool {
        if self.is_off.load(Ordering::Acquire) {
            return false;
        }
        let shown = catch_unwind(AssertUnwindSafe(|| self.run(event, handle, again)));
        match shown {
            Ok(Shown::Passed) => false,
            Ok(Shown::Seen(failure)) => {
                if let Some(failure) = failure {
                    tracing::debug!(method = report.method, failure, "a listener failed");
                    report.failed(FailureKind::Listener, Some(&failure));
                }
                !matches!(self.action, Action::See(_))
            }
            Err(panic) => {
                let text = crate::failure::panic_text(panic.as_ref());
                tracing::error!(method = report.method, error = text, "a listener panicked");
                report.failed(FailureKind::Listener, Some(&text));
                // Whether it had its turn is not known; one that is for once must not run twice.
                !matches!(self.action, Action::See(_))
            }
        }
    }

    fn run(&self, event: &V, handle: &MessageHandle, again: &dyn Fn() -> Option<V>) -> Shown {
        match &self.action {
            Action::See(see) => Shown::Seen(see(event, handle)),
            Action::Once { filter, run } => {
                if !filter(event) {
                    return Shown::Passed;
                }
                let run = run.lock().unwrap_or_else(PoisonError::into_inner).take();
                run.map_or(Shown::Passed, |run| Shown::Seen(run(event, handle)))
            }
            Action::Wait { filter, waiter } => {
                if !filter(event) {
                    return Shown::Passed;
                }
                let Some(event) = again() else { return Shown::Passed };
                let waiter = waiter.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(waiter) = waiter else { return Shown::Passed };
                drop(waiter.send(Ok(Message::new(event, handle.clone()))));
                Shown::Seen(None)
            }
        }
    }

    /// The last connection has ended.
    pub(super) fn close(&self, info: &CloseInfo) {
        if let Action::Wait { waiter, .. } = &self.action {
            if let Some(waiter) = waiter.lock().unwrap_or_else(PoisonError::into_inner).take() {
                drop(waiter.send(Err(info.clone())));
            }
        }
    }
}

enum Shown {
    Passed,
    Seen(Option<String>),
}
