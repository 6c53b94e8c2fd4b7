//! How streams of contracts end: each with one word, on both sides, and nothing is left (R13 to R18, R26).

use std::pin::pin;

use futures::{FutureExt, StreamExt, stream};
use ws_core::{CallError, CallOptions, FailureKind, Fate, Limits, StreamError};
use ws_tests::fixture::{until_true, ways};
use ws_tests::raw::in_time;

use super::fixture::{FeedRemote, Source, at_rest, join, open, read};

#[tokio::test]
async fn r26_a_reader_that_is_dropped_drops_its_producer() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let silent = feed.silent("silent".into()).await.expect("it opens");
        assert_eq!(told.next().await, "silent");
        drop(silent);
        assert_eq!(told.next().await, "silent is gone", "{way:?}");
        // Also where it is busy, and in a task of its own.
        for items in [feed.count(0, u32::MAX).await, feed.spawned(u32::MAX).await] {
            let mut items = items.expect("it opens");
            assert_eq!(items.next().await, Some(Ok(0)));
            drop(items);
            assert_eq!(told.next().await, "numbers is gone");
        }
        at_rest(&ends, &source).await;
        assert!(ends.at_server.is_empty() && ends.at_client.is_empty(), "giving up is no failure");
        assert_eq!(feed.echo(4).await, Ok(4), "the connection lives");
    }
}

/// Before it is open, and when it is open but nobody has been told.
#[tokio::test]
async fn r26_an_opening_that_is_dropped_drops_its_producer() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        {
            let mut opening = pin!(feed.gated("gated".into()));
            assert!(opening.as_mut().now_or_never().is_none());
            assert_eq!(told.next().await, "gated");
        }
        assert_eq!(told.next().await, "gated is gone", "{way:?}");
        {
            let mut opening = pin!(feed.silent("silent".into()));
            assert!(opening.as_mut().now_or_never().is_none());
            until_true(|| ends.client.pending() == 0).await;
            assert_eq!(told.next().await, "silent");
        }
        assert_eq!(told.next().await, "silent is gone");
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r16_a_producer_that_panics_is_told_on_both_sides() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let Err(CallError::Internal(number)) = feed.falls().await else {
            panic!("it falls before it is open")
        };
        assert_eq!(ends.at_server.one().await, ("Feed.falls".into(), FailureKind::Panicked, Some(number)));
        for (opening, method) in
            [(feed.falls_later(), "Feed.falls_later"), (feed.falls_elsewhere(), "Feed.falls_elsewhere")]
        {
            let (items, end) = read(opening.await.expect("it opens")).await;
            let Some(StreamError::Internal(number)) = end else { panic!("{way:?}: {end:?}") };
            assert_eq!(items, [0, 1], "what was sent before is read first");
            assert_eq!(ends.at_server.one().await, (method.into(), FailureKind::Panicked, Some(number)));
        }
        at_rest(&ends, &source).await;
        assert!(ends.at_client.is_empty());
        assert_eq!(feed.echo(4).await, Ok(4), "the connection lives");
    }
}

#[tokio::test]
async fn r17_items_that_are_too_large_or_cannot_be_encoded_end_their_stream() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default().max_message(4096)).await;
        let feed = ends.client.remote();
        let (blobs, end) = read(feed.blobs(vec![10, 5_000, 10]).await.expect("it opens")).await;
        assert_eq!((blobs.len(), end), (1, Some(StreamError::TooLarge)), "{way:?}");
        assert_eq!(ends.at_server.one().await, ("Feed.blobs".into(), FailureKind::TooLarge, None));
        let (secrets, end) = read(feed.secrets().await.expect("it opens")).await;
        let Some(StreamError::Internal(number)) = end else { panic!("{way:?}: {end:?}") };
        assert_eq!(secrets, [None]);
        assert_eq!(
            ends.at_server.one().await,
            ("Feed.secrets".into(), FailureKind::Unencodable, Some(number))
        );
        at_rest(&ends, &source).await;
        assert_eq!(feed.echo(4).await, Ok(4), "the connection lives");
    }
}

