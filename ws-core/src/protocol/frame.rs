//! Frames: `kind flags fields body` (P10). The envelope has its own encoding; the body is the codec's.

use super::fail::FailClass;
use super::reader::{Malformed, Reader};
use super::varint::{self, MAX_VARINT};
use crate::context::Metadata;
use crate::service::MethodId;

pub(super) mod kind {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const WELCOME: u8 = 2;
    pub(crate) const REJECT: u8 = 3;
    pub(crate) const MESSAGE: u8 = 4;
    pub(crate) const RETURN: u8 = 5;
    pub(crate) const FAIL: u8 = 6;
    pub(crate) const CANCEL: u8 = 7;
    pub(crate) const CREDIT: u8 = 8;
    pub(crate) const ITEM: u8 = 9;
    pub(crate) const END: u8 = 10;
    pub(crate) const PING: u8 = 11;
    pub(crate) const PONG: u8 = 12;
    pub(crate) const GOAWAY: u8 = 13;
    // 14 and 15 are reserved for resume and re-authentication.
    /// A kind with this bit may be skipped by a reader that does not know it (P13).
    pub(crate) const IGNORABLE: u8 = 0x80;
}

const WANTS_REPLY: u8 = 1;
const HAS_REPLY_TO: u8 = 2;
const HAS_DEADLINE: u8 = 4;
const HAS_METADATA: u8 = 8;
const WANTS_ANSWER: u8 = 16;
const ANSWERS: u8 = 32;
/// Of RETURN: it opens a stream.
const OPENS: u8 = 1;
/// Of END: the stream failed.
const FAILED: u8 = 1;

