//! Credit and slots, seen from a contract (R26, R38).

use futures::StreamExt;
use ws_core::Limits;
use ws_tests::fixture::ways;

use super::fixture::{at_rest, open, read};

#[tokio::test]
async fn r26_a_slow_reader_stalls_only_its_own_producer() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let mut slow = feed.count(0, 1_000).await.expect("it opens");
        assert_eq!(slow.next().await, Some(Ok(0)));
        assert_eq!(read(feed.count(0, 2_000).await.expect("it opens")).await.0.len(), 2_000);
        for value in 0..20 {
            assert_eq!(feed.echo(value).await, Ok(value), "calls go on");
        }
        let made = source.made() - 2_000;
        // A window and what its first item gave back, and one that waits for credit.
        assert!(made <= 34 + 32, "{way:?}: {made} items made for one that was read");
        assert_eq!(read(slow).await, ((1..1_000).collect(), None));
        at_rest(&ends, &source).await;
    }
}

/// A call with a stream that waits for a slot holds no other up, and is opened when one is free.
#[tokio::test]
async fn r26_a_stream_that_waits_for_a_slot_holds_no_call_up() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default().max_streams(1)).await;
        let feed = ends.client.remote();
        let silent = feed.silent("silent".into()).await.expect("it opens");
        assert_eq!(told.next().await, "silent");
        let waits = tokio::spawn(feed.count(0, 3));
        let upload = tokio::spawn(feed.sum(0, futures::stream::iter([1, 2]), 0));
        assert_eq!(feed.echo(1).await, Ok(1));
        assert!(!waits.is_finished() && !upload.is_finished());
        drop(silent);
        assert_eq!(read(waits.await.expect("no panic").expect("it opens")).await, (vec![0, 1, 2], None));
        assert_eq!(upload.await.expect("no panic"), Ok(3), "{way:?}");
        at_rest(&ends, &source).await;
    }
}
