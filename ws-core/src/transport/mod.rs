//! The seam to whatever carries WebSocket messages: a WebSocket over any byte stream, or a pair in memory.

#[cfg(feature = "websocket")]
mod incoming;
#[cfg(feature = "websocket")]
mod masks;
mod memory;
#[cfg(feature = "websocket")]
mod outgoing;
#[cfg(feature = "websocket")]
mod scratch;
#[cfg(feature = "websocket")]
mod upgrading;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(all(test, feature = "websocket"))]
mod tests;

use std::task::{Context, Poll};

use bytes::Bytes;

pub use memory::{MemoryTransport, memory_pair};
#[cfg(feature = "websocket")]
pub use websocket::WebSocketTransport;

/// What arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A whole binary message.
    Message(Bytes),
    /// A whole text message.
    Text(String),
    /// Something that carries nothing but shows that the peer lives.
    Alive,
    /// The peer's close frame: code and reason.
    Close(Option<(u16, String)>),
    /// The peer broke the transport's rules: the close code to answer with, and why. Nothing more can be read.
    Violation(u16, &'static str),
    /// The transport ended without a close frame.
    Lost,
}

/// The transport cannot send any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transport cannot send any more")]
pub struct SendLost;

/// Carries whole messages both ways. Driven by one task; nothing here may block.
pub trait Transport: Send + Unpin + 'static {
    /// The next message.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received>;

    /// Takes one message; called only after everything before it was flushed, so a transport holds one at most.
    ///
    /// # Errors
    /// [`SendLost`] once nothing can be sent any more.
    fn start_send(&mut self, message: Bytes) -> Result<(), SendLost>;

    /// Takes one message in two pieces, as [`start_send`](Self::start_send) does: the second is large, and lies where
    /// the application has it. Without an implementation of its own, both are copied into one.
    ///
    /// # Errors
    /// As [`start_send`](Self::start_send).
    fn start_send_tailed(&mut self, head: Bytes, tail: Bytes) -> Result<(), SendLost> {
        self.start_send([head, tail].concat().into())
    }

    /// Takes one text message, as [`start_send`](Self::start_send) does.
    ///
    /// # Errors
    /// As [`start_send`](Self::start_send).
    fn start_text(&mut self, text: String) -> Result<(), SendLost>;

    /// Takes the close frame; called at most once, and nothing is sent after it.
    ///
    /// # Errors
    /// As [`start_send`](Self::start_send).
    fn start_close(&mut self, code: u16, reason: &str) -> Result<(), SendLost>;

    /// Writes all that was taken.
    ///
    /// # Errors
    /// As [`start_send`](Self::start_send).
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendLost>>;

    /// After a [`Received::Violation`] and the close that answers it: takes in and discards what still comes, so that
    /// the close is not lost to a reset. Ready when the peer has ended its side; the driver bounds the wait.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// How many bytes ever came in: shows that a peer lives while a large message is on its way (R33).
    fn received(&self) -> u64;

    /// How many bytes were ever written: shows progress on a slow connection (R38).
    fn written(&self) -> u64;
}
