//! The WebSocket by itself, and against tungstenite's.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::incoming::{Incoming, Opcode};
use super::upgrading::Upgrading;
use super::{Received, Transport, WebSocketTransport};
use crate::limits::Limits;
use crate::protocol::code;

/// At the edges of every form of a length, and of what is read at once.
const SIZES: [usize; 10] = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000, 1 << 20];

fn filled(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31) as u8).collect()
}

fn limits() -> Limits {
    Limits::default()
}

async fn received<T: Transport>(transport: &mut T) -> Received {
    poll_fn(|cx| transport.poll_receive(cx)).await
}

async fn flushed<T: Transport>(transport: &mut T) {
    poll_fn(|cx| transport.poll_flush(cx)).await.expect("it can be written");
}

/// This side as client or server, with a peer by tungstenite.
async fn with_peer(server: bool) -> (WebSocketTransport<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (here, there) = duplex(4096);
    let config = Some(WebSocketConfig::default());
    let (ours, role) = if server {
        (WebSocketTransport::server(here, Vec::new(), &limits()), Role::Client)
    } else {
        (WebSocketTransport::client(here, Vec::new(), &limits()), Role::Server)
    };
    (ours, WebSocketStream::from_raw_socket(there, role, config).await)
}

#[tokio::test]
async fn every_size_goes_both_ways() {
    for server in [true, false] {
        let (mut ours, mut peer) = with_peer(server).await;
        let echo = tokio::spawn(async move {
            while let Some(Ok(message)) = peer.next().await {
                if message.is_close() {
                    // It answers by itself, when it is asked for more.
                    continue;
                }
                peer.send(message).await.expect("it can be written");
            }
        });
        for size in SIZES {
            // A part of something larger, and all of it.
            for message in [Bytes::from(filled(size + 1)).slice(1..), Bytes::from(filled(size))] {
                ours.start_send(message.clone()).expect("open");
                flushed(&mut ours).await;
                assert_eq!(received(&mut ours).await, Received::Message(message), "{size} bytes");
            }
            let text = "ä".repeat(size / 2);
            ours.start_text(text.clone()).expect("open");
            flushed(&mut ours).await;
            assert_eq!(received(&mut ours).await, Received::Text(text));
        }
        // Each size twice, and once as text.
        let least = 3 * SIZES.iter().sum::<usize>() as u64 - 20;
        assert!(ours.received() > least && ours.written() > least, "{} {}", ours.received(), ours.written());
        ours.start_close(1000, "done").expect("open");
        flushed(&mut ours).await;
        assert_eq!(received(&mut ours).await, Received::Close(Some((1000, "done".to_owned()))));
        assert!(ours.start_send(Bytes::new()).is_err(), "nothing follows a close");
        drop(ours);
        echo.await.expect("no panic");
    }
}

/// Takes some bytes at a time, and one slice only or all.
#[derive(Debug)]
struct Narrow {
    stream: DuplexStream,
    at_once: usize,
    vectored: bool,
}

impl AsyncRead for Narrow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let at_once = self.at_once.min(bytes.len());
        Pin::new(&mut self.stream).poll_write(cx, &bytes[..at_once])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        assert!(self.vectored, "it was not asked");
        self.poll_write(cx, &slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<_>>())
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn two_pieces_are_one_message_however_they_are_written() {
    let sides = [true, false].into_iter().flat_map(|server| [(server, true), (server, false)]);
    for (server, vectored) in sides {
        for at_once in [1, 7, 70_001, usize::MAX] {
            let (here, there) = duplex(1 << 16);
            let narrow = Narrow { stream: here, at_once, vectored };
            let (mut ours, role) = if server {
                (WebSocketTransport::server(narrow, Vec::new(), &limits()), Role::Client)
            } else {
                (WebSocketTransport::client(narrow, Vec::new(), &limits()), Role::Server)
            };
            let mut peer = WebSocketStream::from_raw_socket(there, role, None).await;
            // What passes the scratch in more than one part, where that takes no time.
            let (some, large) = if at_once < 100 { (301, 302) } else { (20_001, (600 << 10) + 3) };
            for (head, tail) in [(0, 1), (3, some), (1, large), (some, large)] {
                let (head, tail) = (Bytes::from(filled(head)), Bytes::from(filled(tail)));
                let whole = [head.clone(), tail.clone()].concat();
                ours.start_send_tailed(head, tail).expect("open");
                let (_, message) = tokio::join!(flushed(&mut ours), peer.next());
                let message = message.expect("open").expect("well formed");
                assert!(message == Message::Binary(whole.into()), "{server} {vectored} {at_once}");
            }
        }
    }
}

