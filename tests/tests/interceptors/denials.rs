//! Messages that an interceptor lets go no further, and interceptors that fail.

use futures::{StreamExt, stream};
use tokio::sync::mpsc::unbounded_channel;
use ws_core::{CallError, Denial, FailureKind, Fate, Interception, SendError};
use ws_tests::fixture::{until_true, ways};

use super::contract::{Log, Nothing, POINTS, Point, Refused, ShopMethod, Way, at, at_rest, open, open_told};
use super::contract::{Serving, ShopRemote, Told};
use ws_tests::fixture::Ends;

const SECRET: &str = "a secret reason";

fn private(message: &mut Interception<'_>) -> Result<(), Denial> {
    if message.is(ShopMethod::Discount) { Ok(()) } else { Err(Denial::new(SECRET)) }
}

fn declared(message: &mut Interception<'_>) -> Result<(), Denial> {
    if !message.is(ShopMethod::Buy) {
        return Ok(());
    }
    let denial = message.deny_with(&Refused::ByHouseRule("not today".into()));
    Err(denial.unwrap_or_else(|error| Denial::new(error.to_string())))
}

fn panics(message: &mut Interception<'_>) -> Result<(), Denial> {
    assert!(message.is(ShopMethod::Discount), "{SECRET}");
    Ok(())
}

