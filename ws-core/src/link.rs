//! From a transport to a connection: what a server's acceptor and a client's connector are made of.
//!
//! Applications use `ws-server` and `ws-client`; this is for those who open connections by other means.

use std::any::Any;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock;
use crate::codec::{DecodeError, EncodeError, Encoding};
use crate::connection::{Connection, Owns, sendable};
use crate::connection_context::Context;
use crate::driver::Driver;
use crate::early::{self, EarlyMessage};
use crate::engine::{Activation, Budget, Config, Engine, Role, Stats};
use crate::failure::FailureHook;
use crate::id::ConnectionId;
use crate::interceptor::{Interceptor, Interceptors};
use crate::limits::Limits;
use crate::peer::Peer;
pub use crate::policy::LinkOptions;
use crate::protocol::CloseInfo;
use crate::service::{MethodTable, Provider, Remote};
use crate::shared::Shared;
use crate::transport::Transport;

/// What every link of one server or connector has in common.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    limits: Arc<Limits>,
    serves: Arc<MethodTable>,
    calls: Arc<MethodTable>,
    budget: Option<Arc<Budget>>,
    on_failure: Option<FailureHook>,
    interceptors: Option<Interceptors>,
    options: LinkOptions,
}

/// What the application has installed: who is told of failures, and who sees messages on their way.
#[derive(Clone, Default)]
pub struct Hooks {
    on_failure: Option<FailureHook>,
    interceptors: Vec<Arc<dyn Interceptor>>,
}

impl Hooks {
    /// Tells `hook` of every message of the other side that fails here.
    pub fn on_failure(&mut self, hook: FailureHook) {
        self.on_failure = Some(hook);
    }

    /// Has one more see, change or deny messages (R24).
    pub fn intercept(&mut self, interceptor: Arc<dyn Interceptor>) {
        self.interceptors.push(interceptor);
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks")
            .field("on_failure", &self.on_failure.is_some())
            .field("interceptors", &self.interceptors.len())
            .finish()
    }
}

impl LinkConfig {
    /// `serves` and `calls` are the methods of the provider and of the remote.
    #[must_use]
    pub fn new(limits: Arc<Limits>, serves: Arc<MethodTable>, calls: Arc<MethodTable>) -> Self {
        Self {
            limits,
            serves,
            calls,
            budget: None,
            on_failure: None,
            interceptors: None,
            options: LinkOptions::default(),
        }
    }

    /// Makes all links of this configuration and of its clones share `Limits::max_buffered_bytes`.
    #[must_use]
    pub fn share_buffers(mut self) -> Self {
        self.budget = Some(Budget::new(self.limits.max_buffered_bytes));
        self
    }

    /// With what the application has installed.
    #[must_use]
    pub fn hooks(mut self, hooks: &Hooks) -> Self {
        self.on_failure = hooks.on_failure.clone();
        self.interceptors = Interceptors::of(&hooks.interceptors);
        self
    }

    /// With these options.
    #[must_use]
    pub const fn options(mut self, options: LinkOptions) -> Self {
        self.options = options;
        self
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }
}

/// What the other side sent first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// To a server: the header, still encoded.
    Header(Vec<u8>),
    /// To a client: it is accepted.
    Accepted,
    /// To a client: it is rejected.
    Rejected {
        /// The protocol version of the server.
        version: u64,
        /// Why, as a close code.
        code: u16,
        /// Why, for people.
        reason: String,
        /// How many more headers the server takes on this connection, by [`Link::try_again`] (R7). It waits for the
        /// next: where there is none, close the link.
        retry: u8,
    },
    /// The connection ended before.
    Closed(CloseInfo),
}

/// A connection that is not activated yet.
#[derive(Clone, Debug)]
pub struct Link {
    shared: Arc<Shared>,
}

impl Link {
    /// Opens the server's side over `transport`. The driver must be polled, in a task of its own, to its end.
    pub fn server<T: Transport>(
        transport: T,
        encoding: Encoding,
        config: &LinkConfig,
        remote_address: Option<SocketAddr>,
    ) -> (Self, Driver<T>) {
        Self::open(transport, encoding, config, Role::Server, remote_address)
    }

    /// Opens the client's side over `transport` with this header. The driver must be polled, in a task of its own, to
    /// its end.
    ///
    /// # Errors
    /// The header cannot be encoded, or exceeds `Limits::max_header`.
    pub fn client<T: Transport, H: Serialize>(
        transport: T,
        encoding: Encoding,
        config: &LinkConfig,
        header: &H,
        remote_address: Option<SocketAddr>,
    ) -> Result<(Self, Driver<T>), EncodeError> {
        // Before anything is opened.
        let header = encoding.encode(header, config.limits.max_header)?;
        let (link, driver) = Self::open(transport, encoding, config, Role::Client, remote_address);
        link.shared.ask(|engine| engine.say_hello(header.payload().to_vec()));
        Ok((link, driver))
    }

    /// Client: sends another header after a rejection that leaves tries; then wait for the next
    /// [`opening`](Self::opening). Does nothing at any other time.
    ///
    /// # Errors
    /// The header cannot be encoded, or exceeds `Limits::max_header`.
    pub fn try_again<H: Serialize>(&self, header: &H) -> Result<(), EncodeError> {
        let header = self.shared.encoding.encode(header, self.shared.limits.max_header)?;
        self.shared.ask(|engine| {
            if engine.is_rejected() {
                engine.say_hello(header.payload().to_vec());
            }
        });
        Ok(())
    }

    /// Serves with `provider` from now on; a client calls it before it first polls its driver.
    pub fn provide(&self, provider: Arc<dyn Provider>) {
        self.shared.provide(provider);
    }

