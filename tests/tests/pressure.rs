//! R38, R11, R12: transports that block, queues that fill and callers that do not look. Nobody sleeps on work, nobody
//! spins, and every end comes in its time.
//!
//! The clock is paused: it moves when nothing else can, so that what takes no time is seen to take none.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{join_all, poll_immediate};
use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep};
use ws_client::WebSocketConnector;
use ws_core::transport::{MemoryTransport, Received, SendLost, Transport, memory_pair};
use ws_core::{CallContext, ClosedBy, Connection, Encoding, Limits, Provider, code, ws_service};
use ws_server::WebSocketServer;
use ws_tests::fixture::{Carrier, connect, until_true, ways};
use ws_tests::raw::frames::{self, Frame, Hello, batch, call, class, encoded, plain};

const SECOND: Duration = Duration::from_secs(1);
const ENCODING: Encoding = Encoding::Bincode;

#[ws_service]
trait Work {
    async fn slow(&self, ms: u64) -> u64;
    async fn blob(&self, size: u32) -> Vec<u8>;
    async fn down(&self, levels: u32) -> u32;
    /// What a context shows of itself, with the arguments beside it.
    async fn shown(&self, ctx: &CallContext, secret: String) -> String;
    #[ws(event)]
    async fn memo(&self, data: Vec<u8>);
}

#[derive(Default)]
struct Worker {
    back: Option<WorkRemote>,
    memos: Arc<AtomicUsize>,
}

impl Work for Worker {
    async fn slow(&self, ms: u64) -> u64 {
        sleep(Duration::from_millis(ms)).await;
        ms
    }
    async fn blob(&self, size: u32) -> Vec<u8> {
        vec![7; size as usize]
    }
    async fn down(&self, levels: u32) -> u32 {
        match (levels, &self.back) {
            (0, _) | (_, None) => 0,
            (_, Some(back)) => 1 + back.down(levels - 1).await.expect("a nested call"),
        }
    }
    async fn shown(&self, ctx: &CallContext, _secret: String) -> String {
        format!("{ctx:?} {:?}", ctx.remote::<WorkRemote>())
    }
    async fn memo(&self, _data: Vec<u8>) {
        self.memos.fetch_add(1, Ordering::SeqCst);
    }
}

/// A transport that counts how often it is asked, so that a driver that spins ends its connection 1006, and not the
/// test's patience.
struct Counted {
    pipe: MemoryTransport,
    left: usize,
}

impl Counted {
    const fn new(pipe: MemoryTransport) -> Self {
        Self { pipe, left: 10_000 }
    }

    fn ask(&mut self) -> &mut MemoryTransport {
        self.left = self.left.checked_sub(1).expect("a driver that does not spin");
        &mut self.pipe
    }
}

impl Transport for Counted {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        self.ask().poll_receive(cx)
    }
    fn start_send(&mut self, message: Bytes) -> Result<(), SendLost> {
        self.pipe.start_send(message)
    }
    fn start_text(&mut self, text: String) -> Result<(), SendLost> {
        self.pipe.start_text(text)
    }
    fn start_close(&mut self, code: u16, reason: &str) -> Result<(), SendLost> {
        self.pipe.start_close(code, reason)
    }
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendLost>> {
        self.ask().poll_flush(cx)
    }
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ask().poll_linger(cx)
    }
    fn received(&self) -> u64 {
        self.pipe.received()
    }
    fn written(&self) -> u64 {
        self.pipe.written()
    }
}

/// The other end, by hand: what it does not read stays in the pipe, and blocks who writes there.
struct Peer {
    pipe: MemoryTransport,
    frames: VecDeque<Frame>,
}

impl Peer {
    const fn new(pipe: MemoryTransport) -> Self {
        Self { pipe, frames: VecDeque::new() }
    }

    async fn send(&mut self, frames: impl IntoIterator<Item = Vec<u8>>) {
        self.pipe.start_send(batch(frames).into()).expect("not closed");
        poll_fn(|cx| self.pipe.poll_flush(cx)).await.expect("the other end lives");
    }

    /// The next frame, or the code of the close frame, which is answered.
    async fn next(&mut self) -> Result<Frame, Option<u16>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(frame);
            }
            match poll_fn(|cx| self.pipe.poll_receive(cx)).await {
                Received::Message(message) => {
                    self.frames.extend(frames::split(&message).into_iter().map(frames::read));
                }
                Received::Close(frame) => {
                    // The other end may have no patience left for the answer.
                    let _ = poll_fn(|cx| self.pipe.poll_flush(cx)).await;
                    return Err(frame.map(|(code, _)| code));
                }
                _ => return Err(None),
            }
        }
    }

    /// Reads to the end: how many messages came, and the code of the close frame.
    async fn drain(&mut self) -> (usize, Option<u16>) {
        let mut messages = 0;
        loop {
            match self.next().await {
                Ok(Frame::Message { .. }) => messages += 1,
                Ok(_) => {}
                Err(code) => return (messages, code),
            }
        }
    }
}

