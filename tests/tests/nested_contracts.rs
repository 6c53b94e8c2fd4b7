//! Contracts inside contracts, several deep: each method is reached, and named, by its own path, and behaves as if its
//! contract were the only one.

use std::future::pending;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ws_core::service::{MethodId, MethodTable};
use ws_core::{
    CallContext, CallError, CallOptions, ContractError, ContractName, Fate, Limits, Metadata, Named,
    Provider, Remote, ws_service,
};
use ws_tests::fixture::{connect, heard, until_true, ways};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct TooHigh {
    pub by: u32,
}

#[ws_service]
pub trait Leaf {
    async fn place(&self) -> String;
    async fn method(&self, ctx: &CallContext, padding: String) -> (String, String);
    async fn climb(&self, height: u32) -> Result<u32, TooHigh>;
    #[ws(event)]
    async fn note(&self, ctx: &CallContext, text: String);
    async fn hang(&self);
    #[ws(timeout = "20ms")]
    async fn hang_shortly(&self);
    async fn fall(&self);
    async fn depth_there(&self, ctx: &CallContext) -> u8;
    async fn greet(&self, name: String) -> String {
        format!("{name} at {}", self.place().await)
    }
}

#[ws_service]
pub trait Branch {
    async fn count(&self) -> u32;
    #[ws(nested)]
    fn leaf(&self) -> &impl Leaf;
    #[ws(nested, name = "other-leaf")]
    fn second(&self) -> &impl Leaf;
}

#[ws_service(name = "tree/v2.1")]
pub trait Tree {
    #[ws(nested)]
    fn left(&self) -> &impl Branch;
    async fn height(&self) -> u32;
    #[ws(nested)]
    fn right(&self) -> &impl Branch;
}

#[ws_service]
pub trait Forest {
    #[ws(nested)]
    fn tree(&self) -> &impl Tree;
    /// Its accessor panics.
    #[ws(nested)]
    fn burnt(&self) -> &impl Tree;
}

/// The names that a contract is imported under, and its remote elsewhere.
mod renamed {
    use super::Leaf as Blatt;
    mod stubs {
        pub(super) use super::super::LeafRemote as BlattStub;
    }

    #[ws_core::ws_service]
    pub trait Herbarium {
        #[ws(nested(remote = stubs::BlattStub))]
        fn pressed(&self) -> &impl Blatt;
        #[ws(nested)]
        fn fresh(&self) -> &impl super::Leaf;
    }
}

#[ws_service]
trait Depth {
    async fn depth(&self, ctx: &CallContext) -> u8;
}

struct Probe;

impl Depth for Probe {
    async fn depth(&self, ctx: &CallContext) -> u8 {
        ctx.depth()
    }
}

/// Tells of its end, whatever ends it.
struct End(UnboundedSender<String>, String);

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.0.send(format!("end of {}", self.1));
    }
}

struct Place {
    name: &'static str,
    log: UnboundedSender<String>,
}

impl Leaf for Place {
    async fn place(&self) -> String {
        self.name.to_owned()
    }
    async fn method(&self, ctx: &CallContext, padding: String) -> (String, String) {
        (ctx.method().to_owned(), padding)
    }
    async fn climb(&self, height: u32) -> Result<u32, TooHigh> {
        if height > 10 { Err(TooHigh { by: height - 10 }) } else { Ok(height) }
    }
    async fn note(&self, ctx: &CallContext, text: String) {
        let by = ctx.metadata("by").unwrap_or("nobody");
        self.log.send(format!("{} {text} by {by}", ctx.method())).expect("the test listens");
    }
    async fn hang(&self) {
        let _end = End(self.log.clone(), format!("hang at {}", self.name));
        self.log.send(format!("hang at {}", self.name)).expect("the test listens");
        pending().await
    }
    async fn hang_shortly(&self) {
        let _end = End(self.log.clone(), format!("hang at {}", self.name));
        pending().await
    }
    async fn fall(&self) {
        panic!("a secret of {}", self.name)
    }
    async fn depth_there(&self, ctx: &CallContext) -> u8 {
        ctx.remote::<DepthRemote>().depth().await.expect("the other side answers")
    }
}

struct Two(Place, Place);

impl Branch for Two {
    async fn count(&self) -> u32 {
        2
    }
    fn leaf(&self) -> &impl Leaf {
        &self.0
    }
    fn second(&self) -> &impl Leaf {
        &self.1
    }
}

struct Oak {
    left: Two,
    right: Two,
}

impl Tree for Oak {
    fn left(&self) -> &impl Branch {
        &self.left
    }
    async fn height(&self) -> u32 {
        30
    }
    fn right(&self) -> &impl Branch {
        &self.right
    }
}

