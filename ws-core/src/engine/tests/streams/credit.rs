//! Credit is absolute and exact, in items and in bytes (R26, P47).

use std::collections::VecDeque;
use std::task::{Poll, Waker};

use super::pair::{LIMITS, Pair};
use crate::codec::Body;
use crate::engine::tests::harness::{CLIENT, GENEROUS, Lone, SERVER, Seen, Setup, limits, message, whole};
use crate::engine::{Begun, Key, Outcome, Outgoing, Put, Read, Role};
use crate::limits::ITEM_COST;
use crate::protocol::{Announced, code, encode};
use crate::service::{MethodId, Streams};

impl Lone {
    /// A call of this side that streams, opened by the peer; its reader.
    pub(super) fn reader(&mut self) -> (u64, Key) {
        let outgoing =
            Outgoing { method: MethodId::of("T.down"), streams: Streams::Down, ..self.outgoing(3) };
        let Begun::Entered(call) = self.begin(outgoing) else { panic!("it is sent") };
        let id = self.id(call);
        self.out();
        self.send([whole(&encode::open(id), b"")]);
        let Poll::Ready(Outcome::Opened(flow)) = self.poll(call) else { panic!("it is open") };
        (id, flow)
    }

    /// A call of the peer that streams, opened here; its producer.
    pub(super) fn producer(&mut self, id: u64) -> Key {
        self.send([message(id, "T.down", true, 0, b"")]);
        let flow = self.starts.last().and_then(|start| start.flow).expect("it streams");
        self.engine.open_stream(self.now, flow, &mut self.effects);
        self.effects.wake();
        flow
    }

    pub(super) fn item(&mut self, flow: Key, size: usize) -> Put {
        let mut item = Some(Body::from_bytes(&vec![1; size]));
        self.engine.put_item(self.now, flow, Some(&mut item), Waker::noop(), &mut self.effects)
    }

    /// How many items a reader takes at once; none where it has to wait, or at the end.
    pub(super) fn read(&mut self, flow: Key) -> usize {
        let mut runs = VecDeque::new();
        let _ = self.engine.read(self.now, flow, &mut runs, Waker::noop(), &mut self.effects);
        self.effects.wake();
        runs.iter().map(|run| run.bodies().count()).sum()
    }
}

fn item(id: u64, size: usize) -> Vec<u8> {
    whole(&encode::item(id), &vec![3; size])
}

#[test]
fn a_producer_sends_no_more_than_it_has_credit_for() {
    let announced = Announced { stream_items: 3, stream_bytes: 100, ..GENEROUS };
    for (sizes, fits) in [(&[1, 1, 1, 1][..], 3), (&[60, 60, 1], 2), (&[100, 1], 1), (&[5_000, 1], 1)] {
        let mut lone = Lone::fresh(Role::Server, limits()).activated(announced);
        let flow = lone.producer(1);
        for (position, size) in sizes.iter().enumerate() {
            let expected = if position < fits { Put::Taken } else { Put::Wait };
            assert_eq!(lone.item(flow, *size), expected, "{sizes:?}, item {position}");
        }
        assert_eq!(lone.out().len(), 1 + fits, "the opening, and what fits");
        // Totals: what was granted before counts.
        let sent: usize = sizes[..fits].iter().sum();
        lone.send([whole(&encode::credit(1, fits as u64, 1 << 20), b"")]);
        assert_eq!(lone.item(flow, 1), if fits < 3 { Put::Taken } else { Put::Wait });
        lone.send([whole(&encode::credit(1, 10, sent as u64 + 10), b"")]);
        assert_eq!(lone.item(flow, 1), Put::Taken);
        assert_eq!(lone.closed(), None);
    }
}

#[test]
fn an_item_beyond_the_credit_closes_1002() {
    let narrow = limits().stream_items(3).stream_bytes(100);
    for (sizes, fits) in [(&[1, 1, 1, 1][..], 3), (&[60, 60, 1], 2), (&[100, 1], 1), (&[5_000, 1], 1)] {
        let mut lone = Lone::active(Role::Client, narrow.clone());
        let (id, flow) = lone.reader();
        lone.send(sizes[..fits].iter().map(|size| item(id, *size)));
        assert_eq!(lone.closed(), None, "{sizes:?}");
        assert!(lone.read(flow) > 0, "what is not done with gives no credit");
        lone.send([item(id, sizes[fits])]);
        assert_eq!(lone.close_code(), Some(code::PROTOCOL), "{sizes:?}");
    }
}

