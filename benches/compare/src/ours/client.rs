//! The side that drives.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use harness::{Counter, Outcome, Record, System};
use ws_client::WebSocketConnector;
use ws_core::{CallOptions, Connection, Encoding, Limits};

use super::contract::{BenchRemote, Note, Screen, ScreenProvider};

type Connector = WebSocketConnector<(), ScreenProvider<Shown>, BenchRemote>;

/// One for all connections of the process.
static CONNECTOR: OnceLock<Connector> = OnceLock::new();

/// Says how connections of this process are made.
pub fn prepare(encoding: Encoding, limits: Limits) -> Outcome<()> {
    let connector = WebSocketConnector::builder(()).encodings([encoding]).limits(limits).build()?;
    CONNECTOR.set(connector).map_err(|_| "prepared twice".into())
}

/// Counts events once it is told with what.
#[derive(Clone, Default)]
struct Shown(Arc<OnceLock<Arc<Counter>>>);

impl Screen for Shown {
    async fn shown(&self, record: Record) -> Record {
        record
    }

    async fn told(&self, _note: Note) {
        if let Some(events) = self.0.get() {
            events.count();
        }
    }
}

#[derive(Clone)]
pub struct Ours {
    connection: Connection<BenchRemote>,
    shown: Shown,
}

impl System for Ours {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let connector = CONNECTOR.get().ok_or("not prepared")?;
        let shown = Shown::default();
        let provider = ScreenProvider::new(shown.clone());
        let connection = connector.connect(format!("ws://{address}"), provider).await?;
        Ok(Self { connection, shown })
    }

    async fn echo(&self, record: Record) -> Outcome<Record> {
        Ok(self.connection.remote().echo(record).await?)
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Outcome<usize> {
        Ok(self.connection.remote().echo_bytes(bytes).await?.len())
    }

    async fn items(&self, count: u64) -> Outcome<u64> {
        let mut items = self.connection.remote().items(count).await?;
        let mut came = 0;
        while let Some(item) = items.next().await {
            item?;
            came += 1;
        }
        Ok(came)
    }

    async fn blocks(&self, count: u64, bytes: usize) -> Outcome<u64> {
        let mut blocks = self.connection.remote().blocks(count, bytes as u64).await?;
        let mut came = 0;
        while let Some(block) = blocks.next().await {
            if block?.len() != bytes {
                return Err("a block of another length".into());
            }
            came += 1;
        }
        Ok(came)
    }

    async fn subscribe(&self, events: Arc<Counter>) -> Outcome<()> {
        self.shown.0.set(events).map_err(|_| "subscribed twice")?;
        Ok(self.connection.remote().subscribe().await?)
    }

    async fn broadcast(&self) -> Outcome<Option<u64>> {
        Ok(Some(self.connection.remote().broadcast().await?))
    }

    async fn reverse(&self, in_flight: usize, duration: Duration) -> Outcome<u64> {
        let milliseconds = u64::try_from(duration.as_millis())?;
        let options = CallOptions::new().deadline(duration + Duration::from_secs(10));
        let remote = self.connection.remote().with(options);
        Ok(remote.reverse(u32::try_from(in_flight)?, milliseconds).await?)
    }
}
