//! Guards: who may call what is decided before a handler runs, and the caller learns no more than `Denied`.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use ws_client::WebSocketConnector;
use ws_core::{
    CallContext, CallError, CallOptions, ContractError, ContractName, Denied, Encoding, Fate, Guard, Guarded,
    Limits, Metadata, Named, Provider, ws_service,
};
use ws_server::WebSocketServer;
use ws_tests::fixture::{Ends, connect, until_true, ways};

#[ws_service]
trait Vault {
    async fn look(&self) -> u32;
    async fn open(&self, code: Code) -> Result<u32, String>;
    #[ws(event)]
    async fn knock(&self, times: u32);
    #[ws(nested)]
    fn drawer(&self) -> &impl Drawer;
}

#[ws_service]
trait Drawer {
    async fn pull(&self) -> u32;
    #[ws(event)]
    async fn push(&self);
}

#[derive(Serialize, Deserialize)]
struct Code(u32);

/// Tells what runs, guards and handlers alike.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn new() -> Self {
        Self(Arc::default())
    }
    fn note(&self, text: impl Into<String>) {
        self.0.lock().expect("unpoisoned").push(text.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("unpoisoned"))
    }
}

#[derive(Clone)]
struct Steel(Log);

impl Vault for Steel {
    async fn look(&self) -> u32 {
        self.0.note("look");
        1
    }
    async fn open(&self, code: Code) -> Result<u32, String> {
        self.0.note("open");
        if code.0 == 7 { Ok(7) } else { Err("wrong".into()) }
    }
    async fn knock(&self, times: u32) {
        self.0.note(format!("knock {times}"));
    }
    fn drawer(&self) -> &impl Drawer {
        self
    }
}

impl Drawer for Steel {
    async fn pull(&self) -> u32 {
        self.0.note("pull");
        2
    }
    async fn push(&self) {
        self.0.note("push");
    }
}

type Guarding = Guarded<VaultProvider<Steel>>;

fn vault(log: &Log) -> Guarding {
    Guarded::new(VaultProvider::new(Steel(log.clone())))
}

/// Lets those pass who say so.
fn badge(call: &CallContext) -> Result<(), Denied> {
    match call.metadata("badge") {
        Some("gold") => Ok(()),
        other => Err(Denied::new(format!("the secret reason: {other:?}"))),
    }
}

fn with_badge(badge: &str) -> CallOptions {
    let mut metadata = Metadata::new();
    metadata.insert("badge", badge).expect("room");
    CallOptions::new().metadata(metadata)
}

async fn serve(
    way: (ws_tests::fixture::Carrier, Encoding),
    guarded: Guarding,
) -> Ends<Guarding, (), VaultRemote> {
    connect(way, &Limits::default(), move |(): ()| guarded.clone(), |_: VaultRemote| ()).await
}

#[tokio::test]
async fn a_guard_of_one_method_guards_that_method_alone() {
    for way in ways() {
        let log = Log::new();
        let guarded = vault(&log).guard(VaultMethod::Open, badge).expect("there is one");
        let ends = serve(way, guarded).await;
        let remote = ends.client.remote();
        assert_eq!(remote.look().await, Ok(1));
        assert_eq!(remote.drawer().pull().await, Ok(2));
        assert_eq!(log.take(), ["look", "pull"]);
        let denied = remote.open(Code(7)).await.expect_err("no badge");
        assert_eq!((denied.fate(), denied), (Fate::NotSent, CallError::Denied));
        assert_eq!(remote.with(with_badge("brass")).open(Code(7)).await, Err(CallError::Denied));
        assert!(log.take().is_empty(), "the handler did not run");
        let gold = remote.with(with_badge("gold"));
        assert_eq!(gold.open(Code(7)).await, Ok(7));
        assert_eq!(gold.open(Code(8)).await, Err(CallError::App("wrong".into())));
        assert_eq!(log.take(), ["open", "open"]);
    }
}

