//! Writing batches, one flush each, and seeing that they make their way (R38).

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::drive::{Budget, Driver};
use crate::engine::Batch;
use crate::transport::{SendLost, Transport};

/// Batches written in one turn.
const BATCHES: usize = 16;

/// How the bytes handed to the transport get on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Since when they are stuck, and how many had been written then.
    stuck: Option<(Instant, u64)>,
    unflushed: bool,
}

impl Progress {
    /// Whether a flush found that the transport would block: it wakes the task when that is over.
    pub(super) const fn is_blocked(&self) -> bool {
        self.stuck.is_some()
    }

    /// When the lack of progress ends the connection.
    pub(super) fn stalls_at(&self, stall: Duration) -> Option<Instant> {
        self.stuck.map(|(since, _)| since + stall)
    }

    pub(super) const fn sent(&mut self) {
        self.unflushed = true;
    }

    fn flushed(&mut self) {
        *self = Self::default();
    }

    /// The transport would block after `written` bytes; any byte since the last look starts the time anew, and shows
    /// that the peer takes them. The first bytes do not: they may only fill a buffer of this machine.
    fn blocked(&mut self, now: Instant, written: u64) -> Option<Instant> {
        match self.stuck.replace((now, written)) {
            None => None,
            Some((since, before)) if before == written => {
                self.stuck = Some((since, written));
                None
            }
            Some(_) => Some(now),
        }
    }
}

impl<T: Transport> Driver<T> {
    /// Puts verdicts into the outbox and writes what is there, until the transport blocks.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, budget: &mut Budget) {
        let mut done = false;
        for _ in 0..BATCHES {
            match self.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Pending => return self.keep_verdicts(budget),
                Poll::Ready(Err(())) => return self.lost(),
            }
            if done {
                return;
            }
            let Some(batch) = self.exchange(Some(cx.waker())) else { return self.apply(None, budget) };
            self.apply(None, budget);
            if self.hand_over(batch).is_err() {
                return self.lost();
            }
            self.progress.sent();
            // What comes up from here on, `rest` sees.
            done = !self.has_output && !self.has_verdicts();
        }
        // The last one handed over is flushed as well, or nobody would wake this task for it; and there may be more.
        if let Poll::Ready(Err(())) = self.poll_flush(cx) {
            return self.lost();
        }
        budget.spend();
    }

    /// Hands one message to the transport.
    pub(super) fn hand_over(&mut self, batch: Batch) -> Result<(), SendLost> {
        match batch {
            Batch::Binary(bytes) => self.transport.start_send(bytes),
            Batch::Tailed(head, tail) => self.transport.start_send_tailed(head, tail),
            Batch::Text(text) => self.transport.start_text(text),
        }
    }

    fn has_verdicts(&self) -> bool {
        self.work.as_ref().is_some_and(|work| !work.verdicts.is_empty()) || self.uploads.has_ends()
    }

    /// The transport blocks: verdicts still go into the outbox, as far as it takes them.
    fn keep_verdicts(&mut self, budget: &mut Budget) {
        if self.has_verdicts() {
            self.exchange(None);
            self.apply(None, budget);
        }
    }

    /// Flushes what was handed over, and minds whether it gets on.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        if !self.progress.unflushed {
            return Poll::Ready(Ok(()));
        }
        match self.transport.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.progress.flushed();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(())),
            Poll::Pending => {
                // No PONG can pass the frame that is being written, so its progress stands for one (R33).
                let now = self.read_clock();
                if let Some(at) = self.progress.blocked(now, self.transport.written()) {
                    self.last_bytes = Some(at);
                }
                Poll::Pending
            }
        }
    }

    /// Under one lock: verdicts into the outbox, and the next batch out of it, where this task is given; and where
    /// nothing more is to be done, it sleeps.
    fn exchange(&mut self, task: Option<&Waker>) -> Option<Batch> {
        let now = self.read_clock();
        // On several threads somebody else may come meanwhile, and would find it asleep.
        let task = task.map(|task| (task, self.many_threads == Some(false)));
        let mut rests = None;
        let mut verdicts = std::mem::take(&mut self.work().verdicts);
        let mut ends = self.uploads.has_ends().then(|| self.uploads.take_ends());
        let batch = self.with_state(|state, effects, _| {
            let engine = &mut state.engine;
            while let Some((key, verdict)) = verdicts.pop_front() {
                if let Err(verdict) = engine.finish(now, key, verdict, effects) {
                    verdicts.push_front((key, verdict));
                    break;
                }
            }
            let ends = &mut ends;
            while let Some((flow, verdict)) = ends.as_mut().and_then(VecDeque::pop_front) {
                if let Err(verdict) = engine.finish_upload(now, flow, verdict, effects) {
                    ends.get_or_insert_default().push_front((flow, verdict));
                    break;
                }
            }
            let (task, alone) = task?;
            let batch = engine.take_batch(now, effects);
            let is_over = alone && !engine.has_output() && engine.closed().is_none() && effects.is_empty();
            rests = is_over.then(|| state.rest(task));
            batch
        });
        let work = self.work();
        (work.rests, work.verdicts) = (rests, verdicts);
        if let Some(ends) = ends {
            self.uploads.keep_ends(ends);
        }
        batch
    }
}
