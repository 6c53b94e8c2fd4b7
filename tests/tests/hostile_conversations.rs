//! R17–R20, R35: what a peer can do to conversations: answers to what was never asked, answers of the wrong kind, floods.

use std::time::Duration;

use futures::future::join_all;
use tokio::io::duplex;
use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::{
    CallError, Connection, Encoding, FailureKind, Limits, Listeners, MessageHandle, SendError, code,
    ws_service,
};
use ws_tests::fixture::until_true;
use ws_tests::raw::Raw;
use ws_tests::raw::frames::{
    self, Frame, Hello, answer, call, cancel, encoded, event, fail, flag, plain, ret,
};

#[ws_service]
pub trait Talk {
    async fn question(&self, text: String) -> u8;
    #[ws(event)]
    async fn name(&self, name: String);
}

type Told = mpsc::UnboundedReceiver<(TalkEvent, MessageHandle)>;

fn text(text: &str) -> Vec<u8> {
    encoded(Encoding::Bincode, &(text,))
}

fn question() -> TalkEvent {
    TalkEvent::Question { text: "who?".into() }
}

/// A client whose server is the test; both serve and call the contract, the client by listeners that tell the test.
async fn accepted(limits: Limits, hello: Hello) -> (Connection<TalkRemote>, Raw, Told) {
    let (here, there) = duplex(64 << 10);
    let listeners = Listeners::<TalkEvent>::new();
    let (tell, told) = mpsc::unbounded_channel();
    let listener = move |event: &TalkEvent, message: &MessageHandle| {
        drop(tell.send((event.clone(), message.clone())));
    };
    listeners.on(listener).forever();
    let connector = WebSocketConnector::<(), Listeners<TalkEvent>, TalkRemote>::builder(())
        .limits(limits)
        .encodings([Encoding::Bincode])
        .on_failure(|failure| assert_ne!(failure.kind, FailureKind::Listener))
        .build()
        .expect("good limits");
    let connecting = connector.connect_over(here, "ws://server.example/", listeners);
    let serving = async {
        let mut raw = Raw::answer(Box::new(there), Encoding::Bincode).await;
        assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
        raw.send([hello.welcome()]).await;
        raw
    };
    let (client, raw) = tokio::join!(connecting, serving);
    (client.expect("accepted"), raw, told)
}

/// The id of the message that comes.
async fn next_id(raw: &mut Raw) -> u64 {
    let Frame::Message { id, .. } = raw.frame().await else { panic!("a message") };
    id
}

#[tokio::test(start_paused = true)]
async fn r19_a_broadcast_cannot_be_answered() {
    let (client, mut raw, mut told) = accepted(Limits::default(), Hello::default()).await;
    raw.send([event(0, "Talk.name", &text("all")), answer(0, 0, 3, "Talk.name", &text("all"))]).await;
    for reply_to in [None, Some(3)] {
        let (event, message) = told.recv().await.expect("the broadcast");
        assert_eq!(event, TalkEvent::Name { name: "all".into() });
        assert_eq!((message.event_id(), message.reply_to()), (0, reply_to));
        assert_eq!(message.reply(question()).await, Err(SendError::Broadcast));
        assert_eq!(message.answer(question()), Err(SendError::Broadcast));
        assert_eq!(message.ask(question()).await.map(drop), Err(CallError::NoReply));
        assert_eq!(message.reply(question()).now(), Err(SendError::Broadcast));
        assert_eq!(message.reply(question()).lossy().await, Err(SendError::Broadcast));
    }
    assert_eq!(client.pending(), 0);
    client.peer().send(TalkEvent::Name { name: "last".into() }).await.expect("credit");
    let Frame::Message { rest, .. } = raw.frame().await else { panic!("a message") };
    assert_eq!(rest, text("last"), "nothing was sent before it");
}

#[tokio::test(start_paused = true)]
async fn r20_answers_to_what_was_never_asked_are_messages_like_any_other() {
    let (client, mut raw, mut told) = accepted(Limits::default(), Hello::default()).await;
    let strange = [0, 1, 2, 3, 5, 7, 1 << 40, (1 << 53) - 1, u64::MAX];
    for (position, reply_to) in strange.into_iter().enumerate() {
        let id = 2 * (position as u64 + 1);
        raw.send([answer(0, id, reply_to, "Talk.name", &text("me"))]).await;
        let (_, message) = told.recv().await.expect("a message");
        assert_eq!((message.event_id(), message.reply_to()), (id, Some(reply_to)));
    }
    assert!(client.is_open());
}

