//! Slots of streams (R11, R12).

use std::time::Duration;

use futures::StreamExt;
use ws_core::{CallError, Fate, Limits};
use ws_tests::fixture::ways;

use super::values::{at_rest, open};

#[tokio::test]
async fn r12_a_stream_waits_for_a_slot_and_calls_do_not() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default().max_streams(2).max_in_flight(1)).await;
        let remote = ends.client.remote();
        let first = remote.silent().await.expect("it opens");
        let second = remote.silent().await.expect("it opens");
        let refused = remote.within(20).count(0, 5).await;
        assert!(matches!(refused, Err(CallError::Timeout(Fate::NotSent))), "{way:?}: {refused:?}");
        let waiting = tokio::spawn(remote.count(0, 5));
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(
            remote.echo(1).await,
            Ok(1),
            "R11: a stream that waits holds no call up, nor does an open one"
        );
        assert!(!waiting.is_finished());
        drop(first);
        let items = waiting.await.expect("no panic").expect("it opens once there is a slot");
        assert_eq!(items.count().await, 5);
        drop(second);
        at_rest(&ends, &counts).await;
        assert_eq!(ends.serving.stats().violations, 0);
    }
}

/// What has ended counts until it is read, so that unread items are bounded.
#[tokio::test]
async fn r12_an_unread_stream_keeps_its_slot() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default().max_streams(1)).await;
    let remote = ends.client.remote();
    let unread = remote.count(0, 5).await.expect("it opens");
    let refused = remote.within(20).count(0, 5).await;
    assert!(matches!(refused, Err(CallError::Timeout(Fate::NotSent))), "{refused:?}");
    assert_eq!(unread.count().await, 5);
    assert_eq!(remote.count(0, 6).await.expect("it opens").count().await, 6);
    at_rest(&ends, &counts).await;
}