#[tokio::test]
async fn r26_a_declared_error_of_a_stream_is_told_as_one_of_a_call() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        assert!(feed.both(11).await.is_err());
        assert_eq!(ends.at_server.one().await, ("Feed.both".into(), FailureKind::Declared, None));
        let (_, end) = read(feed.both(5).await.expect("it opens")).await;
        assert!(end.is_some());
        assert_eq!(ends.at_server.one().await, ("Feed.both".into(), FailureKind::Declared, None));
        at_rest(&ends, &source).await;
    }
}

/// The same signatures as written, and other bytes: what the other side thinks that it calls.
mod forged {
    use futures::Stream;
    use serde::{Deserialize, Serialize};
    use ws_core::Streaming;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub struct Item(pub String);

    #[ws_core::ws_service]
    pub trait Odd {
        fn items(&self) -> impl Stream<Item = Item>;
        fn fails(&self) -> impl Stream<Item = Result<u8, Item>>;
        async fn takes(&self, items: Streaming<Item>) -> Result<u8, String>;
    }
}

mod honest {
    use futures::{Stream, StreamExt, stream};
    use serde::{Deserialize, Serialize};
    use ws_core::Streaming;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub struct Item(pub bool);

    #[ws_core::ws_service]
    pub trait Odd {
        fn items(&self) -> impl Stream<Item = Item>;
        fn fails(&self) -> impl Stream<Item = Result<u8, Item>>;
        async fn takes(&self, items: Streaming<Item>) -> Result<u8, String>;
    }

    pub struct Service(pub super::Source);

    impl Odd for Service {
        fn items(&self) -> impl Stream<Item = Item> {
            let alive = self.0.begin("items");
            stream::iter([true, true]).chain(stream::pending()).map(move |item| {
                let _alive = &alive;
                Item(item)
            })
        }
        fn fails(&self) -> impl Stream<Item = Result<u8, Item>> {
            stream::iter([Ok(1), Err(Item(true))])
        }
        async fn takes(&self, mut items: Streaming<Item>) -> Result<u8, String> {
            let _alive = self.0.begin("takes");
            let first = items.next().await;
            assert!(items.next().await.is_none(), "it was cancelled");
            Err(format!("{first:?}"))
        }
    }
}

#[tokio::test]
async fn r26_items_that_do_not_decode_cancel_their_stream() {
    for way in ways() {
        let (source, mut told) = Source::new();
        let served = source.clone();
        let serves = move || honest::OddProvider::new(honest::Service(served.clone()));
        let ends = join::<_, (), _, forged::OddRemote>(way, Limits::default(), serves, ()).await;
        let odd = ends.client.remote();
        let (items, end) = read(odd.items().await.expect("it opens")).await;
        assert_eq!((items, end), (vec![], Some(StreamError::InvalidItem)), "{way:?}");
        assert_eq!([told.next().await, told.next().await], ["items", "items is gone"]);
        let (items, end) = read(odd.fails().await.expect("it opens")).await;
        assert_eq!((items, end), (vec![1], Some(StreamError::InvalidItem)));
        let alive = source.alive("upload");
        let upload = stream::iter(["text".to_owned()]).chain(stream::pending()).map(move |text| {
            let _alive = &alive;
            forged::Item(text)
        });
        let taken = odd.takes(upload).await;
        assert_eq!(taken, Err(CallError::App("Some(Err(InvalidItem))".into())), "the call goes on");
        told.until("upload is gone").await;
        ends.at_rest().await;
        until_true(|| source.live() == 0).await;
    }
}

