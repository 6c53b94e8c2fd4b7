//! R19–R21: messages that answer messages, and who gets the answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use ws_client::WebSocketConnector;
use ws_core::{
    CallContext, CallError, Connection, Encoding, Fate, Limits, Listeners, Message, MessageHandle, Peer,
    SendError, ws_service,
};
use ws_server::{Acceptor, HandlerError, WebSocketServer};
use ws_tests::fixture::{Carrier, Ends, connect, until_true, ways};

#[ws_service]
pub trait Talk {
    /// A call, which may be sent like any message.
    async fn question(&self, text: String) -> u8;
    #[ws(event)]
    async fn name(&self, name: String);
    #[ws(event)]
    async fn thanks(&self, to: String);
    #[ws(event)]
    async fn step(&self, number: u32);
}

#[ws_service]
pub trait Other {
    #[ws(event)]
    async fn other(&self, number: u32);
}

const MEMORY: (Carrier, Encoding) = (Carrier::Memory, Encoding::Bincode);
const SECOND: Duration = Duration::from_secs(1);

type Talking = Ends<Listeners<TalkEvent>, TalkRemote, TalkRemote>;

fn question() -> TalkEvent {
    TalkEvent::Question { text: "who are you?".into() }
}

fn name(name: &str) -> TalkEvent {
    TalkEvent::Name { name: name.into() }
}

/// Both sides serve by listeners, these.
async fn talking(
    way: (Carrier, Encoding),
    limits: &Limits,
    server: &Listeners<TalkEvent>,
    client: &Listeners<TalkEvent>,
) -> Talking {
    let (server, client) = (server.clone(), client.clone());
    connect(way, limits, move |_| server.clone(), |_| client).await
}

/// Hands every message that comes in its turn to the test.
fn collected() -> (Listeners<TalkEvent>, mpsc::UnboundedReceiver<(TalkEvent, MessageHandle)>) {
    let listeners = Listeners::new();
    let (tell, told) = mpsc::unbounded_channel();
    let listener = move |event: &TalkEvent, message: &MessageHandle| {
        drop(tell.send((event.clone(), message.clone())));
    };
    listeners.on(listener).forever();
    (listeners, told)
}

/// Answers a question with a question of its own, and thanks whoever tells their name.
fn polite() -> Listeners<TalkEvent> {
    let listeners = Listeners::new();
    let listener = |event: &TalkEvent, message: &MessageHandle| {
        if !matches!(event, TalkEvent::Question { .. }) {
            return;
        }
        let message = message.clone();
        tokio::spawn(async move {
            let answer = message.ask(name("a listener; and you?")).await.expect("an answer");
            let TalkEvent::Name { name } = answer.event() else { panic!("{answer:?}") };
            answer.reply(TalkEvent::Thanks { to: name.clone() }).await.expect("credit");
        });
    };
    listeners.on(listener).forever();
    listeners
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("no hang")
}

#[tokio::test]
async fn r20_question_name_and_thanks_in_both_directions() {
    for way in ways() {
        let ends = talking(way, &Limits::default(), &polite(), &polite()).await;
        for peer in [ends.client.peer(), ends.serving.peer()] {
            let answer = peer.ask(question()).await.expect("a name");
            assert_eq!(answer.event(), &name("a listener; and you?"));
            assert!(answer.reply_to().is_some());
            let thanks: Message<TalkEvent> = answer.ask(name("bob")).await.expect("thanks");
            assert_ne!(thanks.event_id(), answer.event_id());
            assert_eq!(thanks.into_event(), TalkEvent::Thanks { to: "bob".into() });
        }
        let all = [ends.client.peer(), ends.serving.peer()];
        until_true(|| all.iter().all(|peer| peer.pending() == 0)).await;
    }
}

#[tokio::test]
async fn r20_many_conversations_at_once_are_not_mixed_up() {
    for way in ways() {
        let ends = talking(way, &Limits::default(), &polite(), &polite()).await;
        let conversation = |peer: Peer, number: usize| async move {
            let answer = peer.ask(question()).await.expect("a name");
            let thanks = answer.ask(name(&number.to_string())).await.expect("thanks");
            assert_eq!(thanks.into_event(), TalkEvent::Thanks { to: number.to_string() });
        };
        let peers = [ends.client.peer(), ends.serving.peer()];
        let all = (0..400).map(|number| conversation(peers[number % 2].clone(), number));
        in_time(join_all(all)).await;
        until_true(|| peers.iter().all(|peer| peer.pending() == 0)).await;
    }
}

