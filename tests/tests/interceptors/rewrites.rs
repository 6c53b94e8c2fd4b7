//! Other arguments, and other results.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use serde::{Serialize, Serializer};
use ws_core::{CallError, Denial, EncodeError, Interception};
use ws_tests::fixture::{until_true, ways};

use super::contract::{Log, Nothing, Point, Refused, ShopMethod, at, at_rest, open};

fn put<T: Serialize>(message: &mut Interception<'_>, value: &T) -> Result<(), Denial> {
    message.replace(value).map_err(|error| Denial::new(error.to_string()))
}

#[tokio::test]
async fn r24_arguments_are_rewritten_at_send_and_at_receive() {
    for way in ways() {
        let log = Log::default();
        let more = |message: &mut Interception<'_>| {
            if !message.is(ShopMethod::Price) {
                return Ok(());
            }
            let (item, count) = message.decode::<(String, u32)>().map_err(|e| Denial::new(e.to_string()))?;
            put(message, &(format!("{item}!"), count + 1))
        };
        let ends = open(way, &log, at(Point::Receive, more), at(Point::Send, more)).await;
        assert_eq!(ends.client.remote().price("tea".into(), 1).await, Ok(30), "{way:?}");
        assert_eq!(log.take(), ["price tea!! 3"]);
        assert_eq!(ends.client.remote().discount("tea".into(), 1).await, Ok(5), "another is as it was");
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r24_results_are_rewritten_at_returns_and_at_complete() {
    for way in ways() {
        let double = |message: &mut Interception<'_>| {
            let value = message.decode::<u32>().map_err(|error| Denial::new(error.to_string()))?;
            put(message, &(value * 2))
        };
        let ends = open(way, &Log::default(), at(Point::Returns, double), at(Point::Complete, double)).await;
        assert_eq!(ends.client.remote().price("tea".into(), 1).await, Ok(40), "{way:?}");
        assert_eq!(ends.client.remote().sum(stream::iter(0..5)).await, Ok(40));
        assert_eq!(ends.client.remote().cellar().bottles(5).await, Ok(20));
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r24_a_declared_error_is_rewritten_as_one() {
    for way in ways() {
        for point in [Point::Returns, Point::Complete] {
            let other = |message: &mut Interception<'_>| match message.decode::<Refused>() {
                Ok(Refused::SoldOut { left }) => put(message, &Refused::SoldOut { left: left + 1 }),
                _ => Ok(()),
            };
            let ends = match point {
                Point::Returns => open(way, &Log::default(), at(point, other), Nothing).await,
                _ => open(way, &Log::default(), Nothing, at(point, other)).await,
            };
            let refused = ends.client.remote().buy("tea".into(), 8).await;
            assert_eq!(refused, Err(CallError::App(Refused::SoldOut { left: 8 })), "{point:?}");
        }
    }
}

#[tokio::test]
async fn r24_events_and_the_arguments_of_streams_are_rewritten() {
    for way in ways() {
        let log = Log::default();
        let other = |message: &mut Interception<'_>| {
            if message.is(ShopMethod::Note) {
                return put(message, &("another",));
            }
            put(message, &(3_u32,))
        };
        let ends = open(way, &log, at(Point::Receive, other), Nothing).await;
        ends.client.remote().note("a text".into()).await.expect("credit");
        until_true(|| log.len() == 1).await;
        assert_eq!(log.take(), ["note another"]);
        let items = ends.client.remote().countdown(1_000_000).await.expect("it opens");
        let items: Vec<_> = items.collect().await;
        assert_eq!(items, [Ok(2), Ok(1), Ok(0)], "{way:?}");
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r24_what_is_put_there_and_does_not_fit_fails_its_call_alone() {
    for way in ways() {
        for point in [Point::Send, Point::Receive, Point::Returns, Point::Complete] {
            let wrong = |message: &mut Interception<'_>| {
                if message.is(ShopMethod::Price) {
                    put(message, &"a text where there was none")
                } else {
                    Ok(())
                }
            };
            let ends = match point {
                Point::Send | Point::Complete => open(way, &Log::default(), Nothing, at(point, wrong)).await,
                _ => open(way, &Log::default(), at(point, wrong), Nothing).await,
            };
            let failed = ends.client.remote().price("tea".into(), 1).await;
            let expected = match point {
                Point::Send | Point::Receive => CallError::InvalidArguments,
                _ => CallError::InvalidReply,
            };
            assert_eq!(failed, Err(expected), "{point:?}");
            assert_eq!(ends.client.remote().discount("tea".into(), 1).await, Ok(5));
            at_rest(&ends).await;
        }
    }
}

/// Cannot be encoded.
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("never"))
    }
}

#[tokio::test]
async fn r17_what_is_too_large_or_cannot_be_encoded_leaves_the_body_as_it_was() {
    for way in ways() {
        for point in [Point::Send, Point::Receive, Point::Returns, Point::Complete] {
            let refused = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&refused);
            let tries = move |message: &mut Interception<'_>| {
                let before = message.len();
                let large = message.replace(&vec![1_u8; 80 << 20]);
                assert!(matches!(large, Err(EncodeError::TooLarge { .. })), "{large:?}");
                let stubborn = message.replace(&Stubborn);
                assert!(matches!(stubborn, Err(EncodeError::Unsupported(_))), "{stubborn:?}");
                assert!(message.deny_with(&Stubborn).is_err());
                assert_eq!(message.len(), before);
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            let ends = match point {
                Point::Send | Point::Complete => open(way, &Log::default(), Nothing, at(point, tries)).await,
                _ => open(way, &Log::default(), at(point, tries), Nothing).await,
            };
            assert_eq!(ends.client.remote().price("tea".into(), 1).await, Ok(10), "{point:?}");
            assert_eq!(refused.load(Ordering::SeqCst), 1);
        }
    }
}

#[tokio::test]
async fn r24_a_body_is_read_within_the_limits_of_decoding() {
    for way in ways() {
        let log = Log::default();
        let seen = log.clone();
        let reads = move |message: &mut Interception<'_>| {
            // A hostile body claims to be longer than it is, and deeper than it may be.
            seen.note(format!("{}", message.decode::<(Vec<Vec<u64>>, String)>().is_err()));
            seen.note(format!("{}", message.decode::<(String, u32, u32)>().is_err()));
            Ok(())
        };
        let ends = open(way, &Log::default(), at(Point::Receive, reads), Nothing).await;
        assert_eq!(ends.client.remote().price("tea".into(), 1).await, Ok(10));
        assert_eq!(log.take(), ["true", "true"]);
    }
}
