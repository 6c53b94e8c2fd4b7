//! R28: links that race one another, and sockets that die meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use tokio::sync::{Semaphore, mpsc};
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{Connection, ConnectionId, Encoding};
use ws_server::{
    Acceptor, LinkError, LinkPolicy, ServerConnection, User, UserEvent, UserOptions, WebSocketServer,
};
use ws_tests::fixture::{heard, until_true};

type Server = WebSocketServer<(), (), ()>;
type Ends = (Connection<()>, Connection<()>);

async fn join(server: &Server) -> Ends {
    let (here, there) = memory_pair(4);
    let attached = server.clone();
    let (tell, mut told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let handler = move |acceptor: Acceptor<(), (), ()>| {
            let tell = tell.clone();
            async move {
                tell.send(acceptor.accept(()).await?).expect("the test waits for it");
                Ok(())
            }
        };
        attached.attach(there, Encoding::Bincode, handler).await
    });
    let connector = WebSocketConnector::<(), (), ()>::new(());
    let client = connector.attach(here, Encoding::Bincode, ()).await.expect("a connection");
    (heard(&mut told).await.expect("the server's end"), client)
}

/// A hook that says when it is asked, and answers when it is let.
struct Slow {
    server: Server,
    asked: mpsc::UnboundedReceiver<bool>,
    let_go: Arc<Semaphore>,
}

fn slow(policy: LinkPolicy) -> Slow {
    let (tell, asked) = mpsc::unbounded_channel();
    let let_go = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&let_go);
    let options = UserOptions::new().policy(policy).authenticate_timeout(Duration::from_secs(60));
    let options = options.authenticate(move |question| {
        tell.send(question.is_new).expect("the test listens");
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.expect("never closed").forget();
            Ok::<(), &str>(())
        }
    });
    Slow { server: Server::builder().users(options).build().expect("good options"), asked, let_go }
}

type Linked = tokio::task::JoinHandle<Result<User, LinkError>>;

fn link(connection: &Connection<()>, name: &'static str) -> Linked {
    let connection = connection.clone();
    tokio::spawn(async move { connection.link(name, None).await })
}

/// What users and connections say of each other.
fn check(server: &Server) {
    let mut linked = HashMap::<ConnectionId, String>::new();
    for user in server.users().list() {
        for id in user.connections {
            assert!(linked.insert(id, user.name.to_string()).is_none(), "linked twice");
        }
    }
    assert_eq!(server.counts().linked, linked.len());
    for connection in server.connections() {
        let user = connection.user().map(|user| user.name().to_owned());
        assert_eq!(user, linked.remove(&connection.id()));
    }
    assert!(linked.is_empty(), "ghosts: {linked:?}");
}

/// A broken one would look at the policy before the hook only, and let both in.
#[tokio::test]
async fn r28_two_sockets_and_one_name_under_each_policy() {
    for policy in [LinkPolicy::RejectNew, LinkPolicy::Replace, LinkPolicy::Many(1), LinkPolicy::Many(2)] {
        let mut slow = slow(policy);
        let ends = [join(&slow.server).await, join(&slow.server).await];
        let mut events = slow.server.users().events();
        let links = [link(&ends[0].0, "ann"), link(&ends[1].0, "ann")];
        for _ in 0..2 {
            assert_eq!(heard(&mut slow.asked).await, Some(true), "nobody is there yet");
        }
        slow.let_go.add_permits(2);
        if matches!(policy, LinkPolicy::Replace | LinkPolicy::Many(2)) {
            // The second one was asked about a new user, which it is no longer.
            assert_eq!(heard(&mut slow.asked).await, Some(false));
            slow.let_go.add_permits(1);
        }
        let linked = join_all(links).await;
        let linked: Vec<_> = linked.into_iter().map(|linked| linked.expect("no panic")).collect();
        let won = linked.iter().filter(|linked| linked.is_ok()).count();
        let (winners, online) = match policy {
            LinkPolicy::Replace => (2, 1),
            LinkPolicy::Many(2) => (2, 2),
            _ => (1, 1),
        };
        assert_eq!((won, slow.server.counts().linked), (winners, online), "{policy:?}: {linked:?}");
        check(&slow.server);
        let mut joins = 0;
        while let Some(Some(event)) = events.next().now_or_never() {
            joins += usize::from(matches!(event, UserEvent::Join { .. }));
        }
        assert_eq!(joins, 1, "{policy:?}");
    }
}