/// What sees messages at the side that asks, in the order of seeing.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("unpoisoned").push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("unpoisoned"))
    }
}

/// A provider beside which listeners are.
struct Logging(Log);

impl Talk for Logging {
    async fn question(&self, _text: String) -> u8 {
        self.0.add("handler: question");
        1
    }

    async fn name(&self, name: String) {
        self.0.add(format!("handler: {name}"));
    }

    async fn thanks(&self, to: String) {
        self.0.add(format!("handler: thanks {to}"));
    }

    async fn step(&self, _number: u32) {}
}

#[tokio::test]
async fn r20_the_observer_sees_an_awaited_answer_first_and_then_its_waiter_and_nobody_else() {
    for way in ways() {
        let log = Log::default();
        let (listeners, mut messages) = collected();
        let client = Logging(log.clone());
        let server = listeners.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |_: TalkRemote| server.clone(),
            |_: TalkRemote| TalkProvider::new(client),
        )
        .await;
        let beside = ends.client.listen::<TalkEvent>();
        let (observed, listened) = (log.clone(), log.clone());
        let _all = beside.all(move |event: &TalkEvent, _| observed.add(format!("observer: {event:?}")));
        let _on = beside.on(move |event: &TalkEvent, _| listened.add(format!("listener: {event:?}")));

        let peer = ends.client.peer();
        let waiter = log.clone();
        let asking = async {
            let answer = peer.ask(question()).await.expect("an answer");
            waiter.add(format!("waiter: {:?}", answer.event()));
        };
        let answering = async {
            let (_, message) = messages.recv().await.expect("the question");
            message.reply(name("bob")).await.expect("credit");
        };
        tokio::join!(asking, answering);
        // Behind it comes one that nobody awaits: had the answer gone elsewhere too, it would have by now.
        ends.serving.remote().thanks("all".into()).await.expect("credit");
        until_true(|| log.0.lock().expect("unpoisoned").len() == 5).await;
        assert_eq!(
            log.take(),
            [
                "observer: Name { name: \"bob\" }",
                "waiter: Name { name: \"bob\" }",
                "observer: Thanks { to: \"all\" }",
                "listener: Thanks { to: \"all\" }",
                "handler: thanks all",
            ]
        );
    }
}

#[tokio::test]
async fn r20_an_answer_that_nobody_awaits_is_a_message_like_any_other_and_names_what_it_answers() {
    for way in ways() {
        let (server, mut at_server) = collected();
        let (client, mut at_client) = collected();
        let ends = talking(way, &Limits::default(), &server, &client).await;
        let sent = ends.client.peer().send(question()).await.expect("credit");
        assert_eq!((sent.event_id % 2, sent.reply_to), (1, None));
        let (_, message) = at_server.recv().await.expect("the question");
        assert_eq!(message.ids(), sent);
        let answered = message.reply(name("bob")).await.expect("credit");
        assert_eq!((answered.event_id % 2, answered.reply_to), (0, Some(sent.event_id)));
        let (event, back) = at_client.recv().await.expect("the answer");
        assert_eq!((event, back.ids()), (name("bob"), answered));
        // And on, without anybody who awaits.
        back.answer(TalkEvent::Thanks { to: "bob".into() }).expect("it is open");
        let (_, last) = at_server.recv().await.expect("the answer to the answer");
        assert_eq!(last.reply_to(), Some(answered.event_id));
    }
}

/// A handler of a trait learns as well what a message answers.
#[tokio::test]
async fn r20_a_handler_is_told_what_a_message_answers() {
    #[ws_service]
    trait Hear {
        #[ws(event)]
        async fn heard(&self, ctx: &CallContext, text: String);
    }
    struct Hears(mpsc::UnboundedSender<(u64, Option<u64>)>);
    impl Hear for Hears {
        async fn heard(&self, ctx: &CallContext, _text: String) {
            self.0.send((ctx.event_id(), ctx.reply_to())).expect("the test waits");
        }
    }
    for way in ways() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let client = HearProvider::new(Hears(tell));
        let ends =
            connect(way, &Limits::default(), |(): ()| Listeners::<TalkEvent>::new(), |_: TalkRemote| client)
                .await;
        // Any message may answer, also one of another contract.
        let listeners = ends.serving.listen::<TalkEvent>();
        let answering =
            |_: &TalkEvent, message: &MessageHandle| message.answer(HearEvent::Heard { text: "x".into() });
        let _on = listeners.on(answering);
        let sent = ends.client.peer().send(question()).await.expect("credit");
        let (id, reply_to) = told.recv().await.expect("the handler");
        assert_eq!((id % 2, reply_to), (0, Some(sent.event_id)));
    }
}

