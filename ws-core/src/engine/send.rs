//! What this side sends: calls and events, at once where slots, credit and room allow, else in turn.

use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::content::Content;
use super::deadlines::Due;
use super::entry::{
    ANSWERS, Class, EVENTS, Entry, Kind, Outcome, Progress, Refused, STREAMS, Slow, depth_of,
};
use super::outbox::Batch;
use super::state::{CONTROL, Engine};
use super::{Effects, Key};
use crate::error::Fate;
use crate::limits::MAX_DEPTH;
use crate::protocol::{CloseInfo, ClosedBy, Envelope, Message, code, encode};
use crate::service::{MethodId, Streams};

/// A message of this side, its arguments encoded.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: MethodId,
    pub(crate) kind: Kind,
    /// What its method streams.
    pub(crate) streams: Streams,
    /// 0, or the calling handler's depth + 1.
    pub(crate) depth: u8,
    pub(crate) deadline: Instant,
    pub(crate) reply_to: Option<u64>,
    /// Whether it is the first that answers a message whose sender waits for that (P52).
    pub(crate) answers: bool,
    /// Encoded metadata; empty for none.
    pub(crate) metadata: Vec<u8>,
    pub(crate) content: Content,
}

/// What became of a message at its first attempt.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It has an entry: poll it, and abandon it when nobody asks any more.
    Entered(Key),
    /// It is over already.
    Over(Outcome),
}

impl Engine {
    /// Sends a message, or puts it in its queue.
    pub(crate) fn begin(&mut self, now: Instant, mut message: Outgoing, waker: Waker) -> Begun {
        self.now = now;
        if let Some(outcome) = self.refused(&message) {
            return Begun::Over(outcome);
        }
        if message.deadline <= now {
            return Begun::Over(Outcome::Timeout(Fate::NotSent));
        }
        let (class, bytes, deadline) = (class_of(&message), message.content.len(), message.deadline);
        if self.pending.is_full() || !self.share.covers(self.buffered().saturating_add(bytes)) {
            return Begun::Over(Outcome::Refused(Refused::Overloaded));
        }
        let kind = message.kind;
        let leaves = self.pending.head(class).is_none() && self.admits(class, bytes);
        if leaves && kind.is_event() {
            let id = self.pending.event_id();
            self.write_event(id, &mut message);
            return Begun::Over(Outcome::Sent(id));
        }
        if !leaves && self.pending.waiting() >= self.limits.max_waiting {
            return Begun::Over(Outcome::Refused(Refused::Overloaded));
        }
        // That of the entry: what is written names it.
        let id = self.pending.next_id();
        if message.streams != Streams::Nothing {
            self.flows.add_ours(id, message.depth, message.streams);
        }
        let progress = if leaves {
            if kind == Kind::Call {
                // Nobody waits yet for a call that only begins.
                let _nobody = self.write_call(id, &mut message);
            } else {
                self.write_event(id, &mut message);
            }
            Progress::Sent { position: self.outbox.position() }
        } else {
            Progress::Waiting(Box::new(message))
        };
        let key = self.pending.insert(Entry { class, bytes, deadline, waker: Some(waker), kind, progress });
        self.watch(deadline, Due::Pending(key));
        Begun::Entered(key)
    }

