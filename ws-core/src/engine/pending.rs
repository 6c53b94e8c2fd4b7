//! Calls of this side that await their outcome, and calls and events that wait to be sent.
//!
//! An entry is made by `begin`, leaves when its future takes the outcome or is dropped, and in between is exactly one
//! of: waiting in its class's queue, sent, or done with its outcome kept for the future that will ask.

use std::collections::VecDeque;

use super::entry::{Class, Entry, Kind, Outcome, Progress, STREAMS, Slow, depth_of};
use super::slots::{Key, Slots};
use super::{Effects, Outgoing};
use crate::protocol::{CloseInfo, ClosedBy};

#[derive(Debug)]
struct Queue {
    class: Class,
    keys: VecDeque<Key>,
}

/// A CANCEL that is still to be written, and the slot that it will free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) id: u64,
    /// The depth and the bytes of a call that has its slot.
    pub(super) call: Option<(u8, usize)>,
    /// The depth of a stream that has its slot.
    pub(super) stream: Option<u8>,
}

#[derive(Debug)]
pub(super) struct Pending {
    entries: Slots<Entry>,
    /// One for each class that ever waited: at most 67.
    queues: Vec<Queue>,
    waiting: usize,
    /// What the broadcasts among them cost.
    posted: usize,
    /// Bytes of the messages that wait, and of the replies that nobody has taken.
    held_bytes: usize,
    open: usize,
    /// Calls given up whose CANCEL found no room yet; each keeps its slot at the callee until it is out.
    owed_cancels: VecDeque<Owed>,
    /// 1 for the client, 2 for the server: ids are odd there and even here, and never 0 (R19).
    parity: u64,
    next_event: u64,
}

impl Pending {
    pub(super) const fn new(parity: u64) -> Self {
        Self {
            entries: Slots::new(),
            queues: Vec::new(),
            waiting: 0,
            posted: 0,
            held_bytes: 0,
            open: 0,
            owed_cancels: VecDeque::new(),
            parity,
            next_event: 0,
        }
    }

