//! The server of a chat: names, a history, and a room in which a slow or dead client holds nobody up.
//!
//! `cargo run --example chat_server [ADDRESS]`, then `cargo run --example chat_client NAME` in other terminals. Ctrl-C
//! closes it.

use std::process::ExitCode;
use std::sync::Arc;

use ws_examples::chat::{Chat, ChatProvider, Join, Line, MemberRemote, SayError, code};
use ws_server::{Acceptor, HandlerError, Rejection, WebSocketServer};

mod room;

use room::{Refusal, Room};

type Server = WebSocketServer<Join, ChatProvider<Guest>, MemberRemote>;

/// What serves one client: it knows whose words it passes on.
struct Guest {
    room: Arc<Room>,
    name: String,
}

impl Chat for Guest {
    async fn say(&self, text: String) -> Result<u64, SayError> {
        self.room.say(&self.name, text)
    }

    async fn history(&self, last: u32) -> Vec<Line> {
        self.room.history(last)
    }

    async fn names(&self) -> Vec<String> {
        self.room.names()
    }
}

/// One connection, from its header to its end.
async fn welcome(
    room: Arc<Room>,
    acceptor: Acceptor<Join, ChatProvider<Guest>, MemberRemote>,
) -> Result<(), HandlerError> {
    let name = acceptor.header().name.clone();
    let mut seat = match room.enter(&name, acceptor.remote()) {
        Ok(seat) => seat,
        Err(refusal) => return acceptor.reject(rejection(refusal)).await,
    };
    let connection = acceptor.accept(ChatProvider::new(Guest { room, name: name.clone() })).await?;
    println!("{name} is here");
    // A client that is gone without a word is noticed by its silence (`Limits::ping_interval`), and ends as well.
    let info = tokio::select! {
        info = connection.closed() => info,
        () = seat.lost() => connection.close_with(code::TOO_SLOW, "you do not keep up with the others").await,
    };
    println!("{name} is gone: {info}");
    Ok(())
}

/// A close code says what is wrong, and by its range whether to come again.
fn rejection(refusal: Refusal) -> Rejection {
    let reason = refusal.to_string();
    match refusal {
        Refusal::BadName => Rejection::forbidden(reason),
        Refusal::NameTaken => Rejection::new(code::NAME_TAKEN, reason),
        Refusal::Full => Rejection::busy(reason),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4400".into());
    let room = Arc::new(Room::default());
    let server = Server::new();
    let address = match server.open(&address, move |acceptor| welcome(Arc::clone(&room), acceptor)).await {
        Ok(address) => address,
        Err(error) => {
            eprintln!("{address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("listening on ws://{address}");
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("no Ctrl-C here: {error}");
    }
    // Every client is told 1001; this returns when the last one has gone, or has had its time.
    server.close().await;
    println!("closed");
    ExitCode::SUCCESS
}
