//! R3, R15, R16, R25: ends that come from inside a handler, amid running calls, or go wrong in the application's own code.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use tokio::io::duplex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{CallError, ClosedBy, Encoding, Limits, Peer, code, ws_service};
use ws_server::{Acceptor, ServerState, WebSocketServer};
use ws_tests::fixture::{connect, until_true, ways};
use ws_tests::raw::frames::{Frame, Hello, PING, call, plain};
use ws_tests::raw::{Raw, in_time};

fn url(address: SocketAddr) -> String {
    format!("ws://{address}")
}

#[ws_service]
trait Work {
    async fn echo(&self, n: u64) -> u64;
    async fn forever(&self);
    /// Calls to and fro, each taking its time, and reports each step to the caller.
    async fn down(&self, levels: u32) -> u32;
    async fn close(&self, what: What);
    #[ws(spawn)]
    async fn close_in_a_task(&self, what: What);
    #[ws(event)]
    async fn please_close(&self, what: What);
    #[ws(event)]
    async fn step(&self);
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum What {
    Server,
    Connections,
}

type WorkServer = WebSocketServer<(), WorkProvider<Worker>, WorkRemote>;
type WorkConnector<P = ()> = WebSocketConnector<(), P, WorkRemote>;

#[derive(Default)]
struct Worker {
    back: Option<WorkRemote>,
    /// The server it runs in; who closes it takes it from here.
    server: Arc<Mutex<Option<WorkServer>>>,
    peer: Option<Peer>,
    ran: Arc<AtomicUsize>,
    runs: Arc<Notify>,
    /// Those that began when their connection had ended.
    late: Arc<AtomicUsize>,
    steps: Arc<AtomicUsize>,
    _bomb: Bomb,
}

/// Panics when it is dropped, where it is armed.
#[derive(Default)]
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic during an unwinding would end the process, whoever catches the first.
        if self.0 && !std::thread::panicking() {
            panic!("a provider's destructor");
        }
    }
}

impl Worker {
    async fn close_it(&self, what: What) {
        // Often the last handle, dropped with this handler.
        let server = self.server.lock().expect("no panic").take().expect("the server");
        match what {
            What::Server => server.close().await,
            What::Connections => server.close_connections().await,
        }
    }
}

impl Work for Worker {
    async fn echo(&self, n: u64) -> u64 {
        self.ran.fetch_add(1, Ordering::SeqCst);
        self.runs.notify_one();
        if self.peer.as_ref().is_some_and(|peer| !peer.is_open()) {
            self.late.fetch_add(1, Ordering::SeqCst);
        }
        n
    }
    async fn forever(&self) {
        pending().await
    }
    async fn down(&self, levels: u32) -> u32 {
        sleep(Duration::from_millis(50)).await;
        let Some(back) = self.back.as_ref().filter(|_| levels > 0) else { return 0 };
        back.step().await.expect("events of a running call go on");
        1 + back.down(levels - 1).await.expect("calls of a running call go on")
    }
    async fn close(&self, what: What) {
        self.close_it(what).await;
    }
    async fn close_in_a_task(&self, what: What) {
        self.close_it(what).await;
    }
    async fn please_close(&self, what: What) {
        self.close_it(what).await;
    }
    async fn step(&self) {
        self.steps.fetch_add(1, Ordering::SeqCst);
    }
}

/// A server whose handlers find its only handle in the slot; the test may take it back.
async fn closable() -> (SocketAddr, Arc<Mutex<Option<WorkServer>>>) {
    let slot = Arc::<Mutex<Option<WorkServer>>>::default();
    let server = WorkServer::new();
    let inner = Arc::downgrade(&slot);
    let accept = move |taken: Acceptor<(), WorkProvider<Worker>, WorkRemote>| {
        let server = inner.upgrade().expect("the test holds it");
        async move {
            taken.accept(WorkProvider::new(Worker { server, ..Worker::default() })).await?;
            Ok(())
        }
    };
    let address = server.open("127.0.0.1:0", accept).await.expect("a free port");
    *slot.lock().expect("no panic") = Some(server);
    (address, slot)
}

