//! Broadcast stubs of nested, renamed, generic and several contracts.

use futures::StreamExt;
use tokio::sync::mpsc;
use ws_core::broadcast::BroadcastHandle;
use ws_core::{Broadcast, CallContext, ContractName, Limits, Named, Payload, Remote, ws_service};
use ws_tests::fixture::{Ends, connect, heard, ways};

use super::stage::handle;

type Tell = mpsc::UnboundedSender<(String, String)>;

#[ws_service]
pub trait Leaf {
    #[ws(event)]
    async fn fall(&self, ctx: &CallContext, where_to: String);
    async fn colour(&self, ctx: &CallContext) -> String;
}

#[ws_service]
pub trait Branch {
    #[ws(nested)]
    fn leaf(&self) -> &impl Leaf;
    #[ws(event)]
    async fn sway(&self, ctx: &CallContext);
}

#[ws_service]
pub trait Tree {
    #[ws(nested)]
    fn left(&self) -> &impl Branch;
    #[ws(nested, name = "r")]
    fn right(&self) -> &impl Branch;
    #[ws(event)]
    async fn grow(&self, ctx: &CallContext, by: u32);
}

#[ws_service]
pub trait Store<T: Payload> {
    #[ws(event)]
    async fn put(&self, ctx: &CallContext, value: T);
    async fn get(&self, default: T) -> Result<T, Option<T>>;
}

#[derive(Clone)]
struct All(Tell);

impl All {
    fn tell(&self, ctx: &CallContext, what: impl std::fmt::Display) {
        self.0.send((ctx.method().to_owned(), what.to_string())).expect("the test listens");
    }
}

impl Leaf for All {
    async fn fall(&self, ctx: &CallContext, where_to: String) {
        self.tell(ctx, where_to);
    }
    async fn colour(&self, ctx: &CallContext) -> String {
        format!("green {}", ctx.method())
    }
}

impl Branch for All {
    fn leaf(&self) -> &impl Leaf {
        self
    }
    async fn sway(&self, ctx: &CallContext) {
        self.tell(ctx, "");
    }
}

impl Tree for All {
    fn left(&self) -> &impl Branch {
        self
    }
    fn right(&self) -> &impl Branch {
        self
    }
    async fn grow(&self, ctx: &CallContext, by: u32) {
        self.tell(ctx, by);
    }
}

impl<T: Payload + Sync + std::fmt::Debug> Store<T> for All {
    async fn put(&self, ctx: &CallContext, value: T) {
        self.tell(ctx, format!("{value:?}"));
    }
    async fn get(&self, default: T) -> Result<T, Option<T>> {
        Ok(default)
    }
}

#[derive(Debug)]
struct Oak;
impl ContractName for Oak {
    const NAME: &'static str = "oak";
}

#[derive(Debug)]
struct Texts;
impl ContractName for Texts {
    const NAME: &'static str = "texts";
}

type Provided = (
    TreeProvider<All>,
    Named<Oak, TreeProvider<All>>,
    StoreProvider<All, u64>,
    Named<Texts, StoreProvider<All, String>>,
);
type Called = (TreeRemote, Named<Oak, TreeRemote>, StoreRemote<u64>, Named<Texts, StoreRemote<String>>);
type Stub = <Called as Remote>::Broadcast;

fn provided(tell: &Tell) -> Provided {
    let all = || All(tell.clone());
    (
        TreeProvider::new(all()),
        Named::new(TreeProvider::new(all())),
        StoreProvider::new(all()),
        Named::new(StoreProvider::new(all())),
    )
}

type Client = (Ends<(), Called, ()>, mpsc::UnboundedReceiver<(String, String)>);

async fn clients() -> Vec<Client> {
    let mut clients = Vec::new();
    for way in ways() {
        let (tell, told) = mpsc::unbounded_channel();
        clients.push((connect(way, &Limits::default(), |_| (), move |()| provided(&tell)).await, told));
    }
    clients
}

fn to(clients: &[Client]) -> BroadcastHandle {
    handle(&clients.iter().map(|(ends, _)| &ends.serving).collect::<Vec<_>>())
}

#[tokio::test]
async fn r45_every_contract_of_a_connection_is_reached_by_its_own_names() {
    let mut clients = clients().await;
    let (tree, oak, numbers, texts) = Stub::from_handle(to(&clients));
    let sent = [
        (tree.grow(3).await, "Tree.grow", "3"),
        (oak.grow(4).await, "oak.grow", "4"),
        (tree.left().sway().await, "Tree.left.sway", ""),
        (tree.left().leaf().fall("down".into()).await, "Tree.left.leaf.fall", "down"),
        (tree.right().leaf().fall("right".into()).await, "Tree.r.leaf.fall", "right"),
        (oak.right().leaf().fall("oak".into()).await, "oak.r.leaf.fall", "oak"),
        (numbers.put(7).await, "Store.put", "7"),
        (texts.put("seven".into()).await, "texts.put", "\"seven\""),
    ];
    for (report, method, _) in &sent {
        assert_eq!((report.reached, report.audience()), (clients.len(), clients.len()), "{method}");
    }
    for (_, told) in &mut clients {
        for (_, method, what) in &sent {
            assert_eq!(heard(told).await, Some(((*method).to_owned(), (*what).to_owned())));
        }
    }
}

#[tokio::test]
async fn r45_calls_of_nested_renamed_and_generic_contracts_are_gathered() {
    let clients = clients().await;
    let (tree, oak, numbers, texts) = Stub::from_handle(to(&clients));
    for (stub, path) in [(&tree, "Tree"), (&*oak, "oak")] {
        for (branch, name) in [(stub.left(), "left"), (stub.right(), "r")] {
            let answers: Vec<_> = branch.leaf().colour().await.collect().await;
            assert_eq!(answers.len(), clients.len());
            let expected = format!("green {path}.{name}.leaf.colour");
            assert!(answers.iter().all(|(_, answer)| answer.as_ref() == Ok(&expected)), "{answers:?}");
        }
    }
    let answers: Vec<_> = numbers.get(5).await.map(|(_, answer)| answer).collect().await;
    assert_eq!(answers, vec![Ok(5); clients.len()]);
    let answers: Vec<_> = texts.get("five".into()).await.map(|(_, answer)| answer).collect().await;
    assert_eq!(answers, vec![Ok("five".to_owned()); clients.len()]);
}

/// The same as data, whatever contract it is of.
#[tokio::test]
async fn r32_messages_of_nested_and_renamed_contracts_are_sent_as_data() {
    let mut clients = clients().await;
    let handle = to(&clients);
    let fall = || TreeEvent::Right(BranchEvent::Leaf(LeafEvent::Fall { where_to: "x".into() }));
    assert!(handle.send(fall()).await.is_complete());
    assert!(handle.clone().renamed("oak").send(fall()).await.is_complete());
    assert!(handle.send(StoreEvent::Put { value: 9_u64 }).await.is_complete());
    for (_, told) in &mut clients {
        for (method, what) in [("Tree.r.leaf.fall", "x"), ("oak.r.leaf.fall", "x"), ("Store.put", "9")] {
            assert_eq!(heard(told).await, Some((method.to_owned(), what.to_owned())));
        }
    }
}
