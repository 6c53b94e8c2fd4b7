//! Frames of a WebSocket as they come in (RFC 6455 §5), out of bytes that are read for all connections of a thread into
//! one buffer: a connection that has no part of a frame holds none.

use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::masks::mask;
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

/// Control frames carry no more.
const MAX_CONTROL: u64 = 125;

thread_local! {
    /// Empty until it is needed, and while it is used: whoever finds it so makes one.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

#[derive(Debug)]
pub(super) struct Incoming {
    /// What was read and not taken yet.
    inbox: BytesMut,
    /// Bytes that were in there when it was read last: what a part of it would keep.
    chunk: usize,
    /// Of the frame in front, once it is known.
    head: Option<Head>,
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
        Self { inbox, chunk, head: None, masked, max_payload, at_once }
    }

    /// The next frame of what was read, where so many bytes of its message are collected.
    pub(super) fn next(&mut self, collected: usize) -> Result<Option<WebSocketFrame>, Refused> {
        let Some(head) = self.head(collected)? else { return Ok(None) };
        if self.inbox.len() < head.length {
            return Ok(None);
        }
        self.head = None;
        let mut payload = self.inbox.split_to(head.length);
        if let Some(key) = head.key {
            mask(&mut payload, key);
        }
        // A small part of much that was read keeps none of that.
        let shares = payload.len() * 2 >= self.chunk;
        let payload = if shares { payload.freeze() } else { Bytes::copy_from_slice(&payload) };
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
        }
        Ok(Some(WebSocketFrame { opcode: head.opcode, is_final: head.is_final, payload }))
    }

    /// Bytes of its buffer.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.inbox.capacity()
    }

    fn head(&mut self, collected: usize) -> Result<Option<Head>, Refused> {
        if self.head.is_none() {
            let Some((head, length)) = parse(&self.inbox, self.masked)? else { return Ok(None) };
            let control = matches!(head.opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
            if !control && head.length > self.max_payload.saturating_sub(collected) {
                return Err(TOO_LARGE);
            }
            let _ = self.inbox.split_to(length);
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
        let length = self.head.map_or(0, |head| head.length);
        let read = if length > self.at_once {
            let missing = length - self.inbox.len();
            // A large frame is read to where it stays. Its claim is believed only as far as bytes follow it.
            let more = missing.min(self.inbox.len().max(self.at_once));
            self.inbox.reserve(more);
            let mut room = (&mut self.inbox).limit(more);
            ready!(pin!(stream.read_buf(&mut room)).poll(cx))?
        } else {
            let mut scratch = SCRATCH.take();
            if scratch.len() < self.at_once {
                scratch.resize(self.at_once, 0);
            }
            let mut buffer = ReadBuf::new(&mut scratch[..self.at_once]);
            let polled = Pin::new(stream).poll_read(cx, &mut buffer);
            let read = buffer.filled().len();
            self.inbox.extend_from_slice(buffer.filled());
            SCRATCH.set(scratch);
            ready!(polled)?;
            read
        };
        self.chunk = self.inbox.len();
        Poll::Ready(Ok(read))
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