struct Wood(Oak);

impl Forest for Wood {
    fn tree(&self) -> &impl Tree {
        &self.0
    }
    fn burnt(&self) -> &impl Tree {
        if self.0.left.0.name == "left" {
            panic!("a secret of the accessor")
        }
        &self.0
    }
}

fn oak(log: &UnboundedSender<String>) -> Oak {
    let place = |name| Place { name, log: log.clone() };
    Oak { left: Two(place("left"), place("left 2")), right: Two(place("right"), place("right 2")) }
}

fn wood() -> (ForestProvider<Wood>, UnboundedReceiver<String>) {
    let (log, told) = unbounded_channel();
    (ForestProvider::new(Wood(oak(&log))), told)
}

impl renamed::Herbarium for Wood {
    fn pressed(&self) -> &impl Leaf {
        &self.0.left.0
    }
    fn fresh(&self) -> &impl Leaf {
        &self.0.right.0
    }
}

#[test]
fn a_nested_method_is_named_by_its_path_and_identified_by_its_name() {
    let table = MethodTable::new(<ForestProvider<Wood>>::methods()).expect("distinct");
    let names: Vec<_> = table.specs().iter().map(|spec| spec.name).collect();
    // A tree's own method first, then what is inside it, as written; each leaf has 9 methods.
    assert_eq!(names.len(), 2 * (1 + 2 * (1 + 2 * 9)));
    assert_eq!(names[0], "Forest.tree.height");
    assert_eq!(names[1], "Forest.tree.left.count");
    assert_eq!(names[2], "Forest.tree.left.leaf.place");
    assert_eq!(names[11], "Forest.tree.left.other-leaf.place");
    assert_eq!(names[39], "Forest.burnt.height");
    for (index, spec) in table.specs().iter().enumerate() {
        assert_eq!(spec.id, MethodId::of(spec.name), "P31");
        assert_eq!(table.index(spec.id), Some(index));
        assert_eq!(spec.contract(), "Forest");
        assert_eq!(format!("Forest.{}", spec.path()), spec.name);
    }
    assert_eq!(<ForestProvider<Wood>>::count(), names.len());
    assert_eq!(ForestRemote::COUNT, names.len());
    let remote: Vec<_> = ForestRemote::methods().specs().iter().map(|spec| spec.id).collect();
    assert_eq!(remote, table.specs().iter().map(|spec| spec.id).collect::<Vec<_>>());
}

#[test]
fn a_contract_with_dots_in_its_name_nests_as_any_other() {
    let methods = TreeRemote::methods();
    let names: Vec<_> = methods.specs().iter().map(|spec| (spec.contract(), spec.path())).collect();
    assert_eq!(names[0], ("tree/v2.1", "height"));
    assert_eq!(names[2], ("tree/v2.1", "left.leaf.place"));
    for spec in methods.specs() {
        assert_eq!(spec.id, MethodId::of(spec.name));
    }
}

#[tokio::test]
async fn every_leaf_is_reached_by_its_own_path_in_both_directions() {
    for way in ways() {
        let ((serves, _told), (client_serves, _told_client)) = (wood(), wood());
        let ends = connect(
            way,
            &Limits::default(),
            move |_: ForestRemote| serves.clone(),
            |_: ForestRemote| client_serves,
        )
        .await;
        for forest in [ends.client.remote(), ends.serving.remote()] {
            let tree = forest.tree();
            assert_eq!(tree.height().await, Ok(30));
            let leaves = [
                (tree.left().leaf(), "left", "Forest.tree.left.leaf"),
                (tree.left().second(), "left 2", "Forest.tree.left.other-leaf"),
                (tree.right().leaf(), "right", "Forest.tree.right.leaf"),
                (tree.right().second(), "right 2", "Forest.tree.right.other-leaf"),
            ];
            assert_eq!(tree.right().count().await, Ok(2));
            for (leaf, place, path) in leaves {
                assert_eq!(leaf.place().await.as_deref(), Ok(place));
                let named = (format!("{path}.method"), "x".repeat(300));
                assert_eq!(leaf.method("x".repeat(300)).await, Ok(named));
                assert_eq!(leaf.climb(7).await, Ok(7));
                assert_eq!(leaf.climb(12).await, Err(CallError::App(TooHigh { by: 2 })));
                assert_eq!(leaf.greet("anna".into()).await, Ok(format!("anna at {place}")));
            }
        }
        assert!(ends.client.mismatches().is_empty() && ends.serving.mismatches().is_empty());
        assert_eq!((ends.client.pending(), ends.serving.pending()), (0, 0));
    }
}

