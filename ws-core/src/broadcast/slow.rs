//! What becomes of those who do not keep up.

/// What becomes of a broadcast event where a connection does not keep up with it (R32).
///
/// Every connection has a queue for what is broadcast to it and cannot leave yet, for want of the credit that its
/// handlers return, or of room in its outbox. The queue is bounded by `Limits::outbox_bytes`, in which each event counts
/// for its frame and 256 bytes; the bytes themselves are shared by all connections. One that is longer
/// than that may wait alone.
///
/// A sender that never rests outruns healthy readers as well, unless it uses [`Wait`](Self::Wait): nothing else holds it
/// up, and some thousands of small events ahead of them, or 1 MiB, their queues are full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowConsumer {
    /// The broadcast waits until the event is in the outbox of every connection, for `Limits::send_timeout` (5 s) at
    /// most; connections that had no room by then do not get it. For whoever produces faster than the network takes.
    Wait,
    /// An event that finds the queue full is dropped for that connection, and counted: in the [`Delivery`], and in the
    /// connection's [`Stats`](crate::Stats).
    ///
    /// [`Delivery`]: super::Delivery
    DropNewest,
    /// The connection is closed with 4010 when its queue is full, or when an event has waited in it for
    /// `Limits::send_timeout` (5 s): who stays has seen everything, and who comes back can be given a fresh state.
    #[default]
    Close,
}
