//! A stream during a client's upgrade, which must not take bytes of the WebSocket that follows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives the answer's head to whoever reads, and keeps what was read beyond it.
#[derive(Debug)]
pub(super) struct Upgrading<S> {
    stream: S,
    /// Read, and given up to `given`.
    read: Vec<u8>,
    given: usize,
    /// Whether nothing but a carriage return stands in the line so far.
    empty_line: bool,
    over: bool,
}

impl<S> Upgrading<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, read: Vec::new(), given: 0, empty_line: false, over: false }
    }

    /// The stream, and what was read beyond the head.
    pub(super) fn into_parts(mut self) -> (S, Vec<u8>) {
        self.read.drain(..self.given);
        (self.stream, self.read)
    }

    /// Bytes to the end of the head, or of what was read.
    fn give(&mut self, most: usize) -> &[u8] {
        let begin = self.given;
        while self.given < self.read.len() && self.given - begin < most && !self.over {
            match self.read[self.given] {
                b'\n' => (self.over, self.empty_line) = (self.empty_line, true),
                b'\r' => {}
                _ => self.empty_line = false,
            }
            self.given += 1;
        }
        &self.read[begin..self.given]
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Upgrading<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given == this.read.len() && !this.over {
            let mut bytes = [0; 1024];
            let mut more = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut more))?;
            this.read.clear();
            this.read.extend_from_slice(more.filled());
            this.given = 0;
        }
        let room = buffer.remaining();
        buffer.put_slice(this.give(room));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Upgrading<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
