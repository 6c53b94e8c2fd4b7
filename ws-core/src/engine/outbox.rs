//! What waits to be written: frames gathered into batches, bounded in bytes (R38).

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::content::{Content, SharedFrame, framed_parts};
use crate::codec::{Body, SHARED};
use crate::limits::BATCH_BYTES;
use crate::protocol::{Envelope, MAX_VARINT, put_length};

/// A body from this size on is not copied into a batch but travels alone, behind its envelope.
const ALONE: usize = SHARED;

pub(super) struct Outbox {
    /// Whole WebSocket messages, in order, before `open`.
    sealed: VecDeque<Batch>,
    /// The batch that grows.
    open: BytesMut,
    queued: usize,
    limit: usize,
    /// Where the reserve begins: the limit, or the end of the frame that exceeded it. So a large frame leaves the
    /// reserve alone.
    floor: usize,
    reserve: usize,
    /// Bytes ever appended, and ever taken: tells whether a frame has left.
    appended: u64,
    taken: u64,
}

/// One WebSocket message to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// Frames of ours.
    Binary(Bytes),
    /// One large frame, the end of which lies elsewhere.
    Tailed(Bytes, Bytes),
    /// A text of the application's.
    Text(String),
}

impl Batch {
    /// What it counts for: a text is never batched, so that a short one costs more than its bytes.
    const TEXT_COST: usize = 64;

    fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Tailed(head, tail) => head.len() + tail.len(),
            Self::Text(text) => text.len() + Self::TEXT_COST,
        }
    }
}

