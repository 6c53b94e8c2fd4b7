//! The trait itself.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Block, Type, parse_quote};

use crate::model::{Attributes, Contract, Kind, Method};

/// The trait as its implementors see it: they write `async fn`, their futures must be `Send`.
pub(super) fn contract_trait(contract: &Contract) -> TokenStream {
    let head = &contract.head;
    let (cfgs, attributes, visibility) = (&head.cfgs, &head.attributes, &head.visibility);
    let (ident, generics, where_clause) = (&head.ident, &head.generics, &head.generics.where_clause);
    let supertraits = &head.supertraits;
    let methods = contract.methods.iter().map(method);
    let nested = contract.nested.iter().map(|nested| {
        let Attributes { cfgs, docs, others } = &nested.attributes;
        let item = &nested.item;
        quote!(#(#cfgs)* #(#docs)* #(#others)* #item)
    });
    let faulty = &contract.faulty;
    quote! {
        #(#cfgs)*
        #(#attributes)*
        #visibility trait #ident #generics:
            #(#supertraits +)* ::core::marker::Send + ::core::marker::Sync + 'static
        #where_clause
        {
            #(#methods)*
            #(#nested)*
            #(#faulty)*
        }
    }
}

fn method(method: &Method) -> TokenStream {
    let (cfgs, docs, others) = (&method.attributes.cfgs, &method.attributes.docs, &method.attributes.others);
    let ident = &method.ident;
    let inputs = &method.item.sig.inputs;
    let output: Type = match &method.kind {
        Kind::Call { output, .. } => output.written().clone(),
        Kind::Event { .. } => parse_quote!(()),
    };
    let (allow, body) = match &method.item.default {
        Some(block) => (Some(allow_in_body()), default_body(method, block, &output)),
        None => (None, quote!(;)),
    };
    let returned = match method.stream() {
        // At hand, as its author wrote it.
        Some(stream) if !stream.awaited => quote!(#output),
        _ => quote!(impl ::core::future::Future<Output = #output> + ::core::marker::Send),
    };
    quote! {
        #(#cfgs)*
        #(#docs)*
        #(#others)*
        #allow
        fn #ident(#inputs)
            -> #returned
        #body
    }
}

/// An `async` block of its own does not learn its type from the signature, so it is said twice: once for what `return`
/// gives and once for the end of the body. Both make a mismatch an error on the user's expression.
///
/// The type of a stream cannot be said; nor that of a body that is not awaited at all.
fn default_body(method: &Method, block: &Block, output: &Type) -> TokenStream {
    match method.stream() {
        Some(stream) if stream.awaited => return quote!({ async move #block }),
        Some(_) => return quote!(#block),
        None => {}
    }
    // Locals of this span are not seen by the user's body, nor theirs by it.
    quote_spanned! {Span::mixed_site()=>
        {
            async move {
                if let ::core::option::Option::Some(__value) = ::core::option::Option::None::<#output> {
                    return __value;
                }
                let __value: #output = #block;
                __value
            }
        }
    }
}

fn allow_in_body() -> TokenStream {
    quote!(#[allow(unreachable_code, clippy::diverging_sub_expression)])
}
