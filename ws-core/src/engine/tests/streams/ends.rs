//! Every way in which a stream ends, and the races between them (R14, R15, R18, R26).

use super::pair::{Call, LIMITS, Pair};
use crate::codec::Body;
use crate::engine::tests::harness::{CLIENT, SECOND, SERVER, Setup};
use crate::engine::{Outcome, StreamEnd, Verdict};
use crate::protocol::FailClass;
use crate::service::Streams;

fn pair() -> Pair {
    Pair::open(Setup::both(LIMITS()))
}

const SHAPES: [Streams; 3] = [Streams::Down, Streams::Up, Streams::Both];

#[test]
fn a_producer_says_how_it_ends() {
    let body = || Body::from_bytes(&[1, 2]);
    let ends: [(fn() -> Verdict, FailClass); 5] = [
        (|| Verdict::Declared(Body::from_bytes(&[1, 2])), FailClass::Declared),
        (|| Verdict::Internal(7), FailClass::Internal),
        (|| Verdict::Fail(FailClass::TooLarge), FailClass::TooLarge),
        (|| Verdict::Nothing, FailClass::NoReply),
        (|| Verdict::Value(Body::from_bytes(&[9])), FailClass::NoReply),
    ];
    for (verdict, expected) in ends {
        let mut pair = pair();
        let line = pair.opened(CLIENT, Streams::Down);
        pair.put(line, false, 3);
        pair.finish(line, verdict());
        pair.exchange();
        assert!(
            pair.read(line, false) && pair.lines[line].down.got == [0],
            "what came before the end is read"
        );
        pair.read(line, false);
        let Some(StreamEnd::Failed(class, held)) = &pair.lines[line].down.end else { panic!("{expected:?}") };
        assert_eq!(*class, expected);
        if expected == FailClass::Declared {
            assert_eq!(held.as_slice(), body().payload());
        }
        pair.drain();
    }
}

#[test]
fn a_complete_stream_ends_when_it_was_read() {
    let mut pair = pair();
    let line = pair.opened(CLIENT, Streams::Down);
    for _ in 0..3 {
        pair.put(line, false, 3);
    }
    pair.finish(line, Verdict::Completed);
    pair.exchange();
    assert_eq!(pair.world.sides[CLIENT].engine.streams(), 0, "it is over on the wire");
    assert_eq!((pair.used(CLIENT).1, pair.used(SERVER).0), (1, 0), "its slot is kept until it is read");
    while pair.read(line, false) {}
    assert!(matches!(pair.lines[line].down.end, Some(StreamEnd::Completed)));
    assert_eq!(pair.used(CLIENT).1, 0);
    pair.drain();
}

/// The handler is dropped with the CANCEL, and items that crossed it are counted and dropped.
#[test]
fn a_reader_that_goes_stops_its_producer() {
    let mut pair = pair();
    let line = pair.opened(CLIENT, Streams::Both);
    pair.drop_reader(line, false);
    // It has not heard of it.
    pair.put(line, false, 3);
    pair.put(line, false, 3);
    assert!(pair.lines[line].up.writer.is_none(), "the upload ends with its call");
    pair.exchange();
    assert!(pair.lines[line].handler.is_none(), "R14: the handler is dropped");
    assert_eq!(pair.world.sides[CLIENT].engine.stats().stray_items, 2);
    pair.drain();
}

#[test]
fn an_end_may_cross_a_cancel() {
    let mut pair = pair();
    let line = pair.opened(CLIENT, Streams::Down);
    pair.finish(line, Verdict::Completed);
    pair.drop_reader(line, false);
    pair.exchange();
    assert_eq!(pair.world.sides[CLIENT].engine.stats().stray_items, 1);
    pair.drain();
}

#[test]
fn an_upload_that_nobody_reads_stops_and_the_call_goes_on() {
    let mut pair = pair();
    let line = pair.call(CLIENT, Streams::Up, 0, 30);
    pair.exchange();
    pair.put(line, true, 3);
    pair.exchange();
    pair.drop_reader(line, true);
    // It has not heard of it.
    pair.put(line, true, 3);
    pair.exchange();
    assert!(pair.lines[line].up.writer.is_none(), "the upload is dropped");
    assert_eq!(pair.world.sides[SERVER].engine.stats().items_dropped, 2);
    pair.finish(line, Verdict::Value(Body::from_bytes(&[4])));
    pair.exchange();
    pair.poll(line);
    assert!(matches!(pair.lines[line].call, Call::Over(Outcome::Returned(_))));
    pair.drain();
}

/// The answer crosses what is still uploaded.
#[test]
fn an_answer_ends_the_upload() {
    let mut pair = pair();
    let line = pair.call(CLIENT, Streams::Up, 0, 30);
    pair.exchange();
    pair.put(line, true, 3);
    pair.finish(line, Verdict::Value(Body::empty()));
    pair.exchange();
    assert!(pair.lines[line].up.writer.is_none());
    assert_eq!(pair.world.sides[SERVER].engine.stats().stray_items, 1);
    pair.read(line, true);
    assert!(matches!(pair.lines[line].up.end, Some(StreamEnd::Cancelled)), "its reader learns of it");
    pair.drain();
}

