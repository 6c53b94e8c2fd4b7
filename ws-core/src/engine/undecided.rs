//! What an undecided server does with what its client sends, and what becomes of it with the acceptance (R8).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::deadlines::Due;
use super::early::{Kept, Stage};
use super::held::detached;
use super::running::{Entry, Kind};
use super::state::{ANSWER_ENVELOPE, Engine, Phase};
use super::{Effects, Key, Verdict};
use crate::context::Metadata;
use crate::limits::MAX_DEPTH;
use crate::policy::{EarlyFrames, Overflow};
use crate::protocol::{Frame, Malformed, Message, code};
use crate::service::MethodId;

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
            Frame::Cancel { id } if self.early.get_mut().is_some_and(|early| early.cancel(*id)) => Ok(()),
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
        let Some((max_bytes, overflow)) = self.early.policy().kept() else {
            self.drop_early(fields);
            return Ok(());
        };
        self.check_id(fields)?;
        if fields.depth > MAX_DEPTH {
            return Err(Malformed("a call nested deeper than 32"));
        }
        let early = self.early.make();
        if fields.wants_reply && early.has_call(fields.id) {
            return Err(Malformed("an id that is in use"));
        }
        let fits = early.fits(&self.limits, max_bytes, raw, fields);
        if fits && self.share.covers(self.buffered().saturating_add(raw.len())) {
            self.early.make().keep(now, detached(message, raw), fields);
            self.stats.early_kept += 1;
            effects.told.early = true;
            return Ok(());
        }
        self.drop_early(fields);
        match overflow {
            Overflow::Drop => {}
            Overflow::Close => self.reject(code::POLICY, "more before the decision than is kept", effects),
            Overflow::Notify => {
                self.early.make().untold += 1;
                effects.told.early = true;
            }
        }
        Ok(())
    }

    fn drop_early(&mut self, fields: &Message<'_>) {
        self.stats.early_dropped += 1;
        if !fields.wants_reply {
            let waived = &mut self.early.make().waived;
            waived.messages += 1;
            waived.bytes += fields.body.len() as u64;
        }
    }

    /// Accepted: handles what was kept, in the order of its arrival, behind the WELCOME.
    pub(super) fn begin_early(&mut self, now: Instant, effects: &mut Effects) {
        let (kept, waived) = self.early.accept();
        if waived.messages > 0 {
            self.grant.waive(waived.messages, waived.bytes);
        }
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
                    if let Some(key) = key {
                        self.early.make().taken.push((ticket, key));
                    }
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
        if !matches!(self.early.policy(), EarlyFrames::Accept { .. }) {
            return EarlyNext::Over;
        }
        let max_answer = theirs.frame_limit().saturating_sub(ANSWER_ENVELOPE);
        let mut kept = self.early.get_mut().into_iter().flat_map(|early| &mut early.kept);
        let waiting = kept.find(|kept| matches!(kept.stage, Stage::Waiting));
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
        match self.early.get_mut().and_then(|early| early.find(ticket)) {
            Some(kept) => {
                kept.stage = Stage::Left;
                true
            }
            None => false,
        }
    }

    /// Whether one more answer of this length is held. The last one may exceed the bound, as it may in the outbox.
    pub(crate) fn holds_early(&self) -> bool {
        self.early.get().is_none_or(|early| early.held < self.limits.outbox_bytes)
    }

    /// The acceptor is done with a message: its answer is held until the acceptance, or goes out where that has been.
    /// One that was cancelled, or whose connection has ended, is forgotten.
    pub(crate) fn answer_early(&mut self, ticket: u64, verdict: Verdict, effects: &mut Effects) {
        let held = verdict.len();
        let Some(early) = self.early.get_mut() else { return };
        if let Some(kept) = early.find(ticket) {
            kept.stage = Stage::Answered(verdict);
            early.held += held;
        } else if let Some(key) = self.early.untake(ticket) {
            effects.verdicts.push((key, verdict));
        }
    }

    /// How many messages were dropped since the last time this was asked, where the application wants to know.
    pub(crate) fn early_overflow(&mut self) -> Option<u64> {
        match self.early.get_mut().map_or(0, |early| std::mem::take(&mut early.untold)) {
            0 if matches!(self.phase, Phase::Deciding { .. }) => None,
            dropped => Some(dropped),
        }
    }
}
