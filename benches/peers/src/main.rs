//! The libraries that this toolkit is compared with, on the harness's workloads. `compare` runs this program.

mod jsonrpsee_peer;
mod remoc_peer;
mod socketioxide_peer;
mod tarpc_peer;
mod tonic_peer;

use std::process::ExitCode;

use harness::{Measured, Outcome, Plan, Workload, drive, side};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    match side::run(std::env::args().skip(1).collect(), serve, measure) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(system: String, _workload: Workload, listener: TcpListener) -> Outcome<()> {
    match system.as_str() {
        "jsonrpsee" => jsonrpsee_peer::serve(listener).await,
        "remoc" => remoc_peer::serve(listener).await,
        "socketioxide" => socketioxide_peer::serve(listener).await,
        "tarpc" => tarpc_peer::serve(listener).await,
        "tonic" => tonic_peer::serve(listener).await,
        _ => Err("no such system".into()),
    }
}

async fn measure(system: String, workload: Workload, plan: Plan) -> Outcome<Measured> {
    match system.as_str() {
        "jsonrpsee" => drive::<jsonrpsee_peer::Peer>(workload, &plan).await,
        "remoc" => drive::<remoc_peer::Peer>(workload, &plan).await,
        "socketioxide" => drive::<socketioxide_peer::Peer>(workload, &plan).await,
        "tarpc" => drive::<tarpc_peer::Peer>(workload, &plan).await,
        "tonic" => drive::<tonic_peer::Peer>(workload, &plan).await,
        _ => Err("no such system".into()),
    }
}
