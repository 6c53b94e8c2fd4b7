//! The server: what an application opens, serves with and closes.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::watch;
use ws_core::link::{Hooks, LinkOptions};
use ws_core::presence::PresenceProvider;
use ws_core::transport::Transport;
use ws_core::{
    CloseInfo, ClosedBy, Connection, ConnectionId, Context, Encoding, Limits, Provider, Remote, code,
};

use crate::acceptor::Acceptor;
use crate::activation::{Asked, activate, closing, upgraded};
use crate::builder::ServerBuilder;
use crate::core::Core;
use crate::handler::HandlerError;
use crate::hub::{
    Audience, Directory, Group, Groups, ServerEvent, ServerEvents, ServerPresence, Settings, Users,
};
use crate::lifecycle::{Lifecycle, OpenError, ServerState, StateError};
use crate::listen::{listen, serve};
use crate::upgrade::{self, UpgradeChecks, UpgradeRequest, http};

/// A server that activates each connection by a typed header: `H` is the header, `P` the provider that serves the
/// clients, `R` the remote by which they are called, `C` the application's state for each connection.
///
/// Cheap to clone. When the last clone is dropped the server is aborted: its listener and connections end without
/// ceremony (R3). A handler that holds a clone keeps the server alive until it is closed.
pub struct WebSocketServer<H, P, R, C = ()> {
    core: Arc<Core<H, P, R, C>>,
    owner: Arc<Owner<H, P, R, C>>,
}

/// Aborts the server's tasks when the last handle goes.
struct Owner<H, P, R, C>(Arc<Core<H, P, R, C>>);

impl<H, P, R, C> Drop for Owner<H, P, R, C> {
    fn drop(&mut self) {
        self.0.listeners.abort_all();
        self.0.helpers.abort_all();
        self.0.drivers.abort_all();
    }
}

/// How many connections a server has, and has had to turn away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// Activated connections.
    pub active: usize,
    /// Connections that wait for their upgrade, their header or their decision (R6).
    pub unactivated: usize,
    /// Connections whose driver lives, activated or not.
    pub connections: usize,
    /// Users, those who are offline included.
    pub users: usize,
    /// Connections that are linked to a user.
    pub linked: usize,
    /// Groups, which all have members.
    pub groups: usize,
    /// Streams that did not become a WebSocket since the server was made: refused, too slow, or beyond a bound.
    pub turned_away: u64,
}

impl<H, P: Provider, R: Remote, C> WebSocketServer<H, P, R, C> {
    /// A server with every default.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "the turbofish that this needs reads badly on `default`")]
    pub fn new() -> Self {
        let encodings = Encoding::available().to_vec();
        Self::from_core(Core::new(
            Limits::default(),
            UpgradeChecks::default(),
            encodings,
            Duration::ZERO,
            Hooks::default(),
            LinkOptions::default(),
            Settings::default(),
        ))
    }

    /// A server with other limits, checks or encodings.
    #[must_use]
    pub fn builder() -> ServerBuilder<H, P, R, C> {
        ServerBuilder::default()
    }

    pub(crate) fn from_core(core: Arc<Core<H, P, R, C>>) -> Self {
        let owner = Arc::new(Owner(Arc::clone(&core)));
        Self { core, owner }
    }

    /// The state (R1).
    #[must_use]
    pub fn state(&self) -> ServerState {
        self.core.lifecycle.state()
    }

