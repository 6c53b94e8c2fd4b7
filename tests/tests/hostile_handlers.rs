//! R16, R17: whatever goes wrong in a handler is the affair of that one call; its caller learns a number, and nothing
//! of what went wrong.

use ws_core::{CallError, Encoding, Fate, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::Raw;
use ws_tests::raw::arena::{Arena, Over};
use ws_tests::raw::frames::{self, Frame, Hello, call, cancel, class, event};
use ws_tests::raw::target::SECRET;

/// The number of a FAIL `Internal`, which is all that its body holds.
async fn internal(raw: &mut Raw, id: u64, what: &str) -> u64 {
    match raw.frame().await {
        Frame::Fail { id: failed, class: class::INTERNAL, body } if failed == id => {
            let text = String::from_utf8_lossy(&body);
            assert!(!SECRET.contains(text.trim_end_matches('\0')), "{what}: {text}");
            u64::from_le_bytes(body.try_into().unwrap_or_else(|body| panic!("{what}: 8 bytes, not {body:?}")))
        }
        frame => panic!("{what}: FAIL Internal for {id}, not {frame:?}"),
    }
}

#[tokio::test]
async fn r16_a_handler_that_panics_is_internal_and_nothing_else() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    for encoding in Encoding::available() {
        let (mut raw, serving) = arena.joined_in(*encoding, Hello::default()).await;
        let nothing = frames::encoded(*encoding, &());
        let mut numbers = Vec::new();
        for (id, method) in (1..).step_by(2).zip([
            "Target.panics_at_once",
            "Target.panics_later",
            "Target.panics_leaving",
            "Target.panics_in_a_task",
            "Target.panics_encoding",
            "Target.unencodable",
        ]) {
            raw.send([call(id, method, &nothing)]).await;
            numbers.push(internal(&mut raw, id, method).await);
            arena.serves().await;
        }
        let decoding = frames::encoded(*encoding, &(ws_tests::raw::target::PanicsDecoding,));
        raw.send([call(99, "Target.panics_decoding", &decoding)]).await;
        numbers.push(internal(&mut raw, 99, "Target.panics_decoding").await);
        assert_eq!(serving.stats().handler_failures, numbers.len() as u64);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 7, "each failure has a number of its own");
        assert!(numbers.iter().all(|number| *number > u64::from(u32::MAX)), "and no counter: {numbers:?}");

        raw.send([call(1, "Target.add", &frames::encoded(*encoding, &(2, 4)))]).await;
        let sum = frames::encoded(*encoding, &6);
        assert_eq!(raw.frame().await, Frame::Return { id: 1, body: sum }, "the connection lives");
        assert_eq!(serving.running(), 0);
        arena.thrives().await;
        drop(raw);
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r16_a_handler_that_panics_when_it_is_dropped_is_no_affair_of_others() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    // By CANCEL: the caller no longer wants an answer, so that there is none.
    raw.send([call(1, "Target.panics_in_drop", &[])]).await;
    until_true(|| arena.counts.live() == 1).await;
    raw.send([cancel(1), call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] });
    assert_eq!((arena.counts.live(), serving.running()), (0, 0));
    arena.serves().await;

    // By its deadline.
    let flags = frames::flag::WANTS_REPLY | frames::flag::HAS_DEADLINE;
    raw.send([frames::message(flags, 3, 0, "Target.panics_in_drop", &[30], &[])]).await;
    assert_eq!(raw.frame().await, Frame::Fail { id: 3, class: class::TIMEOUT, body: vec![] });
    assert_eq!((arena.counts.live(), serving.running()), (0, 0));

    // By the end of the connection, many at once.
    raw.send((1..100).step_by(2).map(|id| call(id, "Target.panics_in_drop", &[]))).await;
    until_true(|| arena.counts.live() == 50).await;
    arena.thrives().await;
    drop(raw);
    serving.closed().await;
    assert_eq!(arena.counts.live(), 0, "R3: before `closed` resolves");
    arena.ends_well().await;
}

#[tokio::test]
async fn r16_an_event_that_panics_does_not_hold_the_next() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    // More than the credit's window together, so that the credit must come back.
    for round in 0..10 {
        let events = (0..50).map(|i| event(200 * round + 4 * i + 1, "Target.panicking_note", &[]));
        raw.send(events).await;
        raw.send([event(200 * round + 3, "Target.note", &[0])]).await;
        until_true(|| arena.counts.notes() as u64 == round + 1).await;
    }
    assert_eq!(serving.stats().handler_failures, 500);
    assert!(serving.is_open());
    assert_eq!(serving.running(), 0);
    arena.thrives().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r17_a_result_beyond_the_callers_max_message_is_too_large() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let small = Hello { announced: [1024, 256, 4 << 20, 256, 1 << 20, 15_000], ..Hello::default() };
    let (mut raw, serving) = arena.joined_in(Encoding::Bincode, small).await;
    let blob = |size: u32| call(5, "Target.blob", &frames::encoded(Encoding::Bincode, &size));
    for size in [1025, 100_000, 10 << 20] {
        raw.send([blob(size)]).await;
        assert_eq!(raw.frame().await, Frame::Fail { id: 5, class: class::TOO_LARGE, body: vec![] }, "{size}");
        assert_eq!(serving.running(), 0);
        arena.serves().await;
    }
    // What fits goes through: the frame is within the bound, to the byte.
    raw.send([blob(1000)]).await;
    let Frame::Return { id: 5, body } = raw.frame().await else { panic!("a RETURN") };
    assert_eq!(body.len(), 1003);
    drop(raw);

    // To this toolkit's own client it is `TooLarge`.
    let honest = arena.honest_client().await.expect("accepted");
    assert_eq!(honest.remote().blob(2 << 20).await, Err(CallError::TooLarge(Fate::Unknown)));
    assert_eq!(honest.remote().blob(2).await, Ok("xx".to_owned()));
    honest.close().await;
    arena.ends_well().await;
}
