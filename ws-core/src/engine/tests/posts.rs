//! R32: a broadcast never makes its sender wait. What cannot leave at once waits in a queue of its own bound, in order,
//! and a peer that does not keep up misses what is dropped, or is closed.

use std::sync::Arc;
use std::time::Duration;

use super::harness::{GENEROUS, Lone, SECOND, Seen, event, limits, ms, whole};
use crate::codec::Body;
use crate::engine::{
    Begun, Budget, LatestKey, Outcome, Outgoing, Post, Posted, Refused, Role, Sends, SharedFrame, Slow,
};
use crate::engine::{entry::EVENTS, pending::POST};
use crate::error::Fate;
use crate::limits::Limits;
use crate::protocol::{Announced, CloseInfo, ClosedBy, code, encode};
use crate::service::MethodId;

pub(super) const STALL: Duration = Duration::from_secs(5);

/// A frame of `T.event` whose arguments are of this size.
pub(super) fn frame(size: usize) -> SharedFrame {
    SharedFrame::new(MethodId::of("T.event"), &[], Body::from_bytes(&vec![0x5a; size]))
}

/// What it counts for while it waits.
pub(super) fn cost(size: usize) -> usize {
    frame(size).len() + POST
}

impl Lone {
    pub(super) fn post(&mut self, size: usize, slow: Slow) -> Posted {
        self.post_about(size, slow, None)
    }

    pub(super) fn post_about(&mut self, size: usize, slow: Slow, latest: Option<LatestKey>) -> Posted {
        self.post_frame(frame(size), slow, latest)
    }

    fn post_frame(&mut self, frame: SharedFrame, slow: Slow, latest: Option<LatestKey>) -> Posted {
        self.post_of("T.event", frame, slow, latest)
    }

    pub(super) fn post_of(
        &mut self,
        method: &str,
        frame: SharedFrame,
        slow: Slow,
        latest: Option<LatestKey>,
    ) -> Posted {
        let post = Post { method: MethodId::of(method), frame, slow, stall: STALL, latest };
        let posted = self.engine.post(self.now, post, &mut self.effects);
        self.effects.wake();
        posted
    }

    /// The peer grants so many events in all.
    pub(super) fn grants(&mut self, messages: u64) {
        self.send([whole(&encode::credit(0, messages, 1 << 40), b"")]);
    }

    /// Sizes of the events that it writes, all of which are broadcasts.
    pub(super) fn posted(&mut self) -> Vec<usize> {
        let events = self.out().into_iter().filter_map(|frame| match frame {
            Seen::Event { id, body } => {
                assert_eq!(id, 0, "R19");
                Some(body)
            }
            _ => None,
        });
        events.collect()
    }

    /// No place is taken, and no byte is held.
    pub(super) fn holds_nothing(&self) {
        let pending = &self.engine.pending;
        assert_eq!((pending.posted(), pending.held_bytes(), pending.waiting()), (0, 0, 0));
        assert_eq!((self.engine.pending(), self.engine.entries()), (0, 0), "R18");
    }
}

/// Limits with a small outbox, and no pings in between.
pub(super) fn narrow(outbox: usize) -> Limits {
    limits().outbox_bytes(outbox).ping_interval(3600 * SECOND)
}

/// A server whose peer grants one event.
pub(super) fn one_credit(outbox: usize) -> Lone {
    Lone::fresh(Role::Server, narrow(outbox)).activated(Announced { event_messages: 1, ..GENEROUS })
}

/// One that has sent that, so that all others wait.
pub(super) fn stuck(outbox: usize) -> Lone {
    let mut lone = one_credit(outbox);
    assert_eq!(lone.post(1, Slow::Drop), Posted::Sent);
    assert_eq!(lone.posted(), [1]);
    lone
}

