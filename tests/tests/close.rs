//! How connections end (R3, R15, R34), and that nothing is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use ws_client::WebSocketConnector;
use ws_core::{CallError, ClosedBy, Connection, Limits, code, ws_service};
use ws_server::{Acceptor, ServerState, WebSocketServer};
use ws_tests::fixture::{connect, until_true, ways};

#[ws_service]
trait Work {
    async fn forever(&self);
    async fn echo(&self, n: u64) -> u64;
    async fn close_server(&self);
}

struct Forever;

impl Work for Forever {
    async fn forever(&self) {
        std::future::pending::<()>().await;
    }
    async fn echo(&self, n: u64) -> u64 {
        n
    }
    async fn close_server(&self) {}
}

/// A provider that holds a remote of its own connection, and tells when it is dropped.
struct Holder {
    remote: WorkRemote,
    dropped: Arc<AtomicBool>,
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

impl Work for Holder {
    async fn forever(&self) {
        assert_eq!(self.remote.echo(7).await, Ok(7));
        std::future::pending::<()>().await;
    }
    async fn echo(&self, n: u64) -> u64 {
        n
    }
    async fn close_server(&self) {}
}

#[tokio::test]
async fn r15_two_hundred_calls_fail_at_once_on_both_sides() {
    for way in ways() {
        for server_closes in [false, true] {
            let ends = connect(
                way,
                &Limits::default(),
                |_: WorkRemote| WorkProvider::new(Forever),
                |_: WorkRemote| WorkProvider::new(Forever),
            )
            .await;
            let calls: Vec<_> = (0..200)
                .map(|i| {
                    tokio::spawn(if i % 2 == 0 {
                        ends.client.remote().forever()
                    } else {
                        ends.serving.remote().forever()
                    })
                })
                .collect();
            until_true(|| ends.client.running() == 100 && ends.serving.running() == 100).await;
            let closer = if server_closes { &ends.serving } else { &ends.client };
            let info = closer.close_with(4123, "that is all").await;
            assert_eq!((info.code, info.by, info.clean), (4123, ClosedBy::Local, true));
            for (i, outcome) in join_all(calls).await.into_iter().enumerate() {
                let Ok(Err(CallError::Closed(info))) = outcome else { panic!("{outcome:?}") };
                assert_eq!((info.code, info.reason.as_str()), (4123, "that is all"));
                let on_server = i % 2 == 1;
                let by = if on_server == server_closes { ClosedBy::Local } else { ClosedBy::Peer };
                assert_eq!(info.by, by);
            }
            ends.client.closed().await;
            ends.serving.closed().await;
            assert_eq!((ends.client.pending(), ends.serving.pending()), (0, 0));
            assert_eq!((ends.client.running(), ends.serving.running()), (0, 0));
            until_true(|| ends.server.counts().connections == 0).await;
            assert_eq!(ends.server.counts().active, 0);
        }
    }
}

#[tokio::test]
async fn r3_a_provider_that_holds_its_own_remote_is_dropped_before_closed_resolves() {
    for way in ways() {
        let flags = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
        let [there, here] = flags.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |remote: WorkRemote| WorkProvider::new(Holder { remote, dropped: Arc::clone(&there) }),
            move |remote: WorkRemote| WorkProvider::new(Holder { remote, dropped: here }),
        )
        .await;
        assert_eq!(ends.client.remote().echo(1).await, Ok(1));
        let busy = tokio::spawn(ends.client.remote().forever());
        until_true(|| ends.serving.running() == 1).await;
        ends.client.close().await;
        assert!(flags[1].load(Ordering::SeqCst), "the client's provider");
        ends.serving.closed().await;
        assert!(flags[0].load(Ordering::SeqCst), "the server's provider");
        assert!(matches!(busy.await, Ok(Err(CallError::Closed(_)))));
    }
}

#[tokio::test]
async fn r3_the_last_client_handle_dropped_closes_1000() {
    for way in ways() {
        let ends =
            connect(way, &Limits::default(), |_: WorkRemote| WorkProvider::new(Forever), |_: WorkRemote| ())
                .await;
        let remote = ends.client.remote().clone();
        let second = ends.client.clone();
        drop(ends.client);
        assert_eq!(remote.echo(3).await, Ok(3), "another handle lives");
        drop(second);
        let info = ends.serving.closed().await;
        assert_eq!((info.code, info.by), (code::NORMAL, ClosedBy::Peer));
        assert!(matches!(remote.echo(3).await, Err(CallError::Closed(_))), "a remote is weak");
        drop(ends.serving);
        until_true(|| ends.server.counts().connections == 0).await;
    }
}

