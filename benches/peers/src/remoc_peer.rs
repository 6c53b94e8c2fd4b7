//! remoc over TCP, with its remote trait calls.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use harness::{Counter, Outcome, Record, System, event, raw, repeat_calls};
use remoc::prelude::*;
use remoc::rtc::CallError;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

#[rtc::remote]
pub trait Screen {
    async fn shown(&self, record: Record) -> Result<Record, CallError>;
}

#[rtc::remote]
pub trait Bench {
    async fn echo(&self, record: Record) -> Result<Record, CallError>;
    async fn echo_bytes(&self, bytes: Bytes) -> Result<Bytes, CallError>;
    async fn items(&self, count: u64) -> Result<rch::mpsc::Receiver<Record>, CallError>;
    async fn blocks(&self, count: u64, bytes: u64) -> Result<rch::mpsc::Receiver<Bytes>, CallError>;
    async fn subscribe(&self) -> Result<rch::mpsc::Receiver<Bytes>, CallError>;
    async fn broadcast(&self) -> Result<(), CallError>;
    async fn reverse(
        &self,
        screen: ScreenClient,
        in_flight: u32,
        milliseconds: u64,
    ) -> Result<u64, CallError>;
}

#[derive(Default)]
struct Service {
    subscribers: Mutex<Vec<UnboundedSender<Bytes>>>,
}

impl Bench for Service {
    async fn echo(&self, record: Record) -> Result<Record, CallError> {
        Ok(record)
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Result<Bytes, CallError> {
        Ok(bytes)
    }

    async fn items(&self, count: u64) -> Result<rch::mpsc::Receiver<Record>, CallError> {
        let (items, receiver) = rch::mpsc::channel();
        tokio::spawn(async move {
            for index in 0..count {
                if items.send(Record::new(index)).await.is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }

    async fn blocks(&self, count: u64, bytes: u64) -> Result<rch::mpsc::Receiver<Bytes>, CallError> {
        let (blocks, receiver) = rch::mpsc::channel();
        let block = Bytes::from(vec![b'x'; usize::try_from(bytes).unwrap_or(0)]);
        tokio::spawn(async move {
            for _ in 0..count {
                if blocks.send(block.clone()).await.is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }

    async fn subscribe(&self) -> Result<rch::mpsc::Receiver<Bytes>, CallError> {
        let (events, receiver) = rch::mpsc::channel();
        let (queue, mut queued) = unbounded_channel();
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(queue);
        tokio::spawn(async move {
            while let Some(event) = queued.recv().await {
                if events.send(event).await.is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }

    async fn broadcast(&self) -> Result<(), CallError> {
        for subscriber in self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // One whose connection has ended has nobody to tell.
            let _gone = subscriber.send(event());
        }
        Ok(())
    }

    async fn reverse(
        &self,
        screen: ScreenClient,
        in_flight: u32,
        milliseconds: u64,
    ) -> Result<u64, CallError> {
        let duration = Duration::from_millis(milliseconds);
        let calls = repeat_calls(in_flight as usize, duration, move |_, record| {
            let screen = screen.clone();
            async move { Ok(screen.shown(record).await?) }
        });
        calls.await.map_err(|_| CallError::Dropped)
    }
}

struct Shown;

impl Screen for Shown {
    async fn shown(&self, record: Record) -> Result<Record, CallError> {
        Ok(record)
    }
}

pub async fn serve(listener: TcpListener) -> Outcome<()> {
    let service = Arc::new(Service::default());
    loop {
        let (stream, _) = listener.accept().await?;
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            // A connection that is torn down is the client's way to end.
            let _ended = serve_one(stream, service).await;
        });
    }
}

async fn serve_one(stream: TcpStream, service: Arc<Service>) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let (server, client): (_, BenchClient) = BenchServerShared::new(service);
    remoc::Connect::io(remoc::Cfg::default(), read, write).provide(client).await?;
    // Its error may not leave this thread.
    Ok(server.serve().await.map_err(|error| error.to_string())?)
}

#[derive(Clone)]
pub struct Peer(BenchClient);

impl System for Peer {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let (read, write) = raw::dial(address).await?.into_split();
        Ok(Self(remoc::Connect::io(remoc::Cfg::default(), read, write).consume().await?))
    }

    async fn echo(&self, record: Record) -> Outcome<Record> {
        Ok(self.0.echo(record).await?)
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Outcome<usize> {
        Ok(self.0.echo_bytes(bytes).await?.len())
    }

    async fn items(&self, count: u64) -> Outcome<u64> {
        let mut items = self.0.items(count).await?;
        let mut came = 0;
        while items.recv().await?.is_some() {
            came += 1;
        }
        Ok(came)
    }

    async fn blocks(&self, count: u64, bytes: usize) -> Outcome<u64> {
        let mut blocks = self.0.blocks(count, bytes as u64).await?;
        let mut came = 0;
        while blocks.recv().await?.is_some() {
            came += 1;
        }
        Ok(came)
    }

    async fn subscribe(&self, events: Arc<Counter>) -> Outcome<()> {
        let mut receiver = self.0.subscribe().await?;
        tokio::spawn(async move {
            while let Ok(Some(_)) = receiver.recv().await {
                events.count();
            }
        });
        Ok(())
    }

    async fn broadcast(&self) -> Outcome<Option<u64>> {
        self.0.broadcast().await?;
        Ok(None)
    }

    async fn reverse(&self, in_flight: usize, duration: Duration) -> Outcome<u64> {
        let (server, screen): (_, ScreenClient) = ScreenServerShared::new(Arc::new(Shown));
        tokio::spawn(server.serve());
        let milliseconds = u64::try_from(duration.as_millis())?;
        Ok(self.0.reverse(screen, u32::try_from(in_flight)?, milliseconds).await?)
    }
}