#[tokio::test]
async fn options_of_a_remote_hold_for_what_is_nested_in_it() {
    for way in ways() {
        let (serves, mut told) = wood();
        let ends = connect(way, &Limits::default(), move |(): ()| serves.clone(), |_: ForestRemote| ()).await;
        let mut metadata = Metadata::new();
        metadata.insert("by", "anna").expect("room");
        let forest = ends.client.remote().with(CallOptions::new().metadata(metadata));
        forest.tree().right().second().note("hello".into()).await.expect("credit");
        let expected = "Forest.tree.right.other-leaf.note hello by anna";
        assert_eq!(heard(&mut told).await.as_deref(), Some(expected));
        ends.client.remote().tree().left().leaf().note("again".into()).await.expect("credit");
        let expected = "Forest.tree.left.leaf.note again by nobody";
        assert_eq!(heard(&mut told).await.as_deref(), Some(expected), "the options are not shared");
    }
}

#[tokio::test]
async fn r14_a_dropped_call_drops_the_nested_handler_alone() {
    for way in ways() {
        let (serves, mut told) = wood();
        let ends = connect(way, &Limits::default(), move |(): ()| serves.clone(), |_: ForestRemote| ()).await;
        let tree = ends.client.remote().tree();
        let (left, right) =
            (tokio::spawn(tree.left().leaf().hang()), tokio::spawn(tree.right().leaf().hang()));
        let mut begun = [heard(&mut told).await.expect("told"), heard(&mut told).await.expect("told")];
        begun.sort();
        assert_eq!(begun, ["hang at left", "hang at right"]);
        left.abort();
        assert_eq!(heard(&mut told).await.as_deref(), Some("end of hang at left"));
        until_true(|| ends.serving.running() == 1).await;
        assert_eq!(tree.left().leaf().place().await.as_deref(), Ok("left"));
        right.abort();
        assert_eq!(heard(&mut told).await.as_deref(), Some("end of hang at right"));
        until_true(|| ends.serving.running() == 0 && ends.client.pending() == 0).await;
    }
}

#[tokio::test]
async fn r14_a_nested_method_has_its_own_timeout() {
    for way in ways() {
        let (serves, mut told) = wood();
        let ends = connect(way, &Limits::default(), move |(): ()| serves.clone(), |_: ForestRemote| ()).await;
        let late = ends.client.remote().tree().left().leaf().hang_shortly().await;
        assert_eq!(late, Err(CallError::Timeout(Fate::Unknown)));
        assert_eq!(heard(&mut told).await.as_deref(), Some("end of hang at left"));
    }
}

#[tokio::test]
async fn r16_a_panic_in_a_nested_handler_or_accessor_fails_its_call_alone() {
    for way in ways() {
        let (serves, mut told) = wood();
        let ends = connect(way, &Limits::default(), move |(): ()| serves.clone(), |_: ForestRemote| ()).await;
        let forest = ends.client.remote();
        let hanging = tokio::spawn(forest.tree().right().leaf().hang());
        heard(&mut told).await.expect("it hangs");
        let fallen = forest.tree().left().leaf().fall().await;
        assert!(matches!(fallen, Err(CallError::Internal(_))), "{fallen:?}");
        let burnt = forest.burnt().height().await;
        assert!(matches!(burnt, Err(CallError::Internal(_))), "{burnt:?}");
        let burnt = forest.burnt().left().leaf().place().await;
        assert!(matches!(burnt, Err(CallError::Internal(_))), "{burnt:?}");
        assert_eq!(forest.tree().left().leaf().place().await.as_deref(), Ok("left"));
        assert!(!hanging.is_finished(), "the others run on");
        assert!(ends.client.is_open());
        hanging.abort();
    }
}

#[tokio::test]
async fn r11_a_call_from_a_nested_handler_is_one_deeper() {
    for way in ways() {
        let (serves, _told) = wood();
        let ends = connect(
            way,
            &Limits::default(),
            move |_: DepthRemote| serves.clone(),
            |_: ForestRemote| DepthProvider::new(Probe),
        )
        .await;
        assert_eq!(ends.client.remote().tree().left().leaf().depth_there().await, Ok(1));
    }
}

#[tokio::test]
async fn a_contract_imported_under_another_name_is_the_same_contract() {
    for way in ways() {
        let (log, _told) = unbounded_channel();
        let serves = renamed::HerbariumProvider::new(Wood(oak(&log)));
        let ends =
            connect(way, &Limits::default(), move |(): ()| serves.clone(), |_: renamed::HerbariumRemote| ())
                .await;
        let remote: renamed::HerbariumRemote = ends.client.remote().clone();
        let pressed: LeafRemote = remote.pressed();
        assert_eq!(pressed.place().await.as_deref(), Ok("left"));
        assert_eq!(
            pressed.method(String::new()).await,
            Ok(("Herbarium.pressed.method".into(), String::new()))
        );
        assert_eq!(remote.fresh().place().await.as_deref(), Ok("right"));
    }
}

