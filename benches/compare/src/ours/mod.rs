//! This toolkit, with each of its encodings.

mod client;
mod contract;
mod server;

use harness::{Measured, Outcome, Plan, Workload};
use tokio::net::TcpListener;
use ws_core::{Encoding, Limits};

/// By name, and what they are.
pub const SYSTEMS: [(&str, &str); 2] =
    [("ours", "ws-service, bincode"), ("ours-msgpack", "ws-service, MessagePack")];

pub async fn serve(system: &str, workload: Workload, listener: TcpListener) -> Option<Outcome<()>> {
    let encoding = encoding(system)?;
    Some(server::serve(encoding, limits(workload), listener).await)
}

pub async fn drive(system: &str, workload: Workload, plan: &Plan) -> Option<Outcome<Measured>> {
    let encoding = encoding(system)?;
    if let Err(error) = client::prepare(encoding, limits(workload)) {
        return Some(Err(error));
    }
    Some(harness::drive::<client::Ours>(workload, plan).await)
}

fn encoding(system: &str) -> Option<Encoding> {
    match system {
        "ours" => Some(Encoding::Bincode),
        "ours-msgpack" => Some(Encoding::Msgpack),
        _ => None,
    }
}

/// The defaults, and more only where a workload goes beyond them.
fn limits(workload: Workload) -> Limits {
    let limits = Limits::default();
    match workload {
        Workload::Calls { in_flight, .. } | Workload::Reverse { in_flight } => {
            let most = u32::try_from(in_flight).unwrap_or(u32::MAX).max(limits.max_in_flight);
            limits.max_in_flight(most)
        }
        Workload::Payload { bytes } => {
            // A frame is a little longer than what it carries.
            let most = (bytes + (64 << 10)).max(limits.max_message);
            let admitted = limits.max_call_bytes.max(2 * most);
            limits.max_message(most).max_call_bytes(admitted)
        }
        _ => limits,
    }
}
