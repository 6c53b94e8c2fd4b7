//! R33 end to end, under a paused clock: who shows a sign of life is never declared dead, however late it is read and
//! however slowly it comes; who shows none is gone within interval and grace of its last.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::time::{Instant, advance, sleep};
use ws_client::WebSocketConnector;
use ws_core::{CallOptions, ClosedBy, Connection, Encoding, Limits, Peer, code, ws_service};
use ws_server::{Acceptor, WebSocketServer};
use ws_tests::fixture::{Carrier, connect, until_true};
use ws_tests::raw::frames::{Frame, Hello, PING, PONG, plain};
use ws_tests::raw::{Raw, Seen};

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(15);
const GRACE: Duration = Duration::from_secs(10);

#[ws_service]
trait Store {
    async fn put(&self, data: Vec<u8>) -> u64;
    async fn get(&self, size: u32) -> Vec<u8>;
    #[ws(event)]
    async fn note(&self, data: Vec<u8>);
}

struct Shelf;

impl Store for Shelf {
    async fn put(&self, data: Vec<u8>) -> u64 {
        data.len() as u64
    }
    async fn get(&self, size: u32) -> Vec<u8> {
        vec![1; size as usize]
    }
    async fn note(&self, _data: Vec<u8>) {}
}

type Server = WebSocketServer<(), StoreProvider<Shelf>, StoreRemote>;
type Connector = WebSocketConnector<(), (), StoreRemote>;
type Taken = Acceptor<(), StoreProvider<Shelf>, StoreRemote>;

async fn accept(taken: Taken) -> Result<(), ws_server::HandlerError> {
    taken.accept(StoreProvider::new(Shelf)).await?;
    Ok(())
}

/// A client whose server is written by hand, over a pipe of this many bytes.
async fn client(limits: Limits, room: usize) -> (Connection<StoreRemote>, Raw) {
    let (here, there) = duplex(room);
    let connector = Connector::builder(()).limits(limits).encodings([Encoding::Bincode]).build();
    let connector = connector.expect("good limits");
    let welcome = async {
        let mut raw = Raw::answer(Box::new(there), Encoding::Bincode).await;
        assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
        raw.send([Hello::default().welcome()]).await;
        raw
    };
    let (client, raw) = tokio::join!(connector.connect_over(here, "ws://pipe/", ()), welcome);
    (client.expect("a connection"), raw)
}

/// A server's end whose client is written by hand.
async fn serving(limits: Limits) -> (Server, Connection<StoreRemote>, Raw) {
    let server = Server::builder().limits(limits).build().expect("good limits");
    let (here, there) = duplex(64 << 10);
    tokio::spawn({
        let server = server.clone();
        async move { server.accept_stream(there, None, accept).await }
    });
    let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
    raw.send([Hello::default().with_header(&[])]).await;
    assert!(matches!(raw.frame().await, Frame::Welcome { .. }));
    let serving = server.connections().pop().expect("it is accepted");
    (server, serving, raw)
}

/// The next PING's number.
async fn pinged(raw: &mut Raw) -> u64 {
    match raw.next().await {
        Seen::Frame(Frame::Ping(number)) => number,
        seen => panic!("a PING, not {seen:?}"),
    }
}

#[track_caller]
fn took(began: Instant, expected: Duration) {
    let took = began.elapsed();
    assert!(took >= expected && took < expected + Duration::from_millis(20), "{took:?}, not {expected:?}");
}

/// Answers a PING in time, but the other side has better things to do than to read it, or its machine sleeps.
async fn answers_and_is_read_late(raw: &mut Raw, other: &Peer) {
    let began = Instant::now();
    let number = pinged(raw).await;
    took(began, INTERVAL);
    raw.send([plain(PONG, &[number])]).await;
    advance(60 * SECOND).await;
    let read = Instant::now();
    assert_eq!(pinged(raw).await, number + 1, "it was heard, and is asked again");
    took(read, INTERVAL);
    assert!(other.is_open());
    let info = other.closed().await;
    took(read, INTERVAL + GRACE);
    assert_eq!((info.code, info.by), (code::HEARTBEAT, ClosedBy::Local), "{info}");
}