#[test]
fn the_end_of_the_values_ends_the_upload() {
    let mut pair = pair();
    let line = pair.opened(CLIENT, Streams::Both);
    pair.finish(line, Verdict::Completed);
    pair.put(line, true, 3);
    pair.exchange();
    assert!(pair.lines[line].up.writer.is_none());
    pair.drain();
}

/// R14: until it is open, as for any call; then no more.
#[test]
fn r14_the_deadline_ends_what_is_not_open() {
    for streams in SHAPES {
        let mut pair = pair();
        let line = pair.call(CLIENT, streams, 0, 5);
        pair.exchange();
        pair.world.pass(5 * SECOND);
        pair.tick();
        pair.poll(line);
        assert!(matches!(pair.lines[line].call, Call::Over(Outcome::Timeout(_))), "{streams:?}");
        assert!(pair.lines[line].handler.is_none() && pair.lines[line].up.writer.is_none());
        pair.drain();
    }
    for streams in [Streams::Down, Streams::Both] {
        let mut pair = pair();
        let line = pair.opened(SERVER, streams);
        for _ in 0..100 {
            pair.world.pass(10 * SECOND);
            pair.tick();
            pair.exchange();
        }
        pair.put(line, false, 1);
        pair.exchange();
        assert!(pair.read(line, false), "R14: an open stream has no deadline");
        pair.drain();
    }
}

/// R15: wherever a connection ends, its streams end with it, on both sides.
#[test]
fn r15_a_close_at_each_step() {
    for streams in SHAPES {
        for step in 0..9 {
            for by in [CLIENT, SERVER] {
                let mut pair = pair();
                let line = pair.call(CLIENT, streams, 0, 30);
                let steps: [&dyn Fn(&mut Pair); 8] = [
                    &|pair| assert!(pair.pump(CLIENT)),
                    &|pair| assert!(pair.deliver(SERVER)),
                    &|pair| pair.open_stream(line),
                    &|pair| pair.exchange(),
                    &|pair| pair.poll(line),
                    &|pair| _ = (pair.put(line, false, 3), pair.put(line, true, 3)),
                    &|pair| pair.exchange(),
                    &|pair| _ = (pair.read(line, false), pair.read(line, true)),
                ];
                steps[..step.min(8)].iter().for_each(|step| step(&mut pair));
                pair.close(by, 4001);
                pair.exchange();
                pair.poll(line);
                pair.check();
                let reads = pair.lines[line].down.reader.is_some();
                while pair.read(line, false) {}
                if reads {
                    let end = &pair.lines[line].down.end;
                    let Some(StreamEnd::Closed(info)) = end else { panic!("{streams:?} {step}: {end:?}") };
                    assert_eq!((info.code, &*info.reason), (4001, "enough"));
                }
                pair.drain();
            }
        }
    }
}

/// R15: what had ended before the close keeps its end.
#[test]
fn r15_a_complete_stream_outlives_its_connection() {
    let mut pair = pair();
    let line = pair.opened(CLIENT, Streams::Down);
    pair.put(line, false, 3);
    pair.finish(line, Verdict::Completed);
    pair.exchange();
    pair.close(CLIENT, 4001);
    while pair.read(line, false) {}
    assert_eq!(pair.lines[line].down.got, [0]);
    assert!(matches!(pair.lines[line].down.end, Some(StreamEnd::Completed)));
    pair.drain();
}

/// R3: a server that leaves waits for its streams as for its calls.
#[test]
fn r3_a_stream_is_given_the_drain() {
    let mut pair = pair();
    let line = pair.opened(CLIENT, Streams::Down);
    pair.world.go_away(10 * SECOND);
    pair.exchange();
    assert!(pair.world.sides[SERVER].engine.closed().is_none());
    pair.put(line, false, 1);
    pair.finish(line, Verdict::Completed);
    pair.exchange();
    assert_eq!(pair.world.sides[SERVER].engine.closed().map(|info| info.code), Some(1001));
    while pair.read(line, false) {}
    assert!(matches!(pair.lines[line].down.end, Some(StreamEnd::Completed)), "the END left before the close");
    pair.drain();
}

/// A server without memory for an item ends that stream with a word, and nothing else.
#[test]
fn a_server_without_memory_ends_the_stream() {
    let wide = LIMITS().stream_items(100).stream_bytes(1 << 20);
    for streams in [Streams::Up, Streams::Down] {
        let mut pair =
            Pair::open(Setup { client: wide.clone(), server: wide.clone(), budget: Some(64 << 10) });
        let up = streams == Streams::Up;
        let line = if up {
            let line = pair.call(CLIENT, streams, 0, 30);
            pair.exchange();
            line
        } else {
            pair.opened(SERVER, streams)
        };
        for _ in 0..8 {
            pair.put(line, up, 30_000);
            pair.exchange();
        }
        while pair.read(line, up) {}
        let end = if up { &pair.lines[line].up.end } else { &pair.lines[line].down.end };
        assert!(matches!(end, Some(StreamEnd::Failed(FailClass::Overloaded, _))), "{end:?}");
        let got = if up { &pair.lines[line].up.got } else { &pair.lines[line].down.got };
        assert!(!got.is_empty(), "what had room before is read");
        assert_eq!(pair.put(line, up, 1), crate::engine::Put::Over, "its producer was told");
        pair.drain();
    }
}