#[test]
fn r32_a_full_queue_drops_the_newest_counts_it_and_keeps_the_order() {
    let mut lone = stuck(10_000);
    let sizes: Vec<usize> = (0..).map(|index| 700 + index).take(50).collect();
    let (mut kept, mut dropped, mut sum) = (Vec::new(), 0, 0);
    for &size in &sizes {
        let fits = sum + cost(size) <= 10_000;
        let posted = lone.post(size, Slow::Drop);
        assert_eq!(posted, if fits { Posted::Waits } else { Posted::Dropped });
        if fits {
            kept.push(size);
            sum += cost(size);
        } else {
            dropped += 1;
        }
        assert_eq!(lone.engine.pending.posted(), sum);
        assert_eq!(lone.engine.stats().broadcasts_dropped, dropped);
    }
    assert!(kept.len() > 5 && dropped > 30);
    // A smaller one still fits where a larger did not.
    let rest = 10_000 - sum - cost(0);
    assert_eq!(lone.post(rest, Slow::Drop), Posted::Waits);
    kept.push(rest);
    assert_eq!(lone.engine.pending.posted(), 10_000, "to the last byte");
    assert_eq!(lone.post(0, Slow::Drop), Posted::Dropped);
    lone.grants(4);
    assert_eq!(lone.posted(), kept[..3]);
    lone.grants(1000);
    assert_eq!(lone.posted(), kept[3..]);
    assert_eq!((lone.engine.stats().events_sent, lone.closed()), (1 + kept.len() as u64, None));
    lone.holds_nothing();
}

#[test]
fn r32_what_waits_for_room_is_sent_in_order_when_there_is() {
    let mut lone = Lone::active(Role::Server, narrow(2000));
    let mut sent = Vec::new();
    for size in 500.. {
        match lone.post(size, Slow::Close) {
            Posted::Sent | Posted::Waits => sent.push(size),
            other => panic!("{other:?}"),
        }
        if lone.engine.pending.waiting() == 2 {
            break;
        }
    }
    assert!(lone.engine.outbox.queued() >= 2000);
    assert_eq!(lone.posted(), sent);
    assert_eq!(lone.engine.next_time(), Some(lone.now + 3600 * SECOND), "no deadline is left");
    lone.holds_nothing();
}

#[test]
fn r32_a_full_queue_closes_where_that_is_the_policy() {
    let mut lone = stuck(1000);
    assert_eq!(lone.post(500, Slow::Close), Posted::Waits);
    assert_eq!(lone.post(500, Slow::Close), Posted::Closed);
    let info = lone.closed().expect("it is closed");
    assert_eq!((info.code, info.by), (code::SLOW, ClosedBy::Local));
    lone.holds_nothing();
    assert_eq!(lone.engine.stats().broadcasts_dropped, 0);
    assert_eq!(lone.post(1, Slow::Drop), Posted::Closed, "and stays so");
    assert_eq!(lone.posted(), [] as [usize; 0]);
}

#[test]
fn r32_the_stall_closes_exactly_in_its_time() {
    let mut lone = stuck(100_000);
    assert_eq!(lone.post(2, Slow::Close), Posted::Waits);
    let due = lone.now + STALL;
    assert!(lone.engine.needs_driver(), "who sleeps must be told of the deadline");
    assert_eq!(lone.engine.next_time(), Some(due));
    lone.advance(SECOND);
    assert_eq!(lone.post(3, Slow::Close), Posted::Waits);
    assert_eq!(lone.engine.next_time(), Some(due), "the first one's counts");
    lone.advance(STALL - SECOND - ms(1));
    assert_eq!(lone.closed(), None);
    lone.advance(ms(1));
    assert_eq!(lone.close_code(), Some(code::SLOW));
    lone.holds_nothing();
}

