//! R7: several tries on one connection, where the server opts into them: each a header, a handler and a decision of its
//! own; never more than there are, and nothing of one in the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::duplex;
use ws_client::{ConnectError, Rejected, WebSocketConnector};
use ws_core::transport::memory_pair;
use ws_core::{Connection, EarlyFrames, Encoding, Limits, ws_service};
use ws_server::{Acceptor, HandlerError, Rejection, ServerBuilder, WebSocketServer};
use ws_tests::fixture::{Carrier, until_true, ways};
use ws_tests::raw::frames::{self, Frame, Hello, call, encoded, event};
use ws_tests::raw::{Raw, Seen, in_time};

#[ws_service]
trait Echo {
    async fn echo(&self, n: u64) -> u64;
}

/// Serves, and counts what it did.
struct Counting(Arc<AtomicUsize>);

impl Echo for Counting {
    async fn echo(&self, n: u64) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst);
        n
    }
}

type Server = WebSocketServer<String, EchoProvider<Counting>, (), u32>;
type Taken = Acceptor<String, EchoProvider<Counting>, (), u32>;
type Connector = WebSocketConnector<String, (), EchoRemote>;

/// Three tries.
fn three() -> ServerBuilder<String, EchoProvider<Counting>, (), u32> {
    Server::builder().attempts(3)
}

/// Accepts the password `right`, and counts the tries in the context; `never` is rejected for good.
async fn ask(taken: Taken, echoes: Arc<AtomicUsize>) -> Result<(), HandlerError> {
    let tries = taken.context().update(|tries| {
        *tries += 1;
        *tries
    });
    // Headers that do not decode are tries without a handler.
    assert!(tries <= u32::from(taken.attempt()));
    match taken.header().as_str() {
        "right" => {}
        "never" => return taken.reject(Rejection::forbidden("banned").and_close()).await,
        "forget" => return Ok(()),
        "fail" => return Err(HandlerError::new("no")),
        _ => return taken.reject(Rejection::unauthorized(format!("try {tries}"))).await,
    }
    taken.accept(EchoProvider::new(Counting(echoes))).await?;
    Ok(())
}

fn handler(
    echoes: &Arc<AtomicUsize>,
) -> impl Fn(Taken) -> futures::future::BoxFuture<'static, Result<(), HandlerError>> + use<> {
    let echoes = Arc::clone(echoes);
    move |taken| Box::pin(ask(taken, Arc::clone(&echoes)))
}

/// A client that has upgraded.
async fn raw(server: &Server, echoes: &Arc<AtomicUsize>) -> Raw {
    let (here, there) = duplex(64 << 10);
    let (server, handler) = (server.clone(), handler(echoes));
    tokio::spawn(async move { server.accept_stream(there, None, handler).await });
    Raw::upgrade(Box::new(here), Encoding::Bincode).await
}

fn hello(password: &str) -> Vec<u8> {
    Hello::default().with_header(&encoded(Encoding::Bincode, &password.to_owned()))
}

/// The REJECT that comes next: its code and the tries that are left.
async fn rejection(raw: &mut Raw) -> (u16, u8) {
    match raw.frame().await {
        Frame::Reject { version: 1, code, retry, .. } => (code, retry),
        frame => panic!("a REJECT, not {frame:?}"),
    }
}

async fn connect(
    (carrier, encoding): (Carrier, Encoding),
    server: &Server,
    passwords: &'static [&'static str],
) -> (Result<Connection<EchoRemote>, ConnectError>, usize) {
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let next = move |rejected: Rejected| {
        let place = count.fetch_add(1, Ordering::SeqCst) + 1;
        assert_eq!(usize::from(rejected.tries_left), 3 - place);
        assert_eq!((rejected.code, rejected.reason), (4501, format!("try {place}")));
        async move { passwords.get(place).map(|password| (*password).to_owned()) }
    };
    let connector = Connector::builder(passwords[0].to_owned()).encodings([encoding]).next_header(next);
    let connector = connector.build().expect("good options");
    let echoes = Arc::default();
    let connection = match carrier {
        Carrier::Socket => {
            let address = server.open("127.0.0.1:0", handler(&echoes)).await.expect("a free port");
            connector.connect(format!("ws://{address}"), ()).await
        }
        Carrier::Memory => {
            let (here, there) = memory_pair(4);
            let (server, handler) = (server.clone(), handler(&echoes));
            tokio::spawn(async move { server.attach(there, encoding, handler).await });
            connector.attach(here, encoding, ()).await
        }
    };
    (connection, asked.load(Ordering::SeqCst))
}

