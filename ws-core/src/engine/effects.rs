//! What the engine asks of whoever holds it, to be done after its lock is released.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;

use super::{Key, Verdict};
use crate::context::Metadata;
use crate::failure::FailureKind;
use crate::service::MethodId;
use crate::service::scope::Awaiting;

/// Wake-ups, and handlers to start and to drop.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Wake these: they run foreign code, so never under the lock.
    pub(crate) wakes: Vec<Waker>,
    /// Drop these, replaced or no longer needed: that may run foreign code as well.
    pub(crate) discarded: Vec<Waker>,
    /// Have observers see these, in this order, before anything else.
    pub(crate) arrived: Vec<Arrived>,
    /// Start these handlers, in this order.
    pub(crate) starts: Vec<Start>,
    /// Drop these handlers: their calls ended.
    pub(crate) stops: Vec<Key>,
    /// Drop these uploads: nobody wants them any more.
    pub(crate) upload_stops: Vec<Key>,
    /// Tell of these messages, which no handler ends; empty where nobody is told.
    pub(crate) failed: Vec<Failed>,
    /// Put these answers into the outbox, as those of handlers.
    pub(crate) verdicts: Vec<(Key, Verdict)>,
    /// Tell those who wait for these.
    pub(crate) told: Told,
}

/// News for whoever waits outside of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// An early message was kept or dropped.
    pub(crate) early: bool,
    /// A text came.
    pub(crate) text: bool,
    /// The outbox has room again.
    pub(crate) room: bool,
}

impl Told {
    pub(crate) const fn any(self) -> bool {
        self.early || self.text || self.room
    }
}

/// A message that the engine refused or gave up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed {
    pub(crate) event_id: u64,
    /// The dense index, where there is such a method.
    pub(crate) method: Option<usize>,
    pub(crate) kind: FailureKind,
}

impl Effects {
    pub(crate) fn is_empty(&self) -> bool {
        self.wakes.is_empty() && self.discarded.is_empty() && !self.ask_driver()
    }

    /// Whether there is anything that only the driver does.
    pub(crate) fn ask_driver(&self) -> bool {
        let nothing = self.starts.is_empty()
            && self.stops.is_empty()
            && self.failed.is_empty()
            && self.arrived.is_empty()
            && self.verdicts.is_empty()
            && self.upload_stops.is_empty();
        !nothing
    }

    /// Moves what only the driver does, behind what `driver` has to do already.
    pub(crate) fn leave(&mut self, driver: &mut Self) {
        add(&mut driver.arrived, &mut self.arrived);
        add(&mut driver.starts, &mut self.starts);
        add(&mut driver.stops, &mut self.stops);
        add(&mut driver.upload_stops, &mut self.upload_stops);
        add(&mut driver.failed, &mut self.failed);
        add(&mut driver.verdicts, &mut self.verdicts);
    }

    /// Whether there is anything to do, or to tell.
    #[inline]
    pub(crate) fn asks(&self) -> bool {
        !self.is_empty() || self.told.any()
    }

    /// Entries for which the largest of its lists has room.
    pub(crate) fn room(&self) -> usize {
        let lists = [
            self.wakes.capacity(),
            self.discarded.capacity(),
            self.arrived.capacity(),
            self.starts.capacity(),
            self.stops.capacity(),
            self.upload_stops.capacity(),
            self.failed.capacity(),
            self.verdicts.capacity(),
        ];
        lists.into_iter().max().unwrap_or(0)
    }

    pub(crate) fn wake(&mut self) {
        wake_all(&mut self.wakes);
        self.discarded.clear();
    }
}

fn add<T>(to: &mut Vec<T>, more: &mut Vec<T>) {
    if to.is_empty() { std::mem::swap(to, more) } else { to.append(more) }
}

/// Wakes all, whatever one of them does: a foreign waker may panic, and the others must not sleep for it.
pub(crate) fn wake_all(wakes: &mut Vec<Waker>) {
    let mut rest = wakes.drain(..);
    while catch_unwind(AssertUnwindSafe(|| rest.by_ref().for_each(Waker::wake))).is_err() {
        tracing::error!("a waker panicked");
    }
}

/// A message on its arrival.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) method: MethodId,
    /// A part of the message that was read.
    pub(crate) body: Bytes,
    pub(crate) event_id: u64,
    pub(crate) reply_to: Option<u64>,
    pub(crate) wants_answer: bool,
    pub(crate) metadata: Option<Metadata>,
    /// What it answers, where that is waited for: deliver it there next.
    pub(crate) answers: Option<Key>,
}

/// An admitted message whose handler shall start.
#[derive(Debug)]
pub(crate) struct Start {
    /// Names the handler in `finish`, `fail` and `stops`.
    pub(crate) key: Key,
    /// The dense index of the method.
    pub(crate) method: usize,
    /// The method's identity: all that is known of one that is in no table.
    pub(crate) id: MethodId,
    /// Whether the sender awaits a result.
    pub(crate) is_call: bool,
    /// Whether the sender awaits a message that answers this one.
    pub(crate) wants_answer: bool,
    /// The arguments. A part of the message that was read: copy it if it shall wait.
    pub(crate) body: Bytes,
    pub(crate) depth: u8,
    pub(crate) deadline: Option<Instant>,
    pub(crate) event_id: u64,
    pub(crate) reply_to: Option<u64>,
    pub(crate) metadata: Option<Metadata>,
    /// Where the handler's own calls are counted while it awaits them; only where its method's calls queue.
    pub(crate) awaiting: Option<Arc<Awaiting>>,
    /// Of a method that streams: what its handler reads from and writes to.
    pub(crate) flow: Option<Key>,
}

impl Start {
    /// Lets go of the message that brought the arguments, unless they make up most of it.
    pub(crate) fn detach(&mut self, message: &Bytes) {
        self.body = super::held::detached(message, &self.body);
    }
}
