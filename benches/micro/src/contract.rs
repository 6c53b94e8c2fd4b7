//! What is called.

use serde::{Deserialize, Serialize};
use ws_core::ws_service;

/// A call and an event of ordinary size, and a stream of small items.
#[ws_service]
pub trait Work {
    /// Gives back what it got.
    async fn echo(&self, record: Record) -> Record;

    /// Hears of it.
    #[ws(event)]
    async fn note(&self, record: Record);

    /// So many small items.
    fn items(&self, count: u64) -> impl futures::Stream<Item = u64> + Send;
}

/// What a small call carries: 54 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Nine bytes.
    pub id: u64,
    /// Eight.
    pub at: f64,
    /// A few words.
    pub text: String,
}

impl Record {
    pub fn sample() -> Self {
        Self { id: u64::MAX, at: 0.5, text: "thirty-six bytes of ordinary text...".to_owned() }
    }
}

pub struct Worker;

impl Work for Worker {
    async fn echo(&self, record: Record) -> Record {
        record
    }

    async fn note(&self, _record: Record) {}

    fn items(&self, count: u64) -> impl futures::Stream<Item = u64> + Send {
        futures::stream::iter(0..count)
    }
}
