//! Routes: names that are put together at run time, served by a `Router` and called through `Peer::route`.

use std::collections::HashSet;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use ws_client::WebSocketConnector;
use ws_core::{
    CallContext, CallError, CallOptions, ContractName, Denied, Encoding, FailureKind, Fate, Guard, Guarded,
    Limits, Metadata, Named, Never, Provider, RouteTaken, Router, ws_service,
};
use ws_server::WebSocketServer;
use ws_tests::fixture::{Carrier, Ends, connect, connect_by, until_true, ways};

type Way = (Carrier, Encoding);

async fn serve<P: Provider + Clone>(way: Way, provider: P) -> Ends<P, (), ()> {
    connect(way, &Limits::default(), move |(): ()| provider.clone(), |(): ()| ()).await
}

async fn at_rest<P: Provider>(ends: &Ends<P, (), ()>) {
    until_true(|| ends.client.pending() == 0 && ends.serving.running() == 0).await;
    assert!(ends.client.is_open() && ends.serving.is_open());
}

fn math() -> Router {
    let router = Router::new();
    router.add("math/add", |_: CallContext, (a, b): (i64, i64)| async move { a + b }).expect("a free name");
    router
        .try_add("math/divide", |_: CallContext, (a, b): (i64, i64)| async move {
            a.checked_div(b).ok_or(Broken::ByZero { dividend: a })
        })
        .expect("a free name");
    router
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Broken {
    ByZero { dividend: i64 },
}

#[ws_service]
trait Calculator {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn half(&self, a: i64) -> Result<i64, String>;
    #[ws(event)]
    async fn memo(&self, note: String);
}

#[derive(Clone, Default)]
struct Calc(Arc<Mutex<Vec<String>>>);

impl Calculator for Calc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b + 1000
    }
    async fn half(&self, a: i64) -> Result<i64, String> {
        if a % 2 == 0 { Ok(a / 2) } else { Err(format!("{a} is odd")) }
    }
    async fn memo(&self, note: String) {
        self.0.lock().expect("unpoisoned").push(note);
    }
}

impl Calc {
    fn notes(&self) -> Vec<String> {
        self.0.lock().expect("unpoisoned").clone()
    }
}

