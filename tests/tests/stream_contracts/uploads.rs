//! What becomes of an upload, and of what it is made from.

use futures::{Stream, StreamExt, stream};
use ws_core::{CallError, FailureKind, Limits};
use ws_tests::fixture::{until_true, ways};

use super::fixture::{Secret, Source, at_rest, open, read};

/// Numbers without end that tell when they are gone.
fn endless(source: &Source) -> impl Stream<Item = i64> + Send + 'static + use<> {
    let alive = source.alive("upload");
    stream::iter(0..).map(move |item| {
        let _alive = &alive;
        item
    })
}

#[tokio::test]
async fn r26_a_callee_that_stops_reading_stops_the_upload_alone() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let call = tokio::spawn(feed.first(endless(&source)));
        assert_eq!([told.next().await, told.next().await], ["first", "upload is gone"], "{way:?}");
        assert!(!call.is_finished());
        assert_eq!(feed.echo(1).await, Ok(1));
        source.gate.add_permits(1);
        assert_eq!(call.await.expect("no panic"), Ok(Some(0)));
        at_rest(&ends, &source).await;
        assert!(ends.at_client.is_empty() && ends.at_server.is_empty(), "it is no failure");
    }
}

/// A handler that does not read holds its upload back, and nothing else.
#[tokio::test]
async fn r26_a_callee_that_does_not_read_stalls_its_own_upload() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let call = tokio::spawn(feed.deaf("deaf".into(), endless(&source)));
        assert_eq!(told.next().await, "deaf");
        assert_eq!(feed.sum(0, stream::iter(0..2_000), 0).await, Ok((0..2_000).sum()));
        assert_eq!(read(feed.count(0, 2_000).await.expect("it opens")).await.0.len(), 2_000);
        let ahead = ends.client.stats().items_sent - 2_000;
        assert!(ahead <= 32, "{way:?}: {ahead} items for a handler that reads none");
        source.gate.add_permits(1);
        assert_eq!(call.await.expect("no panic"), Ok(7));
        told.until("upload is gone").await;
        at_rest(&ends, &source).await;
    }
}

/// An answer ends the upload, also where the handler still holds its reader.
#[tokio::test]
async fn r26_an_upload_ends_with_its_call() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let refused = feed.named(String::new(), endless(&source), String::new()).await;
        assert!(matches!(refused, Err(CallError::App(_))));
        assert_eq!(told.next().await, "upload is gone", "{way:?}: refused");
        let call = tokio::spawn(feed.deaf("deaf".into(), endless(&source)));
        assert_eq!(told.next().await, "deaf");
        call.abort();
        let mut gone = [told.next().await, told.next().await];
        gone.sort();
        assert_eq!(gone, ["deaf is gone", "upload is gone"], "given up");
        let reader = feed.doubled(endless(&source)).await.expect("it opens");
        drop(reader);
        let mut gone = [told.next().await, told.next().await];
        gone.sort();
        assert_eq!(gone, ["doubled is gone", "upload is gone"], "its stream is given up");
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r16_a_source_that_panics_fails_the_upload_and_not_the_call() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let upload = endless(&source).inspect(|item| assert!(*item < 3, "a secret of the caller"));
        let Err(CallError::App(end)) = feed.end_of(upload).await else {
            panic!("the handler says what ended it")
        };
        let (method, kind, number) = ends.at_client.one().await;
        assert_eq!((&*method, kind), ("Feed.end_of", FailureKind::Panicked), "{way:?}");
        assert_eq!(end, format!("3: Internal({})", number.expect("it has one")));
        told.until("upload is gone").await;
        at_rest(&ends, &source).await;
        assert_eq!(feed.echo(4).await, Ok(4), "the connection lives");
    }
}

#[tokio::test]
async fn r17_uploaded_items_that_cannot_be_sent_fail_the_upload_and_not_the_call() {
    for way in ways() {
        let (ends, source, _told) = open(way, Limits::default().max_message(4096)).await;
        let feed = ends.client.remote();
        let secrets = feed.uploaded_secrets(stream::iter([None, Some(Secret), None])).await;
        let Err(CallError::App(end)) = secrets else { panic!("{way:?}: {secrets:?}") };
        let (method, kind, number) = ends.at_client.one().await;
        assert_eq!((&*method, kind), ("Feed.uploaded_secrets", FailureKind::Unencodable));
        assert_eq!(end, format!("1: Internal({})", number.expect("it has one")));

        let blobs = feed.uploaded_blobs(stream::iter([vec![1; 10], vec![1; 5_000]])).await;
        assert_eq!(blobs, Err(CallError::App("1: TooLarge".into())), "{way:?}");
        assert_eq!(ends.at_client.one().await, ("Feed.uploaded_blobs".into(), FailureKind::TooLarge, None));
        at_rest(&ends, &source).await;
        assert_eq!(feed.echo(4).await, Ok(4), "the connection lives");
    }
}

/// Nothing of the caller's runs before its call is sent.
#[tokio::test]
async fn r26_an_upload_is_not_polled_before_its_call() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        let feed = ends.client.remote();
        let (begun, alive) = (source.clone(), source.alive("upload"));
        let upload = stream::once(async move {
            let _alive = (alive, begun.begin("polled"));
            1
        });
        let call = feed.sum(0, upload, 0);
        assert_eq!(feed.echo(1).await, Ok(1));
        assert!(told.is_silent());
        drop(call);
        assert_eq!(told.next().await, "upload is gone", "{way:?}");
        until_true(|| source.live() == 0).await;
        at_rest(&ends, &source).await;
    }
}

#[tokio::test]
async fn r15_a_call_on_a_connection_that_has_ended_drops_its_upload() {
    for way in ways() {
        let (ends, source, mut told) = open(way, Limits::default()).await;
        ends.client.close().await;
        let ended = ends.client.remote().sum(0, endless(&source), 0).await;
        assert!(matches!(ended, Err(CallError::Closed(_))), "{way:?}: {ended:?}");
        assert_eq!(told.next().await, "upload is gone");
        at_rest(&ends, &source).await;
    }
}
