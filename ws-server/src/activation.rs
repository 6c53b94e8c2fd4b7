//! One connection's way from a byte stream to the end of its handler.

use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use ws_core::link::{Link, Opening};
use ws_core::transport::{Transport, WebSocketTransport};
use ws_core::{CloseInfo, ClosedBy, Context, Encoding, Provider, Remote, code};

use crate::acceptor::{Acceptor, Parts, reject, tell_rejected};
use crate::core::{Core, subprotocols};
use crate::decision::{Decision, Verdict};
use crate::gate::Permit;
use crate::handler::HandlerError;
use crate::hub::{Directory, ServerEvent};
use crate::upgrade::{self, UpgradeError, UpgradeLimits, UpgradeRefusal, UpgradeRequest};

/// Where the upgrade request comes from.
pub(crate) enum Asked {
    /// It is still to be read from the stream.
    InStream(Option<SocketAddr>),
    /// Somebody else has read it.
    Request(Box<upgrade::http::request::Parts>, Option<SocketAddr>),
}

/// Upgrades a stream, then activates its connection. Nothing that a stranger sends makes this wait beyond its
/// deadlines (R4, R6).
pub(crate) async fn upgraded<S, H, P, R, C, F, Fut>(
    core: Arc<Core<H, P, R, C>>,
    mut io: S,
    asked: Asked,
    permit: Permit,
    handler: Arc<F>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
    F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let upgraded = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => Err(UpgradeError::Refused(closing())),
        upgraded = upgrade(&core, &mut io, asked) => upgraded,
    };
    match upgraded {
        Ok((request, encoding, leftover)) => {
            let address = request.remote_address();
            let transport = WebSocketTransport::server(io, leftover, &core.limits);
            activate(core, transport, request, encoding, address, permit, handler, stop).await;
        }
        Err(UpgradeError::Refused(refusal)) => {
            core.turn_away();
            if let Err(error) = upgrade::refuse(&mut io, &refusal).await {
                tracing::debug!(%error, "a refused upgrade did not hear why");
            }
        }
        Err(error) => {
            core.turn_away();
            tracing::debug!(%error, "no upgrade");
        }
    }
}

async fn upgrade<S, H, P: Provider, R: Remote, C>(
    core: &Core<H, P, R, C>,
    io: &mut S,
    asked: Asked,
) -> Result<(UpgradeRequest, Encoding, Vec<u8>), UpgradeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = UpgradeLimits { timeout: core.limits.upgrade_timeout, ..UpgradeLimits::default() };
    let deadline = limits.deadline();
    let (request, key, leftover) = match asked {
        Asked::InStream(address) => {
            let received = upgrade::receive(io, address, &limits, deadline).await?;
            (received.request, received.accept_key, received.leftover)
        }
        Asked::Request(parts, address) => {
            let key = upgrade::AcceptKey::for_request(&parts).map_err(UpgradeError::Refused)?;
            let mut request = UpgradeRequest::from_http(*parts);
            if let Some(address) = address {
                request = request.with_remote_address(address);
            }
            (request, key, Vec::new())
        }
    };
    core.checks.run(&request, deadline).await.map_err(UpgradeError::Refused)?;
    let (names, by_name) = subprotocols(&core.encodings);
    let name = upgrade::negotiate(request.subprotocols(), &names).map_err(UpgradeError::Refused)?;
    let encoding = by_name.get(name).copied().ok_or_else(|| UpgradeError::Refused(closing()))?;
    upgrade::accept(io, &key, Some(name), deadline).await?;
    Ok((request, encoding, leftover))
}

pub(crate) fn closing() -> UpgradeRefusal {
    UpgradeRefusal::unavailable("the server is not open")
}

/// From an open WebSocket to the end of the handler.
#[expect(clippy::too_many_arguments, reason = "the last leg of a way that gathers them one by one")]
pub(crate) async fn activate<T, H, P, R, C, F, Fut>(
    core: Arc<Core<H, P, R, C>>,
    transport: T,
    request: UpgradeRequest,
    encoding: Encoding,
    address: Option<SocketAddr>,
    permit: Permit,
    handler: Arc<F>,
    stop: watch::Receiver<bool>,
) where
    T: Transport,
    H: DeserializeOwned + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + Sync + 'static,
    F: Fn(Acceptor<H, P, R, C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let Ok(config) = &core.link else { return };
    let (link, driver) = Link::server(transport, encoding, config, address);
    core.directory.enter(&link, permit);
    let leave = Leave { core: Arc::clone(&core), link: link.clone() };
    // Not an async block: one has room for what it awaits twice, for as long as the connection lives.
    core.drivers.spawn(driver.map(move |info| {
        tracing::debug!(%info, "a connection has ended");
        drop(leave);
    }));
    if *stop.borrow() {
        // The server began to close while this stream was upgraded, and may not have seen this link.
        link.go_away(Duration::ZERO);
    }
    let directory = Arc::clone(&core.directory);
    // The handler may go on for long.
    drop(core);
    let request = Arc::new(request);
    let (mut context, mut attempt) = (None, 0_u8);
    loop {
        attempt = attempt.saturating_add(1);
        let decision = Arc::new(Decision::new());
        let _undecided = Undecided { directory: &directory, link: &link, decision: &decision };
        let Opening::Header(header) = link.opening().await else { return };
        let (header, context) = match made::<H, C>(&link, &header, &mut context) {
            Ok(made) => made,
            Err(code::INVALID_HEADER) => {
                decision.decide(Verdict::Rejected);
                let reason = "the header does not decode";
                tell_rejected(&directory, &link, code::INVALID_HEADER, reason);
                link.reject_try(code::INVALID_HEADER, reason);
                continue;
            }
            Err(code) => return reject(&directory, &link, code, ""),
        };
        let header = Arc::new(header);
        let parts = Parts {
            link: link.clone(),
            request: Arc::clone(&request),
            header: Arc::clone(&header) as Arc<dyn Any + Send + Sync>,
            directory: Arc::clone(&directory),
            context,
            decision: Arc::clone(&decision),
            attempt,
        };
        let handler = Arc::clone(&handler);
        let handler = AssertUnwindSafe(async move { handler(Acceptor::new(header, parts)).await });
        if decide(&directory, &link, &decision, handler).await != Verdict::Rejected {
            return;
        }
        // Where no try is left, the link has ended, and there is no other header (R7).
    }
}

