//! The way through the three layers.

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;
use crate::generate::contract;
use crate::parse::{NotATrait, parse_contract, parse_trait};

/// Expands the attribute. Beside a mistake stands what could be generated all the same, so that the rest of the
/// user's program does not fail for the lack of it.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = match parse_trait(item) {
        Ok(item) => item,
        Err(NotATrait { error, item }) => {
            let error = error.into_compile_error();
            return quote!(#error #item);
        }
    };
    let mut errors = Errors::default();
    let contract = contract(&parse_contract(options, item, &mut errors));
    let errors = errors.into_compile_errors();
    quote!(#errors #contract)
}
