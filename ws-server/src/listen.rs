//! The accept loop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use ws_core::{Provider, Remote};

use crate::acceptor::Acceptor;
use crate::activation::{Asked, upgraded};
use crate::core::Core;
use crate::handler::HandlerError;

/// After a failure that the next attempt is likely to meet as well, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// What is said, unasked, to a connection beyond the bounds of R6: reading its request would take what is lacking.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

/// Accepts until the server closes.
pub(crate) async fn listen<H, P, R, C, F, Fut>(
    core: Arc<Core<H, P, R, C>>,
    listener: Arc<TcpListener>,
    handler: Arc<F>,
) where
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
    F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let mut stop = core.stop_signal();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => admit(&core, stream, address, &handler),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
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
    let task =
        upgraded(Arc::clone(core), stream, Asked::InStream(Some(address)), permit, Arc::clone(handler));
    core.helpers.spawn(task);
}
