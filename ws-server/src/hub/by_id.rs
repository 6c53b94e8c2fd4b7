//! Tables by connection. Their ids are this process's own numbers, one after another, so that nobody can make them
//! collide, and neighbours lie side by side: a broadcast looks them up in their order.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use ws_core::ConnectionId;

pub(super) type ById<T> = HashMap<ConnectionId, T, BuildHasherDefault<IdHasher>>;
pub(super) type Ids = HashSet<ConnectionId, BuildHasherDefault<IdHasher>>;

/// The number itself, and its lowest bits as the highest, which a table looks at first.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id ^ (id << 57);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn ids_that_follow_one_another_differ_in_every_part_of_their_hash() {
        let build = BuildHasherDefault::<IdHasher>::default();
        let hashes: Vec<u64> = (0..128_u64).map(|id| build.hash_one(id)).collect();
        let distinct =
            |part: fn(u64) -> u64| hashes.iter().map(|hash| part(*hash)).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|hash| hash & 0x7f), 128, "where an entry is looked for");
        assert_eq!(distinct(|hash| hash >> 57), 128, "what tells entries apart there");
    }
}
