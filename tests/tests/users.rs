//! R27–R30: users, and how connections come by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{Connection, Encoding, ws_service};
use ws_server::{
    ConfigError, JoinError, LinkError, LinkPolicy, ServerBuilder, ServerConnection, UserEvent, UserOptions,
    WebSocketServer,
};
use ws_tests::fixture::until_true;

#[ws_service]
pub trait Echo {
    async fn echo(&self, text: String) -> String;
}

struct Mirror;

impl Echo for Mirror {
    async fn echo(&self, text: String) -> String {
        text
    }
}

type Server = WebSocketServer<String, EchoProvider<Mirror>, ()>;
type Client = Connection<EchoRemote>;

fn server_of(options: UserOptions) -> Server {
    building(options).build().expect("good options")
}

fn building(options: UserOptions) -> ServerBuilder<String, EchoProvider<Mirror>, ()> {
    Server::builder().users(options)
}

/// Both ends of one more connection.
async fn join(server: &Server) -> (Connection<()>, Client) {
    let (here, there) = memory_pair(4);
    let attached = server.clone();
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    tokio::spawn(async move {
        let handler = move |acceptor: ws_server::Acceptor<String, EchoProvider<Mirror>, ()>| {
            let tell = Arc::clone(&tell);
            async move {
                let connection = acceptor.accept(EchoProvider::new(Mirror)).await?;
                let tell = tell.lock().expect("unpoisoned").take().expect("once");
                tell.send(connection).expect("the test waits for it");
                Ok(())
            }
        };
        attached.attach(there, Encoding::Bincode, handler).await
    });
    let connector = WebSocketConnector::<String, (), EchoRemote>::new("hello".to_owned());
    let client = connector.attach(here, Encoding::Bincode, ()).await.expect("a connection");
    (told.await.expect("the server's end"), client)
}

/// What stands in the log, without waiting.
fn news(events: &mut ws_server::UserEvents) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        all.push(match event {
            UserEvent::Join { name } => format!("join {name}"),
            UserEvent::Link { name, .. } => format!("link {name}"),
            UserEvent::Message { name, method, .. } => format!("{name}: {method}"),
            UserEvent::Unlink { name, .. } => format!("unlink {name}"),
            UserEvent::Leave { name } => format!("leave {name}"),
            other => format!("{other:?}"),
        });
    }
    all
}

fn is_empty(server: &Server) -> bool {
    let counts = server.counts();
    (counts.connections, counts.active, counts.users, counts.linked, counts.groups) == (0, 0, 0, 0, 0)
}

#[tokio::test]
async fn r29_events_come_in_order_and_the_user_outlives_its_connection() {
    let server = server_of(UserOptions::new().message_events(true));
    let users = server.users();
    let mut events = users.events();
    let (connection, client) = join(&server).await;
    client.remote().echo("before".into()).await.expect("an answer");
    let user = connection.link("alice", None).await.expect("free");
    assert_eq!((user.name(), user.connections()), ("alice", vec![connection.id()]));
    assert_eq!(connection.user().expect("linked").name(), "alice");
    client.remote().echo("hello".into()).await.expect("an answer");
    client.close().await;
    until_true(|| server.counts().connections == 0).await;
    assert_eq!(news(&mut events), ["join alice", "link alice", "alice: Echo.echo", "unlink alice"]);
    assert!(!user.is_online());
    assert_eq!((server.counts().users, server.counts().linked), (1, 0));
    assert!(users.kick("alice") && !users.kick("alice"));
    assert_eq!(news(&mut events), ["leave alice"]);
    assert!(is_empty(&server));
}