#[tokio::test]
async fn r3_dropping_a_servers_handle_does_nothing() {
    for way in ways() {
        let ends =
            connect(way, &Limits::default(), |_: WorkRemote| WorkProvider::new(Forever), |_: WorkRemote| ())
                .await;
        drop(ends.serving);
        assert_eq!(ends.client.remote().echo(3).await, Ok(3));
        assert_eq!(ends.server.connections().len(), 1);
    }
}

type Server = WebSocketServer<(), WorkProvider<Forever>, ()>;

async fn accept(acceptor: Acceptor<(), WorkProvider<Forever>, ()>) -> Result<(), ws_server::HandlerError> {
    acceptor.accept(WorkProvider::new(Forever)).await?;
    Ok(())
}

#[tokio::test]
async fn r1_r3_a_hundred_live_clients_five_times_on_one_port() {
    let server = Server::new();
    let mut port = 0;
    for _ in 0..5 {
        let address = server.open(("127.0.0.1", port), accept).await.expect("the port is free again");
        port = address.port();
        assert_eq!(server.state(), ServerState::Open);
        let connector = WebSocketConnector::<(), (), WorkRemote>::new(());
        let mut clients = Vec::new();
        for chunk in 0..4 {
            let connecting = (0..25).map(|_| connector.connect(format!("ws://{address}"), ()));
            let connected: Result<Vec<Connection<WorkRemote>>, _> =
                join_all(connecting).await.into_iter().collect();
            clients.extend(connected.unwrap_or_else(|error| panic!("chunk {chunk}: {error}")));
        }
        assert_eq!(server.counts().active, 100);
        let calls: Vec<_> = clients.iter().map(|client| tokio::spawn(client.remote().forever())).collect();
        until_true(|| server.connections().iter().all(|connection| connection.running() == 1)).await;
        tokio::time::timeout(Limits::default().close_grace, server.close()).await.expect("within its grace");
        assert_eq!(server.state(), ServerState::Closed);
        let counts = server.counts();
        assert_eq!((counts.active, counts.unactivated, counts.connections), (0, 0, 0));
        for call in calls {
            let Ok(Err(CallError::Closed(info))) = call.await else { panic!("each call fails") };
            assert_eq!((info.code, info.by), (code::GOING_AWAY, ClosedBy::Peer));
        }
        for client in clients {
            assert_eq!(client.closed().await.code, code::GOING_AWAY);
        }
    }
}

#[tokio::test]
async fn r1_illegal_operations_say_so() {
    let server = Server::new();
    assert_eq!(server.state(), ServerState::None);
    server.close().await;
    assert_eq!(server.state(), ServerState::None, "nothing to close");
    let address = server.open("127.0.0.1:0", accept).await.expect("a free port");
    let error = server.open("127.0.0.1:0", accept).await.expect_err("it is open");
    assert_eq!(error.to_string(), "`open` is not possible while the server is open");
    let other = Server::new();
    let error = other.open(address, accept).await.expect_err("the port is taken");
    assert!(matches!(error, ws_server::OpenError::Bind(_)));
    assert_eq!(other.state(), ServerState::None, "a failed bind returns to None");
    let mut watch = server.watch_state();
    server.close().await;
    assert_eq!(*watch.borrow_and_update(), ServerState::Closed);
}

/// A service whose handler closes the server that it runs in.
struct Closer(Server2);
type Server2 = WebSocketServer<(), WorkProvider<Closer>, ()>;

impl Work for Closer {
    async fn forever(&self) {}
    async fn echo(&self, n: u64) -> u64 {
        n
    }
    async fn close_server(&self) {
        self.0.close().await;
    }
}

#[tokio::test]
async fn r3_close_inside_a_handler_works() {
    let server = Server2::new();
    let handle = server.clone();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let handle = handle.clone();
            async move {
                acceptor.accept(WorkProvider::new(Closer(handle))).await?;
                Ok(())
            }
        })
        .await
        .expect("a free port");
    let connector = WebSocketConnector::<(), (), WorkRemote>::new(());
    let client = connector.connect(format!("ws://{address}"), ()).await.expect("a connection");
    let outcome = client.remote().close_server().await;
    assert!(matches!(&outcome, Err(CallError::Closed(info)) if info.code == code::GOING_AWAY), "{outcome:?}");
    server.close().await;
    assert_eq!(server.state(), ServerState::Closed);
    assert_eq!(server.counts().connections, 0);
}

