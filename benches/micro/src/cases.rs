//! What is counted. Each case does its work so many times; what it costs to begin and to end cancels out.

use std::hint::black_box;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::try_join_all;
use ws_core::protocol::{Announced, Fingerprint, Frame, Frames, Hello, Message, encode, put_length};
use ws_core::service::{MethodId, MethodTable, Remote};
use ws_core::{DecodeLimits, Encoding};

use crate::Failure;
use crate::contract::{Record, WorkRemote};
use crate::links::{self, Carrier, Crowd, Pair};
use crate::replay::Replay;

pub struct Case {
    pub name: &'static str,
    /// What one of its times is.
    pub of: &'static str,
    /// How often: callgrind is some fifty times slower than the processor.
    pub times: usize,
    /// How many of them are one turn of the case.
    pub each: usize,
    pub run: fn(usize) -> Result<(), Failure>,
}

pub const ALL: &[Case] = &[
    Case { name: "encode", of: "a record of 54 bytes", times: 20000, each: 1, run: encode_records },
    Case { name: "decode", of: "a record of 54 bytes", times: 20000, each: 1, run: decode_records },
    Case { name: "frames", of: "a call's frame written and read", times: 20000, each: 1, run: frames },
    Case {
        name: "serve-1",
        of: "a call received alone, handled and answered",
        times: 4000,
        each: 1,
        run: |times| serve(1, times),
    },
    Case {
        name: "serve-64",
        of: "a call received with 63 others, handled and answered",
        times: 256,
        each: 64,
        run: |times| serve(64, times),
    },
    Case {
        name: "call-1",
        of: "a call there and back, alone, both sides",
        times: 4000,
        each: 1,
        run: |times| calls(&Carrier::Memory, 1, times),
    },
    Case {
        name: "call-64",
        of: "a call there and back, one of 64, both sides",
        times: 256,
        each: 64,
        run: |times| calls(&Carrier::Memory, 64, times),
    },
    Case {
        name: "websocket-1",
        of: "the same as call-1, over a WebSocket",
        times: 4000,
        each: 1,
        run: |times| calls(&Carrier::WebSocket, 1, times),
    },
    Case {
        name: "websocket-64",
        of: "the same as call-64, over a WebSocket",
        times: 256,
        each: 64,
        run: |times| calls(&Carrier::WebSocket, 64, times),
    },
    Case { name: "events", of: "an event sent and handled, one of many", times: 8000, each: 1, run: events },
    Case {
        name: "items",
        of: "an item of a stream sent and read, one of many",
        times: 8000,
        each: 1,
        run: items,
    },
    Case {
        name: "broadcast",
        of: "an event to one of 64 connections, both sides",
        times: 128,
        each: 64,
        run: broadcast,
    },
];

fn encode_records(times: usize) -> Result<(), Failure> {
    let record = Record::sample();
    for _ in 0..times {
        black_box(Encoding::Bincode.encode(black_box(&record), 1 << 20)?);
    }
    Ok(())
}

fn decode_records(times: usize) -> Result<(), Failure> {
    let body = Encoding::Bincode.encode(&Record::sample(), 1 << 20)?;
    let limits = DecodeLimits::default();
    for _ in 0..times {
        black_box(Encoding::Bincode.decode::<Record>(black_box(body.payload()), &limits)?);
    }
    Ok(())
}

fn frames(times: usize) -> Result<(), Failure> {
    let record = Encoding::Bincode.encode(&Record::sample(), 1 << 20)?;
    let mut message = Vec::new();
    for _ in 0..times {
        message.clear();
        put_call(&mut message, black_box(5_000), record.payload());
        for frame in Frames::new(black_box(&message)) {
            black_box(Frame::parse(frame?)?);
        }
    }
    Ok(())
}

