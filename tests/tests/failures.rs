//! What `on_failure` is told: each message of the other side that failed here, once, with what happened. The other side
//! learns the class and nothing more (R16).

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ws_client::WebSocketConnector;
use ws_core::service::{Answer, HandlerFuture, Invocation, Methods, Refusal};
use ws_core::transport::memory_pair;
use ws_core::{
    CallContext, CallError, CallOptions, Connection, ConnectionId, Denied, Encoding, Failure, FailureKind,
    Guarded, Limits, Provider, ws_service,
};
use ws_server::{Acceptor, WebSocketServer};
use ws_tests::fixture::{Carrier, heard, until_true, ways};

/// A result that cannot be encoded.
#[derive(Deserialize)]
pub struct Secret;

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a secret of the serializer"))
    }
}

#[derive(Serialize, Deserialize)]
pub struct Code(u32);

#[ws_service]
pub trait Fails {
    async fn fine(&self) -> Result<u32, String>;
    async fn declared(&self) -> Result<u32, String>;
    async fn panics(&self);
    #[ws(spawn)]
    async fn panics_elsewhere(&self);
    async fn unencodable(&self) -> Secret;
    async fn large(&self) -> Vec<u8>;
    async fn denied(&self);
    async fn hangs(&self);
    #[ws(latest)]
    async fn latest(&self);
    #[ws(busy)]
    async fn busy(&self);
    async fn changed(&self) -> u32;
    async fn code(&self, code: Code);
    async fn no_reply(&self);
    #[ws(event)]
    async fn event_fine(&self);
    #[ws(event)]
    async fn event_panics(&self);
    #[ws(event)]
    async fn event_denied(&self);
    #[ws(event)]
    async fn event_code(&self, code: Code);
    #[ws(event)]
    async fn event_changed(&self);
    #[ws(event, concurrent)]
    async fn event_hangs(&self);
}

/// What the other side thinks that it calls.
mod forged {
    use serde::{Deserialize, Serialize};

    /// The same signature as written, and other bytes.
    #[derive(Serialize, Deserialize)]
    pub struct Code(pub String);

    #[ws_core::ws_service]
    pub trait Fails {
        async fn changed(&self) -> u64;
        async fn code(&self, code: Code);
        async fn unknown(&self);
        #[ws(event)]
        async fn event_code(&self, code: Code);
        #[ws(event)]
        async fn event_changed(&self, more: u8);
        #[ws(event)]
        async fn event_unknown(&self);
    }
}

#[derive(Clone)]
struct Faulty(UnboundedSender<&'static str>);

impl Fails for Faulty {
    async fn fine(&self) -> Result<u32, String> {
        Ok(1)
    }
    async fn declared(&self) -> Result<u32, String> {
        Err("declared".into())
    }
    async fn panics(&self) {
        panic!("a secret of the handler")
    }
    async fn panics_elsewhere(&self) {
        tokio::task::yield_now().await;
        panic!("{}", "a secret of the task".to_owned())
    }
    async fn unencodable(&self) -> Secret {
        Secret
    }
    async fn large(&self) -> Vec<u8> {
        vec![7; 100_000]
    }
    async fn denied(&self) {}
    async fn hangs(&self) {
        let _ = self.0.send("hangs");
        pending().await
    }
    async fn latest(&self) {
        let _ = self.0.send("latest");
        pending().await
    }
    async fn busy(&self) {
        let _ = self.0.send("busy");
        pending().await
    }
    async fn changed(&self) -> u32 {
        1
    }
    async fn code(&self, _: Code) {}
    async fn no_reply(&self) {}
    async fn event_fine(&self) {}
    async fn event_panics(&self) {
        panic!("a secret of the event")
    }
    async fn event_denied(&self) {}
    async fn event_code(&self, _: Code) {}
    async fn event_changed(&self) {}
    async fn event_hangs(&self) {
        pending().await
    }
}

fn no(_: &CallContext) -> Result<(), Denied> {
    Err(Denied::new("a secret of the guard"))
}

/// Ends one method's handler without an answer, as only a provider written by hand can.
#[derive(Clone)]
struct Silent(Guarded<FailsProvider<Faulty>>);

impl Provider for Silent {
    fn methods() -> Methods {
        <FailsProvider<Faulty>>::methods()
    }
    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let responder = invocation.responder();
        let nothing = move || -> Answer { responder.nothing() };
        if invocation.context().method() == "Fails.no_reply" {
            return Ok(Box::pin(async move { nothing() }));
        }
        self.0.start(method, invocation)
    }
}