type Client = Connection<WorkRemote>;

/// A client, and its server by hand; the pipe between them holds this many messages each way.
async fn client<P: Provider>(limits: Limits, room: usize, provider: P) -> (Client, Peer) {
    let (here, there) = memory_pair(room);
    let connector = WebSocketConnector::<(), P, WorkRemote>::builder(()).limits(limits).build();
    let connector = connector.expect("good limits");
    let mut peer = Peer::new(there);
    let welcome = async {
        let hello = peer.next().await;
        assert!(matches!(hello, Ok(Frame::Hello { version: 1 })), "{hello:?}");
        peer.send([Hello::default().welcome()]).await;
    };
    let (client, ()) = tokio::join!(connector.attach(Counted::new(here), ENCODING, provider), welcome);
    (client.expect("a connection"), peer)
}

/// Lets everybody else run until there is nothing to do: the paused clock moves no sooner.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Five messages into a pipe of one: one lies there, the transport holds another, the rest is queued.
async fn block(remote: &WorkRemote) {
    for _ in 0..5 {
        remote.memo(vec![1; 20_000]).await.expect("room in the outbox");
    }
    settle().await;
}

#[track_caller]
fn took(began: Instant, expected: Duration) {
    let took = began.elapsed();
    assert!(took >= expected && took < expected + Duration::from_millis(10), "{took:?}, not {expected:?}");
}

/// A broken one would look at its engine only where the transport takes something: it spins, and never closes.
#[tokio::test(start_paused = true)]
async fn r3_a_close_while_the_transport_is_blocked_ends_with_its_grace() {
    for drops in [false, true] {
        let (client, peer) = client(Limits::default().close_grace(SECOND), 1, ()).await;
        block(client.remote()).await;
        let began = Instant::now();
        let info = if drops {
            let handle = client.peer();
            drop(client);
            handle.closed().await
        } else {
            client.close().await
        };
        assert_eq!((info.code, info.by, info.clean), (code::NORMAL, ClosedBy::Local, false), "{info}");
        took(began, SECOND);
        drop(peer);
    }
}

/// As above: a server that closes hangs on its slowest client.
#[tokio::test(start_paused = true)]
async fn r3_a_server_closes_with_its_grace_while_clients_do_not_read() {
    let limits = Limits::default().close_grace(SECOND);
    let server =
        WebSocketServer::<(), (), WorkRemote>::builder().limits(limits).build().expect("good limits");
    let mut peers = Vec::new();
    for _ in 0..3 {
        let (here, there) = memory_pair(1);
        let attached = server.clone();
        tokio::spawn(async move {
            let accept = |acceptor: ws_server::Acceptor<(), (), WorkRemote>| async move {
                acceptor.accept(()).await?;
                Ok(())
            };
            attached.attach(Counted::new(there), ENCODING, accept).await
        });
        let mut peer = Peer::new(here);
        peer.send([Hello::default().with_header(&[])]).await;
        assert!(matches!(peer.next().await, Ok(Frame::Welcome { .. })));
        peers.push(peer);
    }
    let connections = server.connections();
    for connection in &connections {
        block(connection.remote()).await;
    }
    let began = Instant::now();
    server.close().await;
    took(began, SECOND);
    assert_eq!(server.counts().connections, 0);
    for connection in connections {
        let info = connection.closed().await;
        assert_eq!((info.code, info.by, info.clean), (code::GOING_AWAY, ClosedBy::Local, false), "{info}");
    }
}

/// A broken one would not notice that the transport is free again, and cut what it had promised to write.
#[tokio::test(start_paused = true)]
async fn r3_a_close_is_clean_where_the_peer_reads_again() {
    let (client, mut peer) = client(Limits::default(), 1, ()).await;
    block(client.remote()).await;
    let closing = tokio::spawn(async move { client.close_with(4100, "bye").await });
    settle().await;
    let began = Instant::now();
    assert_eq!(peer.drain().await, (5, Some(4100)), "all that was sent, then the close");
    let info = closing.await.expect("no panic");
    assert_eq!((info.code, info.clean), (4100, true));
    took(began, Duration::ZERO);
}

