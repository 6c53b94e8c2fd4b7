//! The server of a chat: rooms with a history, names, and who is here; a slow or dead client holds nobody up.
//!
//! `cargo run --example chat_server [ADDRESS]`, then `cargo run --example chat_client NAME` in other terminals. Ctrl-C
//! closes it. Where `CHAT_PASSWORD` is set, clients must have the same.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ws_core::Connection;
use ws_core::presence::{PresenceProvider, RosterWatcherRemote};
use ws_examples::chat::{Chat, ChatProvider, JoinError, Line, MemberRemote, SayError};
use ws_server::{
    Acceptor, Authentication, ConfigError, ServerEvent, ServerPresence, UserEvent, UserOptions,
    WebSocketServer,
};

mod rooms;

use rooms::Rooms;

/// What clients are served: the chat, and the ready-made contract by which they take and leave their names.
type Served = (ChatProvider<Guest>, PresenceProvider<ServerPresence>);
/// What clients are told by: what happens in their rooms, and the ready-made contract that tells who is here.
type ClientRemote = (MemberRemote, RosterWatcherRemote);
type Server = WebSocketServer<(), Served, ClientRemote>;

/// What serves one client. What is known of it, its name and its room, the server knows.
struct Guest {
    rooms: Arc<Rooms>,
    connection: Connection<ClientRemote>,
}

impl Chat for Guest {
    async fn join(&self, room: String, last: u32) -> Result<Vec<Line>, JoinError> {
        self.rooms.join(&self.connection, &room, last)
    }

    async fn leave(&self) -> bool {
        self.rooms.leave(&self.connection)
    }

    async fn say(&self, text: String) -> Result<u64, SayError> {
        self.rooms.say(&self.connection, text)
    }

    async fn names(&self) -> Vec<String> {
        self.rooms.names(&self.connection)
    }
}

/// One connection has a name at a time. Who is lost stays on the roster, offline, for a minute: a user outlives its
/// connections.
fn users(password: Option<String>) -> UserOptions {
    let users = UserOptions::new().max_users(1000).kick_after(Duration::from_secs(60));
    let Some(password) = password else { return users };
    users.authenticate(move |asked: Authentication| {
        let is_right = asked.auth.as_ref() == Some(&password);
        async move { if is_right { Ok(()) } else { Err("wrong password") } }
    })
}

fn server() -> Result<Server, ConfigError> {
    Server::builder()
        .users(users(std::env::var("CHAT_PASSWORD").ok()))
        // Who is gone without a word is noticed by its silence (`Limits::ping_interval`), and ends as well.
        .on_user_event(|event| {
            if let UserEvent::Link { name, connection } = event {
                println!("{name} is {connection}");
            }
        })
        .on_event(|event| {
            if let ServerEvent::Disconnected { id, info } = event {
                println!("{id} is gone: {info}");
            }
        })
        .build()
}

async fn run(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let server = server()?;
    let rooms = Arc::new(Rooms::new(server.groups()));
    let presence = server.presence();
    let handler = move |acceptor: Acceptor<(), Served, ClientRemote>| {
        let (rooms, presence) = (Arc::clone(&rooms), presence.clone());
        async move {
            let serve = |connection: &Connection<_>| {
                let connection = connection.clone();
                (ChatProvider::new(Guest { rooms, connection }), presence)
            };
            acceptor.accept_with(serve).await?;
            Ok(())
        }
    };
    let address = server.open(address, handler).await?;
    println!("listening on ws://{address}");
    tokio::signal::ctrl_c().await?;
    // Every client is told 1001; this returns when the last one has gone, or has had its time.
    server.close().await;
    println!("closed");
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4400".into());
    match run(&address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
    }
}