fn faulty() -> (Silent, UnboundedReceiver<&'static str>) {
    let (tell, told) = unbounded_channel();
    let guarded = Guarded::new(FailsProvider::new(Faulty(tell)));
    let guarded = guarded.guard(FailsMethod::Denied, no).expect("there is one");
    (Silent(guarded.guard(FailsMethod::EventDenied, no).expect("there is one")), told)
}

/// A failure as it was told.
#[derive(Clone, Debug)]
struct Told {
    connection: ConnectionId,
    method: Option<String>,
    event_id: u64,
    kind: FailureKind,
    number: Option<u64>,
    detail: Option<String>,
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Told>>>);

impl Seen {
    fn hook(&self) -> impl Fn(&Failure<'_>) + Send + Sync + 'static {
        let seen = Arc::clone(&self.0);
        move |failure| {
            seen.lock().expect("unpoisoned").push(Told {
                connection: failure.connection,
                method: failure.method.map(str::to_owned),
                event_id: failure.event_id,
                kind: failure.kind,
                number: failure.number,
                detail: failure.detail.map(str::to_owned),
            });
        }
    }

    fn len(&self) -> usize {
        self.0.lock().expect("unpoisoned").len()
    }

    /// What was told since the last look, which must be one failure.
    async fn one(&self) -> Told {
        until_true(|| self.len() > 0).await;
        let mut told = std::mem::take(&mut *self.0.lock().expect("unpoisoned"));
        assert_eq!(told.len(), 1, "each failure is told once: {told:?}");
        told.remove(0)
    }
}

type Remotes = FailsRemote;
type Server = WebSocketServer<(), Silent, Remotes>;

/// Both sides fail, and each tells its own hook.
struct Ends {
    server: Server,
    serving: Connection<Remotes>,
    client: Connection<Remotes>,
    at_server: Seen,
    at_client: Seen,
    running_at_server: UnboundedReceiver<&'static str>,
    running_at_client: UnboundedReceiver<&'static str>,
}

fn limits() -> Limits {
    Limits::default().max_message(8192).max_call_bytes(8192).max_header(1024)
}

async fn connect((carrier, encoding): (Carrier, Encoding), limits: &Limits) -> Ends {
    let (at_server, at_client) = (Seen::default(), Seen::default());
    let ((serves, running_at_server), (client_serves, running_at_client)) = (faulty(), faulty());
    let server = Server::builder().limits(limits.clone()).on_failure(at_server.hook()).build().expect("good");
    let connector = WebSocketConnector::<(), Silent, Remotes>::builder(())
        .limits(limits.clone())
        .encodings([encoding])
        .on_failure(at_client.hook())
        .build()
        .expect("good");
    let (tell, mut told) = unbounded_channel();
    let handler = move |acceptor: Acceptor<(), Silent, Remotes>| {
        let (tell, serves) = (tell.clone(), serves.clone());
        async move {
            let connection = acceptor.accept(serves).await?;
            tell.send(connection).expect("the test waits for it");
            Ok(())
        }
    };
    let client = match carrier {
        Carrier::Socket => {
            let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
            connector.connect(format!("ws://{address}"), client_serves).await
        }
        Carrier::Memory => {
            let (here, there) = memory_pair(4);
            let attached = server.clone();
            tokio::spawn(async move { attached.attach(there, encoding, handler).await });
            connector.attach(here, encoding, client_serves).await
        }
    };
    let client = client.expect("a connection");
    let serving = told.recv().await.expect("the server's end");
    Ends { server, serving, client, at_server, at_client, running_at_server, running_at_client }
}

fn shortly() -> CallOptions {
    CallOptions::new().deadline(Duration::from_millis(20))
}

#[tokio::test]
async fn every_failing_call_is_told_once_on_the_side_where_it_failed() {
    for way in ways() {
        let mut ends = connect(way, &limits()).await;
        let running = [&mut ends.running_at_server, &mut ends.running_at_client];
        let seen = [(&ends.at_server, &ends.at_client), (&ends.at_client, &ends.at_server)];
        let callers = [(&ends.client, &ends.serving), (&ends.serving, &ends.client)];
        for (((caller, failing), (here, there)), running) in callers.into_iter().zip(seen).zip(running) {
            let remote = caller.remote();
            let mut ids = Vec::new();
            let mut check = |told: Told, kind: FailureKind, method: &str, detail: Option<&str>| {
                assert_eq!((told.kind, told.method.as_deref()), (kind, Some(method)));
                assert_eq!(told.connection, failing.id());
                assert_eq!(
                    told.number.is_some(),
                    matches!(kind, FailureKind::Panicked | FailureKind::Unencodable)
                );
                match detail {
                    Some(part) => {
                        assert!(told.detail.as_ref().is_some_and(|detail| detail.contains(part)), "{told:?}")
                    }
                    None => assert_eq!(told.detail, None),
                }
                assert!(told.event_id > 0 && !ids.contains(&told.event_id));
                ids.push(told.event_id);
            };
            assert_eq!(remote.fine().await, Ok(1));
            assert_eq!(remote.declared().await, Err(CallError::App("declared".into())));
            check(here.one().await, FailureKind::Declared, "Fails.declared", None);

            for (call, method, secret) in [
                (remote.panics(), "Fails.panics", "a secret of the handler"),
                (remote.panics_elsewhere(), "Fails.panics_elsewhere", "a secret of the task"),
            ] {
                let Err(CallError::Internal(number)) = call.await else { panic!("it panics") };
                let told = here.one().await;
                assert_eq!(told.number, Some(number), "the caller can name what happened");
                check(told, FailureKind::Panicked, method, Some(secret));
            }
            let Err(CallError::Internal(number)) = remote.unencodable().await else {
                panic!("not encodable")
            };
            let told = here.one().await;
            assert_eq!(told.number, Some(number));
            check(told, FailureKind::Unencodable, "Fails.unencodable", Some("a secret of the serializer"));

            assert!(matches!(remote.large().await, Err(CallError::TooLarge(_))));
            check(here.one().await, FailureKind::TooLarge, "Fails.large", None);
            assert_eq!(remote.denied().await, Err(CallError::Denied));
            check(here.one().await, FailureKind::Denied, "Fails.denied", Some("a secret of the guard"));
            assert_eq!(remote.no_reply().await, Err(CallError::NoReply));
            check(here.one().await, FailureKind::NoReply, "Fails.no_reply", None);

            let late = remote.with(shortly()).hangs().await.expect_err("it hangs");
            assert!(late.is_timeout());
            assert_eq!(heard(running).await, Some("hangs"));
            until_true(|| failing.running() == 0).await;
            // Whoever is first, the caller's CANCEL or the callee's own clock: a cancelled call did not fail.
            let told = std::mem::take(&mut *here.0.lock().expect("unpoisoned"));
            assert!(told.len() <= 1 && told.iter().all(|told| told.kind == FailureKind::Timeout), "{told:?}");

            let busy = tokio::spawn(remote.busy());
            assert_eq!(heard(running).await, Some("busy"));
            assert_eq!(remote.busy().await, Err(CallError::Overloaded));
            check(here.one().await, FailureKind::Overloaded, "Fails.busy", None);
            busy.abort();

            let first = tokio::spawn(remote.latest());
            assert_eq!(heard(running).await, Some("latest"));
            let second = tokio::spawn(remote.latest());
            assert!(matches!(first.await.expect("no panic"), Err(CallError::Cancelled(_))));
            check(here.one().await, FailureKind::Replaced, "Fails.latest", None);
            second.abort();
            until_true(|| failing.running() == 0).await;
            assert_eq!(here.len(), 0, "a call that its caller gives up did not fail");
            assert_eq!(there.len(), 0, "the caller's side has nothing to tell");
        }
    }
}

#[tokio::test]
async fn every_failing_event_is_told_once() {
    for way in ways() {
        let ends = connect(
            way,
            &limits().max_call_timeout(Duration::from_millis(200)).call_timeout(Duration::from_millis(200)),
        )
        .await;
        let sides =
            [(&ends.client, &ends.serving, &ends.at_server), (&ends.serving, &ends.client, &ends.at_client)];
        for (caller, failing, here) in sides {
            let remote = caller.remote();
            remote.event_fine().await.expect("credit");
            for (sending, method, kind, secret) in [
                (
                    remote.event_panics(),
                    "Fails.event_panics",
                    FailureKind::Panicked,
                    Some("a secret of the event"),
                ),
                (
                    remote.event_denied(),
                    "Fails.event_denied",
                    FailureKind::Denied,
                    Some("a secret of the guard"),
                ),
                (remote.event_hangs(), "Fails.event_hangs", FailureKind::Timeout, None),
            ] {
                let id = sending.await.expect("credit").event_id;
                let told = here.one().await;
                assert_eq!((told.kind, told.method.as_deref(), told.event_id), (kind, Some(method), id));
                assert_eq!(told.detail.as_deref(), secret);
            }
            until_true(|| failing.running() == 0).await;
        }
        assert_eq!((ends.at_server.len(), ends.at_client.len()), (0, 0));
    }
}

#[tokio::test]
async fn messages_that_reach_no_handler_are_told_as_well() {
    for (_, encoding) in ways().filter(|(carrier, _)| matches!(carrier, Carrier::Socket)) {
        let seen = Seen::default();
        let (serves, _running) = faulty();
        let server = WebSocketServer::<(), Silent, forged::FailsRemote>::builder()
            .on_failure(seen.hook())
            .build()
            .expect("good");
        let address = server
            .open("127.0.0.1:0", move |acceptor| {
                let serves = serves.clone();
                async move {
                    acceptor.accept(serves).await?;
                    Ok(())
                }
            })
            .await
            .expect("a free port");
        let at_client = Seen::default();
        let client = WebSocketConnector::<(), (), forged::FailsRemote>::builder(())
            .encodings([encoding])
            .on_failure(at_client.hook())
            .build()
            .expect("good")
            .connect(format!("ws://{address}"), ())
            .await
            .expect("a connection");
        let remote = client.remote();
        let code = || forged::Code("no number".into());
        for (call, kind, method) in [
            (remote.code(code()).await.err(), FailureKind::InvalidArguments, Some("Fails.code")),
            (remote.unknown().await.err(), FailureKind::UnknownMethod, None),
        ] {
            // Both have been told by now: look for each.
            assert!(call.is_some());
            let mut told = seen.0.lock().expect("unpoisoned");
            let position = told.iter().position(|told| told.kind == kind).expect("it is told");
            let told = told.remove(position);
            assert_eq!(told.method.as_deref(), method);
            assert_eq!(told.detail.is_some(), kind == FailureKind::InvalidArguments, "{told:?}");
        }
        assert_eq!(seen.len(), 0);
        // What the two sides know differently is not even sent.
        assert_eq!(remote.changed().await, Err(CallError::SchemaMismatch));
        assert!(remote.event_changed(1).await.is_err());
        remote.event_code(code()).await.expect("credit");
        let told = seen.one().await;
        assert_eq!(
            (told.kind, told.method.as_deref()),
            (FailureKind::InvalidArguments, Some("Fails.event_code"))
        );
        assert!(told.detail.is_some());
        remote.event_unknown().await.expect("credit");
        let told = seen.one().await;
        assert_eq!((told.kind, told.method.as_deref()), (FailureKind::UnknownMethod, None));

        // A side that serves nothing.
        let serving = server.connections().pop().expect("one");
        assert_eq!(serving.remote().unknown().await, Err(CallError::NoProvider));
        let told = at_client.one().await;
        assert_eq!((told.kind, told.method), (FailureKind::NoProvider, None));
        serving.remote().event_unknown().await.expect("credit");
        assert_eq!(at_client.one().await.kind, FailureKind::NoProvider);
    }
}

#[tokio::test]
async fn a_hook_that_panics_goes_no_further() {
    for way in ways() {
        let (carrier, encoding) = way;
        let (serves, _running) = faulty();
        let server = Server::builder()
            .on_failure(|failure| panic!("the hook is told of {}", failure.kind))
            .build()
            .expect("good");
        let handler = move |acceptor: Acceptor<(), Silent, Remotes>| {
            let serves = serves.clone();
            async move {
                acceptor.accept(serves).await?;
                Ok(())
            }
        };
        let connector =
            WebSocketConnector::<(), (), Remotes>::builder(()).encodings([encoding]).build().expect("good");
        let client = match carrier {
            Carrier::Socket => {
                let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
                connector.connect(format!("ws://{address}"), ()).await
            }
            Carrier::Memory => {
                let (here, there) = memory_pair(4);
                let attached = server.clone();
                tokio::spawn(async move { attached.attach(there, encoding, handler).await });
                connector.attach(here, encoding, ()).await
            }
        };
        let client = client.expect("a connection");
        let remote = client.remote();
        assert_eq!(remote.declared().await, Err(CallError::App("declared".into())));
        assert!(matches!(remote.panics().await, Err(CallError::Internal(_))));
        assert!(matches!(remote.panics_elsewhere().await, Err(CallError::Internal(_))));
        assert_eq!(remote.denied().await, Err(CallError::Denied));
        assert_eq!(remote.no_reply().await, Err(CallError::NoReply));
        remote.event_panics().await.expect("credit");
        assert_eq!(remote.fine().await, Ok(1));
        assert!(client.is_open());
        assert_eq!(client.pending(), 0);
    }
}

/// Passes bytes between a client and a server, and keeps those of the server, which are not masked.
async fn listening_proxy(server: std::net::SocketAddr) -> (std::net::SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let hears = Arc::clone(&heard);
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("the client");
        let server = TcpStream::connect(server).await.expect("the server");
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            hears.lock().expect("unpoisoned").extend_from_slice(&buffer[..count]);
            if to_client.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    });
    (address, heard)
}

