//! How streams end: each with exactly one word, and nothing is left (R13, R15, R16, R18, R26).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{FutureExt, StreamExt, stream};
use ws_core::{CallError, Fate, Limits, StreamError};
use ws_tests::fixture::{until_true, ways};

use super::contract::Broken;
use super::values::{at_rest, open};

/// Says when it is dropped.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

struct Guard(Flag);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    fn guard(&self) -> Guard {
        Guard(self.clone())
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn r26_a_declared_error_ends_a_stream() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let mut items = ends.client.remote().fail_at(100).await.expect("it opens");
        for expected in 0..100 {
            assert_eq!(items.next().await, Some(Ok(expected)));
        }
        assert_eq!(items.next().await, Some(Err(StreamError::App(Broken { at: 100 }))), "{way:?}");
        assert_eq!(items.next().await, None);
        at_rest(&ends, &counts).await;
    }
}

#[tokio::test]
async fn r26_a_reader_that_is_dropped_ends_its_producer() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let mut items = ends.client.remote().count(0, u32::MAX).await.expect("it opens");
        assert_eq!(items.next().await, Some(Ok(0)));
        drop(items);
        let silent = ends.client.remote().silent().await.expect("it opens");
        drop(silent);
        at_rest(&ends, &counts).await;
        assert_eq!(ends.client.remote().echo(4).await, Ok(4), "the connection lives");
    }
}

/// The opening was answered, but its future was not polled again.
#[tokio::test]
async fn r26_an_opening_that_is_dropped_ends_its_stream() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default()).await;
    {
        let mut opening = pin!(ends.client.remote().silent());
        assert!(opening.as_mut().now_or_never().is_none());
        until_true(|| ends.client.pending() == 0).await;
        assert_eq!(ends.client.streams(), 1, "it is open, and nobody knows");
    }
    at_rest(&ends, &counts).await;
}

#[tokio::test]
async fn r26_what_misbehaves_is_told() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default()).await;
    let remote = ends.client.remote();
    assert!(matches!(remote.misbehave(0).await, Err(CallError::Internal(_))), "R16: a panic before it opens");
    let mut items = remote.misbehave(1).await.expect("it opens");
    assert_eq!(items.next().await, Some(Ok(1)));
    assert!(matches!(items.next().await, Some(Err(StreamError::Internal(number))) if number != 0), "R16");
    assert_eq!(items.next().await, None);
    assert!(matches!(remote.misbehave(2).await, Err(CallError::NoReply)));
    assert!(matches!(remote.misbehave(3).await, Err(CallError::App(Broken { at: 3 }))));
    let mut items = remote.misbehave(4).await.expect("it opens");
    assert_eq!(items.next().await, Some(Err(StreamError::NoEnd)));
    at_rest(&ends, &counts).await;
    assert_eq!(remote.echo(4).await, Ok(4), "R16: the connection lives");
}

/// R14: the deadline holds until the stream is open.
#[tokio::test]
async fn r14_a_stream_that_does_not_open_in_time() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default()).await;
    let opening = ends.client.remote().within(20).misbehave(9).await;
    assert!(matches!(opening, Err(CallError::Timeout(Fate::Unknown))), "{opening:?}");
    at_rest(&ends, &counts).await;
    let mut items = ends.client.remote().within(20).count(0, 100_000).await.expect("it opens");
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    let mut count = 0;
    while let Some(item) = items.next().await {
        item.expect("R14: the stream has no deadline");
        count += 1;
    }
    assert_eq!(count, 100_000);
    at_rest(&ends, &counts).await;
}

#[tokio::test]
async fn r17_an_item_that_is_too_large_ends_its_stream() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default().max_message(4096)).await;
        let mut items = ends.client.remote().blobs(vec![10, 5_000, 10]).await.expect("it opens");
        assert_eq!(items.next().await.map(|item| item.map(|item| item.len())), Some(Ok(10)));
        assert_eq!(items.next().await, Some(Err(StreamError::TooLarge)), "{way:?}");
        assert_eq!(items.next().await, None);
        at_rest(&ends, &counts).await;
    }
}

