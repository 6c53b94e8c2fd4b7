//! A contract as plain data: what `parse` finds and `generate` writes from.

mod contract;
mod method;
mod nested;
mod signature;
mod text;
mod variant;

pub(crate) use contract::{Contract, Head};
pub(crate) use method::{Argument, Attributes, Kind, Method, Output, Queueing, StreamOutput, Upload};
pub(crate) use nested::Nested;
pub(crate) use signature::signature_text;
pub(crate) use text::{source_text, type_text};
pub(crate) use variant::variant;