fn put_call(message: &mut Vec<u8>, id: u64, body: &[u8]) {
    let envelope = encode::message(&Message {
        id,
        reply_to: None,
        wants_reply: true,
        wants_answer: false,
        answers: false,
        depth: 0,
        method: MethodId::of("Work.echo"),
        deadline_ms: Some(30_000),
        metadata: None,
        body,
    });
    put_length(envelope.as_slice().len() + body.len(), |byte| message.push(byte));
    message.extend_from_slice(envelope.as_slice());
    message.extend_from_slice(body);
}

/// A server alone: calls come from a recording.
fn serve(at_once: u64, times: usize) -> Result<(), Failure> {
    let arguments = Encoding::Bincode.encode(&(Record::sample(),), 1 << 20)?;
    let mut message = Vec::new();
    // Each time under the same ids, for the calls before have been answered.
    (0..at_once).for_each(|call| put_call(&mut message, 5_001 + 4 * call, arguments.payload()));
    let replay = Replay::new(hello()?, message.into(), times);
    run(async {
        links::serve(links::server()?, replay).await?;
        Ok(())
    })
}

/// The frame that a client says first.
fn hello() -> Result<Bytes, Failure> {
    let methods = MethodTable::new(WorkRemote::methods())?;
    let limits = links::limits();
    let hello = Hello {
        version: ws_core::protocol::VERSION,
        features: 0,
        announced: Announced {
            max_message: limits.max_message as u64,
            max_in_flight: limits.max_in_flight.into(),
            max_call_bytes: limits.max_call_bytes as u64,
            event_messages: limits.event_lane_messages.into(),
            event_bytes: limits.event_lane_bytes as u64,
            max_streams: limits.max_streams.into(),
            stream_items: limits.stream_items.into(),
            stream_bytes: limits.stream_bytes as u64,
            ping_ms: 60_000,
        },
        serves: Vec::new(),
        calls: Fingerprint::of(&methods),
        header: Encoding::Bincode.encode(&(), 64)?.payload().to_vec(),
    };
    let (hello, mut message) = (hello.encode(), Vec::new());
    put_length(hello.len(), |byte| message.push(byte));
    message.extend(hello);
    Ok(message.into())
}

/// Calls of so many tasks, each one after another.
fn calls(carrier: &Carrier, tasks: usize, times: usize) -> Result<(), Failure> {
    run(async {
        let Pair { server, client } = carrier.connect().await?;
        let calling = (0..tasks).map(|_| {
            let remote = client.remote().clone();
            tokio::spawn(async move {
                for _ in 0..times {
                    remote.echo(Record::sample()).await.map_err(|error| error.to_string())?;
                }
                Ok::<(), String>(())
            })
        });
        for called in try_join_all(calling.collect::<Vec<_>>()).await? {
            called?;
        }
        drop(server);
        Ok(())
    })
}

fn events(times: usize) -> Result<(), Failure> {
    run(async {
        let Pair { server, client } = Carrier::Memory.connect().await?;
        for _ in 0..times {
            client.remote().note(Record::sample()).await?;
        }
        // Calls and events are received in the order of their sending.
        client.remote().echo(Record::sample()).await?;
        drop(server);
        Ok(())
    })
}

fn items(times: usize) -> Result<(), Failure> {
    run(async {
        let Pair { server, client } = Carrier::Memory.connect().await?;
        let mut items = client.remote().items(times as u64).await?;
        while let Some(item) = items.next().await {
            black_box(item.map_err(|error| format!("{error:?}"))?);
        }
        drop(server);
        Ok(())
    })
}

fn broadcast(times: usize) -> Result<(), Failure> {
    run(async {
        let Crowd { server, clients } = links::crowd(64).await?;
        let all = server.audience().remote_as::<WorkRemote>();
        for _ in 0..times {
            let told = all.note(Record::sample()).await;
            if told.reached != clients.len() {
                return Err(format!("{told:?}").into());
            }
        }
        // Calls and events are received in the order of their sending.
        let answers = all.echo(Record::sample()).await.count().await;
        black_box(answers);
        Ok(())
    })
}

/// In one thread, so that the same things happen in the same order every time.
fn run(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(work)
}