/// A broken one would abort the server, whose last handle the closing handler held, amid its own close: 1006.
#[tokio::test]
async fn r3_the_last_handle_goes_with_the_handler_that_closes() {
    // The abort raced with the close.
    for _ in 0..20 {
        let (address, _slot) = closable().await;
        let connecting = (0..3).map(|_| async { WorkConnector::new(()).connect(url(address), ()).await });
        let clients = join_all(connecting).await.into_iter().map(|client| client.expect("open"));
        let clients: Vec<_> = clients.collect();
        let outcome = in_time("an outcome", clients[0].remote().close(What::Server)).await;
        assert!(
            matches!(&outcome, Err(CallError::Closed(info)) if info.code == code::GOING_AWAY),
            "{outcome:?}"
        );
        for client in clients {
            let info = in_time("the close", client.closed()).await;
            assert_eq!((info.code, info.by, info.clean), (code::GOING_AWAY, ClosedBy::Peer, true), "{info}");
        }
    }
}

/// A broken one would wait for the handler that waits for it.
#[tokio::test]
async fn r3_every_kind_of_handler_may_close() {
    for what in [What::Server, What::Connections] {
        for kind in ["a call", "a call in a task", "an event"] {
            let (address, slot) = closable().await;
            let server = slot.lock().expect("no panic").clone().expect("opened");
            let client = WorkConnector::new(()).connect(url(address), ()).await.expect("open");
            let remote = client.remote();
            // What it answers, if at all, is no matter here.
            match kind {
                "a call" => drop(in_time(kind, remote.close(what)).await),
                "a call in a task" => drop(in_time(kind, remote.close_in_a_task(what)).await),
                _ => remote.please_close(what).await.map(drop).expect("sent"),
            }
            let info = in_time("the close", client.closed()).await;
            assert_eq!((info.code, info.clean), (code::GOING_AWAY, true), "{kind}, {what:?}: {info}");
            until_true(|| server.counts().connections == 0).await;
            let after = if matches!(what, What::Server) { ServerState::Closed } else { ServerState::Open };
            until_true(|| server.state() == after).await;
            in_time("the close", server.close()).await;
        }
    }
}

/// A broken one would refuse what the running calls need, and so drain for nothing.
#[tokio::test(start_paused = true)]
async fn r3_a_drain_lets_calls_finish_that_call_back() {
    let drain = Duration::from_secs(5);
    let server = WorkServer::builder().drain(drain).build().expect("good options");
    let steps = Arc::<AtomicUsize>::default();
    let (here, there) = memory_pair(4);
    tokio::spawn({
        let (server, steps) = (server.clone(), Arc::clone(&steps));
        async move {
            let accept = move |taken: Acceptor<(), WorkProvider<Worker>, WorkRemote>| {
                let (back, steps) = (Some(taken.remote()), Arc::clone(&steps));
                async move {
                    taken.accept(WorkProvider::new(Worker { back, steps, ..Worker::default() })).await?;
                    Ok(())
                }
            };
            server.attach(there, Encoding::Bincode, accept).await
        }
    });
    let serves = |back| WorkProvider::new(Worker { back: Some(back), ..Worker::default() });
    let client = WorkConnector::new(()).attach_with(here, Encoding::Bincode, serves).await.expect("open");
    let running = tokio::spawn(client.remote().down(6));
    until_true(|| server.connections().iter().any(|serving| serving.running() == 1)).await;
    let began = Instant::now();
    server.close().await;
    assert!(began.elapsed() < drain, "it ends with the last call: {:?}", began.elapsed());
    assert_eq!(running.await.expect("no panic"), Ok(6));
    assert_eq!(steps.load(Ordering::SeqCst), 3, "events of the client's half");
    assert_eq!(client.closed().await.code, code::GOING_AWAY);
}

/// A broken one would let the panic take the driver, and so the close frame: the peer sees 1006.
#[tokio::test]
async fn r16_a_provider_whose_drop_panics_closes_like_any_other() {
    let armed = || Worker { _bomb: Bomb(true), ..Worker::default() };
    for way in ways() {
        for here in [true, false] {
            let ends = connect(
                way,
                &Limits::default(),
                move |_: WorkRemote| WorkProvider::new(armed()),
                |_: WorkRemote| WorkProvider::new(armed()),
            )
            .await;
            assert_eq!(ends.client.remote().echo(1).await, Ok(1));
            let (closer, other) =
                if here { (ends.client, ends.serving) } else { (ends.serving, ends.client) };
            let info = closer.close_with(4100, "bye").await;
            assert_eq!((info.code, info.by, info.clean), (4100, ClosedBy::Local, true), "{info}");
            let info = other.closed().await;
            assert_eq!((info.code, info.by, info.clean), (4100, ClosedBy::Peer, true), "{info}");
            until_true(|| ends.server.counts().connections == 0).await;
        }
    }
}