/// A broken one would look at its deadlines before it reads, and close a connection with the PONG in its hand.
#[tokio::test(start_paused = true)]
async fn r33_a_pong_in_hand_is_heard_however_late_it_is_read() {
    let (client, mut raw) = client(Limits::default(), 4096).await;
    answers_and_is_read_late(&mut raw, &client.peer()).await;
    let (_server, serving, mut raw) = serving(Limits::default()).await;
    answers_and_is_read_late(&mut raw, &serving.peer()).await;
}

/// Moves bytes at 4 KiB a second.
async fn creep(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
    let mut chunk = [0; 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        sleep(Duration::from_millis(250)).await;
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

/// A broken one would count whole messages only; this one takes longer than interval and grace, and no PONG overtakes
/// it.
#[tokio::test(start_paused = true)]
async fn r33_a_large_message_on_a_slow_line_is_a_sign_of_life() {
    const SIZE: usize = 200_000;
    let server = Server::new();
    let ((here, near), (far, there)) = (duplex(1024), duplex(1024));
    let ((near_in, near_out), (far_in, far_out)) = (split(near), split(far));
    tokio::spawn(creep(near_in, far_out));
    tokio::spawn(creep(far_in, near_out));
    tokio::spawn({
        let server = server.clone();
        async move { server.accept_stream(there, None, accept).await }
    });
    let client = Connector::new(()).connect_over(here, "ws://pipe/", ()).await.expect("a connection");
    let began = Instant::now();
    let remote = client.remote().with(CallOptions::new().deadline(300 * SECOND));
    assert_eq!(remote.put(vec![1; SIZE]).await, Ok(SIZE as u64));
    assert!(began.elapsed() > INTERVAL + GRACE + INTERVAL, "{:?} shows nothing", began.elapsed());
    assert_eq!(remote.get(SIZE as u32).await.map(|data| data.len()), Ok(SIZE), "and the other way");
    assert!(client.is_open());
}

/// A broken one would count from when its timer looked, not from when the last sign came.
#[tokio::test(start_paused = true)]
async fn r33_a_dead_peer_is_gone_within_interval_and_grace_of_its_last_sign() {
    for close_grace in [Duration::ZERO, 60 * SECOND] {
        let limits = Limits::default().close_grace(close_grace);
        let (client, mut there) = client(limits.clone(), 4096).await;
        let (server, serving, mut here) = serving(limits).await;
        sleep(SECOND).await;
        let last = Instant::now();
        there.send([plain(PING, &[1])]).await;
        here.send([plain(PING, &[1])]).await;
        for end in [client.closed().await, serving.closed().await] {
            assert_eq!((end.code, end.by, end.clean), (code::HEARTBEAT, ClosedBy::Local, false), "{end}");
        }
        took(last, INTERVAL + GRACE);
        until_true(|| server.counts().connections == 0).await;
        took(last, INTERVAL + GRACE);
    }
}

/// A broken one would wait for a peer that does not read to take the close frame, or for the stall to end it.
#[tokio::test(start_paused = true)]
async fn r33_a_dead_peer_that_blocks_the_transport_is_gone_as_soon() {
    let limits = Limits::default().write_stall(600 * SECOND).close_grace(60 * SECOND);
    let (client, raw) = client(limits, 1024).await;
    let last = Instant::now();
    for _ in 0..5 {
        client.remote().note(vec![1; 20_000]).await.expect("room in the outbox");
    }
    let info = client.closed().await;
    took(last, INTERVAL + GRACE);
    assert_eq!((info.code, info.by, info.clean), (code::HEARTBEAT, ClosedBy::Local, false), "{info}");
    drop(raw);
}

/// A broken one would tire of those who have nothing to say.
#[tokio::test(start_paused = true)]
async fn r33_two_idle_sides_stay_connected() {
    let ends = connect(
        (Carrier::Memory, Encoding::Bincode),
        &Limits::default(),
        |_: StoreRemote| StoreProvider::new(Shelf),
        |_: StoreRemote| (),
    )
    .await;
    assert_eq!(ends.client.closed_within(3 * 3600 * SECOND).await, None);
    assert_eq!(ends.client.remote().put(vec![1; 10]).await, Ok(10));
}