#[tokio::test]
async fn r29_kick_and_leave_keep_the_sockets() {
    let server = server_of(UserOptions::new().policy(LinkPolicy::Many(2)));
    let mut events = server.users().events();
    let (first, client) = join(&server).await;
    let (second, _other) = join(&server).await;
    for connection in [&first, &second] {
        connection.link("alice", None).await.expect("there is room");
    }
    assert!(first.leave() && !first.leave());
    assert_eq!(news(&mut events)[3..], ["unlink alice", "unlink alice", "leave alice"]);
    assert!(second.user().is_none());
    assert_eq!(client.remote().echo("still here".into()).await.expect("open"), "still here");
    second.link("bob", None).await.expect("free");
    assert!(server.users().get("bob").expect("there").kick());
    assert_eq!(news(&mut events), ["join bob", "link bob", "unlink bob", "leave bob"]);
    assert_eq!(server.counts().active, 2);
}

#[tokio::test]
async fn r28_each_policy() {
    let with_policy = |policy| server_of(UserOptions::new().policy(policy));
    let server = with_policy(LinkPolicy::RejectNew);
    let ((first, _a), (second, _b)) = (join(&server).await, join(&server).await);
    first.link("ann", None).await.expect("free");
    assert_eq!(first.link("bob", None).await.expect_err("linked"), LinkError::AlreadyLinked);
    assert_eq!(second.link("ann", None).await.expect_err("taken"), LinkError::Taken);
    assert!(first.unlink() && !first.unlink());
    second.link("ann", None).await.expect("offline again");

    let server = with_policy(LinkPolicy::Replace);
    let ((first, a), (second, _b)) = (join(&server).await, join(&server).await);
    first.link("ann", None).await.expect("free");
    let mut events = server.users().events();
    second.link("ann", None).await.expect("replaced");
    assert_eq!(news(&mut events), ["unlink ann", "link ann"], "it does not leave in between");
    assert!(first.user().is_none());
    assert_eq!(a.remote().echo("open".into()).await.expect("an answer"), "open");
    assert_eq!(server.users().list()[0].connections, [second.id()]);

    let server = with_policy(LinkPolicy::Many(2));
    let mut ends = Vec::new();
    for _ in 0..3 {
        ends.push(join(&server).await);
    }
    ends[0].0.link("ann", None).await.expect("free");
    ends[1].0.link("ann", None).await.expect("room");
    assert_eq!(ends[2].0.link("ann", None).await.expect_err("full"), LinkError::TooMany);
    assert_eq!(server.counts().linked, 2);
    assert!(matches!(
        building(UserOptions::new().policy(LinkPolicy::Many(0))).build(),
        Err(ConfigError::Users(_))
    ));
}

#[tokio::test]
async fn r28_the_hook_is_asked_with_all_there_is_and_may_refuse() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    let options = UserOptions::new().link_attempts(3).authenticate(move |asked| {
        told.lock().expect("unpoisoned").push((asked.name.to_string(), asked.is_new, asked.auth.clone()));
        async move {
            match asked.auth.as_deref() {
                Some("secret") => Ok(()),
                Some("panic") => panic!("with a secret in it"),
                _ => Err("wrong password"),
            }
        }
    });
    let server = server_of(options);
    let (connection, client) = join(&server).await;
    let denied = connection.link("ann", Some("guess".into())).await.expect_err("refused");
    assert_eq!(denied.to_string(), "denied: wrong password");
    assert_eq!(
        connection.link("ann", Some("panic".into())).await.expect_err("panicked"),
        LinkError::Internal
    );
    assert_eq!(
        connection.link("ann", Some("x".repeat(4097))).await.expect_err("long"),
        LinkError::AuthTooLong
    );
    // Three failed: the next is not even asked about.
    let late = connection.link("ann", Some("secret".into())).await;
    assert_eq!(late.expect_err("too late"), LinkError::TooManyAttempts);
    assert_eq!(asked.lock().expect("unpoisoned").len(), 2);
    assert_eq!((server.counts().users, server.counts().linked), (0, 0));
    assert_eq!(client.remote().echo("open".into()).await.expect("it stays open"), "open");

    let (connection, _client) = join(&server).await;
    connection.link("ann", None).await.expect_err("refused");
    connection.link("ann", Some("secret".into())).await.expect("right");
    connection.unlink();
    for _ in 0..2 {
        connection.link("ann", None).await.expect_err("refused");
    }
    connection.link("ann", Some("secret".into())).await.expect("the count begins anew with each success");
    let newness: Vec<_> = asked.lock().expect("unpoisoned").iter().map(|asked| asked.1).collect();
    assert_eq!(newness, [true, true, true, true, false, false, false]);
}

