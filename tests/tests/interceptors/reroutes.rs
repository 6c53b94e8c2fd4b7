//! Messages that go elsewhere.

use futures::StreamExt;
use tokio::sync::mpsc::unbounded_channel;
use ws_core::{CallError, Interception, Never};
use ws_tests::fixture::{until_true, ways};

use super::contract::{Log, Nothing, Point, ShopMethod, Way, at, at_rest, open, open_told};
use super::contract::{Serving, ShopRemote};
use ws_tests::fixture::Ends;

/// A shop where what is for `from` goes to `to`.
async fn from_to(
    way: Way,
    log: &Log,
    point: Point,
    from: &'static str,
    to: &'static str,
) -> Ends<Serving, (), ShopRemote> {
    let act = move |message: &mut Interception<'_>| {
        if message.is(from) {
            message.reroute(to);
        }
        Ok(())
    };
    match point {
        Point::Send | Point::Complete => open(way, log, Nothing, at(point, act)).await,
        _ => open(way, log, at(point, act), Nothing).await,
    }
}

const BEFORE: [Point; 2] = [Point::Send, Point::Receive];

#[tokio::test]
async fn r24_a_call_is_rerouted_to_another_method() {
    for way in ways() {
        for point in BEFORE {
            let log = Log::default();
            let ends = from_to(way, &log, point, "Shop.price", "Shop.discount").await;
            assert_eq!(ends.client.remote().price("tea".into(), 2).await, Ok(10), "{point:?}");
            assert_eq!(log.take(), ["discount tea 2"]);
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_a_call_is_rerouted_to_a_route_and_from_one() {
    for way in ways() {
        for point in BEFORE {
            let log = Log::default();
            let ends = from_to(way, &log, point, "Shop.price", "shop/sum").await;
            assert_eq!(ends.client.remote().price("tea".into(), 2).await, Ok(3), "{point:?}");
            assert_eq!(log.take(), ["shop/sum tea 2"]);
            at_rest(&ends).await;

            let ends = from_to(way, &log, point, "shop/old", "Shop.discount").await;
            let old = ends.client.peer().route("shop/old");
            assert_eq!(old.call::<u32, Never>(&("tea", 2_u32)).await, Ok(10), "{point:?}");
            let ends = from_to(way, &log, point, "math/add", "shop/sum").await;
            let add = ends.client.peer().route("math/add");
            assert_eq!(add.call::<u32, Never>(&("tea", 2_u32)).await, Ok(3), "{point:?}");
            add.send(&("milk", 3_u32)).await.expect("credit");
            until_true(|| log.len() == 3).await;
            assert_eq!(log.take()[1..], ["shop/sum tea 2", "shop/sum milk 3"]);
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r17_a_reroute_to_nowhere_is_an_unknown_method() {
    for way in ways() {
        for point in BEFORE {
            let log = Log::default();
            let ends = from_to(way, &log, point, "Shop.price", "shop/nowhere").await;
            assert_eq!(ends.client.remote().price("tea".into(), 2).await, Err(CallError::UnknownMethod));
            assert!(log.take().is_empty());
            let ends = from_to(way, &log, point, "Shop.note", "shop/nowhere").await;
            ends.client.remote().note("x".into()).await.expect("it is sent");
            until_true(|| ends.serving.stats().events_refused == 1).await;
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_events_and_nested_methods_are_rerouted() {
    for way in ways() {
        for point in BEFORE {
            let log = Log::default();
            let ends = from_to(way, &log, point, "Shop.note", "Shop.whisper").await;
            ends.client.remote().note("x".into()).await.expect("credit");
            until_true(|| log.len() == 1).await;
            assert_eq!(log.take(), ["whisper x"]);
            let ends = from_to(way, &log, point, "Shop.long", "Shop.cellar.bottles").await;
            // A number where a text was: what it was rerouted to answers with what it has.
            assert_eq!(ends.client.remote().long(1900).await.err(), Some(CallError::InvalidReply));
            assert_eq!(log.take(), ["bottles 1900"]);
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_on_the_way_back_there_is_nowhere_to_go() {
    for way in ways() {
        for point in [Point::Returns, Point::Complete] {
            let log = Log::default();
            let ends = from_to(way, &log, point, "Shop.price", "Shop.discount").await;
            assert_eq!(ends.client.remote().price("tea".into(), 2).await, Ok(20), "{point:?}");
            assert_eq!(log.take(), ["price tea 2"]);
        }
    }
}

#[tokio::test]
async fn r24_a_call_to_an_event_is_answered_and_an_event_to_a_call_is_not() {
    for way in ways() {
        for point in BEFORE {
            let log = Log::default();
            let ends = from_to(way, &log, point, "Shop.long", "Shop.cellar.knock").await;
            let to_event = ends.client.remote().long(2).await.expect_err("an event answers nothing");
            let expected = if point == Point::Send { CallError::SchemaMismatch } else { CallError::NoReply };
            assert_eq!(to_event, expected);
            at_rest(&ends).await;
            let ends = from_to(way, &log, point, "Shop.cellar.knock", "Shop.long").await;
            ends.client.remote().cellar().knock(3).await.expect("credit");
            until_true(|| ends.serving.stats().events_received == 1).await;
            at_rest(&ends).await;
            assert_eq!(ends.client.stats().stray_replies, 0);
        }
    }
}

#[tokio::test]
async fn r26_a_stream_that_becomes_another_at_its_receiver_is_one() {
    for way in ways() {
        let log = Log::default();
        // From a value to a stream, and from a stream to a value: nobody is left waiting, and the connection lives.
        let ends = from_to(way, &log, Point::Receive, "Shop.long", "Shop.countdown").await;
        assert_eq!(ends.client.remote().long(3).await.err(), Some(CallError::NoReply));
        at_rest(&ends).await;
        let ends = from_to(way, &log, Point::Receive, "Shop.countdown", "Shop.cellar.bottles").await;
        assert_eq!(ends.client.remote().countdown(3).await.err(), Some(CallError::NoReply));
        at_rest(&ends).await;
        let ends = from_to(way, &log, Point::Receive, "Shop.sum", "Shop.countdown").await;
        assert!(ends.client.remote().sum(futures::stream::iter(0..3)).await.is_err());
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r24_a_method_that_the_other_side_lacks_is_rerouted_where_it_arrives() {
    // What a side does not serve comes to its interceptors where it has routes.
    for way in ways() {
        let (tell, mut told) = unbounded_channel();
        let log = Log::default();
        let reroutes = at(Point::Receive, |message: &mut Interception<'_>| {
            if message.is("Shop.old_price") {
                message.reroute(ShopMethod::Price);
            }
            Ok(())
        });
        let ends = open_told(way, &log, reroutes, Nothing, Some(tell)).await;
        let old = ends.client.peer().route("Shop.old_price");
        assert_eq!(old.call::<u32, Never>(&("tea", 2_u32)).await, Ok(20));
        assert!(told.try_recv().is_err());
        let items = ends.client.remote().countdown(2).await.expect("it opens");
        assert_eq!(items.count().await, 2);
    }
}
