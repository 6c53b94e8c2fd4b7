//! How long a small call takes while other things go on.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::fan_out::subscribed;
use crate::meter::Meter;
use crate::{Measured, Outcome, Plan, Record, System};

/// Bytes of a block in a stream.
pub(crate) const BLOCK: usize = 64 << 10;
/// Bytes that a stream moves.
const MOVED: usize = 100_000_000;
/// Time between two events to everybody. Not as fast as they can be: then a call would wait for whatever the server
/// can send at once, and the figure would tell how much that is.
pub(crate) const BETWEEN_EVENTS: Duration = Duration::from_millis(50);

pub(crate) const fn blocks(quick: bool) -> u64 {
    (if quick { MOVED / 4 } else { MOVED } / BLOCK) as u64
}

pub(crate) async fn beside_stream<S: System>(plan: &Plan) -> Outcome<Measured> {
    let connection = S::connect(plan.address).await?;
    let blocks = blocks(plan.quick);
    connection.blocks(16, BLOCK).await?;
    let meter = Meter::start(plan.server);
    let streamed = connection.clone();
    let stream = tokio::spawn(async move {
        let came = streamed.blocks(blocks, BLOCK).await?;
        if came == blocks { Ok(()) } else { Err(format!("{came} blocks of {blocks}").into()) }
    });
    let calls = calls_beside(&connection, &stream).await?;
    stream.await??;
    Ok(besides(meter, calls, blocks as f64 * BLOCK as f64 / 1e6, "megabytes_per_second"))
}

pub(crate) async fn beside_events<S: System>(number: usize, plan: &Plan) -> Outcome<Measured> {
    let (asks, caller) = (S::connect(plan.address).await?, S::connect(plan.address).await?);
    let (connections, arrived) = subscribed::<S>(number, plan).await?;
    asks.broadcast().await?;
    arrived.reach(number as u64).await;
    let meter = Meter::start(plan.server);
    let rounds = rounds(plan);
    let events = tokio::spawn(async move {
        let mut ticks = interval(BETWEEN_EVENTS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..rounds {
            ticks.tick().await;
            asks.broadcast().await?;
        }
        Ok(())
    });
    let calls = calls_beside(&caller, &events).await?;
    events.await??;
    let measured = besides(meter, calls, (rounds * number as u64) as f64, "deliveries_per_second");
    arrived.reach((1 + rounds) * number as u64).await;
    drop(connections);
    Ok(measured)
}

/// Events while it is measured: at least a few.
pub(crate) fn rounds(plan: &Plan) -> u64 {
    let fit = plan.duration.as_millis() / BETWEEN_EVENTS.as_millis();
    u64::try_from(fit).unwrap_or(u64::MAX).max(10)
}

/// Calls one after another until the other thing is over.
async fn calls_beside<S: System>(caller: &S, other: &JoinHandle<Outcome<()>>) -> Outcome<Vec<Duration>> {
    let mut calls = Vec::with_capacity(1 << 14);
    while !other.is_finished() {
        let began = Instant::now();
        caller.echo(Record::new(1)).await?;
        calls.push(began.elapsed());
    }
    Ok(calls)
}

/// The 99th percentile is the figure; what went on beside is told as well.
pub(crate) fn besides(meter: Meter, calls: Vec<Duration>, moved: f64, name: &str) -> Measured {
    let mut measured = meter.stop(calls.len() as u64, 1.0).latencies(calls);
    let rate = moved / measured.seconds;
    measured.value = measured.p99_us.unwrap_or(f64::NAN);
    // Most of what ran, ran for the other thing.
    (measured.server_ns, measured.client_ns) = (None, None);
    measured.with(name, rate)
}