#[tokio::test]
async fn r15_closing_ends_streams_on_both_sides() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let dropped = Flag::default();
        let guard = dropped.guard();
        let mut items = ends.client.remote().silent().await.expect("it opens");
        let upload = stream::pending::<i64>().map(move |item| {
            let _guard = &guard;
            item
        });
        let sum = tokio::spawn(ends.client.remote().sum(upload));
        until_true(|| counts.live() == 2).await;
        let (client, next) = (ends.client.clone(), tokio::spawn(async move { (items.next().await, items) }));
        client.close_with(4001, "enough").await;
        let (next, mut items) = next.await.expect("no panic");
        let Some(Err(StreamError::Closed(info))) = next else { panic!("{way:?}: {next:?}") };
        assert_eq!((info.code, &*info.reason), (4001, "enough"));
        assert_eq!(items.next().await, None);
        assert!(matches!(sum.await.expect("no panic"), Err(CallError::Closed(_))));
        assert!(dropped.is_set(), "the upload is dropped with its connection");
        at_rest(&ends, &counts).await;
    }
}

/// What was received before the end is given first.
#[tokio::test]
async fn r15_a_complete_stream_is_read_after_the_close() {
    let (ends, _) = open(ways().next().expect("a way"), Limits::default()).await;
    let items = ends.client.remote().count(0, 20).await.expect("it opens");
    until_true(|| ends.client.streams() == 0).await;
    ends.client.close().await;
    let items: Vec<_> = items.collect().await;
    assert_eq!(items, (0..20).map(Ok).collect::<Vec<_>>());
}

#[tokio::test]
async fn r26_an_upload_that_nobody_reads_is_dropped_while_the_call_goes_on() {
    for way in ways() {
        let (ends, counts) = open(way, Limits::default()).await;
        let dropped = Flag::default();
        let guard = dropped.guard();
        let upload = stream::iter(5..).map(move |item| {
            let _guard = &guard;
            item
        });
        assert_eq!(ends.client.remote().first(upload).await, Ok(Some(5)), "{way:?}");
        until_true(|| dropped.is_set()).await;
        at_rest(&ends, &counts).await;
    }
}

#[tokio::test]
async fn r26_a_call_that_is_dropped_ends_its_upload() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default()).await;
    let dropped = Flag::default();
    let guard = dropped.guard();
    let upload = stream::pending::<i64>().map(move |item| {
        let _guard = &guard;
        item
    });
    let call = tokio::spawn(ends.client.remote().sum(upload));
    until_true(|| counts.live() == 1).await;
    assert!(!dropped.is_set());
    call.abort();
    until_true(|| dropped.is_set()).await;
    at_rest(&ends, &counts).await;
}

/// R14: a call that takes an upload is a call.
#[tokio::test]
async fn r14_the_deadline_ends_an_upload() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default()).await;
    let sum = ends.client.remote().within(20).sum(stream::pending()).await;
    assert!(matches!(sum, Err(CallError::Timeout(Fate::Unknown))), "{sum:?}");
    at_rest(&ends, &counts).await;
}

#[tokio::test]
async fn r16_an_upload_that_panics_ends_itself_alone() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default()).await;
    let upload = stream::iter(0..10_i64).map(|item| if item < 5 { item } else { panic!("at {item}") });
    assert_eq!(ends.client.remote().sum(upload).await, Ok(-1), "the handler sees that it failed");
    assert_eq!(ends.client.remote().echo(4).await, Ok(4), "the connection lives");
    at_rest(&ends, &counts).await;
}

/// An upload whose call was never sent is not even polled.
#[tokio::test]
async fn r26_a_call_that_waits_does_not_touch_its_upload() {
    let (ends, counts) = open(ways().next().expect("a way"), Limits::default().max_streams(1)).await;
    let silent = ends.client.remote().silent().await.expect("it opens");
    let polled = Flag::default();
    let flag = polled.clone();
    let upload = stream::iter([1_i64]).inspect(move |_| drop(flag.guard()));
    let sum = ends.client.remote().within(30).sum(upload).await;
    assert!(matches!(sum, Err(CallError::Timeout(Fate::NotSent))), "{sum:?}");
    assert!(!polled.is_set());
    drop(silent);
    at_rest(&ends, &counts).await;
}
