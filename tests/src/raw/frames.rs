//! The wire, written and read by hand: a second implementation, so that a mistake in the first is seen.

use ws_core::Encoding;

pub const HELLO: u8 = 1;
pub const WELCOME: u8 = 2;
pub const REJECT: u8 = 3;
pub const MESSAGE: u8 = 4;
pub const RETURN: u8 = 5;
pub const FAIL: u8 = 6;
pub const CANCEL: u8 = 7;
pub const CREDIT: u8 = 8;
pub const ITEM: u8 = 9;
pub const END: u8 = 10;
pub const PING: u8 = 11;
pub const PONG: u8 = 12;
pub const GOAWAY: u8 = 13;

/// The classes of FAIL.
pub mod class {
    pub const TIMEOUT: u8 = 1;
    pub const UNKNOWN_METHOD: u8 = 3;
    pub const NO_PROVIDER: u8 = 4;
    pub const NO_REPLY: u8 = 5;
    pub const SCHEMA_MISMATCH: u8 = 6;
    pub const INVALID_ARGUMENTS: u8 = 7;
    pub const OVERLOADED: u8 = 8;
    pub const DENIED: u8 = 9;
    pub const TOO_LARGE: u8 = 10;
    pub const INTERNAL: u8 = 11;
}

/// The flags of MESSAGE.
pub mod flag {
    pub const WANTS_REPLY: u8 = 1;
    pub const HAS_REPLY_TO: u8 = 2;
    pub const HAS_DEADLINE: u8 = 4;
    pub const HAS_METADATA: u8 = 8;
}

/// LEB128.
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Frames in one message, each behind its length.
pub fn batch(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        bytes.extend(varint(frame.len() as u64));
        bytes.extend(frame);
    }
    bytes
}

/// 32-bit FNV-1a of `Contract.method`.
pub fn method_id(name: &str) -> [u8; 4] {
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_le_bytes()
}

/// Kind, no flags, numbers.
pub fn plain(kind: u8, numbers: &[u64]) -> Vec<u8> {
    let mut frame = vec![kind, 0];
    numbers.iter().for_each(|number| frame.extend(varint(*number)));
    frame
}

/// What a HELLO says beside its header.
#[derive(Clone, Copy, Debug)]
pub struct Hello {
    pub version: u64,
    /// `max_message`, `max_in_flight`, `max_call_bytes`, event messages, event bytes, ping interval.
    pub announced: [u64; 6],
    /// Streams, and the items and bytes of each; announced before the ping interval.
    pub streams: [u64; 3],
}

impl Default for Hello {
    fn default() -> Self {
        Self {
            version: 1,
            announced: [1 << 20, 256, 4 << 20, 256, 1 << 20, 15_000],
            streams: [64, 32, 8 << 10],
        }
    }
}

impl Hello {
    /// The announced limits, as they travel.
    pub fn limits(&self) -> Vec<u8> {
        let (first, ping) = self.announced.split_at(5);
        [first, &self.streams, ping].concat().into_iter().flat_map(varint).collect()
    }

    /// The frame, with no fingerprints and this header.
    pub fn with_header(&self, header: &[u8]) -> Vec<u8> {
        let mut frame = plain(HELLO, &[self.version, 0]);
        frame.extend(self.limits());
        frame.extend([0, 0]);
        frame.extend(header);
        frame
    }

    /// The WELCOME that announces the same, with no mismatches.
    pub fn welcome(&self) -> Vec<u8> {
        let mut frame = plain(WELCOME, &[self.version, 0]);
        frame.extend(self.limits());
        frame.push(0);
        frame
    }
}

/// A REJECT that leaves no tries.
pub fn reject(version: u64, code: u16, reason: &[u8]) -> Vec<u8> {
    reject_try(version, code, 0, reason)
}

/// A REJECT that leaves this many tries.
pub fn reject_try(version: u64, code: u16, retry: u8, reason: &[u8]) -> Vec<u8> {
    let mut frame = plain(REJECT, &[version]);
    frame.extend(code.to_le_bytes());
    frame.push(retry);
    frame.extend(reason);
    frame
}

/// A MESSAGE with any flags; `between` is what stands between the method and the arguments.
pub fn message(flags: u8, id: u64, depth: u8, method: &str, between: &[u8], arguments: &[u8]) -> Vec<u8> {
    let mut frame = vec![MESSAGE, flags];
    frame.extend(varint(id));
    frame.push(depth);
    frame.extend(method_id(method));
    frame.extend(between);
    frame.extend(arguments);
    frame
}

/// A call at depth 0, without a deadline.
pub fn call(id: u64, method: &str, arguments: &[u8]) -> Vec<u8> {
    message(flag::WANTS_REPLY, id, 0, method, &[], arguments)
}

/// An event.
pub fn event(id: u64, method: &str, arguments: &[u8]) -> Vec<u8> {
    message(0, id, 0, method, &[], arguments)
}

