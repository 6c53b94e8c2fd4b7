//! A server under attack, and an honest client beside the attacker, who must not notice.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::duplex;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::{Connection, Encoding, Limits};
use ws_server::upgrade::UpgradeChecks;
use ws_server::{AcceptError, Acceptor, HandlerError, ServerCounts, WebSocketServer};

use super::frames::{Frame, Hello, encoded};
use super::target::{Counts, Login, TargetProvider, TargetRemote, Victim};
use super::{Raw, Wire, in_time};
use crate::fixture::until_true;

pub type Server = WebSocketServer<Login, TargetProvider<Victim>, ()>;
pub type Taken = Acceptor<Login, TargetProvider<Victim>, ()>;
pub type Honest = Connection<TargetRemote>;
pub type Decided = BoxFuture<'static, Result<(), HandlerError>>;

/// Who presents this token is accepted; what becomes of others is for the test to say.
pub const WELCOME: &str = "welcome";

/// The path by which honest clients come, so that the arena can tell them from attackers.
pub const HONEST_PATH: &str = "/honest";

/// A server, an honest client, and the road to it.
pub struct Arena {
    pub server: Server,
    pub limits: Limits,
    /// What happened to the server's handlers, over all connections.
    pub counts: Arc<Counts>,
    over: Over,
    address: SocketAddr,
    handler: Arc<dyn Fn(Taken) -> Decided + Send + Sync>,
    honest: Vec<Honest>,
    accepted: mpsc::UnboundedReceiver<Connection<()>>,
}

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A TCP socket.
    Socket,
    /// A pipe in memory of this many bytes each way: under a paused clock nothing depends on the machine.
    Memory(usize),
}

/// A roomy pipe in memory.
pub const MEMORY: Over = Over::Memory(64 << 10);

/// Accepts as the arena does.
#[derive(Clone)]
pub struct Accept {
    counts: Arc<Counts>,
    tell: mpsc::UnboundedSender<Connection<()>>,
}

impl Accept {
    pub async fn accept(&self, taken: Taken) -> Result<(), AcceptError> {
        let provider = TargetProvider::new(Victim { counts: Arc::clone(&self.counts) });
        let honest = taken.request().path() == HONEST_PATH;
        let connection = taken.accept(provider).await?;
        if !honest {
            // After the test nobody waits for it.
            let _ = self.tell.send(connection);
        }
        Ok(())
    }
}

impl Arena {
    /// A server that accepts everybody.
    pub async fn open(over: Over, limits: Limits) -> Self {
        Self::build(over, limits, UpgradeChecks::new(), |taken, accept| {
            async move { Ok(accept.accept(taken).await?) }.boxed()
        })
        .await
    }

    /// A server that accepts everybody who passes these checks.
    pub async fn checked(limits: Limits, checks: UpgradeChecks) -> Self {
        Self::build(Over::Socket, limits, checks, |taken, accept| {
            async move { Ok(accept.accept(taken).await?) }.boxed()
        })
        .await
    }

    /// A server that accepts the token [`WELCOME`]; `decide` is its handler for any other.
    pub async fn deciding(
        over: Over,
        limits: Limits,
        decide: impl Fn(Taken, Accept) -> Decided + Send + Sync + 'static,
    ) -> Self {
        Self::build(over, limits, UpgradeChecks::new(), decide).await
    }

    /// A server that decides on nobody but those with the token [`WELCOME`]; the counts tell of the handlers that wait.
    pub async fn undecided(over: Over, limits: Limits) -> (Self, Arc<Counts>) {
        let waiting = Arc::<Counts>::default();
        let guarded = Arc::clone(&waiting);
        let arena = Self::deciding(over, limits, move |taken, _| {
            let guard = guarded.guard();
            async move {
                let _kept = (taken, guard);
                std::future::pending().await
            }
            .boxed()
        });
        (arena.await, waiting)
    }

    async fn build(
        over: Over,
        limits: Limits,
        checks: UpgradeChecks,
        decide: impl Fn(Taken, Accept) -> Decided + Send + Sync + 'static,
    ) -> Self {
        let server = Server::builder().limits(limits.clone()).checks(checks).build().expect("good limits");
        let counts = Arc::<Counts>::default();
        let (tell, accepted) = mpsc::unbounded_channel();
        let accept = Accept { counts: Arc::clone(&counts), tell };
        let handler: Arc<dyn Fn(Taken) -> Decided + Send + Sync> = Arc::new(move |taken: Taken| {
            let accept = accept.clone();
            if taken.header().token == WELCOME {
                return async move { Ok(accept.accept(taken).await?) }.boxed();
            }
            decide(taken, accept)
        });
        let address = match over {
            Over::Socket => {
                let handler = Arc::clone(&handler);
                server.open("127.0.0.1:0", move |taken| handler(taken)).await.expect("a free port")
            }
            Over::Memory(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        };
        let mut arena = Self { server, limits, counts, over, address, handler, honest: Vec::new(), accepted };
        let honest = arena.honest_client().await.expect("an honest client is accepted");
        arena.honest.push(honest);
        arena.serves().await;
        arena
    }

    /// The server's address, over sockets.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A byte stream to the server, its upgrade still to come.
    pub async fn wire(&self) -> Wire {
        match self.over {
            Over::Socket => Box::new(self.socket().await),
            Over::Memory(bytes) => self.pipe(bytes),
        }
    }

    /// A socket to the server, its upgrade still to come.
    pub async fn socket(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    /// A socket to the server from another address of this machine.
    pub async fn socket_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).expect("every 127.x.y.z is this machine");
        socket.connect(self.address).await.expect("the server listens")
    }

