//! R6–R9: a handler may take its time, fail, panic or go away, and its client may die or talk on meanwhile. Each client
//! gets the answer of its kind, no handler outlives what it was to decide, and nobody else notices.

use std::time::Duration;

use futures::FutureExt;
use futures::future::pending;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use ws_core::{ClosedBy, Limits};
use ws_server::{HandlerError, Rejection};
use ws_tests::fixture::until_true;
use ws_tests::raw::Seen;
use ws_tests::raw::arena::{Accept, Arena, Decided, MEMORY, Over, Taken, WELCOME, hello};
use ws_tests::raw::frames::{Frame, Hello, call, event};
use ws_tests::raw::target::SECRET;

fn short() -> Limits {
    Limits::default()
        .header_timeout(Duration::from_millis(300))
        .decision_timeout(Duration::from_millis(700))
        .close_grace(Duration::from_millis(100))
}

/// Since then, in whole milliseconds of the paused clock.
fn after(since: Instant) -> u128 {
    since.elapsed().as_millis()
}

#[tokio::test(start_paused = true)]
async fn r6_a_decision_that_never_comes_is_4009() {
    let (arena, waiting) = Arena::undecided(MEMORY, short()).await;
    let mut raw = arena.raw().await;
    raw.send([hello("undecided")]).await;
    until_true(|| waiting.live() == 1).await;
    let began = Instant::now();
    arena.thrives().await;
    assert_eq!(arena.numbers(), (1, 1, 2));
    let (code, reason) = raw.rejected().await;
    assert_eq!((code, reason.as_str()), (4009, "no decision in time"));
    assert!((690..710).contains(&after(began)), "{}", after(began));
    drop(raw);
    until_true(|| waiting.live() == 0).await;
    assert_eq!(waiting.started(), 1);
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r9_a_handler_past_its_time_is_dropped_also_where_the_client_does_not_answer_the_close() {
    let (arena, waiting) = Arena::undecided(MEMORY, short()).await;
    let mut raw = arena.raw().await;
    raw.send([hello("undecided")]).await;
    until_true(|| waiting.live() == 1).await;
    let began = Instant::now();
    until_true(|| waiting.live() == 0).await;
    assert!((690..820).contains(&after(began)), "decision_timeout and at most close_grace: {}", after(began));
    arena.ends_well().await;
    drop(raw);
}

#[tokio::test]
async fn r9_a_socket_that_dies_cancels_the_decision() {
    for over in [Over::Socket, MEMORY] {
        let (arena, waiting) = Arena::undecided(over, Limits::default()).await;
        let mut raw = arena.raw().await;
        raw.send([hello("undecided")]).await;
        until_true(|| waiting.live() == 1).await;
        assert_eq!(arena.numbers(), (1, 1, 2));
        arena.thrives().await;
        drop(raw);
        until_true(|| waiting.live() == 0).await;
        arena.ends_well().await;
    }
}

#[tokio::test]
async fn r9_a_close_frame_cancels_the_decision() {
    let (arena, waiting) = Arena::undecided(Over::Socket, Limits::default()).await;
    let mut raw = arena.raw().await;
    raw.send([hello("undecided")]).await;
    until_true(|| waiting.live() == 1).await;
    raw.message(Message::Close(None)).await;
    until_true(|| waiting.live() == 0).await;
    arena.ends_well().await;
}

#[tokio::test]
async fn r8_what_comes_before_the_decision_is_not_run() {
    let decide = |taken: Taken, accept: Accept| -> Decided {
        async move {
            sleep(Duration::from_millis(100)).await;
            Ok(accept.accept(taken).await?)
        }
        .boxed()
    };
    tokio::time::pause();
    let mut arena = Arena::deciding(MEMORY, Limits::default(), decide).await;
    let mut raw = arena.raw().await;
    let early = [hello("slow"), call(1, "Target.hang", &[0]), event(3, "Target.note", &[0])];
    raw.send(early).await;
    raw.send([call(5, "Target.hang", &[0])]).await;
    let (mut raw, serving) = arena.welcomed(raw).await;
    assert_eq!(serving.stats().early_dropped, 3);
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] }, "R9: after the WELCOME, and first");
    assert_eq!((arena.counts.started(), arena.counts.notes()), (0, 0));
    arena.thrives().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r8_while_the_server_decides_frames_are_dropped_or_break_the_protocol() {
    use ws_tests::raw::frames::{cancel, fail, plain, reject, ret};
    let (arena, waiting) = Arena::undecided(Over::Socket, Limits::default()).await;
    // P17: the second row of the server's table.
    for (what, frame, dropped) in [
        ("HELLO", hello("undecided"), false),
        ("WELCOME", Hello::default().welcome(), false),
        ("REJECT", reject(1, 4501, b"no"), false),
        ("an unknown kind", vec![0x55, 0], false),
        ("a MESSAGE cut short", vec![4, 1, 1], false),
        ("a call", call(1, "Target.add", &[2, 4]), true),
        ("an event", event(1, "Target.note", &[0]), true),
        ("a RETURN", ret(1, &[]), true),
        ("a FAIL", fail(1, 11, &[]), true),
        ("a CANCEL", cancel(1), true),
        ("CREDIT", plain(8, &[0, 1, 1]), true),
        ("a PING", plain(11, &[1]), true),
        ("a PONG", plain(12, &[1]), true),
        ("a GOAWAY", plain(13, &[1]), true),
        ("a kind that may be skipped", vec![0x80], true),
    ] {
        let mut raw = arena.raw().await;
        raw.send([hello("undecided")]).await;
        until_true(|| waiting.live() == 1).await;
        raw.send([frame]).await;
        if dropped {
            // It was read, and the server still decides, when the next frame breaks the protocol.
            raw.send([hello("undecided")]).await;
        }
        let (frames, close) = raw.drain().await;
        assert_eq!((frames, close.map(|(code, _)| code)), (vec![], Some(1002)), "{what}: no answer but this");
        until_true(|| waiting.live() == 0).await;
        arena.serves().await;
    }
    assert_eq!(arena.counts.notes(), 0);
    arena.ends_well().await;
}

