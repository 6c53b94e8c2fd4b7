//! Items that go: the values of a call of the peer, or what a call of this side uploads (R26).

use std::task::Waker;
use std::time::Instant;

use super::flows::{Debt, Flow, Stage};
use super::running::Kind;
use super::serve::Verdict;
use super::state::{CONTROL, Engine};
use super::{Effects, Gathered, Key};
use crate::codec::Body;
use crate::limits::ITEMS_AHEAD;
use crate::protocol::{CloseInfo, ClosedBy, FailClass, Malformed, code, encode};

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is in the outbox; of the question whether one could be: yes.
    Taken,
    /// Not yet: the waker is kept.
    Wait,
    /// Nobody wants it any more.
    Over,
}

impl Engine {
    /// The handler of a streaming call begins to stream: the call is answered, and keeps no slot of a call (R11).
    pub(crate) fn open_stream(&mut self, now: Instant, key: Key, effects: &mut Effects) {
        self.now = now;
        let opens = self
            .flows
            .get(key)
            .is_some_and(|flow| !flow.ours && flow.stage == Stage::Called && flow.writing.is_some());
        if opens {
            self.flows.owe(key, Debt::Open);
            self.pay_flows(effects);
        }
    }

    /// The RETURN that opens the stream is in the outbox.
    pub(super) fn opened(&mut self, key: Key, effects: &mut Effects) {
        let Some(flow) = self.flows.get_mut(key) else { return };
        flow.stage = Stage::Open;
        let id = flow.id;
        effects.wakes.extend(flow.writing.as_mut().and_then(|writing| writing.waker.take()));
        self.running.open(id);
    }

    /// Sends an item of the stream of `key`, taking it, or says why not yet. Without an item it only asks.
    pub(crate) fn put_item(
        &mut self,
        now: Instant,
        key: Key,
        item: Option<&mut Option<Body>>,
        waker: &Waker,
        effects: &mut Effects,
    ) -> Put {
        self.now = now;
        let bytes = item.as_ref().and_then(|item| item.as_ref()).map_or(0, Body::len);
        let put = self.may_put(key, bytes, waker, effects);
        let Some(flow) = self.flows.get_mut(key).filter(|_| put == Put::Taken) else { return put };
        let id = flow.id;
        if let (Some(writing), Some(body)) = (&mut flow.writing, item.and_then(Option::take)) {
            writing.allowance.spend(body.len());
            self.stats.items_sent += 1;
            self.outbox.push(&encode::item(id), &[], body);
        }
        Put::Taken
    }

    /// What gathers items of the stream of `key`; none where nobody wants them any more.
    pub(crate) fn gather(&self, key: Key) -> Option<Gathered> {
        let flow = self.flows.get(key)?;
        let writing = flow.writing.as_ref()?;
        Some(Gathered::new(flow.id, writing.allowance))
    }

    /// As [`put_item`](Self::put_item), for all that were gathered at once.
    pub(crate) fn put_items(
        &mut self,
        now: Instant,
        key: Key,
        gathered: &mut Gathered,
        waker: &Waker,
        effects: &mut Effects,
    ) -> Put {
        self.now = now;
        let put = self.may_put(key, gathered.bytes(), waker, effects);
        let writing = self.flows.get_mut(key).and_then(|flow| flow.writing.as_mut());
        if let Some(writing) = writing.filter(|_| put == Put::Taken) {
            writing.allowance.spend_all(gathered.items(), gathered.bytes());
            self.stats.items_sent += gathered.items() as u64;
            self.outbox.push_frames(gathered.frames());
            gathered.clear(writing.allowance);
        }
        put
    }

    /// Whether `bytes` of items may go now; keeps the waker where they have to wait.
    fn may_put(&mut self, key: Key, bytes: usize, waker: &Waker, effects: &mut Effects) -> Put {
        let Some(flow) = self.flows.get(key) else { return Put::Over };
        let Some(writing) = &flow.writing else { return Put::Over };
        let credit = flow.may_write() && writing.allowance.admits();
        if credit && self.has_item_room(bytes) {
            return Put::Taken;
        }
        if let Some(writing) = self.flows.get_mut(key).and_then(|flow| flow.writing.as_mut()) {
            effects.discarded.extend(writing.waker.replace(waker.clone()));
        }
        if credit {
            self.flows.starve(key);
        }
        Put::Wait
    }

    /// Items stop well before the outbox is full, so that answers find room, and find it near the front (R38).
    fn has_item_room(&mut self, bytes: usize) -> bool {
        let queued = self.outbox.queued();
        let near = queued < ITEMS_AHEAD && self.outbox.has_room();
        // One may always be on its way, or a server without memory would never wake this producer again.
        near && (queued == 0 || self.share.covers(self.buffered().saturating_add(bytes)))
    }

    /// The outbox was emptied to some degree: producers go on.
    pub(super) fn feed_producers(&mut self, effects: &mut Effects) {
        if self.outbox.queued() < ITEMS_AHEAD / 2 && self.outbox.has_room() {
            self.flows.feed(effects);
        }
    }

    pub(super) fn on_stream_credit(
        &mut self,
        id: u64,
        items: u64,
        bytes: u64,
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        let Some(key) = self.flows.key_of(id) else { return self.on_stray(id) };
        let Some(flow) = self.flows.get_mut(key) else { return Ok(()) };
        if flow.stage == Stage::Waiting {
            return Err(Malformed("credit for a call that was not sent"));
        }
        if !flow.writes {
            return Err(Malformed("credit on a call that does not stream this way"));
        }
        let Some(writing) = &mut flow.writing else {
            // It crossed the end of an upload.
            self.stats.stray_items += 1;
            return Ok(());
        };
        writing.allowance.raise(items, bytes);
        effects.wakes.extend(writing.waker.take());
        Ok(())
    }

