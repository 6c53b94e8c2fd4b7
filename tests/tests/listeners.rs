//! R20, R23: closures that see messages, how they come and go, and what their failures stop.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{
    CallError, ContractName, Encoding, FailureKind, Limits, Listeners, MessageHandle, Named, Subscription,
    ws_service,
};
use ws_server::{Acceptor, HandlerError, WebSocketServer};
use ws_tests::fixture::{Carrier, Ends, connect, until_true, ways};

#[ws_service]
pub trait Chat {
    #[ws(event)]
    async fn say(&self, text: String);
    #[ws(event)]
    async fn number(&self, number: u32);
    async fn ask(&self, text: String) -> u8;
}

#[ws_service]
pub trait Other {
    #[ws(event)]
    async fn other(&self, number: u32);
}

const MEMORY: (Carrier, Encoding) = (Carrier::Memory, Encoding::Bincode);

/// What was seen, in the order of seeing.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("unpoisoned").push(line.into());
    }

    fn len(&self) -> usize {
        self.0.lock().expect("unpoisoned").len()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("unpoisoned"))
    }

    /// A listener that writes down what it sees.
    fn writes(&self, who: &'static str) -> impl Fn(&ChatEvent, &MessageHandle) + Send + Sync + use<> {
        let log = self.clone();
        move |event, _| log.add(format!("{who}: {}", shown(event)))
    }

    async fn has(&self, lines: usize) {
        until_true(|| self.len() >= lines).await;
    }
}

fn shown(event: &ChatEvent) -> String {
    match event {
        ChatEvent::Say { text } | ChatEvent::Ask { text } => text.clone(),
        ChatEvent::Number { number } => number.to_string(),
    }
}

struct Room(Log);

impl Chat for Room {
    async fn say(&self, text: String) {
        self.0.add(format!("handler: {text}"));
    }

    async fn number(&self, number: u32) {
        self.0.add(format!("handler: {number}"));
    }

    async fn ask(&self, text: String) -> u8 {
        self.0.add(format!("handler: {text}"));
        7
    }
}

/// The server serves a room; listeners go beside it.
async fn room(way: (Carrier, Encoding), log: &Log) -> Ends<ChatProvider<Room>, (), ChatRemote> {
    let log = log.clone();
    connect(way, &Limits::default(), move |(): ()| ChatProvider::new(Room(log.clone())), |_| ()).await
}

/// The server serves by listeners alone.
async fn served_by(
    way: (Carrier, Encoding),
    listeners: &Listeners<ChatEvent>,
) -> Ends<Listeners<ChatEvent>, (), ChatRemote> {
    let listeners = listeners.clone();
    connect(way, &Limits::default(), move |(): ()| listeners.clone(), |_| ()).await
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("no hang")
}

#[tokio::test]
async fn r20_observers_come_first_then_listeners_in_the_order_of_subscribing_then_the_handler() {
    for way in ways() {
        let log = Log::default();
        let ends = room(way, &log).await;
        let listeners = ends.serving.listen::<ChatEvent>();
        let _first = listeners.on(log.writes("first"));
        let _all = listeners.all(log.writes("all"));
        let _second = listeners.on(log.writes("second"));
        let chat = ends.client.remote();
        chat.say("hello".into()).await.expect("credit");
        log.has(4).await;
        assert_eq!(log.take(), ["all: hello", "first: hello", "second: hello", "handler: hello"]);
        assert_eq!(chat.ask("what?".into()).await, Ok(7));
        assert_eq!(log.take(), ["all: what?", "first: what?", "second: what?", "handler: what?"]);
    }
}

