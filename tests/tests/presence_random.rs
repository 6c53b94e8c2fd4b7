//! R31 at random: whatever users and connections do, each client's roster is that of the server.

use std::sync::Arc;

use futures::future::join_all;
use ws_client::WebSocketConnector;
use ws_core::presence::{
    PresenceProvider, PresenceRemote, Roster, RosterUser, RosterWatcherProvider, RosterWatcherRemote,
};
use ws_core::transport::memory_pair;
use ws_core::{Connection, Encoding};
use ws_server::{Acceptor, LinkPolicy, ServerPresence, UserOptions, WebSocketServer};
use ws_tests::fixture::until_true;

type Serves = PresenceProvider<ServerPresence>;
type Server = WebSocketServer<(), Serves, RosterWatcherRemote>;

/// A small generator, so that a failure can be played again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

async fn join(server: &Server) -> (Connection<PresenceRemote>, Roster) {
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
    let roster = Roster::new();
    let connector = WebSocketConnector::<(), RosterWatcherProvider<Roster>, PresenceRemote>::new(());
    let provider = RosterWatcherProvider::new(roster.clone());
    (connector.attach(here, Encoding::Bincode, provider).await.expect("a connection"), roster)
}

const NAMES: [&str; 5] = ["ann", "bob", "cy", "dan", "eve"];

async fn live(server: Arc<Server>, seed: u64) -> Option<(Connection<PresenceRemote>, Roster)> {
    let mut dice = Dice(seed);
    let (mut client, mut roster) = join(&server).await;
    for _ in 0..40 {
        let name = NAMES[usize::try_from(dice.roll(5)).expect("small")];
        // What fails is refused, and as good.
        match dice.roll(12) {
            0..=4 => drop(client.remote().link(name.into(), None).await),
            5 | 6 => drop(client.remote().unlink().await),
            7 => drop(client.remote().leave().await),
            8 => drop(server.users().kick(name)),
            9 => drop(server.users().join(name)),
            10 => {
                // Two at once, of which one is given up.
                let remote = client.remote();
                let mut first = Box::pin(remote.link(name.into(), None).into_future());
                let _ = futures::poll!(first.as_mut());
                let _ = remote.unlink().await;
            }
            _ => {
                assert_eq!((roster.gaps(), roster.repeats()), (0, 0), "seed {seed}");
                drop(client);
                (client, roster) = join(&server).await;
            }
        }
    }
    // At the end some are linked, and some are not.
    if dice.roll(3) == 0 {
        return None;
    }
    for name in NAMES {
        if client.remote().link(name.into(), None).await.is_ok() {
            break;
        }
    }
    Some((client, roster))
}

async fn play(policy: LinkPolicy, seed: u64) {
    let hook = |asked: ws_server::Authentication| async move {
        if asked.connection.to_u64() % 2 == 0 {
            tokio::task::yield_now().await;
        }
        Ok::<(), &str>(())
    };
    let options = UserOptions::new().policy(policy).link_attempts(u32::MAX).authenticate(hook);
    let server = Arc::new(Server::builder().users(options).build().expect("good options"));
    let lives = (1..=6).map(|number| tokio::spawn(live(Arc::clone(&server), seed * 100 + number)));
    let ends: Vec<_> = join_all(lives).await.into_iter().map(|end| end.expect("no panic")).collect();
    // Closed connections are told of until they have ended.
    let alive = ends.iter().flatten().count();
    until_true(|| server.counts().connections == alive).await;
    let now = || -> Vec<RosterUser> {
        let users = server.users().list().into_iter();
        let user = |user: ws_server::UserInfo| RosterUser {
            name: user.name.to_string(),
            connections: u32::try_from(user.connections.len()).expect("few"),
        };
        users.map(user).collect()
    };
    let expected = now();
    let linked = server.counts().linked;
    let agrees = || {
        let live: Vec<_> = ends.iter().flatten().filter(|(_, roster)| roster.is_live()).collect();
        live.len() == linked && live.iter().all(|(_, roster)| roster.users() == expected)
    };
    // Whoever is linked is told, and nobody else.
    until_true(agrees).await;
    for (_, roster) in ends.iter().flatten() {
        assert_eq!((roster.gaps(), roster.repeats()), (0, 0), "seed {seed}");
    }
    for name in NAMES {
        server.users().kick(name);
    }
    assert_eq!((server.counts().users, server.counts().linked), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r31_every_roster_is_that_of_the_server() {
    for seed in 1..=15 {
        for policy in [LinkPolicy::RejectNew, LinkPolicy::Replace, LinkPolicy::Many(2)] {
            play(policy, seed).await;
        }
    }
}
