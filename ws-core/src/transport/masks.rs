//! Masks: what a client sends is changed by a key that nobody can foretell (RFC 6455 §5.3, §10.3).

use std::hash::{BuildHasher, RandomState};

/// Keys by a hash of a random key of this process: as unpredictable, and without a system call for each.
#[derive(Debug)]
pub(super) struct Masks {
    random: RandomState,
    count: u64,
}

impl Masks {
    pub(super) fn new() -> Self {
        Self { random: RandomState::new(), count: 0 }
    }

    pub(super) fn next(&mut self) -> [u8; 4] {
        self.count += 1;
        (self.random.hash_one(self.count) as u32).to_le_bytes()
    }
}

/// The key for what begins so many bytes after the first.
pub(super) const fn rotated(key: [u8; 4], position: usize) -> [u8; 4] {
    let first = position % 4;
    [key[first], key[(first + 1) % 4], key[(first + 2) % 4], key[(first + 3) % 4]]
}

/// Puts a mask on, or takes it off.
pub(super) fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        // Eight bytes each.
        let mut masked = [0; 8];
        masked.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(masked) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_masked_byte_by_byte() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for length in 0..40_u8 {
            let plain: Vec<u8> = (0..length).collect();
            let expected: Vec<u8> =
                plain.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            let mut masked = plain.clone();
            mask(&mut masked, key);
            assert_eq!(masked, expected);
            mask(&mut masked, key);
            assert_eq!(masked, plain);
        }
    }

    #[test]
    fn keys_differ() {
        let (mut masks, mut others) = (Masks::new(), Masks::new());
        let keys: std::collections::HashSet<_> =
            (0..100).flat_map(|_| [masks.next(), others.next()]).collect();
        assert!(keys.len() > 195, "four bytes hardly repeat so early");
    }
}
