//! The transports below everything, with messages of no meaning: what is left when nothing is decoded, dispatched or
//! awaited. What a library adds is told against them.

mod blocks;
mod caller;
mod line;
mod message;
mod pipeline;
mod serve;
mod socket;

use tokio::net::TcpListener;

use crate::{Measured, Outcome, Plan, Workload};
use caller::Caller;
use serve::serve_all;
use socket::{Plain, Socket, WebSocket};

/// tungstenite's own default, which it fills with zeros before each read.
const DEFAULT: usize = 128 << 10;
/// As small as this toolkit's: no slower on one connection, and several times faster on many.
const SMALL: usize = 4 << 10;

/// The raw systems, by name, and what they are.
pub const SYSTEMS: [(&str, &str); 4] = [
    ("tcp", "plain TCP, length-prefixed, coalesced"),
    ("naive", "tokio-tungstenite with its default buffers, one flush for each message"),
    ("floor", "tokio-tungstenite with a read buffer of 4 KiB, coalesced: the floor"),
    ("floor-128k", "the same with its default buffers; measured where it is named"),
];

/// Serves a raw system; `None` where there is none of this name.
pub async fn serve(system: &str, listener: TcpListener) -> Option<Outcome<()>> {
    Some(match system {
        "tcp" => serve_all::<Plain, true>(listener).await,
        "naive" => serve_all::<WebSocket<DEFAULT>, false>(listener).await,
        "floor" => serve_all::<WebSocket<SMALL>, true>(listener).await,
        "floor-128k" => serve_all::<WebSocket<DEFAULT>, true>(listener).await,
        _ => return None,
    })
}

/// Drives a raw system; `None` where there is none of this name.
pub async fn drive(system: &str, workload: Workload, plan: &Plan) -> Option<Outcome<Measured>> {
    Some(match system {
        "tcp" => drive_one::<Plain, true>(workload, plan).await,
        "naive" => drive_one::<WebSocket<DEFAULT>, false>(workload, plan).await,
        "floor" => drive_one::<WebSocket<SMALL>, true>(workload, plan).await,
        "floor-128k" => drive_one::<WebSocket<DEFAULT>, true>(workload, plan).await,
        _ => return None,
    })
}

/// What is in flight together, or goes on together, is so on one socket without a task for each: the raw transports
/// keep their order.
async fn drive_one<S: Socket, const COALESCED: bool>(workload: Workload, plan: &Plan) -> Outcome<Measured> {
    match workload {
        Workload::Calls { connections: 1, in_flight: 1 } => {
            crate::drive::<Caller<S, COALESCED>>(workload, plan).await
        }
        Workload::Calls { connections, in_flight } => {
            pipeline::calls::<S, COALESCED>(connections, in_flight, plan).await
        }
        Workload::BesideStream => blocks::beside_stream::<S, COALESCED>(plan).await,
        _ => crate::drive::<Caller<S, COALESCED>>(workload, plan).await,
    }
}

/// A connection for a peer of this harness that has no client of its own.
///
/// # Errors
/// Those of dialling.
pub async fn dial(address: std::net::SocketAddr) -> Outcome<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
