//! R30, R32: whom a broadcast reaches.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{Connection, ConnectionId, Encoding, ws_service};
use ws_server::{
    Acceptor, Insertion, LinkPolicy, Selector, ServerConnection, UserError, UserOptions, WebSocketServer,
};
use ws_tests::fixture::{heard, until, until_true};

#[ws_service]
pub trait Screen {
    #[ws(event)]
    async fn typing(&self, name: String);
    async fn confirm(&self, question: String) -> bool;
}

#[ws_service]
pub trait Bell {
    #[ws(event)]
    async fn ring(&self);
}

struct Shown(mpsc::UnboundedSender<String>);

impl Screen for Shown {
    async fn typing(&self, name: String) {
        self.0.send(name).expect("the test listens");
    }
    async fn confirm(&self, question: String) -> bool {
        question == "ready?"
    }
}

impl Bell for Shown {
    async fn ring(&self) {
        self.0.send("ring".to_owned()).expect("the test listens");
    }
}

type Serves = (ScreenProvider<Shown>, BellProvider<Shown>);
type Server = WebSocketServer<(), (), ScreenRemote, u32>;

struct Client {
    serving: Connection<ScreenRemote, u32>,
    end: Connection<()>,
    told: mpsc::UnboundedReceiver<String>,
}

impl Client {
    fn id(&self) -> ConnectionId {
        self.serving.id()
    }
}

async fn join(server: &Server) -> Client {
    let (here, there) = memory_pair(4);
    let attached = server.clone();
    let (tell, mut accepted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let handler = move |acceptor: Acceptor<(), (), ScreenRemote, u32>| {
            let tell = tell.clone();
            async move {
                tell.send(acceptor.accept(()).await?).expect("the test waits for it");
                Ok(())
            }
        };
        attached.attach(there, Encoding::Bincode, handler).await
    });
    let (tell, told) = mpsc::unbounded_channel();
    let provider = (ScreenProvider::new(Shown(tell.clone())), BellProvider::new(Shown(tell)));
    let connector = WebSocketConnector::<(), Serves, ()>::new(());
    let end = connector.attach(here, Encoding::Bincode, provider).await.expect("a connection");
    Client { serving: heard(&mut accepted).await.expect("the server's end"), end, told }
}

/// Four clients: ann with two connections, bob, and one without a user.
async fn crowd() -> (Server, [Client; 4]) {
    let options = UserOptions::new().policy(LinkPolicy::Many(2));
    let server = Server::builder().users(options).build().expect("good options");
    let crowd = [join(&server).await, join(&server).await, join(&server).await, join(&server).await];
    for (client, name) in crowd.iter().zip(["ann", "ann", "bob"]) {
        client.serving.link(name, None).await.expect("there is room");
    }
    (server, crowd)
}

fn sorted(mut ids: Vec<ConnectionId>) -> Vec<ConnectionId> {
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn every_choice() {
    let (server, crowd) = crowd().await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|position: usize| crowd[position].id());
    let lobby = server.group("lobby");
    for id in [b, c] {
        assert_eq!(lobby.insert(id), Insertion::New);
    }
    let all = || server.audience();
    let none: [&str; 0] = [];
    let chosen = [
        (all(), vec![a, b, c, d]),
        (all().all().except(b), vec![a, c, d]),
        (all().user("ann"), vec![a, b]),
        (all().users(["ann", "bob", "nobody"]), vec![a, b, c]),
        (all().group("lobby"), vec![b, c]),
        (all().groups(["lobby", "games"]).user("ann").and(d), vec![a, b, c, d]),
        (all().group("lobby").except([c]), vec![b]),
        (all().except(Selector::user("ann")).except(Selector::group("games")), vec![c, d]),
        (all().except(&lobby).except(&server.users().get("bob").expect("there")), vec![a, d]),
        // A broken one would take no users for all of them.
        (all().users(none), vec![]),
        (all().groups(none), vec![]),
        (all().user("nobody"), vec![]),
        (all().users(none).all(), vec![a, b, c, d]),
    ];
    for (number, (audience, expected)) in chosen.into_iter().enumerate() {
        assert_eq!(sorted(audience.ids()), expected, "{number}: {audience:?}");
        assert_eq!((audience.len(), audience.is_empty()), (expected.len(), expected.is_empty()));
        let report = audience.remote().typing(format!("{number}")).await;
        assert_eq!((report.reached, report.is_complete()), (expected.len(), true));
    }
    crowd[3].serving.context().set(7);
    let seven = server.audience().filter(|connection| connection.context().get() == 7);
    assert_eq!(seven.ids(), [d]);
    assert_eq!(sorted(server.audience().filter(|one| one.user().is_some()).ids()), [a, b, c]);
    let answers: Vec<_> = seven.remote().confirm("ready?".to_owned()).await.collect().await;
    assert!(matches!(answers.as_slice(), [(id, Ok(true))] if *id == d));
    assert_eq!(seven.remote_as::<BellRemote>().ring().await.reached, 1);
}

