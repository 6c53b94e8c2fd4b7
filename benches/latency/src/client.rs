//! The process that calls, and measures.

use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt, select};
use futures::{StreamExt, stream};
use ws_client::WebSocketConnector;
use ws_core::{CallOptions, Connection};

use crate::Failure;
use crate::contract::{Block, LoadRemote, Record};
use crate::memory::Watch;

/// What goes on beside the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    ItemsQuickly,
    ItemsSlowly,
    Blocks,
    UploadedItems,
    UploadedBlocks,
}

const ALL: [Beside; 6] = [
    Beside::Nothing,
    Beside::ItemsQuickly,
    Beside::ItemsSlowly,
    Beside::Blocks,
    Beside::UploadedItems,
    Beside::UploadedBlocks,
];

/// How much of everything.
struct Size {
    rounds: usize,
    idle_calls: usize,
    items: u64,
    blocks: u64,
    /// Small items in an upload.
    uploaded: u64,
}

/// Bytes that a stream of blocks moves.
const MOVED: u64 = 100_000_000;
/// No part of a round takes longer.
const LONGEST: Duration = Duration::from_secs(120);
/// A slow reader rests after so many items.
const SLOW_AFTER: u64 = 4096;

impl Size {
    const fn new(quick: bool) -> Self {
        let blocks = MOVED / Block::SIZE as u64;
        if quick {
            Self { rounds: 2, idle_calls: 2_000, items: 500_000, blocks: blocks / 4, uploaded: 500_000 }
        } else {
            Self { rounds: 3, idle_calls: 20_000, items: 10_000_000, blocks, uploaded: 2_000_000 }
        }
    }
}

/// One measurement of one round.
struct Measured {
    calls: usize,
    p50: f64,
    p90: f64,
    p99: f64,
    /// What went on beside the calls took this long.
    took: Duration,
    /// Resident bytes of client and server: at the beginning, and at most.
    memory: [(u64, u64); 2],
}

pub async fn run(url: &str, server: &str, quick: bool) -> Result<(), Failure> {
    let server: u32 = server.parse()?;
    let size = Size::new(quick);
    let connection = WebSocketConnector::<(), (), LoadRemote>::new(()).connect(url, ()).await?;
    // What is done first grows what must grow, and is not counted.
    one(&connection, Beside::Nothing, &size, server).await?;
    let mut all: Vec<Vec<Measured>> = ALL.iter().map(|_| Vec::new()).collect();
    for _ in 0..size.rounds {
        for (beside, measured) in ALL.into_iter().zip(&mut all) {
            measured.push(one(&connection, beside, &size, server).await?);
        }
    }
    print(&all, &size);
    connection.close().await;
    Ok(())
}

async fn one(
    connection: &Connection<LoadRemote>,
    beside: Beside,
    size: &Size,
    server: u32,
) -> Result<Measured, Failure> {
    let watched = [Watch::begin(std::process::id()), Watch::begin(server)];
    let began = Instant::now();
    let load = load(connection.remote(), beside, size);
    let mut load = tokio::spawn(load);
    let mut calls = Vec::new();
    let remote = connection.remote();
    let enough = |calls: usize| beside == Beside::Nothing && calls >= size.idle_calls;
    while !load.is_finished() && !enough(calls.len()) && began.elapsed() < LONGEST {
        let at = Instant::now();
        remote.echo(Record::sample()).await?;
        calls.push(at.elapsed());
    }
    if beside == Beside::Nothing {
        load.abort();
    } else {
        match select(&mut load, Box::pin(tokio::time::sleep(LONGEST))).await {
            futures::future::Either::Left((ended, _)) => ended?.map_err(|error| error.to_string())?,
            futures::future::Either::Right(_) => return Err(format!("{beside:?} does not end").into()),
        }
    }
    let took = began.elapsed();
    calls.sort_unstable();
    let [client, server] = watched.map(Watch::end);
    Ok(Measured {
        calls: calls.len(),
        p50: quantile(&calls, 0.5),
        p90: quantile(&calls, 0.9),
        p99: quantile(&calls, 0.99),
        took,
        memory: [client, server],
    })
}

/// Microseconds that so many of the calls stayed within.
fn quantile(calls: &[Duration], of: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into what there is"
    )]
    let index = (calls.len().saturating_sub(1) as f64 * of).round() as usize;
    calls.get(index).map_or(f64::NAN, |call| call.as_secs_f64() * 1e6)
}

type Loaded = Result<(), String>;

