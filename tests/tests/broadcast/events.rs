//! Events to everybody: in order, with the id 0, whole, and not before they are asked for.

use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc;
use ws_core::transport::{Received, Transport};
use ws_core::{Broadcast, MessageHandle};
use ws_core::{CallError, CallOptions, Encoding, Limits, Metadata, SendError, SlowConsumer, ws_service};
use ws_tests::fixture::{Ends, connect, heard, until_true, ways};
use ws_tests::raw::frames::Hello;

use super::stage::{
    Picky, ScreenBroadcast, ScreenEvent, Seat, Stage, Told, handle, quiet, screens, settle, shown, to,
};

#[ws_service]
pub trait Board {
    #[ws(event)]
    async fn chalk(&self, text: String);
    async fn read(&self, page: u32) -> u32;
}

struct Slate(mpsc::UnboundedSender<String>);

impl Board for Slate {
    async fn chalk(&self, text: String) {
        self.0.send(text).expect("the test listens");
    }
    async fn read(&self, page: u32) -> u32 {
        self.0.send(format!("read {page}")).expect("the test listens");
        page
    }
}

#[tokio::test]
async fn r32_an_event_reaches_everybody_in_order_whatever_they_speak_and_whatever_carries_it() {
    let mut clients: Vec<(Ends<(), BoardRemote, ()>, _)> = Vec::new();
    for way in ways() {
        let (tell, told) = mpsc::unbounded_channel();
        let slate = BoardProvider::new(Slate(tell));
        clients.push((connect(way, &Limits::default(), |_| (), |()| slate).await, told));
    }
    let serving: Vec<_> = clients.iter().map(|(ends, _)| &ends.serving).collect();
    let boards = BoardBroadcast::from_handle(handle(&serving));
    // Below, at and above what is copied into a batch, and what fits into one.
    let sizes = [0, 1, 100, 16_000, 16_384, 17_000, 65_000, 70_000, 300_000, 5];
    for size in sizes {
        let report = boards.chalk("x".repeat(size)).await;
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(report.audience(), clients.len());
    }
    for (_, told) in &mut clients {
        for size in sizes {
            assert_eq!(heard(told).await.map(|text| text.len()), Some(size));
        }
    }
    // The messages as data: a call's as well, which nobody awaits.
    let handle = handle(&clients.iter().map(|(ends, _)| &ends.serving).collect::<Vec<_>>());
    assert!(handle.send(BoardEvent::Chalk { text: "data".into() }).await.is_complete());
    assert!(handle.send(BoardEvent::Read { page: 7 }).await.is_complete());
    for (ends, told) in &mut clients {
        assert_eq!(heard(told).await.as_deref(), Some("data"));
        assert_eq!(heard(told).await.as_deref(), Some("read 7"));
        until_true(|| ends.serving.pending() == 0 && ends.client.running() == 0).await;
        assert_eq!(ends.client.stats().handler_failures, 0);
    }
}

#[tokio::test]
async fn r19_a_broadcast_has_the_id_0_and_cannot_be_answered() {
    let mut stage = Stage::new(quiet());
    let mut seats = stage.seats(&quiet(), 2).await;
    let (tell, mut told) = mpsc::unbounded_channel::<MessageHandle>();
    let listeners = seats[1].client.listen::<ScreenEvent>();
    let _all = listeners.all(move |_, message| tell.send(message.clone()).expect("the test listens"));
    assert!(screens(to(&seats)).show("hello".into()).await.is_complete());
    for seat in &mut seats {
        assert_eq!(seat.next().await, shown("hello"));
    }
    let message = heard(&mut told).await.expect("it is observed");
    assert_eq!((message.event_id(), message.reply_to(), message.is_asked()), (0, None, false));
    let answer = || ScreenEvent::Show { text: "hi".into() };
    assert_eq!(message.reply(answer()).await, Err(SendError::Broadcast));
    assert_eq!(message.answer(answer()), Err(SendError::Broadcast));
    assert_eq!(message.ask(answer()).await.map(drop), Err(CallError::NoReply));
}

#[tokio::test]
async fn r32_an_event_that_is_not_awaited_is_not_sent_and_one_now_is_sent_at_once() {
    let mut stage = Stage::new(quiet());
    let mut seats = stage.seats(&quiet(), 3).await;
    for slow in [SlowConsumer::Close, SlowConsumer::DropNewest, SlowConsumer::Wait] {
        let screens = screens(to(&seats).slow(slow));
        drop(screens.show("never".into()));
        let report = screens.show("now".into()).now();
        assert_eq!((report.reached, report.audience(), report.waiting), (3, 3, 0));
        assert!(screens.show("then".into()).await.is_complete());
        for seat in &mut seats {
            assert_eq!((seat.next().await, seat.next().await), (shown("now"), shown("then")));
        }
    }
}

