//! Peers that announce little, grant oddly, or go at the worst moment; and a sender that never rests.

use std::time::Duration;

use ws_core::{Encoding, Limits, SlowConsumer, code};
use ws_tests::fixture::{Carrier, connect, until_true};
use ws_tests::raw::frames::{CREDIT, Frame, Hello, plain};

use super::stage::{ScreenProvider, ScreenRemote, Stage, Told, Viewer, handle, quiet, screens, settle, to};

fn stingy() -> Hello {
    let mut hello = Hello::default();
    (hello.announced[3], hello.announced[4]) = (1, 1);
    hello
}

#[tokio::test(start_paused = true)]
async fn r32_who_grants_one_event_at_a_time_gets_them_one_at_a_time() {
    let mut stage = Stage::new(quiet());
    let (serving, mut hand) = stage.by_hand(stingy(), 4).await;
    let screens = screens(handle(&[&serving]).slow(SlowConsumer::DropNewest));
    for round in 0..20 {
        assert!(screens.show(format!("{round}")).await.is_complete());
    }
    for round in 0..20_u64 {
        let frames = hand.next().await;
        assert!(matches!(frames[..], [Frame::Message { id: 0, .. }]), "round {round}: {frames:?}");
        hand.send([plain(CREDIT, &[0, round + 2, 1 << 40])]).await;
    }
    settle().await;
    assert_eq!((serving.pending(), serving.stats().events_sent), (0, 20));
}

#[tokio::test(start_paused = true)]
async fn r32_who_grants_nothing_is_closed_in_its_time_or_kept_within_the_bound() {
    for slow in [SlowConsumer::Close, SlowConsumer::DropNewest, SlowConsumer::Wait] {
        let mut stage = Stage::new(quiet().outbox_bytes(10_000));
        let (serving, _hand) = stage.by_hand(stingy(), 4).await;
        let screens = screens(handle(&[&serving]).slow(slow));
        for round in 0..4 {
            let _ = screens.show(format!("{round}")).await;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        if slow == SlowConsumer::Close {
            assert_eq!(serving.closed().await.code, code::SLOW);
        } else {
            assert!(serving.peer().is_open());
            let waits = if slow == SlowConsumer::Wait { 0 } else { 3 };
            assert_eq!((serving.pending(), serving.stats().broadcasts_dropped), (waits, 3 - waits as u64));
        }
    }
}

/// R35: floods of grants, old, huge and repeated, make nothing leave twice or out of turn.
#[tokio::test(start_paused = true)]
async fn r32_a_flood_of_grants_is_no_danger() {
    let mut stage = Stage::new(quiet());
    let (serving, mut hand) = stage.by_hand(stingy(), 64).await;
    let screens = screens(handle(&[&serving]).slow(SlowConsumer::DropNewest));
    for round in 0..1000_u64 {
        assert!(screens.show(format!("{round}")).await.is_complete());
        if round % 50 == 0 {
            let flood = (0..1000).map(|number| plain(CREDIT, &[0, (number * 7) % (round + 2), 1 << 50]));
            hand.send(flood).await;
        }
        settle().await;
    }
    hand.send([plain(CREDIT, &[0, u64::MAX >> 1, u64::MAX >> 1])]).await;
    let mut events = 0;
    while events < 1000 {
        let frames = hand.next().await;
        assert!(!frames.is_empty(), "it is open");
        events += frames.iter().filter(|frame| matches!(frame, Frame::Message { id: 0, .. })).count();
    }
    assert_eq!((events, serving.pending()), (1000, 0));
    assert!(serving.peer().is_open());
}

/// A peer that goes between two of a fan-out, without a word: its place is given back, and nobody is told a lie.
#[tokio::test]
async fn r32_who_vanishes_during_a_fan_out_leaves_nothing() {
    let mut stage = Stage::new(quiet());
    let mut hands = Vec::new();
    for _ in 0..20 {
        hands.push(stage.by_hand(stingy(), 1).await);
    }
    let screens = screens(handle(&hands.iter().map(|(serving, _)| serving).collect::<Vec<_>>()));
    let mut servings = Vec::new();
    while let Some((serving, hand)) = hands.pop() {
        servings.push(serving);
        let casting = screens.show("on its way".into());
        drop(hand);
        let report = casting.await;
        assert_eq!(report.audience(), 20);
        assert_eq!(report.reached + report.closed, 20);
    }
    for serving in &servings {
        serving.closed().await;
        assert_eq!(serving.pending(), 0);
    }
    assert_eq!(screens.show("anybody?".into()).await.closed, 20);
}

/// On one thread the readers have their turn between two events, and keep up.
#[tokio::test]
async fn r32_a_sender_that_never_rests_leaves_healthy_readers_their_turns() {
    let mut stage = Stage::new(quiet());
    let mut seats = stage.seats(&quiet(), 3).await;
    let screens = screens(to(&seats));
    for number in 0..20_000 {
        let report = screens.paint(number, vec![number as u8; 10]).await;
        assert!(report.is_complete(), "event {number}: {report:?}");
    }
    for seat in &mut seats {
        for number in 0..20_000 {
            assert_eq!(seat.next().await, Told::Paint(number, 10));
        }
    }
}

/// With several threads it would outrun them: one who sends for as long as it likes asks for `Wait`, and loses nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r32_a_sender_that_never_rests_and_waits_loses_nobody_over_sockets() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (_gate, gated) = tokio::sync::watch::channel(true);
    let viewer = Viewer { number: 0, tell, gate: gated, thinking: Default::default() };
    let way = (Carrier::Socket, Encoding::Bincode);
    let ends = connect(way, &Limits::default(), |_: ScreenRemote| (), |()| ScreenProvider::new(viewer)).await;
    let screens = screens(handle(&[&ends.serving]).slow(SlowConsumer::Wait));
    for number in 0..20_000 {
        let report = screens.paint(number, vec![number as u8; 10]).await;
        assert!(report.is_complete(), "event {number}: {report:?}");
    }
    for number in 0..20_000 {
        assert_eq!(ws_tests::fixture::heard(&mut told).await, Some(Told::Paint(number, 10)));
    }
    until_true(|| ends.serving.pending() == 0).await;
    assert!(ends.serving.peer().is_open());
}
