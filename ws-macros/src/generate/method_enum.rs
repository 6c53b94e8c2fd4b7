//! `CalculatorMethod`: the methods by name.

use proc_macro2::TokenStream;
use quote::quote;

use super::docs::doc;
use super::names::Names;
use super::specs::specs;
use crate::model::{Contract, Nested};

/// An enum with one variant a method: the compiler numbers what `#[cfg]` leaves of them, as it numbers `METHODS`.
pub(super) fn method_enum(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, visibility, runtime) = (&contract.head.cfgs, &contract.head.visibility, &contract.runtime);
    let Names { method, .. } = names;
    let ident = &contract.head.ident;
    let on_type = doc([format!("The methods of [`{ident}`], to name one: to a guard, say.")]);
    let specs = specs(contract);
    let variants = contract.methods.iter().map(|method| {
        let (cfgs, variant) = (&method.attributes.cfgs, &method.variant);
        let on_variant = doc([format!("`{}`.", method.wire_name)]);
        quote!(#(#cfgs)* #on_variant #variant)
    });
    let identities = contract.methods.iter().map(|method| {
        let (cfgs, variant, name) = (&method.attributes.cfgs, &method.variant, &method.wire_name);
        quote!(#(#cfgs)* Self::#variant => #name)
    });
    quote! {
        #(#cfgs)*
        #on_type
        #[derive(
            ::core::clone::Clone,
            ::core::marker::Copy,
            ::core::fmt::Debug,
            ::core::cmp::PartialEq,
            ::core::cmp::Eq,
            ::core::hash::Hash,
        )]
        #[allow(dead_code, non_camel_case_types, clippy::enum_variant_names, clippy::upper_case_acronyms)]
        #visibility enum #method { #(#variants,)* }

        #(#cfgs)*
        impl #method {
            #[doc(hidden)]
            #visibility const __WS_SPECS: &'static [#runtime::service::MethodSpec] = &#specs;
        }

        #(#cfgs)*
        #[automatically_derived]
        impl #runtime::service::MethodName for #method {
            fn name(&self) -> &::core::primitive::str {
                match *self { #(#identities,)* }
            }
        }
    }
}

/// The number of methods before those of the nested contract at `position`, as an expression.
pub(super) fn before(contract: &Contract, names: &Names, position: usize) -> TokenStream {
    sum(contract, names, &contract.nested[..position])
}

/// The number of methods that `#[cfg]` leaves, nested ones included, as an expression.
pub(super) fn count(contract: &Contract, names: &Names) -> TokenStream {
    sum(contract, names, &contract.nested)
}

fn sum(contract: &Contract, names: &Names, nested: &[Nested]) -> TokenStream {
    let (runtime, specs) = (&contract.runtime, &names.method);
    let nested = nested.iter().map(|nested| {
        let (cfgs, inner) = (&nested.attributes.cfgs, &nested.remote);
        quote!(#(#cfgs)* let __count = __count + <#inner as #runtime::service::Remote>::COUNT;)
    });
    quote! {{
        let __count = #specs::__WS_SPECS.len();
        #(#nested)*
        __count
    }}
}