#[tokio::test]
async fn r7_a_client_tries_until_it_is_accepted() {
    for way in ways() {
        let server = three().build().expect("good options");
        let (client, asked) = connect(way, &server, &["a", "b", "right"]).await;
        let client = client.expect("the third is right");
        assert_eq!(client.remote().echo(7).await, Ok(7), "{way:?}");
        assert_eq!(asked, 2);
        assert_eq!(server.counts().unactivated, 0);
        let serving = server.connections().pop().expect("it is listed");
        assert_eq!(serving.context().get(), 3, "one context for all tries");
    }
}

#[tokio::test]
async fn r7_after_the_last_try_it_is_rejected_for_good() {
    for way in ways() {
        let server = three().build().expect("good options");
        let (client, asked) = connect(way, &server, &["a", "b", "c", "right"]).await;
        let Err(ConnectError::Rejected { code, reason }) = client else { panic!("{client:?}") };
        assert_eq!((code, reason.as_str(), asked), (4501, "try 3", 2), "{way:?}");
        until_true(|| server.counts().connections == 0).await;
        assert_eq!(server.counts().unactivated, 0);
    }
}

#[tokio::test]
async fn r7_a_client_may_give_up_or_not_know_of_tries() {
    for way in ways() {
        let server = three().build().expect("good options");
        let (client, asked) = connect(way, &server, &["a"]).await;
        assert!(matches!(client, Err(ConnectError::Rejected { code: 4501, .. })), "{client:?}");
        assert_eq!(asked, 1);
        until_true(|| server.counts().connections == 0).await;
    }
    let server = three().build().expect("good options");
    let address = server.open("127.0.0.1:0", handler(&Arc::default())).await.expect("a free port");
    let client = Connector::new("a".to_owned()).connect(format!("ws://{address}"), ()).await;
    assert!(matches!(client, Err(ConnectError::Rejected { code: 4501, .. })), "{client:?}");
    until_true(|| server.counts().connections == 0).await;
}

#[tokio::test]
async fn r7_what_ends_a_try_for_good() {
    let server = three().build().expect("good options");
    for (password, code) in [("never", 4503), ("forget", 1008), ("fail", 1011)] {
        let mut raw = raw(&server, &Arc::default()).await;
        raw.send([hello("wrong")]).await;
        assert_eq!(rejection(&mut raw).await, (4501, 2));
        raw.send([hello(password)]).await;
        assert_eq!(raw.rejected().await.0, code, "{password}");
        raw.send([hello("right")]).await;
        assert_eq!(raw.next().await, Seen::Lost);
        until_true(|| server.counts().connections == 0).await;
    }
}

#[tokio::test]
async fn r7_a_header_that_does_not_decode_is_a_try() {
    let server = three().build().expect("good options");
    let mut raw = raw(&server, &Arc::default()).await;
    for left in [2, 1] {
        raw.send([Hello::default().with_header(&[9, b'x'])]).await;
        assert_eq!(rejection(&mut raw).await, (4506, left));
    }
    raw.send([hello("a")]).await;
    assert_eq!(raw.rejected().await.0, 4501);
}

#[tokio::test]
async fn r7_one_try_is_what_there_is_by_default() {
    let server = Server::new();
    let mut raw = raw(&server, &Arc::default()).await;
    raw.send([hello("a")]).await;
    assert_eq!(raw.rejected().await.0, 4501);
    assert!(Server::builder().attempts(0).build().is_err());
}

/// A broken one would run what was sent for a header that was rejected, or break off with a client that kept the rules.
#[tokio::test]
async fn r8_nothing_of_a_rejected_try_is_in_the_next() {
    let server = three().early_frames(EarlyFrames::queue()).build().expect("good options");
    let echoes = Arc::<AtomicUsize>::default();
    let mut raw = raw(&server, &echoes).await;
    raw.send([hello("a"), call(1, "Echo.echo", &[1])]).await;
    assert_eq!(rejection(&mut raw).await, (4501, 2));
    // These may have crossed the REJECT.
    raw.send([call(3, "Echo.echo", &[3]), event(5, "Echo.echo", &[5]), frames::cancel(3)]).await;
    raw.send([hello("right"), call(1, "Echo.echo", &[9])]).await;
    assert!(matches!(raw.frame().await, Frame::Welcome { .. }));
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![9] }, "of this try, and the only one");
    raw.send([call(7, "Echo.echo", &[2])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 7, body: vec![2] });
    assert_eq!(echoes.load(Ordering::SeqCst), 2);
    let serving = server.connections().pop().expect("open");
    assert_eq!(serving.stats().early_dropped, 4);
}