    /// Watches the state: `changed().await`, then `borrow()`.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<ServerState> {
        self.core.lifecycle.watch()
    }

    /// How many connections there are.
    #[must_use]
    pub fn counts(&self) -> ServerCounts {
        let (users, linked, groups) = self.core.directory.counts();
        ServerCounts {
            active: self.core.directory.active().len(),
            users,
            linked,
            groups,
            unactivated: self.core.gate.inside(),
            connections: self.core.drivers.len(),
            turned_away: self.core.turned_away.load(Ordering::Relaxed),
        }
    }

    /// What happens to the server from now on: a stream that ends with the server.
    #[must_use]
    pub fn events(&self) -> ServerEvents {
        self.core.directory.events()
    }

    /// Its users (R27–R30).
    #[must_use]
    pub fn users(&self) -> Users<R> {
        Users::new(Arc::downgrade(&self.core.directory))
    }

    /// What lets clients link, unlink and leave by themselves: served to them beside other contracts, or alone (R31).
    ///
    /// Where the remote of this server has a [`RosterWatcherRemote`](ws_core::presence::RosterWatcherRemote), under its
    /// own name, each linked connection is told who is here.
    #[must_use]
    pub fn presence(&self) -> PresenceProvider<ServerPresence> {
        PresenceProvider::new(ServerPresence::new())
    }

    /// Its groups.
    #[must_use]
    pub fn groups(&self) -> Groups<R> {
        Groups::new(Arc::downgrade(&self.core.directory))
    }

    /// The group of this name, of 1–256 bytes; it is there as long as connections are in it.
    #[must_use]
    pub fn group(&self, name: impl AsRef<str>) -> Group<R> {
        self.groups().group(name)
    }
}

impl<H, P, R: Remote, C: Send + 'static> WebSocketServer<H, P, R, C> {
    /// Whom a broadcast shall reach: everybody, unless it is narrowed down (R32).
    pub fn audience(&self) -> Audience<R, C> {
        Audience::new(Arc::downgrade(&self.core.directory))
    }

    /// The activated connection with this id.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<Connection<R, C>> {
        self.core.directory.connection(id)
    }

    /// The activated connections, in no particular order.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection<R, C>> {
        self.core.directory.connections()
    }

    /// The contexts of the activated connections, in no particular order.
    #[must_use]
    pub fn contexts(&self) -> Vec<Context<C>> {
        self.core.directory.contexts()
    }

    /// The header that the activated connection with this id came with.
    #[must_use]
    pub fn header(&self, id: ConnectionId) -> Option<Arc<H>>
    where
        H: Send + Sync + 'static,
    {
        self.core.directory.header(id)?.downcast().ok()
    }
}