/// R12: what is in turn is seen in turn, whatever becomes of the messages before.
#[tokio::test]
async fn r12_listeners_see_events_in_the_order_of_sending_and_when_their_turn_comes() {
    struct Slow(Log, tokio::sync::Semaphore);
    impl Chat for Slow {
        async fn say(&self, text: String) {
            self.1.acquire().await.expect("open").forget();
            self.0.add(format!("handler: {text}"));
        }
        async fn number(&self, number: u32) {
            self.0.add(format!("handler: {number}"));
        }
        async fn ask(&self, text: String) -> u8 {
            if text == "go" {
                self.1.add_permits(1);
            }
            0
        }
    }
    for way in ways() {
        let log = Log::default();
        let serves = log.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| ChatProvider::new(Slow(serves.clone(), tokio::sync::Semaphore::new(0))),
            |_: ChatRemote| (),
        )
        .await;
        let listeners = ends.serving.listen::<ChatEvent>();
        let seen = log.clone();
        let _on = listeners.on(move |event: &ChatEvent, _| match event {
            ChatEvent::Ask { .. } => {}
            event => seen.add(format!("on: {}", shown(event))),
        });
        let chat = ends.client.remote();
        chat.say("slow".into()).await.expect("credit");
        chat.number(1).await.expect("credit");
        chat.number(2).await.expect("credit");
        assert_eq!(chat.ask("are they here?".into()).await, Ok(0), "calls do not wait for events");
        assert_eq!(log.take(), ["on: slow"]);
        assert_eq!(chat.ask("go".into()).await, Ok(0));
        log.has(5).await;
        assert_eq!(log.take(), ["handler: slow", "on: 1", "handler: 1", "on: 2", "handler: 2"]);
    }
}

#[tokio::test]
async fn r23_once_sees_the_first_that_passes_and_no_other() {
    for way in ways() {
        let log = Log::default();
        let listeners = Listeners::<ChatEvent>::new();
        let ends = served_by(way, &listeners).await;
        let seen = log.clone();
        listeners.once(
            |event| matches!(event, ChatEvent::Number { number } if number % 2 == 0),
            move |event, _| seen.add(format!("once: {}", shown(event))),
        );
        let _on = listeners.on(log.writes("on"));
        assert_eq!(listeners.len(), 2);
        for number in 1..=4 {
            ends.client.remote().number(number).await.expect("credit");
        }
        log.has(5).await;
        assert_eq!(log.take(), ["on: 1", "once: 2", "on: 2", "on: 3", "on: 4"]);
        assert_eq!(listeners.len(), 1);
    }
}

#[tokio::test]
async fn r23_wait_for_has_begun_when_it_is_made_and_is_over_when_it_is_dropped() {
    for way in ways() {
        let listeners = Listeners::<ChatEvent>::new();
        let ends = served_by(way, &listeners).await;
        let waiting =
            listeners.wait_for(|event| matches!(event, ChatEvent::Number { number } if *number > 1));
        let dropped = listeners.wait_for(|_| true);
        assert_eq!(listeners.len(), 2);
        drop(dropped);
        assert_eq!(listeners.len(), 1);
        for number in 1..=3 {
            ends.client.remote().number(number).await.expect("credit");
        }
        let message = in_time(waiting).await.expect("it came before it was awaited");
        assert_eq!(message.event(), &ChatEvent::Number { number: 2 });
        assert_eq!(message.event_id() % 2, 1);
        assert!(listeners.is_empty());
    }
}

#[tokio::test]
async fn r34_wait_for_ends_with_the_connection_before_and_after_it_has_ended() {
    for way in ways() {
        let listeners = Listeners::<ChatEvent>::new();
        let ends = served_by(way, &listeners).await;
        let beside = ends.client.listen::<ChatEvent>();
        let waiting = [listeners.wait_for(|_| true), beside.wait_for(|_| true)];
        ends.client.close_with(4000, "enough").await;
        for waiting in waiting {
            let info = in_time(waiting).await.expect_err("nothing came");
            assert_eq!((info.code, info.reason.as_str()), (4000, "enough"));
        }
        in_time(ends.serving.closed()).await;
        for again in [&listeners, &beside, &ends.client.listen(), &ends.serving.listen()] {
            assert_eq!(in_time(again.wait_for(|_| true)).await.expect_err("nothing comes").code, 4000);
            let _on = again.on(|_: &ChatEvent, _| ());
        }
    }
}