#[tokio::test]
async fn r3_drain_lets_running_calls_finish_and_starts_no_new_ones() {
    struct Slow(Arc<tokio::sync::Notify>, Arc<AtomicU32>);
    impl Work for Slow {
        async fn forever(&self) {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.notified().await;
        }
        async fn echo(&self, n: u64) -> u64 {
            n
        }
        async fn close_server(&self) {}
    }
    let (go, begun) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicU32::new(0)));
    let (inner, count) = (Arc::clone(&go), Arc::clone(&begun));
    let server = WebSocketServer::<(), WorkProvider<Slow>, ()>::builder()
        .drain(Duration::from_secs(20))
        .build()
        .expect("good options");
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let slow = Slow(Arc::clone(&inner), Arc::clone(&count));
            async move {
                acceptor.accept(WorkProvider::new(slow)).await?;
                Ok(())
            }
        })
        .await
        .expect("a free port");
    let client = WebSocketConnector::<(), (), WorkRemote>::new(())
        .connect(format!("ws://{address}"), ())
        .await
        .expect("open");
    let running = tokio::spawn(client.remote().forever());
    until_true(|| begun.load(Ordering::SeqCst) == 1).await;
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    until_true(|| server.state() == ServerState::Closing).await;
    let refused = loop {
        // Until the GOAWAY has arrived, calls still go through, or are refused there.
        match client.remote().echo(1).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(refused.fate(), ws_core::Fate::NotSent, "{refused:?}");
    go.notify_one();
    assert_eq!(running.await.expect("no panic"), Ok(()), "what ran was let finish");
    closing.await.expect("no panic");
    assert_eq!(client.closed().await.code, code::GOING_AWAY);
}

#[tokio::test]
async fn r3_close_connections_keeps_listening() {
    let server = Server::new();
    let address = server.open("127.0.0.1:0", accept).await.expect("a free port");
    let connector = WebSocketConnector::<(), (), WorkRemote>::new(());
    let client = connector.connect(format!("ws://{address}"), ()).await.expect("open");
    server.close_connections().await;
    assert_eq!(client.closed().await.code, code::GOING_AWAY);
    let client = connector.connect(format!("ws://{address}"), ()).await.expect("still listening");
    assert_eq!(client.remote().echo(1).await, Ok(1));
}

#[tokio::test]
async fn r3_dropping_the_server_aborts_it() {
    let server = Server::new();
    let address = server.open("127.0.0.1:0", accept).await.expect("a free port");
    let connector = WebSocketConnector::<(), (), WorkRemote>::new(());
    let client = connector.connect(format!("ws://{address}"), ()).await.expect("open");
    drop(server);
    let info = client.closed().await;
    assert_eq!((info.code, info.by, info.clean), (code::ABNORMAL, ClosedBy::Network, false));
    assert!(matches!(
        connector.connect(format!("ws://{address}"), ()).await,
        Err(ws_client::ConnectError::Refused(_))
    ));
}