    /// Asks for the outcome.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        key: Key,
        waker: &Waker,
        effects: &mut Effects,
    ) -> Poll<Outcome> {
        self.now = now;
        // The deadline counts exactly, also where the timer has not been seen yet (R14).
        if self.pending.get(key).is_some_and(|entry| entry.deadline <= now) {
            self.give_up(key, Outcome::Timeout, effects);
        }
        let Some(entry) = self.pending.get_mut(key) else {
            return Poll::Ready(Outcome::Cancelled(Fate::Unknown));
        };
        if matches!(entry.progress, Progress::Done(_)) {
            let outcome = self.take_outcome(key);
            return Poll::Ready(outcome.unwrap_or(Outcome::Cancelled(Fate::Unknown)));
        }
        if !entry.waker.as_ref().is_some_and(|before| before.will_wake(waker)) {
            effects.discarded.extend(entry.waker.replace(waker.clone()));
        }
        Poll::Pending
    }

    /// The outcome, where there is one: the first one stands, whatever the time is.
    pub(crate) fn take_outcome(&mut self, key: Key) -> Option<Outcome> {
        self.pending.take_done(key)
    }

    /// Nobody asks for the outcome of an event any more; it is sent all the same when its turn comes.
    pub(crate) fn detach(&mut self, key: Key) {
        self.pending.detach(key);
    }

    /// Nobody asks for the outcome any more: a call that was sent is cancelled at the callee (R14), what waits is never
    /// sent.
    pub(crate) fn abandon(&mut self, now: Instant, key: Key, effects: &mut Effects) -> Fate {
        self.now = now;
        if let Some(entry) = self.pending.get_mut(key) {
            effects.discarded.extend(entry.waker.take());
        }
        let fate = self.give_up(key, Outcome::Cancelled, effects);
        if self.pending.get(key).is_some_and(|entry| matches!(entry.progress, Progress::Done(_))) {
            if let Some(Progress::Done(Outcome::Opened(flow))) =
                self.pending.remove(key).map(|entry| entry.progress)
            {
                self.drop_reader(now, flow, effects);
            }
        }
        fate
    }

    /// Ends an entry from this side; what was sent is cancelled there and frees its slot with the CANCEL.
    pub(super) fn give_up(&mut self, key: Key, outcome: fn(Fate) -> Outcome, effects: &mut Effects) -> Fate {
        let Some(entry) = self.pending.get(key) else { return Fate::Unknown };
        match entry.progress {
            Progress::Waiting { .. } => {
                self.pending.finish(key, outcome(Fate::NotSent), effects);
                self.forget_flow(self.pending.call_id(key), effects);
                self.send_waiting(effects);
                Fate::NotSent
            }
            Progress::Sent { .. } if entry.kind == Kind::Ask => {
                self.pending.finish(key, outcome(Fate::Unknown), effects);
                Fate::Unknown
            }
            Progress::Sent { .. } => {
                // The slot there is free with the CANCEL, so it stays taken here until the CANCEL is out.
                self.pending.owe_cancel(key);
                self.pending.finish(key, outcome(Fate::Unknown), effects);
                if let Some((flow, _)) = self.flow_of(key) {
                    self.flows.remove(flow, effects);
                }
                self.pay_cancels(effects);
                Fate::Unknown
            }
            Progress::Done(_) => Fate::Unknown,
        }
    }

    /// The next WebSocket message to write, after what is owed.
    pub(crate) fn take_batch(&mut self, now: Instant, effects: &mut Effects) -> Option<Batch> {
        self.now = now;
        self.pay_debts(effects);
        let was_full = !self.outbox.has_room();
        let batch = self.outbox.take();
        if was_full && self.outbox.has_room() {
            self.send_waiting(effects);
            effects.told.room = self.outbox.has_room();
        }
        self.feed_producers(effects);
        // Also where nothing is taken: calls end without an answer, events without a credit.
        let buffered = self.buffered();
        self.share.settle(buffered);
        batch
    }

    fn pay_debts(&mut self, effects: &mut Effects) {
        // Before the acceptance the peer is owed nothing (R9).
        if !self.is_active() || !self.outbox.has_reserve(3 * CONTROL) {
            return;
        }
        if let Some(number) = self.pong_owed.take() {
            self.outbox.push_parts(&encode::pong(number), &[], &[]);
        }
        if let Some((messages, bytes)) = self.grant.take_owed() {
            self.outbox.push_parts(&encode::credit(0, messages, bytes), &[], &[]);
        }
        self.pay_flows(effects);
        self.pay_cancels(effects);
    }

    pub(super) fn pay_cancels(&mut self, effects: &mut Effects) {
        let owed_before = self.pending.owes_cancels();
        while self.outbox.has_reserve(CONTROL) {
            let Some(owed) = self.pending.pay_cancel() else { break };
            self.outbox.push_parts(&encode::cancel(owed.id), &[], &[]);
            if let Some((depth, bytes)) = owed.call {
                self.usage_there.remove(depth, bytes);
            }
            if let Some(depth) = owed.stream {
                self.flows.release(depth);
            }
        }
        if owed_before {
            self.send_waiting(effects);
        }
    }

    /// Sends what waits, in each class's order, as far as slots, credit and room allow.
    pub(super) fn send_waiting(&mut self, effects: &mut Effects) {
        if self.pending.waiting() == 0 {
            return;
        }
        // Calls that stream first: their number is bounded apart, so that they hold no others up, and others none of
        // them.
        self.send_classes(effects, |class| is_call(class) && class & STREAMS != 0);
        self.send_classes(effects, |class| !is_call(class) || class & STREAMS == 0);
        self.forget_latest();
    }

    fn send_classes(&mut self, effects: &mut Effects, takes: fn(Class) -> bool) {
        let mut index = 0;
        while let Some(class) = self.pending.class_at(index) {
            index += 1;
            if !takes(class) {
                continue;
            }
            while let Some(key) = self.pending.head(class) {
                let Some(entry) = self.pending.get(key) else { break };
                if entry.deadline <= self.now {
                    if entry.kind == Kind::Post(Slow::Close) {
                        return self.too_slow(effects);
                    }
                    if entry.kind == Kind::Post(Slow::Drop) {
                        // After a day.
                        self.stats.broadcasts_dropped += 1;
                    }
                    // Waiting counts: what has expired is not sent, though its timer has not been seen yet (R14).
                    self.pending.finish(key, Outcome::Timeout(Fate::NotSent), effects);
                    self.forget_flow(self.pending.call_id(key), effects);
                    continue;
                }
                if !self.admits(class, entry.bytes) {
                    break;
                }
                let Some(message) = self.pending.take_waiting(key) else { break };
                self.write_waiting(key, message, effects);
            }
        }
    }

    /// GOAWAY came: no call that waits at depth 0 will be sent.
    pub(super) fn refuse_waiting(&mut self, effects: &mut Effects) {
        let mut index = 0;
        while let Some(class) = self.pending.class_at(index) {
            index += 1;
            if !is_call(class) || depth_of(class) != 0 {
                continue;
            }
            while let Some(key) = self.pending.head(class) {
                self.pending.finish(key, Outcome::Closed(leaving()), effects);
                self.forget_flow(self.pending.call_id(key), effects);
            }
        }
    }

    /// A call's slot there is free again.
    pub(super) fn release(&mut self, key: Key) {
        if let Some(entry) = self.pending.get(key) {
            self.usage_there.remove(depth_of(entry.class), entry.bytes);
        }
    }

    fn refused(&self, message: &Outgoing) -> Option<Outcome> {
        if let Some(info) = &self.closed {
            return Some(Outcome::Closed(info.clone().not_sent()));
        }
        if !self.is_active() {
            return Some(Outcome::Refused(Refused::NotAccepted));
        }
        // A nested call belongs to one that the server lets finish (R3).
        if self.peer_leaves && message.kind == Kind::Call && message.depth == 0 {
            return Some(Outcome::Closed(leaving()));
        }
        if self.schema.refuses_there(message.method) {
            return Some(Outcome::Refused(Refused::SchemaMismatch));
        }
        let envelope = match &message.content {
            // It is whole.
            Content::Frame(_) => 0,
            Content::Own(_) | Content::Shared(_) => Envelope::CAPACITY + message.metadata.len(),
        };
        if envelope + message.content.frame_len() > self.frame_limit {
            return Some(Outcome::Refused(Refused::TooLarge));
        }
        if message.kind == Kind::Call && message.depth > MAX_DEPTH {
            return Some(Outcome::Refused(Refused::Overloaded));
        }
        None
    }

    /// Whether a message of this class may leave now, its turn aside.
    fn admits(&self, class: Class, bytes: usize) -> bool {
        if !self.outbox.has_room() {
            return false;
        }
        match class {
            EVENTS => return self.allowance.admits(),
            ANSWERS => return true,
            _ => {}
        }
        // Only at depth 0, or a nested call would wait for a shallower one (R11).
        let bounds = self.bounds_there.as_ref();
        let depth = depth_of(class);
        if class & STREAMS != 0 && !self.flows.admits_there(depth) {
            return false;
        }
        (depth > 0 || self.usage_there.calls_at(0) < u64::from(self.limits.max_outgoing))
            && bounds.is_some_and(|bounds| self.usage_there.admits(bounds, depth, bytes))
    }

    pub(super) fn admits_event(&self) -> bool {
        self.admits(EVENTS, 0)
    }

    /// Writes what has an entry, and waited.
    fn write_waiting(&mut self, key: Key, mut message: Outgoing, effects: &mut Effects) {
        let id = self.pending.call_id(key);
        match message.kind {
            Kind::Call => {
                effects.wakes.extend(self.write_call(id, &mut message));
                self.mark_sent(key);
            }
            Kind::Ask => {
                // The id of its entry, so that what answers it finds it.
                self.write_event(id, &mut message);
                self.mark_sent(key);
            }
            Kind::Event | Kind::Detached | Kind::Post(_) => {
                let id = self.pending.event_id();
                self.write_event(id, &mut message);
                self.pending.finish(key, Outcome::Sent(id), effects);
            }
        }
    }

    fn mark_sent(&mut self, key: Key) {
        let position = self.outbox.position();
        if let Some(entry) = self.pending.get_mut(key) {
            entry.progress = Progress::Sent { position };
        }
    }

    /// Gives the waker of an upload that may begin.
    fn write_call(&mut self, id: u64, message: &mut Outgoing) -> Option<Waker> {
        self.usage_there.add(message.depth, message.content.len());
        self.stats.calls_sent += 1;
        let remaining = message.deadline.saturating_duration_since(self.now);
        self.write(id, message, Some(millis_up(remaining)));
        if message.streams == Streams::Nothing { None } else { self.flows.called(id) }
    }

    fn write_event(&mut self, id: u64, message: &mut Outgoing) {
        if !message.answers {
            self.allowance.spend(message.content.len());
        }
        self.stats.events_sent += 1;
        self.write(id, message, None);
    }

    fn write(&mut self, id: u64, message: &mut Outgoing, deadline_ms: Option<u64>) {
        if let Content::Frame(frame) = &message.content {
            return self.push_frame(frame.clone());
        }
        let has_metadata = !message.metadata.is_empty();
        let mut envelope = encode::message(&Message {
            id,
            reply_to: message.reply_to,
            wants_reply: message.kind == Kind::Call,
            wants_answer: message.kind == Kind::Ask,
            answers: message.answers,
            depth: if message.kind == Kind::Call { message.depth } else { 0 },
            method: message.method,
            deadline_ms,
            metadata: has_metadata.then(crate::context::Metadata::new),
            body: &[],
        });
        self.outbox.push_content(&mut envelope, &message.metadata, &mut message.content);
    }
}

/// Rounded up: the callee never gives up before the caller does (R14).
fn millis_up(time: Duration) -> u64 {
    let millis = u64::from(time.subsec_nanos().div_ceil(1_000_000));
    time.as_secs().saturating_mul(1_000).saturating_add(millis)
}

fn class_of(message: &Outgoing) -> Class {
    match (message.kind, message.streams) {
        (Kind::Call, Streams::Nothing) => message.depth,
        (Kind::Call, _) => STREAMS + message.depth,
        _ if message.answers => ANSWERS,
        _ => EVENTS,
    }
}

const fn is_call(class: Class) -> bool {
    class != EVENTS && class != ANSWERS
}

fn leaving() -> CloseInfo {
    CloseInfo::new(code::GOING_AWAY, "the server closes", ClosedBy::Peer).not_sent()
}