#[test]
fn r32_credit_before_the_stall_is_in_time_and_at_it_is_too_late() {
    for (late, arrives) in [(ms(0), true), (ms(1), false)] {
        let mut lone = stuck(100_000);
        assert_eq!(lone.post(2, Slow::Close), Posted::Waits);
        // No timer has fired: the CREDIT itself tells the time.
        lone.now += STALL - ms(1) + late;
        lone.grants(100);
        assert_eq!(lone.posted(), if arrives { vec![2] } else { vec![] });
        assert_eq!(lone.close_code(), if arrives { None } else { Some(code::SLOW) });
        lone.holds_nothing();
        lone.advance(STALL);
        assert_eq!(lone.closed().is_none(), arrives);
    }
}

#[test]
fn r32_room_that_comes_after_the_stall_is_too_late_though_no_timer_fired() {
    for (late, arrives) in [(ms(0), true), (ms(1), false)] {
        let mut lone = Lone::active(Role::Server, narrow(1000));
        assert_eq!(lone.post(2000, Slow::Close), Posted::Sent, "the last one may exceed the limit");
        assert_eq!(lone.post(2, Slow::Close), Posted::Waits);
        lone.now += STALL - ms(1) + late;
        assert_eq!(lone.posted(), if arrives { vec![2000, 2] } else { vec![2000] });
        assert_eq!(lone.close_code(), if arrives { None } else { Some(code::SLOW) });
        lone.holds_nothing();
    }
}

#[test]
fn r32_what_may_be_dropped_waits_as_long_as_it_takes() {
    let mut lone = stuck(100_000);
    assert_eq!(lone.post(2, Slow::Drop), Posted::Waits);
    lone.now += 3599 * SECOND;
    lone.grants(2);
    assert_eq!(lone.posted(), [2]);
    // But not for ever, and then it is counted.
    assert_eq!(lone.post(3, Slow::Drop), Posted::Waits);
    lone.engine.heard(lone.now + 25 * 3600 * SECOND);
    lone.now += 25 * 3600 * SECOND;
    lone.grants(3);
    assert_eq!(lone.posted(), [] as [usize; 0]);
    assert_eq!(lone.engine.stats().broadcasts_dropped, 1);
    lone.holds_nothing();
}

#[test]
fn r12_broadcasts_and_events_of_one_connection_keep_their_order() {
    let mut lone = one_credit(100_000);
    let send = |lone: &mut Lone, size| {
        let begun = lone.begin(Outgoing {
            method: MethodId::of("T.event"),
            kind: Sends::Event,
            ..lone.outgoing(size)
        });
        assert!(matches!(begun, Begun::Entered(_) | Begun::Over(Outcome::Sent(_))), "{begun:?}");
    };
    send(&mut lone, 10);
    assert_eq!(lone.post(11, Slow::Drop), Posted::Waits);
    send(&mut lone, 12);
    assert_eq!(lone.post(13, Slow::Close), Posted::Waits);
    send(&mut lone, 14);
    let mut seen = Vec::new();
    for granted in 1..=5 {
        lone.grants(granted);
        seen.extend(lone.out());
    }
    let sizes: Vec<usize> = seen
        .iter()
        .filter_map(|frame| if let Seen::Event { body, .. } = frame { Some(*body) } else { None })
        .collect();
    assert_eq!(sizes, [10, 11, 12, 13, 14]);
    // With credit in plenty a newcomer still waits behind those who wait for room.
    lone.grants(1000);
    assert_eq!(lone.post(200_000, Slow::Drop), Posted::Sent);
    send(&mut lone, 20);
    assert_eq!(lone.engine.pending.head(EVENTS).map(|_| ()), Some(()));
    lone.take();
    assert_eq!(lone.post(21, Slow::Drop), Posted::Sent, "behind what was sent meanwhile");
    let sizes: Vec<Seen> = lone.out();
    assert!(matches!(sizes[..], [Seen::Event { body: 20, .. }, Seen::Event { body: 21, .. }]), "{sizes:?}");
}