/// One frame, borrowed from the message that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The client's first frame; parse it with [`Hello::parse`](super::Hello::parse).
    Hello(&'a [u8]),
    /// The server accepts; parse it with [`Welcome::parse`](super::Welcome::parse).
    Welcome(&'a [u8]),
    /// The server rejects; parse it with [`Reject::parse`](super::Reject::parse).
    Reject(&'a [u8]),
    /// A call or an event.
    Message(Message<'a>),
    /// The value of a call.
    Return {
        /// The call's id.
        id: u64,
        /// The value in the codec.
        body: &'a [u8],
    },
    /// A call's RETURN that opens its stream of values.
    Open {
        /// The call's id, which is the stream's as well.
        id: u64,
    },
    /// The failure of a call.
    Fail {
        /// The call's id.
        id: u64,
        /// Why.
        class: FailClass,
        /// By class: the declared error in the codec, a number, or nothing.
        body: &'a [u8],
    },
    /// The caller no longer wants the reply or the stream; the callee no longer reads the upload.
    Cancel {
        /// The call's id: of the sender's parity for a call or stream, of the receiver's for an upload.
        id: u64,
    },
    /// One item of a stream.
    Item {
        /// The call's id: of the sender's parity for an upload, of the receiver's for a stream of values.
        id: u64,
        /// The item in the codec.
        body: &'a [u8],
    },
    /// The last frame of a stream.
    End {
        /// The call's id, as for an item.
        id: u64,
        /// None where it is complete; else why it is not, with a body as that of FAIL.
        failure: Option<(FailClass, &'a [u8])>,
    },
    /// Absolute credit: how many messages and bytes the sender of this frame takes in all (id 0: events).
    Credit {
        /// 0, or a stream.
        id: u64,
        /// Messages since activation, or items of the stream.
        messages: u64,
        /// Bytes since activation, or of the stream.
        bytes: u64,
    },
    /// Are you there?
    Ping(u64),
    /// Yes, with the ping's number.
    Pong(u64),
    /// The server goes down; calls that run may take this many more milliseconds.
    GoAway {
        /// Milliseconds.
        drain_ms: u64,
    },
    /// A kind that may be skipped.
    Ignored,
}

/// The fields of a MESSAGE frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Unique among those alive on the connection; 0 for an event that cannot be answered.
    pub id: u64,
    /// The message that this one answers.
    pub reply_to: Option<u64>,
    /// Whether the sender awaits a reply.
    pub wants_reply: bool,
    /// Whether the sender awaits a message that answers this one (P52); never of a call.
    pub wants_answer: bool,
    /// Whether it answers one whose sender awaits that, as the first that does; never of a call (P52).
    pub answers: bool,
    /// How many calls deep (R11).
    pub depth: u8,
    /// Which method.
    pub method: MethodId,
    /// Remaining time, in milliseconds, rounded up.
    pub deadline_ms: Option<u64>,
    /// Bounded text pairs.
    pub metadata: Option<Metadata>,
    /// The arguments in the codec.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Parses one frame.
    ///
    /// # Errors
    /// What the protocol does not allow: an unknown kind that may not be skipped, a flag that is not defined, a
    /// field cut short, bytes behind the last field.
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(frame);
        let kind = reader.u8()?;
        if kind & kind::IGNORABLE != 0 {
            return Ok(Self::Ignored);
        }
        let flags = reader.u8()?;
        if kind == kind::MESSAGE {
            return Message::parse(flags, &mut reader).map(Self::Message);
        }
        match (kind, flags) {
            (_, 0) => {}
            (kind::RETURN, OPENS) => {
                let id = reader.varint()?;
                reader.end()?;
                return Ok(Self::Open { id });
            }
            (kind::END, FAILED) => {
                let id = reader.varint()?;
                let class = FailClass::from_u8(reader.u8()?);
                return Ok(Self::End { id, failure: Some((class, reader.rest())) });
            }
            _ => return Err(Malformed("a flag is set that is not defined")),
        }
        let frame = match kind {
            kind::HELLO => return Ok(Self::Hello(reader.rest())),
            kind::WELCOME => return Ok(Self::Welcome(reader.rest())),
            kind::REJECT => return Ok(Self::Reject(reader.rest())),
            kind::RETURN => return Ok(Self::Return { id: reader.varint()?, body: reader.rest() }),
            kind::FAIL => {
                let id = reader.varint()?;
                let class = FailClass::from_u8(reader.u8()?);
                return Ok(Self::Fail { id, class, body: reader.rest() });
            }
            kind::ITEM => return Ok(Self::Item { id: reader.varint()?, body: reader.rest() }),
            kind::END => Self::End { id: reader.varint()?, failure: None },
            kind::CANCEL => Self::Cancel { id: reader.varint()? },
            kind::CREDIT => {
                Self::Credit { id: reader.varint()?, messages: reader.varint()?, bytes: reader.varint()? }
            }
            kind::PING => Self::Ping(reader.varint()?),
            kind::PONG => Self::Pong(reader.varint()?),
            kind::GOAWAY => Self::GoAway { drain_ms: reader.varint()? },
            _ => return Err(Malformed("a frame of an unknown kind")),
        };
        reader.end()?;
        Ok(frame)
    }
}

impl<'a> Message<'a> {
    fn parse(flags: u8, reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        const KNOWN: u8 = WANTS_REPLY | HAS_REPLY_TO | HAS_DEADLINE | HAS_METADATA | WANTS_ANSWER | ANSWERS;
        if flags & !KNOWN != 0 {
            return Err(Malformed("a flag is set that is not defined"));
        }
        let id = reader.varint()?;
        let reply_to = if flags & HAS_REPLY_TO == 0 { None } else { Some(reader.varint()?) };
        let depth = reader.u8()?;
        let method = MethodId::from_u32(reader.u32()?);
        let deadline_ms = if flags & HAS_DEADLINE == 0 { None } else { Some(reader.varint()?) };
        let metadata = if flags & HAS_METADATA == 0 { None } else { Some(read_metadata(reader)?) };
        let wants_reply = flags & WANTS_REPLY != 0;
        let (wants_answer, answers) = (flags & WANTS_ANSWER != 0, flags & ANSWERS != 0);
        if wants_reply && (wants_answer || answers) {
            return Err(Malformed("a call that asks for a message, or is an answer"));
        }
        if answers && reply_to.is_none() {
            return Err(Malformed("an answer to nothing"));
        }
        let body = reader.rest();
        Ok(Self {
            id,
            reply_to,
            wants_reply,
            wants_answer,
            answers,
            depth,
            method,
            deadline_ms,
            metadata,
            body,
        })
    }
}

fn read_metadata(reader: &mut Reader<'_>) -> Result<Metadata, Malformed> {
    const REFUSED: Malformed = Malformed("metadata beyond 16 keys or 4 KiB, or a key twice");
    let count = reader.varint()?;
    if count > crate::limits::MAX_METADATA_KEYS as u64 {
        return Err(REFUSED);
    }
    let mut metadata = Metadata::new();
    for _ in 0..count {
        let (key, value) = (reader.text()?, reader.text()?);
        if metadata.get(key).is_some() {
            return Err(REFUSED);
        }
        metadata.insert(key, value).map_err(|_| REFUSED)?;
    }
    Ok(metadata)
}

/// The envelope of a frame: everything before its body, on the stack, with room for the frame's length in front.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    bytes: [u8; Self::START + Self::CAPACITY],
    /// Where it ends.
    end: usize,
}

impl Envelope {
    /// The longest envelope without metadata is 37 bytes; a frame's length of at most ten stands before it.
    pub const CAPACITY: usize = 40;

    const START: usize = MAX_VARINT;

    #[inline]
    fn new(kind: u8, flags: u8) -> Self {
        let mut bytes = [0; Self::START + Self::CAPACITY];
        bytes[Self::START] = kind;
        bytes[Self::START + 1] = flags;
        Self { bytes, end: Self::START + 2 }
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[Self::START..self.end]
    }

    /// How many they are.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.end - Self::START
    }

    /// The same behind the length of a frame, of which `more` bytes follow.
    #[inline]
    pub(crate) fn behind_length(&mut self, more: usize) -> &[u8] {
        let length = (self.len() + more) as u64;
        let start = Self::START - varint::length(length);
        let mut at = start;
        varint::put(length, |byte| {
            self.bytes[at] = byte;
            at += 1;
        });
        &self.bytes[start..self.end]
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        // The capacity covers the longest form of every envelope below.
        self.bytes[self.end] = byte;
        self.end += 1;
    }

    #[inline]
    fn push_varint(&mut self, value: u64) {
        // Kept in a register while it grows.
        let mut end = self.end;
        varint::put(value, |byte| {
            self.bytes[end] = byte;
            end += 1;
        });
        self.end = end;
    }

    #[inline]
    fn varint(mut self, value: u64) -> Self {
        self.push_varint(value);
        self
    }
}