#[tokio::test]
async fn r23_a_dropped_subscription_sees_nothing_more_and_forever_needs_none() {
    for way in ways() {
        let log = Log::default();
        let listeners = Listeners::<ChatEvent>::new();
        let ends = served_by(way, &listeners).await;
        let (dropped, off) = (listeners.on(log.writes("dropped")), listeners.on(log.writes("off")));
        listeners.on(log.writes("forever")).forever();
        let chat = ends.client.remote();
        chat.number(1).await.expect("credit");
        log.has(3).await;
        drop(dropped);
        off.off();
        assert_eq!(listeners.len(), 1);
        chat.number(2).await.expect("credit");
        log.has(4).await;
        assert_eq!(log.take(), ["dropped: 1", "off: 1", "forever: 1", "forever: 2"]);
        drop(listeners);
        chat.number(3).await.expect("credit");
        log.has(1).await;
        assert_eq!(log.take(), ["forever: 3"], "the connection has the set");
    }
}

type Slot = Arc<Mutex<Vec<Subscription>>>;

#[tokio::test]
async fn r23_subscribing_and_unsubscribing_inside_a_listener() {
    for way in ways() {
        let log = Log::default();
        let listeners = Listeners::<ChatEvent>::new();
        let ends = served_by(way, &listeners).await;
        let slot = Slot::default();
        // The first adds one, and takes itself and all others off at the second message.
        let (set, held, seen) = (listeners.clone(), Arc::clone(&slot), log.clone());
        let first = listeners.on(move |event: &ChatEvent, _| {
            seen.add(format!("first: {}", shown(event)));
            if matches!(event, ChatEvent::Number { number: 2 }) {
                let taken = std::mem::take(&mut *held.lock().expect("unpoisoned"));
                drop(taken);
                return;
            }
            let added = set.on(seen.writes("added"));
            held.lock().expect("unpoisoned").push(added);
        });
        let second = listeners.on(log.writes("second"));
        slot.lock().expect("unpoisoned").extend([first, second]);
        let _last = listeners.on(log.writes("last"));
        for number in 1..=3 {
            ends.client.remote().number(number).await.expect("credit");
        }
        log.has(6).await;
        assert_eq!(
            log.take(),
            ["first: 1", "second: 1", "last: 1", "first: 2", "last: 2", "last: 3"],
            "an added one counts from the next message, a removed one sees nothing more at once"
        );
        assert_eq!(listeners.len(), 1);
    }
}

#[derive(Debug)]
struct Reason;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it did not like it")
    }
}

#[tokio::test]
async fn r23_a_failing_and_a_panicking_listener_stop_nothing_and_are_told() {
    let failures = Log::default();
    let told = failures.clone();
    let listeners = Listeners::<ChatEvent>::new();
    let log = Log::default();
    listeners.on(|_: &ChatEvent, _| Err(Reason)).forever();
    listeners.on(|_: &ChatEvent, _| -> () { panic!("a listener's panic") }).forever();
    listeners.all(|_: &ChatEvent, _| -> () { panic!("an observer's panic") }).forever();
    listeners.once(|_| true, |_, _| -> () { panic!("once only") });
    listeners.once(|_| panic!("a filter's panic"), |_, _| ());
    listeners.on(log.writes("on")).forever();
    let server = WebSocketServer::<(), Listeners<ChatEvent>, ()>::builder()
        .on_failure(move |failure| {
            assert_eq!(failure.kind, FailureKind::Listener);
            assert_eq!(failure.method, Some("Chat.number"));
            told.add(failure.detail.expect("what it said"));
        })
        .build()
        .expect("good limits");
    let serves = listeners.clone();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let serves = serves.clone();
            async move {
                acceptor.accept(serves).await?;
                Ok::<(), HandlerError>(())
            }
        })
        .await
        .expect("a free port");
    let connector = WebSocketConnector::<(), (), ChatRemote>::new(());
    let connection = connector.connect(format!("ws://{address}"), ()).await.expect("accepted");
    for number in 1..=2 {
        connection.remote().number(number).await.expect("credit");
        log.has(1).await;
        assert_eq!(log.take(), [format!("on: {number}")]);
    }
    assert_eq!(
        failures.take(),
        [
            "an observer's panic",
            "it did not like it",
            "a listener's panic",
            "once only",
            "a filter's panic",
            "an observer's panic",
            "it did not like it",
            "a listener's panic",
        ]
    );
    assert!(connection.is_open());
    connection.close().await;
    server.close().await;
}

