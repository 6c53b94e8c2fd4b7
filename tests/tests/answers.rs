//! R11: answers leave while handlers behind them have yet to start, so that the other side has work before this one is
//! done; but where another connection keeps the thread busy, that would only cost.

use ws_core::{Encoding, Limits};
use ws_tests::raw::Raw;
use ws_tests::raw::arena::{Arena, Over};
use ws_tests::raw::frames::{Frame, call, encoded};

const CALLS: u64 = 64;

/// Makes so many calls in one message: how many messages bring the answers.
async fn messages_for(raw: &mut Raw, calls: u64) -> usize {
    let arguments = encoded(Encoding::Bincode, &(1_i64, 2_i64));
    let before = raw.messages;
    assert!(raw.send((0..calls).map(|number| call(2 * number + 1, "Target.add", &arguments))).await);
    for number in 0..calls {
        let answer = raw.frame().await;
        assert!(matches!(answer, Frame::Return { id, .. } if id == 2 * number + 1), "{answer:?}");
    }
    raw.messages - before
}

#[tokio::test]
async fn answers_do_not_wait_for_the_last_of_many_handlers() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, _serving) = arena.joined().await;
    messages_for(&mut raw, 1).await;
    assert_eq!(messages_for(&mut raw, CALLS).await, 4);
    assert_eq!(messages_for(&mut raw, 10).await, 1, "few are answered at once");
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn a_thread_with_several_connections_writes_no_more_often_than_it_must() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, _serving) = arena.joined().await;
    let (mut other, _other) = arena.joined().await;
    messages_for(&mut raw, 1).await;
    messages_for(&mut other, 1).await;
    assert_eq!(messages_for(&mut raw, CALLS).await, 1);
    drop((raw, other));
    arena.ends_well().await;
}
