//! The `#[ws_service]` attribute: a trait becomes a typed service that either end of a WebSocket can serve and the
//! other end can call.
//!
//! The crate has three layers and knows nothing of sockets: `parse` turns the trait into plain structs and reports
//! every mistake at once, `model` is those structs, `generate` writes the code that `ws_core::service` runs.

mod errors;
mod expand;
mod generate;
mod model;
mod parse;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/ws_service.md")]
#[proc_macro_attribute]
pub fn ws_service(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(options.into(), item.into()).into()
}