/// A broken one would see that there is a new provider, wait for the transport before it takes it, and spin.
#[tokio::test(start_paused = true)]
async fn r25_a_provider_is_replaced_while_the_transport_is_blocked() {
    let held = Arc::<AtomicUsize>::default();
    let old = Worker { memos: Arc::clone(&held), ..Worker::default() };
    let (client, mut peer) = client(Limits::default(), 1, WorkProvider::new(old)).await;
    block(client.remote()).await;
    let memos = Arc::<AtomicUsize>::default();
    let new = Worker { memos: Arc::clone(&memos), ..Worker::default() };
    client.replace(WorkProvider::new(new)).expect("the same contract");
    settle().await;
    assert_eq!(Arc::strong_count(&held), 1, "the old provider goes at once");
    peer.send([frames::event(2, "Work.memo", &encoded(ENCODING, &vec![1_u8]))]).await;
    until_true(|| memos.load(Ordering::SeqCst) == 1).await;
    assert!(client.is_open());
}

/// A broken one would leave what a turn does not write to whoever wakes it next: a reply, a ping.
#[tokio::test(start_paused = true)]
async fn r38_what_one_turn_does_not_write_the_next_one_does() {
    let provider = WorkProvider::new(Worker::default());
    let (client, mut peer) = client(Limits::default(), 64, provider).await;
    let began = Instant::now();
    let sent = join_all((0..40).map(|_| client.remote().memo(vec![7; 20_000]))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    for _ in 0..40 {
        assert!(matches!(peer.next().await, Ok(Frame::Message { .. })));
    }
    let size = encoded(ENCODING, &20_000_u32);
    peer.send((0..40).map(|i| call(2 + 2 * i, "Work.blob", &size))).await;
    for _ in 0..40 {
        assert!(matches!(peer.next().await, Ok(Frame::Return { .. })));
    }
    took(began, Duration::ZERO);
}

/// As above, over real sockets as well; no ping helps out.
#[tokio::test]
async fn r38_forty_large_events_arrive_unasked() {
    for way in ways() {
        let memos = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&memos);
        let ends = connect(
            way,
            &Limits::default().ping_interval(3600 * SECOND),
            move |_: ()| WorkProvider::new(Worker { memos: Arc::clone(&count), ..Worker::default() }),
            |_: WorkRemote| (),
        )
        .await;
        let sent = join_all((0..40).map(|_| ends.client.remote().memo(vec![7; 20_000]))).await;
        assert!(sent.iter().all(Result::is_ok), "{way:?}: {sent:?}");
        until_true(|| memos.load(Ordering::SeqCst) == 40).await;
    }
}

/// A broken one would wait for a call whose caller waits for the one behind it: everyday code stands until its deadline.
#[tokio::test(start_paused = true)]
async fn r11_a_waiting_call_that_nobody_polls_holds_nobody_up() {
    let ends = connect(
        (Carrier::Memory, ENCODING),
        &Limits::default().max_in_flight(2),
        |_: ()| WorkProvider::new(Worker::default()),
        |_: WorkRemote| (),
    )
    .await;
    let remote = ends.client.remote();
    let began = Instant::now();
    let mut outcomes = stream::iter((0..8).map(|_| remote.slow(50))).buffer_unordered(8);
    while let Some(outcome) = outcomes.next().await {
        assert_eq!(outcome, Ok(50));
        // Meanwhile nobody polls the stream, whose calls are first in the queue.
        assert_eq!(remote.slow(1).await, Ok(1));
    }
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());

    let mut kept: Vec<_> = (0..6).map(|_| remote.slow(10)).collect();
    for call in &mut kept {
        assert_eq!(poll_immediate(call).await, None);
    }
    assert_eq!(remote.slow(2).await, Ok(2), "behind six that nobody polls");
    assert!(join_all(kept).await.iter().all(|outcome| *outcome == Ok(10)));
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

/// As above; a broken one would end in `Full` after the send timeout.
#[tokio::test(start_paused = true)]
async fn r12_a_waiting_event_that_nobody_polls_holds_nobody_up() {
    let memos = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&memos);
    let ends = connect(
        (Carrier::Memory, ENCODING),
        &Limits::default().event_lane_messages(1),
        move |_: ()| WorkProvider::new(Worker { memos: Arc::clone(&count), ..Worker::default() }),
        |_: WorkRemote| (),
    )
    .await;
    let remote = ends.client.remote();
    let began = Instant::now();
    let mut sent = stream::iter((0..8).map(|_| remote.memo(vec![1]))).buffered(4);
    while let Some(outcome) = sent.next().await {
        outcome.expect("credit comes back");
        remote.memo(vec![2]).await.expect("its turn comes");
    }
    until_true(|| memos.load(Ordering::SeqCst) == 16).await;
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