impl<H, P, R, C> WebSocketServer<H, P, R, C>
where
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
{
    /// Binds `address` and takes connections; `handler` decides on each. Gives the address that was bound, which is
    /// how port 0 learns its number.
    ///
    /// The handler runs in a task of its own for each connection. Until it has decided it is bound by
    /// `Limits::decision_timeout` and ends with the connection; after, it may go on as long as it likes.
    ///
    /// # Errors
    /// [`OpenError`]; after a failed bind the state is `None` again.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, nothing is open.
    pub async fn open<A, F, Fut>(&self, address: A, handler: F) -> Result<SocketAddr, OpenError>
    where
        A: ToSocketAddrs,
        F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let core = &self.core;
        if let Err(error) = &core.link {
            return Err(error.clone().into());
        }
        let opening = core.lifecycle.open("open")?;
        let listener = TcpListener::bind(address).await.map_err(OpenError::Bind)?;
        let address = listener.local_addr().map_err(OpenError::Bind)?;
        core.sweep();
        core.directory.event(ServerEvent::Listening { address });
        let task = listen(Arc::clone(core), listener, Arc::new(handler), core.arm());
        core.listeners.spawn(task);
        opening.opened();
        Ok(address)
    }

    /// Takes connections from a listener that the caller owns; it is never closed by this server. After the server's
    /// close, connections of this listener are answered 503, until the server is opened again or dropped (R2).
    ///
    /// A server that is open already takes the listener in addition.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn serve<F, Fut>(&self, listener: Arc<TcpListener>, handler: F) -> Result<(), OpenError>
    where
        F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let stop = {
            let _alone = self.core.enter_alone();
            match self.state() {
                ServerState::Open => self.core.stop_signal(),
                _ => self.enter_open("serve")?,
            }
        };
        if let Ok(address) = listener.local_addr() {
            self.core.directory.event(ServerEvent::Listening { address });
        }
        self.core.helpers.spawn(serve(Arc::clone(&self.core), listener, Arc::new(handler), stop));
        Ok(())
    }

    /// Takes one connection from any byte stream, whose upgrade request is still to be read: a Unix socket, a TLS
    /// stream, a pipe in memory. Resolves when its handler is done.
    ///
    /// A server that was never opened enters `Open` by this; one that is closed answers 503 (R2).
    ///
    /// # Errors
    /// [`OpenError::Contract`].
    ///
    /// # Cancel safety
    /// Dropped before the decision, the connection is rejected 1008; after it, only the handler ends.
    pub async fn accept_stream<S, F, Fut>(
        &self,
        stream: S,
        address: Option<SocketAddr>,
        handler: F,
    ) -> Result<(), OpenError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.one(stream, Asked::InStream(address), address, handler).await
    }

    /// Takes one connection whose upgrade request somebody else has read; the answer is written to `stream`.
    /// Resolves when its handler is done. The client's address is taken from the request's extensions, where a
    /// `SocketAddr` lies there.
    ///
    /// A server that was never opened enters `Open` by this; one that is closed answers 503 (R2).
    ///
    /// # Errors
    /// [`OpenError::Contract`].
    ///
    /// # Cancel safety
    /// As [`accept_stream`](Self::accept_stream).
    pub async fn upgrade<S, B, F, Fut>(
        &self,
        stream: S,
        request: http::Request<B>,
        handler: F,
    ) -> Result<(), OpenError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let (parts, _) = request.into_parts();
        let address = parts.extensions.get::<SocketAddr>().copied();
        self.one(stream, Asked::Request(Box::new(parts), address), address, handler).await
    }

    async fn one<S, F, Fut>(
        &self,
        mut stream: S,
        asked: Asked,
        address: Option<SocketAddr>,
        handler: F,
    ) -> Result<(), OpenError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let stop = self.enter_open_once()?;
        let permit = self.core.gate.enter(address.map(|address| address.ip()));
        let (false, Some(permit)) = (*stop.borrow(), permit) else {
            self.core.turn_away();
            if let Err(error) = upgrade::refuse(&mut stream, &closing()).await {
                tracing::debug!(%error, "a refused upgrade did not hear why");
            }
            return Ok(());
        };
        upgraded(Arc::clone(&self.core), stream, asked, permit, Arc::new(handler), stop).await;
        Ok(())
    }

    /// Takes one connection from a transport that needs no upgrade: an end of
    /// [`memory_pair`](ws_core::transport::memory_pair), in tests. Resolves when its handler is done.
    ///
    /// # Errors
    /// [`OpenError`]; on a server that is closed, the transport is dropped.
    ///
    /// # Cancel safety
    /// As [`accept_stream`](Self::accept_stream).
    pub async fn attach<T, F, Fut>(
        &self,
        transport: T,
        encoding: Encoding,
        handler: F,
    ) -> Result<(), OpenError>
    where
        T: Transport,
        F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let stop = self.enter_open_once()?;
        let Some(permit) = self.core.gate.enter(None) else {
            self.core.turn_away();
            return Ok(());
        };
        if *stop.borrow() {
            return Err(StateError { operation: "attach", state: self.state() }.into());
        }
        let (parts, ()) = http::Request::new(()).into_parts();
        let request = UpgradeRequest::from_http(parts);
        activate(Arc::clone(&self.core), transport, request, encoding, None, permit, Arc::new(handler), stop)
            .await;
        Ok(())
    }

    fn enter_open(&self, operation: &'static str) -> Result<watch::Receiver<bool>, OpenError> {
        if let Err(error) = &self.core.link {
            return Err(error.clone().into());
        }
        let opening = self.core.lifecycle.open(operation)?;
        let stop = self.core.arm();
        opening.opened();
        self.core.sweep();
        Ok(stop)
    }

    /// For single connections: opens a server that never was.
    fn enter_open_once(&self) -> Result<watch::Receiver<bool>, OpenError> {
        let _alone = self.core.enter_alone();
        if self.state() == ServerState::None {
            match self.enter_open("upgrade") {
                // Another one has opened it in between, which is as good.
                Err(OpenError::State(_)) => {}
                opened => return opened,
            }
        }
        Ok(self.core.stop_signal())
    }

    /// Closes: no new connections, GOAWAY, running calls get the builder's `drain`, what is pending fails, every
    /// connection is closed 1001 and, after `Limits::close_grace`, aborted. Then the state is `Closed`, and the server
    /// may be opened again (R3).
    ///
    /// The work runs in a task of the server's, so this may be called, and awaited, inside a handler. A server that is
    /// not open is left as it is; one that is closing is waited for.
    ///
    /// # Cancel safety
    /// Begun by the first poll; goes on when this is dropped.
    pub async fn close(&self) {
        let core = &self.core;
        let mut state = core.lifecycle.watch();
        // One that is about to open is closed when it is open. The sender lives in the core, which is held here.
        let _ = state.wait_for(|state| *state != ServerState::Opening).await;
        if core.lifecycle.go("close", &[ServerState::Open], ServerState::Closing).is_ok() {
            core.stop();
            // Not one of the server's own tasks, and it keeps the server: the last other handle may be dropped by the
            // handler that asked for this, which ends with its connection.
            let server = self.clone();
            tokio::spawn(async move {
                // The whole of it: the block would capture the core alone.
                let server = server;
                let _closed =
                    Closing { lifecycle: &server.core.lifecycle, directory: &server.core.directory };
                end_connections(&server.core, server.core.drain).await;
            });
        }
        let _ = state.wait_for(|state| *state != ServerState::Closing).await;
    }

    /// Closes every connection as [`close`](Self::close) does, and keeps listening.
    ///
    /// # Cancel safety
    /// Begun by the first poll; each connection goes on closing when this is dropped.
    pub async fn close_connections(&self) {
        let links = self.core.directory.links();
        for link in &links {
            link.close(CloseInfo::new(
                code::GOING_AWAY,
                "the server closes its connections",
                ClosedBy::Local,
            ));
        }
        for link in links {
            link.closed().await;
        }
    }
}

