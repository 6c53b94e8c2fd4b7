//! Messages of the peer whose handlers run here.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::slots::{Key, Slots};
use super::usage::{Bounds, Usage};

#[derive(Debug, Default)]
pub(super) struct Running {
    entries: Slots<Entry>,
    by_id: HashMap<u64, Key, BuildHasherDefault<IdHasher>>,
    usage: Usage,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) bytes: usize,
    /// The dense index of the method.
    pub(super) method: usize,
    /// Whether the method's calls queue.
    pub(super) queued: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Holds a slot of its depth until its answer is in the outbox.
    Call { id: u64, depth: u8 },
    /// Answered with a stream: it holds no slot, and ends with the stream.
    Stream { id: u64 },
    /// Holds credit until its handler is done.
    Event { id: u64, late: bool },
}

impl Running {
    pub(super) fn admits(&self, bounds: &Bounds, depth: u8, bytes: usize) -> bool {
        self.usage.admits(bounds, depth, bytes)
    }

    pub(super) fn has_id(&self, id: u64) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn key_of(&self, id: u64) -> Option<Key> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn insert(&mut self, entry: Entry) -> Key {
        let key = self.entries.insert(entry);
        if let Kind::Call { id, depth } = entry.kind {
            self.by_id.insert(id, key);
            self.usage.add(depth, entry.bytes);
        }
        key
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        match entry.kind {
            Kind::Call { id, depth } => {
                self.by_id.remove(&id);
                self.usage.remove(depth, entry.bytes);
            }
            Kind::Stream { id } => {
                self.by_id.remove(&id);
            }
            Kind::Event { .. } => {}
        }
        Some(entry)
    }

    /// The call with this id is answered with a stream: its slot is free, its handler goes on.
    pub(super) fn open(&mut self, id: u64) {
        let Some(entry) = self.key_of(id).and_then(|key| self.entries.get_mut(key)) else { return };
        if let Kind::Call { depth, .. } = entry.kind {
            entry.kind = Kind::Stream { id };
            self.usage.remove(depth, entry.bytes);
        }
    }

    /// Whether its deadline still matters.
    pub(super) fn is_due(&self, key: Key) -> bool {
        self.entries.get(key).is_some_and(|entry| !matches!(entry.kind, Kind::Stream { .. }))
    }

    /// Every key; what runs ends with the connection.
    pub(super) fn drain(&mut self) -> Vec<Key> {
        let keys: Vec<Key> = self.entries.iter_mut().map(|(key, _)| key).collect();
        for key in &keys {
            self.remove(*key);
        }
        self.by_id = HashMap::default();
        keys
    }

    pub(super) fn bury(&mut self) {
        self.entries.bury();
        self.by_id = HashMap::default();
    }

    pub(super) const fn call_bytes(&self) -> u64 {
        self.usage.bytes()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The peer chooses the ids, so collisions can be forced; the table never holds more entries than there are slots
/// at all depths, which bounds what they can cost.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, id: u64) {
        let mixed = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
