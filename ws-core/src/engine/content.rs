//! What a message of this side carries: arguments for it alone, or what many share.

use bytes::Bytes;

use crate::codec::Body;
use crate::protocol::{Envelope, Message, encode};
use crate::service::MethodId;

/// What a message carries.
#[derive(Debug)]
pub(crate) enum Content {
    /// Arguments that were encoded for it alone.
    Own(Body),
    /// Arguments that several calls share (R32).
    Shared(Bytes),
    /// The whole frame of an event that goes to many (R32).
    Frame(SharedFrame),
}

impl Content {
    /// Bytes of the arguments.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Own(body) => body.len(),
            Self::Shared(body) => body.len(),
            Self::Frame(frame) => frame.payload().len(),
        }
    }

    /// Bytes of the frame as far as they are here: of one that many share all, metadata included.
    pub(crate) fn frame_len(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Own(_) | Self::Shared(_) => self.len(),
        }
    }
}

impl From<Body> for Content {
    fn from(body: Body) -> Self {
        Self::Own(body)
    }
}

/// The whole frame of a broadcast event, its length in front: the same bytes for everybody who speaks its encoding, for
/// its id is 0 (R19, R32).
#[derive(Clone)]
pub(crate) struct SharedFrame {
    bytes: Bytes,
    /// Where the arguments begin.
    payload: usize,
    /// What the bytes before the frame count for: its length.
    prefix: usize,
}

impl SharedFrame {
    /// An event of `method` with this metadata, already encoded, and these arguments.
    pub(crate) fn new(method: MethodId, metadata: &[u8], body: Body) -> Self {
        let has_metadata = !metadata.is_empty();
        let envelope = encode::message(&Message {
            id: 0,
            reply_to: None,
            wants_reply: false,
            wants_answer: false,
            answers: false,
            depth: 0,
            method,
            deadline_ms: None,
            metadata: has_metadata.then(crate::context::Metadata::new),
            body: &[],
        });
        let arguments = body.len();
        let length = envelope.len() + metadata.len() + arguments;
        let bytes = if has_metadata {
            let body = Body::from_bytes(&[metadata, body.payload()].concat());
            framed(envelope, body)
        } else {
            framed(envelope, body)
        };
        Self { payload: bytes.len() - arguments, prefix: bytes.len() - length, bytes }
    }

    /// Its length, then the frame.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// How long the frame is, its length not counted.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.prefix
    }

    /// The arguments.
    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload..).unwrap_or_default()
    }
}

/// A frame behind its length, made in front of the body without copying it.
fn framed(envelope: Envelope, body: Body) -> Bytes {
    let length = body.len();
    in_front(envelope, length, body.into_buffer())
}

/// The same, without the bytes that end the body and lie elsewhere; and these.
pub(super) fn framed_parts(envelope: Envelope, body: Body) -> (Bytes, Option<Bytes>) {
    let length = body.len();
    let (buffer, tail) = body.into_parts();
    (in_front(envelope, length, buffer), tail)
}

fn in_front(mut envelope: Envelope, body: usize, mut buffer: Vec<u8>) -> Bytes {
    let prefix = envelope.behind_length(body);
    // The prefix is at most 50 bytes, the headroom is 64.
    let start = Body::HEADROOM - prefix.len();
    buffer[start..Body::HEADROOM].copy_from_slice(prefix);
    Bytes::from(buffer).slice(start..)
}

/// Lengths only: what it carries is the application's.
impl std::fmt::Debug for SharedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedFrame").field("len", &self.len()).finish_non_exhaustive()
    }
}