fn load(remote: &LoadRemote, beside: Beside, size: &Size) -> BoxFuture<'static, Loaded> {
    let remote = remote.with(CallOptions::new().deadline(LONGEST));
    let (items, blocks, uploaded) = (size.items, size.blocks, size.uploaded);
    match beside {
        Beside::Nothing => std::future::pending().boxed(),
        Beside::ItemsQuickly => async move { read(remote.items(items).await, items, None).await }.boxed(),
        Beside::ItemsSlowly => {
            async move { read(remote.items(items).await, items, Some(SLOW_AFTER)).await }.boxed()
        }
        Beside::Blocks => async move { read(remote.blocks(blocks).await, blocks, None).await }.boxed(),
        Beside::UploadedItems => async move {
            let taken = remote.take_items(stream::iter(0..uploaded)).await;
            whole(taken, uploaded)
        }
        .boxed(),
        Beside::UploadedBlocks => async move {
            let block = Block::sample();
            let taken = remote.take_blocks(stream::iter(0..blocks).map(move |_| block.clone())).await;
            whole(taken, blocks)
        }
        .boxed(),
    }
}

async fn read<T: ws_core::service::Payload>(
    opened: Result<ws_core::Streaming<T>, ws_core::CallError>,
    expected: u64,
    rests_after: Option<u64>,
) -> Loaded {
    let mut items = opened.map_err(|error| error.to_string())?;
    let mut count = 0;
    while let Some(item) = items.next().await {
        item.map_err(|error| format!("{error:?}"))?;
        count += 1;
        if rests_after.is_some_and(|after| count % after == 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    if count == expected { Ok(()) } else { Err(format!("{count} items of {expected}")) }
}

fn whole(taken: Result<u64, ws_core::CallError>, expected: u64) -> Loaded {
    match taken {
        Ok(count) if count == expected => Ok(()),
        other => Err(format!("{other:?} of {expected}")),
    }
}

fn print(all: &[Vec<Measured>], size: &Size) {
    println!("medians of {} interleaved rounds; a call of 54 bytes, microseconds\n", size.rounds);
    println!("| beside | calls | p50 | p90 | p99 | each / idle | per second | client MiB | server MiB |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let of: [fn(&Measured) -> f64; 3] = [|one| one.p50, |one| one.p90, |one| one.p99];
    let idle = of.map(|of| median(&all[0], of));
    for (beside, rounds) in ALL.iter().zip(all) {
        let [p50, p90, p99] = of.map(|of| median(rounds, of));
        let seconds = median(rounds, |one| one.took.as_secs_f64());
        let [client, server] = [0, 1].map(|side: usize| {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let before = rounds.first().map_or(0.0, |one| mib(one.memory[side].0));
            let most = rounds.iter().map(|one| mib(one.memory[side].1)).fold(0.0, f64::max);
            format!("{before:.1}, at most {most:.1}")
        });
        println!(
            "| {} | {} | {p50:.0} | {p90:.0} | {p99:.0} | {:.1}, {:.1}, {:.1} | {} | {client} | {server} |",
            beside.name(size),
            median(rounds, |one| one.calls as f64),
            p50 / idle[0],
            p90 / idle[1],
            p99 / idle[2],
            beside.rate(size, seconds),
        );
    }
}

impl Beside {
    fn name(self, size: &Size) -> String {
        let megabytes = size.blocks * Block::SIZE as u64 / 1_000_000;
        match self {
            Self::Nothing => "nothing (a)".to_owned(),
            Self::ItemsQuickly => format!("{} items, as fast as they can be read (b)", size.items),
            Self::ItemsSlowly => format!("{} items, read slowly (b)", size.items),
            Self::Blocks => format!("{megabytes} MB in blocks of 64 KiB (c)"),
            Self::UploadedItems => format!("{} items uploaded (d)", size.uploaded),
            Self::UploadedBlocks => format!("{megabytes} MB uploaded in blocks of 64 KiB (d)"),
        }
    }

    fn rate(self, size: &Size, seconds: f64) -> String {
        let items = |items: u64| format!("{:.0} k items", items as f64 / seconds / 1e3);
        match self {
            Self::Nothing => "–".to_owned(),
            Self::ItemsQuickly | Self::ItemsSlowly => items(size.items),
            Self::UploadedItems => items(size.uploaded),
            Self::Blocks | Self::UploadedBlocks => {
                format!("{:.0} MB", (size.blocks * Block::SIZE as u64) as f64 / seconds / 1e6)
            }
        }
    }
}

fn median(rounds: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 if middle > 0 => values[middle - 1].midpoint(values[middle]),
        _ => values.get(middle).copied().unwrap_or(f64::NAN),
    }
}
