//! What becomes of frames that come at the wrong time, or are of another make.

use crate::limits::{Limits, LimitsError};

/// The least that a MESSAGE takes: kind, flags, id, depth and method.
const SMALLEST_MESSAGE: usize = 8;

/// What a server does with the calls and events that a client sends before it is accepted (R8).
///
/// This toolkit's own clients send none: their remotes fail `NotAccepted` until then. Others may, at their own risk
/// (P18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EarlyFrames {
    /// They are dropped and counted. The default.
    #[default]
    Drop,
    /// They are kept, in order, and handled after the acceptance.
    Queue {
        /// Bytes of the frames that are kept. Their number is bounded as well: no more calls and events than may run
        /// and wait once the connection is open.
        max_bytes: usize,
        /// What is done with those that do not fit.
        overflow: Overflow,
    },
    /// As `Queue`, and the acceptor may take them while it is undecided; their answers are held until the acceptance.
    Accept {
        /// As for `Queue`; those that the acceptor took count until the decision.
        max_bytes: usize,
        /// As for `Queue`.
        overflow: Overflow,
    },
}

/// What is done with early messages beyond the bounds of their queue (R8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The newest are dropped and counted.
    Drop,
    /// The connection is rejected with 1008. The default: a client that is not told would wait for its answers.
    #[default]
    Close,
    /// The newest are dropped and counted, and the acceptor is told.
    Notify,
}

/// What becomes of WebSocket text messages, which this toolkit's binary encodings do not use, once a connection is open
/// (P7). Before, they close it with 1003.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownFrames {
    /// They close the connection with 1003. The default.
    #[default]
    Close,
    /// They are dropped and counted.
    Ignore,
    /// They are handed to the application: `Connection::texts`. Up to `Limits::text_messages` and `Limits::text_bytes`
    /// wait for it; the newest beyond that are dropped and counted.
    Emit,
}

impl EarlyFrames {
    /// Bytes that [`queue`](Self::queue) and [`accept`](Self::accept) keep: 1 MiB.
    pub const DEFAULT_BYTES: usize = 1 << 20;

    /// Keeps up to 1 MiB; more than that is rejected.
    #[must_use]
    pub const fn queue() -> Self {
        Self::Queue { max_bytes: Self::DEFAULT_BYTES, overflow: Overflow::Close }
    }

    /// Keeps up to 1 MiB for the acceptor; more than that is rejected.
    #[must_use]
    pub const fn accept() -> Self {
        Self::Accept { max_bytes: Self::DEFAULT_BYTES, overflow: Overflow::Close }
    }

    pub(crate) const fn kept(&self) -> Option<(usize, Overflow)> {
        match *self {
            Self::Drop => None,
            Self::Queue { max_bytes, overflow } | Self::Accept { max_bytes, overflow } => {
                Some((max_bytes, overflow))
            }
        }
    }

    /// Whether this can work with these limits.
    ///
    /// # Errors
    /// A queue that could never take a message, or never be full.
    pub fn check(&self, limits: &Limits) -> Result<(), LimitsError> {
        let Some((max_bytes, _)) = self.kept() else { return Ok(()) };
        if max_bytes < SMALLEST_MESSAGE {
            return Err(LimitsError("early max_bytes must be at least 8, the smallest message"));
        }
        if max_bytes > limits.max_call_bytes.saturating_add(limits.event_lane_bytes) {
            return Err(LimitsError("early max_bytes must be at most max_call_bytes + event_lane_bytes"));
        }
        if max_bytes > limits.max_buffered_bytes {
            return Err(LimitsError("early max_bytes must be at most max_buffered_bytes"));
        }
        Ok(())
    }
}

/// What a link does beside the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkOptions {
    /// Server: how many headers one client may try: 1 (R7).
    pub attempts: u8,
    /// Server: what becomes of messages before the acceptance: they are dropped (R8).
    pub early: EarlyFrames,
    /// What becomes of text messages: they close the connection (P7).
    pub unknown: UnknownFrames,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self { attempts: 1, early: EarlyFrames::Drop, unknown: UnknownFrames::Close }
    }
}

impl LinkOptions {
    /// Whether these can work with these limits.
    ///
    /// # Errors
    /// The first one that cannot, and why.
    pub fn check(&self, limits: &Limits) -> Result<(), LimitsError> {
        if self.attempts == 0 {
            return Err(LimitsError("attempts must be at least 1"));
        }
        self.early.check(limits)
    }
}
