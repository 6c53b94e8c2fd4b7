//! What is counted, so that nothing is lost silently.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

/// Counters of one connection since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls this side sent.
    pub calls_sent: u64,
    /// Events this side sent.
    pub events_sent: u64,
    /// Calls of the peer that were started here.
    pub calls_received: u64,
    /// Events of the peer that were taken here.
    pub events_received: u64,
    /// Items of streams and uploads this side sent.
    pub items_sent: u64,
    /// Items of streams and uploads that were taken here.
    pub items_received: u64,
    /// Items that came for a reader that was gone, or for whom the server-wide buffer had no room.
    pub items_dropped: u64,
    /// ITEM, END and CREDIT frames for streams that had ended: late after a CANCEL or an answer (R26).
    pub stray_items: u64,
    /// Replies nobody waits for any more: late, duplicate or unknown (R17).
    pub stray_replies: u64,
    /// Messages of the peer dropped because the connection was not accepted yet (R8).
    pub early_dropped: u64,
    /// Messages of the peer kept until the decision (R8).
    pub early_kept: u64,
    /// Events of the peer dropped because their method is unknown, mismatched, or its arguments do not decode.
    pub events_refused: u64,
    /// Events of the peer dropped because the server-wide buffer was full.
    pub events_dropped: u64,
    /// Events of the peer whose handlers ran longer than `Limits::max_call_timeout`, and were dropped.
    pub events_expired: u64,
    /// Broadcasts of this side that left as they were encoded for all, not copied for this connection (R32).
    pub broadcasts_shared: u64,
    /// Broadcasts of this side that the peer was too slow for, and that were dropped (R32).
    pub broadcasts_dropped: u64,
    /// Broadcasts of this side that waited and gave their place to a newer one about the same (R32).
    pub broadcasts_replaced: u64,
    /// Texts this side sent.
    pub texts_sent: u64,
    /// Texts of the peer that were kept for the application.
    pub texts_received: u64,
    /// Texts of the peer dropped because they are ignored, or too many waited for the application.
    pub texts_dropped: u64,
    /// Calls of the peer answered with a failure that no handler gave.
    pub calls_refused: u64,
    /// Calls of the peer over an announced limit (R12).
    pub violations: u64,
    /// Handlers that panicked, or whose result could not be encoded.
    pub handler_failures: u64,
    /// Answers that came after their call had been cancelled or had expired.
    pub late_answers: u64,
}

/// The counters as a connection keeps them: none until the first thing is counted, for most idle ones never had any.
#[derive(Debug, Default)]
pub(super) struct Counters(Option<Box<Stats>>);

static NOTHING: LazyLock<Stats> = LazyLock::new(Stats::default);

impl Deref for Counters {
    type Target = Stats;

    fn deref(&self) -> &Stats {
        self.0.as_deref().unwrap_or_else(|| &NOTHING)
    }
}

impl DerefMut for Counters {
    fn deref_mut(&mut self) -> &mut Stats {
        self.0.get_or_insert_default()
    }
}
