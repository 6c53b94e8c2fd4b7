//! Groups: named sets of connections.

use futures::future::join_all;
use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{Connection, Encoding};
use ws_server::{Acceptor, Insertion, ServerConnection, WebSocketServer};
use ws_tests::fixture::{heard, until_true};

type Server = WebSocketServer<(), (), ()>;

async fn join(server: &Server) -> (Connection<()>, Connection<()>) {
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

#[tokio::test]
async fn members_come_and_go_and_empty_groups_vanish() {
    let server = Server::new();
    let ((first, a), (second, b)) = (join(&server).await, join(&server).await);
    let lobby = server.group("lobby");
    assert!(lobby.is_empty() && server.groups().is_empty());
    lobby.insert(first.id());
    assert_eq!(lobby.insert(first.id()), Insertion::Already);
    assert_eq!(server.group("lobby").insert(second.id()), Insertion::New);
    assert_eq!(server.group("games").insert(second.id()), Insertion::New);
    assert_eq!(lobby.members(), [first.id(), second.id()]);
    let named: Vec<_> =
        server.groups().list().into_iter().map(|(name, len)| (name.to_string(), len)).collect();
    assert_eq!(named, [("games".to_owned(), 1), ("lobby".to_owned(), 2)]);
    let of_second: Vec<_> = second.groups().iter().map(ToString::to_string).collect();
    assert_eq!(of_second, ["games", "lobby"]);
    assert!(lobby.remove(first.id()) && !lobby.remove(first.id()) && !lobby.contains(first.id()));
    // A broken one would keep the dead.
    b.close().await;
    until_true(|| server.counts().connections == 1).await;
    assert_eq!((lobby.len(), server.counts().groups), (0, 0));
    assert_eq!(lobby.insert(second.id()), Insertion::NotConnected);
    drop(a);
}

#[tokio::test]
async fn names_and_numbers_are_bounded() {
    let server = Server::builder().max_groups_per_connection(3).build().expect("good options");
    let (connection, client) = join(&server).await;
    let id = connection.id();
    for name in ["", &"x".repeat(257)] {
        assert_eq!(server.group(name).insert(id), Insertion::InvalidName);
    }
    for name in ["__proto__", "\u{1f600}", &"x".repeat(256)] {
        assert_eq!(server.group(name).insert(id), Insertion::New);
    }
    assert_eq!(server.group("one more").insert(id), Insertion::TooMany);
    assert!(!server.group("one more").insert(id).is_in());
    assert!(server.group("__proto__").remove(id));
    assert!(server.group("one more").insert(id).is_in());
    let kept = server.group("kept");
    drop(server);
    client.closed().await;
    until_true(|| kept.insert(id) == Insertion::NotConnected).await;
    assert!(Server::builder().max_groups_per_connection(0).build().is_err());
}

/// Inserting, removing and disconnecting at once: nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_ghosts() {
    let server = Server::new();
    let mut ends = Vec::new();
    for _ in 0..8 {
        ends.push(join(&server).await);
    }
    let tasks = ends.into_iter().map(|(connection, client)| {
        let server = server.clone();
        tokio::spawn(async move {
            let closing = tokio::spawn(async move { client.close().await });
            for round in 0..300 {
                server.group(["a", "b", "c"][round % 3]).insert(connection.id());
                server.group(["a", "b"][round % 2]).remove(connection.id());
                tokio::task::yield_now().await;
            }
            closing.await.expect("no panic");
        })
    });
    for task in join_all(tasks).await {
        task.expect("no panic");
    }
    until_true(|| server.counts().connections == 0).await;
    assert_eq!(server.groups().list(), []);
}

#[tokio::test]
async fn the_users_of_a_group_are_listed_once_each_by_a_handle_that_keeps_no_server() {
    let server = Server::new();
    let groups = server.groups();
    let lobby = groups.group("lobby");
    let ((first, _a), (second, _b), (guest, _c)) =
        (join(&server).await, join(&server).await, join(&server).await);
    first.link("bob", None).await.expect("a free name");
    second.link("alice", None).await.expect("a free name");
    for id in [first.id(), second.id(), guest.id()] {
        assert_eq!(lobby.insert(id), Insertion::New);
    }
    let names: Vec<_> = lobby.users().iter().map(|user| user.name().to_owned()).collect();
    assert_eq!(names, ["alice", "bob"], "a guest has no name");
    assert_eq!(lobby.audience().except(first.id()).len(), 2);
    assert_eq!(groups.list().len(), 1);
    drop(server);
    until_true(|| groups.is_empty() && lobby.users().is_empty() && lobby.audience().is_empty()).await;
}
