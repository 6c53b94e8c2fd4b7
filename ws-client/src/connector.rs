//! The connector: reusable, one header, many connections.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use ws_core::link::{Hooks, Link, LinkConfig, LinkOptions, Opening};
use ws_core::protocol::VERSION;
use ws_core::service::MethodTable;
use ws_core::transport::Transport;
use ws_core::{
    CloseInfo, ClosedBy, Connection, Context, ContractError, Encoding, Limits, Owns, Provider, Remote, code,
};

use crate::builder::ConnectorBuilder;
use crate::dial::Target;
use crate::error::ConnectError;
use crate::rejected::{NextHeader, Rejected};

/// Connects with the header `H`, serves the server with `P` and calls it by `R`; `C` is the application's own state for
/// each connection, `C::default()` at first (R40). Reusable (R36).
pub struct WebSocketConnector<H, P, R, C = ()> {
    header: H,
    encodings: Vec<Encoding>,
    next_header: Option<NextHeader<H>>,
    link: Result<LinkConfig, ContractError>,
    limits: Arc<Limits>,
    types: Types<P, R, C>,
}

impl<H, P, R, C> WebSocketConnector<H, P, R, C>
where
    H: Serialize + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + 'static,
{
    /// A connector with every default.
    #[must_use]
    pub fn new(header: H) -> Self {
        let encodings = Encoding::available().to_vec();
        Self::with_options(
            header,
            Limits::default(),
            encodings,
            &Hooks::default(),
            None,
            LinkOptions::default(),
        )
    }

    /// A connector with other limits or encodings.
    #[must_use]
    pub fn builder(header: H) -> ConnectorBuilder<H, P, R, C> {
        ConnectorBuilder::new(header)
    }

    pub(crate) fn with_options(
        header: H,
        limits: Limits,
        encodings: Vec<Encoding>,
        hooks: &Hooks,
        next_header: Option<NextHeader<H>>,
        options: LinkOptions,
    ) -> Self {
        let limits = Arc::new(limits);
        let link = tables::<P, R>().map(|(serves, calls)| {
            LinkConfig::new(Arc::clone(&limits), serves, calls).hooks(hooks).options(options)
        });
        Self { header, encodings, next_header, link, limits, types: PhantomData }
    }

    /// Connects to `url`, sends the header and waits for the server's decision, all within
    /// `Limits::connect_timeout`.
    ///
    /// Close the connection, or drop its last handle, to end it.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// Dropped before it resolves, the connection that was begun is closed.
    pub async fn connect(&self, url: impl AsRef<str>, provider: P) -> Result<Connection<R, C>, ConnectError> {
        let target = Target::parse(url.as_ref())?;
        self.in_time(async {
            // Before a server waits for this side.
            provider.prepared().await?;
            self.dial(&target, |_| provider).await
        })
        .await
    }

    /// As [`connect`](Self::connect), with a provider that is made from the remote of its own connection, to call the
    /// server back. Used before the server's decision, the remote fails `NotAccepted`.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// As [`connect`](Self::connect).
    pub async fn connect_with(
        &self,
        url: impl AsRef<str>,
        provider: impl FnOnce(R) -> P,
    ) -> Result<Connection<R, C>, ConnectError> {
        let target = Target::parse(url.as_ref())?;
        self.in_time(self.dial(&target, provider)).await
    }

    async fn dial(
        &self,
        target: &Target,
        provider: impl FnOnce(R) -> P,
    ) -> Result<Connection<R, C>, ConnectError> {
        let (stream, address) = target.dial().await?;
        let (transport, encoding) = target.upgrade(stream, &self.encodings, &self.limits).await?;
        self.activate(transport, encoding, address, provider).await
    }

    /// Connects over a byte stream that is already open: a Unix socket, a TLS stream, a pipe in memory. `url` names
    /// the host, path and query of the upgrade request.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// As [`connect`](Self::connect).
    pub async fn connect_over<S>(
        &self,
        stream: S,
        url: impl AsRef<str>,
        provider: P,
    ) -> Result<Connection<R, C>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.connect_over_with(stream, url, |_| provider).await
    }

    /// As [`connect_over`](Self::connect_over), with a provider that is made from the remote of its own connection.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// As [`connect`](Self::connect).
    pub async fn connect_over_with<S>(
        &self,
        stream: S,
        url: impl AsRef<str>,
        provider: impl FnOnce(R) -> P,
    ) -> Result<Connection<R, C>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let target = Target::parse(url.as_ref())?;
        self.in_time(async {
            let (transport, encoding) = target.upgrade(stream, &self.encodings, &self.limits).await?;
            self.activate(transport, encoding, None, provider).await
        })
        .await
    }

    /// Connects over a transport that needs no upgrade: an end of
    /// [`memory_pair`](ws_core::transport::memory_pair), in tests.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// As [`connect`](Self::connect).
    pub async fn attach<T: Transport>(
        &self,
        transport: T,
        encoding: Encoding,
        provider: P,
    ) -> Result<Connection<R, C>, ConnectError> {
        self.attach_with(transport, encoding, |_| provider).await
    }

    /// As [`attach`](Self::attach), with a provider that is made from the remote of its own connection.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// As [`connect`](Self::connect).
    pub async fn attach_with<T: Transport>(
        &self,
        transport: T,
        encoding: Encoding,
        provider: impl FnOnce(R) -> P,
    ) -> Result<Connection<R, C>, ConnectError> {
        self.in_time(self.activate(transport, encoding, None, provider)).await
    }

    async fn in_time(
        &self,
        connecting: impl Future<Output = Result<Connection<R, C>, ConnectError>>,
    ) -> Result<Connection<R, C>, ConnectError> {
        // Before anything is dialled.
        self.link.as_ref().map_err(Clone::clone)?;
        match tokio::time::timeout(self.limits.connect_timeout, connecting).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    async fn activate<T: Transport>(
        &self,
        transport: T,
        encoding: Encoding,
        address: Option<SocketAddr>,
        provider: impl FnOnce(R) -> P,
    ) -> Result<Connection<R, C>, ConnectError> {
        let config = self.link.as_ref().map_err(Clone::clone)?;
        let (link, driver) =
            Link::client(transport, encoding, config, &self.header, address).map_err(ConnectError::Header)?;
        // Owns from here on: given up, for whatever reason, the connection closes.
        let context = Context::default();
        link.hold_context(&context);
        let connection = link.connection(context, Owns::Connection);
        let provider = provider(R::from_peer(link.peer()));
        provider.prepared().await?;
        link.provide(Arc::new(provider));
        tokio::spawn(async move {
            let info = driver.await;
            tracing::debug!(%info, "a connection has ended");
        });
        loop {
            let (code, reason, tries_left) = match link.opening().await {
                Opening::Accepted => return Ok(connection),
                Opening::Rejected { version, code: code::VERSION, .. } if version != VERSION => {
                    return Err(ConnectError::Version { ours: VERSION, theirs: version });
                }
                Opening::Rejected { code, reason, retry, .. } => (code, reason, retry),
                Opening::Closed(info) => return Err(not_opened(info)),
                other => return Err(ConnectError::NotOurProtocol(format!("{other:?} from a server"))),
            };
            // The server says how many there are, each time fewer, so this ends.
            let header = match &self.next_header {
                Some(next) if tries_left > 0 => {
                    let next = next(Rejected { code, reason: reason.clone(), tries_left });
                    // A server that closes meanwhile takes no other header.
                    match select(next, pin!(link.ending())).await {
                        Either::Left((header, _)) => header,
                        Either::Right(_) => None,
                    }
                }
                _ => None,
            };
            let Some(header) = header else { return Err(ConnectError::Rejected { code, reason }) };
            link.try_again(&header).map_err(ConnectError::Header)?;
        }
    }
}

/// What this side found wrong with the server's frames is no fault of the network.
fn not_opened(info: CloseInfo) -> ConnectError {
    match (info.by, info.code) {
        (ClosedBy::Local, code::PROTOCOL | code::UNSUPPORTED | code::INVALID_UTF8 | code::TOO_LARGE) => {
            ConnectError::NotOurProtocol(info.reason)
        }
        _ => ConnectError::Closed(info),
    }
}

type Table = Arc<MethodTable>;

/// Names the types without holding any.
type Types<P, R, C> = PhantomData<fn() -> (P, R, C)>;

fn tables<P: Provider, R: Remote>() -> Result<(Table, Table), ContractError> {
    Ok((Arc::new(MethodTable::new(P::methods())?), Arc::new(MethodTable::new(R::methods())?)))
}

impl<H, P, R, C> fmt::Debug for WebSocketConnector<H, P, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketConnector").field("encodings", &self.encodings).finish_non_exhaustive()
    }
}
