//! Calls of everybody: their answers in the order of arrival, each with its own end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::poll_immediate;
use futures::{Stream, StreamExt};
use tokio::time::Instant;
use ws_core::{CallError, CallOptions, Fate, Gather};
use ws_tests::fixture::until_true;

use super::stage::{Picky, Seat, Stage, quiet, screens, settle, to};

const SECOND: Duration = Duration::from_secs(1);

async fn everybody_thinks(seats: &[Seat]) {
    until_true(|| seats.iter().all(|seat| seat.thinking.load(Ordering::SeqCst) == 1)).await;
}

async fn nobody_thinks(seats: &[Seat]) {
    until_true(|| {
        seats.iter().all(|seat| {
            seat.thinking.load(Ordering::SeqCst) == 0
                && seat.client.running() == 0
                && seat.serving.pending() == 0
        })
    })
    .await;
}

async fn asked(stage: &mut Stage, count: usize) -> (Vec<Seat>, Gather<u32, String>) {
    let seats = stage.seats(&quiet(), count).await;
    seats.iter().for_each(Seat::shut);
    let gather = screens(to(&seats)).think().await;
    assert_eq!((gather.remaining(), gather.size_hint()), (count, (count, Some(count))));
    // All were called, though the answers are not asked for yet.
    everybody_thinks(&seats).await;
    (seats, gather)
}

#[tokio::test]
async fn r32_answers_come_in_the_order_of_their_arrival() {
    let mut stage = Stage::new(quiet());
    let (seats, mut gather) = asked(&mut stage, 6).await;
    assert!(poll_immediate(gather.next()).await.is_none(), "nobody has answered");
    for number in [4_usize, 1, 5, 0, 2, 3] {
        seats[number].open();
        let (id, answer) = gather.next().await.expect("an answer");
        assert_eq!(id, seats[number].serving.id());
        let odd = || Err(CallError::App(format!("{number} is odd")));
        assert_eq!(answer, if number % 2 == 0 { Ok(number as u32) } else { odd() });
    }
    assert_eq!(gather.remaining(), 0);
    assert!(gather.next().await.is_none());
    nobody_thinks(&seats).await;
}

#[tokio::test(start_paused = true)]
async fn r14_who_does_not_answer_in_time_is_a_timeout_and_holds_nobody_up() {
    let mut stage = Stage::new(quiet());
    let seats = stage.seats(&quiet(), 4).await;
    seats[1].shut();
    seats[2].shut();
    let began = Instant::now();
    let hurried = screens(to(&seats)).with(CallOptions::new().deadline(SECOND));
    let mut gather = hurried.think().await;
    for _ in 0..2 {
        assert!(gather.next().await.is_some_and(|(_, answer)| !matches!(answer, Err(CallError::Timeout(_)))));
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    let late: Vec<_> = gather.collect().await;
    assert_eq!(late.len(), 2);
    assert!(late.iter().all(|(_, answer)| *answer == Err(CallError::Timeout(Fate::Unknown))), "{late:?}");
    assert!(began.elapsed() >= SECOND && began.elapsed() < SECOND + Duration::from_millis(10));
    nobody_thinks(&seats).await;
}

#[tokio::test]
async fn r14_a_gather_that_is_dropped_cancels_what_has_no_answer() {
    let mut stage = Stage::new(quiet());
    let (seats, mut gather) = asked(&mut stage, 5).await;
    seats[3].open();
    assert_eq!(gather.next().await.map(|(id, _)| id), Some(seats[3].serving.id()));
    drop(gather);
    nobody_thinks(&seats).await;
    assert!(seats.iter().all(|seat| seat.client.stats().handler_failures == 0));
    // Not awaited, nobody is called; awaited and dropped unread, it is cancelled.
    drop(screens(to(&seats)).think());
    drop(screens(to(&seats)).think().await);
    nobody_thinks(&seats).await;
    assert!(seats.iter().all(|seat| seat.serving.stats().calls_sent == 2));
}

#[tokio::test]
async fn r15_who_goes_while_being_asked_fails_alone() {
    let mut stage = Stage::new(quiet());
    let (seats, mut gather) = asked(&mut stage, 4).await;
    seats[2].client.close().await;
    let (id, answer) = gather.next().await.expect("an answer");
    assert_eq!(id, seats[2].serving.id());
    assert!(matches!(answer, Err(CallError::Closed(_))), "{answer:?}");
    seats.iter().for_each(Seat::open);
    let mut others: Vec<_> = gather.map(|(id, _)| id).collect().await;
    others.sort();
    let mut expected: Vec<_> = [0, 1, 3].map(|number| seats[number].serving.id()).into();
    expected.sort();
    assert_eq!(others, expected);
    // Who had gone before is told of at once.
    let mut gather = screens(to(&seats)).think().await;
    let (id, answer) = gather.next().await.expect("an answer");
    assert_eq!(id, seats[2].serving.id());
    assert!(matches!(answer, Err(CallError::Closed(_))), "{answer:?}");
    assert_eq!(gather.count().await, 3);
}

#[tokio::test]
async fn r17_arguments_that_cannot_be_encoded_fail_for_each() {
    let mut stage = Stage::new(quiet());
    let seats = stage.seats(&quiet(), 3).await;
    let answers: Vec<_> = screens(to(&seats)).pick(Picky(false)).await.collect().await;
    assert_eq!(answers.len(), 3);
    for ((id, answer), seat) in answers.iter().zip(&seats) {
        assert_eq!((*id, answer), (seat.serving.id(), &Err(CallError::InvalidArguments)));
    }
    let answers: Vec<_> = screens(to(&seats)).confirm("x".repeat(2 << 20)).await.collect().await;
    assert!(
        answers.iter().all(|(_, answer)| *answer == Err(CallError::TooLarge(Fate::NotSent))),
        "{answers:?}"
    );
    let answers: Vec<_> = screens(to(&seats)).pick(Picky(true)).await.collect().await;
    assert!(answers.iter().all(|(_, answer)| *answer == Ok(Picky(true))));
    assert!(seats.iter().all(|seat| seat.serving.stats().calls_sent == 1));
}

/// Some are asked only when a slot is free, and nobody waits for them.
#[tokio::test]
async fn r12_a_gather_of_many_at_once_keeps_to_the_slots() {
    let mut stage = Stage::new(quiet());
    let seats = stage.seats(&quiet().max_in_flight(2), 2).await;
    seats[0].shut();
    let screens = screens(to(&seats));
    let mut gathers = Vec::new();
    for _ in 0..10 {
        gathers.push(screens.think().await);
    }
    settle().await;
    assert_eq!(seats[0].thinking.load(Ordering::SeqCst), 2);
    for gather in &mut gathers {
        assert_eq!(gather.next().await.map(|(id, _)| id), Some(seats[1].serving.id()));
    }
    seats[0].open();
    for mut gather in gathers {
        assert_eq!(gather.next().await, Some((seats[0].serving.id(), Ok(0))));
        assert!(gather.next().await.is_none());
    }
    nobody_thinks(&seats).await;
}