    /// Calls and events that have no outcome yet (R18).
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    /// All entries, told or not.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the ids would run out of slots: only where outcomes are not picked up.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= (1 << INDEX_BITS) - 1
    }

    /// Bytes of the messages that wait, and of the replies that nobody has taken.
    pub(super) const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes that the broadcasts which wait count for.
    pub(super) const fn posted(&self) -> usize {
        self.posted
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    /// Whether the entry still has a deadline to meet.
    pub(super) fn is_live(&self, key: Key) -> bool {
        self.entries
            .get(key)
            .is_some_and(|entry| matches!(entry.progress, Progress::Waiting(_) | Progress::Sent { .. }))
    }

    pub(super) fn insert(&mut self, entry: Entry) -> Key {
        let (class, waits) = (entry.class, matches!(entry.progress, Progress::Waiting(_)));
        self.held_bytes += entry.progress.held();
        let key = self.entries.insert(entry);
        self.open += 1;
        if waits {
            self.posted += self.post_cost(key);
            self.enqueue(class, key);
        }
        key
    }

    fn enqueue(&mut self, class: Class, key: Key) {
        self.waiting += 1;
        let (entries, waiting) = (&self.entries, self.waiting);
        let index = self.queues.iter().position(|queue| queue.class == class).unwrap_or_else(|| {
            self.queues.push(Queue { class, keys: VecDeque::new() });
            self.queues.len() - 1
        });
        let keys = &mut self.queues[index].keys;
        // Keys of entries that gave up stay behind; sweep them once they outnumber the others.
        if keys.len() > 2 * waiting + 32 {
            keys.retain(|key| waits(entries, *key));
        }
        keys.push_back(key);
    }

    /// The first of a class that still waits: a newcomer must queue behind it.
    pub(super) fn head(&mut self, class: Class) -> Option<Key> {
        if self.waiting == 0 {
            return None;
        }
        let queue = self.queues.iter_mut().find(|queue| queue.class == class)?;
        while let Some(&key) = queue.keys.front() {
            if waits(&self.entries, key) {
                return Some(key);
            }
            queue.keys.pop_front();
        }
        None
    }

    /// The class of the queue at `index`, to walk over them all.
    pub(super) fn class_at(&self, index: usize) -> Option<Class> {
        self.queues.get(index).map(|queue| queue.class)
    }

    /// Takes the message of a waiting entry, whose key in the queue is stale from now on. It is to be sent at once.
    pub(super) fn take_waiting(&mut self, key: Key) -> Option<Outgoing> {
        let entry = self.entries.get_mut(key)?;
        if !matches!(entry.progress, Progress::Waiting(_)) {
            return None;
        }
        let sent = Progress::Sent { position: u64::MAX };
        let cost = post_cost(entry);
        let Progress::Waiting(message) = std::mem::replace(&mut entry.progress, sent) else { return None };
        self.waiting -= 1;
        self.posted -= cost;
        self.held_bytes -= message.content.len();
        Some(*message)
    }

    /// What a broadcast that waits under this key counts for.
    pub(super) fn post_cost(&self, key: Key) -> usize {
        self.entries.get(key).map_or(0, post_cost)
    }

    /// Puts another message in the place of a broadcast that waits (R32). The stricter of both policies holds: true
    /// where that gives the place a deadline, which it did not have.
    pub(super) fn replace_waiting(&mut self, key: Key, message: Outgoing) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let before = post_cost(entry);
        let Progress::Waiting(waiting) = &mut entry.progress else { return false };
        self.held_bytes = self.held_bytes + message.content.len() - waiting.content.len();
        entry.bytes = message.content.len();
        let stricter = entry.kind == Kind::Post(Slow::Drop) && message.kind == Kind::Post(Slow::Close);
        if stricter {
            (entry.kind, entry.deadline) = (message.kind, message.deadline);
        }
        **waiting = message;
        self.posted = self.posted + post_cost(entry) - before;
        stricter
    }

    /// Whether this entry has not been sent yet.
    pub(super) fn waits(&self, key: Key) -> bool {
        waits(&self.entries, key)
    }

    /// The call that a RETURN or FAIL with this id ends.
    pub(super) fn called(&self, id: u64) -> Option<Key> {
        self.sent(id, Kind::Call)
    }

    /// The message that one with this `reply_to` answers, where that is waited for.
    pub(super) fn asked(&self, id: u64) -> Option<Key> {
        self.sent(id, Kind::Ask)
    }

    fn sent(&self, id: u64, kind: Kind) -> Option<Key> {
        let key = self.key_of(id)?;
        let entry = self.entries.get(key)?;
        (entry.kind == kind && matches!(entry.progress, Progress::Sent { .. })).then_some(key)
    }

    /// Ends an entry that is still open: keeps the outcome for its future and wakes it. The first outcome wins (R13).
    pub(super) fn finish(&mut self, key: Key, outcome: Outcome, effects: &mut Effects) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match &entry.progress {
            Progress::Waiting(message) => {
                self.waiting -= 1;
                self.posted -= post_cost(entry);
                self.held_bytes -= message.content.len();
            }
            Progress::Sent { .. } => {}
            Progress::Done(_) => return,
        }
        self.held_bytes += outcome.held();
        entry.progress = Progress::Done(outcome);
        self.open -= 1;
        effects.wakes.extend(entry.waker.take());
        if entry.kind.is_detached() {
            self.remove(key);
        }
    }

    /// Nobody asks for the outcome of this event, which is sent all the same.
    pub(super) fn detach(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.kind = Kind::Detached;
        if matches!(entry.progress, Progress::Done(_)) {
            self.remove(key);
        }
    }

    /// Takes the outcome of an entry that is over.
    pub(super) fn take_done(&mut self, key: Key) -> Option<Outcome> {
        if !matches!(self.entries.get(key)?.progress, Progress::Done(_)) {
            return None;
        }
        let Progress::Done(outcome) = self.entries.remove(key)?.progress else { return None };
        self.held_bytes -= outcome.held();
        Some(outcome)
    }

    /// Removes an entry altogether.
    pub(super) fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.held_bytes -= entry.progress.held();
        match entry.progress {
            Progress::Waiting(_) => {
                self.waiting -= 1;
                self.posted -= post_cost(&entry);
                self.open -= 1;
            }
            Progress::Sent { .. } => self.open -= 1,
            Progress::Done(_) => {}
        }
        Some(entry)
    }

    /// The call of `key` is given up, but its CANCEL has no room yet.
    pub(super) fn owe_cancel(&mut self, key: Key) {
        if let Some(entry) = self.entries.get(key) {
            let depth = depth_of(entry.class);
            let stream = (entry.class & STREAMS != 0).then_some(depth);
            let call = Some((depth, entry.bytes));
            self.owe(Owed { id: self.call_id(key), call, stream });
        }
    }

    pub(super) fn owe(&mut self, owed: Owed) {
        self.owed_cancels.push_back(owed);
    }

    pub(super) fn owes_cancels(&self) -> bool {
        !self.owed_cancels.is_empty()
    }

    pub(super) fn pay_cancel(&mut self) -> Option<Owed> {
        self.owed_cancels.pop_front()
    }

    /// Ends every open entry (R15). What certainly had not left this side says so.
    pub(super) fn close(&mut self, info: &CloseInfo, has_left: impl Fn(u64) -> bool, effects: &mut Effects) {
        let mut detached = Vec::new();
        for (key, entry) in self.entries.iter_mut() {
            let unsent = match entry.progress {
                Progress::Waiting(_) => true,
                // After a close of this side the outbox is still written, and the peer may run what it gets.
                Progress::Sent { position } => info.by != ClosedBy::Local && !has_left(position),
                Progress::Done(_) => continue,
            };
            self.held_bytes -= entry.progress.held();
            let mut info = info.clone();
            info.unsent = unsent;
            entry.progress = Progress::Done(Outcome::Closed(info));
            effects.wakes.extend(entry.waker.take());
            if entry.kind.is_detached() {
                detached.push(key);
            }
        }
        for key in detached {
            self.entries.remove(key);
        }
        self.owed_cancels = VecDeque::new();
        self.queues = Vec::new();
        self.open = 0;
        self.waiting = 0;
        self.posted = 0;
    }

    pub(super) fn bury(&mut self) {
        self.entries.bury();
    }

    /// The id of a call: its slot and generation, so that a late reply finds nothing.
    pub(super) const fn call_id(&self, key: Key) -> u64 {
        let slot = ((key.generation as u64) << INDEX_BITS) | key.index as u64;
        slot * 4 + self.parity
    }

    /// The id of the next entry.
    pub(super) fn next_id(&self) -> u64 {
        self.call_id(self.entries.next_key())
    }

    /// The entry that a reply's id names, if the id can be one of ours.
    pub(super) const fn key_of(&self, id: u64) -> Option<Key> {
        if id < self.parity || (id - self.parity) % 4 != 0 {
            return None;
        }
        let slot = (id - self.parity) / 4;
        let generation = slot >> INDEX_BITS;
        if generation > Key::MAX_GENERATION as u64 {
            return None;
        }
        Some(Key { index: (slot & ((1 << INDEX_BITS) - 1)) as u32, generation: generation as u32 })
    }

    /// The id of the next event: of the same parity, and never that of a call.
    pub(super) const fn event_id(&mut self) -> u64 {
        let id = self.next_event * 4 + 2 + self.parity;
        // Ids stay below 2^53, so that a peer may keep them as floating-point numbers.
        self.next_event = (self.next_event + 1) & ((1 << 50) - 1);
        id
    }
}

