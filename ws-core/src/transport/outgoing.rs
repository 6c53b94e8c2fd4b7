//! Frames of a WebSocket as they go out: one message at a time, and what must be answered.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::masks::{Masks, mask, rotated};
use super::scratch;
use crate::limits::MASKED_BYTES;

pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PONG: u8 = 0x8a;

/// Up to this many bytes, head and body are written as one piece: that costs less than a list of two.
const TOGETHER: usize = 512;

/// Up to this many bytes, a frame for a stream that takes one slice at a time is copied behind its head, and a mask is
/// put on in place. Larger ones pass through the thread's scratch, a part at a time.
const COPIED: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Outgoing {
    /// A client's.
    masks: Option<Masks>,
    /// On its way, in part perhaps.
    current: Option<Writing>,
    /// Taken, behind it.
    next: Option<Writing>,
    /// The newest answer to a ping, before what is next; or to a close, behind it.
    answer: Option<Writing>,
    /// The answer is to a close: nothing follows it.
    closes: bool,
    unflushed: bool,
    /// An answer is not flushed, and nobody else may see to it.
    owes: bool,
}

#[derive(Debug)]
struct Writing {
    head: [u8; 14],
    head_length: u8,
    body: Bytes,
    large: Option<Box<Large>>,
    written: usize,
}

/// What a large message has beyond others.
#[derive(Debug)]
struct Large {
    /// Behind the body.
    tail: Bytes,
    /// A mask that is put on part by part.
    key: Option<[u8; 4]>,
}

impl Outgoing {
    pub(super) fn new(masks: Option<Masks>) -> Self {
        Self { masks, current: None, next: None, answer: None, closes: false, unflushed: false, owes: false }
    }

    /// Takes a message; the one before was written.
    pub(super) fn send(&mut self, first: u8, body: Bytes) {
        self.next = Some(self.frame(first, body, Bytes::new()));
    }

    /// The same with a message in two pieces.
    pub(super) fn send_tailed(&mut self, first: u8, body: Bytes, tail: Bytes) {
        self.next = Some(self.frame(first, body, tail));
    }

    /// Takes an answer, in place of the one before it.
    pub(super) fn answer(&mut self, first: u8, body: Bytes) {
        self.answer = Some(self.frame(first, body, Bytes::new()));
        self.closes = first == CLOSE;
        self.owes = true;
    }

    /// Whether an answer is still to be written.
    pub(super) const fn owes(&self) -> bool {
        self.owes
    }

    fn frame(&mut self, first: u8, body: Bytes, tail: Bytes) -> Writing {
        let (mut head, length) = ([0; 14], body.len() + tail.len());
        head[0] = first;
        let mut end = 2;
        head[1] = match length {
            ..=125 => length as u8,
            126..=0xffff => {
                head[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                end = 4;
                126
            }
            _ => {
                head[2..10].copy_from_slice(&(length as u64).to_be_bytes());
                end = 10;
                127
            }
        };
        let key = self.masks.as_mut().map(Masks::next);
        if let Some(key) = key {
            head[1] |= 0x80;
            head[end..end + 4].copy_from_slice(&key);
            end += 4;
        }
        let is_large = !tail.is_empty() || (key.is_some() && length > COPIED);
        let (body, large) = match key {
            _ if is_large => (body, Some(Box::new(Large { tail, key }))),
            None => (body, None),
            Some(key) => {
                // In place, where nobody else holds it.
                let mut own = body.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                mask(&mut own, key);
                (own.freeze(), None)
            }
        };
        Writing { head, head_length: end as u8, body, large, written: 0 }
    }

    /// Writes all that was taken and flushes it; counts the bytes.
    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        count: &mut u64,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.current.is_none() {
                self.current = if self.closes {
                    self.next.take().or_else(|| self.answer.take())
                } else {
                    self.answer.take().or_else(|| self.next.take())
                };
            }
            let Some(current) = &mut self.current else { break };
            *count += ready!(current.poll_write(stream, cx))? as u64;
            if current.is_over() {
                self.current = None;
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        self.owes = false;
        Poll::Ready(Ok(()))
    }
}

impl Writing {
    fn is_over(&self) -> bool {
        let tail = self.large.as_ref().map_or(0, |large| large.tail.len());
        self.written == usize::from(self.head_length) + self.body.len() + tail
    }

    /// Writes once.
    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let head = usize::from(self.head_length);
        let written = if let Some(large) = &self.large {
            if large.key.is_some() || !stream.is_write_vectored() {
                let wanted = MASKED_BYTES.min(head + self.body.len() + large.tail.len() - self.written);
                let write = |scratch: &mut [u8]| {
                    let part = &mut scratch[..wanted];
                    self.fill(large, part);
                    Pin::new(stream).poll_write(cx, part)
                };
                ready!(scratch::with(wanted, write))?
            } else {
                let slices = self.pieces(large).map(IoSlice::new);
                ready!(Pin::new(stream).poll_write_vectored(cx, &slices))?
            }
        } else if self.written == 0 && head + self.body.len() <= TOGETHER {
            let (mut together, end) = ([0; TOGETHER], head + self.body.len());
            together[..head].copy_from_slice(&self.head[..head]);
            together[head..end].copy_from_slice(&self.body);
            ready!(Pin::new(stream).poll_write(cx, &together[..end]))?
        } else if self.written >= head {
            ready!(Pin::new(stream).poll_write(cx, &self.body[self.written - head..]))?
        } else {
            if !stream.is_write_vectored() && self.body.len() <= COPIED {
                self.join();
                return self.poll_write(stream, cx);
            }
            let slices = [IoSlice::new(&self.head[self.written..head]), IoSlice::new(&self.body)];
            ready!(Pin::new(stream).poll_write_vectored(cx, &slices))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += written;
        Poll::Ready(Ok(written))
    }

    /// What remains of the head, the body and the tail.
    fn pieces<'a>(&'a self, large: &'a Large) -> [&'a [u8]; 3] {
        let mut written = self.written;
        [&self.head[..usize::from(self.head_length)], &self.body[..], &large.tail[..]].map(|piece| {
            let over = written.min(piece.len());
            written -= over;
            &piece[over..]
        })
    }

    /// Copies the next bytes of it, with their mask on.
    fn fill(&self, large: &Large, part: &mut [u8]) {
        let mut end = 0;
        for piece in self.pieces(large) {
            let piece = &piece[..piece.len().min(part.len() - end)];
            part[end..end + piece.len()].copy_from_slice(piece);
            end += piece.len();
        }
        if let Some(key) = large.key {
            let head = usize::from(self.head_length);
            let first = head.saturating_sub(self.written).min(part.len());
            let position = (self.written + first).saturating_sub(head);
            mask(&mut part[first..], rotated(key, position));
        }
    }

    /// What remains of the head, and the body, in one piece.
    fn join(&mut self) {
        let head = &self.head[self.written..usize::from(self.head_length)];
        let mut joined = BytesMut::with_capacity(head.len() + self.body.len());
        joined.extend_from_slice(head);
        joined.extend_from_slice(&self.body);
        self.body = joined.freeze();
        (self.written, self.head_length) = (0, 0);
    }
}
