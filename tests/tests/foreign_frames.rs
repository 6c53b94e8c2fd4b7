//! R39, P7: text messages beside the service, which close a connection unless the application takes or ignores them; bounded
//! both ways like everything else.

use std::time::Duration;

use futures::StreamExt;
use tokio::io::duplex;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{ClosedBy, Connection, Encoding, Limits, SendError, UnknownFrames, code, ws_service};
use ws_server::{Acceptor, WebSocketServer};
use ws_tests::fixture::{Carrier, until_true, ways};
use ws_tests::raw::frames::{Frame, Hello, call};
use ws_tests::raw::{Raw, Seen, in_time};

#[ws_service]
trait Echo {
    async fn echo(&self, text: String) -> String;
}

struct Echoes;

impl Echo for Echoes {
    async fn echo(&self, text: String) -> String {
        text
    }
}

type Server = WebSocketServer<(), EchoProvider<Echoes>, ()>;
type Taken = Acceptor<(), EchoProvider<Echoes>, ()>;

struct Ends {
    _server: Server,
    serving: Connection<()>,
    client: Connection<EchoRemote>,
}

fn server(unknown: UnknownFrames, limits: &Limits) -> Server {
    Server::builder().limits(limits.clone()).unknown_frames(unknown).build().expect("good options")
}

/// A handler that hands connections to the test.
fn accepting(
    tell: mpsc::UnboundedSender<Connection<()>>,
) -> impl Fn(Taken) -> futures::future::BoxFuture<'static, Result<(), ws_server::HandlerError>> {
    move |taken| {
        let tell = tell.clone();
        Box::pin(async move {
            let _ = tell.send(taken.accept(EchoProvider::new(Echoes)).await?);
            Ok(())
        })
    }
}

async fn connect(
    (carrier, encoding): (Carrier, Encoding),
    [here, there]: [UnknownFrames; 2],
    limits: &Limits,
) -> Ends {
    let server = server(here, limits);
    let (tell, mut told) = mpsc::unbounded_channel();
    let connector = WebSocketConnector::<(), (), EchoRemote>::builder(());
    let connector = connector.limits(limits.clone()).encodings([encoding]).unknown_frames(there);
    let connector = connector.build().expect("good options");
    let client = match carrier {
        Carrier::Socket => {
            let address = server.open("127.0.0.1:0", accepting(tell)).await.expect("a free port");
            connector.connect(format!("ws://{address}"), ()).await
        }
        Carrier::Memory => {
            let (near, far) = memory_pair(4);
            let attached = server.clone();
            tokio::spawn(async move { attached.attach(far, encoding, accepting(tell)).await });
            connector.attach(near, encoding, ()).await
        }
    };
    let serving = told.recv().await.expect("the server's end");
    Ends { _server: server, serving, client: client.expect("open") }
}

/// A client by hand that is accepted, and the server's end.
async fn raw(server: &Server) -> (Raw, Connection<()>) {
    let (here, there) = duplex(64 << 10);
    let (tell, mut told) = mpsc::unbounded_channel();
    let attached = server.clone();
    tokio::spawn(async move { attached.accept_stream(there, None, accepting(tell)).await });
    let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
    raw.send([Hello::default().with_header(&[])]).await;
    assert!(matches!(raw.frame().await, Frame::Welcome { .. }));
    (raw, told.recv().await.expect("the server's end"))
}

async fn still_serves(raw: &mut Raw) {
    raw.send([call(1, "Echo.echo", &[1, b'x'])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![1, b'x'] });
}

fn text(text: &str) -> Message {
    Message::Text(text.into())
}