/// R14: up to the opening.
#[tokio::test]
async fn r14_the_deadline_ends_where_the_stream_opens() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let late = feed.hurried("late".into()).await;
        assert!(matches!(late, Err(CallError::Timeout(Fate::Unknown))), "{way:?}: {late:?}");
        assert_eq!([told.next().await, told.next().await], ["late", "late is gone"]);
        source.gate.add_permits(1);
        let opening = feed.with(CallOptions::new().deadline(std::time::Duration::from_millis(200)));
        let mut items = opening.gated("in time".into()).await.expect("it opens");
        assert_eq!(told.next().await, "in time");
        // The stream has none: it is there when the deadline has passed.
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        source.gate.add_permits(1);
        assert_eq!(items.next().await, Some(Ok(0)));
        drop(items);
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r15_a_close_ends_everything_that_streams_on_both_sides() {
    for way in ways() {
        for by_server in [false, true] {
            let (ends, source, mut told) = open(way, Limits::default()).await;
            let feed = ends.client.remote();
            let opening = tokio::spawn(feed.gated("opening".into()));
            assert_eq!(told.next().await, "opening");
            let silent = feed.silent("silent".into()).await.expect("it opens");
            let stalled = feed.count(0, u32::MAX).await.expect("it opens");
            let uploading = |name: &str| {
                let alive = source.alive(name);
                stream::iter(0..).map(move |item| {
                    let _alive = &alive;
                    item
                })
            };
            let deaf = tokio::spawn(feed.deaf("deaf".into(), uploading("upload")));
            let doubled = feed.doubled(uploading("upload")).await.expect("it opens");
            // The gated, the silent, the numbers, the deaf, the doubled and both uploads.
            told.until("deaf").await;
            until_true(|| source.live() == 7).await;
            let closer = if by_server { ends.serving.clone() } else { ends.client.clone() };
            let expected = (4001, "enough");
            if by_server {
                ends.serving.close_with(4001, "enough").await;
            } else {
                ends.client.close_with(4001, "enough").await;
            }
            drop(closer);
            let Err(CallError::Closed(info)) = opening.await.expect("no panic") else { panic!("{way:?}") };
            assert_eq!((info.code, &*info.reason), expected);
            let Err(CallError::Closed(_)) = deaf.await.expect("no panic") else { panic!("{way:?}") };
            for (end, what) in [(read(silent).await.1, "silent"), (read(stalled).await.1, "stalled")] {
                let Some(StreamError::Closed(info)) = end else { panic!("{way:?}: {what}: {end:?}") };
                assert_eq!((info.code, &*info.reason), expected);
            }
            assert!(matches!(read(doubled).await.1, Some(StreamError::Closed(_))));
            in_time("the ends of all", until_true(|| source.live() == 0)).await;
            at_rest(&ends, &source).await;
        }
    }
}

/// A reader is weak: it does not keep its connection, and it may be read when that is gone.
#[tokio::test]
async fn r15_a_reader_outlives_its_connection() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote().clone();
        let complete = feed.count(0, 20).await.expect("it opens");
        until_true(|| ends.client.streams() == 0).await;
        let silent = feed.silent("silent".into()).await.expect("it opens");
        let serving = ends.serving.clone();
        drop(ends);
        told.until("silent is gone").await;
        assert!(
            matches!(read(silent).await.1, Some(StreamError::Closed(info)) if info.code == 1000 || info.code == 1001)
        );
        assert_eq!(read(complete).await, ((0..20).collect(), None), "what was received is read");
        assert_eq!(serving.streams(), 0);
        until_true(|| source.live() == 0).await;
        assert!(matches!(feed.silent("late".into()).await, Err(CallError::Closed(_))));
    }
}

#[tokio::test]
async fn r3_a_server_that_closes_ends_its_streams() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let silent = ends.client.remote().silent("silent".into()).await.expect("it opens");
        assert_eq!(told.next().await, "silent");
        ends.server.close().await;
        assert_eq!(told.next().await, "silent is gone");
        assert!(matches!(read(silent).await.1, Some(StreamError::Closed(info)) if info.code == 1001));
        at_rest(&ends, &source).await;
    }
}

#[allow(dead_code)]
fn openings_go_anywhere(feed: &FeedRemote) -> impl Send + 'static + use<> {
    (feed.count(0, 1), feed.sum(0, stream::iter([1]), 0), feed.doubled(stream::iter([1])))
}
