//! The process that serves.

use futures::{Stream, StreamExt, stream};
use tokio::io::AsyncReadExt;
use ws_core::Streaming;
use ws_server::WebSocketServer;

use crate::Failure;
use crate::contract::{Block, Load, LoadProvider, Record};

struct Source;

impl Load for Source {
    async fn echo(&self, record: Record) -> Record {
        record
    }

    fn items(&self, count: u64) -> impl Stream<Item = u64> + Send {
        stream::iter(0..count)
    }

    fn blocks(&self, count: u64) -> impl Stream<Item = Block> + Send {
        let block = Block::sample();
        stream::iter(0..count).map(move |_| block.clone())
    }

    async fn take_items(&self, items: Streaming<u64>) -> u64 {
        count(items).await
    }

    async fn take_blocks(&self, blocks: Streaming<Block>) -> u64 {
        count(blocks).await
    }
}

async fn count<T: ws_core::service::Payload>(mut items: Streaming<T>) -> u64 {
    let mut count = 0;
    while let Some(Ok(_)) = items.next().await {
        count += 1;
    }
    count
}

/// Says where it serves, and serves until whoever started it has ended.
pub async fn run() -> Result<(), Failure> {
    let server = WebSocketServer::<(), LoadProvider<Source>, ()>::new();
    let address = server
        .open("127.0.0.1:0", |acceptor| async move {
            acceptor.accept(LoadProvider::new(Source)).await?;
            Ok(())
        })
        .await?;
    println!("ws://{address}");
    let mut nothing = Vec::new();
    tokio::io::stdin().read_to_end(&mut nothing).await?;
    Ok(())
}