/// What a broadcast counts for while it waits: its frame, though that is shared, and what keeps its place.
fn post_cost(entry: &Entry) -> usize {
    match (&entry.kind, &entry.progress) {
        (Kind::Post(_), Progress::Waiting(message)) => message.content.frame_len() + POST,
        _ => 0,
    }
}

/// What the place of a broadcast that waits counts for.
pub(super) const POST: usize = 256;

fn waits(entries: &Slots<Entry>, key: Key) -> bool {
    entries.get(key).is_some_and(|entry| matches!(entry.progress, Progress::Waiting(_)))
}

/// 2^20 slots of 2^31 generations, times four: ids stay below 2^53. `Limits::check` keeps `max_outgoing` and
/// `max_waiting` together below the slots.
const INDEX_BITS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_find_their_way_back_and_keep_their_parity() {
        for parity in [1, 2] {
            let mut pending = Pending::new(parity);
            for key in
                [Key { index: 0, generation: 0 }, Key { index: 1_000_000, generation: Key::MAX_GENERATION }]
            {
                let id = pending.call_id(key);
                assert_ne!(id, 0);
                assert_eq!(id % 2, parity % 2);
                assert_eq!(pending.key_of(id), Some(key));
            }
            assert!(
                pending.call_id(Key { index: (1 << INDEX_BITS) - 1, generation: Key::MAX_GENERATION })
                    < 1 << 53
            );
            let event = pending.event_id();
            assert_eq!(event % 2, parity % 2);
            assert_eq!(pending.key_of(event), None);
            assert_eq!(pending.key_of(u64::MAX), None);
            assert_eq!(pending.key_of(0), None);
        }
    }
}
