//! A client of the chat, driven by its standard input.
//!
//! `cargo run --example chat_client NAME [URL]`; every line that is typed is said in the room, which is the lobby at
//! first. `/join ROOM` goes to another, `/leave` out of it, `/names` tells who is in it; `/quit`, the end of the input and
//! Ctrl-C end the program. Where the server asks for a password, it is taken from `CHAT_PASSWORD`.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::process::ExitCode;

use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::presence::{PresenceRemote, Roster, RosterWatcherProvider};
use ws_core::{CallError, Connection, RequestProvider, Requests};
use ws_examples::chat::{ChatRemote, JoinError, Line, MemberRequest, SayError};

type Remote = (ChatRemote, PresenceRemote);
type Served = (RequestProvider<MemberRequest>, RosterWatcherProvider<Roster>);

/// What the person sees.
#[derive(Default)]
struct Screen {
    room: Option<String>,
    /// The newest line that was shown. One may come twice: as news, and in the history that is asked for meanwhile.
    shown: u64,
    online: Option<BTreeSet<String>>,
}

impl Screen {
    fn enter(&mut self, room: &str, history: &[Line]) {
        (self.room, self.shown) = (Some(room.to_owned()), 0);
        println!("* you are in {room}");
        history.iter().for_each(|line| self.line(line));
    }

    fn line(&mut self, line: &Line) {
        if self.is_here(&line.room) && line.number > self.shown {
            self.shown = line.number;
            println!("{}: {}", line.name, line.text);
        }
    }

    fn news(&mut self, news: MemberRequest) {
        match news {
            MemberRequest::Said { line } => self.line(&line),
            MemberRequest::Entered { room, name } if self.is_here(&room) => println!("* {name} entered"),
            MemberRequest::Went { room, name } if self.is_here(&room) => println!("* {name} went"),
            // It was on its way when the room was left.
            MemberRequest::Entered { .. } | MemberRequest::Went { .. } => {}
        }
    }

    /// Who came and went, in all rooms and in none.
    fn roster(&mut self, roster: &Roster) {
        let users = roster.users().into_iter().filter(|user| user.connections > 0);
        let online: BTreeSet<_> = users.map(|user| user.name).collect();
        match &self.online {
            None => println!("* online: {}", listed(&online)),
            Some(before) => {
                online.difference(before).for_each(|name| println!("* {name} joined"));
                before.difference(&online).for_each(|name| println!("* {name} left"));
            }
        }
        self.online = Some(online);
    }

    fn is_here(&self, room: &str) -> bool {
        self.room.as_deref() == Some(room)
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        eprintln!("usage: chat_client NAME [URL]");
        return ExitCode::FAILURE;
    };
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:4400".into());

    // The channel is short, and the connection waits for room in it. So a screen that stands still is a client that
    // takes no more events, and never one that piles them up.
    let (member, news) = MemberRequest::channel(16);
    let roster = Roster::new();
    let connector = WebSocketConnector::<(), Served, Remote>::new(());
    let served = (member, RosterWatcherProvider::new(roster.clone()));
    let connection = match connector.connect(&url, served).await {
        Ok(connection) => connection,
        Err(error) => {
            eprintln!("{url}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = chat(&connection, &name, news, &roster).await;
    connection.close().await;
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Until the person leaves, or the connection ends.
async fn chat(
    connection: &Connection<Remote>,
    name: &str,
    mut news: Requests<MemberRequest>,
    roster: &Roster,
) -> Result<(), String> {
    let (chat, presence) = connection.remote();
    match presence.link(name.to_owned(), std::env::var("CHAT_PASSWORD").ok()).await {
        Ok(()) => {}
        Err(CallError::App(refused)) => return Err(refused.to_string()),
        Err(error) => return Err(error.to_string()),
    }
    let mut screen = Screen::default();
    join(chat, &mut screen, "lobby").await;
    let mut typed = typed();
    loop {
        tokio::select! {
            // What others say comes before what is typed: a person who pastes a book still keeps up.
            biased;
            info = connection.closed() => {
                let again = if info.may_reconnect() { "; you may come again" } else { "" };
                return Err(format!("{info}{again}"));
            }
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = roster.changed() => screen.roster(roster),
            Some(event) = news.next() => screen.news(event),
            line = typed.recv() => match line.as_deref() {
                None | Some("/quit") => return Ok(()),
                Some("/names") => names(chat).await,
                Some("/leave") => leave(chat, &mut screen).await,
                Some(line) => match line.strip_prefix("/join ") {
                    Some(room) => join(chat, &mut screen, room.trim()).await,
                    None => say(chat, line).await,
                },
            },
        }
    }
}

async fn join(chat: &ChatRemote, screen: &mut Screen, room: &str) {
    match chat.join(room.to_owned(), 20).await {
        Ok(history) => {
            screen.enter(room, &history);
            names(chat).await;
        }
        Err(CallError::App(JoinError::BadName)) => println!("! a room's name has 2 to 16 letters and digits"),
        Err(CallError::App(JoinError::TooManyRooms)) => println!("! there are too many rooms"),
        Err(error) => println!("! not in {room}: {error}"),
    }
}

async fn leave(chat: &ChatRemote, screen: &mut Screen) {
    match chat.leave().await {
        Ok(_was_in) => {
            screen.room = None;
            println!("* you are in no room");
        }
        Err(error) => println!("! {error}"),
    }
}

async fn names(chat: &ChatRemote) {
    match chat.names().await {
        Ok(names) => println!("* here: {}", listed(&names)),
        Err(error) => println!("! {error}"),
    }
}

async fn say(chat: &ChatRemote, text: &str) {
    match chat.say(text.to_owned()).await {
        // It comes back as news, in its turn among the lines of others.
        Ok(_number) => {}
        Err(CallError::App(SayError::Empty)) => {}
        Err(CallError::App(SayError::NoRoom)) => println!("! you are in no room: /join one"),
        Err(CallError::App(SayError::TooLong { bytes })) => println!("! at most {bytes} bytes"),
        Err(CallError::App(SayError::Unprintable)) => println!("! only what can be printed"),
        Err(error) => println!("! not said: {error}"),
    }
}

/// The lines of standard input. A thread of its own reads them, because a read from a terminal cannot be given up: the
/// runtime would wait for one more line before it ends.
fn typed() -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                break;
            }
        }
    });
    told
}
