//! R1–R3, R6, R7: servers that are opened and closed again, and ends that come at the wrong moment.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::transport::memory_pair;
use ws_core::{Encoding, Limits, code};
use ws_server::{Acceptor, HandlerError, ServerState, WebSocketServer};
use ws_tests::fixture::until_true;
use ws_tests::raw::frames::{Frame, Hello};
use ws_tests::raw::{Raw, Wire, in_time, read_head, status_of};

type Server = WebSocketServer<(), (), ()>;
type Taken = Acceptor<(), (), ()>;
type Connector = WebSocketConnector<(), (), ()>;
type Decided = Result<(), HandlerError>;

async fn accept(taken: Taken) -> Decided {
    taken.accept(()).await?;
    Ok(())
}

/// Accepts, and counts.
fn counting(count: &Arc<AtomicUsize>) -> impl Fn(Taken) -> BoxFuture<'static, Decided> + use<> {
    let count = Arc::clone(count);
    move |taken| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(accept(taken))
    }
}

fn url(address: SocketAddr) -> String {
    format!("ws://{address}")
}

async fn client(address: SocketAddr) -> Result<ws_core::Connection<()>, ConnectError> {
    in_time("a connection or a refusal", Connector::new(()).connect(url(address), ())).await
}

/// Runs on one worker, whose newest task comes first: what a test spawns late is polled before what the server spawned
/// early, the order in which signals are missed.
fn on_one_worker(test: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async { tokio::spawn(test).await.expect("no panic") });
}

/// A broken one would return from `close` while its listener is still bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_the_port_is_free_when_close_returns() {
    let server = Server::new();
    let mut address = server.open("127.0.0.1:0", accept).await.expect("a free port");
    for round in 0..300 {
        server.close().await;
        let again = server.open(address, accept).await;
        address = again.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
    }
    client(address).await.expect("the last one serves");
}

/// A broken accept loop would look for the stop signal when it first runs, and find that of the next opening.
#[test]
fn r1_no_accept_loop_outlives_its_opening() {
    on_one_worker(async {
        let (old, new) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let server = Server::new();
        let first = server.open("127.0.0.1:0", counting(&old)).await.expect("a free port");
        server.close().await;
        let second = server.open("127.0.0.1:0", counting(&new)).await.expect("a free port");
        assert!(matches!(client(first).await, Err(ConnectError::Refused(_))), "nobody listens there");
        client(second).await.expect("a connection");
        assert_eq!((old.load(Ordering::SeqCst), new.load(Ordering::SeqCst)), (0, 1));
    });
}

/// A broken upgrade would ask whether its server is open when it is done, and join the next opening.
#[tokio::test]
async fn r1_an_upgrade_does_not_outlive_its_opening() {
    let (old, new) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let server = Server::new();
    let address = server.open("127.0.0.1:0", counting(&old)).await.expect("a free port");
    let mut socket = TcpStream::connect(address).await.expect("the server listens");
    socket.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n").await.expect("the server reads");
    until_true(|| server.counts().unactivated == 1).await;
    server.close().await;
    server.open(address, counting(&new)).await.expect("the port is free again");
    let rest = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ws-service.v1.bincode\r\n\r\n";
    // It may have ended already.
    let _ = socket.write_all(rest.as_bytes()).await;
    let mut wire: Wire = Box::new(socket);
    assert_eq!(status_of(&read_head(&mut wire).await), 503);
    client(address).await.expect("the new opening serves");
    assert_eq!((old.load(Ordering::SeqCst), new.load(Ordering::SeqCst)), (0, 1));
}

/// A broken one would find nothing to close yet, and leave the server to open behind its back.
#[tokio::test]
async fn r1_a_close_while_it_opens_closes_it() {
    let server = Server::new();
    let opening = tokio::spawn({
        let server = server.clone();
        // A name takes another thread, and so at least one wait.
        async move { server.open("localhost:0", accept).await }
    });
    while server.state() == ServerState::None {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.state(), ServerState::Opening);
    in_time("the close", server.close()).await;
    assert_eq!(server.state(), ServerState::Closed);
    let address = opening.await.expect("no panic").expect("it was open for a moment");
    assert!(matches!(client(address).await, Err(ConnectError::Refused(_))));
}

/// A broken one would leave clients in the backlog of a listener that nobody looks at; or its loop would go on to
/// refuse them beside the loop of the next opening.
#[test]
fn r2_a_listener_says_503_after_the_close_until_it_is_served_again() {
    on_one_worker(async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
        let address = listener.local_addr().expect("bound");
        let server = Server::new();
        for round in 0..3 {
            server.serve(Arc::clone(&listener), accept).expect("not open");
            for _ in 0..20 {
                client(address).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
            }
            server.close().await;
            if round != 1 {
                // In the second round the server is opened again before anybody asks.
                let refused = client(address).await;
                assert!(matches!(refused, Err(ConnectError::Status { status: 503 })), "{refused:?}");
            }
        }
    });
}

