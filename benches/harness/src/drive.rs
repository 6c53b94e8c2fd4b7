//! Drives one workload on a system.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use crate::meter::Meter;
use crate::{Measured, Outcome, Plan, Record, System, Workload, fan_out, repeat_calls, resident, under_load};

/// Connections that are made at a time.
pub(crate) const AT_A_TIME: usize = 16;
/// Connections that one of those tasks of `connect` makes at most: ports are few.
pub(crate) const MOST_CONNECTS: u64 = 150;
/// Items of one stream.
pub(crate) const ITEMS: u64 = 20_000;
/// Bytes that go through each idle connection once.
pub(crate) const BURST: usize = 64 << 10;

/// Drives `workload` on the system that serves at the plan's address.
///
/// # Errors
/// Whatever fails, and what the system does not have.
pub async fn drive<S: System>(workload: Workload, plan: &Plan) -> Outcome<Measured> {
    match workload {
        Workload::Calls { connections: 1, in_flight: 1 } => one_by_one::<S>(plan).await,
        Workload::Calls { connections, in_flight } => calls::<S>(connections, in_flight, plan).await,
        Workload::Payload { bytes } => payload::<S>(bytes, plan).await,
        Workload::Events { connections } => fan_out::events::<S>(connections, plan).await,
        Workload::Items => items::<S>(plan).await,
        Workload::Reverse { in_flight } => reverse::<S>(in_flight, plan).await,
        Workload::Connect => connect::<S>(plan).await,
        Workload::Idle { connections } => idle::<S>(connections, plan).await,
        Workload::BesideStream => under_load::beside_stream::<S>(plan).await,
        Workload::BesideEvents { connections } => under_load::beside_events::<S>(connections, plan).await,
    }
}

pub(crate) async fn connections<S: System>(number: usize, plan: &Plan) -> Outcome<Vec<S>> {
    stream::iter(0..number).map(|_| S::connect(plan.address)).buffer_unordered(AT_A_TIME).try_collect().await
}

async fn one_by_one<S: System>(plan: &Plan) -> Outcome<Measured> {
    let connection = S::connect(plan.address).await?;
    let (warm, mut calls) = (Instant::now() + plan.warm_up(), Vec::with_capacity(1 << 18));
    while Instant::now() < warm {
        connection.echo(Record::new(0)).await?;
    }
    let meter = Meter::start(plan.server);
    let end = Instant::now() + plan.duration;
    let mut began = Instant::now();
    while began < end {
        connection.echo(Record::new(1)).await?;
        let now = Instant::now();
        calls.push(now - began);
        began = now;
    }
    Ok(meter.stop(calls.len() as u64, 1.0).latencies(calls))
}

async fn calls<S: System>(number: usize, in_flight: usize, plan: &Plan) -> Outcome<Measured> {
    let connections: Vec<S> = connections(number, plan).await?;
    let call = move |task: usize, record| {
        let connection = connections[task % connections.len()].clone();
        async move { connection.echo(record).await }
    };
    repeat_calls(number * in_flight, plan.warm_up(), call.clone()).await?;
    let meter = Meter::start(plan.server);
    let answered = repeat_calls(number * in_flight, plan.duration, call).await?;
    Ok(meter.stop(answered, 1.0))
}

async fn payload<S: System>(length: usize, plan: &Plan) -> Outcome<Measured> {
    let connection = S::connect(plan.address).await?;
    let bytes = Bytes::from(vec![b'x'; length]);
    let whole = async |until: Instant| {
        let mut calls = 0;
        while calls == 0 || Instant::now() < until {
            let came = connection.echo_bytes(bytes.clone()).await?;
            if came != length {
                return Err(format!("{came} bytes in answer to {length}").into());
            }
            calls += 1;
        }
        Outcome::Ok(calls)
    };
    whole(Instant::now() + plan.warm_up()).await?;
    let meter = Meter::start(plan.server);
    let calls = whole(Instant::now() + plan.duration).await?;
    Ok(meter.stop(calls, length as f64 / 1e6))
}