#[tokio::test(start_paused = true)]
async fn r28_a_hook_is_bounded_and_who_gives_up_has_failed() {
    let forever = |_| std::future::pending::<Result<(), &str>>();
    let server = server_of(UserOptions::new().authenticate(forever).link_attempts(2));
    let (connection, _client) = join(&server).await;
    let mut link = Box::pin(connection.link("ann", None));
    assert!(futures::poll!(link.as_mut()).is_pending());
    assert_eq!(connection.link("ann", None).await.expect_err("one at a time"), LinkError::Busy);
    drop(link);
    let began = tokio::time::Instant::now();
    assert_eq!(connection.link("ann", None).await.expect_err("too slow"), LinkError::Timeout);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(connection.link("ann", None).await.expect_err("two"), LinkError::TooManyAttempts);
    assert_eq!((server.counts().users, server.counts().linked), (0, 0));
}

#[tokio::test]
async fn r27_names() {
    let server = server_of(UserOptions::new().link_attempts(100));
    let (connection, _client) = join(&server).await;
    let long = "a".repeat(33);
    for bad in ["", "a", "__proto__", "\u{430}nn", "ann\u{200d}", "ann ", "a..b", long.as_str()] {
        assert_eq!(
            connection.link(bad, None).await.expect_err("not allowed"),
            LinkError::InvalidName,
            "{bad:?}"
        );
        assert_eq!(server.users().join(bad).expect_err("not allowed"), JoinError::InvalidName, "{bad:?}");
        assert!(server.users().get(bad).is_none());
    }
    for good in ["constructor", "hasOwnProperty", "Ann"] {
        assert!(server.users().get(good).is_none(), "nothing is there of itself");
        connection.link(good, None).await.expect("allowed");
        connection.leave();
    }
    assert_eq!(server.counts().users, 0);

    let options = UserOptions::new().name_rule(|name| {
        assert!(name != "panic", "with the name in it");
        name.starts_with('\u{e9}')
    });
    let server = server_of(options);
    let (connection, _client) = join(&server).await;
    connection.link("\u{e9}", None).await.expect("by its own rule");
    connection.unlink();
    assert_eq!(connection.link("panic", None).await.expect_err("panicked"), LinkError::Internal);
    let long = "\u{e9}".repeat(200);
    assert_eq!(connection.link(long, None).await.expect_err("over 256 bytes"), LinkError::InvalidName);
}

#[tokio::test]
async fn who_may_be_new() {
    let server = server_of(UserOptions::new().accept_new_users(false).max_users(2));
    let users = server.users();
    let (connection, _client) = join(&server).await;
    assert_eq!(connection.link("ann", None).await.expect_err("unknown"), LinkError::NoNewUsers);
    users.join("ann").expect("made by the server");
    assert_eq!(users.join("ann").expect_err("there"), JoinError::Exists);
    users.link(connection.id(), "ann", None).await.expect("known");
    users.join("bob").expect("room");
    assert_eq!(users.join("cy").expect_err("two at most"), JoinError::Full);
    let names: Vec<_> =
        users.list().into_iter().map(|user| (user.name.to_string(), user.is_online())).collect();
    assert_eq!(names, [("ann".to_owned(), true), ("bob".to_owned(), false)]);

    let server = server_of(UserOptions::new().max_users(1));
    let ((first, _a), (second, _b)) = (join(&server).await, join(&server).await);
    first.link("ann", None).await.expect("room");
    assert_eq!(second.link("bob", None).await.expect_err("one at most"), LinkError::Full);
}

