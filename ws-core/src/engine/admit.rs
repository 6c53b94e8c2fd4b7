//! Calls and events of the peer: checked against what it may send, and admitted, queued or refused.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::deadlines::Due;
use super::held::part;
use super::lane::Queued;
use super::queues::Turn;
use super::running::{Entry, Kind};
use super::state::{CONTROL, Engine, Role};
use super::usage::Bounds;
use super::{Effects, Start};
use crate::protocol::{CloseInfo, ClosedBy, FailClass, Malformed, Message, code, encode};
use crate::service::{MethodKind, Queueing, Streams};

impl Engine {
    /// Ids are the peer's own: of its parity, not in use, and 0 only for events of a server (R19).
    pub(super) fn check_id(&self, fields: &Message<'_>) -> Result<(), Malformed> {
        if fields.id == 0 {
            let broadcast = self.role == Role::Client && !fields.wants_reply;
            return if broadcast {
                Ok(())
            } else {
                Err(Malformed("the id 0 on a message that is no broadcast"))
            };
        }
        let theirs = match self.role {
            Role::Client => 0,
            Role::Server => 1,
        };
        if fields.id % 2 != theirs {
            return Err(Malformed("an id of the wrong side"));
        }
        if fields.wants_reply && self.running.has_id(fields.id) {
            return Err(Malformed("an id that is in use"));
        }
        Ok(())
    }

    pub(super) fn on_call(
        &mut self,
        now: Instant,
        message: &Bytes,
        fields: Message<'_>,
        method: usize,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let bytes = fields.body.len();
        let spec = self.serves.spec(method);
        let streams = spec.map_or(Streams::Nothing, |spec| spec.streams);
        let queueing = spec.map_or(Queueing::None, |spec| spec.queueing);
        if spec.is_some_and(|spec| spec.kind == MethodKind::Event) {
            self.refuse_call(fields.id, Some(method), FailClass::SchemaMismatch, effects);
            return Ok(());
        }
        let streamable = streams == Streams::Nothing || self.flows.admits_here(fields.depth);
        if !self.running.admits(&Bounds::here(&self.limits), fields.depth, bytes) || !streamable {
            self.refuse_call(fields.id, Some(method), FailClass::Overloaded, effects);
            self.count_violation(effects);
            return Ok(());
        }
        self.violations = self.violations.saturating_sub(1);
        // Nested calls belong to calls that run, and those have their time (R3).
        let leaves = self.leaving.is_some() && fields.depth == 0;
        if leaves || !self.share.covers(self.buffered().saturating_add(bytes)) {
            self.refuse_call(fields.id, Some(method), FailClass::Overloaded, effects);
            return Ok(());
        }
        if fields.deadline_ms == Some(0) {
            // It has passed already, and its caller has given up (P25).
            self.refuse_call(fields.id, Some(method), FailClass::Timeout, effects);
            return Ok(());
        }
        let turn = match queueing {
            Queueing::None => Turn::Now,
            queueing => self.queues.turn(method, queueing, fields.depth),
        };
        match turn {
            Turn::Now | Turn::Wait | Turn::Replace(_) => {}
            Turn::Overloaded => {
                self.refuse_call(fields.id, Some(method), FailClass::Overloaded, effects);
                return Ok(());
            }
        }
        self.stats.calls_received += 1;
        let longest = self.limits.max_call_timeout;
        let asked = fields.deadline_ms.map_or(longest, Duration::from_millis);
        let deadline = now + asked.min(longest);
        let kind = Kind::Call { id: fields.id, depth: fields.depth };
        let queued = queueing != Queueing::None;
        let key = self.running.insert(Entry { kind, bytes, method, queued });
        self.watch(deadline, Due::Running(key));
        let flow =
            (streams != Streams::Nothing).then(|| self.flows.add_theirs(fields.id, fields.depth, streams));
        let mut start = Start {
            key,
            method,
            id: fields.method,
            is_call: fields.wants_reply,
            wants_answer: fields.wants_answer,
            body: part(message, fields.body),
            depth: fields.depth,
            deadline: Some(deadline),
            event_id: fields.id,
            reply_to: fields.reply_to,
            metadata: fields.metadata,
            flow,
            awaiting: None,
        };
        if let Turn::Replace(replaced) = turn {
            // Only now, or a leaving side would think that nothing runs any more.
            self.replace(replaced, effects);
            if self.closed.is_some() {
                return Ok(());
            }
        }
        if turn == Turn::Wait {
            start.detach(message);
            self.queues.wait(start);
        } else if queued {
            self.begin_queued(start, effects);
        } else {
            effects.starts.push(start);
        }
        Ok(())
    }