#[tokio::test]
async fn r20_the_first_answer_wins_and_the_second_is_a_message_like_any_other() {
    for way in ways() {
        let (server, mut at_server) = collected();
        let (client, mut at_client) = collected();
        let ends = talking(way, &Limits::default(), &server, &client).await;
        let peer = ends.client.peer();
        let asking = peer.ask(question());
        let answering = async {
            let (_, message) = at_server.recv().await.expect("the question");
            message.reply(name("first")).await.expect("credit");
            message.reply(name("second")).await.expect("credit");
            message.event_id()
        };
        let (answer, id) = tokio::join!(asking, answering);
        let answer = answer.expect("an answer");
        assert_eq!((answer.event(), answer.reply_to()), (&name("first"), Some(id)));
        let (event, message) = at_client.recv().await.expect("the second");
        assert_eq!((event, message.reply_to()), (name("second"), Some(id)));
        assert!(at_client.try_recv().is_err(), "and no more");
    }
}

/// A call may be told and answered by a message; asked as a call, it ends by its result only.
#[tokio::test]
async fn r20_a_message_does_not_end_a_call() {
    for way in ways() {
        let log = Log::default();
        let (client, mut at_client) = collected();
        let server = log.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |_: TalkRemote| TalkProvider::new(Logging(server.clone())),
            |_: TalkRemote| client,
        )
        .await;
        let beside = ends.serving.listen::<TalkEvent>();
        let answering = |_: &TalkEvent, message: &MessageHandle| message.answer(name("by the way"));
        let _on = beside.on(answering);
        assert_eq!(ends.client.remote().question("who?".into()).await, Ok(1));
        let (event, message) = at_client.recv().await.expect("what the listener said");
        assert_eq!(event, name("by the way"));
        assert!(message.reply_to().is_some_and(|id| id % 2 == 1));
    }
}

#[tokio::test]
async fn r20_an_answer_of_another_contract_is_no_answer() {
    for way in ways() {
        let (server, mut at_server) = collected();
        let (client, mut at_client) = collected();
        let ends = talking(way, &Limits::default(), &server, &client).await;
        let peer = ends.client.peer();
        let answering = async {
            let (_, message) = at_server.recv().await.expect("the question");
            message.reply(OtherEvent::Other { number: 1 }).await.expect("credit");
        };
        let (answer, ()) = tokio::join!(peer.ask(question()), answering);
        assert_eq!(answer.expect_err("not a message of the contract"), CallError::InvalidReply);
        assert_eq!(peer.pending(), 0);
        assert!(peer.is_open());
        assert!(at_client.try_recv().is_err(), "it went to who asked, and to nobody else");
    }
}

#[tokio::test(start_paused = true)]
async fn r21_the_deadline_is_exact_and_a_late_answer_goes_the_normal_way() {
    let (server, mut at_server) = collected();
    let (client, mut at_client) = collected();
    let limits = Limits::default().call_timeout(7 * SECOND).max_call_timeout(11 * SECOND);
    let ends = talking(MEMORY, &limits, &server, &client).await;
    let peer = ends.client.peer();
    for (within, expected) in [
        (Some(Duration::from_millis(1)), Duration::from_millis(1)),
        (Some(2 * SECOND), 2 * SECOND),
        (Some(500 * SECOND), 11 * SECOND),
        (None, 7 * SECOND),
    ] {
        let begun = Instant::now();
        let asking = peer.ask(question());
        let asking = match within {
            Some(within) => asking.within(within),
            None => asking,
        };
        let error = asking.await.expect_err("nobody answers");
        assert_eq!(error, CallError::Timeout(Fate::Unknown));
        let took = begun.elapsed();
        assert!(took >= expected && took < expected + Duration::from_millis(2), "{took:?} for {expected:?}");
        assert_eq!((peer.pending(), ends.client.running()), (0, 0), "R18: the bookkeeping has ended");
        let (_, message) = at_server.recv().await.expect("the question");
        message.reply(name("late")).await.expect("it is open");
        let (event, late) = at_client.recv().await.expect("the late answer");
        assert_eq!((event, late.reply_to()), (name("late"), Some(message.event_id())));
    }
}

