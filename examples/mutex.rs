//! A mutex held by the server and locked remotely: ten clients take turns, and one that vanishes does not keep it.
//!
//! `cargo run --example mutex`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard};
use ws_client::WebSocketConnector;
use ws_core::ws_service;
use ws_server::{Acceptor, HandlerError, WebSocketServer};

/// A mutex. Each connection may hold it once.
#[ws_service]
pub trait RemoteMutex {
    /// Waits for its turn; gives the value that the mutex protects.
    #[ws(timeout = "1m")]
    async fn lock(&self) -> Result<u64, LockError>;

    /// Stores a new value and lets the next one in.
    async fn unlock(&self, value: u64) -> Result<(), LockError>;
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LockError {
    /// This connection holds the mutex already.
    AlreadyLocked,
    /// This connection does not hold the mutex.
    NotLocked,
}

/// What one connection holds. Dropped with the connection, and the guard with it.
struct Seat {
    value: Arc<Mutex<u64>>,
    guard: Mutex<Option<OwnedMutexGuard<u64>>>,
}

impl RemoteMutex for Seat {
    async fn lock(&self) -> Result<u64, LockError> {
        let mut guard = self.guard.lock().await;
        if guard.is_some() {
            return Err(LockError::AlreadyLocked);
        }
        // Where the client gives up or vanishes, this future is dropped and leaves the queue.
        let locked = Arc::clone(&self.value).lock_owned().await;
        let value = *locked;
        *guard = Some(locked);
        Ok(value)
    }

    async fn unlock(&self, value: u64) -> Result<(), LockError> {
        match self.guard.lock().await.take() {
            Some(mut locked) => {
                *locked = value;
                Ok(())
            }
            None => Err(LockError::NotLocked),
        }
    }
}

type Server = WebSocketServer<(), RemoteMutexProvider<Seat>, ()>;
type Connector = WebSocketConnector<(), (), RemoteMutexRemote>;

const CLIENTS: u64 = 10;
const ROUNDS: u64 = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let value = Arc::new(Mutex::new(0));
    let seats = Arc::clone(&value);
    let server = Server::new();
    let address = server
        .open("127.0.0.1:0", move |acceptor: Acceptor<(), RemoteMutexProvider<Seat>, ()>| {
            let seat = Seat { value: Arc::clone(&seats), guard: Mutex::new(None) };
            async move {
                acceptor.accept(RemoteMutexProvider::new(seat)).await?;
                Ok::<(), HandlerError>(())
            }
        })
        .await?;
    let url = format!("ws://{address}");

    let inside = Arc::new(AtomicU32::new(0));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let (url, inside) = (url.clone(), Arc::clone(&inside));
        clients.push(tokio::spawn(async move {
            let connection = Connector::new(()).connect(&url, ()).await.map_err(|error| error.to_string())?;
            let mutex = connection.remote();
            for _ in 0..ROUNDS {
                let value = mutex.lock().await.map_err(|error| error.to_string())?;
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                mutex.unlock(value + 1).await.map_err(|error| error.to_string())?;
            }
            connection.close().await;
            Ok::<u64, String>(client)
        }));
    }
    for client in clients {
        println!("client {} has had its {ROUNDS} turns", client.await??);
    }

    // One takes the mutex and vanishes: its connection's provider is dropped, and with it the guard.
    let rude = Connector::new(()).connect(&url, ()).await?;
    rude.remote().lock().await?;
    println!("a client holds the mutex and vanishes");
    drop(rude);
    let polite = Connector::new(()).connect(&url, ()).await?;
    let count = polite.remote().lock().await?;
    println!("another one gets it all the same; it counted {count} turns");
    assert_eq!(count, CLIENTS * ROUNDS);

    polite.close().await;
    server.close().await;
    Ok(())
}