    /// A pipe to the server of this many bytes each way.
    pub fn pipe(&self, bytes: usize) -> Wire {
        let (here, there) = duplex(bytes);
        let (server, handler) = (self.server.clone(), Arc::clone(&self.handler));
        tokio::spawn(async move {
            server.accept_stream(there, None, move |taken| handler(taken)).await.expect("the server is open");
        });
        Box::new(here)
    }

    /// An attacker whose upgrade is done.
    pub async fn raw(&self) -> Raw {
        self.raw_in(Encoding::Bincode).await
    }

    /// An attacker whose upgrade is done, in this encoding.
    pub async fn raw_in(&self, encoding: Encoding) -> Raw {
        Raw::upgrade(self.wire().await, encoding).await
    }

    /// An attacker who is accepted, and the server's end of the connection.
    pub async fn joined(&mut self) -> (Raw, Connection<()>) {
        self.joined_in(Encoding::Bincode, Hello::default()).await
    }

    /// An attacker who is accepted after this HELLO.
    pub async fn joined_in(&mut self, encoding: Encoding, hello: Hello) -> (Raw, Connection<()>) {
        let raw = self.raw_in(encoding).await;
        self.join(raw, encoding, hello).await
    }

    /// Presents the header that is accepted.
    pub async fn join(&mut self, mut raw: Raw, encoding: Encoding, hello: Hello) -> (Raw, Connection<()>) {
        raw.send([hello.with_header(&header(encoding, WELCOME))]).await;
        self.welcomed(raw).await
    }

    /// Waits for the WELCOME after a HELLO that was sent already.
    pub async fn welcomed(&mut self, mut raw: Raw) -> (Raw, Connection<()>) {
        let welcome = raw.frame().await;
        assert!(matches!(welcome, Frame::Welcome { version: 1, .. }), "{welcome:?}");
        (raw, self.next_accepted().await)
    }

    /// The server's end of the next attacker's connection.
    pub async fn next_accepted(&mut self) -> Connection<()> {
        in_time("the server's end", self.accepted.recv()).await.expect("the arena lives")
    }

    /// Another honest client.
    pub async fn honest_client(&self) -> Result<Honest, ConnectError> {
        self.honest_client_over(self.wire().await).await
    }

    /// Another honest client, over this stream.
    pub async fn honest_client_over(&self, wire: Wire) -> Result<Honest, ConnectError> {
        let header = Login { token: WELCOME.to_owned() };
        let limits = self.limits.clone().close_grace(Duration::from_secs(5));
        let connector = WebSocketConnector::<Login, (), TargetRemote>::builder(header).limits(limits);
        connector
            .build()
            .expect("good limits")
            .connect_over(wire, format!("ws://127.0.0.1{HONEST_PATH}"), ())
            .await
    }

    /// The honest client is served: its calls are answered, now.
    pub async fn serves(&self) {
        for honest in &self.honest {
            let sum = in_time("an answer to the honest client", honest.remote().add(2, 3)).await;
            assert_eq!(sum, Ok(5), "the honest client's call");
        }
    }

    /// Not only is the honest client served, a new one is accepted and served as well.
    pub async fn thrives(&self) {
        self.serves().await;
        let newcomer = in_time("a newcomer", self.honest_client()).await.expect("a newcomer is accepted");
        assert_eq!(newcomer.remote().add(20, 3).await, Ok(23));
        let info = newcomer.close().await;
        assert!(info.clean, "the newcomer's close: {info}");
    }

    /// How many connections are active, unactivated, and alive at all.
    pub fn numbers(&self) -> (usize, usize, usize) {
        let ServerCounts { active, unactivated, connections, .. } = self.server.counts();
        (active, unactivated, connections)
    }

    /// Waits until nothing is left of the attackers.
    pub async fn only_honest(&self) {
        until_true(|| self.numbers() == (1, 0, 1) && self.counts.live() == 0).await;
    }

    /// Nothing is left of the attackers; the honest client is still served, and leaves in peace; then nothing is left
    /// at all.
    pub async fn ends_well(self) {
        self.only_honest().await;
        self.thrives().await;
        self.only_honest().await;
        for honest in &self.honest {
            let stats = honest.stats();
            assert_eq!((honest.pending(), honest.running(), stats.stray_replies), (0, 0, 0), "R18");
            let info = honest.close().await;
            assert!(info.clean, "the honest client's close: {info}");
        }
        until_true(|| self.numbers() == (0, 0, 0)).await;
        // This arena's and its handler's: no provider is left.
        until_true(|| Arc::strong_count(&self.counts) == 2).await;
        in_time("the server's close", self.server.close()).await;
        assert_eq!(self.numbers(), (0, 0, 0));
        assert!(self.server.connections().is_empty());
    }
}

/// A header with this token.
pub fn header(encoding: Encoding, token: &str) -> Vec<u8> {
    encoded(encoding, &Login { token: token.to_owned() })
}

/// A HELLO with this token, in bincode.
pub fn hello(token: &str) -> Vec<u8> {
    Hello::default().with_header(&header(Encoding::Bincode, token))
}