/// Leaves `Closing` on every path.
struct Closing<'a> {
    lifecycle: &'a Lifecycle,
    directory: &'a Directory,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        // Written before the server can be opened again, told when it can.
        self.directory.note(ServerEvent::Closed);
        // Nobody else leaves `Closing`, so this cannot fail.
        let _ = self.lifecycle.go("close", &[ServerState::Closing], ServerState::Closed);
        self.directory.tell();
    }
}

async fn end_connections<H, P, R, C>(core: &Core<H, P, R, C>, drain: Duration) {
    core.listeners.empty().await;
    for link in core.directory.links() {
        link.go_away(drain);
    }
    // The drivers bound themselves by the grace; the second grace is for tasks that hang in user code.
    let bound = drain + 2 * core.limits.close_grace;
    if tokio::time::timeout(bound, core.drivers.empty()).await.is_err() {
        tracing::warn!(
            count = core.drivers.len(),
            "connections did not close within their grace and are aborted"
        );
        core.drivers.abort_alive();
    }
}

impl<H, P, R, C> Clone for WebSocketServer<H, P, R, C> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), owner: Arc::clone(&self.owner) }
    }
}

impl<H, P, R, C> fmt::Debug for WebSocketServer<H, P, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketServer")
            .field("state", &self.core.lifecycle.state())
            .field("connections", &self.core.drivers.len())
            .field("handles", &Arc::strong_count(&self.owner))
            .finish_non_exhaustive()
    }
}
