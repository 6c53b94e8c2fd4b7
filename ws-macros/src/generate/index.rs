//! The dense index of each method.

use proc_macro2::TokenStream;
use quote::quote;

use super::names::Names;
use crate::model::Contract;

/// An enum with one variant a method: the compiler numbers what `#[cfg]` leaves of them, as it numbers `METHODS`.
pub(super) fn index(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, index) = (&contract.head.cfgs, &names.index);
    let variants = contract.methods.iter().map(|method| {
        let (cfgs, ident) = (&method.attributes.cfgs, &method.ident);
        quote!(#(#cfgs)* #ident)
    });
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types, clippy::enum_variant_names)]
        enum #index { #(#variants,)* }
    }
}
