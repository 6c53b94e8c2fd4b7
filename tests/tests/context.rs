//! R40: the application's own state for each connection: one for the acceptor, the connection and the handlers, of its own for
//! each connection, and gone with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{CallContext, Context, Encoding, Peer, ws_service};
use ws_server::{Acceptor, HandlerError, WebSocketServer};
use ws_tests::fixture::until_true;
use ws_tests::raw::in_time;

#[ws_service]
trait Desk {
    /// Who has logged in, as the acceptor noted it.
    async fn who(&self, ctx: &CallContext) -> String;
    async fn count(&self, ctx: &CallContext) -> u64;
    #[ws(spawn)]
    async fn count_in_a_task(&self, ctx: &CallContext) -> u64;
    async fn panics_inside(&self, ctx: &CallContext);
    /// Whether a context of another type is there.
    async fn another(&self, ctx: &CallContext) -> bool;
}

#[derive(Default)]
struct Session {
    user: String,
    calls: u64,
    /// The other side of its own connection.
    peer: Option<Peer>,
    alive: Option<Alive>,
}

/// Counts those that live.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Clerk;

fn session(ctx: &CallContext) -> Context<Session> {
    ctx.context().expect("the server's type")
}

impl Desk for Clerk {
    async fn who(&self, ctx: &CallContext) -> String {
        session(ctx).with(|session| session.user.clone())
    }
    async fn count(&self, ctx: &CallContext) -> u64 {
        let before = session(ctx).with(|session| session.calls);
        tokio::task::yield_now().await;
        session(ctx).update(|session| session.calls += 1);
        before
    }
    async fn count_in_a_task(&self, ctx: &CallContext) -> u64 {
        self.count(ctx).await
    }
    async fn panics_inside(&self, ctx: &CallContext) {
        session(ctx).update(|session| {
            session.calls += 100;
            panic!("inside the closure");
        })
    }
    async fn another(&self, ctx: &CallContext) -> bool {
        ctx.context::<String>().is_some()
    }
}

type Server = WebSocketServer<String, DeskProvider<Clerk>, (), Session>;
type Taken = Acceptor<String, DeskProvider<Clerk>, (), Session>;
type Connector = WebSocketConnector<String, (), DeskRemote>;

async fn accept(taken: Taken) -> Result<(), HandlerError> {
    let user = taken.header().clone();
    taken.context().update(|session| session.user = user);
    let before = taken.context().clone();
    let connection = taken.accept(DeskProvider::new(Clerk)).await?;
    assert!(connection.context().is_same(&before));
    Ok(())
}

#[tokio::test]
async fn r40_acceptor_handlers_and_connection_share_one_state() {
    let server = Server::new();
    let address = server.open("127.0.0.1:0", accept).await.expect("a free port");
    let mut clients = Vec::new();
    for user in ["Ada", "Bob"] {
        let client = Connector::new(user.to_owned()).connect(format!("ws://{address}"), ()).await;
        clients.push(client.expect("open"));
    }
    for (client, user) in clients.iter().zip(["Ada", "Bob"]) {
        assert_eq!(client.remote().who().await, Ok(user.to_owned()));
        assert_eq!(client.remote().another().await, Ok(false));
    }
    assert_eq!(clients[0].remote().count().await, Ok(0));
    assert_eq!(clients[0].remote().count_in_a_task().await, Ok(1));
    assert_eq!(clients[1].remote().count().await, Ok(0), "each connection has its own");

    // From outside of the handlers, both ways.
    let mut users = Vec::new();
    for serving in server.connections() {
        serving.context().update(|session| session.calls += 10);
        users.push(serving.context().with(|session| session.user.clone()));
    }
    users.sort();
    assert_eq!(users, ["Ada", "Bob"]);
    assert_eq!(clients[0].remote().count().await, Ok(12));
    let serving = server.connections().pop().expect("one of them");
    let found = serving.peer().context::<Session>().expect("the same");
    assert!(found.is_same(serving.context()));
    server.close().await;
    assert!(serving.peer().context::<Session>().is_none(), "the connection has let go of it");
    assert!(!serving.context().with(|session| session.user.is_empty()), "the handle has not");
}

#[tokio::test]
async fn r16_a_panic_inside_a_closure_is_that_calls_alone() {
    let (here, there) = memory_pair(4);
    let server = Server::new();
    let attached = server.clone();
    tokio::spawn(async move { attached.attach(there, Encoding::Bincode, accept).await });
    let client = Connector::new("Ada".to_owned()).attach(here, Encoding::Bincode, ()).await.expect("open");
    assert!(client.remote().panics_inside().await.is_err());
    assert_eq!(client.remote().count().await, Ok(100), "what it had changed stays");
    assert_eq!(client.remote().who().await, Ok("Ada".to_owned()));
}

#[tokio::test]
async fn r40_many_handlers_at_once_lose_nothing() {
    let server = Server::new();
    let address = server.open("127.0.0.1:0", accept).await.expect("a free port");
    let client = Connector::new("Ada".to_owned()).connect(format!("ws://{address}"), ()).await.expect("open");
    let calls = (0..200).map(|i| {
        let remote = client.remote().clone();
        async move { if i % 2 == 0 { remote.count().await } else { remote.count_in_a_task().await } }
    });
    let counts = in_time("all calls", futures::future::join_all(calls)).await;
    assert!(counts.iter().all(Result::is_ok), "{counts:?}");
    assert_eq!(client.remote().count().await, Ok(200));
}

/// A broken one would never drop either: the connection would hold the context, and the context the connection.
#[tokio::test]
async fn r40_a_context_that_holds_its_own_connection_goes_with_it() {
    for undecided in [false, true] {
        let alive = Arc::<AtomicUsize>::default();
        let server = Server::new();
        let count = Arc::clone(&alive);
        let handler = move |taken: Taken| {
            let alive = Alive::new(&count);
            async move {
                let peer = taken.peer();
                taken.context().update(|session| {
                    session.peer = Some(peer);
                    session.alive = Some(alive);
                });
                if undecided {
                    let _kept = taken;
                    return std::future::pending().await;
                }
                accept(taken).await
            }
        };
        let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
        let connector = Connector::new("Ada".to_owned());
        let connecting = tokio::spawn(async move { connector.connect(format!("ws://{address}"), ()).await });
        until_true(|| alive.load(Ordering::SeqCst) == 1).await;
        if undecided {
            connecting.abort();
        } else {
            let client = connecting.await.expect("no panic").expect("open");
            assert_eq!(client.remote().who().await, Ok("Ada".to_owned()));
            client.close().await;
        }
        until_true(|| alive.load(Ordering::SeqCst) == 0).await;
        until_true(|| server.counts().connections == 0).await;
    }
}

#[tokio::test]
async fn r40_a_clients_handlers_have_a_context_as_well() {
    let server = WebSocketServer::<(), (), DeskRemote>::new();
    let handler = |taken: Acceptor<(), (), DeskRemote>| async move {
        let connection = taken.accept(()).await?;
        assert_eq!(connection.remote().count().await, Ok(0));
        assert_eq!(connection.remote().count().await, Ok(1));
        connection.close().await;
        Ok(())
    };
    let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
    let connector = WebSocketConnector::<(), DeskProvider<Clerk>, (), Session>::new(());
    let connection =
        connector.connect(format!("ws://{address}"), DeskProvider::new(Clerk)).await.expect("open");
    let info = in_time("the end", connection.closed()).await;
    assert_eq!(info.code, 1000, "the handler's calls were answered: {info}");
    assert_eq!(connection.context().with(|session| session.calls), 2);
}
