//! A transport whose other side is a recording: what this side does for a message is all that is done.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ws_core::protocol::Frames;
use ws_core::transport::{Received, SendLost, Transport};

/// Hands out the first message, then the other one so many times, each when all of the one before was answered.
pub struct Replay {
    first: Option<Bytes>,
    again: Bytes,
    times: usize,
    /// Frames of the last message that were not answered yet.
    unanswered: usize,
    reader: Option<Waker>,
}

impl Replay {
    pub fn new(first: Bytes, again: Bytes, times: usize) -> Self {
        Self { first: Some(first), again, times, unanswered: 1, reader: None }
    }
}

impl Transport for Replay {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Received::Message(first));
        }
        if self.unanswered > 0 {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.times == 0 {
            return Poll::Ready(Received::Lost);
        }
        self.times -= 1;
        self.unanswered = Frames::new(&self.again).count();
        Poll::Ready(Received::Message(self.again.clone()))
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), SendLost> {
        self.unanswered = self.unanswered.saturating_sub(Frames::new(&message).count());
        if self.unanswered == 0 {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
        Ok(())
    }

    fn start_text(&mut self, _: String) -> Result<(), SendLost> {
        Ok(())
    }

    fn start_close(&mut self, _: u16, _: &str) -> Result<(), SendLost> {
        Err(SendLost)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendLost>> {
        Poll::Ready(Ok(()))
    }

    fn poll_linger(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn received(&self) -> u64 {
        0
    }

    fn written(&self) -> u64 {
        0
    }
}