#[tokio::test]
async fn r32_metadata_travels_with_events_and_calls() {
    let mut stage = Stage::new(quiet());
    let mut seats = stage.seats(&quiet(), 4).await;
    let mut metadata = Metadata::new();
    metadata.insert("tag", "blue").expect("short");
    let plain = screens(to(&seats));
    let tagged = plain.with(CallOptions::new().metadata(metadata));
    for (stub, tag) in [(&tagged, Some("blue".to_owned())), (&plain, None)] {
        for size in [3, 20_000] {
            let text = "y".repeat(size);
            assert!(stub.show(text.clone()).await.is_complete());
            for seat in &mut seats {
                let told = Told::Show { id: 0, text: text.clone(), tag: tag.clone() };
                assert_eq!(seat.next().await, told);
            }
        }
        let mut answers = stub.confirm("blue".into()).await;
        while let Some((_, answer)) = futures::StreamExt::next(&mut answers).await {
            assert_eq!(answer, Ok(tag.is_some()));
        }
    }
}

#[tokio::test]
async fn r32_what_cannot_be_encoded_is_refused_and_nobody_is_closed() {
    let mut stage = Stage::new(quiet().max_message(1 << 20));
    let mut seats = stage.seats(&quiet(), 3).await;
    // One who takes less than the others.
    seats.push(stage.seat(&quiet().max_message(4096).max_header(1024), Encoding::Msgpack, 4).await);
    for slow in [SlowConsumer::Close, SlowConsumer::DropNewest, SlowConsumer::Wait] {
        let screens = screens(to(&seats).slow(slow));
        let report = screens.choose(Picky(false)).await;
        assert_eq!((report.refused, report.audience()), (4, 4));
        let report = screens.show("z".repeat(2 << 20)).await;
        assert_eq!((report.refused, report.audience()), (4, 4), "larger than anybody takes");
        let report = screens.show("z".repeat(10_000)).await;
        assert_eq!((report.refused, report.reached), (1, 3), "larger than one of them takes");
        assert!(screens.choose(Picky(true)).await.is_complete());
        for (index, seat) in seats.iter_mut().enumerate() {
            if index < 3 {
                assert_eq!(seat.next().await, shown("z".repeat(10_000)));
            }
            assert_eq!(seat.next().await, Told::Choose);
            assert!(seat.serving.peer().is_open());
        }
    }
}

#[tokio::test]
async fn r32_who_is_gone_is_counted_and_nobody_is_no_error() {
    let mut stage = Stage::new(quiet());
    let mut seats = stage.seats(&quiet(), 3).await;
    seats[1].client.close().await;
    seats[1].serving.closed().await;
    let report = screens(to(&seats)).show("who is here?".into()).await;
    assert_eq!((report.reached, report.closed, report.audience()), (2, 1, 3));
    assert_eq!(seats[2].next().await, shown("who is here?"));
    let nobody = to(&[]);
    assert_eq!(screens(nobody.clone()).show("hello?".into()).await.audience(), 0);
    assert_eq!(nobody.send(ScreenEvent::Show { text: "hello?".into() }).await.audience(), 0);
    assert_eq!(screens(nobody).think().await.remaining(), 0);
}

/// A client may not send the id 0: its connection would be closed for it.
#[tokio::test]
async fn r19_nothing_is_broadcast_to_servers() {
    let mut stage = Stage::new(quiet());
    let seats = stage.seats(&quiet(), 2).await;
    let servers = handle(&seats.iter().map(|seat| &seat.client).collect::<Vec<_>>());
    for slow in [SlowConsumer::Close, SlowConsumer::DropNewest, SlowConsumer::Wait] {
        let report = screens(servers.clone().slow(slow)).show("up".into()).await;
        assert_eq!((report.refused, report.audience()), (2, 2));
    }
    assert!(seats.iter().all(|seat| seat.client.peer().is_open()));
}

/// A broken one would queue every event before the first is written, where its caller never waits for anything else.
#[tokio::test]
async fn r32_between_two_broadcasts_the_connections_have_their_turn() {
    let mut stage = Stage::new(quiet());
    let mut hands = Vec::new();
    for _ in 0..50 {
        hands.push(stage.by_hand(Hello::default(), 4).await);
    }
    settle().await;
    let screens = screens(handle(&hands.iter().map(|(serving, _)| serving).collect::<Vec<_>>()));
    for round in 0..10 {
        assert!(screens.show(format!("{round}")).await.is_complete());
        let mut cx = Context::from_waker(Waker::noop());
        for (_, hand) in &mut hands {
            let received = hand.0.poll_receive(&mut cx);
            assert!(
                matches!(received, Poll::Ready(Received::Message(_))),
                "it is written before the next one"
            );
        }
    }
}

/// The stub is cheap to clone, and tells of itself without what it carries.
#[tokio::test]
async fn a_stub_is_a_value_like_any_other() {
    let mut stage = Stage::new(quiet());
    let seats: Vec<Seat> = stage.seats(&quiet(), 1).await;
    let stub: ScreenBroadcast = screens(to(&seats).latest_by("secret key"));
    let clone = stub.clone();
    assert!(clone.show("a secret".into()).await.is_complete());
    let casting = stub.show("a secret".into());
    assert!(!format!("{casting:?} {:?}", stub.think()).contains("a secret"));
    assert!(format!("{stub:?}").starts_with("ScreenBroadcast"));
    drop(casting);
}
