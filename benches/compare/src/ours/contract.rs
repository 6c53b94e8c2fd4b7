//! What the two sides say to each other.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use harness::Record;
use serde::{Deserialize, Serialize, Serializer};
use ws_core::ws_service;

/// What the server does.
#[ws_service]
pub trait Bench {
    /// Gives back what it got.
    async fn echo(&self, record: Record) -> Record;

    /// Gives back what it got.
    async fn echo_bytes(&self, bytes: Bytes) -> Bytes;

    /// So many records.
    fn items(&self, count: u64) -> impl futures::Stream<Item = Record> + Send;

    /// So many blocks of so many bytes.
    fn blocks(&self, count: u64, bytes: u64) -> impl futures::Stream<Item = Bytes> + Send;

    /// From now on this connection gets the events.
    async fn subscribe(&self);

    /// Sends an event to all that have subscribed. Tells how often it was encoded, or why not all were reached.
    async fn broadcast(&self) -> Result<u64, String>;

    /// Calls the client, so many calls in flight, for so long. Tells how many were answered.
    async fn reverse(&self, in_flight: u32, milliseconds: u64) -> u64;
}

/// What the client does.
#[ws_service]
pub trait Screen {
    /// Gives back what it got.
    async fn shown(&self, record: Record) -> Record;

    /// Is counted.
    #[ws(event)]
    async fn told(&self, note: Note);
}

/// The bytes of an event, which tell how often they were encoded.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Note(pub Bytes);

static ENCODED: AtomicU64 = AtomicU64::new(0);

impl Note {
    /// How often any was encoded in this process.
    pub fn encoded() -> u64 {
        ENCODED.load(Ordering::Relaxed)
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ENCODED.fetch_add(1, Ordering::Relaxed);
        self.0.serialize(serializer)
    }
}
