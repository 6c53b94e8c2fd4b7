//! What raw messages mean: one byte, two numbers, and bytes of no meaning.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of a small message: a record in a positional encoding, and room for an envelope.
pub const SMALL: usize = 64;
/// Bytes of what is only asked for.
pub const SHORTEST: usize = 9;

/// The first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verb {
    /// Comes back as it is. The bytes of every measurement begin like this.
    Echo = b'x',
    /// So many messages of so many bytes are sent, the last an `End`.
    Items = b'i',
    /// The same, while other messages are answered.
    Blocks = b'b',
    /// From now on there are only events; comes back once.
    Subscribe = b's',
    /// An event goes to all that subscribed; comes back.
    Broadcast = b'e',
    /// So many echoes are kept in flight for so many milliseconds; an `End` tells how many came back.
    Reverse = b'r',
    /// What ends something else.
    End = b'.',
}

const VERBS: [Verb; 7] =
    [Verb::Echo, Verb::Items, Verb::Blocks, Verb::Subscribe, Verb::Broadcast, Verb::Reverse, Verb::End];

/// A message of this length, at least the shortest.
pub fn message(verb: Verb, numbers: [u32; 2], length: usize) -> Bytes {
    let mut bytes = BytesMut::with_capacity(length.max(SHORTEST));
    bytes.put_u8(verb as u8);
    bytes.put_u32_le(numbers[0]);
    bytes.put_u32_le(numbers[1]);
    bytes.resize(length.max(SHORTEST), b'x');
    bytes.freeze()
}

/// What a message asks for; `None` where it is none of ours.
pub fn read(bytes: &[u8]) -> Option<(Verb, [u32; 2])> {
    if bytes.is_empty() {
        return None;
    }
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let verb = VERBS.into_iter().find(|verb| *verb as u8 == bytes[0])?;
    Some((verb, [number(1)?, number(5)?]))
}