#[tokio::test]
async fn r8_nothing_is_processed_after_a_rejection() {
    let arena = Arena::deciding(Over::Socket, Limits::default(), |taken, _| {
        async move { taken.reject(Rejection::unauthorized("who are you?")).await }.boxed()
    })
    .await;
    let mut raw = arena.raw().await;
    raw.send([hello("bad"), event(1, "Target.note", &[0]), call(3, "Target.add", &[2, 4])]).await;
    let (code, reason) = raw.rejected().await;
    assert_eq!((code, reason.as_str()), (4501, "who are you?"));
    raw.send([hello(WELCOME), event(1, "Target.note", &[0]), call(3, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.next().await, Seen::Lost);
    assert_eq!(arena.counts.notes(), 0);
    arena.thrives().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r35_a_long_reason_is_cut_and_a_code_that_must_not_travel_is_1008() {
    let arena = Arena::deciding(Over::Socket, Limits::default(), |taken, _| {
        async move { taken.reject(Rejection::new(1006, "ä".repeat(5000))).await }.boxed()
    })
    .await;
    let mut raw = arena.raw().await;
    raw.send([hello("bad")]).await;
    let Frame::Reject { version: 1, code: 1008, retry: 0, reason } = raw.frame().await else {
        panic!("a REJECT of 1008")
    };
    assert_eq!(reason, "ä".repeat(512));
    assert_eq!(raw.next().await, Seen::Closed(Some((1008, "ä".repeat(61)))));
    drop(raw);
    arena.ends_well().await;
}

#[derive(Debug)]
struct Secret;

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SECRET)
    }
}

