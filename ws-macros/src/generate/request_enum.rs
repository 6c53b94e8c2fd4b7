//! `CalculatorRequest`: the messages of a contract with typed reply handles, to serve it as an actor loop.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type, parse_quote};

use super::docs::doc;
use super::enums::{self, Fields, Variant, nested_type, outcome};
use super::method_enum::count;
use super::names::Names;
use super::provider::bindings;
use super::specs::methods;
use super::standins;
use super::used::Used;
use crate::model::{Contract, Method};

/// The enum, and how it comes out of messages.
pub(super) fn request_enum(contract: &Contract, names: &Names) -> TokenStream {
    let name = &names.request_enum;
    let reply: Ident = parse_quote!(reply);
    let besides: Vec<Beside> = contract.methods.iter().map(|method| Beside::of(contract, method)).collect();
    let methods = contract.methods.iter().zip(&besides).map(|(method, beside)| Variant {
        attributes: &method.attributes,
        ident: &method.variant,
        fields: fields(method, &reply, beside),
    });
    let nested = contract.nested.iter().map(|nested| Variant {
        attributes: &nested.attributes,
        ident: &nested.variant,
        fields: Fields::Single(Box::new(nested_type(contract, nested, "Request"))),
    });
    let variants: Vec<Variant<'_>> = methods.chain(nested).collect();
    let inner: Vec<Type> =
        contract.nested.iter().map(|nested| standins::nested(contract, nested, "Request")).collect();
    let arguments = standins::all_arguments(contract);
    let shown = contract
        .methods
        .iter()
        .filter_map(|method| handle(contract, method, standins::outcomes(contract, method)));
    let uploads = contract.methods.iter().filter_map(|method| standins::upload(contract, method));
    let used = Used::by(contract, arguments.chain(shown).chain(uploads).chain(inner));
    let ident = &contract.head.ident;
    let on_type = doc([
        format!("The messages of [`{ident}`] with typed reply handles: begin with `{name}::channel(..)`."),
        String::new(),
        "It is `Debug` where all arguments are.".to_owned(),
    ]);
    let definition = enums::definition(contract, name, &on_type, &used, &variants);
    let debug = enums::debug(contract, name, &used, &variants);
    let request = request(contract, names, &besides, &reply);
    quote!(#definition #debug #request)
}

/// `ReplyHandle<T, E>`, for a call.
fn handle(contract: &Contract, method: &Method, outcome: Option<(Type, Type)>) -> Option<Type> {
    let runtime = &contract.runtime;
    let (value, error) = outcome?;
    Some(match method.stream() {
        Some(_) => parse_quote!(#runtime::StreamReply<#value, #error>),
        None => parse_quote!(#runtime::ReplyHandle<#value, #error>),
    })
}

/// What stands beside the arguments of a method: the upload by its name, and the reply handle.
struct Beside {
    upload: Option<Type>,
    handle: Option<Type>,
}

impl Beside {
    fn of(contract: &Contract, method: &Method) -> Self {
        let runtime = &contract.runtime;
        let upload = method.upload.as_ref().map(|upload| {
            let item = &upload.item;
            parse_quote!(#runtime::Streaming<#item>)
        });
        Self { upload, handle: handle(contract, method, outcome(contract, method)) }
    }
}

fn fields<'a>(method: &'a Method, reply: &'a Ident, beside: &'a Beside) -> Fields<'a> {
    let mut fields: Vec<_> =
        method.arguments.iter().map(|argument| (&argument.ident, &argument.ty)).collect();
    if let (Some(upload), Some(ty)) = (&method.upload, &beside.upload) {
        fields.insert(upload.position, (&upload.ident, ty));
    }
    fields.extend(beside.handle.as_ref().map(|handle| (reply, handle)));
    Fields::Named(fields)
}

fn request(contract: &Contract, names: &Names, besides: &[Beside], reply: &Ident) -> TokenStream {
    let (cfgs, runtime, visibility) = (&contract.head.cfgs, &contract.runtime, &contract.head.visibility);
    let name = &names.request_enum;
    let inner: Vec<_> = contract
        .nested
        .iter()
        .map(|nested| (standins::nested(contract, nested, "Request"), quote!(#runtime::service::Request)))
        .collect();
    let arguments = standins::all_arguments(contract);
    let outcomes = contract
        .methods
        .iter()
        .filter_map(|method| standins::outcomes(contract, method))
        .flat_map(|(value, error)| [value, error]);
    let uploads = contract.methods.iter().filter_map(|method| standins::upload(contract, method));
    let payloads = Used::by(contract, arguments.chain(outcomes).chain(uploads));
    let used = Used::by(contract, payloads_and(&payloads, &inner));
    let (bounded, parameters) = (used.bounded(), used.arguments());
    let conditions = payloads.where_all(&quote!(#runtime::service::Payload), &inner);
    let methods = methods(contract, names, &used.names());
    let count = count(contract, names);
    let receives = contract.methods.iter().zip(besides).map(|(method, beside)| {
        let (cfgs, variant) = (&method.attributes.cfgs, &method.variant);
        let bindings = bindings(method);
        let types = method.arguments.iter().map(|argument| &argument.ty);
        let mut values = bindings.clone();
        if let Some(upload) = &method.upload {
            values.insert(upload.position, parse_quote!(__upload));
        }
        if beside.handle.is_some() {
            values.push(parse_quote!(__reply));
        }
        let fields = fields(method, reply, beside).written(&values, |value| quote!(#value));
        let upload = method
            .upload
            .is_some()
            .then(|| quote!(let __upload = #runtime::service::Invocation::upload(__invocation);));
        let streamed = method.stream().is_some().then(|| quote!(let __reply = #runtime::StreamReply::new(__reply);));
        let received = match &beside.handle {
            Some(_) => quote! {
                let (__reply, __answer) = #runtime::ReplyHandle::new(__invocation);
                #streamed
                #upload
                ::core::result::Result::Ok(#runtime::service::Received::call(Self::#variant #fields, __answer))
            },
            None => quote! {
                ::core::result::Result::Ok(#runtime::service::Received::event(Self::#variant #fields))
            },
        };
        quote! {
            #(#cfgs)*
            |__invocation| {
                let (#(#bindings,)*) =
                    #runtime::service::Invocation::arguments::<(#(#types,)*)>(__invocation)?;
                #received
            }
        }
    });
    let inner_receives = contract.nested.iter().map(|nested| {
        let (cfgs, variant, inner) = (&nested.attributes.cfgs, &nested.variant, &nested.remote);
        quote! {
            #(#cfgs)*
            if __method < <#inner as #runtime::service::Remote>::COUNT {
                return ::core::result::Result::map(
                    #runtime::service::Request::receive(__method, __invocation),
                    |__inner| #runtime::service::Received::map(__inner, Self::#variant),
                );
            }
            #(#cfgs)*
            let __method = __method - <#inner as #runtime::service::Remote>::COUNT;
        }
    });
    let on_channel = doc([
        "A provider, and the stream of what it receives.",
        "",
        "The stream holds at most `capacity` requests, at least 1. While it is full, handlers wait: calls keep their",
        "slots and events hold back those behind them; replies are not affected.",
    ]);
    quote! {
        #(#cfgs)*
        #[allow(deprecated, dead_code, clippy::type_complexity)]
        impl<#bounded> #name<#parameters> #conditions {
            #on_channel
            #visibility fn channel(
                capacity: ::core::primitive::usize,
            ) -> (#runtime::RequestProvider<Self>, #runtime::Requests<Self>) {
                #runtime::service::channel(capacity)
            }
        }

        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl<#bounded> #runtime::service::Request for #name<#parameters> #conditions {
            fn methods() -> #runtime::service::Methods { #methods }

            fn count() -> ::core::primitive::usize { #count }

            fn receive(
                __method: ::core::primitive::usize,
                __invocation: &#runtime::service::Invocation<'_>,
            ) -> ::core::result::Result<#runtime::service::Received<Self>, #runtime::service::Refusal> {
                #[allow(clippy::type_complexity)]
                let __receives: &[
                    fn(
                        &#runtime::service::Invocation<'_>,
                    ) -> ::core::result::Result<
                        #runtime::service::Received<Self>,
                        #runtime::service::Refusal,
                    >
                ] = &[#(#receives,)*];
                if let ::core::option::Option::Some(__receive) = <[_]>::get(__receives, __method) {
                    return __receive(__invocation);
                }
                let __method = __method - __receives.len();
                #(#inner_receives)*
                let _ = __method;
                ::core::result::Result::Err(#runtime::service::Refusal::UnknownMethod)
            }
        }
    }
}

fn payloads_and(payloads: &Used<'_>, inner: &[(Type, TokenStream)]) -> Vec<Type> {
    payloads.types().iter().cloned().chain(inner.iter().map(|(ty, _)| ty.clone())).collect()
}
