//! One end of a connection that is played by hand, and the limits of the other one.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use ws_core::Limits;
use ws_core::protocol::Frames;
use ws_core::transport::{MemoryTransport, Received, Transport};

use super::blocks::hex;

/// The end that is played.
pub struct Played {
    end: MemoryTransport,
    /// Received, and not expected yet. Messages are joined: where one ends means nothing (P2).
    stream: VecDeque<u8>,
    /// Whether close frames have been exchanged.
    over: bool,
}

impl Played {
    pub fn new(end: MemoryTransport) -> Self {
        Self { end, stream: VecDeque::new(), over: false }
    }

    pub async fn send(&mut self, message: Vec<u8>) {
        self.end.start_send(Bytes::from(message)).expect("the connection is open");
        poll_fn(|cx| self.end.poll_flush(cx)).await.expect("the connection is open");
    }

    pub async fn close(&mut self, code: u16) {
        self.end.start_close(code, "").expect("the connection is open");
        poll_fn(|cx| self.end.poll_flush(cx)).await.expect("the connection is open");
        self.over = true;
    }

    async fn receive(&mut self) -> Received {
        poll_fn(|cx| self.end.poll_receive(cx)).await
    }

    /// Receives these bytes, `None` standing for any, and no others before them.
    pub async fn expect(&mut self, expected: &[Option<u8>], place: &str) {
        while self.stream.len() < expected.len() {
            match self.receive().await {
                Received::Message(message) => self.stream.extend(message),
                other => panic!("{place}: {other:?} in place of {expected:02x?}"),
            }
        }
        let received: Vec<u8> = self.stream.drain(..expected.len()).collect();
        let matches =
            expected.iter().zip(&received).all(|(expected, byte)| expected.is_none_or(|e| e == *byte));
        let wanted: Vec<u8> = expected.iter().map(|byte| byte.unwrap_or_default()).collect();
        assert!(matches, "{place}\n received {}\n in place of {}", hex(&received), hex(&wanted));
    }

    /// Receives one frame, whatever it says, that begins with this kind.
    pub async fn expect_kind(&mut self, kind: u8, place: &str) {
        while self.stream.is_empty() {
            match self.receive().await {
                Received::Message(message) => self.stream.extend(message),
                other => panic!("{place}: {other:?} in place of a frame of kind {kind}"),
            }
        }
        let message: Vec<u8> = self.stream.drain(..).collect();
        let frames: Vec<_> = Frames::new(&message).map(|frame| frame.expect("a good frame")).collect();
        assert_eq!(frames.len(), 1, "{place}");
        assert_eq!(frames[0][0], kind, "{place}");
    }

    /// Receives a close frame, after any messages, and answers it; gives its code.
    pub async fn closed_after_anything(&mut self, place: &str) -> u16 {
        loop {
            match self.receive().await {
                Received::Message(_) => {}
                Received::Close(Some((code, _))) => {
                    self.answer_close().await;
                    return code;
                }
                other => panic!("{place}: {other:?} in place of a close frame"),
            }
        }
    }

    /// Receives this close frame and nothing before it.
    pub async fn expect_close(&mut self, code: u16, place: &str) {
        assert!(self.stream.is_empty(), "{place}: more than was expected: {:02x?}", self.stream);
        match self.receive().await {
            Received::Close(Some((closed, _))) => assert_eq!(closed, code, "{place}"),
            other => panic!("{place}: {other:?} in place of a close frame"),
        }
        self.answer_close().await;
    }

    /// Nothing has come, and nothing comes by itself.
    pub async fn expect_nothing(&mut self, place: &str) {
        assert!(self.stream.is_empty(), "{place}: more than was expected: {:02x?}", self.stream);
        if self.over {
            return;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let next = poll_fn(|cx| Poll::Ready(self.end.poll_receive(cx))).await;
        assert_eq!(next, Poll::Pending, "{place}: it was not expected");
    }

    /// The transport has taken the answer, which only wants flushing; the other side may be gone.
    async fn answer_close(&mut self) {
        let _ = poll_fn(|cx| self.end.poll_flush(cx)).await;
        self.over = true;
    }
}

/// `max_in_flight=1 event_messages=2`: limits that differ from the defaults, by the names of P15.
pub fn limits(text: Option<&str>) -> Limits {
    let mut limits = Limits::default();
    for pair in text.into_iter().flat_map(str::split_whitespace) {
        let (key, value) = pair.split_once('=').expect("key=value");
        let value: usize = value.parse().expect("a number");
        let small = u32::try_from(value).expect("32 bits");
        limits = match key {
            "max_message" => limits.max_message(value),
            "max_header" => limits.max_header(value),
            "max_in_flight" => limits.max_in_flight(small),
            "event_messages" => limits.event_lane_messages(small),
            "event_bytes" => limits.event_lane_bytes(value),
            "max_streams" => limits.max_streams(small),
            "stream_items" => limits.stream_items(small),
            "stream_bytes" => limits.stream_bytes(value),
            key => panic!("what is {key}?"),
        };
    }
    limits
}