async fn items<S: System>(plan: &Plan) -> Outcome<Measured> {
    let connection = S::connect(plan.address).await?;
    connection.items(ITEMS / 4).await?;
    let meter = Meter::start(plan.server);
    let (end, mut items) = (Instant::now() + plan.duration, 0);
    while Instant::now() < end {
        let came = connection.items(ITEMS).await?;
        if came != ITEMS {
            return Err(format!("{came} items of {ITEMS}").into());
        }
        items += came;
    }
    Ok(meter.stop(items, 1.0))
}

async fn reverse<S: System>(in_flight: usize, plan: &Plan) -> Outcome<Measured> {
    let connection = S::connect(plan.address).await?;
    connection.reverse(in_flight, plan.warm_up()).await?;
    let meter = Meter::start(plan.server);
    let answered = connection.reverse(in_flight, plan.duration).await?;
    Ok(meter.stop(answered, 1.0))
}

async fn connect<S: System>(plan: &Plan) -> Outcome<Measured> {
    let (address, server) = (plan.address, plan.server);
    connects(plan.duration, server, move || async move {
        let connection = S::connect(address).await?;
        connection.echo(Record::new(0)).await?;
        Ok(())
    })
    .await
}

/// Has `one` done over and over, sixteen at a time.
pub(crate) async fn connects<F, Fut>(duration: Duration, server: u32, one: F) -> Outcome<Measured>
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Outcome<()>> + Send,
{
    one().await?;
    let meter = Meter::start(server);
    let end = Instant::now() + duration;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_A_TIME {
        let one = one.clone();
        tasks.spawn(async move {
            let mut made = 0_u64;
            while Instant::now() < end && made < MOST_CONNECTS {
                one().await?;
                made += 1;
            }
            Outcome::Ok(made)
        });
    }
    let mut made = 0;
    while let Some(task) = tasks.join_next().await {
        made += task??;
    }
    Ok(meter.stop(made, 1.0))
}

async fn idle<S: System>(number: usize, plan: &Plan) -> Outcome<Measured> {
    let mut memory = Memory::before(number, plan);
    let connections: Vec<S> = connections(number, plan).await?;
    memory.rest("idle").await;
    for connection in &connections {
        connection.echo(Record::new(0)).await?;
    }
    memory.rest("after_call").await;
    let bytes = Bytes::from(vec![b'x'; BURST]);
    for connection in &connections {
        connection.echo_bytes(bytes.clone()).await?;
    }
    memory.rest("after_burst").await;
    Ok(memory.measured())
}

/// Resident memory of both processes, before connections and while they rest.
pub(crate) struct Memory {
    connections: usize,
    server: u32,
    before: [u64; 2],
    measured: Measured,
    began: Instant,
}

impl Memory {
    pub(crate) fn before(connections: usize, plan: &Plan) -> Self {
        let before = [plan.server, std::process::id()].map(resident);
        let measured = Measured { operations: connections as u64, ..Measured::default() };
        Self { connections, server: plan.server, before, measured, began: Instant::now() }
    }

    /// Waits until what goes on has ended, and notes bytes for each connection.
    pub(crate) async fn rest(&mut self, name: &str) {
        sleep(Duration::from_millis(400)).await;
        let now = [self.server, std::process::id()].map(resident);
        let [server, client] = [0, 1]
            .map(|side: usize| now[side].saturating_sub(self.before[side]) as f64 / self.connections as f64);
        // The first rest is the figure.
        if self.measured.more.is_empty() {
            self.measured.value = server;
        } else {
            self.measured.more.insert(name.to_owned(), server);
        }
        self.measured.more.insert(format!("client_{name}"), client);
    }

    pub(crate) fn measured(mut self) -> Measured {
        self.measured.seconds = self.began.elapsed().as_secs_f64();
        self.measured
    }
}
