//! The accept loops.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use ws_core::{Provider, Remote};

use crate::acceptor::Acceptor;
use crate::activation::{Asked, upgraded};
use crate::core::Core;
use crate::handler::HandlerError;
use crate::hub::ServerEvent;

/// After a failure that the next attempt is likely to meet as well, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// What is said, unasked, to a connection beyond the bounds of R6: reading its request would take what is lacking.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

/// Accepts on a listener of the server's own until the server closes.
pub(crate) async fn listen<H, P, R, C, F, Fut>(
    core: Arc<Core<H, P, R, C>>,
    listener: TcpListener,
    handler: Arc<F>,
    mut stop: watch::Receiver<bool>,
) where
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
    F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let stopped = stop.clone();
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = accept(&core, &listener, &handler, &stopped) => {}
    }
}

/// Accepts on a listener that somebody else owns. After the close its connections hear 503, until the server is opened
/// again or dropped (R2).
pub(crate) async fn serve<H, P, R, C, F, Fut>(
    core: Arc<Core<H, P, R, C>>,
    listener: Arc<TcpListener>,
    handler: Arc<F>,
    mut stop: watch::Receiver<bool>,
) where
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
    F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    // What is accepted after the close is upgraded under a signal that says stop, and so refused.
    let stopped = stop.clone();
    let reopened = async {
        // The sender is gone when a new opening has replaced it, or with the server.
        while stop.changed().await.is_ok() {}
    };
    tokio::select! {
        biased;
        () = reopened => {}
        () = accept(&core, &listener, &handler, &stopped) => {}
    }
}

async fn accept<H, P, R, C, F, Fut>(
    core: &Arc<Core<H, P, R, C>>,
    listener: &TcpListener,
    handler: &Arc<F>,
    stop: &watch::Receiver<bool>,
) where
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
    F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, address)) => admit(core, stream, address, handler, stop.clone()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                core.directory.event(ServerEvent::Error { id: None, error: error.to_string() });
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn admit<H, P, R, C, F, Fut>(
    core: &Arc<Core<H, P, R, C>>,
    stream: TcpStream,
    address: SocketAddr,
    handler: &Arc<F>,
    stop: watch::Receiver<bool>,
) where
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
    F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let Some(permit) = core.gate.enter(Some(address.ip())) else {
        core.turn_away();
        // Best effort: nothing waits for it.
        let _ = stream.try_write(FULL);
        return;
    };
    // Small messages must not wait for one another; where it cannot be set they are only slower.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let asked = Asked::InStream(Some(address));
    core.helpers.spawn(upgraded(Arc::clone(core), stream, asked, permit, Arc::clone(handler), stop));
}