impl std::error::Error for Secret {}

/// What handlers do wrong before they decide, by token.
fn badly(taken: Taken, _: Accept) -> Decided {
    let token = taken.header().token.clone();
    if token == "panics before its first await" {
        panic!("{SECRET}");
    }
    async move {
        match token.as_str() {
            "panics at once" => panic!("{SECRET}"),
            "panics later" => {
                tokio::task::yield_now().await;
                panic!("{SECRET}")
            }
            "panics without its acceptor" => {
                drop(taken);
                panic!("{SECRET}")
            }
            "fails" => Err(Secret.into()),
            "fails later" => {
                tokio::task::yield_now().await;
                Err::<(), HandlerError>(Secret.into())
            }
            "drops" => {
                drop(taken);
                pending().await
            }
            "returns" => Ok(()),
            token => panic!("an unknown token: {token}"),
        }
    }
    .boxed()
}

#[tokio::test]
async fn r7_a_handler_that_fails_before_its_decision_says_nothing_of_why() {
    let arena = Arena::deciding(Over::Socket, Limits::default(), badly).await;
    for (token, code, reason) in [
        ("panics before its first await", 1011, ""),
        ("panics at once", 1011, ""),
        ("panics later", 1011, ""),
        ("panics without its acceptor", 1011, ""),
        ("fails", 1011, ""),
        ("fails later", 1011, ""),
        ("drops", 1008, "not decided"),
        ("returns", 1008, "not decided"),
    ] {
        let mut raw = arena.raw().await;
        raw.send([hello(token)]).await;
        assert_eq!(raw.rejected().await, (code, reason.to_owned()), "{token}");
        arena.thrives().await;
        drop(raw);
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r7_a_handler_that_fails_after_its_acceptance_closes_1011() {
    let decide = |taken: Taken, accept: Accept| -> Decided {
        async move {
            let (token, closed) = (taken.header().token.clone(), taken.peer());
            accept.accept(taken).await?;
            match token.as_str() {
                "fails at once" => return Err(Secret.into()),
                "panics at once" => panic!("{SECRET}"),
                _ => tokio::task::yield_now().await,
            }
            match token.as_str() {
                "fails later" => Err(Secret.into()),
                "panics later" => panic!("{SECRET}"),
                _ => {
                    closed.closed().await;
                    panic!("{SECRET}")
                }
            }
        }
        .boxed()
    };
    let mut arena = Arena::deciding(Over::Socket, Limits::default(), decide).await;
    for token in ["fails at once", "panics at once", "fails later", "panics later"] {
        let mut raw = arena.raw().await;
        raw.send([hello(token)]).await;
        let (mut raw, _) = arena.welcomed(raw).await;
        assert_eq!(raw.closed().await, (1011, String::new()), "{token}");
        arena.thrives().await;
        drop(raw);
        arena.only_honest().await;
    }
    // A panic after the end changes nothing.
    let mut raw = arena.raw().await;
    raw.send([hello("panics in the end")]).await;
    let (raw, serving) = arena.welcomed(raw).await;
    drop(raw);
    let info = serving.closed().await;
    assert_eq!((info.code, info.by), (1006, ClosedBy::Network));
    arena.ends_well().await;
}

#[tokio::test]
async fn r7_an_acceptor_that_went_elsewhere_still_decides() {
    let decide = |taken: Taken, accept: Accept| -> Decided {
        tokio::spawn(async move {
            sleep(Duration::from_millis(50)).await;
            accept.accept(taken).await.expect("the client waits");
        });
        async { Ok(()) }.boxed()
    };
    let mut arena = Arena::deciding(Over::Socket, Limits::default(), decide).await;
    let mut raw = arena.raw().await;
    raw.send([hello("later")]).await;
    let (mut raw, _) = arena.welcomed(raw).await;
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] });
    drop(raw);
    arena.ends_well().await;
}
