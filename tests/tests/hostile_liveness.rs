//! R33, R34: a peer that falls silent, dies, half closes or closes badly is gone within its time, for everybody and
//! for ever.

use std::time::Duration;

use futures::FutureExt;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use ws_core::{ClosedBy, Encoding, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, MEMORY, Over, WELCOME, hello};
use ws_tests::raw::frames::{self, Frame, Hello, call, event, plain, websocket};
use ws_tests::raw::{Raw, Seen, Wire, read_head, status_of};

fn beats() -> Limits {
    Limits::default()
        .ping_interval(Duration::from_millis(500))
        .ping_grace(Duration::from_millis(300))
        .close_grace(Duration::from_millis(100))
}

#[tokio::test(start_paused = true)]
async fn r33_a_silent_peer_is_pinged_once_then_4007() {
    let mut arena = Arena::open(MEMORY, beats()).await;
    let (mut raw, serving) = arena.joined().await;
    raw.send([call(1, "Target.hang", &[0])]).await;
    let began = Instant::now();
    assert!(matches!(raw.next().await, Seen::Frame(Frame::Ping(_))));
    assert_eq!(began.elapsed().as_millis() / 10, 50, "after the interval");
    arena.thrives().await;
    let Seen::Closed(Some((4007, _))) = raw.next().await else { panic!("a close 4007, and no second ping") };
    assert_eq!(began.elapsed().as_millis() / 10, 80, "after the interval and the grace");
    drop(raw);
    let info = serving.closed().await;
    assert_eq!((info.code, info.by), (4007, ClosedBy::Local));
    assert_eq!((serving.running(), arena.counts.live()), (0, 0));
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r33_a_silent_peer_that_does_not_even_close_is_gone_as_soon() {
    let mut arena = Arena::open(MEMORY, beats()).await;
    let (raw, serving) = arena.joined().await;
    let began = Instant::now();
    let info = serving.closed().await;
    assert_eq!((info.code, info.clean), (4007, false));
    assert_eq!(began.elapsed().as_millis() / 10, 80, "R33: no further grace for its close");
    arena.ends_well().await;
    drop(raw);
}

#[tokio::test(start_paused = true)]
async fn r33_whatever_comes_in_is_a_sign_of_life_and_silence_is_counted_from_it() {
    let mut arena = Arena::open(MEMORY, beats()).await;
    let signs = [
        ("a ping", websocket(0x89, Some([1; 4]), b"")),
        ("an unasked pong", websocket(0x8a, Some([1; 4]), b"")),
        ("a PONG", websocket(0x82, Some([0; 4]), &frames::batch([plain(frames::PONG, &[9])]))),
        ("a frame that may be skipped", websocket(0x82, Some([0; 4]), &[1, 0x80])),
        ("a stray RETURN", websocket(0x82, Some([0; 4]), &frames::batch([frames::ret(1, &[])]))),
        // A large message on a slow line; here of zeros, so that every byte is one more of it.
        ("a part of a message", vec![0]),
    ];
    for (what, bytes) in signs {
        let (mut raw, serving) = arena.joined().await;
        if bytes == [0] {
            raw.bytes(&frames::websocket_head(0x82, Some([0; 4]), 1 << 20)).await;
        }
        for _ in 0..8 {
            sleep(Duration::from_millis(750)).await;
            assert!(serving.is_open(), "{what}");
            raw.bytes(&bytes).await;
        }
        let last = Instant::now();
        arena.serves().await;
        assert_eq!(serving.closed().await.code, 4007, "{what}");
        assert_eq!(last.elapsed().as_millis() / 10, 80, "{what}: the interval and the grace");
        drop(raw);
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r34_a_peer_that_vanishes_is_gone_at_once() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    for how in ["reset", "end", "half close"] {
        let socket = arena.socket().await;
        if how == "reset" {
            socket.set_zero_linger().expect("a fresh socket");
        }
        let raw = Raw::upgrade(Box::new(socket), Encoding::Bincode).await;
        let (mut raw, serving) = arena.join(raw, Encoding::Bincode, Hello::default()).await;
        raw.send((0..10).map(|i| call(2 * i + 1, "Target.hang", &[0]))).await;
        raw.send([event(21, "Target.note", &frames::encoded(Encoding::Bincode, &"wait"))]).await;
        until_true(|| arena.counts.live() == 11).await;
        arena.thrives().await;
        if how == "half close" {
            // It could still read; a WebSocket ends as a whole nevertheless (RFC 6455, 7.1.4).
            raw.half_close().await;
            assert_eq!(raw.next().await, Seen::Lost);
        } else {
            drop(raw);
        }
        let info = serving.closed_within(Duration::from_secs(20)).await.expect("gone at once");
        assert_eq!((info.code, info.by, info.clean), (1006, ClosedBy::Network, false), "{how}: {info}");
        assert_eq!((serving.running(), arena.counts.live()), (0, 0), "{how}");
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r34_a_peer_that_vanishes_before_it_is_accepted_leaves_nothing() {
    let arena = Arena::open(Over::Socket, Limits::default()).await;
    let request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: ws-service.v1.bincode\r\n\r\n";
    let frame = websocket(0x82, Some([0; 4]), &frames::batch([hello(WELCOME)]));
    let all = [request.as_bytes(), &frame].concat();
    for how in ["reset", "end"] {
        // After every number of bytes there is a way to die.
        for length in (0..=all.len()).step_by(7).chain([request.len(), all.len() - 1, all.len()]) {
            let mut socket = arena.socket().await;
            if how == "reset" {
                socket.set_zero_linger().expect("a fresh socket");
            }
            socket.write_all(&all[..length]).await.expect("the server reads");
            drop(socket);
        }
        arena.thrives().await;
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r9_an_acceptance_that_races_with_the_end_leaves_nothing() {
    let arena = Arena::deciding(Over::Socket, Limits::default(), |taken, accept| {
        async move {
            for _ in 0..taken.header().token.len() {
                tokio::task::yield_now().await;
            }
            Ok(accept.accept(taken).await?)
        }
        .boxed()
    })
    .await;
    for round in 0..300 {
        let mut raw = arena.raw().await;
        let token = ".".repeat(round % 30);
        raw.send([hello(&token)]).await;
        if round % 2 == 0 {
            raw.bytes(&websocket(0x88, Some([0; 4]), &[])).await;
        }
        drop(raw);
    }
    arena.only_honest().await;
    assert_eq!(arena.server.connections().len(), 1);
    arena.ends_well().await;
}

#[tokio::test]
async fn r34_a_close_frame_is_answered_and_told() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let close = |payload: &[u8]| websocket(0x88, Some([5; 4]), payload);
    let code = |code: u16| close(&code.to_be_bytes());
    for (what, bytes, answer, told) in [
        ("no code", close(&[]), None, 1005),
        ("1000", code(1000), Some(1000), 1000),
        ("a code of ours", code(4999), Some(4999), 4999),
        ("a library's", code(3000), Some(3000), 3000),
        // RFC 6455, 7.4: these must not travel.
        ("1005", code(1005), Some(1002), 1002),
        ("1006", code(1006), Some(1002), 1002),
        ("1015", code(1015), Some(1002), 1002),
        ("0", code(0), Some(1002), 1002),
        ("999", code(999), Some(1002), 1002),
        ("5000", code(5000), Some(1002), 1002),
        ("65535", code(65535), Some(1002), 1002),
        ("1016, which is reserved", code(1016), Some(1002), 1002),
    ] {
        let (mut raw, serving) = arena.joined().await;
        raw.send([call(1, "Target.hang", &[0])]).await;
        until_true(|| arena.counts.live() == 1).await;
        // What follows a close frame is not looked at.
        raw.bytes(&[bytes, websocket(0x82, Some([0; 4]), &[0xff; 9])].concat()).await;
        let Seen::Closed(frame) = raw.next().await else { panic!("{what}: a close frame") };
        assert_eq!(frame.map(|(code, _)| code), answer, "{what}");
        assert_eq!(raw.next().await, Seen::Lost, "{what}: the server ends the stream");
        let info = serving.closed().await;
        assert_eq!(info.code, told, "{what}: {info}");
        assert_eq!((info.by, info.clean), (ClosedBy::Peer, true), "{what}");
        assert_eq!(arena.counts.live(), 0, "{what}");
        arena.serves().await;
    }
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r3_a_peer_that_never_answers_the_close_is_cut_after_the_grace() {
    let limits = Limits::default().close_grace(Duration::from_millis(400));
    let mut arena = Arena::open(MEMORY, limits).await;
    for floods in [false, true] {
        let (mut raw, serving) = arena.joined().await;
        let began = Instant::now();
        let closing = tokio::spawn({
            let serving = serving.clone();
            async move { serving.close_with(4100, "enough").await }
        });
        // It goes on as if nothing had been said; nothing of it is run.
        while floods && raw.send([event(1, "Target.note", &[0])]).await {
            sleep(Duration::from_millis(1)).await;
        }
        let info = closing.await.expect("no panic");
        assert_eq!((info.code, info.by, info.clean), (4100, ClosedBy::Local, false));
        assert!((390..420).contains(&began.elapsed().as_millis()), "{floods}: {:?}", began.elapsed());
        assert!(arena.counts.notes() <= 1, "{floods}");
        arena.thrives().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r3_the_server_closes_whatever_its_peers_do() {
    let limits = Limits::default().close_grace(Duration::from_millis(200)).outbox_bytes(50_000);
    let (mut arena, waiting) = Arena::undecided(Over::Socket, limits).await;
    let undone = arena.socket().await;
    let upgraded = arena.raw().await;
    let mut undecided = arena.raw().await;
    undecided.send([hello("undecided")]).await;
    until_true(|| waiting.live() == 1).await;
    let (silent, _) = arena.joined().await;
    let (mut busy, serving) = arena.joined().await;
    busy.send((0..200).map(|i| call(2 * i + 1, "Target.hang", &[0]))).await;
    let greedy = Raw::upgrade(arena.pipe(1024), Encoding::Bincode).await;
    let (mut greedy, _) = arena.join(greedy, Encoding::Bincode, Hello::default()).await;
    let size = frames::encoded(Encoding::Bincode, &40_000_u32);
    greedy.send((0..50).map(|i| call(2 * i + 1, "Target.blob", &size))).await;
    until_true(|| serving.running() == 200).await;
    arena.serves().await;
    let closed = tokio::time::timeout(Duration::from_secs(10), arena.server.close()).await;
    closed.expect("R3: close always ends");
    assert_eq!((arena.server.counts().active, arena.server.counts().connections), (0, 0));
    assert_eq!(arena.counts.live(), 0);
    // Who had not upgraded is told 503, and may take a second to read it.
    let mut undone: Wire = Box::new(undone);
    assert_eq!(status_of(&read_head(&mut undone).await), 503);
    assert_eq!(undecided.drain().await.1.map(|(code, _)| code), Some(1001));
    assert_eq!(waiting.live(), 0, "R9: the decision is cancelled");
    drop((undone, upgraded, silent, greedy));
    // The one that reads was told.
    until_true(|| arena.numbers() == (0, 0, 0)).await;
    let (frames, close) = busy.drain().await;
    assert_eq!(close.map(|(code, _)| code), Some(1001));
    assert!(frames.contains(&Frame::GoAway(0)), "{frames:?}");
    assert!(tokio::net::TcpStream::connect(arena.address()).await.is_err(), "nobody listens any more");
}
