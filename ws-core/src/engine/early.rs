//! What a client sends before it is accepted: dropped, or kept in order until the decision (R8).
//!
//! What is kept obeys the bounds that hold once the connection is open, so that nothing of it is refused then for a
//! limit that the client could not know.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::handshake::announced;
use super::usage::{Bounds, Usage};
use super::{Key, Verdict};
use crate::limits::Limits;
use crate::policy::EarlyFrames;
use crate::protocol::Message;

#[derive(Debug)]
pub(super) struct Early {
    pub(super) policy: EarlyFrames,
    pub(super) bounds: Bounds,
    pub(super) kept: VecDeque<Kept>,
    pub(super) next_ticket: u64,
    /// Bytes of the frames that are kept, and of the answers that are held.
    pub(super) bytes: usize,
    pub(super) held: usize,
    /// Slots that the kept calls would take.
    pub(super) usage: Usage,
    pub(super) events: Count,
    /// Events that were dropped: their credit is given back with the acceptance.
    pub(super) waived: Count,
    /// Dropped since the application asked last.
    pub(super) untold: u64,
    /// Those that were taken, and whose answer was still to come at the acceptance.
    pub(super) taken: Vec<(u64, Key)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) ticket: u64,
    pub(super) frame: Bytes,
    pub(super) received: Instant,
    pub(super) id: u64,
    /// Of a call; events have none.
    pub(super) depth: Option<u8>,
    pub(super) bytes: usize,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Nobody has looked at it.
    Waiting,
    /// The acceptor leaves it to the provider.
    Left,
    /// The acceptor handles it.
    Taken,
    /// The acceptor has handled it.
    Answered(Verdict),
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

    pub(super) fn fits(&self, limits: &Limits, max_bytes: usize, frame: &[u8], fields: &Message<'_>) -> bool {
        let in_turn = if fields.wants_reply {
            self.usage.admits(&self.bounds, fields.depth, fields.body.len())
        } else {
            // As credit is: the last one may exceed the bytes.
            self.events.messages < u64::from(limits.event_lane_messages)
                && self.events.bytes < limits.event_lane_bytes as u64
        };
        in_turn && frame.len() <= limits.max_message && self.bytes + frame.len() <= max_bytes
    }

    pub(super) fn keep(&mut self, now: Instant, frame: Bytes, fields: &Message<'_>) {
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

    pub(super) fn has_call(&self, id: u64) -> bool {
        self.kept.iter().any(|kept| kept.id == id && kept.depth.is_some())
    }

    /// The client gives up a call that it sent too early; false where there is none.
    pub(super) fn cancel(&mut self, id: u64) -> bool {
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

    pub(super) fn get_mut(&mut self, ticket: u64) -> Option<&mut Kept> {
        // In the order of their tickets.
        let place = self.kept.binary_search_by_key(&ticket, |kept| kept.ticket).ok()?;
        self.kept.get_mut(place)
    }
}
