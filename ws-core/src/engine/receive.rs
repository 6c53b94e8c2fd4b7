//! What the peer sends, frame by frame.

use std::time::Instant;

use bytes::Bytes;

use super::entry::{Answered, Outcome, Refused};
use super::flows::Stage;
use super::held::{detached, part};
use super::state::{Engine, Phase, Role};
use super::{Arrived, Effects, Held};
use crate::limits::{BATCH_BYTES, MAX_DEPTH, MAX_HANDSHAKE};
use crate::protocol::{FailClass, Frame, Frames, Malformed, Message, code};

/// The index of a method that is in no table.
pub(crate) const DYNAMIC: usize = usize::MAX;

impl Engine {
    /// Takes one WebSocket message: every frame in it, in order. Whatever is wrong with it ends this connection and
    /// nothing else (R35).
    pub(crate) fn receive(&mut self, now: Instant, message: &Bytes, effects: &mut Effects) {
        // First of all: whatever is late here, a peer that sends is alive (R33).
        self.heard(now);
        // A deadline that has come beats a reply of the same instant (R14).
        self.on_time(now, effects);
        let mut frames = Frames::new(message);
        while let Some(frame) = frames.next() {
            if self.closed.is_some() {
                return;
            }
            let taken = frame.and_then(|frame| {
                // Beyond the size of a batch a frame travels alone (P2): what one message costs is bounded.
                if message.len() > BATCH_BYTES && !frames.is_empty() {
                    return Err(Malformed("a batch over 64 KiB"));
                }
                self.take_frame(now, message, frame, &mut frames, effects)
            });
            if let Err(malformed) = taken {
                self.violated(code::PROTOCOL, malformed.0, effects);
            }
        }
    }

    fn take_frame(
        &mut self,
        now: Instant,
        message: &Bytes,
        frame: &[u8],
        following: &mut Frames<'_>,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let limit = if self.is_active() { self.limits.max_message } else { MAX_HANDSHAKE };
        if frame.len() > limit {
            self.violated(code::TOO_LARGE, "a frame exceeds max_message", effects);
            return Ok(());
        }
        let raw = frame;
        let frame = Frame::parse(raw)?;
        match frame {
            Frame::Hello(fields) => return self.on_hello(now, fields, effects),
            Frame::Welcome(fields) => return self.on_welcome(now, fields, effects),
            Frame::Reject(fields) => return self.on_reject(fields, effects),
            Frame::Ignored => return Ok(()),
            _ => {}
        }
        match self.phase {
            Phase::Active => {}
            Phase::AwaitHello { again: false, .. } => {
                return Err(Malformed("the first frame is not a HELLO"));
            }
            // It was sent before the client knew of its rejection (R7).
            Phase::AwaitHello { again: true, .. } => {
                self.stats.early_dropped += 1;
                return Ok(());
            }
            Phase::Rejected => return Err(Malformed("a frame behind a REJECT")),
            Phase::AwaitWelcome => return Err(Malformed("the first frame is neither WELCOME nor REJECT")),
            Phase::Deciding { .. } => return self.on_early(now, message, raw, &frame, effects),
            Phase::Closed => return Ok(()),
        }
        match frame {
            Frame::Message(fields) => self.on_message(now, message, fields, effects),
            Frame::Return { id, body } => {
                self.on_reply(id, effects, || Outcome::Returned(Held::of(message, body)));
                Ok(())
            }
            Frame::Open { id } => self.on_open(id, effects),
            Frame::Item { id, body } => self.on_items(id, message, body, following, effects),
            Frame::End { id, failure } => self.on_end(id, message, failure, effects),
            Frame::Fail { id, class, body } => {
                self.on_reply(id, effects, || Outcome::Failed(class, Held::of(message, body)));
                Ok(())
            }
            Frame::Cancel { id } => {
                self.on_cancel(id, effects);
                Ok(())
            }
            Frame::Credit { id: 0, messages, bytes } => {
                self.allowance.raise(messages, bytes);
                self.send_waiting(effects);
                Ok(())
            }
            Frame::Credit { id, messages, bytes } => self.on_stream_credit(id, messages, bytes, effects),
            Frame::Ping(number) => {
                // Only the newest is answered, so that a flood of pings costs one number (R38).
                self.pong_owed = Some(number);
                Ok(())
            }
            Frame::GoAway { .. } => {
                self.on_go_away(effects);
                Ok(())
            }
            Frame::Pong(_) | Frame::Hello(_) | Frame::Welcome(_) | Frame::Reject(_) | Frame::Ignored => {
                Ok(())
            }
        }
    }

    /// Replies never wait for a handler, a lane or a slot (R11). One that nobody waits for is counted (R17).
    fn on_reply(&mut self, id: u64, effects: &mut Effects, outcome: impl FnOnce() -> Outcome) {
        let Some(key) = self.pending.called(id) else {
            self.stats.stray_replies += 1;
            return;
        };
        self.release(key);
        self.pending.finish(key, outcome(), effects);
        self.forget_flow(id, effects);
        self.send_waiting(effects);
    }

