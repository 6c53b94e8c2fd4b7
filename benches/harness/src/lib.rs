//! Workloads, how they are driven and measured, and the raw transports below them.
//!
//! A measurement is two processes: one serves a [`System`] or a raw transport, the other drives one [`Workload`] on it
//! and prints what it [`Measured`]. `compare` starts both, on a core each, and takes turns between systems.

mod counter;
mod drive;
mod fan_out;
mod machine;
mod meter;
mod payload;
mod plan;
pub mod raw;
pub mod side;
mod system;
mod under_load;
mod workload;

pub use counter::Counter;
pub use drive::drive;
pub use machine::{raise_file_limit, resident};
pub use meter::Measured;
pub use payload::{EVENT_BYTES, Record, event};
pub use plan::Plan;
pub use system::{System, repeat_calls};
pub use workload::{Run, Runtime, Unit, Workload};

/// Whatever went wrong: a measurement that fails is not measured.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a side does, or why it could not.
pub type Outcome<T> = Result<T, Failure>;
