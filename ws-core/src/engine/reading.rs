//! Items that come: from the producer of a call of this side, or uploaded for a call of the peer (R26).

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;

use super::flows::{Debt, Stage, StreamEnd};
use super::run::Extent;
use super::state::{CONTROL, Engine};
use super::{Effects, Held, Key, Run};
use crate::protocol::{FailClass, Frames, Malformed, encode, length_of};

/// What there is for a reader.
#[derive(Debug)]
pub(crate) enum Read {
    /// Items; whether credit for those before them is to go out before they are read.
    Items { credit: bool },
    /// Nothing yet: the waker is kept.
    Wait,
    /// Nothing more, and why.
    End(StreamEnd),
}

impl Engine {
    /// Takes an item, and those of the same stream that follow it at once.
    pub(super) fn on_items(
        &mut self,
        id: u64,
        message: &Bytes,
        body: &[u8],
        following: &mut Frames<'_>,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let Some(key) = self.flows.key_of(id) else { return self.on_stray(id) };
        self.check_read(key)?;
        let (rest, buffered) = (following.rest().len(), self.buffered());
        let all_fit = self.share.covers(buffered.saturating_add(body.len() + rest));
        let fits = all_fit || self.share.covers(buffered.saturating_add(body.len()));
        let longest = if all_fit { self.limits.max_message } else { 0 };
        let Some(reading) = self.flows.get_mut(key).and_then(|flow| flow.reading.as_mut()) else {
            return Ok(());
        };
        let envelope = encode::item(id);
        let extent = reading.receive(envelope.as_slice(), body.len(), longest, following)?;
        let discards = reading.discards;
        if !discards && fits {
            let end = message.len() - following.rest().len();
            let first = message.len() - rest - body.len() - envelope.as_slice().len();
            let begin = first - length_of(envelope.as_slice().len() + body.len());
            reading.runs.push_back(Run::new(
                message,
                &message[begin..end],
                envelope.as_slice().len(),
                extent,
            ));
            effects.wakes.extend(reading.waker.take());
            self.stats.items_received += extent.items;
        }
        self.flows.hold(extent.bytes);
        if discards || !fits {
            self.stats.items_dropped += extent.items;
            self.flows.consume(key, extent);
        }
        if !discards && !fits {
            self.overload(key, effects);
        }
        Ok(())
    }

    pub(super) fn on_end(
        &mut self,
        id: u64,
        message: &Bytes,
        failure: Option<(FailClass, &[u8])>,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let Some(key) = self.flows.key_of(id) else { return self.on_stray(id) };
        self.check_read(key)?;
        let end = match failure {
            None => StreamEnd::Completed,
            Some((class, body)) => StreamEnd::Failed(class, Held::of(message, body)),
        };
        let Some(flow) = self.flows.get_mut(key) else { return Ok(()) };
        let ours = flow.ours;
        if let Some(reading) = &mut flow.reading {
            reading.end = Some(end);
            effects.wakes.extend(reading.waker.take());
        }
        if ours {
            // The end of its values ends the call, and with it what it uploads.
            self.flows.stop_writing(key, effects);
            self.flows.finish(key);
        }
        Ok(())
    }

    /// Frames of a stream that has ended may have crossed its CANCEL or the answer of its call; they are counted. An
    /// id whose call is there and does not stream is no race (P47).
    pub(super) fn on_stray(&mut self, id: u64) -> Result<(), Malformed> {
        let plain = self.running.has_id(id)
            || self.pending.called(id).is_some()
            || self.pending.key_of(id).is_some_and(|key| self.pending.waits(key));
        if id == 0 || plain {
            return Err(Malformed("a frame of a stream for what is none"));
        }
        self.stats.stray_items += 1;
        Ok(())
    }

    /// Whether a frame for the reader of `key` may come now.
    fn check_read(&self, key: Key) -> Result<(), Malformed> {
        let Some(flow) = self.flows.get(key) else { return Ok(()) };
        let Some(reading) = &flow.reading else {
            return Err(Malformed("an item on a call that does not stream this way"));
        };
        if flow.ours && flow.stage != Stage::Open {
            return Err(Malformed("an item before its stream is open"));
        }
        if reading.end.is_some() && !reading.discards {
            return Err(Malformed("an item after the end of its stream"));
        }
        Ok(())
    }

    /// The server has no room for an item: the stream ends here, so that none is lost silently.
    fn overload(&mut self, key: Key, effects: &mut Effects) {
        let Some(flow) = self.flows.get_mut(key) else { return };
        let ours = flow.ours;
        if let Some(reading) = &mut flow.reading {
            let nothing = Held::of(&Bytes::new(), &[]);
            reading.end = Some(StreamEnd::Failed(FailClass::Overloaded, nothing));
            reading.discards = !ours;
            effects.wakes.extend(reading.waker.take());
        }
        if ours {
            self.flows.stop_writing(key, effects);
            self.cancel_stream(key, effects);
        } else {
            self.flows.owe(key, Debt::Stop);
        }
    }