    /// Starts a call whose turn it is.
    pub(super) fn begin_queued(&mut self, mut start: Start, effects: &mut Effects) {
        start.awaiting = Some(self.queues.begin(start.method, start.key));
        effects.starts.push(start);
    }

    /// A later call takes the place of this one.
    fn replace(&mut self, key: super::Key, effects: &mut Effects) {
        let Some(Entry { kind, method, .. }) = self.running.get(key).copied() else { return };
        match kind {
            Kind::Call { id, .. } => self.refuse_call(id, Some(method), FailClass::Cancelled, effects),
            Kind::Stream { id } => self.replace_stream(id, method, effects),
            Kind::Event { .. } => return,
        }
        self.stop(key, effects);
    }

    pub(super) fn on_event(
        &mut self,
        message: &Bytes,
        fields: Message<'_>,
        method: usize,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let bytes = fields.body.len();
        // An answer that comes too late costs no credit either, for its sender could not know; so it has bounds here.
        let late = fields.answers;
        if late {
            if !self.late.admits(&self.limits) {
                self.stats.events_dropped += 1;
                self.report(fields.id, Some(method), FailClass::Overloaded, effects);
                return Ok(());
            }
            self.late.add(bytes);
        } else if !self.grant.receive(bytes) {
            return self.overrun(effects);
        }
        if !self.share.covers(self.buffered()) {
            self.consumed(bytes, late);
            self.stats.events_dropped += 1;
            self.report(fields.id, Some(method), FailClass::Overloaded, effects);
            return Ok(());
        }
        self.stats.events_received += 1;
        let concurrent = self.serves.spec(method).is_some_and(|spec| spec.concurrent);
        let mut start = Start {
            key: super::Key { index: u32::MAX, generation: u32::MAX },
            method,
            id: fields.method,
            is_call: fields.wants_reply,
            wants_answer: fields.wants_answer,
            body: part(message, fields.body),
            // Nobody waits for an event, so a chain of them has no depth; its handler's calls start at 1.
            depth: 0,
            deadline: None,
            event_id: fields.id,
            reply_to: fields.reply_to,
            metadata: fields.metadata,
            awaiting: None,
            flow: None,
        };
        if self.lane.is_busy() && !concurrent {
            start.detach(message);
            self.lane.push(Queued { start, bytes, late });
            return Ok(());
        }
        self.begin_event(start, bytes, late, concurrent, effects);
        Ok(())
    }

    /// An event is done with.
    pub(super) fn consumed(&mut self, bytes: usize, late: bool) {
        if late {
            self.late.remove(bytes);
        } else {
            self.grant.consume(bytes);
        }
    }

    pub(super) fn begin_event(
        &mut self,
        mut start: Start,
        bytes: usize,
        late: bool,
        concurrent: bool,
        effects: &mut Effects,
    ) {
        let kind = Kind::Event { id: start.event_id, late };
        start.key = self.running.insert(Entry { kind, bytes, method: start.method, queued: false });
        // Nobody waits for it, but one that never ends would hold the lane for ever.
        self.watch(self.now + self.limits.max_call_timeout, Due::Running(start.key));
        if !concurrent {
            self.lane.begin(start.key);
        }
        effects.starts.push(start);
    }

    /// Credit is absolute and exact, so an event beyond it is no race but a peer that ignores it.
    pub(super) fn overrun(&mut self, effects: &mut Effects) -> Result<(), Malformed> {
        self.stats.violations += 1;
        self.violated(code::POLICY, "events beyond the credit", effects);
        Ok(())
    }

    fn count_violation(&mut self, effects: &mut Effects) {
        self.stats.violations += 1;
        self.violations += 1;
        if self.violations > self.limits.max_violations {
            self.violated(code::POLICY, "calls beyond the announced limits", effects);
        }
    }

    /// Refuses a call that no handler will answer, and tells of it.
    pub(super) fn refuse_call(
        &mut self,
        id: u64,
        method: Option<usize>,
        class: FailClass,
        effects: &mut Effects,
    ) {
        self.report(id, method, class, effects);
        self.fail_call(id, class, &[], effects);
    }

    /// Answers a failed call, out of the reserve (R38). A peer that fills even that does not read what it asks for.
    pub(super) fn fail_call(&mut self, id: u64, class: FailClass, body: &[u8], effects: &mut Effects) {
        self.stats.calls_refused += 1;
        if self.outbox.has_reserve(CONTROL) {
            self.outbox.push_parts(&encode::fail(id, class), &[], body);
        } else {
            let info = CloseInfo::new(code::POLICY, "the answers are not read", ClosedBy::Local);
            self.close(info, effects);
        }
    }
}