#[tokio::test(start_paused = true)]
async fn r21_no_time_at_all_is_over_before_anything_is_sent() {
    let (server, mut at_server) = collected();
    let ends = talking(MEMORY, &Limits::default(), &server, &Listeners::new()).await;
    let peer = ends.client.peer();
    let error = peer.ask(question()).within(Duration::ZERO).await.expect_err("no time");
    assert_eq!(error, CallError::Timeout(Fate::NotSent));
    peer.send(name("behind it")).await.expect("credit");
    let (event, _) = at_server.recv().await.expect("a message");
    assert_eq!(event, name("behind it"));
}

#[tokio::test]
async fn r21_a_dropped_ask_leaves_nothing_and_its_answer_goes_the_normal_way() {
    for way in ways() {
        let (server, mut at_server) = collected();
        let (client, mut at_client) = collected();
        let ends = talking(way, &Limits::default(), &server, &client).await;
        let peer = ends.client.peer();
        let asking = tokio::spawn(peer.ask(question()));
        let (_, message) = at_server.recv().await.expect("the question");
        assert_eq!(peer.pending(), 1, "R18: it waits");
        asking.abort();
        assert!(asking.await.expect_err("aborted").is_cancelled());
        assert_eq!(peer.pending(), 0);
        message.reply(name("too late")).await.expect("it is open");
        let (event, late) = at_client.recv().await.expect("the answer");
        assert_eq!((event, late.reply_to()), (name("too late"), Some(message.event_id())));
        // One that was never polled was never sent.
        drop(peer.ask(question()));
        peer.send(name("next")).await.expect("credit");
        assert_eq!(at_server.recv().await.expect("a message").0, name("next"));
    }
}

/// The side that answers ends the connection at this step of three, or the one that asks does.
#[tokio::test]
async fn r15_r18_a_chain_ends_with_the_connection_at_every_step() {
    for way in ways() {
        for stop in 0..3 {
            for by_asker in [false, true] {
                let (server, mut at_server) = collected();
                let ends = talking(way, &Limits::default(), &server, &Listeners::new()).await;
                let (client, serving) = (ends.client.clone(), ends.serving.clone());
                let answering = tokio::spawn(async move {
                    while let Some((TalkEvent::Step { number }, message)) = at_server.recv().await {
                        if number == stop {
                            if by_asker {
                                client.close().await
                            } else {
                                serving.close().await
                            };
                            return message;
                        }
                        message.reply(TalkEvent::Step { number }).await.expect("it is open");
                    }
                    panic!("the chain ended early")
                });
                let chain = async {
                    let mut last = ends.client.peer().ask(TalkEvent::Step { number: 0 }).await;
                    for number in 1..3 {
                        let answer = last?;
                        assert_eq!(answer.event(), &TalkEvent::Step { number: number - 1 });
                        last = answer.ask(TalkEvent::Step { number }).await;
                    }
                    last
                };
                let error = in_time(chain).await.expect_err("it was closed");
                assert!(error.is_closed(), "{error}");
                let message = in_time(answering).await.expect("no panic");
                for peer in [ends.client.peer(), ends.serving.peer()] {
                    in_time(peer.closed()).await;
                    assert_eq!(peer.pending(), 0);
                }
                assert_eq!((ends.client.running(), ends.serving.running()), (0, 0));
                // What came in can be answered no more.
                assert!(matches!(message.answer(name("x")), Err(SendError::Closed(_))));
                assert!(message.ask(name("x")).await.expect_err("closed").is_closed());
            }
        }
    }
}

#[tokio::test]
async fn r22_asking_over_a_connection_that_has_ended_fails_at_once_and_certainly_did_nothing() {
    for way in ways() {
        let ends = talking(way, &Limits::default(), &Listeners::new(), &Listeners::new()).await;
        let peer = ends.client.peer();
        ends.client.close().await;
        let error = peer.ask(question()).await.expect_err("closed");
        assert!(error.is_closed());
        assert_eq!((error.fate(), peer.pending()), (Fate::NotSent, 0));
        assert!(matches!(peer.send(question()).await, Err(SendError::Closed(_))));
        assert!(matches!(peer.send(question()).start(), Err(SendError::Closed(_))));
        assert!(peer.call::<TalkRemote>(question()).await.expect_err("closed").is_closed());
    }
}

