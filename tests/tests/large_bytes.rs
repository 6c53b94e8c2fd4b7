//! Byte strings that are shared with the message that carries them arrive as they left, wherever they stand.

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use ws_core::{Interception, Interceptor, Limits, Streaming, ws_service};
use ws_server::WebSocketServer;
use ws_tests::fixture::{Carrier, connect, connect_by, ways};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Picture {
    pub width: u32,
    #[serde(with = "ws_core::shared_bytes")]
    pub pixels: Bytes,
}

#[ws_service]
pub trait Store {
    async fn echo(&self, data: Bytes) -> Bytes;
    async fn joined(&self, name: String, first: Bytes, number: u8, second: Bytes) -> Bytes;
    async fn refused(&self, data: Bytes) -> Result<(), Bytes>;
    async fn mirrored(&self, picture: Picture) -> Picture;
    async fn plain(&self, data: Option<Bytes>) -> Vec<Bytes>;
    fn blocks(&self, block: Bytes, count: u8) -> impl Stream<Item = Bytes> + Send;
    async fn collect(&self, blocks: Streaming<Bytes>, last: Bytes) -> u64;
    #[ws(event)]
    async fn put(&self, name: String, data: Bytes);
}

struct Shelf(mpsc::UnboundedSender<(String, Bytes)>);

impl Store for Shelf {
    async fn echo(&self, data: Bytes) -> Bytes {
        data
    }

    async fn joined(&self, name: String, first: Bytes, number: u8, second: Bytes) -> Bytes {
        [name.as_bytes(), &first, &[number], &second].concat().into()
    }

    async fn refused(&self, data: Bytes) -> Result<(), Bytes> {
        Err(data)
    }

    async fn mirrored(&self, picture: Picture) -> Picture {
        Picture { width: picture.width + 1, pixels: picture.pixels }
    }

    async fn plain(&self, data: Option<Bytes>) -> Vec<Bytes> {
        data.into_iter().collect()
    }

    fn blocks(&self, block: Bytes, count: u8) -> impl Stream<Item = Bytes> + Send {
        stream::iter(0..count).map(move |number| block.slice(usize::from(number)..))
    }

    async fn collect(&self, mut blocks: Streaming<Bytes>, last: Bytes) -> u64 {
        let mut sum = sum(&last);
        while let Some(Ok(block)) = blocks.next().await {
            sum += self::sum(&block);
        }
        sum
    }

    async fn put(&self, name: String, data: Bytes) {
        let _ = self.0.send((name, data));
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().copied().map(u64::from).sum()
}

fn filled(size: usize) -> Bytes {
    (0..size).map(|n| (n % 251) as u8).collect()
}

/// Below and above the length from which they are shared, of what is read at once, and several of these.
const SIZES: [usize; 6] = [10, (16 << 10) - 1, 16 << 10, (64 << 10) - 20, 65_537, 700_001];

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_message = 2 << 20;
    limits
}

#[tokio::test]
async fn they_arrive_wherever_they_stand() {
    for way in ways() {
        let (told, mut heard) = mpsc::unbounded_channel();
        let ends = connect(
            way,
            &limits(),
            move |_: ()| StoreProvider::new(Shelf(told.clone())),
            |_: StoreRemote| (),
        )
        .await;
        let remote = ends.client.remote();
        for size in SIZES {
            let data = filled(size);
            assert!(remote.echo(data.clone()).await.expect("served") == data, "{way:?} {size}");
            let joined = remote.joined("name".to_owned(), data.slice(1..), 7, data.clone()).await;
            assert!(joined.expect("served") == [b"name", &data[1..], &[7], &data].concat());
            let refused = remote.refused(data.clone()).await.expect_err("it refuses");
            assert!(matches!(refused, ws_core::CallError::App(error) if error == data));
            let picture = Picture { width: 3, pixels: data.clone() };
            let mirrored = remote.mirrored(picture.clone()).await.expect("served");
            assert!(mirrored == Picture { width: 4, ..picture });
            assert!(remote.plain(Some(data.clone())).await.expect("served") == [data.clone()]);
            remote.put("event".to_owned(), data.clone()).await.expect("sent");
            assert!(heard.recv().await.expect("handled") == ("event".to_owned(), data));
        }
    }
}

#[tokio::test]
async fn they_stream_both_ways() {
    for way in ways() {
        let (told, _heard) = mpsc::unbounded_channel();
        let ends = connect(
            way,
            &limits(),
            move |_: ()| StoreProvider::new(Shelf(told.clone())),
            |_: StoreRemote| (),
        )
        .await;
        let remote = ends.client.remote();
        for size in SIZES {
            let data = filled(size);
            let blocks = remote.blocks(data.clone(), 9).await.expect("opened");
            let blocks: Vec<_> = blocks.map(|block| block.expect("an item")).collect().await;
            assert!(blocks == (0..9).map(|n| data.slice(n..)).collect::<Vec<_>>(), "{way:?} {size}");
            let sent = stream::iter(vec![data.clone(); 9]);
            assert_eq!(remote.collect(sent, data.clone()).await.expect("served"), 10 * sum(&data));
        }
    }
}

#[tokio::test]
async fn requests_and_broadcasts_carry_them() {
    for way in ways() {
        let (told, mut heard) = mpsc::unbounded_channel();
        let ends =
            connect(way, &limits(), |_: StoreRemote| (), |_: ()| StoreProvider::new(Shelf(told.clone())))
                .await;
        for size in SIZES {
            let data = filled(size);
            let event =
                StoreEvent::Joined { name: "n".to_owned(), first: data.clone(), number: 1, second: data };
            let StoreEvent::Joined { second: data, .. } = event.clone() else { unreachable!("just made") };
            let answer = ends.serving.peer().call::<StoreRemote>(event).await.expect("served");
            assert!(matches!(answer, StoreReply::Joined(joined) if joined.len() == 2 * size + 2));
            let delivery = ends.server.audience().all().remote().put("all".to_owned(), data.clone()).await;
            assert_eq!(delivery.reached, 1);
            assert!(heard.recv().await.expect("handled") == ("all".to_owned(), data));
        }
    }
}

/// Reads what passes.
struct Reads;

impl Interceptor for Reads {
    fn send(&self, passing: &mut Interception<'_>) -> Result<(), ws_core::Denial> {
        if passing.len() > 32 << 10 {
            let (data,): (Bytes,) = passing.decode().expect("bytes");
            passing.replace(&(data.slice(1..),)).expect("smaller");
        }
        Ok(())
    }
}

#[tokio::test]
async fn interceptors_see_them() {
    for encoding in ws_core::Encoding::available() {
        let server = WebSocketServer::builder().limits(limits());
        let connector = ws_client::WebSocketConnector::builder(()).limits(limits()).intercept(Reads);
        let (told, _heard) = mpsc::unbounded_channel();
        let ends = connect_by(
            (Carrier::Socket, *encoding),
            server,
            connector,
            move |_: ()| StoreProvider::new(Shelf(told.clone())),
            |_: StoreRemote| (),
        )
        .await;
        let data = filled(100_000);
        assert!(ends.client.remote().echo(data.clone()).await.expect("served") == data.slice(1..));
    }
}
