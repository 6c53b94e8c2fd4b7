//! `serial`, `busy` and `latest` on streaming methods: a turn lasts until the stream is over at its producer.

use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use ws_core::{CallError, CallOptions, FailureKind, Fate, Limits, StreamError};
use ws_tests::fixture::{until_true, ways};

use super::fixture::{at_rest, open, read};

/// A stream of what a channel gives.
fn from_receiver<T: Send + 'static>(
    receiver: UnboundedReceiver<T>,
) -> impl Stream<Item = T> + Send + 'static {
    stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
}

#[tokio::test]
async fn serial_streams_follow_one_another() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let first = feed.serial("first".into()).await.expect("it opens");
        assert_eq!(told.next().await, "first");
        let second = tokio::spawn(feed.serial("second".into()));
        let third = tokio::spawn(feed.serial("third".into()));
        until_true(|| ends.serving.stats().calls_received == 3).await;
        assert_eq!(feed.echo(1).await, Ok(1), "nothing else waits");
        assert!(told.is_silent() && !second.is_finished(), "an open stream keeps its turn");
        source.gate.add_permits(2);
        // Complete at its producer: the next begins, whether or not it is read.
        assert_eq!([told.next().await, told.next().await], ["first is gone", "second"]);
        assert_eq!(read(first).await, (vec![0, 1], None), "{way:?}");
        // Given up by its reader.
        drop(second.await.expect("no panic").expect("it opens"));
        assert_eq!([told.next().await, told.next().await], ["second is gone", "third"]);
        source.gate.add_permits(2);
        assert_eq!(read(third.await.expect("no panic").expect("it opens")).await, (vec![0, 1], None));
        at_rest(&ends, &source).await;
    }
}

/// R14: the wait for a turn counts, and the open stream goes on.
#[tokio::test]
async fn a_serial_stream_whose_turn_does_not_come_in_time() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let first = feed.serial("first".into()).await.expect("it opens");
        let hurried = feed.with(CallOptions::new().deadline(std::time::Duration::from_millis(30)));
        let late = hurried.serial("late".into()).await;
        assert!(matches!(late, Err(CallError::Timeout(Fate::Unknown))), "{way:?}: {late:?}");
        source.gate.add_permits(2);
        assert_eq!(read(first).await, (vec![0, 1], None));
        assert_eq!([told.next().await, told.next().await], ["first", "first is gone"]);
        at_rest(&ends, &source).await;
        assert!(told.is_silent(), "the late one never began");
    }
}

#[tokio::test]
async fn a_busy_stream_refuses_others_until_it_is_over() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let first = feed.busy("first".into()).await.expect("it opens");
        let refused = feed.busy("second".into()).await.err();
        assert!(matches!(refused, Some(CallError::Overloaded)), "{way:?}: {refused:?}");
        assert_eq!(ends.at_server.one().await, ("Feed.busy".into(), FailureKind::Overloaded, None));
        drop(first);
        assert_eq!([told.next().await, told.next().await], ["first", "first is gone"]);
        until_true(|| ends.serving.running() == 0 && ends.serving.streams() == 0).await;
        source.gate.add_permits(2);
        assert_eq!(read(feed.busy("third".into()).await.expect("it opens")).await, (vec![0, 1], None));
        at_rest(&ends, &source).await;
    }
}

/// The one before is dropped as if it were cancelled: its reader reads what came, then `Cancelled`.
#[tokio::test]
async fn the_latest_stream_replaces_the_one_before() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        for spawned in [false, true] {
            let open = |name: &str| {
                if spawned { feed.latest_spawned(name.into()) } else { feed.latest(name.into()) }
            };
            let mut first = open("first").await.expect("it opens");
            assert_eq!(told.next().await, "first");
            source.gate.add_permits(1);
            assert_eq!(first.next().await, Some(Ok(0)));
            let second = open("second").await.expect("it opens");
            let mut rest = [told.next().await, told.next().await];
            rest.sort();
            assert_eq!(rest, ["first is gone", "second"], "{way:?}");
            assert_eq!(read(first).await, (vec![], Some(StreamError::Cancelled)));
            let replaced = ends.at_server.one().await;
            assert_eq!((replaced.1, replaced.2), (FailureKind::Replaced, None));
            source.gate.add_permits(2);
            assert_eq!(read(second).await, (vec![0, 1], None));
            assert_eq!(told.next().await, "second is gone");
            at_rest(&ends, &source).await;
        }
    }
}

/// A turn with an upload lasts as long as its call.
#[tokio::test]
async fn uploads_have_turns_as_well() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let (send, items) = unbounded_channel();
        let first = tokio::spawn(feed.serial_upload("first".into(), from_receiver(items)));
        assert_eq!(told.next().await, "first");
        let second = tokio::spawn(feed.serial_upload("second".into(), stream::iter(0..100)));
        until_true(|| ends.serving.stats().calls_received == 2).await;
        send.send(7).expect("it is uploaded");
        drop(send);
        assert_eq!(first.await.expect("no panic"), Ok(7));
        assert_eq!(second.await.expect("no panic"), Ok(4950), "{way:?}");
        told.until("second is gone").await;

        let alive = source.alive("upload");
        let replaced = stream::pending::<i64>().map(move |item| {
            let _alive = &alive;
            item
        });
        let replaced = tokio::spawn(feed.latest_upload("replaced".into(), replaced));
        assert_eq!(told.next().await, "replaced");
        assert_eq!(feed.latest_upload("latest".into(), stream::iter([1, 2])).await, Ok(3));
        let replaced = replaced.await.expect("no panic");
        assert!(matches!(replaced, Err(CallError::Cancelled(Fate::Unknown))), "{way:?}: {replaced:?}");
        told.until("upload is gone").await;
        at_rest(&ends, &source).await;
    }
}
