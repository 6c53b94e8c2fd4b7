//! What the handlers of this side give back.

use std::time::Instant;

use super::running::Kind;
use super::state::{CONTROL, Engine};
use super::{Effects, Key};
use crate::codec::Body;
use crate::protocol::{FailClass, encode};

/// A handler's end, as it goes on the wire.
#[derive(Debug)]
pub(crate) enum Verdict {
    Value(Body),
    Declared(Body),
    /// The end of a stream.
    Completed,
    /// Without an answer: right for an event, `NoReply` for a call.
    Nothing,
    Fail(FailClass),
    /// Failed, logged under this number.
    Internal(u64),
}

impl Verdict {
    /// Bytes of its body.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Value(body) | Self::Declared(body) => body.len(),
            Self::Completed | Self::Nothing | Self::Fail(_) | Self::Internal(_) => 0,
        }
    }
}

impl Engine {
    /// The handler of `key` is done. Gives the verdict back while the outbox is full: the call keeps its slot until
    /// its answer is in (R38).
    pub(crate) fn finish(
        &mut self,
        now: Instant,
        key: Key,
        verdict: Verdict,
        effects: &mut Effects,
    ) -> Result<(), Verdict> {
        self.now = now;
        let Some(entry) = self.running.get(key).copied() else {
            self.stats.late_answers += 1;
            return Ok(());
        };
        let (mut kind, mut verdict) = (entry.kind, verdict);
        if matches!(kind, Kind::Call { id, .. } if self.flows.key_of(id).is_some()) {
            verdict = self.settle_opening(kind, verdict, effects)?;
            // Perhaps it was opened just now.
            kind = self.running.get(key).map_or(kind, |entry| entry.kind);
        }
        match kind {
            Kind::Call { id, .. } => self.answer(id, entry.method, verdict, effects)?,
            Kind::Stream { id } => self.finish_stream(id, entry.method, verdict, effects)?,
            Kind::Event { .. } => self.count_event(&verdict),
        }
        // Answering may have closed the connection, and with it emptied the table.
        if self.closed.is_none() {
            self.end(key, effects);
        }
        Ok(())
    }

    /// The call of `key` ended without its handler: cancelled or expired. Frees its slot, in order (R14).
    pub(super) fn stop(&mut self, key: Key, effects: &mut Effects) {
        if self.running.get(key).is_some() {
            // It may be in the same message that the handler was to start in.
            effects.starts.retain(|start| start.key != key);
            effects.stops.push(key);
            self.end(key, effects);
        }
    }

    fn answer(
        &mut self,
        id: u64,
        method: usize,
        verdict: Verdict,
        effects: &mut Effects,
    ) -> Result<(), Verdict> {
        match verdict {
            Verdict::Value(_) | Verdict::Declared(_) if !self.outbox.has_room() => return Err(verdict),
            Verdict::Value(body) => self.outbox.push(&encode::ret(id), &[], body),
            Verdict::Declared(body) => self.outbox.push(&encode::fail(id, FailClass::Declared), &[], body),
            // Like a value, a failure keeps its slot until it has room (R38).
            _ if !self.outbox.has_reserve(CONTROL) => return Err(verdict),
            Verdict::Nothing | Verdict::Completed => {
                self.refuse_call(id, Some(method), FailClass::NoReply, effects)
            }
            // Whoever gave this verdict has told of it.
            Verdict::Fail(class) => self.fail_call(id, class, &[], effects),
            Verdict::Internal(number) => {
                self.stats.handler_failures += 1;
                self.fail_call(id, FailClass::Internal, &number.to_le_bytes(), effects);
            }
        }
        Ok(())
    }

    fn count_event(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Internal(_) => self.stats.handler_failures += 1,
            Verdict::Fail(_) => self.stats.events_refused += 1,
            Verdict::Value(_) | Verdict::Declared(_) | Verdict::Completed | Verdict::Nothing => {}
        }
    }

    fn end(&mut self, key: Key, effects: &mut Effects) {
        let Some(entry) = self.running.remove(key) else { return };
        if let Kind::Call { id, .. } | Kind::Stream { id } = entry.kind {
            self.end_flow(id, effects);
        }
        if let Kind::Event { late, .. } = entry.kind {
            self.consumed(entry.bytes, late);
            if let Some(next) = self.lane.end(key) {
                self.begin_event(next.start, next.bytes, next.late, false, effects);
            }
        }
        if entry.queued {
            if let Some(next) = self.queues.end(entry.method, key) {
                self.begin_queued(next, effects);
            }
        }
        self.leave_if_idle(effects);
    }
}