/// Writing frames.
pub mod encode {
    use super::{
        ANSWERS, Envelope, FAILED, FailClass, HAS_DEADLINE, HAS_METADATA, HAS_REPLY_TO, Message, Metadata,
        OPENS, WANTS_ANSWER, WANTS_REPLY, kind, varint,
    };

    /// A MESSAGE up to its metadata; `message.body` is not looked at, and `message.metadata` only for its flag.
    #[inline]
    #[must_use]
    pub fn message(message: &Message<'_>) -> Envelope {
        let flags = (u8::from(message.wants_reply) * WANTS_REPLY)
            | (u8::from(message.reply_to.is_some()) * HAS_REPLY_TO)
            | (u8::from(message.deadline_ms.is_some()) * HAS_DEADLINE)
            | (u8::from(message.metadata.is_some()) * HAS_METADATA)
            | (u8::from(message.wants_answer) * WANTS_ANSWER)
            | (u8::from(message.answers) * ANSWERS);
        let mut envelope = Envelope::new(kind::MESSAGE, flags);
        envelope.push_varint(message.id);
        if let Some(reply_to) = message.reply_to {
            envelope.push_varint(reply_to);
        }
        envelope.push(message.depth);
        let (method, at) = (message.method.to_u32().to_le_bytes(), envelope.end);
        envelope.bytes[at..at + method.len()].copy_from_slice(&method);
        envelope.end += method.len();
        if let Some(deadline) = message.deadline_ms {
            envelope.push_varint(deadline);
        }
        envelope
    }