#[tokio::test]
async fn r8_asking_before_the_acceptance_fails_at_once() {
    type Server = WebSocketServer<(), (), ()>;
    let (tell, told) = oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let server = Server::new();
    let address = server
        .open("127.0.0.1:0", move |acceptor: Acceptor<(), (), ()>| {
            let tell = tell.lock().expect("unpoisoned").take().expect("one connection");
            async move {
                let peer = acceptor.peer();
                let asked = peer.ask(question()).await.map(Message::into_event);
                let sent = (peer.send(question()).await, peer.send(question()).start());
                tell.send((asked, sent, peer.pending())).expect("the test waits");
                acceptor.accept(()).await?;
                Ok::<(), HandlerError>(())
            }
        })
        .await
        .expect("a free port");
    let connector = WebSocketConnector::<(), (), ()>::new(());
    let connection = connector.connect(format!("ws://{address}"), ()).await.expect("accepted");
    let (asked, sent, pending) = told.await.expect("the handler");
    assert_eq!(asked, Err(CallError::NotAccepted));
    assert_eq!(sent, (Err(SendError::NotAccepted), Err(SendError::NotAccepted)));
    assert_eq!(pending, 0);
    connection.close().await;
    server.close().await;
}

#[tokio::test]
async fn r12_asks_beyond_the_credit_wait_their_turn_and_all_are_answered() {
    for way in ways() {
        let echo = Listeners::<TalkEvent>::new();
        echo.on(|event: &TalkEvent, message: &MessageHandle| message.answer(event.clone())).forever();
        let limits = Limits::default().event_lane_messages(2).outbox_bytes(256);
        let ends = talking(way, &limits, &echo, &Listeners::new()).await;
        let peer = ends.client.peer();
        let all = (0..500).map(|number| peer.ask(TalkEvent::Step { number }));
        for (number, answer) in in_time(join_all(all)).await.into_iter().enumerate() {
            assert_eq!(answer.expect("an answer").into_event(), TalkEvent::Step { number: number as u32 });
        }
        until_true(|| peer.pending() == 0 && ends.serving.pending() == 0).await;
    }
}

#[tokio::test]
async fn r12_asks_beyond_what_may_wait_are_overloaded() {
    let (server, mut at_server) = collected();
    let limits = Limits::default().event_lane_messages(1).max_waiting(3);
    let stalled = connect(
        MEMORY,
        &limits,
        move |_: TalkRemote| (server.clone(), OtherProvider::new(Stalls)),
        |_: (TalkRemote, OtherRemote)| Listeners::<TalkEvent>::new(),
    )
    .await;
    let peer = stalled.client.peer();
    // It is handled first, and holds the lane with its credit.
    stalled.client.remote().1.other(1).await.expect("credit");
    let mut asks: Vec<_> = (0..3).map(|_| tokio::spawn(peer.ask(question()))).collect();
    until_true(|| peer.pending() == 3).await;
    let error = peer.ask(question()).await.expect_err("three wait");
    assert_eq!((error.fate(), error), (Fate::NotSent, CallError::Overloaded));
    for ask in asks.drain(..) {
        ask.abort();
        drop(ask.await);
    }
    assert_eq!(peer.pending(), 0);
    assert!(at_server.try_recv().is_err(), "none of them was sent");
}

struct Stalls;

impl Other for Stalls {
    async fn other(&self, _number: u32) {
        std::future::pending().await
    }
}

/// R15: the end of a connection is told to all that wait on it at once, whoever they asked.
#[tokio::test]
async fn r15_closing_fails_every_ask() {
    for way in ways() {
        let (server, mut at_server) = collected();
        let ends = talking(way, &Limits::default(), &server, &Listeners::new()).await;
        let peer = ends.client.peer();
        let asks: Vec<_> = (0..100).map(|_| tokio::spawn(peer.ask(question()))).collect();
        for _ in 0..100 {
            at_server.recv().await.expect("each arrives");
        }
        assert_eq!(peer.pending(), 100);
        ends.serving.close_with(4000, "enough").await;
        for ask in asks {
            let error = in_time(ask).await.expect("no panic").expect_err("closed");
            let info = error.close_info().expect("how it ended");
            assert_eq!((info.code, info.reason.as_str()), (4000, "enough"));
        }
        assert_eq!(peer.pending(), 0);
    }
}

fn weak<R: Clone, C>(connection: &Connection<R, C>) -> Peer {
    connection.peer()
}

/// R3: neither peers, nor messages, nor asks keep a connection.
#[tokio::test]
async fn r3_messages_and_asks_are_weak() {
    let (server, mut at_server) = collected();
    let ends = talking(MEMORY, &Limits::default(), &server, &Listeners::new()).await;
    let peer = weak(&ends.client);
    let asking = tokio::spawn(peer.ask(question()));
    let (_, message) = at_server.recv().await.expect("the question");
    drop(ends.client);
    let error = in_time(asking).await.expect("no panic").expect_err("closed");
    assert!(error.is_closed());
    in_time(message.peer().closed()).await;
}
