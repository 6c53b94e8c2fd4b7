//! jsonrpsee over WebSocket. The server cannot call the client; events and streams are subscriptions. Bytes travel as
//! text, which is what JSON has for them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use harness::{Counter, EVENT_BYTES, Outcome, Record, System};
use jsonrpsee::core::client::{ClientT, Subscription, SubscriptionClientT};
use jsonrpsee::core::{JsonRawValue, to_json_raw_value};
use jsonrpsee::rpc_params;
use jsonrpsee::server::{RpcModule, Server, ServerConfig};
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const LONGEST: u32 = 64 << 20;
const WAITING: u32 = 4096;

/// Who gets events: a queue for each subscription.
type Subscribers = Mutex<Vec<UnboundedSender<Box<JsonRawValue>>>>;

pub async fn serve(listener: TcpListener) -> Outcome<()> {
    let config = ServerConfig::builder()
        .max_request_body_size(LONGEST)
        .max_response_body_size(LONGEST)
        .max_connections(100_000)
        .set_message_buffer_capacity(WAITING)
        .set_tcp_no_delay(true)
        .ws_only()
        .build();
    let server = Server::builder().set_config(config).build_from_tcp(listener.into_std()?)?;
    server.start(module()?).stopped().await;
    Ok(())
}

fn module() -> Outcome<RpcModule<Subscribers>> {
    let mut module = RpcModule::new(Subscribers::default());
    module.register_async_method("echo", |given, _, _| async move { given.one::<Record>() })?;
    module.register_method("echo_bytes", |given, _, _| given.one::<String>())?;
    module.register_method("broadcast", |_, subscribers, _| {
        let event = to_json_raw_value(&"e".repeat(EVENT_BYTES)).ok();
        for subscriber in subscribers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // One whose connection has ended has nobody to tell.
            let _gone = event.clone().map(|event| subscriber.send(event));
        }
    })?;
    module.register_subscription(
        "subscribe",
        "event",
        "unsubscribe",
        |_, pending, subscribers, _| async move {
            let sink = pending.accept().await?;
            let (queue, mut events) = unbounded_channel();
            subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(queue);
            while let Some(event) = events.recv().await {
                sink.send(event).await?;
            }
            Ok(())
        },
    )?;
    module.register_subscription("items", "item", "stop_items", |given, pending, _, _| async move {
        let count: u64 = given.one()?;
        let sink = pending.accept().await?;
        for index in 0..count {
            sink.send(to_json_raw_value(&Record::new(index))?).await?;
        }
        Ok(())
    })?;
    module.register_subscription("blocks", "block", "stop_blocks", |given, pending, _, _| async move {
        let (count, bytes): (u64, usize) = given.parse()?;
        let sink = pending.accept().await?;
        let block = "x".repeat(bytes);
        for _ in 0..count {
            sink.send(to_json_raw_value(&block)?).await?;
        }
        Ok(())
    })?;
    Ok(module)
}

#[derive(Clone)]
pub struct Peer(Arc<WsClient>);

impl System for Peer {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let builder = WsClientBuilder::default()
            .max_request_size(LONGEST)
            .max_response_size(LONGEST)
            .max_concurrent_requests(WAITING as usize)
            .max_buffer_capacity_per_subscription(1 << 20)
            .set_tcp_no_delay(true);
        Ok(Self(Arc::new(builder.build(format!("ws://{address}")).await?)))
    }

    async fn echo(&self, record: Record) -> Outcome<Record> {
        Ok(self.0.request("echo", rpc_params![record]).await?)
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Outcome<usize> {
        let text = std::str::from_utf8(&bytes)?;
        let answer: String = self.0.request("echo_bytes", rpc_params![text]).await?;
        Ok(answer.len())
    }

    async fn items(&self, count: u64) -> Outcome<u64> {
        let items: Subscription<Record> = self.0.subscribe("items", rpc_params![count], "stop_items").await?;
        all(items, count).await
    }

    async fn blocks(&self, count: u64, bytes: usize) -> Outcome<u64> {
        let given = rpc_params![count, bytes];
        let blocks: Subscription<String> = self.0.subscribe("blocks", given, "stop_blocks").await?;
        all(blocks, count).await
    }

    async fn subscribe(&self, events: Arc<Counter>) -> Outcome<()> {
        let mut subscription: Subscription<String> =
            self.0.subscribe("subscribe", rpc_params![], "unsubscribe").await?;
        tokio::spawn(async move {
            while let Some(Ok(_)) = subscription.next().await {
                events.count();
            }
        });
        Ok(())
    }

    async fn broadcast(&self) -> Outcome<Option<u64>> {
        let () = self.0.request("broadcast", rpc_params![]).await?;
        Ok(None)
    }
}

async fn all<T: serde::de::DeserializeOwned>(mut items: Subscription<T>, count: u64) -> Outcome<u64> {
    for _ in 0..count {
        items.next().await.ok_or("the subscription has ended")??;
    }
    Ok(count)
}