    fn open<T: Transport>(
        transport: T,
        encoding: Encoding,
        config: &LinkConfig,
        role: Role,
        remote_address: Option<SocketAddr>,
    ) -> (Self, Driver<T>) {
        let LinkConfig { limits, serves, calls, budget, on_failure, interceptors, options } = config.clone();
        let engine = Engine::new(
            Config {
                role,
                limits: Arc::clone(&limits),
                serves: Arc::clone(&serves),
                calls,
                budget,
                reports: on_failure.is_some(),
                options,
            },
            clock::now(),
        );
        let shared = Shared::new(engine, encoding, limits, serves, on_failure, interceptors, remote_address);
        if shared.interceptors.is_some() {
            // They see what answers others, which only passes by where it is observed.
            shared.hub.observe_always(&shared);
        }
        let driver = Driver::new(transport, Arc::clone(&shared));
        (Self { shared }, driver)
    }

    /// Waits for what the other side sends first, or next where a rejection leaves tries.
    ///
    /// # Cancel safety
    /// Safe; one caller at a time.
    pub async fn opening(&self) -> Opening {
        match poll_fn(|cx| self.shared.lock().engine.poll_activation(cx)).await {
            Activation::Header(header) => Opening::Header(header),
            Activation::Accepted => Opening::Accepted,
            Activation::Rejected(reject) => Opening::Rejected {
                version: reject.version,
                code: reject.code,
                reason: reject.reason,
                retry: reject.retry,
            },
            Activation::Closed(info) => Opening::Closed(info),
        }
    }

    /// Server: decodes a header, within the limits of decoding.
    ///
    /// # Errors
    /// It is not a `H`.
    pub fn decode_header<H: DeserializeOwned>(&self, header: &[u8]) -> Result<H, DecodeError> {
        self.shared.encoding.decode(header, &self.shared.limits.decode())
    }

    /// Server: accepts, and serves with `provider` from now on.
    ///
    /// # Errors
    /// The connection ended during the decision.
    pub fn accept(&self, provider: Arc<dyn Provider>) -> Result<(), CloseInfo> {
        // The provider first: the WELCOME invites the peer to call.
        self.shared.provide(provider);
        self.shared.with(|engine, effects| engine.accept(clock::now(), effects))
    }

    /// Server: rejects and closes. A code that must not travel is sent as 1008.
    pub fn reject(&self, code: u16, reason: &str) {
        self.shared.with(|engine, effects| engine.reject(sendable(code), reason, effects));
    }

    /// Server: rejects this header. Where tries are left the client may send another, which is the next
    /// [`opening`](Self::opening); else it is closed (R7).
    pub fn reject_try(&self, code: u16, reason: &str) {
        let now = clock::now();
        self.shared.with(|engine, effects| engine.reject_try(now, sendable(code), reason, effects));
    }

    /// Server: the next message that the client sent before the acceptance, where they are kept for the acceptor; none
    /// where they are not, or it is decided, or the connection has ended (R8).
    ///
    /// # Cancel safety
    /// Safe: no message is lost.
    pub async fn early(&self) -> Option<EarlyMessage> {
        EarlyMessage::next(&self.shared).await
    }

    /// Server: how many early messages were dropped since the last time, once some were; 0 where it is decided, or
    /// the connection has ended. With [`Overflow::Notify`](crate::Overflow::Notify) only; others are not told.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn early_overflow(&self) -> u64 {
        early::overflow(&self.shared).await
    }

    /// What was counted since the connection opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.look(|engine| engine.stats())
    }

    /// Closes, activated or not. A code that must not travel is sent as 1008.
    pub fn close(&self, mut info: CloseInfo) {
        info.code = sendable(info.code);
        self.shared.close(info);
    }

    /// Server: announces that it goes down; closes 1001 when nothing runs, at the latest after `drain` (R3).
    pub fn go_away(&self, drain: Duration) {
        self.shared.with(|engine, effects| engine.go_away(clock::now(), drain, effects));
    }

    /// The connection's id.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.shared.id
    }

    /// The untyped handle of the other side; before the acceptance everything over it fails `NotAccepted`.
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer::new(Arc::clone(&self.shared))
    }

    /// The same, in place of this.
    #[must_use]
    pub fn into_peer(self) -> Peer {
        Peer::new(self.shared)
    }

    /// The encoding that was agreed on.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.shared.encoding
    }

    /// Whether it is activated and has not ended.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.shared.look(|engine| engine.is_active())
    }

    /// How it ended, or begins to.
    #[must_use]
    pub fn closing(&self) -> Option<CloseInfo> {
        self.shared.look(|engine| engine.closed().cloned())
    }

    /// Resolves when it begins to end, before close frames are exchanged.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn ending(&self) {
        self.shared.closing().await;
    }

    /// Resolves when it has ended.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn closed(&self) -> CloseInfo {
        self.shared.closed().await
    }

    /// Makes this the state that handlers find by `ctx.context::<C>()`, until the connection ends.
    pub fn hold_context<C: Send + 'static>(&self, context: &Context<C>) {
        self.shared.hold_context(context.erase());
    }

    /// Sets what [`Peer::extension`] finds, for whoever opens connections and keeps something beside them; the first one
    /// stands. It lives as long as any handle of the connection, so it must not hold what keeps connections.
    pub fn extend(&self, extension: Arc<dyn Any + Send + Sync>) {
        // A second one is dropped.
        let _ = self.shared.extension.set(extension);
    }

    /// The typed connection.
    #[must_use]
    pub fn connection<R: Remote, C>(&self, context: Context<C>, owns: Owns) -> Connection<R, C> {
        Connection::new(Arc::clone(&self.shared), context, owns)
    }
}
