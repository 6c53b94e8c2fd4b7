//! What a client sends before it is accepted: dropped, or kept in order until the decision (R8).
//!
//! What is kept obeys the bounds that hold once the connection is open, so that nothing of it is refused then for a
//! limit that the client could not know.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::deadlines::Due;
use super::handshake::announced;
use super::held::detached;
use super::running::{Entry, Kind};
use super::state::{Engine, Phase};
use super::usage::{Bounds, Usage};
use super::{Effects, Key, Verdict};
use crate::context::Metadata;
use crate::limits::{Limits, MAX_DEPTH};
use crate::policy::{EarlyFrames, Overflow};
use crate::protocol::{Frame, Malformed, Message, code};
use crate::service::MethodId;

#[derive(Debug)]
pub(super) struct Early {
    policy: EarlyFrames,
    bounds: Bounds,
    kept: VecDeque<Kept>,
    next_ticket: u64,
    /// Bytes of the frames that are kept, and of the answers that are held.
    bytes: usize,
    held: usize,
    /// Slots that the kept calls would take.
    usage: Usage,
    events: Count,
    /// Events that were dropped: their credit is given back with the acceptance.
    waived: Count,
    /// Dropped since the application asked last.
    untold: u64,
    /// Those that were taken, and whose answer was still to come at the acceptance.
    taken: Vec<(u64, Key)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    messages: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Kept {
    ticket: u64,
    frame: Bytes,
    received: Instant,
    id: u64,
    /// Of a call; events have none.
    depth: Option<u8>,
    bytes: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nobody has looked at it.
    Waiting,
    /// The acceptor leaves it to the provider.
    Left,
    /// The acceptor handles it.
    Taken,
    /// The acceptor has handled it.
    Answered(Verdict),
}

/// A message that the acceptor took.
#[derive(Debug)]
pub(crate) struct EarlyTaken {
    pub(crate) ticket: u64,
    pub(crate) id: u64,
    pub(crate) reply_to: Option<u64>,
    pub(crate) wants_reply: bool,
    pub(crate) method: MethodId,
    pub(crate) name: Option<&'static str>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) body: Bytes,
    pub(crate) max_answer: usize,
}

/// What the acceptor finds when it asks for the next one.
#[derive(Debug)]
pub(crate) enum EarlyNext {
    Message(Box<EarlyTaken>),
    /// None yet.
    Nothing,
    /// None any more: it is decided, or they are not kept for the acceptor.
    Over,
}

impl Early {
    pub(super) fn new(policy: EarlyFrames, limits: &Limits) -> Self {
        Self {
            policy,
            bounds: Bounds::of(&announced(limits)),
            kept: VecDeque::new(),
            next_ticket: 0,
            bytes: 0,
            held: 0,
            usage: Usage::default(),
            events: Count::default(),
            waived: Count::default(),
            untold: 0,
            taken: Vec::new(),
        }
    }

    /// Bytes buffered here.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes + self.held
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Forgets everything but the tickets, which are never used again.
    pub(super) fn clear(&mut self) {
        self.kept = VecDeque::new();
        (self.bytes, self.held, self.untold) = (0, 0, 0);
        self.usage = Usage::default();
        (self.events, self.waived) = (Count::default(), Count::default());
        self.taken = Vec::new();
    }

    fn fits(&self, limits: &Limits, max_bytes: usize, frame: &[u8], fields: &Message<'_>) -> bool {
        let in_turn = if fields.wants_reply {
            self.usage.admits(&self.bounds, fields.depth, fields.body.len())
        } else {
            // As credit is: the last one may exceed the bytes.
            self.events.messages < u64::from(limits.event_lane_messages)
                && self.events.bytes < limits.event_lane_bytes as u64
        };
        in_turn && frame.len() <= limits.max_message && self.bytes + frame.len() <= max_bytes
    }

