//! Credit: a slow reader stops its own producer and nobody else (R26, R38).

use futures::{StreamExt, stream};
use ws_core::Limits;
use ws_tests::fixture::ways;

use super::values::{at_rest, open};

#[tokio::test]
async fn r26_a_slow_reader_stalls_only_its_own_stream() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let remote = ends.client.remote();
        let mut slow = remote.count(0, 1_000).await.expect("it opens");
        let quick = remote.count(5_000, 2_000).await.expect("it opens");
        assert_eq!(quick.count().await, 2_000);
        assert_eq!(remote.echo(8).await, Ok(8), "calls go on");
        let ahead = counts.made() - 2_000;
        assert!(ahead <= 33, "{way:?}: {ahead} items made for a reader that takes none");
        for expected in 0..1_000 {
            assert_eq!(slow.next().await, Some(Ok(expected)));
        }
        assert_eq!(slow.next().await, None);
        at_rest(&ends, &counts).await;
        let (sent, received) = (ends.serving.stats().items_sent, ends.client.stats().items_received);
        assert_eq!((sent, received, ends.client.stats().items_dropped), (3_000, 3_000, 0));
    }
}

/// A producer that is always ready leaves calls on the same connection their turn.
#[tokio::test]
async fn r38_calls_keep_their_turn_beside_a_flood_of_items() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let items = ends.client.remote().count(0, u32::MAX).await.expect("it opens");
        let read = tokio::spawn(items.for_each(|_| async {}));
        for value in 0..40 {
            assert_eq!(ends.client.remote().echo(value).await, Ok(value));
        }
        read.abort();
        at_rest(&ends, &counts).await;
    }
}

#[tokio::test]
async fn r26_many_streams_side_by_side() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let remote = ends.client.remote();
        let tasks: Vec<_> = (0..200_u32)
            .map(|from| {
                let remote = remote.clone();
                tokio::spawn(async move {
                    let sum = remote.sum(stream::iter(0..100)).await;
                    assert_eq!(sum, Ok(4950));
                    // Not before: whoever waits for a slot while it holds one may wait for its like.
                    let items = remote.count(from, 300).await.expect("it opens");
                    items
                        .map(|item| u64::from(item.expect("no failure")))
                        .fold(0, |a, b| async move { a + b })
                        .await
                })
            })
            .collect();
        for (from, task) in (0..200_u64).zip(tasks) {
            assert_eq!(task.await.expect("no panic"), (from..from + 300).sum::<u64>());
        }
        at_rest(&ends, &counts).await;
        assert_eq!(ends.client.stats().violations + ends.serving.stats().violations, 0);
    }
}
