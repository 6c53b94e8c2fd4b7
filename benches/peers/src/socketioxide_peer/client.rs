//! The client: Socket.IO 5 on Engine.IO 4, as far as the measurements go.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use harness::{Counter, Outcome, Record, System, raw};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

type Socket = WebSocketStream<TcpStream>;

/// What the handles of a connection share with its task.
#[derive(Default)]
struct Shared {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<String>>>,
    events: Mutex<Option<Arc<Counter>>>,
    items: AtomicU64,
}

#[derive(Clone)]
pub struct Peer {
    queue: UnboundedSender<String>,
    shared: Arc<Shared>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peer {
    /// An event with its arguments, already JSON, and the argument of its acknowledgement.
    async fn ask<T: DeserializeOwned>(&self, event: &str, arguments: &str) -> Outcome<T> {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        locked(&self.shared.waiting).insert(id, sender);
        self.queue.send(format!("42{id}[\"{event}\",{arguments}]"))?;
        Ok(serde_json::from_str(&answer.await?)?)
    }
}

impl System for Peer {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        // Its default of 128 KiB would be zeroed before each read.
        let config = WebSocketConfig::default().read_buffer_size(4 << 10);
        let stream = raw::dial(address).await?;
        let (mut socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await?;
        socket.send(Message::text("40")).await?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) if text.starts_with("40") => break,
                Some(Ok(_)) => {}
                _ => return Err("the server does not greet".into()),
            }
        }
        let (queue, queued) = unbounded_channel();
        let shared = Arc::new(Shared::default());
        tokio::spawn(pump(socket, queued, queue.downgrade(), Arc::clone(&shared)));
        Ok(Self { queue, shared })
    }

    async fn echo(&self, record: Record) -> Outcome<Record> {
        self.ask("echo", &serde_json::to_string(&record)?).await
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Outcome<usize> {
        let text: String =
            self.ask("echo_bytes", &serde_json::to_string(std::str::from_utf8(&bytes)?)?).await?;
        Ok(text.len())
    }

    async fn items(&self, count: u64) -> Outcome<u64> {
        self.shared.items.store(0, Ordering::Relaxed);
        let _sent: u64 = self.ask("items", &count.to_string()).await?;
        Ok(self.shared.items.load(Ordering::Relaxed))
    }

    async fn blocks(&self, count: u64, bytes: usize) -> Outcome<u64> {
        self.shared.items.store(0, Ordering::Relaxed);
        let _sent: u64 = self.ask("blocks", &format!("{count},{bytes}")).await?;
        Ok(self.shared.items.load(Ordering::Relaxed))
    }

    async fn subscribe(&self, events: Arc<Counter>) -> Outcome<()> {
        *locked(&self.shared.events) = Some(events);
        self.ask("subscribe", "null").await
    }

    async fn broadcast(&self) -> Outcome<Option<u64>> {
        let () = self.ask("broadcast", "null").await?;
        Ok(None)
    }

    async fn reverse(&self, in_flight: usize, duration: Duration) -> Outcome<u64> {
        self.ask("reverse", &format!("{in_flight},{}", duration.as_millis())).await
    }
}

/// Writes all that is queued before it flushes, and reads until the last handle has gone.
async fn pump(
    mut socket: Socket,
    mut queued: UnboundedReceiver<String>,
    queue: WeakUnboundedSender<String>,
    shared: Arc<Shared>,
) -> Option<()> {
    loop {
        tokio::select! {
            biased;
            text = queued.recv() => {
                socket.feed(Message::text(text?)).await.ok()?;
                while let Ok(text) = queued.try_recv() {
                    socket.feed(Message::text(text)).await.ok()?;
                }
                socket.flush().await.ok()?;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if let Some(answer) = shared.take(&text) {
                        queue.upgrade()?.send(answer).ok()?;
                    }
                }
                Some(Ok(_)) => {}
                _ => return None,
            },
        }
    }
}

impl Shared {
    /// What there is to answer.
    fn take(&self, text: &str) -> Option<String> {
        if text == "2" {
            return Some("3".to_owned());
        }
        if let Some(rest) = text.strip_prefix("43") {
            let (id, argument) = parts(rest)?;
            let waiting = locked(&self.waiting).remove(&id.parse().ok()?)?;
            // Nobody may wait any more.
            let _gone = waiting.send(argument.to_owned());
            return None;
        }
        let (id, argument) = parts(text.strip_prefix("42")?)?;
        if argument.starts_with("\"event\"") {
            locked(&self.events).as_ref()?.count();
        } else if let Some(record) = argument.strip_prefix("\"item\",") {
            let _: Record = serde_json::from_str(record).ok()?;
            self.items.fetch_add(1, Ordering::Relaxed);
        } else if let Some(block) = argument.strip_prefix("\"block\",") {
            let _: String = serde_json::from_str(block).ok()?;
            self.items.fetch_add(1, Ordering::Relaxed);
        } else if let Some(record) = argument.strip_prefix("\"shown\",") {
            let record: Record = serde_json::from_str(record).ok()?;
            return Some(format!("43{id}[{}]", serde_json::to_string(&record).ok()?));
        }
        None
    }
}

/// An id, and what stands between the brackets behind it.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (id, rest) = text.split_once('[')?;
    Some((id, rest.strip_suffix(']')?))
}
