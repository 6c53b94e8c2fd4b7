//! Streams served as an actor loop: `FeedRequest` with `StreamReply` and uploads.

use futures::{StreamExt, stream};
use ws_core::service::{RequestProvider, Requests};
use ws_core::{CallError, FailureKind, Limits, StreamError};
use ws_tests::fixture::{Carrier, until_true, ways};
use ws_tests::raw::in_time;

use super::fixture::{Ends, FeedRemote, FeedRequest, Refused, Source, join, read};

type Served = Ends<RequestProvider<FeedRequest>, (), FeedRemote>;

async fn serve(way: (Carrier, ws_core::Encoding)) -> (Served, Requests<FeedRequest>) {
    let (provider, requests) = FeedRequest::channel(4);
    (join(way, Limits::default(), move || provider.clone(), ()).await, requests)
}

async fn next(requests: &mut Requests<FeedRequest>) -> FeedRequest {
    in_time("a request", requests.next()).await.expect("a provider lives")
}

macro_rules! expect {
    ($requests:ident, $pattern:pat) => {
        let $pattern = next(&mut $requests).await else { panic!("another request") };
    };
}

#[tokio::test]
async fn r26_a_request_is_answered_with_a_stream() {
    for way in ways() {
        let (ends, mut requests) = serve(way).await;
        let feed = ends.client.remote();
        let opening = tokio::spawn(feed.count(3, 1_000));
        expect!(requests, FeedRequest::Count { from, count, reply });
        assert_eq!(reply.context().method(), "Feed.count");
        reply.send(stream::iter(from..from + count));
        assert_eq!(
            read(opening.await.expect("no panic").expect("it opens")).await,
            ((3..1_003).collect(), None)
        );

        let opening = tokio::spawn(feed.failing(9));
        expect!(requests, FeedRequest::Failing { count: 9, reply });
        reply.try_send(stream::iter([Ok(1), Err(Refused { at: 1 }), Ok(2)]));
        let items = read(opening.await.expect("no panic").expect("it opens")).await;
        assert_eq!(items, (vec![1], Some(StreamError::App(Refused { at: 1 }))), "{way:?}");

        let opening = tokio::spawn(feed.both(9));
        expect!(requests, FeedRequest::Both { reply, .. });
        reply.fail(Refused { at: 5 });
        assert_eq!(opening.await.expect("no panic").err(), Some(CallError::App(Refused { at: 5 })));
        ends.at_rest().await;
    }
}

#[tokio::test]
async fn r26_a_request_that_is_refused_or_forgotten() {
    for way in ways() {
        let (ends, mut requests) = serve(way).await;
        let feed = ends.client.remote();
        let opening = tokio::spawn(feed.count(0, 1));
        expect!(requests, FeedRequest::Count { reply, .. });
        drop(reply);
        assert_eq!(opening.await.expect("no panic").err(), Some(CallError::NoReply), "{way:?}");
        assert_eq!(ends.at_server.one().await.1, FailureKind::NoReply);
        let opening = tokio::spawn(feed.count(0, 1));
        expect!(requests, FeedRequest::Count { reply, .. });
        reply.deny("a secret reason");
        assert_eq!(opening.await.expect("no panic").err(), Some(CallError::Denied));
        assert_eq!(ends.at_server.one().await.1, FailureKind::Denied);

        let opening = tokio::spawn(feed.count(0, 1));
        expect!(requests, FeedRequest::Count { reply, .. });
        opening.abort();
        until_true(|| reply.is_cancelled()).await;
        reply.send(stream::iter([1]));
        ends.at_rest().await;
    }
}

#[tokio::test]
async fn r26_a_stream_that_was_handed_over_ends_as_any_other() {
    for way in ways() {
        let (ends, mut requests) = serve(way).await;
        let (source, mut told) = Source::new();
        let feed = ends.client.remote();
        let opening = tokio::spawn(feed.silent("silent".into()));
        expect!(requests, FeedRequest::Silent { name, reply });
        let alive = source.begin(&name);
        reply.send(stream::once(async move {
            let _alive = alive;
            std::future::pending().await
        }));
        let items = opening.await.expect("no panic").expect("it opens");
        drop(items);
        assert_eq!([told.next().await, told.next().await], ["silent", "silent is gone"], "{way:?}");

        let opening = tokio::spawn(feed.falls());
        expect!(requests, FeedRequest::Falls { reply });
        reply.send(stream::iter([1, 2]).inspect(|item| assert!(*item < 2, "a secret of the producer")));
        let (items, end) = read(opening.await.expect("no panic").expect("it opens")).await;
        let Some(StreamError::Internal(number)) = end else { panic!("{end:?}") };
        assert_eq!(items, [1]);
        assert_eq!(ends.at_server.one().await, ("Feed.falls".into(), FailureKind::Panicked, Some(number)));
        ends.at_rest().await;
    }
}

#[tokio::test]
async fn r26_a_request_carries_its_upload() {
    for way in ways() {
        let (ends, mut requests) = serve(way).await;
        let (source, mut told) = Source::new();
        let feed = ends.client.remote();
        let call = tokio::spawn(feed.sum(1, stream::iter(0..500), 2));
        expect!(requests, FeedRequest::Sum { start, numbers, end, reply });
        let (numbers, failed) = read(numbers).await;
        assert_eq!(failed, None);
        reply.send(start + end + numbers.into_iter().sum::<i64>());
        assert_eq!(call.await.expect("no panic"), Ok(3 + (0..500).sum::<i64>()), "{way:?}");

        // Both at once: the actor hands the one on as the other.
        let opening = tokio::spawn(feed.doubled(stream::iter(0..500)));
        expect!(requests, FeedRequest::Doubled { numbers, reply });
        reply.send(numbers.map(|number| number.expect("no failure") * 2));
        let items = read(opening.await.expect("no panic").expect("it opens")).await;
        assert_eq!(items, ((0..500).map(|item| item * 2).collect(), None));

        // Its caller gives up: the reader learns of it, wherever it is.
        let alive = source.alive("upload");
        let upload = stream::pending::<i64>().map(move |item| {
            let _alive = &alive;
            item
        });
        let call = tokio::spawn(feed.end_of(upload));
        expect!(requests, FeedRequest::EndOf { numbers, reply });
        call.abort();
        assert_eq!(read(numbers).await, (vec![], Some(StreamError::Cancelled)));
        assert_eq!(told.next().await, "upload is gone");
        assert!(reply.is_cancelled());
        drop(reply);
        ends.at_rest().await;
    }
}

/// A reader that outlives its call, in an actor that answers first.
#[tokio::test]
async fn r26_an_upload_that_is_read_after_the_answer() {
    for way in ways() {
        let (ends, mut requests) = serve(way).await;
        let feed = ends.client.remote();
        let call = tokio::spawn(feed.sum(0, stream::iter([1]).chain(stream::pending()), 0));
        expect!(requests, FeedRequest::Sum { mut numbers, reply, .. });
        assert_eq!(numbers.next().await, Some(Ok(1)));
        reply.send(5);
        assert_eq!(call.await.expect("no panic"), Ok(5));
        assert_eq!(read(numbers).await, (vec![], Some(StreamError::Cancelled)), "{way:?}");
        ends.at_rest().await;
    }
}
