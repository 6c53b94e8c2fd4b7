//! Many at once, and some of them do not read.

use std::time::Duration;

use tokio::time::Instant;
use ws_core::{Connection, Encoding, Limits, SlowConsumer, code};
use ws_tests::raw::frames::Hello;

use super::stage::{ByHand, ScreenRemote, Seat, Stage, Told, handle, quiet, screens, settle};

fn everybody<'a>(
    seats: &'a [Seat],
    hands: &'a [(Connection<ScreenRemote>, ByHand)],
) -> Vec<&'a Connection<ScreenRemote>> {
    // The slow first, so that the fast are behind them wherever it matters.
    hands.iter().map(|(serving, _)| serving).chain(seats.iter().map(|seat| &seat.serving)).collect()
}

fn unbounded() -> Limits {
    quiet().max_unactivated(2000)
}

#[tokio::test]
async fn r32_a_thousand_get_a_hundred_events_in_order() {
    let mut stage = Stage::new(unbounded());
    let mut seats = stage.seats(&quiet(), 1000).await;
    let screens = screens(handle(&everybody(&seats, &[])));
    for number in 0..100 {
        let report = screens.paint(number, vec![number as u8; 3]).await;
        assert_eq!((report.reached, report.audience()), (1000, 1000));
    }
    for seat in &mut seats {
        for number in 0..100 {
            assert_eq!(seat.next().await, Told::Paint(number, 3));
        }
        assert_eq!(seat.serving.stats().events_sent, 100);
    }
}

/// Encoded once, and not copied for anybody who has nothing else to write.
#[tokio::test]
async fn r32_the_bytes_of_an_event_are_shared_by_all() {
    let mut stage = Stage::new(unbounded());
    let mut seats = stage.seats(&quiet(), 50).await;
    let screens = screens(handle(&everybody(&seats, &[])));
    for number in 0..10 {
        assert!(screens.paint(number, vec![number as u8; 100]).await.is_complete());
        for seat in &mut seats {
            assert_eq!(seat.next().await, Told::Paint(number, 100));
        }
    }
    for seat in &seats {
        let stats = seat.serving.stats();
        assert_eq!((stats.events_sent, stats.broadcasts_shared), (10, 10));
    }
}

/// Ten that never read their socket, before a hundred that do.
async fn with_ten_that_never_read(
    slow: SlowConsumer,
) -> (Duration, Vec<Seat>, Vec<Connection<ScreenRemote>>) {
    const ROUNDS: u32 = 300;
    let queue = 16 << 10;
    let mut stage = Stage::new(unbounded().outbox_bytes(queue));
    let mut seats = stage.seats(&quiet(), 100).await;
    let mut hands = Vec::new();
    for _ in 0..10 {
        hands.push(stage.by_hand(Hello::default(), 1).await);
    }
    settle().await;
    let screens = screens(handle(&everybody(&seats, &hands)).slow(slow));
    let began = Instant::now();
    for number in 0..ROUNDS {
        let report = screens.paint(number, vec![number as u8; 500]).await;
        assert_eq!(report.audience(), 110);
        assert!(report.reached >= 100, "round {number}: {report:?}");
        for (serving, _) in &hands {
            assert!(serving.pending() <= queue / 256, "what waits is bounded");
        }
        for seat in &mut seats {
            assert_eq!(seat.next().await, Told::Paint(number, 500), "round {number}");
        }
    }
    let took = began.elapsed();
    assert!(seats.iter().all(|seat| seat.serving.peer().is_open()));
    (took, seats, hands.into_iter().map(|(serving, _hand)| serving).collect())
}

#[tokio::test(start_paused = true)]
async fn r32_ten_that_never_read_are_closed_and_hold_nobody_up() {
    let (took, _, slow) = with_ten_that_never_read(SlowConsumer::Close).await;
    assert_eq!(took, Duration::ZERO);
    for serving in slow {
        assert_eq!(serving.closed().await.code, code::SLOW);
        assert_eq!(serving.pending(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn r32_ten_that_never_read_miss_what_is_dropped_and_hold_nobody_up() {
    let (took, _, slow) = with_ten_that_never_read(SlowConsumer::DropNewest).await;
    assert_eq!(took, Duration::ZERO);
    for serving in slow {
        let stats = serving.stats();
        let kept = stats.events_sent + serving.pending() as u64;
        assert_eq!(kept + stats.broadcasts_dropped, 300, "each is sent, waits, or is counted");
        // One in the pipe, one in the transport, and twice the queue.
        assert!(kept * 500 < (2 * (16 << 10)) + 2000, "{kept}");
    }
}

#[tokio::test(start_paused = true)]
async fn r32_ten_that_never_read_are_waited_for_until_they_count_as_dead() {
    let (took, _, slow) = with_ten_that_never_read(SlowConsumer::Wait).await;
    // The first that has no room waits as long as a sender may; soon the transport counts as stalled (R38).
    assert!(took >= Duration::from_secs(5) && took <= Duration::from_secs(11), "{took:?}");
    for serving in slow {
        assert_eq!(serving.closed().await.code, code::WRITE_STALL);
    }
}

#[tokio::test]
async fn r32_clients_that_go_in_the_middle_spoil_nothing_for_the_others() {
    let mut stage = Stage::new(quiet());
    let mut seats = stage.seats(&quiet(), 40).await;
    let screens = screens(handle(&everybody(&seats, &[])));
    let mut gone = 0;
    for number in 0..60 {
        if number % 3 == 1 && gone < 20 {
            // Dropped with its driver, as a process that dies, or closed with due words; meanwhile casts go on.
            let seat = &seats[2 * gone];
            if gone % 2 == 0 {
                seat.client.peer().close(4321, "bye");
            } else {
                seat.serving.peer().close(4322, "go");
            }
            gone += 1;
        }
        let report = screens.paint(number, vec![number as u8; 2000]).await;
        assert_eq!((report.audience(), report.dropped, report.refused), (40, 0, 0));
        assert!(report.reached >= 40 - gone && report.closed <= gone, "{report:?}");
    }
    for (place, seat) in seats.iter_mut().enumerate() {
        if place % 2 == 1 {
            for number in 0..60 {
                assert_eq!(seat.next().await, Told::Paint(number, 2000));
            }
        } else {
            let told = seat.all();
            let expected = (0..).map(|number| Told::Paint(number, 2000));
            assert!(told.iter().cloned().eq(expected.take(told.len())), "a part, from the beginning");
            assert_eq!(seat.serving.pending(), 0);
        }
    }
}

/// The server's memory is full of what others do not read: who reads gets what is broadcast all the same.
#[tokio::test(start_paused = true)]
async fn r32_a_large_broadcast_to_many_is_one_copy_and_closes_nobody() {
    let mut stage = Stage::new(unbounded().max_buffered_bytes(1 << 20));
    let mut seats = Vec::new();
    for _ in 0..60 {
        seats.push(stage.seat(&quiet(), Encoding::Bincode, 4).await);
    }
    let screens = screens(handle(&everybody(&seats, &[])));
    for number in 0..3 {
        let report = screens.paint(number, vec![number as u8; 100_000]).await;
        assert!(report.is_complete(), "{report:?}");
        for seat in &mut seats {
            assert_eq!(seat.next().await, Told::Paint(number, 100_000));
        }
    }
}
