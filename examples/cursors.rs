//! Cursors on a shared board: each sees of the others' steps as many as it can take, and then where they are now. Nobody
//! waits for anybody, and in the end all see the same.
//!
//! `cargo run --example cursors`

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use ws_client::WebSocketConnector;
use ws_core::{CallContext, Connection, Delivery, Limits, SendError, SlowConsumer, ws_service};
use ws_server::{Audience, WebSocketServer};

/// What the server serves.
#[ws_service]
pub trait Board {
    /// My cursor is here now.
    #[ws(event)]
    async fn moved(&self, ctx: &CallContext, name: String, to: Position);
}

/// What every client serves.
#[ws_service]
pub trait Screen {
    /// Somebody's cursor is there now.
    #[ws(event)]
    async fn cursor(&self, name: String, at: Position);
}

/// A place on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
}

/// What became of the moves, in numbers of them.
#[derive(Default)]
struct Moves {
    told: usize,
    reached: usize,
    replaced: usize,
    dropped: usize,
}

impl Moves {
    const fn add(&mut self, report: Delivery) {
        self.told += 1;
        self.reached += report.reached;
        self.replaced += report.replaced;
        self.dropped += report.dropped;
    }
}

struct Whiteboard {
    /// Like all handles of who is here it is weak, so that a provider may hold it.
    everybody: Audience<ScreenRemote>,
    moves: watch::Sender<Moves>,
}

impl Board for Whiteboard {
    async fn moved(&self, ctx: &CallContext, name: String, to: Position) {
        // Of the positions of one cursor that wait for one screen, each takes the place of the one before it. So as many
        // wait there as there are cursors, at most, and what would be dropped for want of room never is.
        let others = self.everybody.clone().except(ctx.connection());
        let others = others.latest_by(name.as_str()).slow(SlowConsumer::DropNewest);
        let report = others.remote().cursor(name, to).await;
        self.moves.send_modify(|moves| moves.add(report));
    }
}

/// What one person sees.
#[derive(Clone, Default)]
struct View {
    cursors: BTreeMap<String, Position>,
    shown: usize,
}

/// A screen, which may stand still.
struct Display {
    runs: watch::Receiver<bool>,
    view: watch::Sender<View>,
}

impl Screen for Display {
    async fn cursor(&self, name: String, at: Position) {
        // Fails where nobody is left to let it run; then nobody looks at it either.
        let _ = self.runs.clone().wait_for(|runs| *runs).await;
        self.view.send_modify(|view| {
            view.shown += 1;
            view.cursors.insert(name, at);
        });
    }
}

/// One person, with a cursor and a screen.
struct Person {
    name: &'static str,
    view: watch::Sender<View>,
    connection: Connection<BoardRemote>,
}

impl Person {
    async fn connect(
        name: &'static str,
        url: &str,
        runs: watch::Receiver<bool>,
        ahead: u32,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        // A client says how many events may be on their way to it. What is beyond waits at the server, where a later one
        // can still replace it.
        let limits = Limits::default().event_lane_messages(ahead);
        let connector = WebSocketConnector::<(), ScreenProvider<Display>, BoardRemote>::builder(())
            .limits(limits)
            .build()?;
        let view = watch::Sender::default();
        let display = Display { runs, view: view.clone() };
        let connection = connector.connect(url, ScreenProvider::new(display)).await?;
        Ok(Self { name, view, connection })
    }

    /// Moves the cursor down its own column, step by step.
    async fn walk(&self, column: u32) -> Result<(), SendError> {
        for y in 1..=STEPS {
            let to = Position { x: column, y };
            self.view.send_modify(|view| {
                view.cursors.insert(self.name.to_owned(), to);
            });
            self.connection.remote().moved(self.name.to_owned(), to).await?;
        }
        Ok(())
    }

    /// Waits until this is what the person sees.
    async fn sees(&self, picture: &BTreeMap<String, Position>) {
        // The sender is here.
        let _ = self.view.subscribe().wait_for(|view| view.cursors == *picture).await;
    }
}

const STEPS: u32 = 1000;
const QUICK: [&str; 3] = ["ann", "bob", "cat"];
const SLOW: &str = "dan";
/// So many events may be on their way to the slow one. The default, 256, would all be out of date once they are shown.
const FEW: u32 = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = WebSocketServer::<(), BoardProvider<Whiteboard>, ScreenRemote>::new();
    let (tell, mut moves) = watch::channel(Moves::default());
    let board = BoardProvider::new(Whiteboard { everybody: server.audience(), moves: tell });
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let board = board.clone();
            async move {
                acceptor.accept(board).await?;
                Ok(())
            }
        })
        .await?;
    let url = format!("ws://{address}");

    let (runs, stands) = (watch::Sender::new(true), watch::Sender::new(false));
    let mut people = Vec::new();
    for name in QUICK {
        people.push(Person::connect(name, &url, runs.subscribe(), 256).await?);
    }
    people.push(Person::connect(SLOW, &url, stands.subscribe(), FEW).await?);

    println!("{} cursors make {STEPS} steps each", people.len());
    try_join_all((0..).zip(&people).map(|(column, person)| person.walk(column))).await?;
    let last = (0..).zip(&people).map(|(x, person)| (person.name.to_owned(), Position { x, y: STEPS }));
    let picture: BTreeMap<_, _> = last.collect();

    let (slow, quick) = people.split_last().ok_or("there are four")?;
    for person in quick {
        person.sees(&picture).await;
    }
    println!("the quick see where all have come to; only now does {SLOW}'s screen show anything");
    stands.send_replace(true);
    slow.sees(&picture).await;

    let all = people.len() * STEPS as usize;
    let moves = moves.wait_for(|moves| moves.told == all).await?;
    println!("\n      moved  shown");
    for person in &people {
        println!("{:4}  {STEPS:5}  {:5}", person.name, person.view.borrow().shown);
    }
    let shown: usize = people.iter().map(|person| person.view.borrow().shown).sum();
    println!(
        "\n{} positions told to others: {shown} shown, {} replaced by later ones",
        moves.reached, moves.replaced
    );

    // Nothing is lost unseen: what was not shown was replaced by a later position of the same cursor.
    assert_eq!((moves.reached, moves.dropped), (all * (people.len() - 1), 0));
    assert_eq!(moves.reached, shown + moves.replaced);
    // On its way when the screen stood still, and the latest of each of the others.
    assert!(slow.view.borrow().shown <= FEW as usize + QUICK.len());
    Ok(())
}
