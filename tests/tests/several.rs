//! Several contracts on one connection: tuples of providers, and of remotes.

use ws_client::{ConnectError, WebSocketConnector};
use ws_core::service::{MethodTable, Provider};
use ws_core::{CallError, ContractError, Limits, ws_service};
use ws_server::{OpenError, WebSocketServer};
use ws_tests::fixture::{connect, until_true, ways};

#[ws_service]
trait Calculator {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn twice(&self, a: i64) -> i64;
}

#[ws_service]
trait Chat {
    #[ws(event)]
    async fn say(&self, text: String);
    async fn last(&self) -> String;
}

#[ws_service]
trait Clock {
    async fn now(&self) -> u64;
}

struct Calc;

impl Calculator for Calc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
    async fn twice(&self, a: i64) -> i64 {
        2 * a
    }
}

#[derive(Default)]
struct Room(std::sync::Mutex<String>);

impl Chat for Room {
    async fn say(&self, text: String) {
        *self.0.lock().expect("unpoisoned") = text;
    }
    async fn last(&self) -> String {
        self.0.lock().expect("unpoisoned").clone()
    }
}

struct Watch;

impl Clock for Watch {
    async fn now(&self) -> u64 {
        7
    }
}

type All = (CalculatorRemote, ChatRemote, ClockRemote);

#[tokio::test]
async fn three_contracts_in_both_directions() {
    for way in ways() {
        let serves = || {
            let room = ChatProvider::new(Room::default());
            (CalculatorProvider::new(Calc), room, ClockProvider::new(Watch))
        };
        let ends = connect(way, &Limits::default(), move |_: All| serves(), |_: All| serves()).await;
        for (calculator, chat, clock) in [ends.client.remote(), ends.serving.remote()] {
            assert_eq!(calculator.add(2, 3).await, Ok(5));
            assert_eq!(calculator.twice(4).await, Ok(8));
            chat.say("hello".into()).await.expect("credit");
            until_true(|| ends.client.running() == 0 && ends.serving.running() == 0).await;
            assert_eq!(chat.last().await, Ok("hello".into()));
            assert_eq!(clock.now().await, Ok(7));
        }
        assert!(ends.client.mismatches().is_empty());
    }
}

#[tokio::test]
async fn a_contract_that_only_one_side_knows_fails_alone() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| ((), CalculatorProvider::new(Calc)),
            |_: (CalculatorRemote, ClockRemote)| (),
        )
        .await;
        let (calculator, clock) = ends.client.remote();
        assert_eq!(calculator.twice(1).await, Ok(2));
        assert_eq!(clock.now().await, Err(CallError::UnknownMethod));
    }
}

#[test]
fn the_indices_of_a_tuple_are_those_of_its_table() {
    type Both = (CalculatorProvider<Calc>, (ClockProvider<Watch>, ChatProvider<Room>));
    let table = MethodTable::new(Both::methods()).expect("distinct");
    let names: Vec<_> = table.specs().iter().map(|spec| spec.name).collect();
    assert_eq!(names, ["Calculator.add", "Calculator.twice", "Clock.now", "Chat.say", "Chat.last"]);
    assert_eq!(Both::count(), names.len());
}

#[tokio::test]
async fn one_contract_twice_is_refused_with_both_names() {
    type Twice = (CalculatorProvider<Calc>, ClockProvider<Watch>, CalculatorProvider<Calc>);
    let server = WebSocketServer::<(), Twice, ()>::new();
    let opened = server
        .open("127.0.0.1:0", |acceptor| async move { acceptor.reject(ws_server::Rejection::busy("")).await })
        .await;
    let Err(OpenError::Contract(error)) = opened else { panic!("{opened:?}") };
    assert_eq!(error, ContractError::Collision { first: "Calculator.add", second: "Calculator.add" });
    let connector = WebSocketConnector::<(), (), (ClockRemote, ClockRemote)>::new(());
    let refused = connector.connect("ws://127.0.0.1:1", ()).await;
    assert!(matches!(refused, Err(ConnectError::Contract(_))), "before anything is dialled: {refused:?}");
}
