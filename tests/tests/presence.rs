//! R31: clients that name themselves, and are told who is here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ws_client::WebSocketConnector;
use ws_core::presence::{
    PresenceError, PresenceProvider, PresenceRemote, Roster, RosterChange, RosterUser, RosterWatcher,
    RosterWatcherProvider, RosterWatcherRemote,
};
use ws_core::transport::memory_pair;
use ws_core::{CallError, Connection, Encoding, Limits, code, ws_service};
use ws_server::{
    Acceptor, LinkPolicy, ServerConnection, ServerPresence, UserInfo, UserOptions, WebSocketServer,
};
use ws_tests::fixture::until_true;

type Serves = PresenceProvider<ServerPresence>;
type Server = WebSocketServer<(), Serves, RosterWatcherRemote>;

struct Client {
    connection: Connection<PresenceRemote>,
    roster: Roster,
}

fn server_of(options: UserOptions) -> Server {
    Server::builder().users(options).build().expect("good options")
}

async fn join(server: &Server, encoding: Encoding) -> Client {
    let roster = Roster::new();
    let connection = attach(server, encoding, roster.clone()).await;
    Client { connection, roster }
}

async fn attach<W: RosterWatcher>(
    server: &Server,
    encoding: Encoding,
    watcher: W,
) -> Connection<PresenceRemote> {
    attach_with(server, encoding, watcher, Limits::default()).await
}

async fn attach_with<W: RosterWatcher>(
    server: &Server,
    encoding: Encoding,
    watcher: W,
    limits: Limits,
) -> Connection<PresenceRemote> {
    let (here, there) = memory_pair(4);
    let attached = server.clone();
    tokio::spawn(async move {
        let presence = attached.presence();
        let handler = move |acceptor: Acceptor<(), Serves, RosterWatcherRemote>| {
            let presence = presence.clone();
            async move {
                acceptor.accept(presence).await?;
                Ok(())
            }
        };
        attached.attach(there, encoding, handler).await
    });
    let connector = WebSocketConnector::<(), RosterWatcherProvider<W>, PresenceRemote>::builder(());
    let connector = connector.limits(limits).build().expect("good limits");
    let provider = RosterWatcherProvider::new(watcher);
    connector.attach(here, encoding, provider).await.expect("a connection")
}

impl Client {
    async fn link(&self, name: &str) -> Result<(), CallError<PresenceError>> {
        self.connection.remote().link(name.to_owned(), None).await
    }
}

/// What a roster should show.
fn shown(users: &[UserInfo]) -> Vec<RosterUser> {
    let shown = |user: &UserInfo| RosterUser {
        name: user.name.to_string(),
        connections: u32::try_from(user.connections.len()).expect("few"),
    };
    users.iter().map(shown).collect()
}

async fn agrees(server: &Server, roster: &Roster) {
    until_true(|| roster.users() == shown(&server.users().list())).await;
    assert!(roster.is_live());
    assert_eq!((roster.gaps(), roster.repeats()), (0, 0));
}

#[tokio::test]
async fn r31_a_newcomer_gets_one_snapshot_and_then_each_change() {
    for encoding in Encoding::available() {
        let server = server_of(UserOptions::new());
        let (ann, bob) = (join(&server, *encoding).await, join(&server, *encoding).await);
        ann.link("ann").await.expect("free");
        agrees(&server, &ann.roster).await;
        bob.link("bob").await.expect("free");
        agrees(&server, &ann.roster).await;
        agrees(&server, &bob.roster).await;
        server.users().join("cy").expect("room");
        agrees(&server, &ann.roster).await;
        assert!(bob.connection.remote().unlink().await.expect("an answer"));
        until_true(|| !bob.roster.is_live()).await;
        agrees(&server, &ann.roster).await;
        // Another life: another snapshot.
        assert!(server.users().kick("cy"));
        bob.link("bob").await.expect("offline till now");
        agrees(&server, &bob.roster).await;
        assert!(ann.connection.remote().leave().await.expect("an answer"));
        until_true(|| !ann.roster.is_live()).await;
        agrees(&server, &bob.roster).await;
        assert!(!ann.connection.remote().leave().await.expect("an answer"));
        // It stays open all the while.
        ann.link("ann").await.expect("free again");
        agrees(&server, &ann.roster).await;
    }
}

