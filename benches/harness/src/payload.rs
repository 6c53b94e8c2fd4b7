//! What the systems carry: the same for all of them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes of one event that goes to many connections.
pub const EVENT_BYTES: usize = 128;

/// What a small call carries and gets back: some 54 bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Tells the answers of one caller apart.
    pub id: u64,
    /// Sixteen characters.
    pub name: String,
    /// Thirty-two bytes that JSON writes in decimals.
    pub values: [f64; 4],
}

impl Record {
    /// The one with this id.
    #[must_use]
    pub fn new(id: u64) -> Self {
        Self { id, name: "sixteen letters.".to_owned(), values: [1.5, -2.25, 1e9 + 0.125, 3.25] }
    }
}

/// An event, as bytes that are characters, too, so that systems which carry text can carry it.
#[must_use]
pub fn event() -> Bytes {
    Bytes::from_static(&[b'e'; EVENT_BYTES])
}