/// A broken one would remember who was there when the stub was made.
#[tokio::test]
async fn it_is_looked_up_for_each_message() {
    let (server, mut crowd) = crowd().await;
    let (ann, everybody) = (server.users().remote("ann").expect("online"), server.audience().remote());
    assert_eq!(ann.typing("one".into()).await.reached, 2);
    crowd[0].end.close().await;
    until_true(|| server.counts().connections == 3).await;
    assert_eq!(ann.typing("two".into()).await.reached, 1);
    crowd[1].serving.unlink();
    assert_eq!(ann.typing("three".into()).await.audience(), 0);
    assert_eq!(everybody.typing("four".into()).await.reached, 3);
    let late = join(&server).await;
    late.serving.link("ann", None).await.expect("offline");
    assert_eq!(ann.typing("five".into()).await.reached, 1);
    for expected in ["one", "two", "four"] {
        assert_eq!(heard(&mut crowd[1].told).await.as_deref(), Some(expected));
    }
    let lobby = server.group("lobby");
    lobby.insert(late.id());
    assert_eq!(lobby.remote().typing("six".into()).await.reached, 1);
    drop(server);
    // A stub keeps no server.
    until(|| async { everybody.typing("seven".into()).await.audience() == 0 }).await;
}

#[tokio::test]
async fn r30_who_is_not_there_and_who_is_offline() {
    let (server, crowd) = crowd().await;
    let users = server.users();
    assert_eq!(users.remote("cy").expect_err("unknown"), UserError::NotFound);
    crowd[2].serving.unlink();
    assert_eq!(users.remote("bob").expect_err("no connection"), UserError::Offline);
}

/// R32: whoever is not accepted yet is told nothing.
#[tokio::test]
async fn r32_only_activated_connections_are_reached() {
    let (server, _crowd) = crowd().await;
    let (here, there) = memory_pair(4);
    let (go, asked) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (attached, gate, tell) = (server.clone(), Arc::clone(&go), Arc::clone(&asked));
    tokio::spawn(async move {
        let handler = move |acceptor: Acceptor<(), (), ScreenRemote, u32>| {
            let (gate, tell) = (Arc::clone(&gate), Arc::clone(&tell));
            async move {
                tell.notify_one();
                gate.notified().await;
                acceptor.accept(()).await?;
                Ok(())
            }
        };
        attached.attach(there, Encoding::Bincode, handler).await
    });
    let (tell, mut told) = mpsc::unbounded_channel();
    let connecting = tokio::spawn(async move {
        let provider = (ScreenProvider::new(Shown(tell.clone())), BellProvider::new(Shown(tell)));
        WebSocketConnector::<(), Serves, ()>::new(()).attach(here, Encoding::Bincode, provider).await
    });
    asked.notified().await;
    assert_eq!(server.audience().remote().typing("early".into()).await.audience(), 4);
    go.notify_one();
    let _client = connecting.await.expect("no panic").expect("a connection");
    until_true(|| server.audience().len() == 5).await;
    assert_eq!(server.audience().remote().typing("late".into()).await.reached, 5);
    assert_eq!(heard(&mut told).await.as_deref(), Some("late"));
}

/// Users come and go while a broadcast runs: each connection gets each message once at most, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unlink_and_kick_while_a_broadcast_runs() {
    let (server, crowd) = crowd().await;
    let changing = tokio::spawn({
        let (server, one) = (server.clone(), crowd[0].serving.clone());
        async move {
            for round in 0..300 {
                match round % 3 {
                    0 => drop(server.users().kick("ann")),
                    1 => drop(one.link("ann", None).await),
                    _ => drop(one.unlink()),
                }
                tokio::task::yield_now().await;
            }
        }
    });
    for round in 0..300 {
        let _ = server.audience().users(["ann", "bob"]).remote().typing(format!("{round}")).await;
    }
    changing.await.expect("no panic");
    let _ = server.audience().remote().typing("over".into()).await;
    for mut client in crowd {
        let mut last = None;
        loop {
            let heard = heard(&mut client.told).await.expect("it is told");
            if heard == "over" {
                break;
            }
            let number: u32 = heard.parse().expect("a number");
            assert!(last < Some(number), "{last:?} before {number}");
            last = Some(number);
        }
    }
}