/// An event that gives up lets the broadcasts behind it through.
#[test]
fn r32_a_broadcast_behind_an_event_that_expires_is_not_held_up() {
    let mut lone = stuck(100_000);
    let deadline = lone.now + SECOND;
    let message =
        Outgoing { method: MethodId::of("T.event"), kind: Sends::Event, deadline, ..lone.outgoing(9) };
    let Begun::Entered(key) = lone.begin(message) else { panic!("it waits") };
    assert_eq!(lone.post(2, Slow::Close), Posted::Waits);
    lone.advance(SECOND);
    assert!(matches!(lone.poll(key), std::task::Poll::Ready(Outcome::Timeout(Fate::NotSent))));
    lone.grants(2);
    assert_eq!(lone.posted(), [2]);
    lone.holds_nothing();
}

#[test]
fn r32_an_end_releases_all_that_waits() {
    for by in [ClosedBy::Local, ClosedBy::Peer, ClosedBy::Network] {
        let budget = Budget::new(128 << 10);
        let lone = || {
            Lone::with_budget(Role::Server, narrow(100_000), Some(Arc::clone(&budget)))
                .activated(Announced { event_messages: 1, ..GENEROUS })
        };
        let [mut first, mut second] = [lone(), lone()];
        for size in [1, 50_000, 40_000, 1] {
            assert_ne!(first.post(size, Slow::Drop), Posted::Dropped);
        }
        assert_eq!(second.post(1, Slow::Drop), Posted::Sent);
        assert_eq!(second.post(90_000, Slow::Drop), Posted::Dropped, "the server's memory is at its bound");
        first.close(CloseInfo::new(code::NORMAL, "", by));
        first.holds_nothing();
        first.engine.bury();
        assert_eq!(second.post(90_000, Slow::Drop), Posted::Waits, "{by:?}: given back");
    }
}

/// A broadcast of many bytes to many is one copy, and those who are not behind are not closed for it.
#[test]
fn r32_a_server_without_memory_takes_nobody_for_slow_who_has_nothing_queued() {
    let budget = Budget::new(128 << 10);
    let mut lones: Vec<Lone> = (0..20)
        .map(|_| {
            Lone::with_budget(Role::Server, narrow(1 << 20), Some(Arc::clone(&budget))).activated(GENEROUS)
        })
        .collect();
    for lone in &mut lones {
        assert_eq!(lone.post(100_000, Slow::Close), Posted::Sent);
    }
    // Who has not written that one is behind.
    assert_eq!(lones[19].post(100_000, Slow::Drop), Posted::Dropped);
    assert_eq!(lones[18].post(100_000, Slow::Close), Posted::Closed);
    assert_eq!(lones[17].posted(), [100_000]);
}

#[test]
fn r32_what_this_peer_does_not_take_is_refused_and_nothing_else_happens() {
    let announced = Announced { max_message: 2048, event_messages: 3, ..GENEROUS };
    let mut lone = Lone::fresh(Role::Server, narrow(100_000)).activated(announced);
    let largest = 2048 - (frame(1000).len() - 1000);
    for size in [largest + 1, 100_000] {
        for slow in [Slow::Drop, Slow::Close] {
            assert_eq!(lone.post(size, slow), Posted::Refused);
        }
    }
    assert_eq!(lone.post(largest, Slow::Close), Posted::Sent);
    // Metadata counts as well, also where the event is to wait.
    let long = SharedFrame::new(MethodId::of("T.event"), &[7; 500], Body::from_bytes(&[0; 1700]));
    assert_eq!(lone.post_frame(long.clone(), Slow::Close, None), Posted::Refused);
    let message = Outgoing {
        method: MethodId::of("T.event"),
        kind: Sends::Event,
        content: crate::engine::Content::Frame(long),
        ..lone.outgoing(0)
    };
    assert!(matches!(lone.begin(message), Begun::Over(Outcome::Refused(Refused::TooLarge))));
    assert_eq!((lone.posted(), lone.closed()), (vec![largest], None));
    lone.holds_nothing();
}