/// A broken one would take one listener only.
#[tokio::test]
async fn r2_an_open_server_takes_another_listener() {
    let server = Server::new();
    let own = server.open("127.0.0.1:0", accept).await.expect("a free port");
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
    server.serve(Arc::clone(&listener), accept).expect("in addition");
    let clients = [
        client(own).await.expect("open"),
        client(listener.local_addr().expect("bound")).await.expect("open"),
    ];
    assert_eq!(server.counts().active, 2);
    server.close().await;
    for client in clients {
        assert_eq!(client.closed().await.code, code::GOING_AWAY);
    }
}

/// A broken one would leave the connection to its timeouts, outside of the gate; or bury the rejection with it, so that
/// the client reads `Closed`.
#[tokio::test(start_paused = true)]
async fn r7_a_connection_whose_attach_is_dropped_is_rejected() {
    let limits = Limits::default().max_unactivated(1);
    let server = Server::builder().limits(limits).build().expect("good limits");
    let began = Instant::now();
    for _ in 0..20 {
        let (here, there) = memory_pair(4);
        let connector = Connector::new(());
        let connecting = tokio::spawn(async move { connector.attach(here, Encoding::Bincode, ()).await });
        let reached = Arc::new(Notify::new());
        let tell = Arc::clone(&reached);
        let attached = server.attach(there, Encoding::Bincode, move |taken| {
            tell.notify_one();
            async move {
                let _taken = taken;
                pending().await
            }
        });
        tokio::select! {
            attached = attached => panic!("nobody decided: {attached:?}"),
            () = reached.notified() => {}
        }
        let refused = in_time("the rejection", connecting).await.expect("no panic");
        assert!(matches!(refused, Err(ConnectError::Rejected { code: code::POLICY, .. })), "{refused:?}");
        until_true(|| server.counts().connections == 0).await;
        assert_eq!(server.counts().unactivated, 0);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(server.counts().turned_away, 0);
}

/// A broken gate would give the place of who was refused to the next one, and so hold any number of those who stay.
#[tokio::test(start_paused = true)]
async fn r6_who_was_refused_holds_its_place_until_it_is_gone() {
    let limits = Limits::default().max_unactivated(2).close_grace(Duration::from_secs(3));
    let server = WebSocketServer::<(String,), (), ()>::builder().limits(limits).build().expect("good limits");
    let enter = || {
        let (here, there) = duplex(4096);
        let server = server.clone();
        tokio::spawn(async move {
            let decide = |taken: Acceptor<(String,), (), ()>| async move {
                taken.accept(()).await?;
                Ok(())
            };
            server.accept_stream(there, None, decide).await
        });
        Box::new(here) as Wire
    };
    let mut staying = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::upgrade(enter(), Encoding::Bincode).await;
        // Not the header that is asked for.
        raw.send([Hello::default().with_header(&[0xff; 3])]).await;
        assert!(matches!(raw.frame().await, Frame::Reject { code: code::INVALID_HEADER, .. }));
        staying.push(raw);
    }
    for _ in 0..10 {
        assert_eq!(status_of(&read_head(&mut enter()).await), 503);
    }
    assert_eq!((server.counts().connections, server.counts().turned_away), (2, 10));
    // The grace is over, whatever they do.
    until_true(|| server.counts().connections == 0).await;
    let connector = WebSocketConnector::<(String,), (), ()>::new(("me".to_owned(),));
    connector.connect_over(enter(), "ws://pipe/", ()).await.expect("there is a place again");
    drop(staying);
}

/// A broken one would let pass what overflows its clocks later, and kill connections, or `close`, by a panic.
#[test]
fn r3_no_duration_is_without_end() {
    type Set = fn(Limits, Duration) -> Limits;
    let setters: [(&str, Set); 11] = [
        ("call_timeout", Limits::call_timeout),
        ("max_call_timeout", Limits::max_call_timeout),
        ("send_timeout", Limits::send_timeout),
        ("ping_interval", Limits::ping_interval),
        ("ping_grace", Limits::ping_grace),
        ("write_stall", Limits::write_stall),
        ("close_grace", Limits::close_grace),
        ("upgrade_timeout", Limits::upgrade_timeout),
        ("header_timeout", Limits::header_timeout),
        ("decision_timeout", Limits::decision_timeout),
        ("connect_timeout", Limits::connect_timeout),
    ];
    for (name, set) in setters {
        let limits = set(Limits::default(), Duration::MAX);
        assert!(Server::builder().limits(limits.clone()).build().is_err(), "a server's {name}");
        assert!(Connector::builder(()).limits(limits).build().is_err(), "a client's {name}");
    }
    assert!(Server::builder().drain(Duration::MAX).build().is_err(), "a server's drain");
}