#[tokio::test]
async fn a_route_is_called_by_its_name() {
    for way in ways() {
        let ends = serve(way, math()).await;
        let peer = ends.client.peer();
        assert_eq!(peer.route("math/add").call::<i64, Never>(&(2_i64, 3_i64)).await, Ok(5), "{way:?}");
        let divide = peer.route("math/divide");
        assert_eq!(divide.call::<i64, Broken>(&(7_i64, 2_i64)).await, Ok(3));
        let broken = divide.call::<i64, Broken>(&(7_i64, 0_i64)).await;
        assert_eq!(broken, Err(CallError::App(Broken::ByZero { dividend: 7 })), "its declared error");
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn a_client_serves_routes_as_well() {
    for way in ways() {
        let ends = connect(way, &Limits::default(), |(): ()| (), |(): ()| math()).await;
        let added = ends.serving.peer().route("math/add").call::<i64, Never>(&(2_i64, 3_i64)).await;
        assert_eq!(added, Ok(5));
        // And the other side serves nothing.
        let nothing = ends.client.peer().route("math/add").call::<i64, Never>(&(2_i64, 3_i64)).await;
        assert_eq!(nothing, Err(CallError::NoProvider));
    }
}

#[tokio::test]
async fn a_route_that_nobody_added_is_an_unknown_method() {
    for way in ways() {
        let ends = serve(way, math()).await;
        let unknown = ends.client.peer().route("math/subtract").call::<i64, Never>(&(2_i64, 3_i64)).await;
        let unknown = unknown.expect_err("there is none");
        assert_eq!((unknown.fate(), unknown), (Fate::NotSent, CallError::UnknownMethod));
        ends.client.peer().route("math/subtract").send(&(2_i64, 3_i64)).await.expect("it is sent");
        until_true(|| ends.serving.stats().events_refused == 1).await;
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn arguments_of_another_type_fail_their_call_alone() {
    for way in ways() {
        let ends = serve(way, math()).await;
        let route = ends.client.peer().route("math/add");
        for wrong in [
            route.call::<i64, Never>(&("two",)).await,
            route.call::<i64, Never>(&()).await,
            route.call::<i64, Never>(&(2_i64, 3_i64, 4_i64)).await,
            route.call::<i64, Never>(&("a text that is longer than a number", vec![1_u8; 300])).await,
        ] {
            assert_eq!(wrong, Err(CallError::InvalidArguments), "{way:?}");
        }
        let text = route.call::<String, Never>(&(2_i64, 3_i64)).await;
        assert_eq!(text, Err(CallError::InvalidReply), "5 is no text of five bytes");
        let undeclared = ends.client.peer().route("math/divide").call::<i64, Never>(&(7_i64, 0_i64)).await;
        assert_eq!(undeclared, Err(CallError::InvalidReply), "an error where none was expected");
        assert_eq!(route.call::<i64, Never>(&(2_i64, 3_i64)).await, Ok(5));
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r12_events_to_routes_run_one_at_a_time_in_order() {
    for way in ways() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let router = Router::new();
        let running = Arc::new(AtomicUsize::new(0));
        router
            .add("log", move |_: CallContext, (number,): (u32,)| {
                let (tell, running) = (tell.clone(), Arc::clone(&running));
                async move {
                    assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "alone");
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    tell.send(number).expect("the test listens");
                }
            })
            .expect("a free name");
        let ends = serve(way, router).await;
        let route = ends.client.peer().route("log");
        for number in 0..500_u32 {
            route.send(&(number,)).await.expect("credit comes back");
        }
        for number in 0..500_u32 {
            assert_eq!(told.recv().await, Some(number));
        }
        at_rest(&ends).await;
        assert_eq!(ends.serving.stats().handler_failures, 0);
    }
}

#[tokio::test]
async fn a_result_of_a_route_that_nobody_awaits_is_dropped() {
    for way in ways() {
        let ends = serve(way, math()).await;
        ends.client.peer().route("math/add").send(&(1_i64, 2_i64)).await.expect("credit");
        ends.client.peer().route("math/divide").send(&(1_i64, 0_i64)).await.expect("credit");
        until_true(|| ends.serving.stats().events_received == 2).await;
        at_rest(&ends).await;
        assert_eq!(ends.client.stats().stray_replies, 0, "nothing came back");
    }
}

#[tokio::test]
async fn a_route_has_a_context_like_a_method() {
    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct Seen {
        metadata: Option<String>,
        hurried: bool,
        depth: u8,
        connection: bool,
    }
    for way in ways() {
        let router = Router::new();
        router
            .add("who", |call: CallContext, ()| async move {
                Seen {
                    metadata: call.metadata("name").map(str::to_owned),
                    hurried: call.remaining().is_some_and(|left| left <= Duration::from_secs(7)),
                    depth: call.depth(),
                    connection: call.connection() == call.peer().id(),
                }
            })
            .expect("a free name");
        let ends = serve(way, router).await;
        let mut metadata = Metadata::new();
        metadata.insert("name", "ann").expect("room");
        let options = CallOptions::new().metadata(metadata).deadline(Duration::from_secs(7));
        let seen = ends.client.peer().route("who").with(options).call::<Seen, Never>(&()).await;
        let expected = Seen { metadata: Some("ann".into()), hurried: true, depth: 0, connection: true };
        assert_eq!(seen, Ok(expected));
    }
}

#[tokio::test]
async fn r11_a_route_calls_back_one_deeper() {
    for way in ways() {
        let there = Router::new();
        there
            .add("down", |call: CallContext, (left,): (u8,)| async move {
                if left == 0 {
                    return Ok(call.depth());
                }
                let next = call.peer().route("down").call::<Result<u8, String>, Never>(&(left - 1,)).await;
                next.map_err(|error| error.to_string()).and_then(|deepest| deepest)
            })
            .expect("a free name");
        let here = there.clone();
        let ends = connect(way, &Limits::default(), move |(): ()| there.clone(), |(): ()| here).await;
        let route = ends.client.peer().route("down");
        assert_eq!(route.call::<Result<u8, String>, Never>(&(6_u8,)).await, Ok(Ok(6)));
        let deepest = route.call::<Result<u8, String>, Never>(&(40_u8,)).await.expect("an answer");
        assert!(deepest.is_err(), "33 is Overloaded: {deepest:?}");
        until_true(|| ends.client.pending() == 0 && ends.serving.pending() == 0).await;
    }
}

#[tokio::test]
async fn r14_a_route_ends_at_its_deadline_and_with_its_caller() {
    struct Dropped(mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    for way in ways() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (enter, mut entered) = mpsc::unbounded_channel();
        let router = Router::new();
        router
            .add("wait", move |_: CallContext, ()| {
                let (dropped, enter) = (Dropped(tell.clone()), enter.clone());
                async move {
                    let _dropped = dropped;
                    enter.send(()).expect("the test listens");
                    pending::<()>().await
                }
            })
            .expect("a free name");
        let ends = serve(way, router.clone()).await;
        let route = ends.client.peer().route("wait");
        let hurried = route.clone().with(CallOptions::new().deadline(Duration::from_millis(30)));
        assert_eq!(hurried.call::<(), Never>(&()).await, Err(CallError::Timeout(Fate::Unknown)));
        assert_eq!((entered.recv().await, told.recv().await), (Some(()), Some(())));
        let leaving = tokio::spawn(route.call::<(), Never>(&()));
        assert_eq!(entered.recv().await, Some(()));
        assert!(router.remove("wait"), "its call goes on");
        leaving.abort();
        assert_eq!(told.recv().await, Some(()));
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn routes_come_and_go_while_calls_run() {
    for way in ways() {
        let (release, hold) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = Router::new();
        let slow = {
            let (release, hold) = (Arc::clone(&release), Arc::clone(&hold));
            move |_: CallContext, (a,): (u32,)| {
                let (release, hold) = (Arc::clone(&release), Arc::clone(&hold));
                async move {
                    hold.notify_one();
                    release.notified().await;
                    a
                }
            }
        };
        router.add("slow", slow).expect("a free name");
        let ends = serve(way, router.clone()).await;
        let route = ends.client.peer().route("slow");
        let running = tokio::spawn(route.call::<u32, Never>(&(1_u32,)));
        hold.notified().await;
        assert!(router.remove("slow") && !router.remove("slow"));
        assert_eq!(route.call::<u32, Never>(&(2_u32,)).await, Err(CallError::UnknownMethod));
        router.add("slow", |_: CallContext, (a,): (u32,)| async move { a * 100 }).expect("free again");
        assert_eq!(route.call::<u32, Never>(&(3_u32,)).await, Ok(300), "another one, on the same connection");
        release.notify_one();
        assert_eq!(running.await.expect("no panic"), Ok(1), "what ran went on");
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn a_handler_adds_and_removes_routes_of_its_own_router() {
    for way in ways() {
        let router = Router::new();
        let own = router.clone();
        router
            .add("define", move |_: CallContext, (name, value): (String, u32)| {
                let own = own.clone();
                async move {
                    own.remove(&name);
                    own.add(&name, move |_: CallContext, ()| async move { value })
                        .map_err(|taken| taken.to_string())
                }
            })
            .expect("a free name");
        let ends = serve(way, router.clone()).await;
        let peer = ends.client.peer();
        for value in [1_u32, 2] {
            let defined = peer.route("define").call::<Result<(), String>, Never>(&("x", value)).await;
            assert_eq!(defined, Ok(Ok(())));
            assert_eq!(peer.route("x").call::<u32, Never>(&()).await, Ok(value));
        }
        // Also itself, while it runs.
        let defined = peer.route("define").call::<Result<(), String>, Never>(&("define", 3_u32)).await;
        assert_eq!(defined, Ok(Ok(())));
        assert_eq!(peer.route("define").call::<u32, Never>(&()).await, Ok(3));
        assert_eq!(router.len(), 2);
    }
}

#[tokio::test]
async fn removing_and_adding_beside_many_calls_answers_each_of_them() {
    for way in ways() {
        let router = math();
        let ends = serve(way, router.clone()).await;
        let flips = tokio::spawn(async move {
            for _ in 0..300 {
                assert!(router.remove("math/add"));
                tokio::task::yield_now().await;
                router
                    .add("math/add", |_: CallContext, (a, b): (i64, i64)| async move { a + b })
                    .expect("free");
                tokio::task::yield_now().await;
            }
        });
        let (mut added, mut unknown) = (0, 0);
        while !flips.is_finished() {
            let calls =
                (0..50_i64).map(|a| ends.client.peer().route("math/add").call::<i64, Never>(&(a, 1_i64)));
            for (a, answer) in futures::future::join_all(calls).await.into_iter().enumerate() {
                match answer {
                    Ok(sum) if sum == a as i64 + 1 => added += 1,
                    Err(CallError::UnknownMethod) => unknown += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        flips.await.expect("no panic");
        assert!(added + unknown > 0);
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let router = math();
    let again = router.add("math/add", |_: CallContext, ()| async move { 1_u8 });
    let taken = RouteTaken { name: "math/add".into(), taken: "math/add".into() };
    assert_eq!(again, Err(taken.clone()));
    assert!(taken.to_string().contains("math/add"));
    // Two names with one wire identity: a pair that 32 bits of FNV-1a do not tell apart.
    let clashing = Router::new().route("costarring", |_: CallContext, ()| async move { 1_u8 });
    let clashing = clashing.expect("free").route("liquid", |_: CallContext, ()| async move { 2_u8 });
    let taken = clashing.expect_err("they collide");
    assert_eq!((taken.name.as_str(), taken.taken.as_str()), ("liquid", "costarring"));
}

#[tokio::test]
async fn a_router_beside_providers_serves_what_they_do_not() {
    for way in ways() {
        let calc = Calc::default();
        let provider = (math(), CalculatorProvider::new(calc.clone()), Router::new());
        let second = provider.2.clone();
        second.add("second", |_: CallContext, ()| async move { 2_u8 }).expect("free");
        // A route that is named like a method is behind it.
        second
            .add("Calculator.add", |_: CallContext, (_, _): (i64, i64)| async move { -1_i64 })
            .expect("free");
        let serves = provider.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| (serves.0.clone(), CalculatorProvider::new(calc.clone()), serves.2.clone()),
            |_: CalculatorRemote| (),
        )
        .await;
        let (remote, peer) = (ends.client.remote(), ends.client.peer());
        assert_eq!(remote.add(1, 2).await, Ok(1003));
        assert_eq!(peer.route("math/add").call::<i64, Never>(&(1_i64, 2_i64)).await, Ok(3));
        assert_eq!(peer.route("second").call::<u8, Never>(&()).await, Ok(2));
        assert_eq!(peer.route("Calculator.add").call::<i64, Never>(&(1_i64, 2_i64)).await, Ok(1003));
        assert_eq!(peer.route("third").call::<u8, Never>(&()).await, Err(CallError::UnknownMethod));
    }
}

#[tokio::test]
async fn a_method_of_a_contract_is_a_route_by_its_wire_name() {
    for way in ways() {
        let calc = Calc::default();
        let provider = calc.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| CalculatorProvider::new(provider.clone()),
            |(): ()| (),
        )
        .await;
        let peer = ends.client.peer();
        assert_eq!(peer.route("Calculator.add").call::<i64, Never>(&(1_i64, 2_i64)).await, Ok(1003));
        let half = peer.route("Calculator.half");
        assert_eq!(half.call::<i64, String>(&(8_i64,)).await, Ok(4));
        assert_eq!(half.call::<i64, String>(&(7_i64,)).await, Err(CallError::App("7 is odd".into())));
        peer.route("Calculator.memo").send(&("by name",)).await.expect("credit");
        until_true(|| calc.notes() == ["by name"]).await;
        let awaited = peer.route("Calculator.memo").call::<(), Never>(&("an event",)).await;
        assert_eq!(awaited, Err(CallError::SchemaMismatch), "an event answers nothing");
        assert_eq!(peer.route("calculator.add").call::<i64, Never>(&()).await, Err(CallError::UnknownMethod));
        until_true(|| ends.client.pending() == 0 && ends.serving.running() == 0).await;
    }
}

/// Lets those pass who say so.
fn badge(call: &CallContext) -> Result<(), Denied> {
    match call.metadata("badge") {
        Some("gold") => Ok(()),
        _ => Err(Denied::new("a secret reason")),
    }
}

fn gold() -> CallOptions {
    let mut metadata = Metadata::new();
    metadata.insert("badge", "gold").expect("room");
    CallOptions::new().metadata(metadata)
}

#[tokio::test]
async fn a_guard_of_one_route_guards_that_route_alone() {
    for way in ways() {
        let guarded = Guarded::new(math()).guard_route("math/add", badge);
        let ends = serve(way, guarded).await;
        let peer = ends.client.peer();
        let add = peer.route("math/add");
        assert_eq!(add.call::<i64, Never>(&(2_i64, 3_i64)).await, Err(CallError::Denied));
        assert_eq!(add.with(gold()).call::<i64, Never>(&(2_i64, 3_i64)).await, Ok(5));
        assert_eq!(peer.route("math/divide").call::<i64, Broken>(&(6_i64, 3_i64)).await, Ok(2));
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn a_guard_of_all_guards_routes_that_are_added_later() {
    for way in ways() {
        let router = math();
        let guarded =
            Guarded::new((CalculatorProvider::new(Calc::default()), router.clone())).guard_all(badge);
        let ends =
            connect(way, &Limits::default(), move |(): ()| guarded.clone(), |_: CalculatorRemote| ()).await;
        router.add("later", |_: CallContext, ()| async move { 1_u8 }).expect("free");
        let peer = ends.client.peer();
        assert_eq!(peer.route("later").call::<u8, Never>(&()).await, Err(CallError::Denied));
        assert_eq!(peer.route("later").with(gold()).call::<u8, Never>(&()).await, Ok(1));
        assert_eq!(ends.client.remote().add(1, 2).await, Err(CallError::Denied));
        assert_eq!(ends.client.remote().with(gold()).add(1, 2).await, Ok(1003));
        peer.route("later").send(&()).await.expect("it is sent");
        until_true(|| ends.serving.stats().events_refused == 1).await;
    }
}

#[tokio::test]
async fn nothing_of_a_route_runs_before_its_guard_lets_it() {
    struct Awaits;
    impl Guard for Awaits {
        async fn check(&self, call: &CallContext) -> Result<(), Denied> {
            tokio::task::yield_now().await;
            badge(call)
        }
    }
    for way in ways() {
        let ran = Arc::new(AtomicUsize::new(0));
        let router = Router::new();
        let counts = [Arc::clone(&ran), Arc::clone(&ran)];
        let [plain, failing] = counts;
        // The closure itself does something, before it gives its future.
        router
            .add("plain", move |_: CallContext, ()| {
                plain.fetch_add(1, Ordering::SeqCst);
                async {}
            })
            .expect("free");
        router
            .try_add("failing", move |_: CallContext, ()| {
                failing.fetch_add(1, Ordering::SeqCst);
                async { Err::<(), u8>(1) }
            })
            .expect("free");
        let ends = serve(way, Guarded::new(router).guard_all(Awaits)).await;
        let peer = ends.client.peer();
        assert_eq!(peer.route("plain").call::<(), Never>(&()).await, Err(CallError::Denied));
        assert_eq!(peer.route("failing").call::<(), u8>(&()).await, Err(CallError::Denied));
        assert_eq!(ran.load(Ordering::SeqCst), 0, "a guard that says no lets nothing run");
        assert_eq!(peer.route("plain").with(gold()).call::<(), Never>(&()).await, Ok(()));
        assert_eq!(peer.route("failing").with(gold()).call::<(), u8>(&()).await, Err(CallError::App(1)));
        assert_eq!(ran.load(Ordering::SeqCst), 2);
    }
}

struct Other;

impl ContractName for Other {
    const NAME: &'static str = "other";
}

#[tokio::test]
async fn another_name_for_a_contract_leaves_routes_as_they_are() {
    for way in ways() {
        let provider = move || Named::<Other, _>::new((CalculatorProvider::new(Calc::default()), math()));
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| provider(),
            |_: Named<Other, CalculatorRemote>| (),
        )
        .await;
        let peer = ends.client.peer();
        assert_eq!(ends.client.remote().add(1, 2).await, Ok(1003));
        assert_eq!(peer.route("other.add").call::<i64, Never>(&(1_i64, 2_i64)).await, Ok(1003));
        assert_eq!(peer.route("math/add").call::<i64, Never>(&(1_i64, 2_i64)).await, Ok(3));
        let named = peer.route("other.math/add").call::<i64, Never>(&(1_i64, 2_i64)).await;
        assert_eq!(named, Err(CallError::UnknownMethod));
    }
}

#[tokio::test]
async fn hostile_names_are_names_like_others() {
    let long = "x".repeat(100_000);
    let names = ["", " ", "\0", "../../etc/passwd", "ä/ö/日本", "a\nb", "a", "A", "*", "math/*", &long];
    for way in ways() {
        let router = Router::new();
        for (index, name) in names.iter().enumerate() {
            router.add(name, move |_: CallContext, ()| async move { index }).expect("they differ");
        }
        assert!(format!("{router:?}").contains("日本"));
        let ends = serve(way, router).await;
        for (index, name) in names.iter().enumerate() {
            let route = ends.client.peer().route(name);
            assert_eq!(route.call::<usize, Never>(&()).await, Ok(index), "{name:.20}");
        }
        assert_eq!(
            ends.client.peer().route("b").call::<usize, Never>(&()).await,
            Err(CallError::UnknownMethod)
        );
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r16_a_panic_in_a_route_fails_its_call_alone() {
    for way in ways() {
        let router = math();
        router.add("panics", |_: CallContext, ()| async move { panic!("a secret") as u8 }).expect("free");
        router
            .add("panics/at/once", |_: CallContext, (a,): (u8,)| {
                assert_ne!(a, 1, "a secret");
                async move { a }
            })
            .expect("free");
        let ends = serve(way, router).await;
        let peer = ends.client.peer();
        assert!(matches!(peer.route("panics").call::<u8, Never>(&()).await, Err(CallError::Internal(_))));
        let at_once = peer.route("panics/at/once").call::<u8, Never>(&(1_u8,)).await;
        assert!(matches!(at_once, Err(CallError::Internal(_))));
        peer.route("panics").send(&()).await.expect("credit");
        until_true(|| ends.serving.stats().handler_failures == 3).await;
        assert_eq!(peer.route("math/add").call::<i64, Never>(&(2_i64, 3_i64)).await, Ok(5));
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r17_a_result_that_is_too_large_is_answered_promptly() {
    for way in ways() {
        let router = Router::new();
        router
            .add("large", |_: CallContext, (size,): (usize,)| async move { vec![1_u8; size] })
            .expect("free");
        let ends = serve(way, router).await;
        let route = ends.client.peer().route("large");
        let large = route.call::<Vec<u8>, Never>(&(3_usize << 20,)).await;
        assert_eq!(large, Err(CallError::TooLarge(Fate::Unknown)));
        let sent = route.call::<Vec<u8>, Never>(&(vec![1_u8; 3 << 20],)).await;
        assert_eq!(sent, Err(CallError::TooLarge(Fate::NotSent)));
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn ten_thousand_routes_are_served_beside_each_other() {
    let router = Router::new();
    let mut names = Vec::new();
    for number in 0..10_000_u32 {
        let name = format!("service/{number}");
        // Among so many, two names may share their 32 bits: the second is told.
        match router.add(&name, move |_: CallContext, (a,): (u32,)| async move { a + number }) {
            Ok(()) => names.push((name, number)),
            Err(taken) => assert_ne!(taken.name, taken.taken),
        }
    }
    assert!(names.len() > 9_990 && router.len() == names.len());
    for way in ways() {
        let ends = serve(way, router.clone()).await;
        let peer = ends.client.peer();
        let calls = names.iter().map(|(name, number)| {
            let call = peer.route(name).call::<u32, Never>(&(1_u32,));
            async move { (call.await, number + 1) }
        });
        let calls: Vec<_> = calls.collect();
        let answers = futures::StreamExt::collect::<Vec<_>>(futures::StreamExt::buffer_unordered(
            futures::stream::iter(calls),
            200,
        ));
        let answers = answers.await;
        assert!(answers.iter().all(|(answer, expected)| answer.as_ref() == Ok(expected)), "{way:?}");
        let distinct: HashSet<u32> = answers.into_iter().filter_map(|(answer, _)| answer.ok()).collect();
        assert_eq!(distinct.len(), names.len());
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn one_router_serves_many_connections() {
    let router = math();
    let ends = serve((Carrier::Socket, Encoding::available()[0]), router.clone()).await;
    let others = [serve((Carrier::Memory, Encoding::available()[0]), router.clone()).await];
    router.add("new", |_: CallContext, ()| async move { 1_u8 }).expect("free");
    for client in [&ends.client, &others[0].client] {
        assert_eq!(client.peer().route("new").call::<u8, Never>(&()).await, Ok(1));
    }
    assert!(router.remove("new"));
    for client in [&ends.client, &others[0].client] {
        assert_eq!(client.peer().route("new").call::<u8, Never>(&()).await, Err(CallError::UnknownMethod));
    }
}

#[tokio::test]
async fn r25_a_router_replaces_nothing_and_is_replaced_by_it() {
    for way in ways() {
        let ends = serve(way, ()).await;
        let add = ends.client.peer().route("math/add");
        assert_eq!(add.call::<i64, Never>(&(2_i64, 3_i64)).await, Err(CallError::NoProvider));
        ends.serving.replace(math()).expect("it has no methods either");
        assert_eq!(add.call::<i64, Never>(&(2_i64, 3_i64)).await, Ok(5));
        ends.serving.replace(()).expect("the same");
        assert_eq!(add.call::<i64, Never>(&(2_i64, 3_i64)).await, Err(CallError::NoProvider));
    }
}

#[tokio::test]
async fn failures_of_routes_are_told_to_their_own_side() {
    for way in ways() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let server = WebSocketServer::builder().on_failure(move |failure| {
            tell.send((failure.kind, failure.detail.map(str::to_owned))).expect("the test listens");
        });
        let guarded = Guarded::new(math()).guard_route("math/add", badge);
        let ends = connect_by(
            way,
            server,
            WebSocketConnector::<(), (), ()>::builder(()),
            move |(): ()| guarded.clone(),
            |(): ()| (),
        )
        .await;
        let peer = ends.client.peer();
        let unknown = peer.route("none").call::<(), Never>(&()).await;
        assert_eq!(unknown, Err(CallError::UnknownMethod));
        assert_eq!(told.recv().await, Some((FailureKind::UnknownMethod, None)));
        let denied = peer.route("math/add").call::<i64, Never>(&(2_i64, 3_i64)).await;
        assert!(!format!("{denied:?}").contains("secret"));
        assert_eq!(told.recv().await, Some((FailureKind::Denied, Some("a secret reason".into()))));
        let wrong = peer.route("math/add").call::<i64, Never>(&()).await;
        assert_eq!(wrong, Err(CallError::InvalidArguments));
        assert!(matches!(told.recv().await, Some((FailureKind::InvalidArguments, Some(_)))));
        let declared = peer.route("math/divide").call::<i64, Broken>(&(1_i64, 0_i64)).await;
        assert!(matches!(declared, Err(CallError::App(_))));
        assert_eq!(told.recv().await, Some((FailureKind::Declared, None)));
    }
}
