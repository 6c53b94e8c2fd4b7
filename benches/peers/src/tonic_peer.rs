//! tonic over HTTP/2, a channel for each connection. The server cannot call the client; events are a stream.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use harness::{Counter, Outcome, Record, System, event};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

mod generated {
    #![allow(warnings)]
    include!(concat!(env!("OUT_DIR"), "/bench.Bench.rs"));
}

use generated::bench_client::BenchClient;
use generated::bench_server::{Bench, BenchServer};

const LONGEST: usize = 64 << 20;
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// The record, as this protocol writes it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Small {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(double, repeated, tag = "3")]
    values: Vec<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Block {
    #[prost(bytes = "bytes", tag = "1")]
    bytes: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Number {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(uint64, tag = "2")]
    bytes: u64,
}

impl From<Record> for Small {
    fn from(record: Record) -> Self {
        Self { id: record.id, name: record.name, values: record.values.to_vec() }
    }
}

#[derive(Default)]
struct Service {
    subscribers: Mutex<Vec<UnboundedSender<Block>>>,
}

type Answer<T> = Result<Response<T>, Status>;
type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Bench for Service {
    async fn echo(&self, asked: Request<Small>) -> Answer<Small> {
        Ok(Response::new(asked.into_inner()))
    }

    async fn echo_bytes(&self, asked: Request<Block>) -> Answer<Block> {
        Ok(Response::new(asked.into_inner()))
    }

    type ItemsStream = Items<Small>;

    async fn items(&self, asked: Request<Number>) -> Answer<Items<Small>> {
        let count = asked.into_inner().count;
        Ok(Response::new(stream::iter((0..count).map(|index| Ok(Record::new(index).into()))).boxed()))
    }

    type BlocksStream = Items<Block>;

    async fn blocks(&self, asked: Request<Number>) -> Answer<Items<Block>> {
        let Number { count, bytes } = asked.into_inner();
        let block = Block { bytes: vec![b'x'; usize::try_from(bytes).unwrap_or(0)].into() };
        Ok(Response::new(stream::iter((0..count).map(move |_| Ok(block.clone()))).boxed()))
    }

    type SubscribeStream = Items<Block>;

    async fn subscribe(&self, _: Request<Number>) -> Answer<Items<Block>> {
        let (queue, queued) = unbounded_channel();
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(queue);
        let events =
            stream::unfold(queued, |mut queued| async move { Some((Ok(queued.recv().await?), queued)) });
        Ok(Response::new(events.boxed()))
    }

    async fn broadcast(&self, _: Request<Number>) -> Answer<Number> {
        for subscriber in self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // One whose connection has ended has nobody to tell.
            let _gone = subscriber.send(Block { bytes: event() });
        }
        Ok(Response::new(Number::default()))
    }
}

pub async fn serve(listener: TcpListener) -> Outcome<()> {
    let service = BenchServer::new(Service::default())
        .max_decoding_message_size(LONGEST)
        .max_encoding_message_size(LONGEST);
    let incoming = stream::unfold(listener, |listener| async move {
        let accepted = listener.accept().await.and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        Some((accepted, listener))
    });
    Server::builder()
        .max_concurrent_streams(4096)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(service)
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

#[derive(Clone)]
pub struct Peer(BenchClient<Channel>);

impl System for Peer {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let client = BenchClient::new(endpoint.connect().await?);
        Ok(Self(client.max_decoding_message_size(LONGEST).max_encoding_message_size(LONGEST)))
    }

    async fn echo(&self, record: Record) -> Outcome<Record> {
        let small = self.0.clone().echo(Small::from(record)).await?.into_inner();
        let values = small.values.try_into().map_err(|_| "a record of other values")?;
        Ok(Record { id: small.id, name: small.name, values })
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Outcome<usize> {
        Ok(self.0.clone().echo_bytes(Block { bytes }).await?.into_inner().bytes.len())
    }

    async fn items(&self, count: u64) -> Outcome<u64> {
        let mut items = self.0.clone().items(Number { count, bytes: 0 }).await?.into_inner();
        let mut came = 0;
        while items.message().await?.is_some() {
            came += 1;
        }
        Ok(came)
    }

    async fn blocks(&self, count: u64, bytes: usize) -> Outcome<u64> {
        let mut blocks = self.0.clone().blocks(Number { count, bytes: bytes as u64 }).await?.into_inner();
        let mut came = 0;
        while blocks.message().await?.is_some() {
            came += 1;
        }
        Ok(came)
    }

    async fn subscribe(&self, events: Arc<Counter>) -> Outcome<()> {
        let mut queued = self.0.clone().subscribe(Number::default()).await?.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(_)) = queued.message().await {
                events.count();
            }
        });
        Ok(())
    }

    async fn broadcast(&self) -> Outcome<Option<u64>> {
        self.0.clone().broadcast(Number::default()).await?;
        Ok(None)
    }
}