/// A server closes who sends the id 0, so no client does.
#[test]
fn r19_a_client_broadcasts_nothing() {
    let announced = Announced { event_messages: 1, ..GENEROUS };
    let mut lone = Lone::fresh(Role::Client, narrow(1000)).activated(announced);
    for _ in 0..3 {
        assert_eq!(lone.post(1, Slow::Close), Posted::Refused);
        let post = Post {
            method: MethodId::of("T.event"),
            frame: frame(1),
            slow: Slow::Drop,
            stall: STALL,
            latest: None,
        };
        let posted = lone.engine.post_now(lone.now, post, &mut lone.effects);
        assert_eq!(posted.ok(), Some(Posted::Refused));
        // Without credit it is the same.
        lone.begin(Outgoing { method: MethodId::of("T.event"), kind: Sends::Event, ..lone.outgoing(1) });
    }
    assert!(!lone.out().iter().any(|frame| matches!(frame, Seen::Event { id: 0, .. })));
}

#[test]
fn r32_a_peer_that_is_not_accepted_yet_or_has_ended_gets_nothing() {
    let mut lone = Lone::fresh(Role::Server, limits());
    assert_eq!(lone.post(1, Slow::Close), Posted::Closed);
    assert_eq!(lone.closed(), None, "and is not closed for it");
    let mut lone = Lone::active(Role::Server, limits());
    lone.close(CloseInfo::new(code::NORMAL, "", ClosedBy::Peer));
    assert_eq!(lone.post(1, Slow::Close), Posted::Closed);
    assert_eq!(lone.close_code(), Some(code::NORMAL), "the first cause stands");
}

/// R35: no CREDIT makes more leave than it says, and none of a flood of them costs more than the look.
#[test]
fn r32_floods_of_credit_change_nothing() {
    let mut lone = stuck(100_000);
    for size in 2..50 {
        assert_eq!(lone.post(size, Slow::Drop), Posted::Waits);
    }
    let old = whole(&encode::credit(0, 1, 1 << 40), b"");
    lone.send(std::iter::repeat_n(old, 5000));
    assert_eq!(lone.posted(), [] as [usize; 0]);
    let bytes = whole(&encode::credit(0, 1 << 40, 1), b"");
    lone.send([bytes]);
    assert_eq!(lone.posted(), (2..50).collect::<Vec<_>>(), "the bytes were granted before");
    lone.grants(u64::MAX);
    assert_eq!(lone.post(7, Slow::Close), Posted::Sent);
    assert_eq!(lone.posted(), [7]);
}

/// Events that come in are handled whatever waits to go out.
#[test]
fn r32_a_full_queue_stops_nothing_that_comes_in() {
    let mut lone = stuck(1000);
    while lone.post(100, Slow::Drop) != Posted::Dropped {}
    lone.send([event(1, b"x")]);
    assert_eq!(lone.starts.len(), 1);
    lone.finish_with(0);
    let key = lone.call(10);
    assert!(matches!(lone.out()[..], [Seen::Call { .. }]), "and calls need no credit");
    lone.abandon(key);
}

/// Only the first attempt: what is to be waited for comes back, and nothing is counted.
#[test]
fn r32_what_cannot_leave_at_once_comes_back_where_the_sender_waits() {
    let mut lone = stuck(1000);
    let post = |size| Post {
        method: MethodId::of("T.event"),
        frame: frame(size),
        slow: Slow::Drop,
        stall: STALL,
        latest: None,
    };
    let back = lone.engine.post_now(lone.now, post(2), &mut lone.effects);
    assert_eq!(back.expect_err("it waits").frame.payload().len(), 2);
    lone.holds_nothing();
    assert_eq!(lone.engine.stats().broadcasts_dropped, 0);
    lone.grants(2);
    assert_eq!(lone.engine.post_now(lone.now, post(3), &mut lone.effects).ok(), Some(Posted::Sent));
    lone.close(CloseInfo::new(code::NORMAL, "", ClosedBy::Peer));
    assert_eq!(lone.engine.post_now(lone.now, post(4), &mut lone.effects).ok(), Some(Posted::Closed));
}