#[tokio::test]
async fn r7_a_second_hello_before_the_rejection_is_1002() {
    let server = three().build().expect("good options");
    let (here, there) = duplex(64 << 10);
    let attached = server.clone();
    tokio::spawn(async move {
        attached
            .accept_stream(there, None, |taken: Taken| async move {
                let _kept = taken;
                std::future::pending().await
            })
            .await
    });
    let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
    raw.send([hello("a"), hello("right")]).await;
    assert_eq!(raw.close_code().await, 1002);
    drop(raw);
    until_true(|| server.counts().connections == 0).await;
}

#[tokio::test(start_paused = true)]
async fn r6_each_try_has_its_time_and_the_place_at_the_gate_is_kept() {
    let limits = Limits::default().header_timeout(Duration::from_millis(300));
    let server = three().limits(limits).build().expect("good options");
    let mut raw = raw(&server, &Arc::default()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    raw.send([hello("a")]).await;
    assert_eq!(rejection(&mut raw).await, (4501, 2));
    assert_eq!(server.counts().unactivated, 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    raw.send([hello("b")]).await;
    assert_eq!(rejection(&mut raw).await, (4501, 1), "500 ms after the upgrade, 200 after the rejection");
    assert_eq!(raw.close_code().await, 4009);
    drop(raw);
    until_true(|| server.counts().connections == 0 && server.counts().unactivated == 0).await;
}

#[tokio::test]
async fn r3_a_server_closes_between_two_tries() {
    let server = three().build().expect("good options");
    let mut raw = raw(&server, &Arc::default()).await;
    raw.send([hello("a")]).await;
    assert_eq!(rejection(&mut raw).await, (4501, 2));
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    assert_eq!(raw.close_code().await, 1001);
    drop(raw);
    in_time("the close", closing).await.expect("no panic");
}

/// A broken one would let a server ask for ever.
#[tokio::test]
async fn r35_a_server_that_leaves_no_fewer_tries_is_1002() {
    for second in [2, 3, 255] {
        let (here, there) = duplex(64 << 10);
        let connector = Connector::builder("a".to_owned()).next_header(|_| async { Some("b".to_owned()) });
        let connector = connector.build().expect("good options");
        let connecting =
            tokio::spawn(async move { connector.connect_over(there, "ws://pipe/", ()).await.map(drop) });
        let mut raw = Raw::answer(Box::new(here), Encoding::available()[0]).await;
        assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
        raw.send([frames::reject_try(1, 4501, 2, b"no")]).await;
        assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
        raw.send([frames::reject_try(1, 4501, second, b"no")]).await;
        assert_eq!(raw.close_code().await, 1002);
        let failed = connecting.await.expect("no panic");
        assert!(matches!(failed, Err(ConnectError::NotOurProtocol(_))), "{failed:?}");
    }
}

/// Between REJECT and its next HELLO a client takes nothing.
#[tokio::test]
async fn p17_a_welcome_behind_a_reject_is_1002() {
    let (here, there) = duplex(64 << 10);
    let connector = Connector::builder("a".to_owned()).next_header(|_| std::future::pending());
    let connector = connector.build().expect("good options");
    let connecting =
        tokio::spawn(async move { connector.connect_over(there, "ws://pipe/", ()).await.map(drop) });
    let mut raw = Raw::answer(Box::new(here), Encoding::available()[0]).await;
    assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
    raw.send([frames::reject_try(1, 4501, 2, b"no")]).await;
    raw.send([Hello::default().welcome()]).await;
    assert_eq!(raw.close_code().await, 1002);
    let failed = in_time("the end", connecting).await.expect("no panic");
    assert!(
        matches!(failed, Err(ConnectError::Rejected { code: 4501, .. })),
        "it is not asked on: {failed:?}"
    );
}
