//! From the user's tokens to the model: every rule of a contract, and what each broken one says.
//!
//! A mistake is reported on the user's own token and its text says what to write instead. Nothing stops at the first
//! one, so that all of a trait's mistakes appear together.

mod arguments;
mod attributes;
mod contract;
mod contract_options;
mod item;
mod method;
mod method_options;
mod nested;
mod option_list;
mod output;
mod owned;
mod qualifiers;
mod receiver;
mod recover;
mod stream;
mod timeout;
mod trait_item;
mod wire_name;

pub(crate) use contract::parse_contract;
pub(crate) use item::{NotATrait, parse_trait};