#[tokio::test]
async fn r16_nothing_of_it_travels() {
    for encoding in Encoding::available() {
        let seen = Seen::default();
        let (serves, _running) = faulty();
        let server = Server::builder().on_failure(seen.hook()).build().expect("good");
        let address = server
            .open("127.0.0.1:0", move |acceptor| {
                let serves = serves.clone();
                async move {
                    acceptor.accept(serves).await?;
                    Ok(())
                }
            })
            .await
            .expect("a free port");
        let (proxy, heard) = listening_proxy(address).await;
        let client = WebSocketConnector::<(), (), (Remotes,)>::builder(())
            .encodings([*encoding])
            .build()
            .expect("good")
            .connect(format!("ws://{proxy}"), ())
            .await
            .expect("a connection");
        let (remote,) = client.remote();
        assert!(remote.panics().await.is_err());
        assert!(remote.panics_elsewhere().await.is_err());
        assert!(remote.unencodable().await.is_err());
        assert!(remote.denied().await.is_err());
        for event in [remote.event_panics(), remote.event_denied()] {
            event.await.expect("credit");
        }
        until_true(|| seen.len() == 6).await;
        assert_eq!(remote.declared().await, Err(CallError::App("declared".into())));
        let heard = heard.lock().expect("unpoisoned").clone();
        let says = |text: &str| heard.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(says("declared"), "a declared error travels");
        for private in ["secret", "panic", "Fails.", ".rs"] {
            assert!(!says(private), "{private:?} has left this side");
        }
        assert!(seen.0.lock().expect("unpoisoned").iter().filter(|told| told.detail.is_some()).count() == 6);
    }
}

#[tokio::test]
async fn what_is_fine_or_given_up_is_not_told() {
    for way in ways() {
        let mut ends = connect(way, &limits()).await;
        let remote = ends.client.remote();
        assert_eq!(remote.fine().await, Ok(1));
        let hanging = tokio::spawn(remote.hangs());
        assert_eq!(heard(&mut ends.running_at_server).await, Some("hangs"));
        hanging.abort();
        until_true(|| ends.serving.running() == 0).await;
        let hanging = tokio::spawn(remote.hangs());
        assert_eq!(heard(&mut ends.running_at_server).await, Some("hangs"));
        ends.client.close().await;
        assert!(hanging.await.expect("no panic").is_err());
        ends.serving.closed().await;
        assert_eq!((ends.at_server.len(), ends.at_client.len()), (0, 0));
        ends.server.close().await;
    }
}
