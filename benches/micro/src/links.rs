//! Connections within this process.

use std::time::Duration;

use tokio::io::duplex;
use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::transport::{Transport, WebSocketTransport, memory_pair};
use ws_core::{Connection, Encoding, Limits};
use ws_server::{Acceptor, WebSocketServer};

use crate::Failure;
use crate::contract::{WorkProvider, WorkRemote, Worker};

/// A client, and the server that serves it.
pub struct Pair {
    pub server: WebSocketServer<(), WorkProvider<Worker>, ()>,
    pub client: Connection<WorkRemote>,
}

/// No ping may come in between: callgrind is slow.
pub fn limits() -> Limits {
    let long = Duration::from_secs(3600);
    Limits::default().ping_interval(long).call_timeout(long).max_call_timeout(2 * long)
}

/// A server that serves whatever is attached to it.
pub fn server() -> Result<WebSocketServer<(), WorkProvider<Worker>, ()>, Failure> {
    Ok(WebSocketServer::builder().limits(limits()).build()?)
}

/// Has the server serve this transport, until it ends.
pub async fn serve(
    server: WebSocketServer<(), WorkProvider<Worker>, ()>,
    transport: impl Transport,
) -> Result<(), String> {
    let (tell, mut told) = mpsc::channel(1);
    let handler = move |acceptor: Acceptor<(), WorkProvider<Worker>, ()>| {
        let tell = tell.clone();
        async move {
            tell.send(acceptor.accept(WorkProvider::new(Worker)).await?).await?;
            Ok(())
        }
    };
    server.attach(transport, Encoding::Bincode, handler).await.map_err(|error| error.to_string())?;
    let connection = told.recv().await.ok_or("it was not accepted")?;
    connection.closed().await;
    Ok(())
}

/// A server with so many clients, all of which serve what it broadcasts.
pub struct Crowd {
    pub server: WebSocketServer<(), WorkProvider<Worker>, ()>,
    pub clients: Vec<Connection<()>>,
}

pub async fn crowd(size: usize) -> Result<Crowd, Failure> {
    let server = server()?;
    let connector =
        WebSocketConnector::<(), WorkProvider<Worker>, ()>::builder(()).limits(limits()).build()?;
    let mut clients = Vec::new();
    for _ in 0..size {
        let (here, there) = memory_pair(16);
        tokio::spawn(serve(server.clone(), there));
        clients.push(connector.attach(here, Encoding::Bincode, WorkProvider::new(Worker)).await?);
    }
    Ok(Crowd { server, clients })
}

/// What carries a connection.
pub enum Carrier {
    /// Messages in memory, without a WebSocket.
    Memory,
    /// A WebSocket over bytes in memory.
    WebSocket,
}

impl Carrier {
    pub async fn connect(&self) -> Result<Pair, Failure> {
        match self {
            Self::Memory => {
                let (here, there) = memory_pair(16);
                connect(here, there).await
            }
            Self::WebSocket => {
                let (here, there) = duplex(64 << 10);
                let limits = limits();
                let here = WebSocketTransport::client(here, Vec::new(), &limits);
                let there = WebSocketTransport::server(there, Vec::new(), &limits);
                connect(here, there).await
            }
        }
    }
}

async fn connect(here: impl Transport, there: impl Transport) -> Result<Pair, Failure> {
    let server = server()?;
    tokio::spawn(serve(server.clone(), there));
    let connector = WebSocketConnector::builder(()).limits(limits()).build()?;
    let client = connector.attach(here, Encoding::Bincode, ()).await?;
    Ok(Pair { server, client })
}