struct Grove;

impl ContractName for Grove {
    const NAME: &'static str = "grove/1.0";
}

#[tokio::test]
async fn nested_contracts_stand_in_tuples_and_under_other_names() {
    for way in ways() {
        let ((first, _told), (second, _told_second)) = (wood(), wood());
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| {
                (DepthProvider::new(Probe), first.clone(), (Named::<Grove, _>::new(second.clone()),))
            },
            |_: (DepthRemote, ForestRemote, (Named<Grove, ForestRemote>,))| (),
        )
        .await;
        let (depth, forest, (grove,)) = ends.client.remote();
        assert_eq!(depth.depth().await, Ok(0));
        let method = |path: &str| Ok((path.to_owned(), String::new()));
        let (forest, grove) = (forest.tree().left(), grove.tree().left());
        assert_eq!(forest.leaf().method(String::new()).await, method("Forest.tree.left.leaf.method"));
        assert_eq!(
            grove.second().method(String::new()).await,
            method("grove/1.0.tree.left.other-leaf.method"),
            "a renamed remote renames what is nested in it"
        );
        assert!(ends.client.mismatches().is_empty());
    }
}

mod colliding {
    use ws_core::ws_service;

    #[ws_service(name = "Forest")]
    pub trait Impostor {
        #[ws(name = "tree.left.count")]
        async fn count(&self) -> u32;
    }

    #[ws_service]
    pub trait Inner {
        async fn get(&self) -> u32;
    }

    #[ws_service]
    pub trait Outer {
        #[ws(nested)]
        fn inner(&self) -> &impl Inner;
        #[ws(name = "inner.get")]
        async fn get(&self) -> u32;
    }
}

#[test]
fn a_name_that_a_nested_method_has_already_is_refused_with_both() {
    type Both = (ForestRemote, colliding::ImpostorRemote);
    let name = "Forest.tree.left.count";
    let error = MethodTable::new(Both::methods()).expect_err("one name twice");
    assert_eq!(error, ContractError::Collision { first: name, second: name });
    let name = "Outer.inner.get";
    let error = MethodTable::new(colliding::OuterRemote::methods()).expect_err("one name twice");
    assert_eq!(error, ContractError::Collision { first: name, second: name });
}

mod changed {
    use ws_core::ws_service;

    #[ws_service]
    pub trait Branch {
        async fn count(&self) -> u64;
        #[ws(nested)]
        fn leaf(&self) -> &impl super::Leaf;
    }

    #[ws_service(name = "tree/v2.1")]
    pub trait Tree {
        #[ws(nested)]
        fn left(&self) -> &impl Branch;
        async fn height(&self) -> u32;
    }
}

#[tokio::test]
async fn r5_a_nested_method_that_changed_fails_alone() {
    for way in ways() {
        let (log, _told) = unbounded_channel();
        let serves = TreeProvider::new(oak(&log));
        let ends =
            connect(way, &Limits::default(), move |(): ()| serves.clone(), |_: changed::TreeRemote| ()).await;
        let tree = ends.client.remote();
        assert_eq!(tree.left().count().await, Err(CallError::SchemaMismatch));
        assert_eq!(tree.left().leaf().place().await.as_deref(), Ok("left"));
        assert_eq!(tree.height().await, Ok(30));
        let mismatches = ends.client.mismatches();
        assert_eq!(mismatches.len(), 1, "{mismatches:?}");
        assert!(format!("{mismatches:?}").contains("tree/v2.1.left.count"), "{mismatches:?}");
    }
}

#[tokio::test]
async fn r25_running_nested_calls_keep_the_provider_that_they_began_with() {
    for way in ways() {
        let (log, mut told) = unbounded_channel();
        let first = TreeProvider::new(oak(&log));
        let ends = connect(way, &Limits::default(), move |(): ()| first.clone(), |_: TreeRemote| ()).await;
        let tree = ends.client.remote();
        let hanging = tokio::spawn(tree.left().leaf().hang());
        assert_eq!(heard(&mut told).await.as_deref(), Some("hang at left"));
        let (other_log, _told_other) = unbounded_channel();
        let mut other = oak(&other_log);
        other.left.0.name = "grafted";
        ends.serving.replace(TreeProvider::new(other)).expect("the same contract");
        assert_eq!(tree.left().leaf().place().await.as_deref(), Ok("grafted"));
        assert!(!hanging.is_finished());
        hanging.abort();
        assert_eq!(heard(&mut told).await.as_deref(), Some("end of hang at left"));
    }
}
