//! Streams byte by byte (P47 to P50), with a server under test and a client played by hand.

use std::future::poll_fn;
use std::sync::Arc;

use ws_core::transport::{MemoryTransport, Received, Transport, memory_pair};
use ws_core::{Encoding, Limits};
use ws_server::{Acceptor, WebSocketServer};
use ws_tests::fixture::until_true;
use ws_tests::raw::frames::{Hello, batch, flag, message};

use super::contract::{Counts, Flow};

struct Played {
    end: MemoryTransport,
    read: Vec<u8>,
    _server: WebSocketServer<(), Flow, ()>,
    counts: Arc<Counts>,
}

impl Played {
    async fn open(limits: Limits) -> Self {
        let counts = Arc::new(Counts::default());
        let served = Flow { counts: Arc::clone(&counts) };
        let (ours, theirs) = memory_pair(64);
        let server = WebSocketServer::<(), Flow, ()>::builder().limits(limits).build().expect("good limits");
        let attached = server.clone();
        tokio::spawn(async move {
            let handler = move |acceptor: Acceptor<(), Flow, ()>| {
                let served = served.clone();
                async move { acceptor.accept(served).await.map(drop).map_err(Into::into) }
            };
            attached.attach(theirs, Encoding::Bincode, handler).await
        });
        let mut played = Self { end: ours, read: Vec::new(), _server: server, counts };
        played.send([Hello::default().with_header(&[])]).await;
        let welcome = played.frame().await;
        assert_eq!(welcome[0], 2);
        played
    }

    async fn send(&mut self, frames: impl IntoIterator<Item = Vec<u8>>) {
        self.end.start_send(batch(frames).into()).expect("the server is there");
        poll_fn(|cx| self.end.poll_flush(cx)).await.expect("the server is there");
    }

    /// The next frame.
    async fn frame(&mut self) -> Vec<u8> {
        while self.read.is_empty() {
            match poll_fn(|cx| self.end.poll_receive(cx)).await {
                Received::Message(message) => self.read.extend_from_slice(&message),
                other => panic!("{other:?}"),
            }
        }
        // All frames here are shorter than 128 bytes.
        let length = usize::from(self.read[0]);
        let frame = self.read[1..=length].to_vec();
        self.read.drain(..=length);
        frame
    }

    async fn expect(&mut self, frames: &[&[u8]]) {
        for expected in frames {
            assert_eq!(self.frame().await, *expected);
        }
    }

    async fn close_code(&mut self) -> Option<u16> {
        loop {
            match poll_fn(|cx| self.end.poll_receive(cx)).await {
                Received::Message(_) | Received::Alive => {}
                Received::Close(frame) => return frame.map(|(code, _)| code),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn call(id: u64, method: &str, arguments: &[u8]) -> Vec<u8> {
    message(flag::WANTS_REPLY, id, 0, method, &[], arguments)
}

#[tokio::test]
async fn p47_a_stream_of_values() {
    let mut client = Played::open(Limits::default()).await;
    client.send([call(5, "Flow.count", &[7, 3])]).await;
    client.expect(&[&[5, 1, 5], &[9, 0, 5, 7], &[9, 0, 5, 8], &[9, 0, 5, 9], &[10, 0, 5]]).await;
    client.send([call(7, "Flow.fail_at", &[1])]).await;
    client.expect(&[&[5, 1, 7], &[9, 0, 7, 0], &[10, 1, 7, 0, 1]]).await;
}

#[tokio::test]
async fn p48_an_upload() {
    let mut client = Played::open(Limits::default()).await;
    // 1 + 2 + 3, in zigzag.
    let items = [2, 4, 6].map(|item| vec![9, 0, 5, item]);
    client.send([call(5, "Flow.sum", &[])]).await;
    client.send(items.into_iter().chain([vec![10, 0, 5]])).await;
    client.expect(&[&[5, 0, 5, 12]]).await;
    // One that fails.
    client.send([call(7, "Flow.sum", &[]), vec![10, 1, 7, 11, 1, 0, 0, 0, 0, 0, 0, 0]]).await;
    client.expect(&[&[5, 0, 7, 1]]).await;
}

/// No more than the credit, then what CREDIT adds, in totals.
#[tokio::test]
async fn p49_credit() {
    let mut client = Played::open(Limits::default()).await;
    client.send([call(5, "Flow.count", &[0, 100])]).await;
    client.expect(&[&[5, 1, 5]]).await;
    for item in 0..32 {
        client.expect(&[&[9, 0, 5, item]]).await;
    }
    client.send([vec![8, 0, 5, 34, 100], vec![11, 0, 1]]).await;
    // The PONG may come anywhere; two items come, and no third.
    let mut frames = [client.frame().await, client.frame().await, client.frame().await];
    frames.sort();
    assert_eq!(frames, [vec![9, 0, 5, 32], vec![9, 0, 5, 33], vec![12, 0, 1]]);
    assert_eq!(client.counts.made(), 35, "one more waits for its credit");
    client.send([vec![7, 0, 5]]).await;
    until_true(|| client.counts.live() == 0).await;
}

#[tokio::test]
async fn p49_an_item_beyond_the_credit() {
    let mut client = Played::open(Limits::default().stream_items(2)).await;
    // A call that reads one item and no more would stop it; this one never does.
    client.send([call(5, "Flow.doubled", &[])]).await;
    client.expect(&[&[5, 1, 5]]).await;
    client.send((0..200).map(|_| vec![9, 0, 5, 2])).await;
    assert_eq!(client.close_code().await, Some(1002));
    until_true(|| client.counts.live() == 0).await;
}

/// A CANCEL of the receiver's parity stops the upload; the call goes on.
#[tokio::test]
async fn p50_an_upload_that_is_not_wanted() {
    let mut client = Played::open(Limits::default()).await;
    client.send([call(5, "Flow.first", &[]), vec![9, 0, 5, 8]]).await;
    client.expect(&[&[7, 0, 5]]).await;
    // It crosses the CANCEL.
    client.send([vec![9, 0, 5, 8], vec![10, 0, 5]]).await;
    client.expect(&[&[5, 0, 5, 1, 8]]).await;
    // It crosses the answer.
    client.send([vec![9, 0, 5, 8], vec![10, 0, 5], vec![8, 0, 5, 9, 9], vec![11, 0, 1]]).await;
    client.expect(&[&[12, 0, 1]]).await;
}
