//! The side that serves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use harness::{Outcome, Record, event, repeat_calls};
use tokio::net::TcpListener;
use ws_core::broadcast::BroadcastHandle;
use ws_core::{Broadcast, Encoding, Limits, Peer};
use ws_server::WebSocketServer;

use super::contract::{Bench, BenchProvider, Note, ScreenBroadcast, ScreenRemote};

type Server = WebSocketServer<(), BenchProvider<Service>, ScreenRemote>;

/// The connections that get the events.
type Subscribers = Arc<Mutex<Vec<Peer>>>;

/// What serves one connection.
struct Service {
    client: ScreenRemote,
    peer: Peer,
    subscribers: Subscribers,
    all: ScreenBroadcast,
}

impl Bench for Service {
    async fn echo(&self, record: Record) -> Record {
        record
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    fn items(&self, count: u64) -> impl Stream<Item = Record> + Send {
        stream::iter(0..count).map(Record::new)
    }

    fn blocks(&self, count: u64, bytes: u64) -> impl Stream<Item = Bytes> + Send {
        let block = Bytes::from(vec![b'x'; usize::try_from(bytes).unwrap_or(0)]);
        stream::iter(0..count).map(move |_| block.clone())
    }

    async fn subscribe(&self) {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(self.peer.clone());
    }

    async fn broadcast(&self) -> Result<u64, String> {
        let before = Note::encoded();
        let delivery = self.all.told(Note(event())).await;
        if delivery.is_complete() { Ok(Note::encoded() - before) } else { Err(format!("{delivery:?}")) }
    }

    async fn reverse(&self, in_flight: u32, milliseconds: u64) -> u64 {
        let client = self.client.clone();
        // In tasks of their own the calls are not nested in this one, which would leave them sixteen slots.
        let calls =
            repeat_calls(in_flight as usize, Duration::from_millis(milliseconds), move |_, record| {
                let client = client.clone();
                async move { Ok(client.shown(record).await?) }
            });
        calls.await.unwrap_or(0)
    }
}

pub async fn serve(encoding: Encoding, limits: Limits, listener: TcpListener) -> Outcome<()> {
    let server = Server::builder().encodings([encoding]).limits(limits).build()?;
    let subscribers = Subscribers::default();
    let told = Arc::clone(&subscribers);
    let recipients = move || told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let all = ScreenBroadcast::from_handle(BroadcastHandle::new(Arc::new(recipients)));
    server.serve(Arc::new(listener), move |acceptor| {
        let (client, peer) = (acceptor.remote(), acceptor.peer());
        let service = Service { client, peer, subscribers: Arc::clone(&subscribers), all: all.clone() };
        async move {
            acceptor.accept(BenchProvider::new(service)).await?;
            Ok(())
        }
    })?;
    // Until the process is ended.
    std::future::pending().await
}
