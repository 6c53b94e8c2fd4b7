//! What the two processes say to each other.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ws_core::{Streaming, ws_service};

/// A call, and streams of both kinds of items in both directions.
#[ws_service]
pub trait Load {
    /// Gives back what it got.
    async fn echo(&self, record: Record) -> Record;

    /// So many small items.
    fn items(&self, count: u64) -> impl futures::Stream<Item = u64> + Send;

    /// So many blocks of 64 KiB.
    fn blocks(&self, count: u64) -> impl futures::Stream<Item = Block> + Send;

    /// Counts small items.
    async fn take_items(&self, items: Streaming<u64>) -> u64;

    /// Counts blocks.
    async fn take_blocks(&self, blocks: Streaming<Block>) -> u64;
}

/// What a small call carries: some fifty bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// Eight bytes.
    pub id: u64,
    /// Eight more.
    pub at: f64,
    /// A few words.
    pub text: String,
}

impl Record {
    /// One of 54 bytes.
    pub fn sample() -> Self {
        Self { id: u64::MAX, at: 0.5, text: "thirty-six bytes of ordinary text...".to_owned() }
    }
}

/// Bytes that are encoded as bytes, not as a sequence of numbers.
#[derive(Clone, Debug)]
pub struct Block(pub Vec<u8>);

impl Block {
    /// Bytes of one.
    pub const SIZE: usize = 64 << 10;

    /// A full one.
    pub fn sample() -> Self {
        Self(vec![7; Self::SIZE])
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Block;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Block, E> {
                Ok(Block(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Block, E> {
                Ok(Block(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