    /// The metadata that stands between a MESSAGE's envelope and its body.
    #[must_use]
    pub fn metadata(metadata: &Metadata) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(metadata.size() + 4 * metadata.len() + 1);
        varint::put(metadata.len() as u64, |byte| bytes.push(byte));
        for (key, value) in metadata.iter() {
            for text in [key, value] {
                varint::put(text.len() as u64, |byte| bytes.push(byte));
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes
    }

    /// RETURN, before the value.
    #[inline]
    #[must_use]
    pub fn ret(id: u64) -> Envelope {
        Envelope::new(kind::RETURN, 0).varint(id)
    }

    /// RETURN that opens a stream, whole.
    #[must_use]
    pub fn open(id: u64) -> Envelope {
        Envelope::new(kind::RETURN, OPENS).varint(id)
    }

    /// ITEM, before the item.
    #[inline]
    #[must_use]
    pub fn item(id: u64) -> Envelope {
        Envelope::new(kind::ITEM, 0).varint(id)
    }

    /// END of a complete stream, whole.
    #[must_use]
    pub fn end(id: u64) -> Envelope {
        Envelope::new(kind::END, 0).varint(id)
    }

    /// END of a stream that failed, before its body.
    #[must_use]
    pub fn end_failed(id: u64, class: FailClass) -> Envelope {
        let mut envelope = Envelope::new(kind::END, FAILED).varint(id);
        envelope.push(class as u8);
        envelope
    }

    /// FAIL, before its body.
    #[must_use]
    pub fn fail(id: u64, class: FailClass) -> Envelope {
        let mut envelope = Envelope::new(kind::FAIL, 0).varint(id);
        envelope.push(class as u8);
        envelope
    }

    /// CANCEL, whole.
    #[must_use]
    pub fn cancel(id: u64) -> Envelope {
        Envelope::new(kind::CANCEL, 0).varint(id)
    }

    /// CREDIT, whole.
    #[must_use]
    pub fn credit(id: u64, messages: u64, bytes: u64) -> Envelope {
        Envelope::new(kind::CREDIT, 0).varint(id).varint(messages).varint(bytes)
    }

    /// PING, whole.
    #[must_use]
    pub fn ping(number: u64) -> Envelope {
        Envelope::new(kind::PING, 0).varint(number)
    }

    /// PONG, whole.
    #[must_use]
    pub fn pong(number: u64) -> Envelope {
        Envelope::new(kind::PONG, 0).varint(number)
    }

    /// GOAWAY, whole.
    #[must_use]
    pub fn go_away(drain_ms: u64) -> Envelope {
        Envelope::new(kind::GOAWAY, 0).varint(drain_ms)
    }

    pub(in crate::protocol) fn rare(kind: u8) -> Vec<u8> {
        vec![kind, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_envelope_fits() {
        let longest = Message {
            id: u64::MAX,
            reply_to: Some(u64::MAX),
            wants_reply: true,
            wants_answer: false,
            answers: false,
            depth: 32,
            method: MethodId::from_u32(u32::MAX),
            deadline_ms: Some(u64::MAX),
            metadata: None,
            body: &[],
        };
        let envelope = encode::message(&longest);
        assert_eq!(envelope.as_slice().len(), 37);
        assert_eq!(Frame::parse(envelope.as_slice()), Ok(Frame::Message(longest)));
        assert!(encode::credit(u64::MAX, u64::MAX, u64::MAX).as_slice().len() <= Envelope::CAPACITY);
    }

    #[test]
    fn undefined_flags_and_kinds_are_refused() {
        assert!(Frame::parse(&[kind::MESSAGE, 0x40, 1, 0, 0, 0, 0, 0]).is_err());
        assert!(Frame::parse(&[kind::MESSAGE, WANTS_ANSWER, 1, 0, 0, 0, 0, 0]).is_ok());
        assert!(Frame::parse(&[kind::MESSAGE, WANTS_ANSWER | WANTS_REPLY, 1, 0, 0, 0, 0, 0]).is_err());
        assert!(Frame::parse(&[kind::MESSAGE, ANSWERS, 1, 0, 0, 0, 0, 0]).is_err(), "an answer to nothing");
        assert!(Frame::parse(&[kind::CANCEL, 1, 3]).is_err());
        assert!(Frame::parse(&[kind::ITEM, 1, 3]).is_err());
        assert!(Frame::parse(&[kind::RETURN, OPENS, 3, 0]).is_err(), "a stream is opened without a value");
        assert!(Frame::parse(&[kind::END, 0, 3, 0]).is_err(), "a complete stream ends without a body");
        assert!(Frame::parse(&[kind::END, FAILED, 3]).is_err(), "a failure without its class");
        assert!(Frame::parse(&[0x55, 0]).is_err());
        assert!(Frame::parse(&[kind::CANCEL, 0, 3, 0]).is_err(), "bytes behind the last field");
        assert_eq!(Frame::parse(&[0xfe]), Ok(Frame::Ignored));
        assert!(Frame::parse(&[]).is_err());
    }

    #[test]
    fn metadata_is_bounded() {
        let mut frame = vec![kind::MESSAGE, HAS_METADATA, 1, 0, 0, 0, 0, 0, 17];
        frame.extend([0; 34]);
        assert!(Frame::parse(&frame).is_err(), "17 keys");
        let twice = [kind::MESSAGE, HAS_METADATA, 1, 0, 0, 0, 0, 0, 2, 1, b'a', 0, 1, b'a', 0];
        assert!(Frame::parse(&twice).is_err(), "a key twice");
    }
}
