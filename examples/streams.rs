//! Streams in every direction: a progress that the server tells, drawn as a bar; an upload that it adds up; and both at
//! once, a translation that comes back while the text is still being sent.
//!
//! `cargo run --example streams`

use std::future::ready;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use ws_client::WebSocketConnector;
use ws_core::{StreamError, Streaming, ws_service};
use ws_server::WebSocketServer;

/// A workshop that tells what it is at.
#[ws_service]
pub trait Workshop {
    /// Builds so many parts, and tells of each. It fails before it begins, or on the way.
    fn build(&self, parts: u32) -> Result<impl Stream<Item = Result<Progress, BuildError>>, BuildError>;

    /// Weighs what the caller sends, and answers at its end.
    async fn weigh(&self, grams: Streaming<u32>) -> Result<Weighed, String>;

    /// Spells each word as it comes.
    fn spell(&self, words: Streaming<String>) -> impl Stream<Item = String>;

    /// Ticks until nobody listens.
    fn tick(&self) -> impl Stream<Item = u64>;
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Parts that are done.
    pub done: u32,
    /// Parts in all.
    pub of: u32,
}

/// Why a build ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildError {
    /// There is nothing to build.
    NoParts,
    /// This part broke.
    Broke(u32),
}

/// What was put on the scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weighed {
    /// How many things.
    pub things: u32,
    /// Their weight together.
    pub grams: u64,
}

struct Shed;

impl Workshop for Shed {
    fn build(&self, parts: u32) -> Result<impl Stream<Item = Result<Progress, BuildError>>, BuildError> {
        if parts == 0 {
            return Err(BuildError::NoParts);
        }
        Ok(stream::iter(1..=parts).then(move |done| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // Part 13 breaks, as ever.
            if done == 13 { Err(BuildError::Broke(done)) } else { Ok(Progress { done, of: parts }) }
        }))
    }

    async fn weigh(&self, mut grams: Streaming<u32>) -> Result<Weighed, String> {
        let mut weighed = Weighed { things: 0, grams: 0 };
        while let Some(thing) = grams.next().await {
            // The caller may fail, or be gone, before its end.
            weighed.grams += u64::from(thing.map_err(|error| error.to_string())?);
            weighed.things += 1;
        }
        Ok(weighed)
    }

    fn spell(&self, words: Streaming<String>) -> impl Stream<Item = String> {
        // An error is the last word of an upload: nothing follows it here either.
        words.filter_map(|word| ready(word.ok())).map(|word| {
            word.chars().map(|letter| letter.to_uppercase().to_string()).collect::<Vec<_>>().join("-")
        })
    }

    fn tick(&self) -> impl Stream<Item = u64> {
        let told = Told;
        stream::iter(1..).inspect(move |_| {
            let _told = &told;
        })
    }
}

/// What a producer holds is dropped with it.
struct Told;

impl Drop for Told {
    fn drop(&mut self) {
        println!("  the server stopped ticking");
    }
}

/// Draws in place where somebody looks, and writes lines where it is piped.
struct Bar {
    in_place: bool,
}

impl Bar {
    const WIDTH: usize = 40;

    fn new() -> Self {
        Self { in_place: std::io::stdout().is_terminal() }
    }

    fn draw(&self, progress: Progress) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if !self.in_place {
            return writeln!(out, "  {} of {}", progress.done, progress.of);
        }
        let full = Self::WIDTH * progress.done as usize / (progress.of as usize).max(1);
        write!(
            out,
            "\r  [{:<width$}] {}/{}",
            "#".repeat(full),
            progress.done,
            progress.of,
            width = Self::WIDTH
        )?;
        out.flush()
    }

    fn end(&self) {
        if self.in_place {
            println!();
        }
    }
}

async fn watch(workshop: &WorkshopRemote, parts: u32) -> Result<(), Box<dyn std::error::Error>> {
    let mut steps = match workshop.build(parts).await {
        Ok(steps) => steps,
        // The call failed: there is no stream.
        Err(error) => {
            println!("  not begun: {error}");
            return Ok(());
        }
    };
    let bar = Bar::new();
    let mut end = "done".to_owned();
    while let Some(step) = steps.next().await {
        match step {
            Ok(progress) => bar.draw(progress)?,
            // The last that it says.
            Err(StreamError::App(BuildError::Broke(part))) => end = format!("part {part} broke"),
            Err(other) => return Err(other.into()),
        }
    }
    bar.end();
    println!("  {end}");
    Ok(())
}

type Server = WebSocketServer<(), WorkshopProvider<Shed>, ()>;
type Connector = WebSocketConnector<(), (), WorkshopRemote>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new();
    let address = server
        .open("127.0.0.1:0", |acceptor| async move {
            acceptor.accept(WorkshopProvider::new(Shed)).await?;
            Ok(())
        })
        .await?;
    let connection = Connector::new(()).connect(format!("ws://{address}"), ()).await?;
    let workshop = connection.remote();

    for parts in [10, 20, 0] {
        println!("{parts} parts are built");
        watch(workshop, parts).await?;
    }

    // Taken from the stream as fast as the server takes it, never faster.
    let weighed = workshop.weigh(stream::iter((1..=1_000).map(|thing| thing * 10))).await?;
    println!("an upload\n  {} things weigh {} g", weighed.things, weighed.grams);

    println!("both at once");
    let words = stream::iter(["typed", "both", "ways"]).map(str::to_owned);
    let mut spelled = workshop.spell(words).await?;
    while let Some(word) = spelled.next().await {
        println!("  {}", word?);
    }

    // Whoever does not want the rest drops the reader.
    println!("three ticks are enough");
    let ticks = workshop.tick().await?;
    let ticks: Vec<_> = ticks.take(3).collect().await;
    println!("  {} ticks", ticks.len());

    connection.close().await;
    server.close().await;
    Ok(())
}