    fn keep(&mut self, now: Instant, frame: Bytes, fields: &Message<'_>) {
        let bytes = fields.body.len();
        if fields.wants_reply {
            self.usage.add(fields.depth, bytes);
        } else {
            self.events.messages += 1;
            self.events.bytes += bytes as u64;
        }
        self.bytes += frame.len();
        self.next_ticket += 1;
        self.kept.push_back(Kept {
            ticket: self.next_ticket,
            frame,
            received: now,
            id: fields.id,
            depth: fields.wants_reply.then_some(fields.depth),
            bytes,
            stage: Stage::Waiting,
        });
    }

    fn has_call(&self, id: u64) -> bool {
        self.kept.iter().any(|kept| kept.id == id && kept.depth.is_some())
    }

    /// The client gives up a call that it sent too early; false where there is none.
    fn cancel(&mut self, id: u64) -> bool {
        let place = self.kept.iter().position(|kept| kept.id == id && kept.depth.is_some());
        let Some(cancelled) = place.and_then(|place| self.kept.remove(place)) else { return false };
        self.bytes -= cancelled.frame.len();
        if let Stage::Answered(verdict) = &cancelled.stage {
            self.held -= verdict.len();
        }
        if let Some(depth) = cancelled.depth {
            self.usage.remove(depth, cancelled.bytes);
        }
        true
    }

    fn get_mut(&mut self, ticket: u64) -> Option<&mut Kept> {
        // In the order of their tickets.
        let place = self.kept.binary_search_by_key(&ticket, |kept| kept.ticket).ok()?;
        self.kept.get_mut(place)
    }
}

impl Engine {
    /// Takes a frame that comes while the handler decides.
    pub(super) fn on_early(
        &mut self,
        now: Instant,
        message: &Bytes,
        raw: &[u8],
        frame: &Frame<'_>,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        match frame {
            Frame::Message(fields) => self.on_early_message(now, message, raw, fields, effects),
            Frame::Cancel { id } if self.early.cancel(*id) => Ok(()),
            _ => {
                self.stats.early_dropped += 1;
                Ok(())
            }
        }
    }

    fn on_early_message(
        &mut self,
        now: Instant,
        message: &Bytes,
        raw: &[u8],
        fields: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let Some((max_bytes, overflow)) = self.early.policy.kept() else {
            self.drop_early(fields);
            return Ok(());
        };
        self.check_id(fields)?;
        if fields.depth > MAX_DEPTH {
            return Err(Malformed("a call nested deeper than 32"));
        }
        if fields.wants_reply && self.early.has_call(fields.id) {
            return Err(Malformed("an id that is in use"));
        }
        let fits = self.early.fits(&self.limits, max_bytes, raw, fields);
        if fits && self.share.covers(self.buffered().saturating_add(raw.len())) {
            self.early.keep(now, detached(message, raw), fields);
            self.stats.early_kept += 1;
            effects.told.early = true;
            return Ok(());
        }
        self.drop_early(fields);
        match overflow {
            Overflow::Drop => {}
            Overflow::Close => self.reject(code::POLICY, "more before the decision than is kept", effects),
            Overflow::Notify => {
                self.early.untold += 1;
                effects.told.early = true;
            }
        }
        Ok(())
    }

    fn drop_early(&mut self, fields: &Message<'_>) {
        self.stats.early_dropped += 1;
        if !fields.wants_reply {
            self.early.waived.messages += 1;
            self.early.waived.bytes += fields.body.len() as u64;
        }
    }

    /// Accepted: handles what was kept, in the order of its arrival, behind the WELCOME.
    pub(super) fn begin_early(&mut self, now: Instant, effects: &mut Effects) {
        let waived = std::mem::take(&mut self.early.waived);
        if waived.messages > 0 {
            self.grant.waive(waived.messages, waived.bytes);
        }
        let kept = std::mem::take(&mut self.early.kept);
        self.early.clear();
        for Kept { ticket, frame, received, stage, .. } in kept {
            if self.closed.is_some() {
                return;
            }
            // It was well formed when it came.
            let Ok(Frame::Message(fields)) = Frame::parse(&frame) else { continue };
            let begun = match stage {
                Stage::Waiting | Stage::Left => self.on_message(received, &frame, fields, effects),
                Stage::Taken => {
                    let key = self.begin_taken(received, &fields);
                    self.early.taken.extend(key.map(|key| (ticket, key)));
                    Ok(())
                }
                Stage::Answered(verdict) => {
                    let key = self.begin_taken(received, &fields);
                    effects.verdicts.extend(key.map(|key| (key, verdict)));
                    Ok(())
                }
            };
            if let Err(malformed) = begun {
                self.violated(code::PROTOCOL, malformed.0, effects);
            }
        }
        // Those whose deadline has passed meanwhile end before they start (P25).
        self.on_time(now, effects);
    }

