//! The command line of one side of a measurement: `serve` prints its port and serves until it is ended, `drive` prints
//! one line of JSON.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use crate::machine::pin;
use crate::{Failure, Measured, Outcome, Plan, Run, Runtime, Workload};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// The options, each a word and its value.
struct Options(Vec<String>);

impl Options {
    fn find(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|word| word == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn of<T: std::str::FromStr<Err: Into<Failure>>>(&self, name: &str) -> Outcome<T> {
        self.find(name).ok_or_else(|| format!("{name} is missing"))?.parse().map_err(Into::into)
    }

    fn cores(&self) -> Outcome<Vec<usize>> {
        let list = self.find("--cores").unwrap_or_default();
        list.split(',').filter(|core| !core.is_empty()).map(|core| core.parse().map_err(Into::into)).collect()
    }
}

/// Does what the words after the program's name say. `serve` is given the system, the workload that it will be asked
/// for, and a listener; `drive` the system and what to do.
///
/// # Errors
/// What either fails with, and a command line that nobody understands.
pub fn run<S, SF, D, DF>(words: Vec<String>, serve: S, drive: D) -> Outcome<()>
where
    S: FnOnce(String, Workload, TcpListener) -> SF + Send + 'static,
    SF: Future<Output = Outcome<()>> + Send + 'static,
    D: FnOnce(String, Workload, Plan) -> DF + Send + 'static,
    DF: Future<Output = Outcome<Measured>> + Send + 'static,
{
    let verb = words.first().cloned().unwrap_or_default();
    let options = Options(words);
    let cores = options.cores()?;
    if !cores.is_empty() {
        pin(&cores)?;
    }
    let system: String = options.of("--system")?;
    let Run { workload, runtime } = options.of("--workload")?;
    let runtime = match runtime {
        Runtime::CurrentThread => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        // As many workers as there are cores that this process is pinned to.
        Runtime::MultiThread => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
    };
    match verb.as_str() {
        "serve" => runtime.block_on(async move {
            let listener = listen()?;
            println!("{}", listener.local_addr()?.port());
            tokio::spawn(serve(system, workload, listener)).await?
        }),
        "drive" => {
            let port: u16 = options.of("--port")?;
            let plan = Plan {
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                server: options.of("--server")?,
                duration: Duration::from_millis(options.of("--milliseconds")?),
                quick: options.of("--quick")?,
            };
            // In a task, so that what is driven runs where its connections do.
            let measured = runtime.block_on(async { tokio::spawn(drive(system, workload, plan)).await? })?;
            println!("{}", serde_json::to_string(&measured)?);
            // The connections of a measurement need not end one by one.
            std::process::exit(0)
        }
        _ => Err(format!("{verb}: serve or drive").into()),
    }
}

fn listen() -> Outcome<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(socket.listen(BACKLOG)?)
}