    /// The callee does not read the upload any more; the call goes on.
    pub(super) fn on_stop(&mut self, id: u64, effects: &mut Effects) {
        let Some(key) = self.flows.key_of(id) else { return };
        if self.flows.get(key).is_some_and(|flow| flow.ours) {
            self.flows.stop_writing(key, effects);
        }
    }

    /// The upload of `key` is done. Gives the verdict back while the outbox is full.
    pub(crate) fn finish_upload(
        &mut self,
        now: Instant,
        key: Key,
        verdict: Verdict,
        effects: &mut Effects,
    ) -> Result<(), Verdict> {
        self.now = now;
        let Some(flow) = self.flows.get(key) else { return Ok(()) };
        if flow.writing.is_none() {
            return Ok(());
        }
        let id = flow.id;
        if flow.may_write() {
            self.write_end(id, verdict)?;
        }
        self.flows.stop_writing(key, effects);
        Ok(())
    }

    /// A call that streams values is answered by opening it, and by nothing else but a failure: what is owed of that
    /// comes first.
    pub(super) fn settle_opening(
        &mut self,
        kind: Kind,
        verdict: Verdict,
        effects: &mut Effects,
    ) -> Result<Verdict, Verdict> {
        let Kind::Call { id, .. } = kind else { return Ok(verdict) };
        let Some(key) = self.flows.key_of(id) else { return Ok(verdict) };
        if !self.flows.get(key).is_some_and(|flow| flow.writes) {
            return Ok(verdict);
        }
        if matches!(verdict, Verdict::Completed) {
            self.flows.owe(key, Debt::Open);
        }
        self.pay_flows(effects);
        match verdict {
            verdict if self.flows.owes_open(key) => Err(verdict),
            Verdict::Value(_) => Ok(Verdict::Nothing),
            verdict => Ok(verdict),
        }
    }

    /// The handler of an open stream is done.
    pub(super) fn finish_stream(
        &mut self,
        id: u64,
        method: usize,
        verdict: Verdict,
        effects: &mut Effects,
    ) -> Result<(), Verdict> {
        let forgot = matches!(verdict, Verdict::Nothing | Verdict::Value(_));
        self.write_end(id, verdict)?;
        if forgot {
            self.report(id, Some(method), FailClass::NoReply, effects);
        }
        Ok(())
    }

    /// A later call takes the place of an open stream.
    pub(super) fn replace_stream(&mut self, id: u64, method: usize, effects: &mut Effects) {
        self.report(id, Some(method), FailClass::Cancelled, effects);
        if self.write_end(id, Verdict::Fail(FailClass::Cancelled)).is_err() {
            let info = CloseInfo::new(code::POLICY, "the answers are not read", ClosedBy::Local);
            self.close(info, effects);
        }
    }

    /// Writes END. It says why where the stream is not complete.
    pub(super) fn write_end(&mut self, id: u64, verdict: Verdict) -> Result<(), Verdict> {
        let fits = match &verdict {
            Verdict::Declared(_) => self.outbox.has_room(),
            _ => self.outbox.has_reserve(CONTROL),
        };
        if !fits {
            return Err(verdict);
        }
        match verdict {
            Verdict::Completed => self.outbox.push_parts(&encode::end(id), &[], &[]),
            Verdict::Declared(body) => {
                self.outbox.push(&encode::end_failed(id, FailClass::Declared), &[], body);
            }
            Verdict::Internal(number) => {
                self.stats.handler_failures += 1;
                let frame = encode::end_failed(id, FailClass::Internal);
                self.outbox.push_parts(&frame, &[], &number.to_le_bytes());
            }
            Verdict::Fail(class) => self.outbox.push_parts(&encode::end_failed(id, class), &[], &[]),
            // A handler that forgot to say how its stream ends.
            Verdict::Nothing | Verdict::Value(_) => {
                self.outbox.push_parts(&encode::end_failed(id, FailClass::NoReply), &[], &[]);
            }
        }
        Ok(())
    }

    /// A call of the peer is over, and with it what it streams in either direction.
    pub(super) fn end_flow(&mut self, id: u64, effects: &mut Effects) {
        if let Some(key) = self.flows.key_of(id) {
            self.flows.remove(key, effects);
        }
    }

    /// A call of this side ended without a stream of values: its upload ends with it.
    pub(super) fn forget_flow(&mut self, id: u64, effects: &mut Effects) {
        let Some(key) = self.flows.key_of(id) else { return };
        if let Some(flow) = self.flows.remove(key, effects) {
            self.release_stream(&flow, effects);
        }
    }

    pub(super) fn release_stream(&mut self, flow: &Flow, effects: &mut Effects) {
        if flow.slot {
            self.flows.release(flow.depth);
            self.send_waiting(effects);
        }
    }

    /// The stream or upload that a call of this side has, for its handles, and its id.
    pub(crate) fn flow_of(&self, call: Key) -> Option<(Key, u64)> {
        let id = self.pending.call_id(call);
        self.flows.key_of(id).map(|flow| (flow, id))
    }

    /// Calls that stream and are not over, of both sides.
    pub(crate) fn streams(&self) -> usize {
        self.flows.open()
    }
}