    /// A message that the acceptor took: from now on its call is one that runs, and its event is done with.
    fn begin_taken(&mut self, received: Instant, fields: &Message<'_>) -> Option<Key> {
        let bytes = fields.body.len();
        if !fields.wants_reply {
            self.stats.events_received += 1;
            self.grant.receive(bytes);
            self.grant.consume(bytes);
            return None;
        }
        self.stats.calls_received += 1;
        let longest = self.limits.max_call_timeout;
        let asked = fields.deadline_ms.map_or(longest, Duration::from_millis);
        let kind = Kind::Call { id: fields.id, depth: fields.depth };
        let key = self.running.insert(Entry {
            kind,
            bytes,
            // No method of the provider's, where it is not known: nothing is looked up by it.
            method: self.serves.index(fields.method).unwrap_or(usize::MAX),
            queued: false,
        });
        self.watch(received + asked.min(longest), Due::Running(key));
        Some(key)
    }

    /// The next message for the acceptor.
    pub(crate) fn take_early(&mut self) -> EarlyNext {
        let Phase::Deciding { announced: theirs, .. } = &self.phase else { return EarlyNext::Over };
        if !matches!(self.early.policy, EarlyFrames::Accept { .. }) {
            return EarlyNext::Over;
        }
        let max_answer = theirs.frame_limit().saturating_sub(super::state::ANSWER_ENVELOPE);
        let waiting = self.early.kept.iter_mut().find(|kept| matches!(kept.stage, Stage::Waiting));
        let Some(kept) = waiting else { return EarlyNext::Nothing };
        kept.stage = Stage::Taken;
        let Ok(Frame::Message(fields)) = Frame::parse(&kept.frame) else { return EarlyNext::Nothing };
        EarlyNext::Message(Box::new(EarlyTaken {
            ticket: kept.ticket,
            id: kept.id,
            reply_to: fields.reply_to,
            wants_reply: fields.wants_reply,
            method: fields.method,
            name: self.serves.find(fields.method).map(|spec| spec.name),
            body: kept.frame.slice_ref(fields.body),
            metadata: fields.metadata,
            max_answer,
        }))
    }

    /// The acceptor leaves a message that it took to the provider.
    pub(crate) fn leave_early(&mut self, ticket: u64) -> bool {
        match self.early.get_mut(ticket) {
            Some(kept) => {
                kept.stage = Stage::Left;
                true
            }
            None => false,
        }
    }

    /// Whether one more answer of this length is held. The last one may exceed the bound, as it may in the outbox.
    pub(crate) fn holds_early(&self) -> bool {
        self.early.held < self.limits.outbox_bytes
    }

    /// The acceptor is done with a message: its answer is held until the acceptance, or goes out where that has been.
    /// One that was cancelled, or whose connection has ended, is forgotten.
    pub(crate) fn answer_early(&mut self, ticket: u64, verdict: Verdict, effects: &mut Effects) {
        let held = verdict.len();
        if let Some(kept) = self.early.get_mut(ticket) {
            kept.stage = Stage::Answered(verdict);
            self.early.held += held;
        } else if let Some(place) = self.early.taken.iter().position(|(taken, _)| *taken == ticket) {
            let (_, key) = self.early.taken.swap_remove(place);
            effects.verdicts.push((key, verdict));
        }
    }

    /// How many messages were dropped since the last time this was asked, where the application wants to know.
    pub(crate) fn early_overflow(&mut self) -> Option<u64> {
        match std::mem::take(&mut self.early.untold) {
            0 if matches!(self.phase, Phase::Deciding { .. }) => None,
            dropped => Some(dropped),
        }
    }
}