#[tokio::test]
async fn a_guard_of_all_guards_events_and_nested_methods_too() {
    for way in ways() {
        let log = Log::new();
        let ends = serve(way, vault(&log).guard_all(badge)).await;
        let remote = ends.client.remote();
        assert_eq!(remote.look().await, Err(CallError::Denied));
        assert_eq!(remote.drawer().pull().await, Err(CallError::Denied));
        remote.knock(1).await.expect("it is sent");
        remote.drawer().push().await.expect("it is sent");
        until_true(|| ends.serving.stats().events_refused == 2 && ends.serving.running() == 0).await;
        assert!(log.take().is_empty());
        let gold = remote.with(with_badge("gold"));
        gold.knock(2).await.expect("it is sent");
        gold.drawer().push().await.expect("it is sent");
        assert_eq!((gold.look().await, gold.drawer().pull().await), (Ok(1), Ok(2)));
        until_true(|| ends.serving.running() == 0 && ends.serving.stats().events_received == 4).await;
        let mut ran = log.take();
        ran.sort();
        assert_eq!(ran, ["knock 2", "look", "pull", "push"]);
        assert!(ends.client.is_open());
    }
}

#[tokio::test]
async fn a_nested_method_is_guarded_by_its_path() {
    for way in ways() {
        let log = Log::new();
        let guarded = vault(&log).guard("Vault.drawer.pull", badge).expect("there is one");
        let ends = serve(way, guarded).await;
        let drawer = ends.client.remote().drawer();
        assert_eq!(drawer.pull().await, Err(CallError::Denied));
        assert_eq!(drawer.with(with_badge("gold")).pull().await, Ok(2));
        drawer.push().await.expect("credit");
        until_true(|| log.0.lock().expect("unpoisoned").len() == 2).await;
        assert_eq!(log.take(), ["pull", "push"]);
    }
}

#[tokio::test]
async fn guards_are_asked_in_the_order_they_were_given_until_one_says_no() {
    for way in ways() {
        let log = Log::new();
        let says = |number: u32, yes: bool| {
            let log = log.clone();
            move |_: &CallContext| {
                log.note(format!("guard {number}"));
                if yes { Ok(()) } else { Err(Denied::new("no")) }
            }
        };
        let guarded = vault(&log)
            .guard(VaultMethod::Open, says(1, true))
            .expect("there is one")
            .guard_all(says(2, true))
            .guard(VaultMethod::Look, says(3, false))
            .expect("there is one")
            .guard_all(says(4, true));
        let ends = serve(way, guarded).await;
        let remote = ends.client.remote();
        assert_eq!(remote.open(Code(7)).await, Ok(7));
        assert_eq!(log.take(), ["guard 1", "guard 2", "guard 4", "open"]);
        assert_eq!(remote.look().await, Err(CallError::Denied));
        assert_eq!(log.take(), ["guard 2", "guard 3"]);
        assert_eq!(remote.drawer().pull().await, Ok(2));
        assert_eq!(log.take(), ["guard 2", "guard 4", "pull"]);
    }
}

#[test]
fn a_guard_for_a_method_that_does_not_exist_is_a_mistake() {
    let names = ["", "Vault", "Vault.drawer", "look", "Vault.Look", "Drawer.pull", "Vault.drawer.pull "];
    for name in names {
        let refused = vault(&Log::new()).guard(name, badge).expect_err("no such method");
        assert_eq!(refused, ContractError::NoSuchMethod { name: name.to_owned() });
        assert!(refused.to_string().contains(name));
    }
    assert!(vault(&Log::new()).guard(DrawerMethod::Pull, badge).is_err(), "a nested method has a path");
    assert!(vault(&Log::new()).guard("Vault.look".to_owned().as_str(), badge).is_ok());
}

/// Waits for the test before it answers; tells when it is dropped.
struct Waits {
    asked: UnboundedSender<&'static str>,
    forever: bool,
}