/// A message that answers `reply_to`; `flags` beside that one.
pub fn answer(flags: u8, id: u64, reply_to: u64, method: &str, arguments: &[u8]) -> Vec<u8> {
    let mut frame = vec![MESSAGE, flags | flag::HAS_REPLY_TO];
    frame.extend(varint(id));
    frame.extend(varint(reply_to));
    frame.push(0);
    frame.extend(method_id(method));
    frame.extend(arguments);
    frame
}

pub fn ret(id: u64, body: &[u8]) -> Vec<u8> {
    [plain(RETURN, &[id]), body.to_vec()].concat()
}

pub fn fail(id: u64, class: u8, body: &[u8]) -> Vec<u8> {
    [plain(FAIL, &[id]), vec![class], body.to_vec()].concat()
}

pub fn cancel(id: u64) -> Vec<u8> {
    plain(CANCEL, &[id])
}

/// A value in an encoding, which is not what is under test here.
pub fn encoded<T: serde::Serialize>(encoding: Encoding, value: &T) -> Vec<u8> {
    encoding.encode(value, 64 << 20).expect("an honest value").payload().to_vec()
}

/// A frame of the toolkit, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Hello { version: u64 },
    Welcome { version: u64, announced: [u64; 9] },
    Reject { version: u64, code: u16, retry: u8, reason: String },
    Message { flags: u8, id: u64, depth: u8, method: [u8; 4], rest: Vec<u8> },
    Return { id: u64, body: Vec<u8> },
    Fail { id: u64, class: u8, body: Vec<u8> },
    Cancel(u64),
    Credit { id: u64, messages: u64, bytes: u64 },
    Ping(u64),
    Pong(u64),
    GoAway(u64),
}

/// The frames of a message.
///
/// # Panics
/// Where it is malformed: the toolkit must not send such.
pub fn split(message: &[u8]) -> Vec<&[u8]> {
    let mut rest = message;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let length = take_varint(&mut rest) as usize;
        let (frame, after) = rest.split_at(length);
        frames.push(frame);
        rest = after;
    }
    assert!(!frames.is_empty(), "a message without a frame");
    frames
}

/// One frame.
///
/// # Panics
/// As [`split`].
pub fn read(frame: &[u8]) -> Frame {
    let (kind, flags, mut rest) = (frame[0], frame[1], &frame[2..]);
    assert!(kind == MESSAGE || flags == 0, "flags on {frame:?}");
    let rest = &mut rest;
    let parsed = match kind {
        HELLO => return Frame::Hello { version: take_varint(rest) },
        WELCOME => {
            let (version, _features) = (take_varint(rest), take_varint(rest));
            return Frame::Welcome { version, announced: std::array::from_fn(|_| take_varint(rest)) };
        }
        REJECT => {
            let version = take_varint(rest);
            let code = u16::from_le_bytes([rest[0], rest[1]]);
            let (retry, reason) = (rest[2], String::from_utf8(rest[3..].to_vec()).expect("a reason is text"));
            return Frame::Reject { version, code, retry, reason };
        }
        MESSAGE => {
            let id = take_varint(rest);
            if flags & flag::HAS_REPLY_TO != 0 {
                take_varint(rest);
            }
            let (depth, method) = (rest[0], [rest[1], rest[2], rest[3], rest[4]]);
            return Frame::Message { flags, id, depth, method, rest: rest[5..].to_vec() };
        }
        RETURN => return Frame::Return { id: take_varint(rest), body: rest.to_vec() },
        FAIL => {
            let id = take_varint(rest);
            return Frame::Fail { id, class: rest[0], body: rest[1..].to_vec() };
        }
        CANCEL => Frame::Cancel(take_varint(rest)),
        CREDIT => {
            Frame::Credit { id: take_varint(rest), messages: take_varint(rest), bytes: take_varint(rest) }
        }
        PING => Frame::Ping(take_varint(rest)),
        PONG => Frame::Pong(take_varint(rest)),
        GOAWAY => Frame::GoAway(take_varint(rest)),
        _ => panic!("a frame of an unknown kind: {frame:?}"),
    };
    assert!(rest.is_empty(), "bytes behind {parsed:?}");
    parsed
}

fn take_varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for (i, byte) in rest.iter().enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *rest = &rest[i + 1..];
            return value;
        }
    }
    panic!("a number is cut short");
}

/// One frame of the WebSocket protocol (RFC 6455, 5.2): `first` holds FIN, RSV and opcode.
pub fn websocket(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = websocket_head(first, mask, payload.len() as u64);
    match mask {
        None => bytes.extend(payload),
        Some(mask) => bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask)),
    }
    bytes
}

/// The head of a WebSocket frame that claims this length.
pub fn websocket_head(first: u8, mask: Option<[u8; 4]>, length: u64) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(masked | length as u8),
        126..0x1_0000 => {
            bytes.push(masked | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(mask.into_iter().flatten());
    bytes
}
