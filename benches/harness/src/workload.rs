//! What is measured, by name.

use std::fmt;
use std::str::FromStr;

/// Small calls in flight on each connection where many are open (`calls-64x16`).
const EACH: usize = 16;

/// Something to do, the same for every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// `calls-64`, `calls-64x16`: small calls, so many in flight on each of so many connections.
    Calls { connections: usize, in_flight: usize },
    /// `payload-64k`: one call after another that sends so many bytes and gets them back.
    Payload { bytes: usize },
    /// `events-1000`: one event to so many connections, again and again.
    Events { connections: usize },
    /// `items`: a stream of small items to one reader.
    Items,
    /// `reverse-64`: small calls from the server to the client, so many in flight.
    Reverse { in_flight: usize },
    /// `connect`: connections that make one small call and end, sixteen at a time.
    Connect,
    /// `idle-5000`: memory of the server for each of so many connections, at rest and after 64 KiB on each.
    Idle { connections: usize },
    /// `beside-stream`: how long a small call takes while its connection carries 100 MB to the client.
    BesideStream,
    /// `beside-events-1000`: how long a small call takes while the server sends events to so many other connections.
    BesideEvents { connections: usize },
}

/// What the figure of a workload counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Calls, events that arrived, items or connections each second.
    PerSecond(&'static str),
    /// Megabytes each second, counted once for a call that sends and returns them.
    Megabytes,
    /// Bytes that the server holds for each connection.
    Bytes,
    /// Microseconds that 99 of 100 calls stay within.
    Microseconds,
}

impl Unit {
    /// Whether a larger figure is the better one.
    #[must_use]
    pub const fn more_is_better(self) -> bool {
        matches!(self, Self::PerSecond(_) | Self::Megabytes)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(what) => write!(f, "{what}/s"),
            Self::Megabytes => f.write_str("MB/s"),
            Self::Bytes => f.write_str("bytes/connection"),
            Self::Microseconds => f.write_str("µs, p99"),
        }
    }
}

impl Workload {
    /// What its figure counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Calls { .. } | Self::Reverse { .. } => Unit::PerSecond("calls"),
            Self::Payload { .. } => Unit::Megabytes,
            Self::Events { .. } => Unit::PerSecond("deliveries"),
            Self::Items => Unit::PerSecond("items"),
            Self::Connect => Unit::PerSecond("connections"),
            Self::Idle { .. } => Unit::Bytes,
            Self::BesideStream | Self::BesideEvents { .. } => Unit::Microseconds,
        }
    }

    /// Connections that each of the two processes has open at once.
    #[must_use]
    pub const fn connections(self) -> usize {
        match self {
            Self::Calls { connections, .. } | Self::Idle { connections } => connections,
            // One more asks for the events, and another makes the calls beside them.
            Self::Events { connections } | Self::BesideEvents { connections } => connections + 2,
            Self::Payload { .. } | Self::Items | Self::Reverse { .. } | Self::BesideStream => 1,
            Self::Connect => EACH,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls { connections: 1, in_flight } => write!(f, "calls-{in_flight}"),
            Self::Calls { connections, in_flight } => write!(f, "calls-{connections}x{in_flight}"),
            Self::Payload { bytes } if bytes % (1 << 20) == 0 => write!(f, "payload-{}m", bytes >> 20),
            Self::Payload { bytes } if bytes % (1 << 10) == 0 => write!(f, "payload-{}k", bytes >> 10),
            Self::Payload { bytes } => write!(f, "payload-{bytes}"),
            Self::Events { connections } => write!(f, "events-{connections}"),
            Self::Items => f.write_str("items"),
            Self::Reverse { in_flight } => write!(f, "reverse-{in_flight}"),
            Self::Connect => f.write_str("connect"),
            Self::Idle { connections } => write!(f, "idle-{connections}"),
            Self::BesideStream => f.write_str("beside-stream"),
            Self::BesideEvents { connections } => write!(f, "beside-events-{connections}"),
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "items" => return Ok(Self::Items),
            "connect" => return Ok(Self::Connect),
            "beside-stream" => return Ok(Self::BesideStream),
            _ => {}
        }
        let unknown = || format!("{name}: no workload");
        let (kind, number) = name.rsplit_once('-').ok_or_else(unknown)?;
        let whole = |text: &str| match text.parse::<usize>() {
            Ok(0) | Err(_) => Err(unknown()),
            Ok(number) => Ok(number),
        };
        match kind {
            "calls" => {
                let (connections, in_flight) = number.split_once('x').unwrap_or(("1", number));
                Ok(Self::Calls { connections: whole(connections)?, in_flight: whole(in_flight)? })
            }
            "payload" => {
                let (digits, shift) = match number.strip_suffix('m') {
                    Some(digits) => (digits, 20),
                    None => number.strip_suffix('k').map_or((number, 0), |digits| (digits, 10)),
                };
                // More than a raw transport of this harness takes would only end the connection.
                let bytes = whole(digits)?.checked_mul(1 << shift).filter(|bytes| *bytes <= 16 << 20);
                bytes.map(|bytes| Self::Payload { bytes }).ok_or_else(unknown)
            }
            "events" => Ok(Self::Events { connections: whole(number)? }),
            "reverse" => Ok(Self::Reverse { in_flight: whole(number)? }),
            "idle" => Ok(Self::Idle { connections: whole(number)? }),
            "beside-events" => Ok(Self::BesideEvents { connections: whole(number)? }),
            _ => Err(unknown()),
        }
    }
}

/// What polls the tasks of both processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// One thread.
    CurrentThread,
    /// As many threads as the process has cores: `@multi` behind a workload.
    MultiThread,
}

/// A workload on a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What is done.
    pub workload: Workload,
    /// What polls it.
    pub runtime: Runtime,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.runtime {
            Runtime::CurrentThread => self.workload.fmt(f),
            Runtime::MultiThread => write!(f, "{}@multi", self.workload),
        }
    }
}

impl FromStr for Run {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let (name, runtime) = match name.strip_suffix("@multi") {
            Some(name) => (name, Runtime::MultiThread),
            None => (name, Runtime::CurrentThread),
        };
        Ok(Self { workload: name.parse()?, runtime })
    }
}

#[cfg(test)]
mod tests {
    use super::Run;

    #[test]
    fn every_name_reads_back_as_what_it_names() {
        let names = [
            "calls-1",
            "calls-64x16",
            "calls-64@multi",
            "payload-100",
            "payload-64k",
            "payload-1m",
            "events-1000",
            "items",
            "reverse-64",
            "connect",
            "idle-5000",
            "beside-stream",
            "beside-events-1000",
        ];
        for name in names {
            assert_eq!(name.parse::<Run>().map(|run| run.to_string()), Ok(name.to_owned()));
        }
        for name in ["calls", "calls-0", "calls-x", "payload-1g", "payload-17m", "else-3", ""] {
            assert!(name.parse::<Run>().is_err(), "{name}");
        }
    }
}
