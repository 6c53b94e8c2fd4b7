//! What interceptors see, where, when, and in which order.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use tokio::sync::mpsc::unbounded_channel;
use ws_client::WebSocketConnector;
use ws_core::{
    CallError, CallOptions, Denial, Fate, Interception, Interceptor, Metadata, Never, Outcome, Peer,
};
use ws_server::WebSocketServer;
use ws_tests::fixture::{connect_by, until_true, ways};

use super::contract::{
    By, Corner, Log, Nothing, POINTS, Point, Refused, ShopEvent, ShopMethod, ShopProvider, ShopRemote, at,
    at_rest, open,
};

/// Notes each point under a name.
fn noting(log: &Log, name: &'static str) -> impl Interceptor {
    let log = log.clone();
    By(move |point: Point, message: &mut Interception<'_>| {
        let outcome = match message.outcome() {
            None => "",
            Some(Outcome::Value) => " value",
            Some(Outcome::Declared) => " declared",
            Some(Outcome::Failed(_)) => " failed",
            Some(_) => " else",
        };
        log.note(format!("{name} {point:?} {}{outcome}", message.method()));
        Ok(())
    })
}

#[tokio::test]
async fn r24_a_call_passes_four_points_in_order() {
    for way in ways() {
        let log = Log::default();
        let ends = open(way, &log, noting(&log, "server"), noting(&log, "client")).await;
        assert_eq!(ends.client.remote().price("tea".into(), 2).await, Ok(20));
        let expected = [
            "client Send Shop.price",
            "server Receive Shop.price",
            "price tea 2",
            "server Returns Shop.price value",
            "client Complete Shop.price value",
        ];
        assert_eq!(log.take(), expected, "{way:?}");
        let refused = ends.client.remote().buy("tea".into(), 8).await;
        assert_eq!(refused, Err(CallError::App(Refused::SoldOut { left: 7 })));
        let expected = [
            "client Send Shop.buy",
            "server Receive Shop.buy",
            "buy tea 8",
            "server Returns Shop.buy declared",
            "client Complete Shop.buy declared",
        ];
        assert_eq!(log.take(), expected);
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r24_events_pass_two_points_and_nested_methods_go_by_their_path() {
    for way in ways() {
        let log = Log::default();
        let ends = open(way, &log, noting(&log, "server"), noting(&log, "client")).await;
        ends.client.remote().note("hello".into()).await.expect("credit");
        until_true(|| log.len() == 3).await;
        assert_eq!(log.take(), ["client Send Shop.note", "server Receive Shop.note", "note hello"]);
        ends.client.peer().send(ShopEvent::Whisper { text: "as data".into() }).await.expect("credit");
        until_true(|| log.len() == 3).await;
        assert_eq!(log.take()[..2], ["client Send Shop.whisper", "server Receive Shop.whisper"]);
        ends.client.remote().cellar().knock(2).await.expect("credit");
        until_true(|| log.len() == 3).await;
        log.take();
        assert_eq!(ends.client.remote().cellar().bottles(1900).await, Ok(1900));
        let seen = log.take();
        assert_eq!(seen[0], "client Send Cellar.bottles", "{seen:?}");
        assert_eq!(seen[1], "server Receive Shop.cellar.bottles");
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r24_several_are_asked_in_order_and_backwards_on_the_way_back() {
    for way in ways() {
        let log = Log::default();
        let server = WebSocketServer::builder()
            .intercept(noting(&log, "s1"))
            .intercept(noting(&log, "s2"))
            .intercept(noting(&log, "s3"));
        let connector = WebSocketConnector::<(), (), ShopRemote>::builder(())
            .intercept(noting(&log, "c1"))
            .intercept(noting(&log, "c2"));
        let corner = Corner::default();
        let serves = move |(): ()| ShopProvider::new(corner.clone());
        let ends = connect_by(way, server, connector, serves, |_: ShopRemote| ()).await;
        assert_eq!(ends.client.remote().price("tea".into(), 2).await, Ok(20));
        let seen: Vec<String> = log.take().iter().map(|line| line[..7].trim().to_owned()).collect();
        let expected = [
            "c1 Send", "c2 Send", "s1 Rece", "s2 Rece", "s3 Rece", "s3 Retu", "s2 Retu", "s1 Retu",
            "c2 Comp", "c1 Comp",
        ];
        assert_eq!(seen, expected, "{way:?}");
    }
}

#[tokio::test]
async fn r24_a_later_one_sees_what_an_earlier_one_made_of_a_message() {
    for way in ways() {
        let log = Log::default();
        let seen = log.clone();
        let server = WebSocketServer::builder()
            .intercept(at(Point::Receive, |message| {
                message.replace(&("coffee", 3_u32)).map_err(|error| Denial::new(error.to_string()))
            }))
            .intercept(at(Point::Receive, move |message| {
                seen.note(format!("{:?} {}", message.decode::<(String, u32)>().ok(), message.len()));
                message.reroute(ShopMethod::Discount);
                Ok(())
            }))
            .intercept(at(Point::Receive, |message| {
                if message.is(ShopMethod::Discount) { Ok(()) } else { Err(Denial::new("not rerouted")) }
            }));
        let corner = Corner::default();
        let serves = move |(): ()| ShopProvider::new(corner.clone());
        let connector = WebSocketConnector::<(), (), ShopRemote>::builder(());
        let ends = connect_by(way, server, connector, serves, |_: ShopRemote| ()).await;
        assert_eq!(ends.client.remote().price("tea".into(), 2).await, Ok(15));
        let seen = log.take();
        assert!(seen[0].starts_with("Some((\"coffee\", 3))"), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r24_timestamps_tell_how_long_the_way_was() {
    let way = (ws_tests::fixture::Carrier::Memory, ws_core::Encoding::available()[0]);
    let (tell, mut told) = unbounded_channel();
    let taking = |tell: tokio::sync::mpsc::UnboundedSender<(Point, Instant, Instant, Duration)>| {
        By(move |point: Point, message: &mut Interception<'_>| {
            let _ = tell.send((point, message.began(), message.at(), message.elapsed()));
            Ok(())
        })
    };
    struct Slow;
    #[ws_core::ws_service]
    trait Waiting {
        async fn wait(&self) -> u8;
    }
    impl Waiting for Slow {
        async fn wait(&self) -> u8 {
            tokio::time::sleep(Duration::from_secs(3)).await;
            1
        }
    }
    let server = WebSocketServer::builder().intercept(taking(tell.clone()));
    let connector = WebSocketConnector::<(), (), WaitingRemote>::builder(()).intercept(taking(tell));
    let ends =
        connect_by(way, server, connector, |(): ()| WaitingProvider::new(Slow), |_: WaitingRemote| ()).await;
    assert_eq!(ends.client.remote().wait().await, Ok(1));
    for (expected, took) in POINTS.into_iter().zip([0, 0, 3, 3]) {
        let (point, began, at, elapsed) = told.recv().await.expect("it passed");
        assert_eq!((point, elapsed.as_secs()), (expected, took));
        assert_eq!(at - began, elapsed);
    }
}

#[tokio::test]
async fn r24_an_interception_tells_which_message_it_is() {
    for way in ways() {
        let log = Log::default();
        let seen = log.clone();
        let telling = By(move |point: Point, message: &mut Interception<'_>| {
            seen.note(format!(
                "{point:?} {} {} {} {:?} {:?} {}",
                message.is(ShopMethod::Price),
                message.is("Shop.price"),
                message.is_call(),
                message.event_id().is_some(),
                message.metadata("token"),
                message.is_empty(),
            ));
            assert!(!format!("{message:?}").contains("secret"), "values are not for logs");
            Ok(())
        });
        let server_log = Log::default();
        let server_seen = server_log.clone();
        let on_server = By(move |point: Point, message: &mut Interception<'_>| {
            let peer: &Peer = message.peer();
            server_seen.note(format!(
                "{point:?} {} {:?} {:?} {}",
                message.is_call(),
                message.event_id().is_some_and(|id| id % 2 == 1),
                message.metadata("token"),
                peer.is_open(),
            ));
            Ok(())
        });
        let ends = open(way, &Log::default(), on_server, telling).await;
        let mut metadata = Metadata::new();
        metadata.insert("token", "secret").expect("room");
        let remote = ends.client.remote().with(CallOptions::new().metadata(metadata));
        assert_eq!(remote.price("tea".into(), 2).await, Ok(20));
        let expected = [
            "Send true true true false Some(\"secret\") false",
            "Complete true true true false Some(\"secret\") false",
        ];
        assert_eq!(log.take(), expected);
        let expected = ["Receive true true Some(\"secret\") true", "Returns true true Some(\"secret\") true"];
        assert_eq!(server_log.take(), expected, "{way:?}");
        remote.note("x".into()).await.expect("credit");
        until_true(|| server_log.len() == 1).await;
        assert_eq!(server_log.take(), ["Receive false true Some(\"secret\") true"]);
        assert!(!log.take()[0].contains("true true"), "an event is not the call");
    }
}

#[tokio::test]
async fn r24_failures_are_seen_at_complete_alone() {
    for way in ways() {
        let log = Log::default();
        let seen = log.clone();
        let on_client = at(Point::Complete, move |message| {
            if let Some(Outcome::Failed(error)) = message.outcome() {
                seen.note(format!("{error:?} {}", message.is_empty()));
            }
            Ok(())
        });
        let returned = log.clone();
        let on_server = at(Point::Returns, move |message| {
            returned.note(format!("returns {}", message.method()));
            Ok(())
        });
        let ends = open(way, &Log::default(), on_server, on_client).await;
        let unknown = ends.client.peer().route("nobody").call::<(), Never>(&()).await;
        assert_eq!(unknown, Err(CallError::UnknownMethod));
        assert_eq!(log.take(), ["UnknownMethod true"]);
        let large = ends.client.remote().long(3 << 20).await;
        assert_eq!(large, Err(CallError::TooLarge(Fate::Unknown)));
        assert_eq!(log.take(), ["TooLarge(Unknown) true"]);
        at_rest(&ends).await;
        ends.client.close().await;
        assert!(matches!(ends.client.remote().long(1).await, Err(CallError::Closed(_))));
        assert!(log.take()[0].starts_with("Closed"));
    }
}

#[tokio::test]
async fn r24_of_a_stream_its_call_is_seen_and_its_items_are_not() {
    for way in ways() {
        let log = Log::default();
        let ends = open(way, &log, noting(&log, "server"), noting(&log, "client")).await;
        let items = ends.client.remote().countdown(300).await.expect("it opens");
        let items: Vec<u32> = items.map(|item| item.expect("no failure")).collect().await;
        assert_eq!(items.len(), 300);
        at_rest(&ends).await;
        let seen = log.take();
        assert_eq!(seen[0], "client Send Shop.countdown");
        assert_eq!(seen[1], "server Receive Shop.countdown");
        assert!(seen.len() <= 5, "no point for an item: {seen:?}");
        assert_eq!(ends.client.remote().sum(stream::iter(0..300)).await, Ok(44_850));
        let seen = log.take();
        let expected = [
            "client Send Shop.sum",
            "server Receive Shop.sum",
            "sum",
            "server Returns Shop.sum value",
            "client Complete Shop.sum value",
        ];
        assert_eq!(seen, expected);
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r24_what_the_server_calls_passes_the_same_points_the_other_way() {
    for way in ways() {
        let log = Log::default();
        let server = WebSocketServer::<(), (), ShopRemote>::builder().intercept(noting(&log, "server"));
        let connector = WebSocketConnector::builder(()).intercept(noting(&log, "client"));
        let corner = Corner::default();
        let ends =
            connect_by(way, server, connector, |_: ShopRemote| (), move |(): ()| ShopProvider::new(corner))
                .await;
        assert_eq!(ends.serving.remote().price("tea".into(), 2).await, Ok(20));
        let expected = [
            "server Send Shop.price",
            "client Receive Shop.price",
            "client Returns Shop.price value",
            "server Complete Shop.price value",
        ];
        assert_eq!(log.take(), expected);
    }
}

#[tokio::test]
async fn r24_a_call_that_is_dropped_completes_for_nobody() {
    for way in ways() {
        let log = Log::default();
        let ends = open(way, &Log::default(), Nothing, noting(&log, "client")).await;
        let mut call = Box::pin(ends.client.remote().price("tea".into(), 2));
        assert!(futures::poll!(&mut call).is_pending());
        drop(call);
        drop(ends.client.remote().price("never polled".into(), 2));
        at_rest(&ends).await;
        assert_eq!(log.take(), ["client Send Shop.price"]);
    }
}

#[tokio::test]
async fn r24_interceptors_are_asked_on_their_own_side_and_connection_alone() {
    for way in ways() {
        let log = Log::default();
        let asked = open(way, &Log::default(), noting(&log, "server"), Nothing).await;
        let server = WebSocketServer::builder();
        let connector = WebSocketConnector::<(), (), ShopRemote>::builder(());
        let serves = |(): ()| ShopProvider::new(Corner::default());
        let unasked = connect_by(way, server, connector, serves, |_: ShopRemote| ()).await;
        assert_eq!(unasked.client.remote().price("tea".into(), 2).await, Ok(20));
        unasked.client.remote().note("x".into()).await.expect("credit");
        assert!(log.take().is_empty());
        assert_eq!(asked.client.remote().price("tea".into(), 2).await, Ok(20));
        assert_eq!(log.take(), ["server Receive Shop.price", "server Returns Shop.price value"]);
    }
}
