//! A contract as plain data: what `parse` finds and `generate` writes from.

mod contract;
mod method;
mod signature;
mod text;

pub(crate) use contract::{Contract, Head};
pub(crate) use method::{Argument, Attributes, Kind, Method, Output};
pub(crate) use signature::signature_text;
pub(crate) use text::{source_text, type_text};
