//! Calls that stream, of either side: what may still be sent, what was received and is not read, what is owed (R26).
//!
//! One entry a call. A callee's lives as long as its call. A caller's is made with the call, and leaves when the call
//! fails, or when its reader has taken the end or is dropped: until then it keeps its slot there, so that what ended
//! streams hold unread is bounded as well.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::task::Waker;

use super::credit::{Allowance, Grant};
use super::run::Extent;
use super::running::IdHasher;
use super::slots::{Key, Slots};
use super::usage::{Bounds, Usage};
use super::{Effects, Held, Run};
use crate::limits::{ITEM_COST, Limits};
use crate::protocol::{Announced, CloseInfo, FailClass, Frames, Malformed};
use crate::service::Streams;

/// How a stream ended, for its reader.
#[derive(Clone, Debug)]
pub(crate) enum StreamEnd {
    Completed,
    /// Its producer failed, or this side could not hold an item.
    Failed(FailClass, Held),
    /// The call that it belongs to ended first.
    Cancelled,
    /// The connection ended.
    Closed(CloseInfo),
}

#[derive(Debug)]
pub(super) struct Flow {
    pub(super) id: u64,
    pub(super) depth: u8,
    /// The call is this side's.
    pub(super) ours: bool,
    /// A caller's: it counts against what the callee takes.
    pub(super) slot: bool,
    pub(super) stage: Stage,
    pub(super) reading: Option<Reading>,
    pub(super) writing: Option<Writing>,
    /// Whether items go at all, also where no more do.
    pub(super) writes: bool,
    debts: Debts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The call has not been sent.
    Waiting,
    /// The call was sent.
    Called,
    /// It was answered with a stream.
    Open,
}

/// Items that come.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) grant: Grant,
    /// What came, and its reader has not taken.
    pub(super) runs: VecDeque<Run>,
    /// With the reader: taken, and done with when it comes for more.
    pub(super) taken: Extent,
    pub(super) end: Option<StreamEnd>,
    pub(super) waker: Option<Waker>,
    /// A reader was made.
    pub(super) claimed: bool,
    /// Nobody reads any more: what still comes is dropped.
    pub(super) discards: bool,
}

/// Items that go.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) allowance: Allowance,
    pub(super) waker: Option<Waker>,
    /// In the queue of those that wait for room.
    pub(super) starved: bool,
}

/// Frames that had no room yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Debts {
    open: bool,
    credit: bool,
    stop: bool,
}

/// A frame that a flow owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Debt {
    /// RETURN, which opens the stream.
    Open,
    Credit,
    /// CANCEL of an upload that nobody reads.
    Stop,
}

/// No tables before the first stream.
#[derive(Debug)]
pub(super) struct Flows {
    limits: Arc<Limits>,
    /// What the other side takes: calls of this side that stream there at once, and items and bytes at first.
    most_there: u64,
    first_there: (u64, u64),
    tables: Option<Box<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    flows: Slots<Flow>,
    /// Those whose frames may still come.
    by_id: HashMap<u64, Key, BuildHasherDefault<IdHasher>>,
    /// Those that owe a frame, each once.
    owing: VecDeque<Key>,
    /// Producers that wait for room in the outbox, each once.
    starved: VecDeque<Key>,
    /// Bytes received and not done with.
    held: u64,
    /// What all windows take together.
    windows: u64,
    /// Calls of the peer that stream here.
    here: Usage,
    /// Calls of this side that stream there.
    there: Usage,
}

/// A window widens until it costs this, in bytes: what is on its way ahead of a reader is ahead of calls and answers as well.
const WIDEST: u64 = 64 << 10;

impl Flows {
    pub(super) fn new(limits: &Arc<Limits>) -> Self {
        Self { limits: Arc::clone(limits), most_there: 0, first_there: (0, 0), tables: None }
    }

    /// Learns what the other side takes. This side has no more streams there than it would take itself: it reads them.
    pub(super) fn activate(&mut self, theirs: &Announced) {
        self.most_there = theirs.max_streams.min(u64::from(self.limits.max_streams));
        self.first_there = (theirs.stream_items, theirs.stream_bytes);
    }