#[tokio::test]
async fn pings_and_the_peers_close_are_answered() {
    let (mut ours, mut peer) = with_peer(true).await;
    peer.send(Message::Ping(Bytes::from_static(b"there?"))).await.expect("open");
    assert_eq!(received(&mut ours).await, Received::Alive);
    assert_eq!(peer.next().await.expect("open").expect("a frame"), Message::Pong("there?".into()));
    peer.close(None).await.expect("open");
    assert_eq!(received(&mut ours).await, Received::Close(None));
    flushed(&mut ours).await;
    assert_eq!(peer.next().await.expect("an answer").expect("a frame"), Message::Close(None));
    assert!(ours.start_close(1000, "").is_err(), "it is answered already");
}

/// Frames as a server sends them: without masks.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).expect("short")], payload].concat()
}

fn client(read: Vec<u8>) -> (WebSocketTransport<DuplexStream>, DuplexStream) {
    let (here, there) = duplex(1024);
    (WebSocketTransport::client(here, read, &limits()), there)
}

#[tokio::test]
async fn parts_become_a_message_however_they_are_cut() {
    let bytes = [
        frame(0x02, b"on"),
        frame(0x89, b"in between"),
        frame(0x00, b""),
        frame(0x80, b"e"),
        frame(0x82, b"two"),
    ]
    .concat();
    for cut in 0..=bytes.len() {
        let (mut ours, mut there) = client(bytes[..cut].to_vec());
        there.write_all(&bytes[cut..]).await.expect("open");
        let mut messages = Vec::new();
        while messages.len() < 2 {
            match received(&mut ours).await {
                Received::Alive => {}
                Received::Message(message) => messages.push(message),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(messages, [&b"one"[..], b"two"]);
    }
}

#[tokio::test]
async fn what_the_rfc_forbids_is_refused() {
    let long = |first, length: u64| [&[first, 127][..], &length.to_be_bytes()].concat();
    let most = limits().max_websocket_message() as u64;
    let cases: [(&str, Vec<u8>, u16); 13] = [
        ("a reserved bit", frame(0xc2, b"a"), code::PROTOCOL),
        ("an opcode of no meaning", frame(0x83, b"a"), code::PROTOCOL),
        ("a control frame of no meaning", frame(0x8b, b"a"), code::PROTOCOL),
        (
            "a mask of a server",
            frame(0x82, b"").into_iter().zip([0, 0x80]).map(|(a, b)| a | b).collect(),
            code::PROTOCOL,
        ),
        ("a ping in parts", frame(0x09, b"a"), code::PROTOCOL),
        ("a long ping", [&[0x89, 126, 0, 126][..], &[0; 126]].concat(), code::PROTOCOL),
        ("a part of nothing", frame(0x80, b"a"), code::PROTOCOL),
        ("a message within another", [frame(0x02, b"a"), frame(0x82, b"b")].concat(), code::PROTOCOL),
        ("a close of one byte", frame(0x88, b"a"), code::PROTOCOL),
        ("a close that is not UTF-8", frame(0x88, &[3, 0xe8, 0xff]), code::INVALID_UTF8),
        ("a text that is not UTF-8", frame(0x81, &[0xff]), code::INVALID_UTF8),
        ("a claim beyond the limit", long(0x82, most + 1), code::TOO_LARGE),
        ("parts beyond the limit", [frame(0x02, b"a"), long(0x80, most)].concat(), code::TOO_LARGE),
    ];
    for (what, bytes, expected) in cases {
        let (mut ours, _there) = client(bytes);
        let refused = loop {
            match received(&mut ours).await {
                Received::Alive => {}
                other => break other,
            }
        };
        assert!(matches!(refused, Received::Violation(code, _) if code == expected), "{what}: {refused:?}");
    }
    let (mut ours, mut there) = with_raw_client();
    there.write_all(&frame(0x82, b"no mask")).await.expect("open");
    assert!(
        matches!(received(&mut ours).await, Received::Violation(code::PROTOCOL, _)),
        "no mask of a client"
    );
}

fn with_raw_client() -> (WebSocketTransport<DuplexStream>, DuplexStream) {
    let (here, there) = duplex(1024);
    (WebSocketTransport::server(here, Vec::new(), &limits()), there)
}

#[tokio::test]
async fn a_close_with_a_code_that_must_not_travel_is_a_violation_told_to_both() {
    let (mut ours, mut there) = client(frame(0x88, &[3, 0xed, b'x']));
    let told = Received::Close(Some((code::PROTOCOL, "Protocol violation".to_owned())));
    assert_eq!(received(&mut ours).await, told);
    flushed(&mut ours).await;
    let mut head = [0; 2];
    there.read_exact(&mut head).await.expect("an answer");
    assert_eq!(head, [0x88, 0x80 | 20], "masked");
}

#[tokio::test]
async fn only_the_newest_ping_is_answered_and_a_message_that_began_ends_first() {
    let (here, mut there) = duplex(16);
    let mut ours = WebSocketTransport::server(here, Vec::new(), &limits());
    ours.start_send(filled(100).into()).expect("open");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_flush(&mut cx).is_pending(), "sixteen bytes fit");
    for number in 0..3 {
        there.write_all(&[0x89, 0x81, 0, 0, 0, 0, number]).await.expect("open");
        assert_eq!(received(&mut ours).await, Received::Alive);
    }
    let reading = tokio::spawn(async move {
        let mut bytes = vec![0; 102 + 3];
        there.read_exact(&mut bytes).await.map(|_| (there, bytes))
    });
    flushed(&mut ours).await;
    let (mut there, bytes) = reading.await.expect("no panic").expect("all of it");
    assert_eq!(bytes[..2], [0x82, 100]);
    assert_eq!(bytes[2..102], filled(100));
    assert_eq!(bytes[102..], [0x8a, 1, 2], "the newest");
    drop(ours);
    assert_eq!(there.read(&mut [0]).await.expect("the end"), 0, "and no other");
}

#[tokio::test]
async fn a_message_that_was_taken_goes_before_the_answer_to_a_close() {
    let (here, mut there) = duplex(16);
    let mut ours = WebSocketTransport::server(here, Vec::new(), &limits());
    let mut cx = Context::from_waker(Waker::noop());
    let ping = [&[0x89, 0x80 | 30, 0, 0, 0, 0][..], &[9; 30]].concat();
    for part in ping.chunks(12) {
        there.write_all(part).await.expect("open");
        let _ = ours.poll_receive(&mut cx);
    }
    ours.start_send(Bytes::from_static(b"last")).expect("open");
    assert!(ours.poll_flush(&mut cx).is_pending(), "the answer to the ping is on its way");
    there.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.expect("open");
    assert_eq!(received(&mut ours).await, Received::Close(None));
    let reading = tokio::spawn(async move {
        let mut bytes = vec![0; 32 + 6 + 2];
        there.read_exact(&mut bytes).await.map(|_| bytes)
    });
    flushed(&mut ours).await;
    let bytes = reading.await.expect("no panic").expect("all of it");
    assert_eq!(bytes[32..], *b"\x82\x04last\x88\x00");
}

#[tokio::test]
async fn answers_that_are_never_read_end_the_connection() {
    let (here, mut there) = duplex(16);
    let mut ours = WebSocketTransport::server(here, Vec::new(), &limits());
    for _ in 0..1000 {
        there.write_all(&[0x89, 0x81, 0, 0, 0, 0, 7]).await.expect("open");
        match received(&mut ours).await {
            Received::Alive => {}
            other => return assert!(matches!(other, Received::Violation(code::POLICY, _)), "{other:?}"),
        }
    }
    panic!("a thousand answers are kept");
}

const AT_ONCE: usize = 1000;

/// Reads all of these bytes.
fn read(incoming: &mut Incoming, mut bytes: &[u8]) {
    let mut cx = Context::from_waker(Waker::noop());
    while !bytes.is_empty() {
        let read = incoming.poll_read(&mut bytes, &mut cx);
        assert!(matches!(read, Poll::Ready(Ok(_))));
    }
}

#[test]
fn what_was_taken_leaves_no_buffer_behind() {
    let mut incoming = Incoming::new(Vec::new(), false, 1 << 20, AT_ONCE);
    read(&mut incoming, &frame(0x82, &[7; 100]));
    let taken = incoming.next(0).expect("well formed").expect("whole");
    assert_eq!((taken.opcode, taken.payload.len()), (Opcode::Binary, 100));
    assert_eq!(incoming.held(), 0);
    let large = [&[0x82, 127][..], &5000_u64.to_be_bytes(), &[7; 5000]].concat();
    for part in large.chunks(AT_ONCE) {
        read(&mut incoming, part);
        let _ = incoming.next(0).expect("well formed");
    }
    assert_eq!(incoming.held(), 0, "nor does a large one");
}

#[test]
fn a_small_part_keeps_nothing_of_what_was_read_with_it() {
    let mut incoming = Incoming::new(Vec::new(), false, 1 << 20, AT_ONCE);
    read(&mut incoming, &[frame(0x82, &[1; 10]), frame(0x82, &[2; 120])].concat());
    let small = incoming.next(0).expect("well formed").expect("whole");
    assert!(small.payload.is_unique());
}

#[test]
fn a_claim_is_believed_only_as_far_as_bytes_follow() {
    let mut incoming = Incoming::new(Vec::new(), false, 1 << 20, AT_ONCE);
    let bytes = [&[0x82, 127][..], &(1_u64 << 20).to_be_bytes(), &[7; 10]].concat();
    read(&mut incoming, &bytes);
    assert_eq!(incoming.next(0), Ok(None));
    read(&mut incoming, &[7]);
    assert!(incoming.held() <= 4096, "{} bytes for a claim", incoming.held());
    for came in [1_000, 10_000, 100_000] {
        read(&mut incoming, &vec![7; came]);
        assert_eq!(incoming.next(0), Ok(None));
        assert!(incoming.held() <= 5 * (came + came / 9 + 4096), "{} for {came}", incoming.held());
    }
}

#[tokio::test]
async fn an_upgrade_leaves_what_follows_it() {
    for head in ["HTTP/1.1 101 Switching\r\nA: b\r\n\r\n", "HTTP/1.1 101 Switching\nA: b\n\n"] {
        let bytes = [head.as_bytes(), b"frames\r\n\r\nof it"].concat();
        let (here, mut there) = duplex(1024);
        there.write_all(&bytes).await.expect("open");
        let mut upgrading = Upgrading::new(here);
        let mut given = Vec::new();
        while given.len() < head.len() {
            let mut some = [0; 5];
            let count = upgrading.read(&mut some).await.expect("open");
            given.extend_from_slice(&some[..count]);
        }
        assert_eq!(given, head.as_bytes());
        assert_eq!(upgrading.into_parts().1, b"frames\r\n\r\nof it");
    }
}