/// Items are done with when their reader comes for more; then half a window of credit goes out in one frame.
#[test]
fn credit_follows_the_reader() {
    let mut lone = Lone::active(Role::Client, limits().stream_items(8).stream_buffer(0));
    let (id, flow) = lone.reader();
    lone.send((0..8).map(|_| item(id, 10)));
    assert_eq!(lone.read(flow), 4, "half of the window");
    assert_eq!(lone.out(), []);
    assert_eq!(lone.read(flow), 4);
    assert_eq!(lone.out(), [Seen::StreamCredit(id, 12, 40 + (8 << 10))]);
    assert_eq!(lone.read(flow), 0);
    assert_eq!(lone.out(), [Seen::StreamCredit(id, 16, 80 + (8 << 10))]);
    lone.send([item(id, 10)]);
    assert_eq!(lone.read(flow), 1);
    assert_eq!(lone.read(flow), 0);
    assert_eq!(lone.out(), [], "one item is no half of a window");
}

/// Items that come together are kept together: each is read as it came, and none with those of another stream.
#[test]
fn items_that_come_together_are_read_one_by_one() {
    let mut lone = Lone::active(Role::Client, limits().stream_items(64));
    let ((first, one), (second, other)) = (lone.reader(), lone.reader());
    let item = |id, number: u8, size| whole(&encode::item(id), &vec![number; size]);
    let sizes = [1, 0, 130, 3, 300, 2, 2];
    let mut frames: Vec<_> = (1..).zip(sizes).map(|(number, size)| item(first, number, size)).collect();
    frames.insert(3, item(second, 9, 5));
    frames.push(whole(&encode::ping(7), b""));
    frames.push(item(first, 8, 200));
    frames.push(whole(&encode::end(first), b""));
    lone.send(frames);
    for (flow, expected) in [(one, &[1, 0, 130, 3, 300, 2, 2, 200][..]), (other, &[5])] {
        let mut runs = VecDeque::new();
        let read = lone.engine.read(lone.now, flow, &mut runs, Waker::noop(), &mut lone.effects);
        assert!(matches!(read, Read::Items { .. }));
        let bodies: Vec<_> = runs.iter().flat_map(|run| run.bodies().map(<[u8]>::to_vec)).collect();
        assert_eq!(bodies.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        for (number, body) in (1..).zip(bodies) {
            let number = if expected.len() == 1 { 9 } else { number };
            assert!(body.iter().all(|byte| *byte == number), "{number}: {body:?}");
        }
        assert_eq!(runs.iter().map(|run| run.extent().items).sum::<u64>(), expected.len() as u64);
    }
    assert!(lone.closed().is_none());
}

/// An item beyond the credit takes none of those with it that had some.
#[test]
fn what_came_together_before_an_overrun_is_read() {
    let mut lone = Lone::active(Role::Client, limits().stream_items(16));
    let (id, flow) = lone.reader();
    lone.send((0..17).map(|_| item(id, 10)));
    assert_eq!(lone.close_code(), Some(code::PROTOCOL));
    let read: usize = (0..3).map(|_| lone.read(flow)).sum();
    assert_eq!(read, 16);
}

/// A reader that waits for more gets a wider window, as far as all windows together allow.
#[test]
fn windows_widen_within_their_bound() {
    let first = 8 * (ITEM_COST as u64 + 100);
    let bound = 8 * first;
    let limits = limits().stream_items(8).stream_bytes(800).stream_buffer(bound as usize);
    let mut lone = Lone::active(Role::Client, limits);
    let (id, flow) = lone.reader();
    let mut granted = 8;
    for _ in 0..20 {
        while lone.read(flow) > 0 {}
        lone.send([item(id, 10)]);
        for seen in lone.out() {
            let Seen::StreamCredit(_, items, _) = seen else { panic!("{seen:?}") };
            granted = items;
        }
    }
    assert!(granted > 16, "it widened: {granted}");
    let (.., windows) = lone.engine.flows.used();
    let widest = 64 * ITEM_COST as u64 + 800;
    assert_eq!(windows, widest, "in items alone, three times, leaving as much to others");
    let (_, second) = lone.reader();
    let (.., windows) = lone.engine.flows.used();
    assert_eq!(windows, widest + first, "the next one has its first window");
    for flow in [flow, second] {
        lone.engine.drop_reader(lone.now, flow, &mut lone.effects);
    }
    lone.out();
    assert_eq!(lone.engine.flows.used(), (0, 0, 0, 0));
}

/// Small items run out of items first, large ones of bytes: that is what widens.
#[test]
fn what_runs_out_first_widens() {
    let widened = |size: usize| {
        let mut lone = Lone::active(Role::Client, limits().stream_items(8).stream_bytes(800));
        let (id, flow) = lone.reader();
        for _ in 0..40 {
            while lone.read(flow) > 0 {}
            lone.out();
            lone.send([item(id, size)]);
        }
        let key = lone.engine.flows.key_of(id).expect("it is open");
        lone.engine.flows.get(key).and_then(|flow| flow.reading.as_ref()).expect("it reads").grant.window()
    };
    assert_eq!(widened(1), (1024, 800));
    assert_eq!(widened(100), (512, 51_200));
    assert_eq!(widened(5_000), (16, 102_400));
}

/// A reader that is as fast as its producer lets each piece of credit go out before it reads on; one whose window is
/// narrow waits soon enough.
#[test]
fn credit_goes_first_once_the_window_is_as_wide_as_it_gets() {
    let mut lone = Lone::active(Role::Client, limits().stream_items(8).stream_bytes(800));
    let (id, flow) = lone.reader();
    let read = |lone: &mut Lone| {
        let mut runs = VecDeque::new();
        match lone.engine.read(lone.now, flow, &mut runs, Waker::noop(), &mut lone.effects) {
            Read::Items { credit } => (runs.iter().map(|run| run.extent().items).sum(), credit),
            read => panic!("{read:?}"),
        }
    };
    lone.send((0..8).map(|_| item(id, 100)));
    assert_eq!([read(&mut lone), read(&mut lone)], [(4, false), (4, false)]);
    for _ in 0..40 {
        while lone.read(flow) > 0 {}
        lone.out();
        lone.send([item(id, 100)]);
    }
    // 512 items of 51,200 bytes, a sixth at a time.
    while lone.read(flow) > 0 {}
    lone.out();
    for _ in 0..3 {
        lone.send((0..86).map(|_| item(id, 100)));
    }
    let reads = [read(&mut lone), read(&mut lone), read(&mut lone)];
    assert_eq!(reads, [(86, false), (86, true), (86, true)]);
}

/// However much there is left: what is on its way ahead of a reader is ahead of calls and answers as well.
#[test]
fn a_window_widens_to_its_own_bound_and_no_further() {
    let mut lone = Lone::active(Role::Client, limits().stream_items(8).stream_bytes(1 << 10));
    let (id, flow) = lone.reader();
    let (.., mut windows) = lone.engine.flows.used();
    for _ in 0..40 {
        while lone.read(flow) > 0 {}
        lone.send([item(id, 10)]);
        lone.out();
        (.., windows) = lone.engine.flows.used();
    }
    assert!((64 << 10..128 << 10).contains(&windows), "{windows}");
}

/// A reader that takes its time has no use for more.
#[test]
fn a_window_that_is_not_emptied_does_not_widen() {
    let mut lone = Lone::active(Role::Client, limits().stream_items(8));
    let (id, flow) = lone.reader();
    let (.., before) = lone.engine.flows.used();
    lone.send((0..8).map(|_| item(id, 10)));
    for _ in 0..50 {
        let taken = lone.read(flow);
        lone.out();
        lone.send((0..taken.min(4)).map(|_| item(id, 10)));
        if lone.closed().is_some() {
            break;
        }
        let (.., now) = lone.engine.flows.used();
        if taken > 0 {
            assert_eq!(now, before);
        }
    }
}

/// R38: items stop while the outbox is well filled, and answers do not.
#[test]
fn items_leave_room_for_answers() {
    let plenty = Announced { stream_items: 1 << 20, stream_bytes: 1 << 30, ..GENEROUS };
    let mut lone = Lone::fresh(Role::Server, limits()).activated(plenty);
    let flow = lone.producer(1);
    let mut put = 0;
    while lone.item(flow, 1_000) == Put::Taken {
        put += 1;
    }
    assert_eq!(put, 66, "64 KiB, the last one beyond it");
    assert!(lone.engine.room() > 900_000);
    lone.take().expect("a batch");
    assert_eq!(lone.item(flow, 1_000), Put::Taken, "they go on once the outbox is emptied");
}

/// A slow reader stops its own producer; other streams and calls on the connection go on.
#[test]
fn a_slow_reader_stalls_only_its_own_stream() {
    let mut pair = Pair::open(Setup::both(LIMITS()));
    let slow = pair.opened(CLIENT, Streams::Down);
    let quick = pair.opened(CLIENT, Streams::Both);
    while pair.put(slow, false, 5) == Put::Taken {}
    assert_eq!(pair.lines[slow].down.sent.len(), 4);
    for _ in 0..50 {
        assert_eq!(pair.put(quick, false, 5), Put::Taken);
        assert_eq!(pair.put(quick, true, 5), Put::Taken);
        pair.exchange();
        while pair.read(quick, false) {}
        while pair.read(quick, true) {}
        pair.exchange();
        assert_eq!(pair.put(slow, false, 5), Put::Wait);
    }
    let call = pair.world.call(SERVER, 0);
    pair.world.settle_answering();
    assert!(matches!(pair.world.sides[SERVER].outcome(call), Outcome::Returned(_)));
    pair.check();
    pair.drain();
}
