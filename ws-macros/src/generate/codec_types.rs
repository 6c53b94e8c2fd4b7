//! The two kinds of codec, and one function for each number of arguments that makes them.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Ident, Index};

use super::names::Names;
use crate::model::Contract;

/// The function that makes the codec of a method with so many arguments, named at a place that an error may point to.
pub(super) fn constructor(codec: &Ident, arity: usize, place: Span) -> Ident {
    format_ident!("{codec}{arity}", span = place)
}

/// The codec of a call, where there are any.
pub(super) fn call_codec(contract: &Contract, names: &Names, arities: &BTreeSet<usize>) -> TokenStream {
    let runtime = &contract.runtime;
    let send = quote! {
        send: fn(
            &#runtime::service::RemoteHandle,
            &'static #runtime::service::MethodSpec,
            &Arguments,
        ) -> #runtime::Call<Value, Error>,
        cast: fn(
            &#runtime::broadcast::BroadcastHandle,
            &'static #runtime::service::MethodSpec,
            &Arguments,
        ) -> #runtime::Gathering<Value, Error>,
        outcome: fn(
            #runtime::service::RawReply,
        ) -> ::core::result::Result<::core::result::Result<Value, Error>, #runtime::CallError>,
        answer: fn(
            #runtime::service::Responder,
            ::core::result::Result<Value, Error>,
        ) -> #runtime::service::Answer,
    };
    let make_send = |sent: &TokenStream| {
        quote! {
            send: |__handle, __method, __arguments| {
                #runtime::service::RemoteHandle::call(__handle, __method, &#sent)
            },
            cast: |__handle, __method, __arguments| {
                #runtime::broadcast::BroadcastHandle::call(__handle, __method, &#sent)
            },
            outcome: |__reply| #runtime::service::RawReply::decode(__reply),
            answer: |__responder, __outcome| match __outcome {
                ::core::result::Result::Ok(__value) => {
                    #runtime::service::Responder::value(&__responder, &__value)
                }
                ::core::result::Result::Err(__error) => {
                    #runtime::service::Responder::error(&__responder, &__error)
                }
            },
        }
    };
    let outcome = [format_ident!("Value"), format_ident!("Error")];
    codec(contract, &names.call, arities, &outcome, &send, make_send)
}

/// The codec of a call that streams, where there are any.
pub(super) fn stream_codec(contract: &Contract, names: &Names, arities: &BTreeSet<usize>) -> TokenStream {
    let runtime = &contract.runtime;
    let send = quote! {
        open: fn(
            &#runtime::service::RemoteHandle,
            &'static #runtime::service::MethodSpec,
            &Arguments,
        ) -> #runtime::Opening<Value, Error>,
        put: for<'__a> fn(&'__a mut #runtime::ItemSink, &Value) -> #runtime::SendItem<'__a>,
        fail: fn(#runtime::ItemSink, &Error) -> #runtime::service::Answer,
        upload: fn(&#runtime::service::Invocation<'_>) -> #runtime::Streaming<Upload>,
        answer: fn(
            #runtime::service::Responder,
            ::core::result::Result<Value, Error>,
        ) -> #runtime::service::Answer,
    };
    let make_send = |sent: &TokenStream| {
        quote! {
            open: |__handle, __method, __arguments| {
                #runtime::service::RemoteHandle::stream(__handle, __method, &#sent)
            },
            put: |__sink, __item| #runtime::ItemSink::send(__sink, __item),
            fail: |__sink, __error| #runtime::ItemSink::failed(__sink, __error),
            upload: |__invocation| #runtime::service::Invocation::upload(__invocation),
            answer: |__responder, __outcome| match __outcome {
                ::core::result::Result::Ok(__value) => {
                    #runtime::service::Responder::value(&__responder, &__value)
                }
                ::core::result::Result::Err(__error) => {
                    #runtime::service::Responder::error(&__responder, &__error)
                }
            },
        }
    };
    let types = [format_ident!("Value"), format_ident!("Error"), format_ident!("Upload")];
    codec(contract, &names.stream, arities, &types, &send, make_send)
}

/// The codec of an event, where there are any.
pub(super) fn event_codec(contract: &Contract, names: &Names, arities: &BTreeSet<usize>) -> TokenStream {
    let runtime = &contract.runtime;
    let send = quote! {
        send: fn(
            &#runtime::service::RemoteHandle,
            &'static #runtime::service::MethodSpec,
            &Arguments,
        ) -> #runtime::Sending,
        cast: fn(
            &#runtime::broadcast::BroadcastHandle,
            &'static #runtime::service::MethodSpec,
            &Arguments,
        ) -> #runtime::Casting,
    };
    let make_send = |sent: &TokenStream| {
        quote! {
            send: |__handle, __method, __arguments| {
                #runtime::service::RemoteHandle::event(__handle, __method, &#sent)
            },
            cast: |__handle, __method, __arguments| {
                #runtime::broadcast::BroadcastHandle::event(__handle, __method, &#sent)
            },
        }
    };
    codec(contract, &names.event, arities, &[], &send, make_send)
}

fn codec(
    contract: &Contract,
    codec: &Ident,
    arities: &BTreeSet<usize>,
    outcome: &[Ident],
    fields: &TokenStream,
    make_fields: impl Fn(&TokenStream) -> TokenStream,
) -> TokenStream {
    if arities.is_empty() {
        return TokenStream::new();
    }
    let (cfgs, runtime) = (&contract.head.cfgs, &contract.runtime);
    let constructors = arities.iter().map(|arity| {
        let constructor = constructor(codec, *arity, Span::call_site());
        let arguments: Vec<_> = (0..*arity).map(|position| format_ident!("Argument{position}")).collect();
        let parameters = arguments.iter().chain(outcome);
        // A large `Bytes` is not copied on its way.
        let places: Vec<_> = (0..*arity).map(Index::from).collect();
        let sharing = quote!(#runtime::service::Sharing);
        let make_fields = make_fields(&quote!((#(#sharing(&__arguments.#places),)*)));
        let read = quote! {
            match #runtime::service::Invocation::arguments::<(#(#sharing<#arguments>,)*)>(__invocation) {
                ::core::result::Result::Ok(__arguments) => {
                    ::core::result::Result::Ok((#(__arguments.#places.0,)*))
                }
                ::core::result::Result::Err(__refusal) => ::core::result::Result::Err(__refusal),
            }
        };
        quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(dead_code, non_snake_case)]
            const fn #constructor<#(#parameters: #runtime::service::Payload,)*>()
                -> #codec<(#(#arguments,)*), #(#outcome,)*>
            {
                #codec {
                    arguments: |__invocation| #read,
                    decode: |__invocation| {
                        #runtime::service::Decoded::new::<(#(#arguments,)*)>(#read, __invocation)
                    },
                    #make_fields
                }
            }
        }
    });
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code)]
        struct #codec<Arguments, #(#outcome,)*> {
            arguments: fn(
                &#runtime::service::Invocation<'_>,
            ) -> ::core::result::Result<Arguments, #runtime::service::Refusal>,
            decode: fn(
                &#runtime::service::Invocation<'_>,
            ) -> ::core::result::Result<#runtime::service::Decoded, #runtime::service::Refusal>,
            #fields
        }

        #(#constructors)*
    }
}