    /// A stream is open: its call's slot is free, its own is not (R26).
    fn on_open(&mut self, id: u64, effects: &mut Effects) -> Result<(), Malformed> {
        let Some(key) = self.pending.called(id) else {
            self.stats.stray_replies += 1;
            return Ok(());
        };
        let flow = self.flows.key_of(id);
        let reads = flow.and_then(|flow| self.flows.get_mut(flow)).filter(|flow| flow.reading.is_some());
        let (Some(flow), Some(reads)) = (flow, reads) else {
            // A route may lead anywhere, so this is its caller's mistake and nobody else's.
            self.give_up(key, |_| Outcome::Refused(Refused::InvalidReply), effects);
            return Ok(());
        };
        reads.stage = Stage::Open;
        self.release(key);
        self.pending.finish(key, Outcome::Opened(flow), effects);
        self.send_waiting(effects);
        Ok(())
    }

    fn on_cancel(&mut self, id: u64, effects: &mut Effects) {
        match self.running.key_of(id) {
            Some(key) => self.stop(key, effects),
            None => self.on_stop(id, effects),
        }
    }

    /// Counts only when a server says it (R35).
    fn on_go_away(&mut self, effects: &mut Effects) {
        if self.role == Role::Client && !self.peer_leaves {
            self.peer_leaves = true;
            self.refuse_waiting(effects);
        }
    }

    pub(super) fn on_message(
        &mut self,
        now: Instant,
        message: &Bytes,
        fields: Message<'_>,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        self.check_id(&fields)?;
        if fields.depth > MAX_DEPTH {
            return Err(Malformed("a call nested deeper than 32"));
        }
        // One whose signature differs is not decoded by whoever asked either (R5).
        let may_answer = !fields.wants_reply && !self.schema.refuses_here(fields.method);
        let answers = fields.reply_to.filter(|_| may_answer).and_then(|id| self.pending.asked(id));
        if let Some(key) = answers {
            return self.on_answer(message, fields, key, effects);
        }
        self.observe(message, &fields, None, effects);
        let known = self.serves.index(fields.method);
        if known.is_none() && (self.dynamic || self.listened) {
            // What serves here knows more than its contract says.
            return if fields.wants_reply {
                self.on_call(now, message, fields, DYNAMIC, effects)
            } else {
                self.on_event(message, fields, DYNAMIC, effects)
            };
        }
        let refusal = match known {
            _ if self.schema.refuses_here(fields.method) => FailClass::SchemaMismatch,
            None if self.serves.is_empty() => FailClass::NoProvider,
            None => FailClass::UnknownMethod,
            Some(method) if fields.wants_reply => return self.on_call(now, message, fields, method, effects),
            Some(method) => return self.on_event(message, fields, method, effects),
        };
        if fields.wants_reply {
            self.refuse_call(fields.id, known, refusal, effects);
        } else {
            // It still spends credit, which is then given back.
            if fields.answers {
                self.stats.events_refused += 1;
                self.report(fields.id, known, refusal, effects);
                return Ok(());
            }
            if !self.grant.receive(fields.body.len()) {
                return self.overrun(effects);
            }
            self.grant.consume(fields.body.len());
            self.stats.events_refused += 1;
            self.report(fields.id, known, refusal, effects);
        }
        Ok(())
    }

    /// A message that answers one of this side's goes to whoever waits for it, and to nobody else (R20); observers
    /// come first.
    fn on_answer(
        &mut self,
        message: &Bytes,
        fields: Message<'_>,
        key: super::Key,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let bytes = fields.body.len();
        // The first one costs no credit: there is room for one answer to each message of this side (P52).
        if !fields.answers {
            if !self.grant.receive(bytes) {
                return self.overrun(effects);
            }
            self.grant.consume(bytes);
        }
        self.stats.events_received += 1;
        if self.observed {
            self.observe(message, &fields, Some(key), effects);
            return Ok(());
        }
        let answer = Answered {
            method: fields.method,
            event_id: fields.id,
            reply_to: fields.reply_to.unwrap_or_default(),
            wants_answer: fields.wants_answer,
            metadata: fields.metadata,
            body: Held::of(message, fields.body),
        };
        self.pending.finish(key, Outcome::Answered(Box::new(answer)), effects);
        Ok(())
    }

    /// The observers have seen the answer to the message of `key`: it goes on to whoever waits for it.
    pub(crate) fn deliver(&mut self, key: super::Key, arrived: &Arrived, effects: &mut Effects) {
        let answer = Answered {
            method: arrived.method,
            event_id: arrived.event_id,
            reply_to: arrived.reply_to.unwrap_or_default(),
            wants_answer: arrived.wants_answer,
            metadata: arrived.metadata.clone(),
            body: Held::of(&arrived.body, &arrived.body),
        };
        self.pending.finish(key, Outcome::Answered(Box::new(answer)), effects);
    }

    /// Has the observers see a message, where there are any.
    fn observe(
        &self,
        message: &Bytes,
        fields: &Message<'_>,
        answers: Option<super::Key>,
        effects: &mut Effects,
    ) {
        if self.observed {
            effects.arrived.push(Arrived {
                method: fields.method,
                // It outlives this read where somebody waits for it.
                body: match answers {
                    Some(_) => detached(message, fields.body),
                    None => part(message, fields.body),
                },
                event_id: fields.id,
                reply_to: fields.reply_to,
                wants_answer: fields.wants_answer,
                metadata: fields.metadata.clone(),
                answers,
            });
        }
    }
}