/// The header, and the context that all tries of a connection share; or the code to reject with.
fn made<H: DeserializeOwned, C: Default + Send + 'static>(
    link: &Link,
    header: &[u8],
    context: &mut Option<Context<C>>,
) -> Result<(H, Context<C>), u16> {
    // Both run code of the application's; a panic is caught here as it is in the handler (R7).
    let header = catch_unwind(AssertUnwindSafe(|| {
        if context.is_none() {
            link.hold_context(context.insert(Context::default()));
        }
        link.decode_header::<H>(header)
    }));
    match (header, context) {
        (Ok(Ok(header)), Some(context)) => Ok((header, context.clone())),
        (Ok(Err(error)), _) => {
            tracing::debug!(%error, "a header does not decode");
            Err(code::INVALID_HEADER)
        }
        _ => {
            tracing::error!(connection = %link.id(), "decoding a header panicked");
            Err(code::INTERNAL)
        }
    }
}

/// Rejects what nobody decided, also where the one who was to decide is dropped on the way (R7).
struct Undecided<'a> {
    directory: &'a Directory,
    link: &'a Link,
    decision: &'a Decision,
}

impl Drop for Undecided<'_> {
    fn drop(&mut self) {
        if !matches!(self.decision.verdict(), Verdict::Accepted | Verdict::Rejected) {
            // Nothing happens where it was rejected or closed before.
            reject(self.directory, self.link, code::POLICY, "not decided");
        }
    }
}

/// Takes the connection out of the directory when its driver has ended, or is aborted.
struct Leave<H, P, R, C> {
    core: Arc<Core<H, P, R, C>>,
    link: Link,
}

impl<H, P, R, C> Drop for Leave<H, P, R, C> {
    fn drop(&mut self) {
        // The driver has ended, which it tells in every case.
        let info = self.link.closed().now_or_never().or_else(|| self.link.closing());
        let info = info.unwrap_or_else(|| CloseInfo::new(code::ABNORMAL, "", ClosedBy::Local));
        self.core.directory.leave(self.link.id(), info);
    }
}

/// Runs the handler: bound by the decision until there is one, on its own after.
async fn decide<Fut>(
    directory: &Directory,
    link: &Link,
    decision: &Decision,
    handler: AssertUnwindSafe<Fut>,
) -> Verdict
where
    Fut: Future<Output = Result<(), HandlerError>> + Send,
{
    let mut handler = std::pin::pin!(handler.catch_unwind());
    let mut result = None;
    let verdict = loop {
        tokio::select! {
            biased;
            finished = &mut handler, if result.is_none() => {
                // Where the acceptor went elsewhere, the decision is still to come.
                let failed = !matches!(finished, Ok(Ok(())));
                result = Some(finished);
                if failed {
                    // Whoever holds the acceptor now comes too late, or has decided.
                    decision.decide(Verdict::Dropped);
                    break decision.verdict();
                }
            }
            verdict = decision.made() => break verdict,
            // The socket died, or the decision took too long: that cancels the decision (R9).
            () = link.ending() => return decision.verdict(),
        }
    };
    if result.is_none() && verdict != Verdict::Dropped {
        result = Some(handler.await);
    }
    conclude(directory, link, verdict, result);
    verdict
}

fn conclude(
    directory: &Directory,
    link: &Link,
    verdict: Verdict,
    result: Option<Result<Result<(), HandlerError>, Box<dyn std::any::Any + Send>>>,
) {
    let error = match result {
        None | Some(Ok(Ok(()))) => None,
        Some(Ok(Err(error))) => Some(error.to_string()),
        Some(Err(_)) => Some("it panicked".to_owned()),
    };
    if let Some(error) = &error {
        tracing::error!(connection = %link.id(), error, "a connection's handler failed");
        directory.event(ServerEvent::Error { id: Some(link.id()), error: error.clone() });
    }
    match (verdict, error) {
        (Verdict::Undecided | Verdict::Dropped, None) => reject(directory, link, code::POLICY, "not decided"),
        (Verdict::Undecided | Verdict::Dropped, Some(_)) => reject(directory, link, code::INTERNAL, ""),
        (Verdict::Accepted, Some(_)) => link.close(CloseInfo::new(code::INTERNAL, "", ClosedBy::Local)),
        (Verdict::Accepted, None) | (Verdict::Rejected, _) => {}
    }
}
