//! What streams carry, over every carrier in every encoding.

use std::sync::Arc;

use futures::{StreamExt, stream};
use ws_core::Limits;
use ws_tests::fixture::{Ends, connect, until_true, ways};

use super::contract::{Counts, Flow, FlowRemote};

pub type FlowEnds = Ends<Flow, FlowRemote, FlowRemote>;

/// A client and a server that both serve the contract, and what the server's provider counts.
pub async fn open(
    way: (ws_tests::fixture::Carrier, ws_core::Encoding),
    limits: Limits,
) -> (FlowEnds, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let served = Flow { counts: Arc::clone(&counts) };
    let ends = connect(way, &limits, move |_: FlowRemote| served.clone(), |_: FlowRemote| Flow::default());
    (ends.await, counts)
}

/// Nothing is left on either side.
pub async fn at_rest(ends: &FlowEnds, counts: &Counts) {
    until_true(|| {
        let sides = [&ends.client, &ends.serving];
        sides.iter().all(|side| (side.pending(), side.running(), side.streams()) == (0, 0, 0))
            && counts.live() == 0
    })
    .await;
}

#[tokio::test]
async fn r26_values_come_in_order_and_the_stream_completes() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        for count in [0, 1, 31, 32, 33, 5_000] {
            let items = ends.client.remote().count(7, count).await.expect("it opens");
            let items: Vec<u32> = items.map(|item| item.expect("no failure")).collect().await;
            assert_eq!(items, (7..7 + count).collect::<Vec<_>>(), "{way:?}");
        }
        // The other direction as well.
        let items = ends.serving.remote().count(1, 100).await.expect("it opens");
        assert_eq!(items.count().await, 100);
        at_rest(&ends, &counts).await;
        ends.client.close().await;
    }
}

#[tokio::test]
async fn r26_a_stream_that_is_over_stays_over() {
    let (ends, _) = open(ways().next().expect("a way"), Limits::default()).await;
    let mut items = ends.client.remote().count(0, 2).await.expect("it opens");
    while items.next().await.is_some() {}
    for _ in 0..3 {
        assert!(items.next().await.is_none());
    }
}

#[tokio::test]
async fn r26_uploads_reach_the_handler() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        for count in [0_i64, 1, 32, 5_000] {
            let sum = ends.client.remote().sum(stream::iter(0..count)).await;
            assert_eq!(sum, Ok((0..count).sum()), "{way:?}");
        }
        assert_eq!(ends.serving.remote().sum(stream::iter([1, 2])).await, Ok(3));
        at_rest(&ends, &counts).await;
    }
}

#[tokio::test]
async fn r26_both_at_once() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let items = ends.client.remote().doubled(stream::iter(0..3_000)).await.expect("it opens");
        let items: Vec<i64> = items.map(|item| item.expect("no failure")).collect().await;
        assert_eq!(items, (0..3_000).map(|item| item * 2).collect::<Vec<_>>(), "{way:?}");
        at_rest(&ends, &counts).await;
    }
}

/// R26: an item may exceed the credit by itself, or it never could be sent.
#[tokio::test]
async fn r26_large_items_pass() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let sizes = vec![1, 400_000, 10, 9_000, 0, 300_000, 20_000];
        let items = ends.client.remote().blobs(sizes.clone()).await.expect("it opens");
        let lengths: Vec<u32> = items.map(|item| item.expect("no failure").len() as u32).collect().await;
        assert_eq!(lengths, sizes, "{way:?}");
        at_rest(&ends, &counts).await;
    }
}

/// However large the one before is, and however narrow the window.
#[tokio::test]
async fn r26_items_of_all_sizes_keep_their_order() {
    let sizes: Vec<u32> =
        (0..600).map(|n| [1, 3, 40, 130, 1_000, 1_100, 5_000, 20_000][n * n % 83 % 8]).collect();
    for way in ways() {
        for (items, bytes) in [(3, 2_000), (40, 30_000)] {
            let limits = Limits::default().stream_items(items).stream_bytes(bytes);
            let (ends, counts) = open(way, limits).await;
            let items = ends.client.remote().blobs(sizes.clone()).await.expect("it opens");
            let lengths: Vec<u32> = items.map(|item| item.expect("no failure").len() as u32).collect().await;
            assert_eq!(lengths, sizes, "{way:?}");
            at_rest(&ends, &counts).await;
        }
    }
}
