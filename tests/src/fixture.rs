//! A server and a client, connected over a real socket or in memory.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
use ws_client::{ConnectorBuilder, WebSocketConnector};
use ws_core::transport::memory_pair;
use ws_core::{Connection, Encoding, Limits, Provider, Remote};
use ws_server::{Acceptor, ServerBuilder, WebSocketServer};

/// Both ends of one connection, and the server that owns one of them.
pub struct Ends<SP: Provider, SR: Remote, CR: Remote> {
    pub server: WebSocketServer<(), SP, SR>,
    pub serving: Connection<SR>,
    pub client: Connection<CR>,
}

/// What carries the connection.
#[derive(Clone, Copy, Debug)]
pub enum Carrier {
    Socket,
    Memory,
}

/// Every carrier with every encoding.
pub fn ways() -> impl Iterator<Item = (Carrier, Encoding)> {
    [Carrier::Socket, Carrier::Memory]
        .into_iter()
        .flat_map(|carrier| Encoding::available().iter().map(move |encoding| (carrier, *encoding)))
}

/// Connects a client to a server of its own; each side's provider is made from the remote of its connection.
pub async fn connect<SP, SR, CP, CR>(
    way: (Carrier, Encoding),
    limits: &Limits,
    serves: impl Fn(SR) -> SP + Send + Sync + 'static,
    client_serves: impl FnOnce(CR) -> CP,
) -> Ends<SP, SR, CR>
where
    SP: Provider,
    SR: Remote,
    CP: Provider,
    CR: Remote,
{
    let server = WebSocketServer::builder().limits(limits.clone());
    let connector = WebSocketConnector::builder(()).limits(limits.clone());
    connect_by(way, server, connector, serves, client_serves).await
}

/// The same with options of both sides.
pub async fn connect_by<SP, SR, CP, CR>(
    (carrier, encoding): (Carrier, Encoding),
    server: ServerBuilder<(), SP, SR>,
    connector: ConnectorBuilder<(), CP, CR>,
    serves: impl Fn(SR) -> SP + Send + Sync + 'static,
    client_serves: impl FnOnce(CR) -> CP,
) -> Ends<SP, SR, CR>
where
    SP: Provider,
    SR: Remote,
    CP: Provider,
    CR: Remote,
{
    let server = server.build().expect("good limits");
    let connector = connector.encodings([encoding]).build().expect("good limits");
    let (tell, mut told) = mpsc::unbounded_channel();
    let serves = Arc::new(serves);
    let handler = move |acceptor: Acceptor<(), SP, SR>| {
        let (tell, serves) = (tell.clone(), Arc::clone(&serves));
        async move {
            let provider = serves(acceptor.remote());
            let connection = acceptor.accept(provider).await?;
            tell.send(connection).expect("the test waits for it");
            Ok(())
        }
    };
    let client = match carrier {
        Carrier::Socket => {
            let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
            connector.connect_with(format!("ws://{address}"), client_serves).await
        }
        Carrier::Memory => {
            let (here, there) = memory_pair(4);
            let attached = server.clone();
            tokio::spawn(async move { attached.attach(there, encoding, handler).await });
            connector.attach_with(here, encoding, client_serves).await
        }
    };
    let client = client.expect("a connection");
    let serving = told.recv().await.expect("the server's end");
    Ends { server, serving, client }
}

/// Waits for a condition that other tasks bring about, without waiting on time: the runtime runs them meanwhile.
pub async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while !condition().await {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the condition comes about");
}

/// Waits until a plain condition holds.
pub async fn until_true(mut condition: impl FnMut() -> bool) {
    until(|| std::future::ready(condition())).await;
}

/// What comes next, or nothing where nobody is left to tell; fails where nothing comes.
pub async fn heard<T>(told: &mut mpsc::UnboundedReceiver<T>) -> Option<T> {
    tokio::time::timeout(std::time::Duration::from_secs(20), told.recv()).await.expect("it is told")
}
