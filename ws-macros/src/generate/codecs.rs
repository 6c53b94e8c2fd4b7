//! What turns the arguments and the outcome of each method into bytes and back.
//!
//! The provider and the remote could do this themselves, but then a type that cannot travel would be reported wherever
//! they touch it, in serde's words. Here the types of a method are named once, to a function that asks for nothing but
//! `Payload`, and each is reported once, on the user's own token. The rest of the generated code uses the function
//! pointers that come of it, which are constants and are inlined as direct calls are.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::Ident;

use super::names::Names;
use crate::model::{Contract, Kind, Method, Output};

/// The codecs of all methods, and what they are made of.
pub(super) fn codecs(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, holder) = (&contract.head.cfgs, &names.codecs);
    let constants = contract.methods.iter().map(|method| constant(contract, names, method));
    let (calls, events): (Vec<_>, Vec<_>) =
        contract.methods.iter().partition(|method| matches!(method.kind, Kind::Call { .. }));
    let calls = (!calls.is_empty()).then(|| call_codec(contract, names, &arities(&calls)));
    let events = (!events.is_empty()).then(|| event_codec(contract, names, &arities(&events)));
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        struct #holder;

        #(#cfgs)*
        #[allow(dead_code, non_upper_case_globals, clippy::type_complexity)]
        impl #holder { #(#constants)* }

        #calls
        #events
    }
}

fn constant(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let runtime = &contract.runtime;
    let (cfgs, ident) = (&method.attributes.cfgs, &method.ident);
    let types: Vec<_> = method.arguments.iter().map(|argument| &argument.ty).collect();
    match &method.kind {
        Kind::Call { output, .. } => {
            let codec = &names.call;
            let constructor = constructor(codec, types.len(), ident.span());
            let (value, error) = match output {
                Output::Value(value) => (value, quote!(#runtime::Never)),
                Output::Fallible { value, error, .. } => (value, quote!(#error)),
            };
            quote! {
                #(#cfgs)*
                const #ident: #codec<(#(#types,)*), #value, #error> =
                    #constructor::<#(#types,)* #value, #error>();
            }
        }
        Kind::Event { .. } => {
            let codec = &names.event;
            let constructor = constructor(codec, types.len(), ident.span());
            quote! {
                #(#cfgs)*
                const #ident: #codec<(#(#types,)*)> = #constructor::<#(#types,)*>();
            }
        }
    }
}

fn call_codec(contract: &Contract, names: &Names, arities: &BTreeSet<usize>) -> TokenStream {
    let (cfgs, runtime, codec) = (&contract.head.cfgs, &contract.runtime, &names.call);
    let constructors = arities.iter().map(|arity| {
        let constructor = constructor(codec, *arity, Span::call_site());
        let arguments: Vec<_> = (0..*arity).map(|position| format_ident!("A{position}")).collect();
        quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(dead_code, non_snake_case, clippy::too_many_arguments)]
            const fn #constructor<
                #(#arguments: #runtime::service::Payload,)*
                Value: #runtime::service::Payload,
                Error: #runtime::service::Payload,
            >() -> #codec<(#(#arguments,)*), Value, Error> {
                #codec {
                    arguments: |invocation| #runtime::service::Invocation::arguments(invocation),
                    send: |handle, method, arguments| {
                        #runtime::service::RemoteHandle::call(handle, method, arguments)
                    },
                    answer: |responder, outcome| match outcome {
                        ::core::result::Result::Ok(value) => {
                            #runtime::service::Responder::value(&responder, &value)
                        }
                        ::core::result::Result::Err(error) => {
                            #runtime::service::Responder::error(&responder, &error)
                        }
                    },
                }
            }
        }
    });
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code)]
        struct #codec<Arguments, Value, Error> {
            arguments: fn(
                &#runtime::service::Invocation<'_>,
            ) -> ::core::result::Result<Arguments, #runtime::service::Refusal>,
            send: fn(
                &#runtime::service::RemoteHandle,
                &'static #runtime::service::MethodSpec,
                &Arguments,
            ) -> #runtime::Call<Value, Error>,
            answer: fn(
                #runtime::service::Responder,
                ::core::result::Result<Value, Error>,
            ) -> #runtime::service::Answer,
        }

        #(#constructors)*
    }
}

fn event_codec(contract: &Contract, names: &Names, arities: &BTreeSet<usize>) -> TokenStream {
    let (cfgs, runtime, codec) = (&contract.head.cfgs, &contract.runtime, &names.event);
    let constructors = arities.iter().map(|arity| {
        let constructor = constructor(codec, *arity, Span::call_site());
        let arguments: Vec<_> = (0..*arity).map(|position| format_ident!("A{position}")).collect();
        quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(dead_code, non_snake_case)]
            const fn #constructor<#(#arguments: #runtime::service::Payload,)*>() -> #codec<(#(#arguments,)*)> {
                #codec {
                    arguments: |invocation| #runtime::service::Invocation::arguments(invocation),
                    send: |handle, method, arguments| {
                        #runtime::service::RemoteHandle::event(handle, method, arguments)
                    },
                }
            }
        }
    });
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code)]
        struct #codec<Arguments> {
            arguments: fn(
                &#runtime::service::Invocation<'_>,
            ) -> ::core::result::Result<Arguments, #runtime::service::Refusal>,
            send: fn(
                &#runtime::service::RemoteHandle,
                &'static #runtime::service::MethodSpec,
                &Arguments,
            ) -> #runtime::Sending,
        }

        #(#constructors)*
    }
}

/// The function that makes the codec of a method with so many arguments, named at a place that an error may point to.
fn constructor(codec: &Ident, arity: usize, place: Span) -> Ident {
    format_ident!("{codec}{arity}", span = place)
}

fn arities(methods: &[&Method]) -> BTreeSet<usize> {
    methods.iter().map(|method| method.arguments.len()).collect()
}