    /// Tells the callee that the stream of `key` is not wanted any more; its slot is free with the CANCEL.
    fn cancel_stream(&mut self, key: Key, effects: &mut Effects) {
        let Some(flow) = self.flows.get_mut(key) else { return };
        let (id, depth) = (flow.id, flow.depth);
        if std::mem::take(&mut flow.slot) {
            self.pending.owe(super::pending::Owed { id, call: None, stream: Some(depth) });
        }
        self.flows.finish(key);
        self.pay_cancels(effects);
    }

    /// Makes the reader of an upload; false where there is none to make, or it was made already.
    pub(crate) fn claim(&mut self, key: Key) -> bool {
        let reading = self.flows.get_mut(key).and_then(|flow| flow.reading.as_mut());
        reading.is_some_and(|reading| !std::mem::replace(&mut reading.claimed, true))
    }

    /// Takes items out for the reader of `key`, which is done with those that it took before; at most a piece of its
    /// window, so that the producer goes on meanwhile. Gives the end once there are none.
    pub(crate) fn read(
        &mut self,
        now: Instant,
        key: Key,
        out: &mut VecDeque<Run>,
        waker: &Waker,
        effects: &mut Effects,
    ) -> Read {
        self.now = now;
        let Some(reading) = self.flows.get_mut(key).and_then(|flow| flow.reading.as_mut()) else {
            let closed = self.closed.clone().map(StreamEnd::Closed);
            return Read::End(closed.unwrap_or(StreamEnd::Cancelled));
        };
        let done = std::mem::take(&mut reading.taken);
        if done.items > 0 {
            self.flows.consume(key, done);
        }
        let Some(reading) = self.flows.get_mut(key).and_then(|flow| flow.reading.as_mut()) else {
            return Read::End(StreamEnd::Cancelled);
        };
        if reading.runs.is_empty() {
            if let Some(end) = reading.end.take() {
                reading.discards = true;
                self.forget_read(key, effects);
                return Read::End(end);
            }
            let before = reading.waker.replace(waker.clone());
            effects.discarded.extend(before);
            if done.items > 0 {
                self.flows.widen(key);
            }
            return Read::Wait;
        }
        let mut taken = Extent::default();
        while taken.items == 0 || !reading.grant.is_piece(taken.items, taken.bytes) {
            let Some(run) = reading.runs.pop_front() else { break };
            taken = taken.and(run.extent());
            out.push_back(run);
        }
        reading.taken = taken;
        let grant = &reading.grant;
        Read::Items { credit: grant.owes() && grant.is_divided() && reading.end.is_none() }
    }

    /// The reader of `key` is dropped, or could not read what it got. A stream that goes on is cancelled (R26).
    pub(crate) fn drop_reader(&mut self, now: Instant, key: Key, effects: &mut Effects) {
        self.now = now;
        let Some(flow) = self.flows.get_mut(key) else { return };
        let ours = flow.ours;
        let Some(reading) = &mut flow.reading else { return };
        effects.discarded.extend(reading.waker.take());
        if ours {
            if reading.end.is_none() && self.closed.is_none() {
                self.cancel_stream(key, effects);
            }
            return self.forget_read(key, effects);
        }
        let dropped = std::mem::take(&mut reading.runs);
        let unread = dropped.iter().map(Run::extent).fold(Extent::default(), Extent::and);
        let taken = std::mem::take(&mut reading.taken);
        let goes_on = reading.end.is_none() && !reading.discards;
        reading.discards = true;
        self.stats.items_dropped += unread.items;
        self.flows.consume(key, unread.and(taken));
        if goes_on {
            self.flows.owe(key, Debt::Stop);
            self.pay_flows(effects);
        }
    }

    /// A caller's stream has told its end, or has nobody to tell it to: the entry goes, and its slot is free.
    fn forget_read(&mut self, key: Key, effects: &mut Effects) {
        if self.flows.get(key).is_some_and(|flow| !flow.ours) {
            return;
        }
        if let Some(flow) = self.flows.remove(key, effects) {
            self.release_stream(&flow, effects);
        }
        if self.closed.is_some() {
            self.flows.bury();
        }
    }

    /// Writes what flows owe, as far as the reserve allows.
    pub(super) fn pay_flows(&mut self, effects: &mut Effects) {
        while self.closed.is_none() && self.outbox.has_reserve(CONTROL) {
            let Some((key, debt)) = self.flows.next_debt() else { return };
            let Some(flow) = self.flows.get_mut(key) else { return };
            let frame = match debt {
                Debt::Open => encode::open(flow.id),
                Debt::Stop => encode::cancel(flow.id),
                Debt::Credit => {
                    let owed = flow.reading.as_mut().and_then(|reading| reading.grant.take_owed());
                    let Some((items, bytes)) = owed else { continue };
                    encode::credit(flow.id, items, bytes)
                }
            };
            self.outbox.push_parts(&frame, &[], &[]);
            if debt == Debt::Open {
                self.opened(key, effects);
            }
        }
    }
}