/// A shop where `act` is asked at this point, on the side that it belongs to.
async fn with(
    way: Way,
    log: &Log,
    point: Point,
    act: fn(&mut Interception<'_>) -> Result<(), Denial>,
    tell: tokio::sync::mpsc::UnboundedSender<Told>,
) -> Ends<Serving, (), ShopRemote> {
    match point {
        Point::Send | Point::Complete => open_told(way, log, Nothing, at(point, act), Some(tell)).await,
        Point::Receive | Point::Returns => open_told(way, log, at(point, act), Nothing, Some(tell)).await,
    }
}

#[tokio::test]
async fn r24_a_denial_is_private_at_every_point() {
    for way in ways() {
        for point in POINTS {
            let (tell, mut told) = unbounded_channel();
            let log = Log::default();
            let ends = with(way, &log, point, private, tell).await;
            let denied = ends.client.remote().price("tea".into(), 1).await.expect_err("denied");
            assert_eq!(denied, CallError::Denied, "{point:?}");
            assert!(!format!("{denied:?} {denied}").contains("secret"));
            let ran = matches!(point, Point::Returns | Point::Complete);
            assert_eq!(log.take().len(), usize::from(ran), "{point:?}: whether the handler ran");
            if matches!(point, Point::Receive | Point::Returns) {
                let expected = (Some("Shop.price".into()), FailureKind::Denied, Some(SECRET.into()));
                assert_eq!(told.recv().await, Some(expected), "told on the side that denied");
            } else {
                assert!(told.try_recv().is_err(), "the other side is told nothing");
            }
            let nested = ends.client.remote().cellar().bottles(1900).await;
            assert_eq!(nested, Err(CallError::Denied));
            assert_eq!(ends.client.remote().discount("tea".into(), 1).await, Ok(5), "another passes");
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_a_denial_may_be_the_error_that_the_method_declares() {
    for way in ways() {
        for point in POINTS {
            let (tell, mut told) = unbounded_channel();
            let log = Log::default();
            let ends = with(way, &log, point, declared, tell).await;
            let denied = ends.client.remote().buy("tea".into(), 1).await;
            let expected = Refused::ByHouseRule("not today".into());
            assert_eq!(denied, Err(CallError::App(expected)), "{point:?}");
            let ran = matches!(point, Point::Returns | Point::Complete);
            assert_eq!(log.take().len(), usize::from(ran));
            if matches!(point, Point::Receive | Point::Returns) {
                assert_eq!(told.recv().await, Some((Some("Shop.buy".into()), FailureKind::Denied, None)));
            }
            assert_eq!(ends.client.remote().price("tea".into(), 1).await, Ok(10));
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_a_declared_error_where_none_is_declared_is_no_reply() {
    for way in ways() {
        for point in POINTS {
            let act = |message: &mut Interception<'_>| {
                Err(message.deny_with(&"undeclared").unwrap_or_else(|error| Denial::new(error.to_string())))
            };
            let ends = with(way, &Log::default(), point, act, unbounded_channel().0).await;
            let denied = ends.client.remote().price("tea".into(), 1).await;
            assert_eq!(denied, Err(CallError::InvalidReply), "{point:?}");
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_an_event_that_is_denied_is_dropped() {
    for way in ways() {
        for act in [private, |message: &mut Interception<'_>| {
            Err(message.deny_with(&1_u8).unwrap_or_else(|error| Denial::new(error.to_string())))
        }] as [fn(&mut Interception<'_>) -> Result<(), Denial>; 2]
        {
            let (tell, mut told) = unbounded_channel();
            let log = Log::default();
            let ends = with(way, &log, Point::Receive, act, tell).await;
            for _ in 0..600 {
                ends.client.remote().note("x".into()).await.expect("its credit comes back");
            }
            ends.client.remote().cellar().knock(1).await.expect("credit");
            for _ in 0..601 {
                let (_, kind, _) = told.recv().await.expect("it is told");
                assert_eq!(kind, FailureKind::Denied);
            }
            assert!(log.take().is_empty(), "nothing ran");
            at_rest(&ends).await;
            let ends = with(way, &log, Point::Send, act, unbounded_channel().0).await;
            assert_eq!(ends.client.remote().note("x".into()).await, Err(SendError::Denied));
            assert_eq!(ends.client.remote().note("x".into()).now(), Err(SendError::Denied));
            assert_eq!(ends.client.remote().note("x".into()).start(), Err(SendError::Denied));
            assert_eq!(ends.client.remote().note("x".into()).lossy().await, Err(SendError::Denied));
            assert_eq!(ends.client.stats().events_sent, 0, "nothing left");
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_a_stream_is_denied_at_its_opening() {
    for way in ways() {
        for point in [Point::Send, Point::Receive] {
            let log = Log::default();
            let ends = with(way, &log, point, private, unbounded_channel().0).await;
            let denied = ends.client.remote().countdown(3).await.expect_err("denied");
            assert_eq!(denied, CallError::Denied, "{point:?}");
            // What would have been uploaded is dropped, and not polled.
            let polled = Log::default();
            let seen = polled.clone();
            let items = stream::iter(0..10_u32).inspect(move |_| seen.note("polled"));
            assert_eq!(ends.client.remote().sum(items).await, Err(CallError::Denied));
            assert!(log.take().is_empty(), "no handler ran");
            if point == Point::Send {
                assert!(polled.take().is_empty());
            }
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_the_result_of_an_upload_is_denied_as_any() {
    for way in ways() {
        for point in [Point::Returns, Point::Complete] {
            let ends = with(way, &Log::default(), point, private, unbounded_channel().0).await;
            let denied = ends.client.remote().sum(stream::iter(0..10)).await;
            assert_eq!(denied, Err(CallError::Denied), "{point:?}");
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r16_a_panic_at_any_point_fails_its_message_alone() {
    for way in ways() {
        for point in POINTS {
            let (tell, mut told) = unbounded_channel();
            let log = Log::default();
            let ends = with(way, &log, point, panics, tell).await;
            let failed = ends.client.remote().price("tea".into(), 1).await.expect_err("a panic");
            assert!(!format!("{failed:?} {failed}").contains("secret"));
            match point {
                Point::Send | Point::Complete => assert_eq!(failed, CallError::Denied, "{point:?}"),
                Point::Receive | Point::Returns => {
                    assert!(matches!(failed, CallError::Internal(_)), "{point:?} {failed:?}");
                    let (method, kind, detail) = told.recv().await.expect("it is told");
                    assert_eq!((method.as_deref(), kind), (Some("Shop.price"), FailureKind::Panicked));
                    assert!(detail.is_some_and(|detail| detail.contains(SECRET)));
                }
            }
            if point == Point::Send {
                assert_eq!(ends.client.remote().note("x".into()).await, Err(SendError::Denied));
            } else {
                ends.client.remote().note("x".into()).await.expect("credit");
            }
            assert_eq!(ends.client.remote().discount("tea".into(), 1).await, Ok(5));
            at_rest(&ends).await;
        }
    }
}

#[tokio::test]
async fn r24_one_that_denies_ends_the_asking() {
    for way in ways() {
        let log = Log::default();
        let seen = log.clone();
        let server = ws_server::WebSocketServer::builder().intercept(at(Point::Receive, private)).intercept(
            at(Point::Receive, move |_| {
                seen.note("asked");
                Ok(())
            }),
        );
        let corner = super::contract::Corner::default();
        let ends = ws_tests::fixture::connect_by(
            way,
            server,
            ws_client::WebSocketConnector::<(), (), ShopRemote>::builder(()),
            move |(): ()| super::contract::ShopProvider::new(corner.clone()),
            |_: ShopRemote| (),
        )
        .await;
        let denied = ends.client.remote().price("tea".into(), 1).await.expect_err("denied");
        assert_eq!((denied.fate(), denied), (Fate::NotSent, CallError::Denied));
        assert!(log.take().is_empty(), "nobody else was asked");
    }
}

#[tokio::test]
async fn r24_nothing_private_travels() {
    // What the other side gets of a denial is its class: no point on this side leaves a trace of the reason.
    for way in ways() {
        let log = Log::default();
        let seen = log.clone();
        let sees = at(Point::Complete, move |message: &mut Interception<'_>| {
            seen.note(format!("{} {:?}", message.len(), message.outcome()));
            Ok(())
        });
        let ends = open(way, &Log::default(), at(Point::Receive, private), sees).await;
        assert_eq!(ends.client.remote().price("tea".into(), 1).await, Err(CallError::Denied));
        assert_eq!(log.take(), ["0 Some(Failed(Denied))"]);
        until_true(|| ends.serving.running() == 0).await;
    }
}