/// R13: each ends by what it waits for, and by nothing else.
#[tokio::test(start_paused = true)]
async fn r17_calls_answered_by_messages_and_asks_answered_by_returns_go_on() {
    let (client, mut raw, mut told) = accepted(Limits::default(), Hello::default()).await;
    let calling = tokio::spawn(client.remote().question("who?".into()));
    let called = next_id(&mut raw).await;
    let asking = tokio::spawn(client.peer().ask(question()));
    let asked = next_id(&mut raw).await;
    raw.send([
        answer(0, 2, called, "Talk.name", &text("a message for a call")),
        ret(asked, &[1]),
        fail(asked, frames::class::INTERNAL, &[0; 8]),
        cancel(asked),
        cancel(called),
        // A call that names what was asked is a call.
        answer(flag::WANTS_REPLY, 4, asked, "Talk.question", &text("a call for an ask")),
    ])
    .await;
    let (_, message) = told.recv().await.expect("it goes the normal way");
    assert_eq!(message.reply_to(), Some(called));
    let (_, message) = told.recv().await.expect("it is a call");
    assert_eq!(message.reply_to(), Some(asked));
    assert_eq!(
        raw.frame().await,
        Frame::Fail { id: 4, class: 5, body: vec![] },
        "NoReply: listeners alone serve"
    );
    assert_eq!(client.pending(), 2);
    assert_eq!(client.stats().stray_replies, 2);
    raw.send([ret(called, &[7]), answer(0, 6, asked, "Talk.name", &text("me"))]).await;
    assert_eq!(calling.await.expect("no panic"), Ok(7));
    let answered = asking.await.expect("no panic").expect("an answer");
    assert_eq!(answered.event(), &TalkEvent::Name { name: "me".into() });
    assert_eq!(client.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn r35_answers_that_do_not_decode_fail_their_ask_alone() {
    let (client, mut raw, mut told) = accepted(Limits::default(), Hello::default()).await;
    for (what, method, body) in [
        ("cut short", "Talk.name", vec![9]),
        ("with bytes behind", "Talk.name", [text("me"), vec![0]].concat()),
        ("of a length beyond all memory", "Talk.name", vec![253, 255, 255, 255, 255, 255, 255, 255, 255]),
        ("not UTF-8", "Talk.name", vec![1, 0xff]),
        ("of an unknown method", "Talk.nothing", text("me")),
        ("of another contract", "Other.name", text("me")),
    ] {
        for observed in [false, true] {
            let _all = observed.then(|| client.listen::<TalkEvent>().all(|_, _| ()));
            let asking = tokio::spawn(client.peer().ask(question()));
            let asked = next_id(&mut raw).await;
            raw.send([answer(0, 2, asked, method, &body)]).await;
            let outcome = asking.await.expect("no panic").map(drop);
            assert_eq!(outcome, Err(CallError::InvalidReply), "{what}, observed: {observed}");
        }
    }
    assert_eq!(client.pending(), 0);
    assert!(told.try_recv().is_err());
    raw.send([call(8, "Talk.question", &text("still there?"))]).await;
    assert!(matches!(raw.frame().await, Frame::Fail { id: 8, .. }));
}

/// R12: answers spend credit like other messages, so that a flood of them is a flood.
#[tokio::test(start_paused = true)]
async fn r12_a_flood_of_answers_beyond_the_credit_is_closed_1008() {
    for asked_first in [false, true] {
        for observed in [false, true] {
            let limits = Limits::default().event_lane_messages(8).close_grace(Duration::from_millis(300));
            let (client, mut raw, _told) = accepted(limits, Hello::default()).await;
            let _all = observed.then(|| client.listen::<TalkEvent>().all(|_, _| ()));
            let asking = asked_first.then(|| tokio::spawn(client.peer().ask(question())));
            let asked = if asked_first { next_id(&mut raw).await } else { 1 };
            // In one message, so that no credit can come between.
            raw.send((0..50).map(|number| answer(0, 2 * number + 2, asked, "Talk.name", &text("me")))).await;
            let closed = raw.close_code().await;
            assert_eq!(closed, code::POLICY);
            drop(raw);
            assert_eq!(client.closed().await.code, code::POLICY);
            if let Some(asking) = asking {
                let outcome = asking.await.expect("no panic").map(drop);
                assert!(matches!(outcome, Ok(()) | Err(CallError::Closed(_))), "{outcome:?}");
            }
            assert_eq!(client.pending(), 0);
        }
    }
}

/// Within its credit a peer may send as many answers as it likes: they cost it, and nobody else.
#[tokio::test(start_paused = true)]
async fn r18_a_thousand_late_answers_leave_nothing() {
    let hello = Hello { announced: [1 << 20, 256, 4 << 20, 10_000, 1 << 20, 15_000], ..Hello::default() };
    let (client, mut raw, mut told) = accepted(Limits::default(), hello).await;
    for round in 0..20 {
        let peer = client.peer();
        let asks: Vec<_> =
            (0..50).map(|_| tokio::spawn(peer.ask(question()).within(Duration::from_millis(10)))).collect();
        let mut ids = Vec::new();
        for _ in 0..50 {
            ids.push(next_id(&mut raw).await);
        }
        for outcome in join_all(asks).await {
            assert!(outcome.expect("no panic").expect_err("nobody answered").is_timeout());
        }
        raw.send(ids.iter().map(|id| answer(0, id + 1, *id, "Talk.name", &text("late")))).await;
        for id in ids {
            let (_, message) = told.recv().await.expect("it goes the normal way");
            assert_eq!(message.reply_to(), Some(id), "round {round}");
        }
        until_true(|| client.running() == 0).await;
        assert_eq!(client.pending(), 0);
    }
}

/// The server gives no credit for the second ask, and takes its time with everything.
#[tokio::test(start_paused = true)]
async fn r21_asks_that_no_credit_comes_for_end_at_their_deadline() {
    let hello = Hello { announced: [1 << 20, 256, 4 << 20, 1, 1 << 20, 15_000], ..Hello::default() };
    let (client, mut raw, _told) = accepted(Limits::default(), hello).await;
    let peer = client.peer();
    let first = tokio::spawn(peer.ask(question()));
    next_id(&mut raw).await;
    let outcome = peer.ask(question()).within(Duration::from_millis(500)).await;
    assert_eq!(outcome.map(drop), Err(CallError::Timeout(ws_core::Fate::NotSent)));
    peer.send(question()).start().expect("it waits");
    assert_eq!(peer.pending(), 2);
    first.abort();
    drop(first.await);
    // What nobody awaits is given up after `send_timeout`.
    tokio::time::sleep(Limits::default().send_timeout + Duration::from_millis(2)).await;
    assert_eq!(peer.pending(), 0);
    raw.send([plain(frames::CREDIT, &[0, 5, 1 << 20])]).await;
    peer.send(TalkEvent::Name { name: "next".into() }).await.expect("credit");
    let Frame::Message { rest, .. } = raw.frame().await else { panic!("a message") };
    assert_eq!(rest, text("next"), "what had expired was not sent");
    drop(raw);
    client.closed().await;
}

/// Ends in the middle of an answer, and in the middle of asking.
#[tokio::test(start_paused = true)]
async fn r15_a_server_that_vanishes_fails_every_ask() {
    let (client, mut raw, _told) = accepted(Limits::default(), Hello::default()).await;
    let asks: Vec<_> = (0..10).map(|_| tokio::spawn(client.peer().ask(question()))).collect();
    let asked = next_id(&mut raw).await;
    let frame = frames::batch([answer(0, 2, asked, "Talk.name", &text("me"))]);
    let whole = frames::websocket(0x82, None, &frame);
    raw.bytes(&whole[..whole.len() - 1]).await;
    drop(raw);
    for ask in asks {
        assert!(ask.await.expect("no panic").expect_err("lost").is_closed());
    }
    assert_eq!(client.pending(), 0);
}
