//! A client of the chat, driven by its standard input.
//!
//! `cargo run --example chat_client NAME [URL]`; every line that is typed is said. `/names` tells who is here, `/quit`,
//! the end of the input and Ctrl-C leave.

use std::io::BufRead;
use std::process::ExitCode;

use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::{CallError, CloseInfo, Connection};
use ws_examples::chat::{ChatRemote, Join, Line, Member, MemberProvider, SayError};

/// What happens in the room, on its way to the screen.
enum News {
    Said(Line),
    Joined(String),
    Left(String),
}

/// What the server tells things to.
///
/// The channel is short, and its handlers wait for room in it. So a screen that stands still is a client that takes no
/// more events, and never one that piles them up.
struct Ears(mpsc::Sender<News>);

impl Member for Ears {
    async fn said(&self, line: Line) {
        self.hear(News::Said(line)).await;
    }

    async fn joined(&self, name: String) {
        self.hear(News::Joined(name)).await;
    }

    async fn left(&self, name: String) {
        self.hear(News::Left(name)).await;
    }
}

impl Ears {
    async fn hear(&self, news: News) {
        // Fails where nobody looks at the screen any more.
        let _ = self.0.send(news).await;
    }
}

/// What the person sees.
#[derive(Default)]
struct Screen {
    /// The newest line that was shown. One may come twice: as news, and in the history that is asked for meanwhile.
    shown: u64,
}

impl Screen {
    fn line(&mut self, line: &Line) {
        if line.number > self.shown {
            self.shown = line.number;
            println!("{}: {}", line.name, line.text);
        }
    }

    fn news(&mut self, news: News) {
        match news {
            News::Said(line) => self.line(&line),
            News::Joined(name) => println!("* {name} joined"),
            News::Left(name) => println!("* {name} left"),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        eprintln!("usage: chat_client NAME [URL]");
        return ExitCode::FAILURE;
    };
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:4400".into());

    let (ears, news) = mpsc::channel(16);
    let connector = WebSocketConnector::<Join, MemberProvider<Ears>, ChatRemote>::new(Join { name });
    let connection = match connector.connect(&url, MemberProvider::new(Ears(ears))).await {
        Ok(connection) => connection,
        Err(error) => {
            eprintln!("{url}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match chat(&connection, news).await {
        Ok(()) => {
            connection.close().await;
            ExitCode::SUCCESS
        }
        Err(info) => {
            let again = if info.may_reconnect() { "; you may come again" } else { "" };
            eprintln!("{info}{again}");
            ExitCode::FAILURE
        }
    }
}

/// Until the person leaves, or the connection ends.
async fn chat(connection: &Connection<ChatRemote>, mut news: mpsc::Receiver<News>) -> Result<(), CloseInfo> {
    let mut screen = Screen::default();
    match connection.remote().history(20).await {
        Ok(lines) => lines.iter().for_each(|line| screen.line(line)),
        Err(error) => println!("! no history: {error}"),
    }
    names(connection.remote()).await;
    let mut typed = typed();
    loop {
        tokio::select! {
            // What others say comes before what is typed: a person who pastes a book still keeps up.
            biased;
            info = connection.closed() => return Err(info),
            _ = tokio::signal::ctrl_c() => return Ok(()),
            Some(news) = news.recv() => screen.news(news),
            line = typed.recv() => match line.as_deref() {
                None | Some("/quit") => return Ok(()),
                Some("/names") => names(connection.remote()).await,
                Some(text) => say(connection.remote(), text).await,
            },
        }
    }
}

async fn names(chat: &ChatRemote) {
    match chat.names().await {
        Ok(names) => println!("* here: {}", names.join(", ")),
        Err(error) => println!("! {error}"),
    }
}

async fn say(chat: &ChatRemote, text: &str) {
    match chat.say(text.to_owned()).await {
        // It comes back as news, in its turn among the lines of others.
        Ok(_number) => {}
        Err(CallError::App(SayError::Empty)) => {}
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