#[tokio::test]
async fn texts_go_both_ways_beside_the_calls() {
    for way in ways() {
        let emit = [UnknownFrames::Emit, UnknownFrames::Emit];
        let Ends { _server, serving, client } = connect(way, emit, &Limits::default()).await;
        let (mut here, mut there) = (serving.texts(), client.texts());
        for sent in ["", "plain", "größer – 大", &"x".repeat(100_000)] {
            client.send_text(sent).await.expect("sent");
            assert_eq!(in_time("a text", here.next()).await.as_deref(), Some(sent), "{way:?}");
            serving.send_text(sent).await.expect("sent");
            // As a stream as well.
            assert_eq!(in_time("a text", StreamExt::next(&mut there)).await.as_deref(), Some(sent));
            assert_eq!(client.remote().echo("call".to_owned()).await, Ok("call".to_owned()));
        }
        assert_eq!((client.stats().texts_sent, client.stats().texts_received), (4, 4));
        // In the order in which they were sent, among calls.
        let echo = client.remote().echo("call".to_owned());
        client.send_text("last").await.expect("sent");
        assert_eq!(echo.await, Ok("call".to_owned()));
        // What has come stays to be read after the end.
        until_true(|| serving.stats().texts_received == 5).await;
        client.close().await;
        assert_eq!(here.next().await.as_deref(), Some("last"));
        assert_eq!((here.next().await, there.next().await), (None, None));
        let failed = client.send_text("late").await;
        assert!(matches!(failed, Err(SendError::Closed(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn by_default_text_closes_1003_on_either_side() {
    for way in ways() {
        let none = [UnknownFrames::Close, UnknownFrames::Close];
        for from_client in [true, false] {
            let Ends { _server, serving, client } = connect(way, none, &Limits::default()).await;
            assert_eq!(client.texts().next().await, None, "none are taken, and nobody waits for them");
            if from_client {
                client.send_text("{}").await.expect("sent");
            } else {
                serving.send_text("{}").await.expect("sent");
            }
            let (here, there) = tokio::join!(serving.closed(), client.closed());
            assert_eq!((here.code, there.code), (code::UNSUPPORTED, code::UNSUPPORTED), "{way:?}");
            let by = if from_client { ClosedBy::Local } else { ClosedBy::Peer };
            assert_eq!((here.by, here.clean), (by, true));
        }
    }
}

#[tokio::test]
async fn ignored_texts_are_counted_and_nothing_else() {
    let server = server(UnknownFrames::Ignore, &Limits::default());
    let (mut raw, serving) = raw(&server).await;
    for _ in 0..1000 {
        raw.message(text("noise")).await;
    }
    still_serves(&mut raw).await;
    assert_eq!((serving.stats().texts_dropped, serving.stats().texts_received), (1000, 0));
    assert_eq!(in_time("none", serving.texts().next()).await, None);
}

#[tokio::test]
async fn what_nobody_reads_is_dropped_beyond_its_bounds() {
    for (limits, kept) in [
        (Limits::default().text_messages(3), 3),
        (Limits::default().text_bytes(25), 3),
        (Limits::default().text_messages(1), 1),
    ] {
        let server = server(UnknownFrames::Emit, &limits);
        let (mut raw, serving) = raw(&server).await;
        for i in 0..10 {
            raw.message(text(&format!("{i}123456789"))).await;
        }
        still_serves(&mut raw).await;
        let stats = serving.stats();
        assert_eq!((stats.texts_received, stats.texts_dropped), (kept, 10 - kept), "{limits:?}");
        let mut texts = serving.texts();
        for i in 0..kept {
            assert_eq!(texts.next().await, Some(format!("{i}123456789")), "the oldest stay");
        }
        raw.message(text("room again")).await;
        assert_eq!(in_time("a text", texts.next()).await.as_deref(), Some("room again"));
    }
    assert!(Server::builder().limits(Limits::default().text_messages(0)).build().is_err());
    assert!(Server::builder().limits(Limits::default().text_bytes(0)).build().is_err());
}

/// A broken one would hand texts of strangers to the application, or fill memory with them.
#[tokio::test]
async fn p7_text_before_the_acceptance_is_1003_whatever_is_taken_later() {
    for unknown in [UnknownFrames::Close, UnknownFrames::Ignore, UnknownFrames::Emit] {
        for hello in [false, true] {
            let server = server(unknown, &Limits::default());
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
            if hello {
                raw.send([Hello::default().with_header(&[])]).await;
            }
            raw.message(text("{}")).await;
            assert_eq!(raw.close_code().await, 1003, "{unknown:?}");
            drop(raw);
            until_true(|| server.counts().connections == 0).await;
        }
    }
}

#[tokio::test]
async fn r35_texts_that_are_too_large_or_no_text() {
    let limits = Limits::default().max_message(2048);
    for unknown in [UnknownFrames::Ignore, UnknownFrames::Emit] {
        let server = server(unknown, &limits);
        let (mut raw_, serving) = raw(&server).await;
        raw_.message(text(&"x".repeat(2048))).await;
        still_serves(&mut raw_).await;
        raw_.message(text(&"x".repeat(2049))).await;
        assert_eq!(raw_.close_code().await, 1009, "{unknown:?}");
        drop(raw_);
        assert_eq!(serving.closed().await.code, 1009);
        let (mut raw_, _serving) = raw(&server).await;
        raw_.bytes(&ws_tests::raw::frames::websocket(0x81, Some([9; 4]), &[0xff, 0xfe])).await;
        assert_eq!(raw_.close_code().await, 1007);
    }
    // This side does not send what the other does not take.
    let (near, far) = memory_pair(4);
    let server = server(UnknownFrames::Emit, &limits);
    let (tell, _told) = mpsc::unbounded_channel();
    let attached = server.clone();
    tokio::spawn(async move { attached.attach(far, Encoding::Bincode, accepting(tell)).await });
    let connector = WebSocketConnector::<(), (), EchoRemote>::new(());
    let client = connector.attach(near, Encoding::Bincode, ()).await.expect("open");
    assert_eq!(client.send_text("x".repeat(2049)).await, Err(SendError::TooLarge));
    client.send_text("x".repeat(2048)).await.expect("sent");
    assert!(client.remote().echo("x".to_owned()).await.is_ok());
}

/// A broken one would queue without bound for a peer that does not read, or never go on when it does.
#[tokio::test(start_paused = true)]
async fn r38_texts_wait_for_room_in_the_outbox() {
    let limits = Limits::default()
        .outbox_bytes(10_000)
        .send_timeout(Duration::from_millis(500))
        .write_stall(Duration::from_secs(60));
    let server = server(UnknownFrames::Emit, &limits);
    let (here, there) = duplex(1024);
    let (tell, mut told) = mpsc::unbounded_channel();
    let attached = server.clone();
    tokio::spawn(async move { attached.accept_stream(there, None, accepting(tell)).await });
    let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
    raw.send([Hello::default().with_header(&[])]).await;
    assert!(matches!(raw.frame().await, Frame::Welcome { .. }));
    let serving = told.recv().await.expect("the server's end");
    let mut sent = 0;
    let full = loop {
        match serving.send_text("x".repeat(4000)).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 20, "nobody reads");
    };
    assert_eq!(full, SendError::Full);
    let waiting = tokio::spawn({
        let serving = serving.clone();
        async move { serving.send_text("at last").await }
    });
    tokio::task::yield_now().await;
    for _ in 0..sent {
        assert_eq!(raw.next().await, Seen::Text("x".repeat(4000)));
    }
    assert_eq!(in_time("room", waiting).await.expect("no panic"), Ok(()));
    assert_eq!(raw.next().await, Seen::Text("at last".to_owned()));
    // Empty ones cost as well.
    let mut empty = 0;
    while serving.send_text("").await.is_ok() {
        empty += 1;
        assert!(empty < 2000, "nobody reads");
    }
}

#[tokio::test]
async fn texts_do_not_keep_a_connection() {
    let emit = [UnknownFrames::Emit, UnknownFrames::Emit];
    let Ends { _server, serving, client } =
        connect((Carrier::Memory, Encoding::Bincode), emit, &Limits::default()).await;
    // The last handle of the client goes while somebody waits for its texts: they end.
    let texts = tokio::spawn(client.texts().collect::<Vec<_>>());
    serving.send_text("one").await.expect("sent");
    until_true(|| client.stats().texts_received == 1).await;
    drop(client);
    assert_eq!(in_time("the end", texts).await.expect("no panic"), ["one"]);
    assert!(matches!(in_time("the end", serving.closed()).await.code, code::NORMAL));
}