#[tokio::test]
async fn r2_a_shared_listener_outlives_the_server() {
    let listener = Arc::new(tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
    let address = listener.local_addr().expect("bound");
    let connector = WebSocketConnector::<(), (), WorkRemote>::new(());
    for _ in 0..2 {
        let server = Server::new();
        server.serve(Arc::clone(&listener), accept).expect("not open yet");
        let client = connector.connect(format!("ws://{address}"), ()).await.expect("open");
        assert_eq!(client.remote().echo(1).await, Ok(1));
        server.close().await;
    }
}

#[tokio::test]
async fn r2_one_stream_at_a_time_and_503_after_the_close() {
    let server = Server::new();
    let connector = WebSocketConnector::<(), (), WorkRemote>::new(());
    let (here, there) = tokio::io::duplex(1024);
    let taking = server.clone();
    tokio::spawn(async move { taking.accept_stream(there, None, accept).await });
    let client = connector.connect_over(here, "ws://pipe/", ()).await.expect("over a pipe");
    assert_eq!(client.remote().echo(5).await, Ok(5));
    assert_eq!(server.state(), ServerState::Open);
    server.close().await;
    assert_eq!(client.closed().await.code, code::GOING_AWAY);
    let (here, there) = tokio::io::duplex(1024);
    let taking = server.clone();
    tokio::spawn(async move { taking.accept_stream(there, None, accept).await });
    let refused = connector.connect_over(here, "ws://pipe/", ()).await;
    assert!(matches!(refused, Err(ws_client::ConnectError::Status { status: 503 })), "{refused:?}");
}

#[tokio::test]
async fn r25_a_provider_is_replaced_and_another_contract_refused() {
    #[ws_service]
    trait Other {
        async fn other(&self);
    }
    struct Nothing;
    impl Other for Nothing {
        async fn other(&self) {}
    }
    struct Double(Arc<tokio::sync::Notify>);
    impl Work for Double {
        async fn forever(&self) {
            self.0.notified().await;
        }
        async fn echo(&self, n: u64) -> u64 {
            2 * n
        }
        async fn close_server(&self) {}
    }
    for way in ways() {
        let gate = Arc::new(tokio::sync::Notify::new());
        let old = Arc::clone(&gate);
        let ends = connect(
            way,
            &Limits::default(),
            move |_: ()| WorkProvider::new(Double(Arc::clone(&old))),
            |_: WorkRemote| (),
        )
        .await;
        let running = tokio::spawn(ends.client.remote().forever());
        until_true(|| ends.serving.running() == 1).await;
        assert_eq!(ends.client.remote().echo(4).await, Ok(8));
        ends.serving.replace(WorkProvider::new(Forever)).expect("the same contract");
        assert_eq!(ends.client.remote().echo(4).await, Ok(4));
        let refused = ends.serving.replace(OtherProvider::new(Nothing));
        assert_eq!(refused, Err(ws_core::ReplaceError::OtherContract));
        gate.notify_one();
        assert_eq!(running.await.expect("no panic"), Ok(()), "the running call keeps the old provider");
    }
}

#[tokio::test]
async fn r34_closed_is_told_to_everybody_and_within() {
    for way in ways() {
        let ends =
            connect(way, &Limits::default(), |_: WorkRemote| WorkProvider::new(Forever), |_: WorkRemote| ())
                .await;
        assert_eq!(ends.client.closed_within(Duration::from_millis(5)).await, None);
        assert_eq!(ends.client.closed_by(std::time::Instant::now()).await, None);
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let peer = ends.client.peer();
                tokio::spawn(async move { peer.closed().await })
            })
            .collect();
        ends.serving.close_with(4001, "ä".repeat(200).as_str()).await;
        for info in join_all(waiting).await {
            let info = info.expect("no panic");
            assert_eq!(info.code, 4001);
            assert_eq!(info.reason.len(), 122, "cut between characters");
        }
        assert!(ends.client.closed_within(Duration::from_secs(1)).await.is_some());
        assert!(!ends.client.is_open());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn r3_a_spawned_handler_is_gone_before_closed_resolves() {
    #[ws_service]
    trait Blocks {
        #[ws(spawn)]
        async fn block(&self);
    }
    /// Blocks its thread until it is let go, so that aborting its task takes effect only then.
    struct Blocker {
        inside: Arc<AtomicU32>,
        go: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
        dropped: Arc<AtomicBool>,
    }
    impl Drop for Blocker {
        fn drop(&mut self) {
            self.dropped.store(true, Ordering::SeqCst);
        }
    }
    impl Blocks for Blocker {
        async fn block(&self) {
            self.inside.fetch_add(1, Ordering::SeqCst);
            let _ = self.go.lock().expect("unpoisoned").recv();
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }
    }
    for way in ways() {
        let (inside, dropped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (go, wait) = std::sync::mpsc::channel();
        let blocker = Blocker { inside: Arc::clone(&inside), go: wait.into(), dropped: Arc::clone(&dropped) };
        let blocker = std::sync::Mutex::new(Some(blocker));
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| {
                BlocksProvider::new(blocker.lock().expect("unpoisoned").take().expect("one connection"))
            },
            |_: BlocksRemote| (),
        )
        .await;
        let call = tokio::spawn(ends.client.remote().block());
        until_true(|| inside.load(Ordering::SeqCst) == 1).await;
        let closing = tokio::spawn({
            let serving = ends.serving.clone();
            async move { serving.close().await }
        });
        assert!(matches!(call.await, Ok(Err(CallError::Closed(_)))), "R15: at once");
        assert_eq!(
            ends.serving.closed_within(Duration::from_millis(50)).await,
            None,
            "its task still blocks"
        );
        go.send(()).expect("it waits");
        closing.await.expect("no panic");
        assert!(dropped.load(Ordering::SeqCst));
    }
}
