//! Frames as a stranger would write and read them.

use bytes::Bytes;

use crate::engine::Batch;
use crate::protocol::{Envelope, FailClass, Frame, Frames, Hello, Reject, Welcome, put_length};

/// One frame, owned, so that tests can compare what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Hello(Hello),
    Welcome(Welcome),
    Reject(Reject),
    Call {
        id: u64,
        depth: u8,
        deadline_ms: Option<u64>,
        body: usize,
    },
    Event {
        id: u64,
        body: usize,
    },
    Return(u64, Vec<u8>),
    Open(u64),
    Item(u64, usize),
    End(u64, Option<FailClass>),
    /// Of a stream: its id, items and bytes.
    StreamCredit(u64, u64, u64),
    Fail(u64, FailClass, Vec<u8>),
    Cancel(u64),
    Credit(u64, u64),
    Ping(u64),
    Pong(u64),
    GoAway(u64),
}

/// The frames of one WebSocket message; panics where they are not what the protocol allows.
pub(crate) fn read(message: &[u8]) -> Vec<Seen> {
    Frames::new(message).map(|frame| seen(frame.expect("whole frames"))).collect()
}

fn seen(frame: &[u8]) -> Seen {
    match Frame::parse(frame).expect("a well-formed frame") {
        Frame::Hello(fields) => Seen::Hello(Hello::parse(fields).expect("a HELLO")),
        Frame::Welcome(fields) => Seen::Welcome(Welcome::parse(fields).expect("a WELCOME")),
        Frame::Reject(fields) => Seen::Reject(Reject::parse(fields).expect("a REJECT")),
        Frame::Message(message) if message.wants_reply => Seen::Call {
            id: message.id,
            depth: message.depth,
            deadline_ms: message.deadline_ms,
            body: message.body.len(),
        },
        Frame::Message(message) => Seen::Event { id: message.id, body: message.body.len() },
        Frame::Return { id, body } => Seen::Return(id, body.to_vec()),
        Frame::Fail { id, class, body } => Seen::Fail(id, class, body.to_vec()),
        Frame::Cancel { id } => Seen::Cancel(id),
        Frame::Credit { id: 0, messages, bytes } => Seen::Credit(messages, bytes),
        Frame::Credit { id, messages, bytes } => Seen::StreamCredit(id, messages, bytes),
        Frame::Open { id } => Seen::Open(id),
        Frame::Item { id, body } => Seen::Item(id, body.len()),
        Frame::End { id, failure } => Seen::End(id, failure.map(|(class, _)| class)),
        Frame::Ping(number) => Seen::Ping(number),
        Frame::Pong(number) => Seen::Pong(number),
        Frame::GoAway { drain_ms } => Seen::GoAway(drain_ms),
        Frame::Ignored => panic!("a kind that nobody writes"),
    }
}

/// One WebSocket message out of these frames.
pub(crate) fn batch<F: AsRef<[u8]>>(frames: impl IntoIterator<Item = F>) -> Bytes {
    let mut message = Vec::new();
    for frame in frames {
        let frame = frame.as_ref();
        put_length(frame.len(), |byte| message.push(byte));
        message.extend_from_slice(frame);
    }
    message.into()
}

/// An envelope as a whole frame with this body.
pub(crate) fn whole(envelope: &Envelope, body: &[u8]) -> Vec<u8> {
    [envelope.as_slice(), body].concat()
}

/// The frames of a batch, which is no text.
pub(crate) fn binary(batch: Batch) -> Bytes {
    match batch {
        Batch::Binary(bytes) => bytes,
        Batch::Tailed(head, tail) => [head, tail].concat().into(),
        Batch::Text(text) => panic!("a text was not asked for: {text}"),
    }
}
