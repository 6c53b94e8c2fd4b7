//! What a client sends before it is accepted: dropped, or kept in order until the decision (R8).
//!
//! What is kept obeys the bounds that hold once the connection is open, so that nothing of it is refused then for a
//! limit that the client could not know.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::usage::{Bounds, Usage};
use super::{Key, Verdict};
use crate::limits::Limits;
use crate::policy::EarlyFrames;
use crate::protocol::Message;

/// What came before the decision. There is nothing where it is dropped, and none is left once it was accepted and the
/// acceptor has answered what it took.
#[derive(Debug)]
pub(super) struct Early(Option<Box<Undecided>>);

#[derive(Debug, Default)]
pub(super) struct Undecided {
    policy: EarlyFrames,
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
    pub(super) fn new(policy: EarlyFrames) -> Self {
        let keeps = policy.kept().is_some();
        Self(keeps.then(|| Box::new(Undecided { policy, ..Undecided::default() })))
    }

    pub(super) fn policy(&self) -> EarlyFrames {
        self.0.as_ref().map_or(EarlyFrames::Drop, |undecided| undecided.policy)
    }

    pub(super) fn get(&self) -> Option<&Undecided> {
        self.0.as_deref()
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut Undecided> {
        self.0.as_deref_mut()
    }

    /// Makes it where there is nothing yet.
    pub(super) fn make(&mut self) -> &mut Undecided {
        self.0.get_or_insert_default()
    }

    /// Bytes buffered here.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |undecided| undecided.bytes + undecided.held)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |undecided| undecided.kept.len())
    }

    /// Accepted: what was kept, and the credit of what was dropped. Nothing comes early any more.
    pub(super) fn accept(&mut self) -> (VecDeque<Kept>, Count) {
        self.0.take().map(|undecided| (undecided.kept, undecided.waived)).unwrap_or_default()
    }

    /// Ended: nothing is asked for any more.
    pub(super) fn close(&mut self) {
        self.0 = None;
    }

    /// Forgets everything but the tickets, which are never used again.
    pub(super) fn clear(&mut self) {
        if let Some(undecided) = &mut self.0 {
            undecided.clear();
        }
    }

    /// The acceptor is done with this one, which it took and which was accepted meanwhile.
    pub(super) fn untake(&mut self, ticket: u64) -> Option<Key> {
        let taken = &mut self.0.as_mut()?.taken;
        let place = taken.iter().position(|(taken, _)| *taken == ticket)?;
        let (_, key) = taken.swap_remove(place);
        if taken.is_empty() {
            self.0 = None;
        }
        Some(key)
    }
}

impl Undecided {
    fn clear(&mut self) {
        self.kept = VecDeque::new();
        (self.bytes, self.held, self.untold) = (0, 0, 0);
        self.usage = Usage::default();
        (self.events, self.waived) = (Count::default(), Count::default());
        self.taken = Vec::new();
    }

    pub(super) fn fits(&self, limits: &Limits, max_bytes: usize, frame: &[u8], fields: &Message<'_>) -> bool {
        let in_turn = if fields.wants_reply {
            self.usage.admits(&Bounds::here(limits), fields.depth, fields.body.len())
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

    pub(super) fn find(&mut self, ticket: u64) -> Option<&mut Kept> {
        // In the order of their tickets.
        let place = self.kept.binary_search_by_key(&ticket, |kept| kept.ticket).ok()?;
        self.kept.get_mut(place)
    }
}