struct Dropped(UnboundedSender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

impl Guard for Waits {
    async fn check(&self, call: &CallContext) -> Result<(), Denied> {
        let _dropped = Dropped(self.asked.clone());
        let _ = self.asked.send(call.method());
        if self.forever {
            pending::<()>().await;
        }
        tokio::task::yield_now().await;
        badge(call)
    }
}

#[tokio::test]
async fn a_guard_may_await_and_is_part_of_the_call() {
    for way in ways() {
        let (asked, mut told) = unbounded_channel();
        let log = Log::new();
        let guarded = vault(&log)
            .guard(VaultMethod::Look, Waits { asked: asked.clone(), forever: true })
            .expect("there is one")
            .guard(VaultMethod::Open, Waits { asked, forever: false })
            .expect("there is one");
        let ends = serve(way, guarded).await;
        let remote = ends.client.remote();
        assert_eq!(remote.with(with_badge("gold")).open(Code(7)).await, Ok(7));
        assert_eq!(remote.open(Code(7)).await, Err(CallError::Denied));
        for expected in ["Vault.open", "dropped", "Vault.open", "dropped"] {
            assert_eq!(told.recv().await, Some(expected));
        }
        assert_eq!(log.take(), ["open"]);
        // R14: its deadline passes while the guard awaits, and ends the guard.
        let hurried = remote.with(CallOptions::new().deadline(Duration::from_millis(20)));
        assert_eq!(hurried.look().await, Err(CallError::Timeout(Fate::Unknown)));
        assert_eq!((told.recv().await, told.recv().await), (Some("Vault.look"), Some("dropped")));
        // A caller that leaves ends it too.
        let leaving = tokio::spawn(remote.look());
        assert_eq!(told.recv().await, Some("Vault.look"));
        leaving.abort();
        assert_eq!(told.recv().await, Some("dropped"));
        until_true(|| ends.serving.running() == 0 && ends.client.pending() == 0).await;
        assert!(log.take().is_empty(), "no handler ran");
    }
}

#[tokio::test]
async fn a_guard_that_waits_holds_nobody_else_up() {
    for way in ways() {
        let (asked, mut told) = unbounded_channel();
        let log = Log::new();
        let guarded =
            vault(&log).guard(VaultMethod::Open, Waits { asked, forever: true }).expect("there is one");
        let ends = serve(way, guarded).await;
        let waiting = tokio::spawn(ends.client.remote().open(Code(7)));
        assert_eq!(told.recv().await, Some("Vault.open"));
        assert_eq!(ends.client.remote().look().await, Ok(1));
        waiting.abort();
    }
}

#[tokio::test]
async fn r16_a_panic_in_a_guard_fails_its_call_alone() {
    struct Awaits;
    impl Guard for Awaits {
        async fn check(&self, _: &CallContext) -> Result<(), Denied> {
            tokio::task::yield_now().await;
            panic!("a secret of the guard")
        }
    }
    for way in ways() {
        let log = Log::new();
        let guarded = vault(&log)
            .guard(VaultMethod::Look, |_: &CallContext| -> Result<(), Denied> { panic!("a secret") })
            .expect("there is one")
            .guard(VaultMethod::Open, Awaits)
            .expect("there is one")
            .guard(VaultMethod::Knock, Awaits)
            .expect("there is one");
        let ends = serve(way, guarded).await;
        let remote = ends.client.remote();
        assert!(matches!(remote.look().await, Err(CallError::Internal(_))));
        assert!(matches!(remote.open(Code(7)).await, Err(CallError::Internal(_))));
        remote.knock(1).await.expect("credit");
        until_true(|| ends.serving.stats().handler_failures == 3).await;
        assert_eq!(remote.drawer().pull().await, Ok(2));
        assert_eq!(log.take(), ["pull"], "a guard that failed lets nobody in");
    }
}

/// The same signature as written, and other bytes.
mod forged {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub struct Code(pub String);

    #[ws_core::ws_service]
    pub trait Vault {
        async fn open(&self, code: Code) -> Result<u32, String>;
    }
}

#[tokio::test]
async fn a_guard_is_asked_only_of_arguments_that_decode() {
    for way in ways() {
        let (asked, mut told) = unbounded_channel();
        let guard = Waits { asked, forever: false };
        let guarded = vault(&Log::new()).guard(VaultMethod::Open, guard).expect("there is one");
        let ends =
            connect(way, &Limits::default(), move |(): ()| guarded.clone(), |_: forged::VaultRemote| ())
                .await;
        let code = forged::Code("not a number".into());
        assert_eq!(ends.client.remote().open(code).await, Err(CallError::InvalidArguments));
        assert!(told.try_recv().is_err(), "it was not asked");
    }
}

struct Other;

impl ContractName for Other {
    const NAME: &'static str = "other";
}

#[tokio::test]
async fn guards_stand_in_tuples_under_names_and_around_both() {
    for way in ways() {
        let log = Log::new();
        let provider = || VaultProvider::new(Steel(log.clone()));
        let inner = Guarded::new(provider()).guard(VaultMethod::Look, badge).expect("there is one");
        let named = Named::<Other, _>::new(inner);
        let around = Guarded::new((provider(), named.clone()));
        let around = around.guard("other.open", badge).expect("there is one");
        let around = around.guard(VaultMethod::Open, badge).expect("of the first");
        type Remotes = (VaultRemote, Named<Other, VaultRemote>);
        let ends = connect(way, &Limits::default(), move |(): ()| around.clone(), |_: Remotes| ()).await;
        let (first, second) = ends.client.remote();
        assert_eq!((first.look().await, second.look().await), (Ok(1), Err(CallError::Denied)));
        assert_eq!(first.open(Code(7)).await, Err(CallError::Denied));
        assert_eq!(second.open(Code(7)).await, Err(CallError::Denied));
        assert_eq!((first.drawer().pull().await, second.drawer().pull().await), (Ok(2), Ok(2)));
        assert_eq!(second.with(with_badge("gold")).look().await, Ok(1));
    }
}

#[tokio::test]
async fn a_client_guards_what_it_serves_as_well() {
    for way in ways() {
        let log = Log::new();
        let guarded = vault(&log).guard_all(badge);
        let ends = connect(way, &Limits::default(), |_: VaultRemote| (), move |(): ()| guarded).await;
        assert_eq!(ends.serving.remote().look().await, Err(CallError::Denied));
        assert_eq!(ends.serving.remote().with(with_badge("gold")).look().await, Ok(1));
    }
}

#[tokio::test]
async fn r16_the_reason_of_a_denial_stays_on_this_side() {
    let (tell, mut told) = unbounded_channel();
    let log = Log::new();
    let guarded = vault(&log).guard_all(badge);
    let server = WebSocketServer::<(), Guarding, ()>::builder()
        .on_failure(move |failure| {
            tell.send((failure.method.map(str::to_owned), failure.kind, failure.detail.map(str::to_owned)))
                .expect("the test listens");
        })
        .build()
        .expect("good limits");
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let guarded = guarded.clone();
            async move {
                acceptor.accept(guarded).await?;
                Ok(())
            }
        })
        .await
        .expect("a free port");
    let connector = WebSocketConnector::<(), (), VaultRemote>::new(());
    let connection = connector.connect(format!("ws://{address}"), ()).await.expect("a connection");
    let denied = connection.remote().drawer().pull().await.expect_err("no badge");
    assert!(!format!("{denied:?} {denied}").contains("secret"));
    let (method, kind, detail) = told.recv().await.expect("it is told");
    assert_eq!(method.as_deref(), Some("Vault.drawer.pull"));
    assert_eq!(kind, ws_core::FailureKind::Denied);
    assert_eq!(detail.as_deref(), Some("the secret reason: None"));
    connection.remote().knock(1).await.expect("credit");
    let (method, kind, _) = told.recv().await.expect("an event is told of as well");
    assert_eq!((method.as_deref(), kind), (Some("Vault.knock"), ws_core::FailureKind::Denied));
}

#[tokio::test]
async fn r25_a_replacement_brings_its_own_guards() {
    for way in ways() {
        let log = Log::new();
        let ends = serve(way, vault(&log)).await;
        assert_eq!(ends.client.remote().look().await, Ok(1));
        ends.serving.replace(vault(&log).guard_all(badge)).expect("the same contract");
        assert_eq!(ends.client.remote().look().await, Err(CallError::Denied));
    }
}

#[test]
fn a_guarded_provider_serves_what_it_guards() {
    fn same<A: Provider, B: Provider>() -> bool {
        A::count() == B::count() && A::methods().specs() == B::methods().specs()
    }
    assert!(same::<VaultProvider<Steel>, Guarded<VaultProvider<Steel>>>());
}