#[tokio::test]
async fn r31_whoever_is_replaced_or_kicked_is_told_no_more() {
    let server = server_of(UserOptions::new().policy(LinkPolicy::Replace));
    let (first, second) = (join(&server, Encoding::Bincode).await, join(&server, Encoding::Bincode).await);
    first.link("ann").await.expect("free");
    agrees(&server, &first.roster).await;
    second.link("ann").await.expect("it is replaced");
    until_true(|| !first.roster.is_live()).await;
    let seen = first.roster.sequence();
    agrees(&server, &second.roster).await;
    server.users().join("bob").expect("room");
    agrees(&server, &second.roster).await;
    assert_eq!((first.roster.sequence(), first.roster.gaps()), (seen, 0));
    server.users().kick("ann");
    until_true(|| !second.roster.is_live()).await;
}

#[tokio::test]
async fn r31_links_from_the_server_are_told_as_well() {
    let server = server_of(UserOptions::new());
    let client = join(&server, Encoding::Bincode).await;
    let serving = server.connections().remove(0);
    serving.link("ann", None).await.expect("free");
    agrees(&server, &client.roster).await;
}

#[tokio::test]
async fn a_client_is_told_why_and_may_try_again() {
    let hook = |asked: ws_server::Authentication| async move {
        match asked.auth.as_deref() {
            Some("secret") => Ok(()),
            _ => Err("wrong password"),
        }
    };
    let server = server_of(UserOptions::new().authenticate(hook).link_attempts(3));
    let (ann, bob) = (join(&server, Encoding::Bincode).await, join(&server, Encoding::Bincode).await);
    let link = async |client: &Client, name: &str, auth: &str| {
        let auth = Some(auth.to_owned());
        match client.connection.remote().link(name.to_owned(), auth).await {
            Ok(()) => None,
            Err(CallError::App(error)) => Some(error),
            Err(error) => panic!("{error:?}"),
        }
    };
    assert_eq!(link(&ann, "_", "secret").await, Some(PresenceError::InvalidName));
    let denied = Some(PresenceError::Denied { reason: "wrong password".into() });
    assert_eq!(link(&ann, "ann", "guess").await, denied);
    assert_eq!(link(&ann, "ann", "secret").await, None);
    assert_eq!(link(&ann, "bob", "secret").await, Some(PresenceError::AlreadyLinked));
    for _ in 0..3 {
        assert_eq!(link(&bob, "ann", "secret").await, Some(PresenceError::Taken));
    }
    assert_eq!(link(&bob, "bob", "secret").await, Some(PresenceError::TooManyAttempts));
}

/// A watcher whose handlers do not return.
struct Stuck(Arc<AtomicBool>);