/// Panics where it is dropped, unless something else panics already.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a destructor's panic");
    }
}

/// R16: what a listener owns may panic when the last message that it saw lets go of it.
#[tokio::test]
async fn r16_a_panic_in_the_destructor_of_a_listener_ends_nothing() {
    for way in ways() {
        for on_arrival in [false, true] {
            let log = Log::default();
            let listeners = Listeners::<ChatEvent>::new();
            let ends = served_by(way, &listeners).await;
            let slot = Slot::default();
            let (held, bomb) = (Arc::clone(&slot), PanicsInDrop);
            let listener = move |_: &ChatEvent, _: &MessageHandle| {
                let _owned = &bomb;
                // Without the lock: what is dropped may be the last of it.
                let taken = std::mem::take(&mut *held.lock().expect("unpoisoned"));
                drop(taken);
            };
            let subscription = if on_arrival { listeners.all(listener) } else { listeners.on(listener) };
            slot.lock().expect("unpoisoned").push(subscription);
            let _on = listeners.on(log.writes("on"));
            for number in 1..=2 {
                ends.client.remote().number(number).await.expect("credit");
            }
            in_time(log.has(2)).await;
            assert!(ends.client.is_open());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_thousands_come_and_go_while_events_arrive_at_full_speed() {
    const EVENTS: u32 = 3000;
    for way in ways() {
        let listeners = Listeners::<ChatEvent>::new();
        let ends = served_by(way, &listeners).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let numbers = Arc::clone(&seen);
        let steady = listeners.on(move |event: &ChatEvent, _| {
            if let ChatEvent::Number { number } = event {
                numbers.lock().expect("unpoisoned").push(*number);
            }
        });
        let done = Arc::new(AtomicBool::new(false));
        let stops = Stops(Arc::clone(&done));
        let (set, stop) = (listeners.clone(), Arc::clone(&done));
        let churning = tokio::task::spawn_blocking(move || {
            let mut held = Vec::new();
            for round in 0.. {
                if stop.load(Ordering::Acquire) && round >= 5000 {
                    break;
                }
                held.push(if round % 2 == 0 { set.on(|_, _| ()) } else { set.all(|_, _| ()) });
                if held.len() == 100 {
                    held.drain(..).step_by(3).for_each(drop);
                }
                drop(set.wait_for(|_| false));
            }
        });
        let remote = ends.client.remote().clone();
        for number in 0..EVENTS {
            remote.number(number).await.expect("credit");
        }
        until_true(|| seen.lock().expect("unpoisoned").len() == EVENTS as usize).await;
        drop(stops);
        churning.await.expect("no panic");
        assert!(seen.lock().expect("unpoisoned").iter().copied().eq(0..EVENTS), "each once, in order");
        drop(steady);
        assert!(listeners.is_empty(), "{listeners:?}");
    }
}

/// Coming and going costs what it changes, not the length of the list.
#[tokio::test]
async fn r23_tens_of_thousands_of_listeners_come_and_go() {
    const COUNT: usize = 30_000;
    let listeners = Listeners::<ChatEvent>::new();
    let ends = served_by(MEMORY, &listeners).await;
    let seen = Arc::new(AtomicUsize::new(0));
    let mut held: Vec<_> = (0..COUNT)
        .map(|number| {
            let seen = Arc::clone(&seen);
            let listener = move |_: &ChatEvent, _: &MessageHandle| {
                seen.fetch_add(1, Ordering::SeqCst);
            };
            if number % 2 == 0 { listeners.on(listener) } else { listeners.all(listener) }
        })
        .collect();
    ends.client.remote().number(1).await.expect("credit");
    until_true(|| seen.load(Ordering::SeqCst) == COUNT).await;
    // From the ends and the middle, until every third is left.
    let mut number = 0;
    held.retain(|_| {
        number += 1;
        number % 3 == 0
    });
    assert_eq!(listeners.len(), COUNT / 3);
    ends.client.remote().number(2).await.expect("credit");
    until_true(|| seen.load(Ordering::SeqCst) == COUNT + COUNT / 3).await;
    drop(held);
    assert!(listeners.is_empty());
}

/// Tells others to stop when it is dropped, by a failing test as well.
struct Stops(Arc<AtomicBool>);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// R20: whoever observes is shown what arrives from then on, whatever other observers come and go at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn r20_an_observer_is_not_forgotten_while_others_leave() {
    let listeners = Listeners::<ChatEvent>::new();
    let ends = served_by(MEMORY, &listeners).await;
    let done = Arc::new(AtomicBool::new(false));
    let stops = Stops(Arc::clone(&done));
    let churning: Vec<_> = (0..2)
        .map(|_| {
            let (set, stop) = (listeners.clone(), Arc::clone(&done));
            tokio::task::spawn_blocking(move || {
                while !stop.load(Ordering::Acquire) {
                    drop(set.all(|_, _| ()));
                }
            })
        })
        .collect();
    for number in 0..2000 {
        let waiting = listeners.wait_for(move |event| *event == ChatEvent::Number { number });
        ends.client.remote().number(number).await.expect("credit");
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .expect("it is seen")
            .expect("it is open");
    }
    drop(stops);
    for task in churning {
        task.await.expect("no panic");
    }
}

#[tokio::test]
async fn r34_one_set_on_several_connections_ends_with_the_last() {
    let log = Log::default();
    let listeners = Listeners::<ChatEvent>::new();
    let _on = listeners.on(log.writes("on"));
    let mut ends = Vec::new();
    for way in ways() {
        ends.push(served_by(way, &listeners).await);
    }
    for (number, end) in ends.iter().enumerate() {
        end.client.remote().number(number as u32).await.expect("credit");
        log.has(number + 1).await;
    }
    let count = ends.len();
    assert_eq!(log.take(), (0..count).map(|number| format!("on: {number}")).collect::<Vec<_>>());
    let mut waiting = listeners.wait_for(|_| false);
    while let Some(end) = ends.pop() {
        assert!(futures::poll!(&mut waiting).is_pending(), "{} are left", ends.len() + 1);
        end.client.close().await;
        in_time(end.serving.closed()).await;
    }
    in_time(waiting).await.expect_err("the last has ended");
    // And a new one begins it anew.
    let again = served_by(MEMORY, &listeners).await;
    let waiting = listeners.wait_for(|_| true);
    again.client.remote().number(9).await.expect("credit");
    assert_eq!(in_time(waiting).await.expect("it came").event(), &ChatEvent::Number { number: 9 });
}

#[tokio::test]
async fn r17_listeners_alone_serve_events_and_do_not_answer_calls() {
    for way in ways() {
        let log = Log::default();
        let listeners = Listeners::<ChatEvent>::new();
        let _on = listeners.on(log.writes("on"));
        let ends = served_by(way, &listeners).await;
        assert_eq!(ends.client.remote().ask("who?".into()).await, Err(CallError::NoReply));
        assert_eq!(log.take(), ["on: who?"]);
        assert!(ends.client.mismatches().is_empty());
        drop(ends);
        // Without any listener it serves the contract as well.
        let ends = served_by(way, &Listeners::new()).await;
        ends.client.remote().say("nobody".into()).await.expect("credit");
        assert_eq!(ends.client.remote().ask("who?".into()).await, Err(CallError::NoReply));
    }
}

struct Left;

impl ContractName for Left {
    const NAME: &'static str = "left";
}

struct Right;

impl ContractName for Right {
    const NAME: &'static str = "right";
}

#[tokio::test]
async fn r23_listeners_in_a_tuple_and_under_other_names() {
    type Remotes = (Named<Left, ChatRemote>, Named<Right, ChatRemote>, OtherRemote);
    for way in ways() {
        let log = Log::default();
        let (left, right) = (Listeners::<ChatEvent>::new(), Listeners::<ChatEvent>::new());
        let other = Listeners::<OtherEvent>::new();
        let _left = left.on(log.writes("left"));
        let _right = right.on(log.writes("right"));
        let _right_all = right.all(log.writes("right all"));
        let seen = log.clone();
        let _other = other.on(move |event: &OtherEvent, _| seen.add(format!("other: {event:?}")));
        let serves = move |(): ()| {
            (Named::<Left, _>::new(left.clone()), (Named::<Right, _>::new(right.clone()), other.clone()))
        };
        let ends = connect(way, &Limits::default(), serves, |_: Remotes| ()).await;
        let (left, right, other) = ends.client.remote();
        left.number(1).await.expect("credit");
        right.number(2).await.expect("credit");
        other.other(3).await.expect("credit");
        log.has(4).await;
        let mut lines = log.take();
        lines.sort();
        assert_eq!(lines, ["left: 1", "other: Other { number: 3 }", "right all: 2", "right: 2"]);
    }
}

#[tokio::test]
async fn r23_listeners_see_a_contract_that_the_provider_does_not_serve() {
    for way in ways() {
        let log = Log::default();
        let serves = log.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| ChatProvider::new(Room(serves.clone())),
            |_: (ChatRemote, OtherRemote)| (),
        )
        .await;
        let (chat, other) = ends.client.remote();
        other.other(0).await.expect("credit");
        assert_eq!(chat.ask("first".into()).await, Ok(7), "nobody listened");
        let listeners = ends.serving.listen::<OtherEvent>();
        let seen = log.clone();
        let on = listeners.on(move |event: &OtherEvent, _| seen.add(format!("{event:?}")));
        other.other(1).await.expect("credit");
        assert_eq!(ends.client.peer().send(ChatEvent::Number { number: 2 }).await.map(|_| ()), Ok(()));
        log.has(3).await;
        assert_eq!(log.take(), ["handler: first", "Other { number: 1 }", "handler: 2"]);
        drop(on);
        other.other(3).await.expect("credit");
        assert_eq!(chat.ask("last".into()).await, Ok(7));
        assert_eq!(log.take(), ["handler: last"]);
    }
}

/// A side that serves nothing may listen.
#[tokio::test]
async fn r23_listeners_beside_nothing() {
    for way in ways() {
        let ends = connect(way, &Limits::default(), |_: ChatRemote| (), |(): ()| ()).await;
        let waiting = ends.client.listen::<ChatEvent>().wait_for(|_| true);
        ends.serving.remote().number(1).await.expect("credit");
        assert_eq!(in_time(waiting).await.expect("it came").event(), &ChatEvent::Number { number: 1 });
        assert_eq!(ends.serving.remote().ask("x".into()).await, Err(CallError::NoReply));
    }
}

#[tokio::test]
async fn r23_listening_twice_gives_one_set() {
    let ends = room(MEMORY, &Log::default()).await;
    let first = ends.serving.listen::<ChatEvent>();
    let _on = first.on(|_: &ChatEvent, _| ());
    assert_eq!(ends.serving.clone().listen::<ChatEvent>().len(), 1);
    assert!(ends.serving.listen::<OtherEvent>().is_empty());
    assert!(ends.client.listen::<ChatEvent>().is_empty());
}

/// R3: a listener may hold a remote of its own connection, or the set that it is in, and nothing leaks.
#[tokio::test]
async fn r3_a_listener_that_holds_its_connection_leaks_nothing() {
    for way in ways() {
        let alive = Arc::new(());
        let ends = connect(
            way,
            &Limits::default(),
            |_: ChatRemote| Listeners::<ChatEvent>::new(),
            |_: ChatRemote| Listeners::<ChatEvent>::new(),
        )
        .await;
        for connection in [&ends.client, &ends.serving] {
            let listeners = connection.listen::<ChatEvent>();
            let held = (connection.remote().clone(), connection.peer(), Arc::clone(&alive));
            let listener = move |_: &ChatEvent, _: &MessageHandle| {
                let _held = &held;
            };
            listeners.on(listener).forever();
        }
        assert_eq!(Arc::strong_count(&alive), 3);
        ends.client.close().await;
        in_time(ends.serving.closed()).await;
        assert_eq!(Arc::strong_count(&alive), 1, "gone when the connections have ended, held handles or not");
    }
}

#[tokio::test]
async fn r25_a_replaced_provider_takes_its_listeners_along() {
    for way in ways() {
        let log = Log::default();
        let (old, new) = (Listeners::<ChatEvent>::new(), Listeners::<ChatEvent>::new());
        let _old = old.on(log.writes("old"));
        let _old_all = old.all(log.writes("old all"));
        let _new = new.on(log.writes("new"));
        let ends = served_by(way, &old).await;
        let beside = ends.serving.listen::<ChatEvent>();
        let _beside = beside.on(log.writes("beside"));
        let chat = ends.client.remote();
        chat.number(1).await.expect("credit");
        log.has(3).await;
        assert_eq!(log.take(), ["old all: 1", "old: 1", "beside: 1"]);
        ends.serving.replace(new.clone()).expect("the same contract");
        chat.number(2).await.expect("credit");
        log.has(2).await;
        let mut lines = log.take();
        lines.sort();
        assert_eq!(lines, ["beside: 2", "new: 2"]);
        let waiting = [old.wait_for(|_| true), new.wait_for(|_| true)];
        ends.client.close().await;
        for waiting in waiting {
            in_time(waiting).await.expect_err("the connection has ended");
        }
    }
}

/// A set whose last handle and last connection are gone keeps nobody waiting.
#[tokio::test]
async fn r34_a_set_that_is_gone_ends_its_waits() {
    let listeners = Listeners::<ChatEvent>::new();
    let waiting = listeners.wait_for(|_| true);
    drop(listeners);
    in_time(waiting).await.expect_err("nothing can come");
}

/// R9: listeners that serve are there before the first message, also where that is sent with the acceptance.
#[tokio::test]
async fn r9_listeners_that_serve_miss_nothing() {
    for encoding in Encoding::available() {
        let server = WebSocketServer::<(), (), ChatRemote>::new();
        let (here, there) = memory_pair(64);
        let attached = server.clone();
        let handler = |acceptor: Acceptor<(), (), ChatRemote>| async move {
            let connection = acceptor.accept(()).await?;
            for number in 0..50 {
                connection.remote().number(number).await?;
            }
            Ok::<(), HandlerError>(())
        };
        tokio::spawn(async move { attached.attach(there, *encoding, handler).await });
        let (tell, mut told) = mpsc::unbounded_channel();
        let listeners = Listeners::<ChatEvent>::new();
        listeners.on(move |event: &ChatEvent, _| tell.send(event.clone())).forever();
        let connector = WebSocketConnector::<(), Listeners<ChatEvent>, ()>::new(());
        let connection = connector.attach(here, *encoding, listeners).await.expect("accepted");
        for number in 0..50 {
            assert_eq!(told.recv().await, Some(ChatEvent::Number { number }));
        }
        connection.close().await;
        server.close().await;
    }
}

/// What does not decode is nobody's: the handler's failure is told, listeners are passed over.
#[tokio::test]
async fn r35_listeners_are_passed_over_by_what_does_not_decode() {
    /// The same contract by name, with other arguments.
    mod lies {
        #[ws_core::ws_service]
        pub trait Chat {
            #[ws(event)]
            async fn say(&self, number: u64);
            #[ws(event)]
            async fn number(&self, number: u32);
        }
    }
    let log = Log::default();
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, told) = (Arc::clone(&count), Listeners::<ChatEvent>::new());
    let _on = told.on(log.writes("on"));
    let _all = told.all(move |_: &ChatEvent, _| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    // The client says nothing of the contract in its fingerprints: it calls nothing, and sends all the same.
    let serves = told.clone();
    let ends = connect(MEMORY, &Limits::default(), move |(): ()| serves.clone(), |(): ()| ()).await;
    let peer = ends.client.peer();
    peer.send(lies::ChatEvent::Say { number: u64::MAX }).await.expect("credit");
    peer.send(lies::ChatEvent::Number { number: 2 }).await.expect("credit");
    log.has(1).await;
    assert_eq!(log.take(), ["on: 2"]);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(peer.is_open());
}
