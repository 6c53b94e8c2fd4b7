//! One contract twice on one connection: each under a name of its own.

use std::sync::Mutex;

use ws_client::{ConnectError, WebSocketConnector};
use ws_core::service::{MethodId, MethodTable};
use ws_core::{
    CallContext, CallError, ContractError, ContractName, Limits, Named, Provider, Remote, ws_service,
};
use ws_server::{OpenError, WebSocketServer};
use ws_tests::fixture::{connect, until_true, ways};

#[ws_service]
trait Counter {
    async fn add(&self, by: i64) -> i64;
    async fn path(&self, ctx: &CallContext) -> String;
    #[ws(event)]
    async fn reset(&self);
}

macro_rules! name {
    ($($ident:ident = $name:literal),* $(,)?) => {$(
        #[derive(Debug)]
        struct $ident;
        impl ContractName for $ident {
            const NAME: &'static str = $name;
        }
    )*};
}

name!(
    Left = "left",
    Right = "right/v1.2:b",
    Empty = "",
    Spaced = "two words",
    Taken = "Counter",
    Umlaut = "größe"
);

#[derive(Default)]
struct Tally(Mutex<i64>);

impl Counter for Tally {
    async fn add(&self, by: i64) -> i64 {
        let mut sum = self.0.lock().expect("unpoisoned");
        *sum += by;
        *sum
    }
    async fn path(&self, ctx: &CallContext) -> String {
        ctx.method().to_owned()
    }
    async fn reset(&self) {
        *self.0.lock().expect("unpoisoned") = 0;
    }
}

type Both<T> = (Named<Left, T>, Named<Right, T>);

fn tallies() -> Both<CounterProvider<Tally>> {
    let tally = || CounterProvider::new(Tally::default());
    (Named::new(tally()), Named::new(tally()))
}

#[tokio::test]
async fn one_contract_twice_in_both_directions() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |_: Both<CounterRemote>| tallies(),
            |_: Both<CounterRemote>| tallies(),
        )
        .await;
        for (left, right) in [ends.client.remote(), ends.serving.remote()] {
            assert_eq!(left.add(1).await, Ok(1));
            assert_eq!(right.add(10).await, Ok(10));
            assert_eq!((left.add(1).await, right.add(10).await), (Ok(2), Ok(20)));
            assert_eq!(left.path().await.as_deref(), Ok("left.path"));
            assert_eq!(right.path().await.as_deref(), Ok("right/v1.2:b.path"));
            left.reset().await.expect("credit");
            until_true(|| ends.client.running() == 0 && ends.serving.running() == 0).await;
            let (left, right) = (left.clone().into_inner(), right.clone());
            until_true(|| {
                let events = |stats: ws_core::Stats| stats.events_received;
                events(ends.client.stats()) + events(ends.serving.stats()) > 0
            })
            .await;
            assert_eq!((left.add(1).await, right.add(0).await), (Ok(1), Ok(20)), "each has its own");
        }
        assert!(ends.client.mismatches().is_empty() && ends.serving.mismatches().is_empty());
    }
}

#[test]
fn a_renamed_method_has_the_identity_of_its_new_name_and_its_own_signature() {
    let methods = Both::<CounterRemote>::methods();
    let plain = CounterRemote::methods();
    let table = MethodTable::new(methods.clone()).expect("distinct");
    for (renamed, own) in methods.specs().iter().zip(plain.specs().iter().cycle()) {
        assert_eq!(renamed.id, MethodId::of(renamed.name), "P31");
        assert_eq!(renamed.path(), own.path());
        assert_eq!((renamed.signature, renamed.kind), (own.signature, own.kind));
    }
    let names: Vec<_> = table.specs().iter().map(|spec| spec.name).collect();
    assert_eq!(names[0], "left.add");
    assert_eq!(names[5], "right/v1.2:b.reset");
    assert_eq!(Both::<CounterRemote>::COUNT, <Both<CounterProvider<Tally>>>::count());
}

#[test]
fn the_outermost_name_counts() {
    type Twice = Named<Left, Named<Right, CounterRemote>>;
    assert_eq!(Twice::methods().specs()[0].name, "left.add");
}

#[tokio::test]
async fn a_name_that_only_one_side_gives_is_unknown_to_the_other() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| Named::<Left, _>::new(CounterProvider::new(Tally::default())),
            |_: (CounterRemote, Named<Right, CounterRemote>, Named<Left, CounterRemote>)| (),
        )
        .await;
        let (plain, right, left) = ends.client.remote();
        assert_eq!(plain.add(1).await, Err(CallError::UnknownMethod));
        assert_eq!(right.add(1).await, Err(CallError::UnknownMethod));
        assert_eq!(left.add(1).await, Ok(1));
    }
}

#[test]
fn names_that_cannot_travel_are_refused_by_name() {
    let refused = |methods| MethodTable::new(methods).expect_err("no name");
    let invalid = |name| ContractError::InvalidName { name };
    assert_eq!(refused(Named::<Empty, CounterRemote>::methods()), invalid(""));
    assert_eq!(refused(Named::<Spaced, CounterRemote>::methods()), invalid("two words"));
    assert_eq!(refused(Named::<Umlaut, CounterRemote>::methods()), invalid("größe"));
}

#[tokio::test]
async fn a_bad_name_is_refused_before_anything_is_served_or_dialled() {
    let server = WebSocketServer::<(), Named<Spaced, CounterProvider<Tally>>, ()>::new();
    let opened = server
        .open("127.0.0.1:0", |acceptor| async move { acceptor.reject(ws_server::Rejection::busy("")).await })
        .await;
    assert!(matches!(opened, Err(OpenError::Contract(ContractError::InvalidName { .. }))), "{opened:?}");
    let connector = WebSocketConnector::<(), (), Named<Spaced, CounterRemote>>::new(());
    let refused = connector.connect("ws://127.0.0.1:1", ()).await;
    assert!(matches!(refused, Err(ConnectError::Contract(_))), "{refused:?}");
}

#[test]
fn a_name_that_another_contract_has_collides() {
    type Taking = (CounterRemote, Named<Taken, CounterRemote>);
    let error = MethodTable::new(Taking::methods()).expect_err("one name twice");
    assert_eq!(error, ContractError::Collision { first: "Counter.add", second: "Counter.add" });
    type Same = (Named<Left, CounterRemote>, Named<Left, CounterRemote>);
    let error = MethodTable::new(Same::methods()).expect_err("one name twice");
    assert_eq!(error, ContractError::Collision { first: "left.add", second: "left.add" });
}

#[test]
fn it_says_its_name() {
    let named = Named::<Right, _>::new(CounterProvider::new(Tally::default()));
    assert_eq!(format!("{named:?}"), r#"Named("right/v1.2:b", CounterProvider { .. })"#);
}
