//! One event to many connections, again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::drive::connections;
use crate::meter::Meter;
use crate::{Counter, Measured, Outcome, Plan, System};

/// No round of events takes longer.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) async fn events<S: System>(number: usize, plan: &Plan) -> Outcome<Measured> {
    let asks = S::connect(plan.address).await?;
    let (connections, events) = subscribed::<S>(number, plan).await?;
    let measured = rounds(connections.len(), &events, plan, || asks.broadcast()).await?;
    drop(connections);
    Ok(measured)
}

/// So many connections that count events.
pub(crate) async fn subscribed<S: System>(number: usize, plan: &Plan) -> Outcome<(Vec<S>, Arc<Counter>)> {
    let connections: Vec<S> = connections(number, plan).await?;
    let events = Arc::new(Counter::default());
    for connection in &connections {
        connection.subscribe(Arc::clone(&events)).await?;
    }
    Ok((connections, events))
}

/// Has events sent, at most two at a time: the second is on its way while the first arrives.
pub(crate) async fn rounds<F, Fut>(number: usize, events: &Counter, plan: &Plan, send: F) -> Outcome<Measured>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Outcome<Option<u64>>>,
{
    let number = number as u64;
    let arrived = async |rounds: u64| timeout(LONGEST, events.reach(rounds * number)).await;
    for round in 1..=2 {
        send().await?;
        arrived(round).await?;
    }
    let meter = Meter::start(plan.server);
    let end = Instant::now() + plan.duration;
    let mut encoded = send().await?;
    let mut rounds = 3;
    while Instant::now() < end {
        encoded = encoded.max(send().await?);
        rounds += 1;
        arrived(rounds - 1).await?;
    }
    arrived(rounds).await?;
    let measured = meter.stop((rounds - 2) * number, 1.0);
    Ok(match encoded {
        Some(encoded) => measured.with("encoded_each_round", encoded as f64),
        None => measured,
    })
}
