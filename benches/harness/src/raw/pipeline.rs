//! Many small messages in flight on a transport that keeps their order.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::line::Line;
use super::message::{SMALL, Verb, message};
use super::socket::Socket;
use crate::drive::AT_A_TIME;
use crate::meter::Meter;
use crate::{Measured, Outcome, Plan};

use futures::{StreamExt, TryStreamExt, stream};

/// Keeps so many echoes in flight for so long; tells how many came back.
pub async fn pipeline<S: Socket, const COALESCED: bool>(
    line: &mut Line<S, COALESCED>,
    in_flight: usize,
    duration: Duration,
) -> Outcome<u64> {
    for index in 0..in_flight {
        line.send(message(Verb::Echo, [index as u32, 0], SMALL)).await?;
    }
    let end = Instant::now() + duration;
    let (mut answered, mut out, mut more) = (0, in_flight, true);
    while out > 0 {
        if line.answer().await?.len() != SMALL {
            return Err("an echo of another length".into());
        }
        answered += 1;
        // Reading a clock costs as much as a part of a message.
        if answered % 64 == 0 {
            more = Instant::now() < end;
        }
        if more {
            line.send(message(Verb::Echo, [answered as u32, 0], SMALL)).await?;
        } else {
            out -= 1;
        }
    }
    Ok(answered)
}

pub async fn calls<S: Socket, const COALESCED: bool>(
    connections: usize,
    in_flight: usize,
    plan: &Plan,
) -> Outcome<Measured> {
    let lines = stream::iter(0..connections).map(|_| Line::<S, COALESCED>::dial(plan.address));
    let lines: Vec<_> = lines.buffer_unordered(AT_A_TIME).try_collect().await?;
    let (lines, _) = all(lines, in_flight, plan.warm_up()).await?;
    let meter = Meter::start(plan.server);
    let (_, answered) = all(lines, in_flight, plan.duration).await?;
    Ok(meter.stop(answered, 1.0))
}

/// The same on each line, in a task of its own.
async fn all<S: Socket, const COALESCED: bool>(
    lines: Vec<Line<S, COALESCED>>,
    in_flight: usize,
    duration: Duration,
) -> Outcome<(Vec<Line<S, COALESCED>>, u64)> {
    let mut tasks = JoinSet::new();
    for mut line in lines {
        tasks.spawn(async move {
            let answered = pipeline(&mut line, in_flight, duration).await?;
            Outcome::Ok((line, answered))
        });
    }
    let (mut lines, mut all) = (Vec::new(), 0);
    while let Some(task) = tasks.join_next().await {
        let (line, answered) = task??;
        lines.push(line);
        all += answered;
    }
    Ok((lines, all))
}
