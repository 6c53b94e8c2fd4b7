//! What a library must offer to be driven.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{Counter, Outcome, Record};

/// One connection of a library that calls, from the side that drives. Cheap to clone; the last clone closes it.
///
/// What is not there has no figure.
pub trait System: Clone + Send + Sync + 'static {
    /// A connection that can be used.
    fn connect(address: SocketAddr) -> impl Future<Output = Outcome<Self>> + Send;

    /// A small call.
    fn echo(&self, record: Record) -> impl Future<Output = Outcome<Record>> + Send;

    /// A call that gets back what it sends: bytes which are characters, too. Tells how many came back.
    fn echo_bytes(&self, bytes: Bytes) -> impl Future<Output = Outcome<usize>> + Send;

    /// Has the server stream so many records, and reads them all. Tells how many came.
    fn items(&self, _count: u64) -> impl Future<Output = Outcome<u64>> + Send {
        missing("streams")
    }

    /// Has the server stream so many blocks of so many bytes. Tells how many came.
    fn blocks(&self, _count: u64, _bytes: usize) -> impl Future<Output = Outcome<u64>> + Send {
        missing("streams of blocks")
    }

    /// From now on counts each event on this connection.
    fn subscribe(&self, _events: Arc<Counter>) -> impl Future<Output = Outcome<()>> + Send {
        missing("events")
    }

    /// Has the server send one event to all that have subscribed. Tells how often it was encoded, where that is known.
    fn broadcast(&self) -> impl Future<Output = Outcome<Option<u64>>> + Send {
        missing("events")
    }

    /// Has the server call this side, so many calls in flight, for so long. Tells how many were answered.
    fn reverse(&self, _in_flight: usize, _duration: Duration) -> impl Future<Output = Outcome<u64>> + Send {
        missing("calls by the server")
    }
}

async fn missing<T: Send>(what: &'static str) -> Outcome<T> {
    Err(format!("has no {what}").into())
}

/// Calls again and again, in so many tasks, for so long; tells how many calls were answered. Every call gives back
/// the record that it was given, or the measurement fails.
///
/// # Errors
/// The first failure of a call.
pub async fn repeat_calls<F, Fut>(tasks: usize, duration: Duration, call: F) -> Outcome<u64>
where
    F: Fn(usize, Record) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Outcome<Record>> + Send,
{
    let end = Instant::now() + duration;
    let mut callers = JoinSet::new();
    for task in 0..tasks {
        let call = call.clone();
        callers.spawn(async move {
            let mut answered = 0_u64;
            // Reading a clock costs as much as a part of a call.
            while answered % 8 != 0 || Instant::now() < end {
                let record = call(task, Record::new(answered)).await?;
                if record.id != answered {
                    return Err(format!("{} in answer to {answered}", record.id).into());
                }
                answered += 1;
            }
            Outcome::Ok(answered)
        });
    }
    let mut answered = 0;
    while let Some(caller) = callers.join_next().await {
        answered += caller??;
    }
    Ok(answered)
}