/// A broken one would end a healthy connection with the provider it no longer needs.
#[tokio::test]
async fn r25_a_replaced_provider_whose_drop_panics_is_only_dropped() {
    let armed = || Worker { _bomb: Bomb(true), ..Worker::default() };
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            move |_: WorkRemote| WorkProvider::new(armed()),
            |_: WorkRemote| (),
        )
        .await;
        let running = tokio::spawn(ends.client.remote().forever());
        until_true(|| ends.serving.running() == 1).await;
        let ran = Arc::<AtomicUsize>::default();
        for _ in 0..2 {
            let worker = Worker { ran: Arc::clone(&ran), ..armed() };
            ends.serving.replace(WorkProvider::new(worker)).expect("the same contract");
            assert_eq!(ends.client.remote().echo(1).await, Ok(1));
        }
        assert_eq!(ran.load(Ordering::SeqCst), 2, "the new ones serve");
        // The first is dropped with the last call that it serves.
        running.abort();
        until_true(|| ends.serving.running() == 0).await;
        assert_eq!(ends.client.remote().echo(2).await, Ok(2));
        assert!(ends.serving.is_open() && ends.client.is_open());
    }
}

/// A broken one would be out of time before it has said anything.
#[tokio::test]
async fn r3_no_grace_still_says_goodbye() {
    for way in ways() {
        let limits = Limits::default().close_grace(Duration::ZERO);
        let ends = connect(way, &limits, |_: ()| (), |_: ()| ()).await;
        let info = ends.client.close_with(4100, "bye").await;
        assert_eq!((info.code, info.by), (4100, ClosedBy::Local), "{info}");
        let info = ends.serving.closed().await;
        assert_eq!((info.code, info.by), (4100, ClosedBy::Peer), "{way:?}: {info}");
    }
}

/// A broken one would start what it had queued, before it looks at how the connection ended.
#[tokio::test]
async fn r15_nothing_starts_on_a_connection_that_has_ended() {
    for how in ["it is closed here", "the peer closes", "the peer breaks the protocol"] {
        let (ran, runs) = (Arc::<AtomicUsize>::default(), Arc::<Notify>::default());
        let late = Arc::<AtomicUsize>::default();
        let (here, there) = duplex(64 << 10);
        let server = WorkServer::new();
        tokio::spawn({
            let (server, ran, runs, late) = (server.clone(), ran.clone(), runs.clone(), late.clone());
            async move {
                let accept = move |taken: Acceptor<(), WorkProvider<Worker>, WorkRemote>| {
                    let peer = Some(taken.peer());
                    let (ran, runs, late) = (ran.clone(), runs.clone(), late.clone());
                    let worker = Worker { peer, ran, runs, late, ..Worker::default() };
                    async move {
                        taken.accept(WorkProvider::new(worker)).await?;
                        Ok(())
                    }
                };
                server.accept_stream(there, None, accept).await
            }
        });
        let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
        raw.send([Hello::default().with_header(&[])]).await;
        assert!(matches!(raw.frame().await, Frame::Welcome { .. }));
        let serving = server.connections().pop().expect("it is accepted");
        let closing = (how == "it is closed here").then(|| {
            let (serving, runs) = (serving.clone(), runs.clone());
            // Woken by the first of them, and so before the driver's next turn.
            tokio::spawn(async move {
                runs.notified().await;
                serving.close().await
            })
        });
        settle().await;
        // More than start in one turn, then as many messages as are read in one turn, then the end.
        raw.send((0..200).map(|i| call(1 + 2 * i, "Work.echo", &[7]))).await;
        for i in 0..31 {
            raw.send([plain(PING, &[i])]).await;
        }
        match how {
            "it is closed here" => {}
            "the peer closes" => drop(raw.message(Message::Close(None)).await),
            _ => drop(raw.send([vec![0x55, 0]]).await),
        }
        let (_, info) = tokio::join!(raw.drain(), in_time("the end", serving.closed()));
        if let Some(closing) = closing {
            assert_eq!(closing.await.expect("no panic"), info);
        }
        let (ran, late) = (ran.load(Ordering::SeqCst), late.load(Ordering::SeqCst));
        assert!(ran > 0 && ran < 200, "{how}: {ran} ran, so this shows nothing");
        assert_eq!(late, 0, "{how}: of {ran}");
    }
}

/// Lets tasks that were spawned get to their first wait.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}