#[tokio::test(start_paused = true)]
async fn who_is_offline_for_long_is_kicked() {
    let server = server_of(UserOptions::new().kick_after(Duration::from_secs(60)));
    let users = server.users();
    let (connection, client) = join(&server).await;
    let mut events = users.events();
    users.join("idle").expect("room");
    connection.link("ann", None).await.expect("free");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(server.counts().users, 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(news(&mut events), ["join idle", "join ann", "link ann", "leave idle"]);
    connection.unlink();
    tokio::time::sleep(Duration::from_secs(59)).await;
    connection.link("ann", None).await.expect("it was still there");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(news(&mut events), ["unlink ann", "link ann"], "being online counts");
    client.close().await;
    until_true(|| server.counts().connections == 0).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(news(&mut events), ["unlink ann", "leave ann"]);
    assert!(is_empty(&server));
}

#[tokio::test]
async fn handles_keep_nothing_and_work_from_callbacks() {
    let kicked = Arc::new(AtomicUsize::new(0));
    let users = Arc::new(std::sync::OnceLock::<ws_server::Users<()>>::new());
    let (count, held) = (Arc::clone(&kicked), Arc::clone(&users));
    let server = building(UserOptions::new())
        .on_user_event(move |event| {
            // What this makes happen is told after it has returned; a panic ends nothing.
            if let UserEvent::Join { name } = event {
                held.get().expect("set").kick(name);
            }
            if let UserEvent::Leave { .. } = event {
                count.fetch_add(1, Ordering::SeqCst);
                panic!("in a callback");
            }
        })
        .build()
        .expect("good options");
    users.set(server.users()).expect("once");
    let mut events = server.users().events();
    let kept = server.users().join("ann").expect("room");
    assert_eq!(news(&mut events), ["join ann", "leave ann"]);
    assert_eq!(kicked.load(Ordering::SeqCst), 1);
    let users = server.users();
    let (connection, client) = join(&server).await;
    drop(server);
    client.closed().await;
    assert_eq!(events.next().await, None, "the stream ends with the server");
    assert_eq!(users.join("bob").expect_err("gone"), JoinError::Gone);
    assert!(!kept.kick() && users.list().is_empty() && connection.user().is_none());
    assert_eq!(connection.link("bob", None).await.expect_err("gone"), LinkError::NotConnected);
    assert!(!client.unlink() && client.link("bob", None).await.is_err(), "a client's side has no users");
}

#[tokio::test]
async fn a_connection_links_before_its_first_message() {
    // At the acceptance there is nothing to link yet, from the handler there is.
    let server = server_of(UserOptions::new());
    let (here, there) = memory_pair(4);
    let attached = server.clone();
    let done = Arc::new(Notify::new());
    let tell = Arc::clone(&done);
    tokio::spawn(async move {
        let handler = move |acceptor: ws_server::Acceptor<String, EchoProvider<Mirror>, ()>| {
            let tell = Arc::clone(&tell);
            async move {
                let name = acceptor.header().clone();
                let early = acceptor.accept_with(|connection| {
                    let linked = connection.link("early", None).now_or_never();
                    assert_eq!(linked.expect("at once").expect_err("not yet"), LinkError::NotConnected);
                    EchoProvider::new(Mirror)
                });
                let connection = early.await?;
                connection.link(name, None).await?;
                tell.notify_one();
                Ok(())
            }
        };
        attached.attach(there, Encoding::Bincode, handler).await
    });
    let connector = WebSocketConnector::<String, (), EchoRemote>::new("alice".to_owned());
    let _client = connector.attach(here, Encoding::Bincode, ()).await.expect("a connection");
    done.notified().await;
    assert_eq!(server.users().list()[0].name.as_ref(), "alice");
}
