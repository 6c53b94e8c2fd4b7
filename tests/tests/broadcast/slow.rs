//! Those who do not keep up: they are waited for, miss what is dropped, or are closed, and the others do not notice.
//!
//! The clock is paused: it moves when nothing else can, so that what takes no time is seen to take none.

use std::time::Duration;

use futures::future::poll_immediate;
use tokio::time::Instant;
use ws_core::{ClosedBy, Delivery, Encoding, Limits, SlowConsumer, code};
use ws_tests::fixture::until_true;

use super::stage::{Seat, Stage, Told, quiet, screens, settle, shown, to};

const STALL: Duration = Duration::from_secs(5);
/// A server's queue for each: some ten events.
const QUEUE: usize = 3000;

/// A fast one, and one whose first handler waits at its gate; both take two events before they return credit.
async fn fast_and_slow(stage: &mut Stage) -> Vec<Seat> {
    let limits = quiet().event_lane_messages(2);
    let seats = vec![
        stage.seat(&quiet(), Encoding::Bincode, 4).await,
        stage.seat(&limits, Encoding::Bincode, 4).await,
    ];
    seats[1].shut();
    seats
}

fn stage() -> Stage {
    Stage::new(quiet().outbox_bytes(QUEUE))
}

#[track_caller]
fn took(began: Instant, expected: Duration) {
    let took = began.elapsed();
    assert!(took >= expected && took < expected + Duration::from_millis(10), "{took:?}, not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn r32_newest_are_dropped_counted_and_what_was_kept_arrives_in_order() {
    let mut stage = stage();
    let mut seats = fast_and_slow(&mut stage).await;
    let screens = screens(to(&seats).slow(SlowConsumer::DropNewest));
    let began = Instant::now();
    let (mut kept, mut dropped, mut waiting) = (Vec::new(), 0, 0);
    for round in 0..100 {
        let text = format!("{round}");
        let report = screens.show(text.clone()).await;
        assert_eq!((report.audience(), report.closed, report.refused, report.replaced), (2, 0, 0, 0));
        if report.dropped == 0 {
            assert_eq!(dropped, 0, "they are of one size");
            kept.push(text);
        }
        dropped += report.dropped;
        waiting += report.waiting;
        assert_eq!(seats[0].next().await, shown(format!("{round}")));
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody is waited for");
    assert_eq!((kept.len() + dropped, waiting), (100, kept.len() - 2), "two were sent at once");
    assert!((8..=QUEUE / 256).contains(&waiting));
    assert_eq!(seats[1].serving.stats().broadcasts_dropped, dropped as u64);
    assert_eq!(seats[0].serving.stats().broadcasts_dropped, 0);
    // It is not closed, however long that takes.
    tokio::time::sleep(20 * STALL).await;
    assert_eq!(seats[1].serving.pending(), waiting);
    seats[1].open();
    for text in kept {
        assert_eq!(seats[1].next().await, shown(text));
    }
    settle().await;
    assert_eq!((seats[1].all(), seats[1].serving.pending()), (vec![], 0));
    let report = screens.show("again".into()).await;
    assert_eq!((report.reached, report.waiting), (2, 0));
    assert_eq!(seats[1].next().await, shown("again"));
}

#[tokio::test(start_paused = true)]
async fn r32_who_does_not_keep_up_is_closed_when_its_queue_is_full() {
    let mut stage = stage();
    let mut seats = fast_and_slow(&mut stage).await;
    // The default.
    let screens = screens(to(&seats));
    let began = Instant::now();
    let mut reports = Vec::new();
    for round in 0..30 {
        reports.push(screens.show(format!("{round}")).await);
        assert_eq!(seats[0].next().await, shown(format!("{round}")));
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    let closed_at = reports.iter().position(|report| report.closed == 1).expect("it was closed");
    assert!(closed_at >= 10);
    assert!(reports[..closed_at].iter().all(Delivery::is_complete));
    assert!(reports[closed_at..].iter().all(|report| (report.closed, report.reached) == (1, 1)));
    let info = seats[1].client.closed().await;
    assert_eq!((info.code, info.by), (code::SLOW, ClosedBy::Peer));
    assert!(seats[0].serving.peer().is_open());
    assert_eq!(seats[1].serving.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn r32_who_does_not_keep_up_is_closed_when_an_event_has_waited_too_long() {
    let mut stage = stage();
    let seats = fast_and_slow(&mut stage).await;
    let screens = screens(to(&seats));
    for round in 0..3 {
        assert!(screens.show(format!("{round}")).await.is_complete());
    }
    let began = Instant::now();
    // Nothing else happens: the driver must have been told of the time.
    let info = seats[1].serving.closed().await;
    assert_eq!((info.code, info.by), (code::SLOW, ClosedBy::Local));
    took(began, STALL);
    assert!(seats[0].serving.peer().is_open());
}

#[tokio::test(start_paused = true)]
async fn r32_who_keeps_up_again_in_time_has_missed_nothing() {
    let mut stage = stage();
    let mut seats = fast_and_slow(&mut stage).await;
    let screens = screens(to(&seats));
    for round in 0..8 {
        assert!(screens.show(format!("{round}")).await.is_complete());
    }
    tokio::time::sleep(STALL - Duration::from_millis(1)).await;
    seats[1].open();
    tokio::time::sleep(STALL).await;
    for round in 0..8 {
        assert_eq!(seats[1].next().await, shown(format!("{round}")));
    }
    assert!(seats[1].serving.peer().is_open());
}

#[tokio::test(start_paused = true)]
async fn r32_a_broadcast_waits_where_it_is_told_to_and_for_the_slow_alone() {
    let mut stage = stage();
    let mut seats = fast_and_slow(&mut stage).await;
    let screens = screens(to(&seats).slow(SlowConsumer::Wait));
    let began = Instant::now();
    for round in 0..2 {
        assert!(screens.show(format!("{round}")).await.is_complete());
    }
    let mut third = screens.show("2".into());
    assert!(poll_immediate(&mut third).await.is_none());
    settle().await;
    assert!(poll_immediate(&mut third).await.is_none(), "it waits");
    for round in 0..3 {
        assert_eq!(seats[0].next().await, shown(format!("{round}")), "the fast one has it");
    }
    seats[1].open();
    let report = third.await;
    assert_eq!((report.reached, report.audience(), report.waiting), (2, 2, 0));
    took(began, Duration::ZERO);
    for round in 0..3 {
        assert_eq!(seats[1].next().await, shown(format!("{round}")));
    }
}

#[tokio::test(start_paused = true)]
async fn r32_a_broadcast_waits_no_longer_than_that_and_counts_who_had_no_room() {
    let mut stage = stage();
    let mut seats = fast_and_slow(&mut stage).await;
    let screens = screens(to(&seats).slow(SlowConsumer::Wait));
    for round in 0..2 {
        assert!(screens.show(format!("{round}")).await.is_complete());
    }
    let began = Instant::now();
    let report = screens.show("2".into()).await;
    assert_eq!((report.reached, report.dropped, report.audience()), (1, 1, 2));
    took(began, STALL);
    assert_eq!(seats[1].serving.stats().broadcasts_dropped, 1, "visible on the connection");
    // Those who may not be waited for at all.
    let report = screens.show("3".into()).now();
    assert_eq!((report.reached, report.dropped, report.audience()), (1, 1, 2));
    assert_eq!(seats[1].serving.stats().broadcasts_dropped, 2);
    assert_eq!(seats[1].serving.pending(), 0);
    assert!(seats[1].serving.peer().is_open());
    seats[1].open();
    settle().await;
    assert_eq!(seats[1].all(), [shown("0"), shown("1")]);
    assert_eq!(seats[0].all().len(), 4);
}

/// A broken one has its place in the queue only when it is polled again, and is overtaken.
#[tokio::test(start_paused = true)]
async fn r12_what_is_waited_for_is_not_overtaken() {
    let mut stage = stage();
    let mut seats = fast_and_slow(&mut stage).await;
    let waits = screens(to(&seats).slow(SlowConsumer::Wait));
    let others = screens(to(&seats).slow(SlowConsumer::DropNewest));
    for round in 0..2 {
        assert!(waits.show(format!("{round}")).await.is_complete());
    }
    let mut third = waits.show("2".into());
    assert!(poll_immediate(&mut third).await.is_none());
    let report = others.show("3".into()).now();
    assert_eq!((report.reached, report.waiting), (2, 1));
    seats[1].open();
    assert!(third.await.is_complete());
    for seat in &mut seats {
        for round in 0..4 {
            assert_eq!(seat.next().await, shown(format!("{round}")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r32_a_broadcast_that_is_dropped_while_it_waits_reaches_the_fast_alone() {
    let mut stage = stage();
    let mut seats = fast_and_slow(&mut stage).await;
    let screens = screens(to(&seats).slow(SlowConsumer::Wait));
    for round in 0..2 {
        assert!(screens.show(format!("{round}")).await.is_complete());
    }
    let mut third = screens.show("2".into());
    assert!(poll_immediate(&mut third).await.is_none());
    assert_eq!(seats[1].serving.pending(), 1);
    drop(third);
    assert_eq!(seats[1].serving.pending(), 0);
    seats[1].open();
    settle().await;
    assert_eq!((seats[0].all().len(), seats[1].all().len()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn r15_who_ends_while_it_is_waited_for_is_counted_as_closed() {
    let mut stage = stage();
    let seats = fast_and_slow(&mut stage).await;
    let screens = screens(to(&seats).slow(SlowConsumer::Wait));
    for round in 0..2 {
        assert!(screens.show(format!("{round}")).await.is_complete());
    }
    let mut third = screens.show("2".into());
    assert!(poll_immediate(&mut third).await.is_none());
    let began = Instant::now();
    seats[1].client.close().await;
    let report = third.await;
    assert_eq!((report.reached, report.closed, report.dropped), (1, 1, 0));
    took(began, Duration::ZERO);
    assert_eq!(seats[1].serving.stats().broadcasts_dropped, 0);
}

/// Large ones count for what they are: the queue never holds more bytes than it may.
#[tokio::test(start_paused = true)]
async fn r32_large_broadcasts_keep_to_the_bound() {
    let limits = quiet().outbox_bytes(256 << 10);
    let mut stage = Stage::new(limits);
    let client: Limits = quiet().event_lane_bytes(1).event_lane_messages(1000);
    for slow in [SlowConsumer::DropNewest, SlowConsumer::Close] {
        let mut seat = stage.seat(&client, Encoding::Bincode, 1).await;
        seat.shut();
        let screens = screens(to(std::slice::from_ref(&seat)).slow(slow));
        let mut reached = 0;
        for number in 0..40 {
            let size = if number % 2 == 0 { 70_000 } else { 20_000 };
            let report = screens.paint(number, vec![number.to_le_bytes()[0]; size]).await;
            reached += report.reached;
            if slow == SlowConsumer::Close && report.closed == 1 {
                break;
            }
        }
        // The first was sent; behind it waits what fits into 256 KiB.
        assert!((4..=8).contains(&reached), "{slow:?}: {reached}");
        seat.open();
        if slow == SlowConsumer::DropNewest {
            assert_eq!(seat.serving.stats().broadcasts_dropped, 40 - reached as u64);
            for _ in 0..reached {
                assert!(matches!(seat.next().await, Told::Paint(..)));
            }
            until_true(|| seat.serving.pending() == 0).await;
        } else {
            assert_eq!(seat.serving.closed().await.code, code::SLOW);
        }
    }
}