/// Lengths only: what is queued are the application's payloads.
impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("queued", &self.queued)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    pub(super) fn new(limit: usize, reserve: usize) -> Self {
        Self {
            sealed: VecDeque::new(),
            open: BytesMut::new(),
            queued: 0,
            limit,
            floor: limit,
            reserve,
            appended: 0,
            taken: 0,
        }
    }

    /// Whether a frame may be appended; the last one may exceed the limit, or one as large could never leave.
    pub(super) const fn has_room(&self) -> bool {
        self.queued < self.limit
    }

    /// Bytes until the limit.
    pub(super) const fn room(&self) -> usize {
        self.limit.saturating_sub(self.queued)
    }

    /// Whether a small frame fits into the reserve.
    pub(super) const fn has_reserve(&self, bytes: usize) -> bool {
        self.queued + bytes <= self.floor + self.reserve
    }

    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// The position behind the last frame appended; compare with [`has_left`](Self::has_left).
    pub(super) const fn position(&self) -> u64 {
        self.appended
    }

    /// Whether the frame that ends at `position` was handed to the transport, in whole or in part.
    pub(super) const fn has_left(&self, position: u64) -> bool {
        position <= self.taken
    }

    /// Appends a frame whose body was encoded with headroom in front, where there was room.
    #[inline]
    pub(super) fn push(&mut self, envelope: &Envelope, metadata: &[u8], mut body: Body) {
        self.push_body(&mut { *envelope }, metadata, &mut body);
        self.floor = self.floor.max(self.queued);
    }

    /// The same, whatever the message carries; it is taken where it is not copied. A frame that many share is whole
    /// already.
    #[inline]
    pub(super) fn push_content(&mut self, envelope: &mut Envelope, metadata: &[u8], content: &mut Content) {
        match content {
            Content::Own(body) => self.push_body(envelope, metadata, body),
            Content::Shared(body) if body.len() < ALONE || !metadata.is_empty() => {
                self.append(envelope, metadata, body);
            }
            Content::Shared(body) => self.push_body(envelope, metadata, &mut Body::from_bytes(body)),
            Content::Frame(frame) => {
                self.push_shared(frame.clone());
            }
        }
        self.floor = self.floor.max(self.queued);
    }

    /// A frame that many share: its bytes are not copied where it is large, or where nothing else waits, as it is
    /// nearly always. Whether it is shared indeed.
    pub(super) fn push_shared(&mut self, frame: SharedFrame) -> bool {
        let bytes = frame.into_bytes();
        if bytes.len() >= ALONE || self.queued == 0 {
            self.seal();
            self.count(bytes.len());
            self.sealed.push_back(Batch::Binary(bytes));
            self.floor = self.floor.max(self.queued);
            return true;
        }
        self.push_frames(&bytes);
        false
    }

    /// Appends small frames that are whole, each behind its length.
    pub(super) fn push_frames(&mut self, frames: &[u8]) {
        if self.open.len() + frames.len() > BATCH_BYTES {
            self.seal();
        }
        self.open.extend_from_slice(frames);
        self.count(frames.len());
        self.floor = self.floor.max(self.queued);
    }

    #[inline]
    fn push_body(&mut self, envelope: &mut Envelope, metadata: &[u8], body: &mut Body) {
        if body.len() < ALONE || !metadata.is_empty() {
            return self.append(envelope, metadata, body.payload());
        }
        self.seal();
        let (message, tail) = framed_parts(*envelope, std::mem::take(body));
        let batch = match tail {
            None => Batch::Binary(message),
            Some(tail) => Batch::Tailed(message, tail),
        };
        self.count(batch.len());
        self.sealed.push_back(batch);
    }

    /// Appends a text, which is a WebSocket message of its own.
    pub(super) fn push_text(&mut self, text: String) {
        self.seal();
        let text = Batch::Text(text);
        self.count(text.len());
        self.sealed.push_back(text);
        self.floor = self.floor.max(self.queued);
    }

    /// Appends a frame that is already whole.
    pub(super) fn push_frame(&mut self, frame: &[u8]) {
        self.make_room(frame.len() + MAX_VARINT);
        let before = self.open.len();
        put_length(frame.len(), |byte| self.open.put_u8(byte));
        self.open.put_slice(frame);
        self.count(self.open.len() - before);
    }

    /// Appends a frame from its parts.
    #[inline]
    pub(super) fn push_parts(&mut self, envelope: &Envelope, metadata: &[u8], body: &[u8]) {
        self.append(&mut { *envelope }, metadata, body);
    }

    fn append(&mut self, envelope: &mut Envelope, metadata: &[u8], body: &[u8]) {
        let more = metadata.len() + body.len();
        let head = envelope.behind_length(more);
        self.make_room(head.len() + more);
        self.open.extend_from_slice(head);
        if !metadata.is_empty() {
            self.open.extend_from_slice(metadata);
        }
        self.open.extend_from_slice(body);
        self.count(head.len() + more);
    }

    /// So many bytes more in the batch that grows, or in the next.
    fn make_room(&mut self, bytes: usize) {
        if self.open.len() + bytes > BATCH_BYTES {
            self.seal();
        }
        self.open.reserve(bytes);
    }

    /// Takes the next WebSocket message: a batch of frames, or one large frame.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let message = match self.sealed.pop_front() {
            Some(message) => message,
            None if self.open.is_empty() => return None,
            None => Batch::Binary(self.open.split().freeze()),
        };
        self.queued -= message.len();
        self.taken += message.len() as u64;
        if self.queued <= self.limit {
            self.floor = self.limit;
        }
        Some(message)
    }

    /// Forgets everything: the connection has ended.
    pub(super) fn clear(&mut self) {
        self.sealed = VecDeque::new();
        self.open = BytesMut::new();
        self.queued = 0;
        self.floor = self.limit;
    }

    /// Limits raise a reserve that refusals could use up; tests take it down again.
    #[cfg(test)]
    pub(super) fn set_reserve(&mut self, reserve: usize) {
        self.reserve = reserve;
    }

    /// Gives back what an idle connection does not need.
    pub(super) fn rest(&mut self) {
        if self.queued == 0 {
            self.open = BytesMut::new();
            self.sealed = VecDeque::new();
        }
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            let batch = self.open.split().freeze();
            self.sealed.push_back(Batch::Binary(batch));
        }
    }

    const fn count(&mut self, bytes: usize) {
        self.queued += bytes;
        self.appended += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Frames, encode};

    fn body(size: usize) -> Body {
        Body::from_bytes(&vec![7; size])
    }

    fn frames(message: &Batch) -> Vec<usize> {
        let Batch::Binary(message) = message else { panic!("frames") };
        Frames::new(message).map(|frame| frame.expect("well formed").len()).collect()
    }

    #[test]
    fn small_frames_share_a_message_and_large_ones_travel_alone() {
        let mut outbox = Outbox::new(1 << 20, 1 << 16);
        for size in [10, 20, 40_000, 30, 70_000] {
            outbox.push(&encode::ret(3), &[], body(size));
        }
        let messages: Vec<_> = std::iter::from_fn(|| outbox.take()).map(|m| frames(&m)).collect();
        assert_eq!(messages, [vec![13, 23], vec![40_003], vec![33], vec![70_003]]);
        assert_eq!(outbox.queued(), 0);
    }

    #[test]
    fn a_body_that_ends_elsewhere_travels_from_there() {
        let tail = Bytes::from(vec![7; ALONE]);
        let encoding = crate::codec::Encoding::available()[0];
        let arguments = ("a name", crate::codec::Sharing(&tail));
        let body = encoding.encode(&arguments, usize::MAX).expect("it can be encoded");
        let (length, plain) = (body.len(), body.payload().to_vec());
        let mut outbox = Outbox::new(1 << 20, 1 << 16);
        outbox.push(&encode::ret(3), &[], body);
        let queued = outbox.queued();
        let Some(Batch::Tailed(head, end)) = outbox.take() else { panic!("two pieces") };
        assert!(std::ptr::eq(end.as_ptr(), tail.as_ptr()), "it was copied");
        assert_eq!((queued, outbox.queued()), (head.len() + end.len(), 0));
        let message = Batch::Binary([head, end].concat().into());
        assert_eq!(frames(&message), [encode::ret(3).len() + length]);
        let Batch::Binary(message) = message else { unreachable!("just made") };
        assert!(message.ends_with(&plain));
    }

    #[test]
    fn a_batch_stays_within_64_kib() {
        let mut outbox = Outbox::new(1 << 20, 1 << 16);
        for _ in 0..100 {
            outbox.push(&encode::ret(3), &[], body(1000));
        }
        let messages: Vec<_> = std::iter::from_fn(|| outbox.take()).collect();
        assert_eq!(messages.len(), 2);
        assert!(messages.iter().all(|message| message.len() <= BATCH_BYTES));
    }

    #[test]
    fn a_position_tells_what_has_left() {
        let mut outbox = Outbox::new(1 << 20, 1 << 16);
        outbox.push(&encode::ret(3), &[], body(5));
        let first = outbox.position();
        outbox.take();
        outbox.push(&encode::ret(5), &[], body(5));
        assert!(outbox.has_left(first));
        assert!(!outbox.has_left(outbox.position()));
    }
}