/// A broken one would register what is no longer there.
#[tokio::test]
async fn r28_a_socket_that_dies_during_the_hook_leaves_nothing() {
    let mut slow = slow(LinkPolicy::RejectNew);
    let (connection, client) = join(&slow.server).await;
    let linked = link(&connection, "ann");
    heard(&mut slow.asked).await;
    client.close().await;
    assert_eq!(linked.await.expect("no panic").expect_err("it is gone"), LinkError::NotConnected);
    slow.let_go.add_permits(1);
    until_true(|| slow.server.counts().connections == 0).await;
    assert_eq!((slow.server.counts().users, slow.server.counts().linked), (0, 0));
    let (other, _client) = join(&slow.server).await;
    let linked = link(&other, "ann");
    heard(&mut slow.asked).await;
    linked.await.expect("no panic").expect("the name is free");
}

/// A broken one would run the hook for each of them, or link one connection to two users.
#[tokio::test]
async fn r28_pipelined_links_are_one_at_a_time() {
    let mut slow = slow(LinkPolicy::Many(5));
    let (connection, _client) = join(&slow.server).await;
    let first = link(&connection, "ann");
    heard(&mut slow.asked).await;
    let others = join_all((0..10).map(|n| link(&connection, ["ann", "bob"][n % 2]))).await;
    for other in others {
        assert_eq!(other.expect("no panic").expect_err("one at a time"), LinkError::Busy);
    }
    slow.let_go.add_permits(1);
    first.await.expect("no panic").expect("the first");
    assert!(slow.asked.try_recv().is_err(), "the others were not asked about");
    assert_eq!(connection.link("bob", None).await.expect_err("linked"), LinkError::AlreadyLinked);
    check(&slow.server);
}

/// A broken one would tell the hook that a user is new, and link to one that is not.
#[tokio::test]
async fn r28_a_user_who_comes_or_goes_meanwhile_is_asked_about_again() {
    let mut slow = slow(LinkPolicy::RejectNew);
    let (connection, _client) = join(&slow.server).await;
    let linked = link(&connection, "ann");
    assert_eq!(heard(&mut slow.asked).await, Some(true));
    slow.server.users().join("ann").expect("room");
    slow.let_go.add_permits(1);
    assert_eq!(heard(&mut slow.asked).await, Some(false), "asked again");
    slow.server.users().kick("ann");
    slow.let_go.add_permits(1);
    assert_eq!(heard(&mut slow.asked).await, Some(true), "and again");
    slow.let_go.add_permits(1);
    linked.await.expect("no panic").expect("free");
    check(&slow.server);
}

/// Everything at once, on several threads: no ghost, and of each user the events in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r28_link_unlink_kick_and_disconnect_at_once_leave_no_ghosts() {
    for policy in [LinkPolicy::RejectNew, LinkPolicy::Replace, LinkPolicy::Many(3)] {
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&told);
        let options = UserOptions::new().policy(policy).link_attempts(u32::MAX).authenticate(|_| async {
            tokio::task::yield_now().await;
            Ok::<(), &str>(())
        });
        let server = Server::builder().users(options);
        let server = server
            .on_user_event(move |event| log.lock().expect("unpoisoned").push(event.clone()))
            .build()
            .expect("good options");
        let mut ends = Vec::new();
        for _ in 0..8 {
            ends.push(join(&server).await);
        }
        let tasks = ends.into_iter().enumerate().map(|(number, (connection, client))| {
            let users = server.users();
            tokio::spawn(async move {
                for round in 0..60 {
                    let name = ["ann", "bob", "cy"][(number + round) % 3];
                    let _ = connection.link(name, None).await;
                    match (number + round) % 5 {
                        0 => drop(users.kick(name)),
                        1 => drop(connection.leave()),
                        2 => drop(users.join(name)),
                        _ => drop(connection.unlink()),
                    }
                }
                if number % 2 == 0 {
                    let _ = connection.link("ann", None).await;
                }
                client.close().await;
            })
        });
        for task in join_all(tasks).await {
            task.expect("no panic");
        }
        until_true(|| server.counts().connections == 0).await;
        check(&server);
        for user in server.users().list() {
            server.users().kick(user.name);
        }
        assert_eq!((server.counts().users, server.counts().linked), (0, 0));
        in_order(&told.lock().expect("unpoisoned"));
    }
}

/// R29 for every user: join, links and unlinks that pair, leave.
fn in_order(events: &[UserEvent]) {
    let mut users = HashMap::<Arc<str>, Vec<ConnectionId>>::new();
    for event in events {
        match event {
            UserEvent::Join { name } => assert!(users.insert(name.clone(), vec![]).is_none(), "joined twice"),
            UserEvent::Link { name, connection } => {
                let linked = users.get_mut(name).expect("joined");
                assert!(!linked.contains(connection));
                linked.push(*connection);
            }
            UserEvent::Unlink { name, connection } => {
                let linked = users.get_mut(name).expect("joined");
                let at = linked.iter().position(|id| id == connection).expect("linked");
                linked.remove(at);
            }
            UserEvent::Leave { name } => {
                assert_eq!(users.remove(name).expect("joined"), [], "unlinked first")
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(users.is_empty(), "all have left");
}
