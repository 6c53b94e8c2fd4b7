//! Every form of a streaming method, by every way.

use futures::{StreamExt, stream};
use ws_core::{CallError, CallOptions, Limits, Metadata, StreamError};
use ws_tests::fixture::ways;

use super::fixture::{Refused, at_rest, open, read};

#[tokio::test]
async fn r26_streams_that_are_at_hand() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        for count in [0, 1, 33, 2_000] {
            let items = feed.count(7, count).await.expect("it opens");
            assert_eq!(read(items).await, ((7..7 + count).collect(), None), "{way:?}");
        }
        let items = feed.opening(2).await.expect("it opens");
        assert_eq!(read(items).await, (vec!["Feed.opening 0".into(), "Feed.opening 1".into()], None));
        assert_eq!(feed.opening(11).await.err(), Some(CallError::App(Refused { at: 11 })));
        let at_2 = || (vec![0, 1], Some(StreamError::App(Refused { at: 2 })));
        assert_eq!(read(feed.failing(2).await.expect("it opens")).await, (vec![0, 1], None));
        assert_eq!(read(feed.failing(9).await.expect("it opens")).await, at_2());
        assert_eq!(read(feed.both(9).await.expect("it opens")).await, at_2());
        assert_eq!(feed.both(12).await.err(), Some(CallError::App(Refused { at: 12 })));
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r26_streams_that_are_awaited() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        assert_eq!(read(feed.awaited(3).await.expect("it opens")).await, (vec![0, 1, 2], None));
        assert_eq!(read(feed.awaited_opening(3).await.expect("it opens")).await, (vec![0, 1, 2], None));
        assert_eq!(feed.awaited_opening(13).await.err(), Some(CallError::App(Refused { at: 13 })));
        let at_2 = || (vec![0, 1], Some(StreamError::App(Refused { at: 2 })));
        assert_eq!(read(feed.awaited_failing(9).await.expect("it opens")).await, at_2());
        assert_eq!(read(feed.awaited_both(9).await.expect("it opens")).await, at_2());
        assert_eq!(feed.awaited_both(14).await.err(), Some(CallError::App(Refused { at: 14 })));
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r26_streams_in_tasks_of_their_own() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        assert_eq!(read(feed.spawned(1_000).await.expect("it opens")).await, ((0..1_000).collect(), None));
        let (items, end) = read(feed.spawned_both(9).await.expect("it opens")).await;
        assert_eq!((items, end), (vec![0, 1], Some(StreamError::App(Refused { at: 2 }))));
        assert_eq!(feed.spawned_both(15).await.err(), Some(CallError::App(Refused { at: 15 })));
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r26_uploads_stand_where_the_trait_has_them() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        for count in [0, 1, 33, 2_000] {
            assert_eq!(feed.sum(1, stream::iter(0..count), 2).await, Ok(3 + (0..count).sum::<i64>()));
            assert_eq!(feed.end_of(stream::iter(0..count)).await, Ok(u32::try_from(count).expect("small")));
        }
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r26_both_directions_in_one_call() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let items = feed.doubled(stream::iter(0..2_000)).await.expect("it opens");
        assert_eq!(read(items).await, ((0..2_000).map(|item| item * 2).collect(), None), "{way:?}");

        let mut metadata = Metadata::new();
        metadata.insert("by", "ann").expect("room");
        let ann = feed.with(CallOptions::new().metadata(metadata));
        let items = ann.named("<".into(), stream::iter([1, 2]), ">".into()).await.expect("it opens");
        assert_eq!(read(items).await, (vec!["<1> ann".into(), "<2> ann".into()], None));
        let items = feed.named("(".into(), stream::iter([1, 13, 2]), ")".into()).await.expect("it opens");
        assert_eq!(
            read(items).await,
            (vec!["(1) nobody".into()], Some(StreamError::App(Refused { at: 13 })))
        );
        let refused = feed.named(String::new(), stream::iter([1]), ")".into()).await;
        assert_eq!(refused.err(), Some(CallError::App(Refused { at: 0 })));
        at_rest(&ends, &source).await;
    }
}

/// Each side streams to the other, and a stream of one is made of the other's.
#[tokio::test]
async fn r26_both_sides_stream_at_once() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let (there, here) = (ends.client.remote(), ends.serving.remote());
        let (a, b, c, d) = futures::join!(
            async { read(there.relay(500).await.expect("it opens")).await },
            async { read(here.relay(500).await.expect("it opens")).await },
            async { read(there.doubled(stream::iter(0..500)).await.expect("it opens")).await },
            here.sum(0, stream::iter(0..500), 0),
        );
        assert_eq!(a, ((1..=500).collect(), None), "{way:?}");
        assert_eq!(b, ((1..=500).collect(), None), "{way:?}");
        assert_eq!(c, ((0..500).map(|item| item * 2).collect(), None));
        assert_eq!(d, Ok((0..500).sum()));
        at_rest(&ends, &source).await;
    }
}

/// A reader goes anywhere, also to where nobody knows its connection.
#[tokio::test]
async fn r26_a_reader_is_read_in_another_task() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let mut items = ends.client.remote().count(0, 500).await.expect("it opens");
        assert_eq!(items.next().await, Some(Ok(0)));
        let rest = tokio::spawn(read(items)).await.expect("no panic");
        assert_eq!(rest, ((1..500).collect(), None));
        at_rest(&ends, &source).await;
    }
}