/// A broken one would count all depths together: the nested call waits for the one that waits for it.
#[tokio::test(start_paused = true)]
async fn r11_nested_calls_pass_the_own_bound_of_both_sides() {
    let ends = connect(
        (Carrier::Memory, ENCODING),
        &Limits::default().max_outgoing(1).max_in_flight(1),
        |back| WorkProvider::new(Worker { back: Some(back), ..Worker::default() }),
        |back| WorkProvider::new(Worker { back: Some(back), ..Worker::default() }),
    )
    .await;
    let began = Instant::now();
    let (here, there) = tokio::join!(ends.client.remote().down(7), ends.serving.remote().down(8));
    assert_eq!((here, there), (Ok(7), Ok(8)));
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

/// A broken one would count the stall from the first time it was blocked, and cut a peer that reads slowly.
#[tokio::test(start_paused = true)]
async fn r38_the_stall_is_counted_from_the_last_progress() {
    let limits = Limits::default().write_stall(10 * SECOND).ping_interval(3600 * SECOND);
    let (client, mut peer) = client(limits, 1, ()).await;
    block(client.remote()).await;
    for _ in 0..3 {
        assert_eq!(client.closed_within(9 * SECOND).await, None, "it reads, slowly");
        assert!(matches!(peer.next().await, Ok(Frame::Message { .. })));
    }
    settle().await;
    let began = Instant::now();
    let info = client.closed().await;
    assert_eq!((info.code, info.by, info.clean), (code::WRITE_STALL, ClosedBy::Local, false), "{info}");
    let took = began.elapsed();
    assert!((9 * SECOND..=10 * SECOND).contains(&took), "{took:?}");
}

/// A broken one would let refusals wait for room in the outbox, or close one that only reads late.
#[tokio::test(start_paused = true)]
async fn r38_refusals_and_the_pong_wait_in_the_reserve_for_a_peer_that_reads_late() {
    let provider = WorkProvider::new(Worker::default());
    let limits = Limits::default().outbox_bytes(100_000).ping_interval(3600 * SECOND);
    let (client, mut peer) = client(limits, 1, provider).await;
    block(client.remote()).await;
    // The outbox is full of events; what is behind them waits here.
    let sends: Vec<_> = (0..5).map(|_| tokio::spawn(client.remote().memo(vec![1; 20_000]))).collect();
    settle().await;
    assert!(client.pending() > 0, "the outbox is full");
    for i in 0..300 {
        peer.send([call(2 + 2 * i, "Work.none", &[])]).await;
    }
    peer.send([plain(frames::PING, &[77])]).await;
    until_true(|| client.stats().calls_refused == 300).await;
    assert!(client.is_open());
    let (mut refused, mut ponged) = (0, false);
    while refused < 300 || !ponged {
        match peer.next().await.expect("it stays open") {
            Frame::Fail { class: class::UNKNOWN_METHOD, .. } => refused += 1,
            Frame::Pong(number) => ponged = number == 77,
            Frame::Message { .. } => {}
            frame => panic!("{frame:?}"),
        }
    }
    for sent in join_all(sends).await {
        sent.expect("no panic").expect("room again");
    }
    assert_eq!((client.running(), client.pending()), (0, 0));
}

/// A broken one would print what is queued, and so users' data into logs.
#[tokio::test(start_paused = true)]
async fn debug_shows_no_payload() {
    const SECRET: &str = "the password is swordfish";
    let leaks = |text: &str| {
        let numbers = format!("{:?}", SECRET.as_bytes());
        text.contains("swordfish") || text.contains(numbers.trim_matches(['[', ']']))
    };
    let (client, peer) = client(Limits::default(), 1, WorkProvider::new(Worker::default())).await;
    for _ in 0..5 {
        client.remote().memo(SECRET.as_bytes().to_vec()).await.expect("room in the outbox");
    }
    settle().await;
    let remote = client.remote();
    let (call, event) = (remote.shown(SECRET.to_owned()), remote.memo(SECRET.as_bytes().to_vec()));
    let handles = format!("{client:?} {remote:?} {:?} {call:?} {event:?}", client.peer());
    assert!(!leaks(&handles), "{handles}");
    drop((call, event, peer));

    let ends = connect(
        (Carrier::Memory, ENCODING),
        &Limits::default(),
        |_: WorkRemote| WorkProvider::new(Worker::default()),
        |_: WorkRemote| WorkProvider::new(Worker::default()),
    )
    .await;
    let queued = tokio::spawn(ends.serving.remote().memo(SECRET.as_bytes().to_vec()));
    let context = ends.client.remote().shown(SECRET.to_owned()).await.expect("a value");
    assert!(context.contains("Work.shown"), "what is no secret is shown: {context}");
    assert!(!leaks(&context), "{context}");
    let handles = format!("{:?} {:?}", ends.server, ends.serving);
    assert!(!leaks(&handles), "{handles}");
    queued.await.expect("no panic").expect("sent");
}
