//! Frames of a WebSocket as they come in (RFC 6455 §5), out of bytes that are read for all connections of a thread into
//! one buffer: a connection that has no part of a frame holds none.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::masks::{mask, rotated};
use super::scratch;
use crate::protocol::code;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// One whole frame, its mask taken off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WebSocketFrame {
    pub(super) opcode: Opcode,
    pub(super) is_final: bool,
    pub(super) payload: Bytes,
}

/// Why nothing more is read: the close code, and the reason.
pub(super) type Refused = (u16, &'static str);

const MALFORMED: Refused = (code::PROTOCOL, "a WebSocket frame against RFC 6455");
pub(super) const TOO_LARGE: Refused = (code::TOO_LARGE, "a message exceeds the limit");

/// A large frame's claim is believed for as many bytes, whatever came of it.
const LEAST: usize = 1024;

/// Control frames carry no more.
const MAX_CONTROL: u64 = 125;

#[derive(Debug)]
pub(super) struct Incoming {
    /// What was read and not taken yet.
    inbox: BytesMut,
    /// Bytes that were in there when it was read last: what a part of it would keep.
    chunk: usize,
    /// Of the frame in front, once it is known.
    head: Option<Head>,
    /// What came of the frame in front, its mask taken off, where that is larger than what is read at once.
    large: Vec<u8>,
    /// Whether the other side masks: clients do, and servers must not.
    masked: bool,
    max_payload: usize,
    /// Bytes that are read at once.
    at_once: usize,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    opcode: Opcode,
    is_final: bool,
    key: Option<[u8; 4]>,
    length: usize,
}

impl Incoming {
    /// `read` is what was read already.
    pub(super) fn new(read: Vec<u8>, masked: bool, max_payload: usize, at_once: usize) -> Self {
        let chunk = read.len();
        let inbox = BytesMut::from(Bytes::from(read));
        Self { inbox, chunk, head: None, large: Vec::new(), masked, max_payload, at_once }
    }

    /// The next frame of what was read, where so many bytes of its message are collected.
    pub(super) fn next(&mut self, collected: usize) -> Result<Option<WebSocketFrame>, Refused> {
        let Some(head) = self.head(collected)? else { return Ok(None) };
        if head.length > self.at_once {
            let payload = self.next_large(head);
            return Ok(payload.map(|payload| head.frame(payload)));
        }
        if self.inbox.len() < head.length {
            return Ok(None);
        }
        self.head = None;
        let mut payload = if self.inbox.len() == head.length {
            std::mem::take(&mut self.inbox)
        } else {
            self.inbox.split_to(head.length)
        };
        if let Some(key) = head.key {
            mask(&mut payload, key);
        }
        // A small part of much that was read keeps none of that.
        let shares = payload.len() * 2 >= self.chunk;
        let payload = if shares { payload.freeze() } else { Bytes::copy_from_slice(&payload) };
        Ok(Some(head.frame(payload)))
    }

    /// A large frame lies in memory of its own; what was read of it goes there first.
    fn next_large(&mut self, head: Head) -> Option<Bytes> {
        let missing = head.length - self.large.len();
        let read = self.inbox.split_to(missing.min(self.inbox.len()));
        if !read.is_empty() {
            let from = self.large.len();
            self.make_room(read.len(), missing);
            self.large.extend_from_slice(&read);
            head.unmask(&mut self.large, from);
        }
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
        }
        if self.large.len() < head.length {
            return None;
        }
        self.head = None;
        Some(std::mem::take(&mut self.large).into())
    }

    /// More memory for the large frame, of which so many bytes are missing. Its claim is believed only as far as bytes
    /// follow it: for one that came (`read` are not in there yet), there is room for four more.
    fn make_room(&mut self, read: usize, missing: usize) {
        if self.large.len() == self.large.capacity() {
            let believed = 4 * (self.large.len() + read).max(LEAST);
            // Fourfold steps; the last one is not followed by a small one.
            let more = if missing <= believed { missing } else { believed - believed / 4 };
            self.large.reserve_exact(more);
        }
    }

    /// Bytes of its buffer.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.inbox.capacity() + self.large.capacity()
    }

    fn head(&mut self, collected: usize) -> Result<Option<Head>, Refused> {
        if self.head.is_none() {
            let Some((head, length)) = parse(&self.inbox, self.masked)? else { return Ok(None) };
            let control = matches!(head.opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
            if !control && head.length > self.max_payload.saturating_sub(collected) {
                return Err(TOO_LARGE);
            }
            self.inbox.advance(length);
            self.head = Some(head);
        }
        Ok(self.head)
    }

    /// Reads what there is, once: how many bytes, 0 at the end.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Some(head) = self.head.filter(|head| head.length > self.at_once) {
            // To where it stays; whatever was read with its head is there.
            let from = self.large.len();
            let missing = head.length - from;
            self.make_room(0, missing);
            let room = (self.large.capacity() - from).min(missing);
            let mut room = (&mut self.large).limit(room);
            let read = ready!(pin!(stream.read_buf(&mut room)).poll(cx))?;
            head.unmask(&mut self.large, from);
            return Poll::Ready(Ok(read));
        }
        let inbox = &mut self.inbox;
        let read = scratch::with(self.at_once, |scratch| {
            let mut buffer = ReadBuf::new(&mut scratch[..self.at_once]);
            let polled = Pin::new(stream).poll_read(cx, &mut buffer);
            inbox.extend_from_slice(buffer.filled());
            polled.map_ok(|()| buffer.filled().len())
        });
        let read = ready!(read)?;
        self.chunk = self.inbox.len();
        Poll::Ready(Ok(read))
    }
}

impl Head {
    const fn frame(self, payload: Bytes) -> WebSocketFrame {
        WebSocketFrame { opcode: self.opcode, is_final: self.is_final, payload }
    }

    /// Takes the mask off the bytes of the payload from there on.
    fn unmask(self, payload: &mut [u8], from: usize) {
        if let Some(key) = self.key {
            mask(&mut payload[from..], rotated(key, from));
        }
    }
}

/// A frame's head and how many bytes it takes, or nothing where it is cut short.
fn parse(bytes: &[u8], masked: bool) -> Result<Option<(Head, usize)>, Refused> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    // No extension was agreed on that would give the three bits a meaning.
    if first & 0x70 != 0 || (second & 0x80 != 0) != masked {
        return Err(MALFORMED);
    }
    let is_final = first & 0x80 != 0;
    let (opcode, control) = match first & 0x0f {
        0 => (Opcode::Continuation, false),
        1 => (Opcode::Text, false),
        2 => (Opcode::Binary, false),
        8 => (Opcode::Close, true),
        9 => (Opcode::Ping, true),
        10 => (Opcode::Pong, true),
        _ => return Err(MALFORMED),
    };
    let (length, rest) = match second & 0x7f {
        126 => match rest.split_first_chunk::<2>() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((length, rest)) => (u64::from_be_bytes(*length), rest),
            None => return Ok(None),
        },
        short => (u64::from(short), rest),
    };
    if control && (length > MAX_CONTROL || !is_final) {
        return Err(MALFORMED);
    }
    let (key, rest) = match (masked, rest.split_first_chunk::<4>()) {
        (false, _) => (None, rest),
        (true, Some((key, rest))) => (Some(*key), rest),
        (true, None) => return Ok(None),
    };
    let length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
    Ok(Some((Head { opcode, is_final, key, length }, bytes.len() - rest.len())))
}