impl RosterWatcher for Stuck {
    async fn snapshot(&self, _sequence: u64, _users: Vec<RosterUser>) {
        self.0.store(true, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn changed(&self, _sequence: u64, _change: RosterChange) {}
    async fn ended(&self) {}
}

/// A broken one would leave it with a view that is wrong, or hold up the others.
#[tokio::test(start_paused = true)]
async fn r31_who_does_not_keep_up_is_closed_and_holds_nobody_up() {
    let server = server_of(UserOptions::new());
    let ann = join(&server, Encoding::Bincode).await;
    ann.link("ann").await.expect("free");
    let began = Arc::new(AtomicBool::new(false));
    let stuck = attach(&server, Encoding::Bincode, Stuck(Arc::clone(&began))).await;
    stuck.remote().link("bob".into(), None).await.expect("free");
    until_true(|| began.load(Ordering::SeqCst)).await;
    for round in 0..1000 {
        assert!(server.users().join(format!("user{round}")).is_ok());
        if round % 100 == 0 {
            agrees(&server, &ann.roster).await;
        }
    }
    agrees(&server, &ann.roster).await;
    let info = tokio::time::timeout(Duration::from_secs(60), stuck.closed()).await.expect("it is closed");
    assert_eq!(info.code, 4010, "{info}");
    agrees(&server, &ann.roster).await;
}

/// A broken one would leave the newcomer without a view, and not tell.
#[tokio::test]
async fn r31_a_roster_that_is_too_large_closes() {
    let server = server_of(UserOptions::new());
    for number in 0..100 {
        server.users().join(format!("somebody.with.a.name{number}")).expect("room");
    }
    let limits = Limits::default().max_message(2048);
    let ann = attach_with(&server, Encoding::Bincode, Roster::new(), limits).await;
    // Its answer may not come any more.
    let _ = ann.remote().link("ann".into(), None).await;
    let info = ann.closed_within(Duration::from_secs(20)).await.expect("it is closed");
    assert_eq!(info.code, code::POLICY);
    until_true(|| server.counts().linked == 0).await;
}

mod other {
    use super::ws_service;

    /// Another version of the contract.
    #[ws_service]
    pub trait RosterWatcher {
        #[ws(event)]
        async fn snapshot(&self, users: Vec<String>);
    }

    pub struct Other;

    impl RosterWatcher for Other {
        async fn snapshot(&self, _users: Vec<String>) {
            panic!("told what it cannot read");
        }
    }
}

#[tokio::test]
async fn r5_a_client_of_another_version_is_not_told_and_not_closed() {
    let server = server_of(UserOptions::new());
    let (here, there) = memory_pair(4);
    let attached = server.clone();
    tokio::spawn(async move {
        let presence = attached.presence();
        let handler = move |acceptor: Acceptor<(), Serves, RosterWatcherRemote>| {
            let presence = presence.clone();
            async move {
                acceptor.accept(presence).await?;
                Ok(())
            }
        };
        attached.attach(there, Encoding::Bincode, handler).await
    });
    let connector =
        WebSocketConnector::<(), other::RosterWatcherProvider<other::Other>, PresenceRemote>::new(());
    let provider = other::RosterWatcherProvider::new(other::Other);
    let client = connector.attach(here, Encoding::Bincode, provider).await.expect("a connection");
    client.remote().link("ann".into(), None).await.expect("free");
    server.users().join("bob").expect("room");
    assert!(client.remote().unlink().await.expect("it is open"));
}

/// A broken one would lose changes of the roster with the events that nobody could be told of, or keep them all.
#[tokio::test]
async fn r31_more_news_than_may_wait_end_in_a_fresh_snapshot() {
    let users = Arc::new(std::sync::OnceLock::<ws_server::Users<RosterWatcherRemote>>::new());
    let held = Arc::clone(&users);
    let server = Server::builder()
        .on_user_event(move |event| {
            // While this runs, nothing else is told.
            if matches!(event, ws_server::UserEvent::Join { name } if &**name == "storm") {
                let users = held.get().expect("set");
                for _ in 0..20_000 {
                    users.join("gust").expect("room");
                    users.kick("gust");
                }
                users.join("calm").expect("room");
            }
        })
        .build()
        .expect("good options");
    assert!(users.set(server.users()).is_ok());
    let events = server.users().events();
    let ann = join(&server, Encoding::Bincode).await;
    ann.link("ann").await.expect("free");
    agrees(&server, &ann.roster).await;
    server.users().join("storm").expect("room");
    agrees(&server, &ann.roster).await;
    assert!(events.missed() > 10_000, "{}", events.missed());
    server.users().join("after").expect("room");
    agrees(&server, &ann.roster).await;
    let names: Vec<_> = ann.roster.users().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["after", "ann", "calm", "storm"]);
}