    pub(super) fn admits_here(&self, depth: u8) -> bool {
        let bounds = Bounds::of_streams(u64::from(self.limits.max_streams));
        self.tables.as_ref().is_none_or(|tables| tables.here.admits(&bounds, depth, 0))
    }

    pub(super) fn admits_there(&self, depth: u8) -> bool {
        let bounds = Bounds::of_streams(self.most_there);
        self.tables.as_ref().is_none_or(|tables| tables.there.admits(&bounds, depth, 0))
    }

    /// Calls that stream and are not over, of both sides.
    pub(super) fn open(&self) -> usize {
        self.tables.as_ref().map_or(0, |tables| tables.by_id.len())
    }

    /// All entries, also those whose end was not taken.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tables.as_ref().map_or(0, |tables| tables.flows.len())
    }

    pub(super) fn held(&self) -> u64 {
        self.tables.as_ref().map_or(0, |tables| tables.held)
    }

    pub(super) fn owes(&self) -> bool {
        self.tables.as_ref().is_some_and(|tables| !tables.owing.is_empty())
    }

    /// A call of this side; a waiting one until [`called`](Self::called).
    pub(super) fn add_ours(&mut self, id: u64, depth: u8, streams: Streams) -> Key {
        self.add(id, depth, true, streams.down(), streams.up())
    }

    /// A call of the peer, which takes its slot.
    pub(super) fn add_theirs(&mut self, id: u64, depth: u8, streams: Streams) -> Key {
        self.tables.get_or_insert_default().here.add(depth, 0);
        self.add(id, depth, false, streams.up(), streams.down())
    }

    fn add(&mut self, id: u64, depth: u8, ours: bool, reads: bool, writes: bool) -> Key {
        let (items, bytes) = (u64::from(self.limits.stream_items), self.limits.stream_bytes as u64);
        let reading = reads.then(|| Reading {
            grant: Grant::new(items, bytes),
            runs: VecDeque::new(),
            taken: Extent::default(),
            end: None,
            waker: None,
            claimed: false,
            discards: false,
        });
        let (items, bytes) = self.first_there;
        let allowance = Allowance::new(items, bytes);
        let writing = writes.then(|| Writing { allowance, waker: None, starved: false });
        let stage = if ours { Stage::Waiting } else { Stage::Called };
        // That of a call which waits counts once it is sent.
        let tables = self.tables.get_or_insert_default();
        tables.windows += reading.as_ref().filter(|_| !ours).map_or(0, Reading::cost);
        let flow =
            Flow { id, depth, ours, slot: false, stage, reading, writing, writes, debts: Debts::default() };
        let key = tables.flows.insert(flow);
        tables.by_id.insert(id, key);
        key
    }

    /// The call was sent: it takes its slot there, and may upload. Gives the waker of its upload.
    pub(super) fn called(&mut self, id: u64) -> Option<Waker> {
        let tables = self.tables.as_mut()?;
        let flow = tables.flows.get_mut(*tables.by_id.get(&id)?)?;
        flow.stage = Stage::Called;
        flow.slot = true;
        tables.windows += flow.reading.as_ref().map_or(0, Reading::cost);
        tables.there.add(flow.depth, 0);
        flow.writing.as_mut().and_then(|writing| writing.waker.take())
    }

    pub(super) fn key_of(&self, id: u64) -> Option<Key> {
        let by_id = &self.tables.as_ref()?.by_id;
        if by_id.is_empty() { None } else { by_id.get(&id).copied() }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Flow> {
        self.tables.as_ref()?.flows.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Flow> {
        self.tables.as_mut()?.flows.get_mut(key)
    }

    /// Items of so many bytes were taken in.
    pub(super) fn hold(&mut self, bytes: u64) {
        self.tables.get_or_insert_default().held += bytes;
    }

    /// Items are done with: credit follows, unless nothing more will come.
    pub(super) fn consume(&mut self, key: Key, Extent { items, bytes }: Extent) {
        let Some(tables) = &mut self.tables else { return };
        let Some(reading) = tables.flows.get_mut(key).and_then(|flow| flow.reading.as_mut()) else { return };
        reading.grant.consume_all(items, bytes);
        tables.held -= bytes;
        if reading.grant.owes() && reading.end.is_none() && !reading.discards {
            self.owe(key, Debt::Credit);
        }
    }

    /// The reader waits for more than it has credit out for: its window widens, where all windows together allow.
    pub(super) fn widen(&mut self, key: Key) {
        let Some(tables) = &mut self.tables else { return };
        let Some(reading) = tables.flows.get_mut(key).and_then(|flow| flow.reading.as_mut()) else { return };
        let (now, wider) = (reading.cost(), reading.grant.wider());
        if now >= WIDEST {
            return;
        }
        let more = cost(wider) - now;
        // At most half of what is left, so that the next stream finds some as well.
        if tables.windows + 2 * more > self.limits.stream_buffer as u64 {
            return;
        }
        reading.grant.widen(wider);
        if cost(wider) >= WIDEST {
            reading.grant.divide();
        }
        tables.windows += more;
        self.owe(key, Debt::Credit);
    }

    /// Nothing more is expected of this id; what was received stays for its reader.
    pub(super) fn finish(&mut self, key: Key) {
        let Some(tables) = &mut self.tables else { return };
        if let Some(flow) = tables.flows.get_mut(key) {
            flow.debts = Debts::default();
            tables.by_id.remove(&flow.id);
            tables.owing.retain(|owing| *owing != key);
        }
    }

    /// Removes an entry: whoever waits is woken, an upload is dropped. Its slot is still to be released.
    pub(super) fn remove(&mut self, key: Key, effects: &mut Effects) -> Option<Flow> {
        self.finish(key);
        self.stop_writing(key, effects);
        let tables = self.tables.as_mut()?;
        let mut flow = tables.flows.remove(key)?;
        if let Some(reading) = &mut flow.reading {
            tables.held -= reading.grant.outstanding_bytes();
            tables.windows -= if flow.stage == Stage::Waiting { 0 } else { reading.cost() };
            effects.wakes.extend(reading.waker.take());
        }
        if !flow.ours {
            tables.here.remove(flow.depth, 0);
        }
        Some(flow)
    }

    /// Nothing is sent any more: the producer's future is woken, or an upload's dropped.
    pub(super) fn stop_writing(&mut self, key: Key, effects: &mut Effects) {
        let Some(tables) = &mut self.tables else { return };
        let Some(flow) = tables.flows.get_mut(key) else { return };
        let Some(mut writing) = flow.writing.take() else { return };
        let ours = flow.ours;
        effects.wakes.extend(writing.waker.take());
        if writing.starved {
            tables.starved.retain(|starved| *starved != key);
        }
        if ours {
            effects.upload_stops.push(key);
        }
    }

    /// A slot there is free again.
    pub(super) fn release(&mut self, depth: u8) {
        if let Some(tables) = &mut self.tables {
            tables.there.remove(depth, 0);
        }
    }

    pub(super) fn owe(&mut self, key: Key, debt: Debt) {
        let Some(tables) = &mut self.tables else { return };
        let Some(flow) = tables.flows.get_mut(key) else { return };
        if flow.debts == Debts::default() {
            tables.owing.push_back(key);
        }
        match debt {
            Debt::Open => flow.debts.open = true,
            Debt::Credit => flow.debts.credit = true,
            Debt::Stop => flow.debts = Debts { credit: false, stop: true, ..flow.debts },
        }
    }

    /// Whether the RETURN that opens a stream still waits for room.
    pub(super) fn owes_open(&self, key: Key) -> bool {
        self.get(key).is_some_and(|flow| flow.debts.open)
    }

    /// Takes the next debt; the frame is to be written at once.
    pub(super) fn next_debt(&mut self) -> Option<(Key, Debt)> {
        let tables = self.tables.as_mut()?;
        let key = *tables.owing.front()?;
        let flow = tables.flows.get_mut(key)?;
        let debt = match flow.debts {
            Debts { open: true, .. } => {
                flow.debts.open = false;
                Debt::Open
            }
            Debts { stop: true, .. } => {
                flow.debts.stop = false;
                Debt::Stop
            }
            _ => {
                flow.debts.credit = false;
                Debt::Credit
            }
        };
        if flow.debts == Debts::default() {
            tables.owing.pop_front();
        }
        Some((key, debt))
    }

    /// The producer of `key` waits for room.
    pub(super) fn starve(&mut self, key: Key) {
        let Some(tables) = &mut self.tables else { return };
        let Some(writing) = tables.flows.get_mut(key).and_then(|flow| flow.writing.as_mut()) else { return };
        if !std::mem::replace(&mut writing.starved, true) {
            tables.starved.push_back(key);
        }
    }

    /// There is room: every producer that waits for it is woken.
    pub(super) fn feed(&mut self, effects: &mut Effects) {
        let Some(tables) = &mut self.tables else { return };
        for key in tables.starved.drain(..) {
            let Some(writing) = tables.flows.get_mut(key).and_then(|flow| flow.writing.as_mut()) else {
                continue;
            };
            writing.starved = false;
            effects.wakes.extend(writing.waker.take());
        }
    }

    /// Every stream ends with the connection (R15). What was received before stays for its reader.
    pub(super) fn close(&mut self, info: &CloseInfo, effects: &mut Effects) {
        let Some(tables) = &mut self.tables else { return };
        let keys: Vec<Key> = tables.flows.iter_mut().map(|(key, _)| key).collect();
        for key in keys {
            let Some(flow) = self.get_mut(key) else { continue };
            flow.slot = false;
            if !flow.ours || flow.stage != Stage::Open {
                self.remove(key, effects);
                continue;
            }
            if let Some(reading) = &mut flow.reading {
                reading.end.get_or_insert_with(|| StreamEnd::Closed(info.clone()));
                effects.wakes.extend(reading.waker.take());
            }
            self.stop_writing(key, effects);
        }
        if let Some(tables) = &mut self.tables {
            tables.by_id = HashMap::default();
            tables.owing = VecDeque::new();
            tables.starved = VecDeque::new();
            tables.there = Usage::default();
        }
    }

    /// Gives back what an ended connection does not need.
    pub(super) fn bury(&mut self) {
        // What is left is of this side's calls, whose readers still take what came.
        if self.tables.as_ref().is_some_and(|tables| tables.flows.len() == 0) {
            self.tables = None;
        }
    }

    /// Slots and bytes in use, for tests: here, there, held, windows.
    #[cfg(test)]
    pub(super) fn used(&self) -> (u64, u64, u64, u64) {
        let sum = |usage: &Usage| (0..=crate::limits::MAX_DEPTH).map(|depth| usage.calls_at(depth)).sum();
        let none = Tables::default();
        let tables = self.tables.as_deref().unwrap_or(&none);
        (sum(&tables.here), sum(&tables.there), tables.held, tables.windows)
    }
}

impl Flow {
    /// Whether items may be sent, credit and room aside.
    pub(super) fn may_write(&self) -> bool {
        if self.ours { self.stage != Stage::Waiting } else { self.stage == Stage::Open }
    }
}

impl Reading {
    /// Takes an item of `body` bytes in, and of the frames that follow those that begin with the same envelope: up to
    /// an eighth of the window, so that credit follows before all is read, and none longer than `longest`.
    pub(super) fn receive(
        &mut self,
        envelope: &[u8],
        body: usize,
        longest: usize,
        following: &mut Frames<'_>,
    ) -> Result<Extent, Malformed> {
        let (items, bytes) = self.grant.window();
        let (items, bytes) = ((items / 8).min(Run::MOST), bytes / 8);
        if !self.grant.receive(body) {
            return Err(Malformed("items beyond the credit"));
        }
        let mut extent = Extent { items: 1, bytes: body as u64 };
        while extent.items < items && extent.bytes < bytes {
            let mut ahead = following.clone();
            let Some(Ok(frame)) = ahead.next() else { break };
            let Some(body) = frame.strip_prefix(envelope).filter(|_| frame.len() <= longest) else { break };
            // One without credit is refused on its own, and takes none of these with it.
            if !self.grant.receive(body.len()) {
                break;
            }
            extent = extent.and(Extent { items: 1, bytes: body.len() as u64 });
            *following = ahead;
        }
        Ok(extent)
    }

    /// What its window takes of what all windows may.
    fn cost(&self) -> u64 {
        cost(self.grant.window())
    }
}

const fn cost((items, bytes): (u64, u64)) -> u64 {
    bytes + items * ITEM_COST as u64
}
