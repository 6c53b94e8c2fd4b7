//! Conversations, each played twice: against a real server, and against a real client. Every byte that the real one
//! sends is compared.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::transport::{MemoryTransport, memory_pair};
use ws_core::{Call, CallError, CallOptions, Connection, Encoding, Limits, Metadata, Payload};
use ws_server::{Acceptor, HandlerError, Rejection, WebSocketServer};

use super::blocks::{Block, blocks, masked};
use super::contracts::{
    Calc, CalculatorProvider, CalculatorRemote, Login, ProgressProvider, ProgressRemote, Ui,
};
use super::played::{Played, limits};

#[tokio::test(start_paused = true)]
async fn a_server_answers_byte_by_byte() {
    play_all(Side::Server).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_sends_byte_by_byte() {
    play_all(Side::Client).await;
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

async fn play_all(real: Side) {
    let blocks = blocks("exchanges.txt");
    let mut count = 0;
    for block in &blocks {
        if block.maybe("only").is_some_and(|only| only != real.name()) {
            continue;
        }
        count += 1;
        let root = block.maybe("after").map_or(block, |name| {
            blocks.iter().find(|block| block.name == name).expect("the block that comes before")
        });
        play(real, root, block).await;
    }
    assert!(count > 20, "most exchanges are for both sides");
}

async fn play(real: Side, root: &Block, block: &Block) {
    let (ours, theirs) = memory_pair(64);
    let own_limits = limits(block.maybe(&format!("{} limits", real.name())));
    let drain = block.maybe("drain").map_or(0, |drain| drain.parse().expect("milliseconds"));
    let encoding = match root.one("encoding") {
        "bincode" => Encoding::Bincode,
        "msgpack" => Encoding::Msgpack,
        encoding => panic!("what is {encoding}?"),
    };
    let mut player = Player {
        real,
        played: Played::new(ours),
        end: match real {
            Side::Server => End::Server(ServerEnd::new(theirs, encoding, own_limits, drain)),
            Side::Client => End::Client(Box::new(ClientEnd {
                transport: Some((theirs, encoding, own_limits)),
                ..ClientEnd::default()
            })),
        },
    };
    let before = if std::ptr::eq(root, block) { &[][..] } else { &root.lines };
    for (index, (key, value)) in before.iter().chain(&block.lines).enumerate() {
        let place = format!("{} against a real {}, line {index}: {key}", block.name, real.name());
        player.line(key, value, &place).await;
    }
    player.played.expect_nothing(&format!("{}, its end", block.name)).await;
}

struct Player {
    real: Side,
    played: Played,
    end: End,
}

enum End {
    Server(ServerEnd),
    Client(Box<ClientEnd>),
}

impl Player {
    async fn line(&mut self, key: &str, value: &str, place: &str) {
        let (real, other) = (self.real.name(), self.real.other().name());
        match key {
            "encoding" | "after" | "only" | "drain" | "client limits" | "server limits" => {}
            "pause" => {
                tokio::time::sleep(Duration::from_millis(value.parse().expect("milliseconds"))).await;
            }
            key => match key.split_once(' ') {
                None if key == real => self.played.expect(&masked(value), place).await,
                None if key == other => {
                    let message = masked(value).into_iter().map(Option::unwrap_or_default).collect();
                    self.played.send(message).await;
                }
                Some((side, "closes")) => {
                    let code = value.parse().expect("a close code");
                    if side == real {
                        self.played.expect_close(code, place).await;
                    } else {
                        self.played.close(code).await;
                    }
                }
                Some((side, "does")) if side == real => self.end.does(value).await,
                Some((side, "gets")) if side == real => assert_eq!(self.end.gets().await, value, "{place}"),
                Some((side, "does" | "gets")) if side == other => {}
                _ => panic!("{place}: what is that?"),
            },
        }
    }
}

impl End {
    async fn does(&mut self, what: &str) {
        match self {
            Self::Server(server) => server.does(what).await,
            Self::Client(client) => client.does(what).await,
        }
    }

    async fn gets(&mut self) -> String {
        match self {
            Self::Server(server) => next(&mut server.outcomes).await,
            Self::Client(client) => client.gets().await,
        }
    }
}

type Outcomes = VecDeque<JoinHandle<String>>;

async fn next(outcomes: &mut Outcomes) -> String {
    outcomes.pop_front().expect("something was asked for").await.expect("no panic")
}

/// A call's outcome as the vectors write it.
fn outcome<T: Payload + Debug, E: Payload + Debug>(call: Call<T, E>) -> JoinHandle<String> {
    tokio::spawn(async move {
        match call.await {
            Ok(value) => format!("{value:?}"),
            Err(CallError::App(error)) => format!("error {error:?}"),
            Err(CallError::Closed(info)) => format!("failure Closed {}", info.code),
            Err(CallError::Internal(_)) => "failure Internal".to_owned(),
            Err(error) => format!("failure {}", format!("{error:?}").split('(').next().unwrap_or_default()),
        }
    })
}

type Server = WebSocketServer<Login, CalculatorProvider<Calc>, ProgressRemote>;
type Handling = Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send>>;
type Deciding = Acceptor<Login, CalculatorProvider<Calc>, ProgressRemote>;

/// The server of the vectors, its handler, and the connections that it accepts.
pub fn sample_server(
    limits: Limits,
    drain: u64,
) -> (Server, impl Fn(Deciding) -> Handling, mpsc::UnboundedReceiver<Connection<ProgressRemote>>) {
    let server = Server::builder().limits(limits).drain(Duration::from_millis(drain)).build();
    let (tell, told) = mpsc::unbounded_channel();
    let handler = move |acceptor: Deciding| -> Handling {
        let tell = tell.clone();
        Box::pin(async move {
            match acceptor.header().token.as_str() {
                "secret" => {
                    let client = acceptor.remote();
                    let connection = acceptor.accept(CalculatorProvider::new(Calc { client })).await?;
                    // Some vectors never ask for it.
                    let _ = tell.send(connection);
                    Ok(())
                }
                "slow" => pending().await,
                _ => acceptor.reject(Rejection::unauthorized("bad token")).await,
            }
        })
    };
    (server.expect("good limits"), handler, told)
}

struct ServerEnd {
    server: Server,
    accepted: mpsc::UnboundedReceiver<Connection<ProgressRemote>>,
    connection: Option<Connection<ProgressRemote>>,
    outcomes: Outcomes,
}

impl ServerEnd {
    fn new(transport: MemoryTransport, encoding: Encoding, limits: Limits, drain: u64) -> Self {
        let (server, handler, accepted) = sample_server(limits, drain);
        tokio::spawn({
            let server = server.clone();
            async move { server.attach(transport, encoding, handler).await }
        });
        Self { server, accepted, connection: None, outcomes: Outcomes::new() }
    }

    async fn does(&mut self, what: &str) {
        if self.connection.is_none() {
            self.connection = self.accepted.recv().await;
        }
        let remote = self.connection.as_ref().expect("an accepted connection").remote();
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        match verb {
            "confirm" => self.outcomes.push_back(outcome(remote.confirm(rest.to_owned()))),
            "step" => {
                remote.step(rest.parse().expect("a number")).await.expect("credit");
            }
            "close" => {
                let server = self.server.clone();
                tokio::spawn(async move { server.close().await });
            }
            verb => panic!("a server does not {verb}"),
        }
    }
}

type Connecting = JoinHandle<Result<Connection<CalculatorRemote>, ConnectError>>;

#[derive(Default)]
struct ClientEnd {
    /// Until it connects.
    transport: Option<(MemoryTransport, Encoding, Limits)>,
    connecting: Option<Connecting>,
    connection: Option<Connection<CalculatorRemote>>,
    outcomes: Outcomes,
}

impl ClientEnd {
    async fn does(&mut self, what: &str) {
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        match verb {
            "connect" => return self.connect(rest),
            "drop" => {
                let call = self.outcomes.pop_front().expect("a call");
                call.abort();
                return;
            }
            _ => {}
        }
        let connection = self.connection.as_ref().expect("an open connection").clone();
        if verb == "close" {
            tokio::spawn(async move { connection.close().await });
            return;
        }
        let (rest, options) = options(rest);
        let remote = connection.remote().with(options);
        let words: Vec<&str> = rest.split(' ').collect();
        let number = |index: usize| words[index].parse::<i64>().expect("a number");
        self.outcomes.push_back(match verb {
            "add" => outcome(remote.add(number(0), number(1))),
            "divide" => outcome(remote.divide(number(0), number(1))),
            "confirmed" => outcome(remote.confirmed(rest.to_owned())),
            "wait" => outcome(remote.wait()),
            "fail" => outcome(remote.fail()),
            "repeat" => outcome(remote.repeat(words[0].to_owned(), u32::try_from(number(1)).expect("small"))),
            "memo" => {
                let event = remote.memo(rest.to_owned());
                tokio::spawn(async move { event.await.expect("credit in time") });
                return;
            }
            verb => panic!("a client does not {verb}"),
        });
    }

    fn connect(&mut self, token: &str) {
        let (transport, encoding, limits) = self.transport.take().expect("it connects once");
        let connector = WebSocketConnector::builder(Login { token: token.to_owned() })
            .limits(limits)
            .build()
            .expect("good limits");
        self.connecting = Some(tokio::spawn(async move {
            connector.attach(transport, encoding, ProgressProvider::new(Ui)).await
        }));
    }

    async fn gets(&mut self) -> String {
        let Some(connecting) = self.connecting.take() else { return next(&mut self.outcomes).await };
        match connecting.await.expect("no panic") {
            Ok(connection) => {
                self.connection = Some(connection);
                "accepted".to_owned()
            }
            Err(ConnectError::Rejected { code, reason }) => format!("rejected {code} {reason}"),
            Err(ConnectError::Version { theirs, .. }) => format!("version {theirs}"),
            Err(error) => format!("{error:?}"),
        }
    }
}

/// `2 3 within 1500 with trace=a1`: the arguments, and the options behind them.
fn options(text: &str) -> (&str, CallOptions) {
    let mut options = CallOptions::new();
    let (text, metadata) = text.split_once(" with ").map_or((text, None), |(text, pair)| (text, Some(pair)));
    if let Some((key, value)) = metadata.and_then(|pair| pair.split_once('=')) {
        let mut metadata = Metadata::new();
        metadata.insert(key, value).expect("within the bounds");
        options = options.metadata(metadata);
    }
    let (arguments, within) = match text.strip_prefix("within ") {
        Some(within) => ("", Some(within)),
        None => text.split_once(" within ").map_or((text, None), |(text, within)| (text, Some(within))),
    };
    if let Some(within) = within {
        options = options.deadline(Duration::from_millis(within.parse().expect("milliseconds")));
    }
    (arguments, options)
}
