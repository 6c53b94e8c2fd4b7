//! Small messages beside a stream of blocks, on a transport that keeps the order of both.

use std::time::Instant;

use super::line::Line;
use super::message::{SMALL, Verb, message, read};
use super::socket::Socket;
use crate::meter::Meter;
use crate::under_load::{BLOCK, besides, blocks};
use crate::{Measured, Outcome, Plan};

pub async fn beside_stream<S: Socket, const COALESCED: bool>(plan: &Plan) -> Outcome<Measured> {
    let mut line = Line::<S, COALESCED>::dial(plan.address).await?;
    let count = blocks(plan.quick);
    let echo = || message(Verb::Echo, [0, 0], SMALL);
    let meter = Meter::start(plan.server);
    line.send(message(Verb::Blocks, [count as u32, BLOCK as u32], 0)).await?;
    line.send(echo()).await?;
    line.flush().await?;
    let (mut calls, mut began) = (Vec::new(), Instant::now());
    loop {
        let next = line.answer().await?;
        match read(&next) {
            Some((Verb::Blocks, _)) => {}
            Some((Verb::Echo, _)) => {
                calls.push(began.elapsed());
                began = Instant::now();
                line.send(echo()).await?;
                // There may be nothing but blocks to read for long.
                line.flush().await?;
            }
            Some((Verb::End, _)) => break,
            _ => return Err("a message of no meaning".into()),
        }
    }
    Ok(besides(meter, calls, count as f64 * BLOCK as f64 / 1e6, "megabytes_per_second"))
}
