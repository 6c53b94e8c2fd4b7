//! `CalculatorReply`: the results of a contract as plain data, and how a remote knows all its enums.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::docs::doc;
use super::enums::{self, Fields, Variant, nested_type};
use super::generics::Parameters;
use super::names::Names;
use super::standins;
use super::used::Used;
use crate::model::{Contract, Kind, Output};

/// The enum, and what names it.
pub(super) fn reply_enum(contract: &Contract, names: &Names) -> TokenStream {
    let name = &names.reply_enum;
    let variants = variants(contract);
    let returned = contract.methods.iter().filter_map(|method| standins::returned(contract, method));
    let inner = contract.nested.iter().map(|nested| standins::nested(contract, nested, "Reply"));
    let types = returned.chain(inner);
    let used = Used::by(contract, types);
    let ident = &contract.head.ident;
    let on_type = doc([
        format!("The results of [`{ident}`] as plain data: what `peer.call::<{}>(..)` gives.", names.remote),
        String::new(),
        "It is `Clone`, `Debug` and `PartialEq` where all results are.".to_owned(),
    ]);
    let definition = enums::definition(contract, name, &on_type, &used, &variants);
    let clone = enums::clone(contract, name, &used, &variants);
    let debug = enums::debug(contract, name, &used, &variants);
    let partial_eq = enums::partial_eq(contract, name, &used, &variants);
    let contract = described(contract, names, &used.arguments());
    quote!(#definition #clone #debug #partial_eq #contract)
}

fn variants(contract: &Contract) -> Vec<Variant<'_>> {
    let methods = contract.methods.iter().filter_map(|method| {
        let Kind::Call { output, .. } = &method.kind else { return None };
        if method.streams() {
            return None;
        }
        let fields = Fields::Single(Box::new(output.written().clone()));
        Some(Variant { attributes: &method.attributes, ident: &method.variant, fields })
    });
    let nested = contract.nested.iter().map(|nested| Variant {
        attributes: &nested.attributes,
        ident: &nested.variant,
        fields: Fields::Single(Box::new(nested_type(contract, nested, "Reply"))),
    });
    methods.chain(nested).collect()
}

fn described(contract: &Contract, names: &Names, reply_parameters: &TokenStream) -> TokenStream {
    let (cfgs, runtime) = (&contract.head.cfgs, &contract.runtime);
    let Names { remote, codecs, event_enum, reply_enum, request_enum, .. } = names;
    let parameters = Parameters::of(contract);
    let (bounded, arguments, conditions) =
        (parameters.bounded(), parameters.arguments(), parameters.conditions());
    let argument_types = standins::arguments(contract);
    let nested = |which: &'static str| -> Vec<Type> {
        contract.nested.iter().map(|nested| standins::nested(contract, nested, which)).collect()
    };
    let outcomes = contract
        .methods
        .iter()
        .filter_map(|method| standins::outcomes(contract, method))
        .flat_map(|(value, error)| [value, error]);
    let event = Used::by(contract, argument_types.chain(nested("Event"))).arguments();
    let uploads = contract.methods.iter().filter_map(|method| standins::upload(contract, method));
    let all = standins::all_arguments(contract).chain(outcomes).chain(uploads).chain(nested("Request"));
    let request = Used::by(contract, all).arguments();
    let replies = contract.methods.iter().map(|method| {
        let (cfgs, ident, variant) = (&method.attributes.cfgs, &method.ident, &method.variant);
        let body = match &method.kind {
            Kind::Call { .. } if method.streams() => quote! {
                ::core::result::Result::and(
                    #runtime::service::RawReply::value::<()>(__reply),
                    ::core::result::Result::Err(#runtime::CallError::UnknownMethod),
                )
            },
            Kind::Call { output: Output::Fallible { .. }, .. } => quote! {
                ::core::result::Result::map(
                    (<#codecs<#arguments>>::#ident.outcome)(__reply),
                    #reply_enum::#variant,
                )
            },
            Kind::Call { .. } => quote! {
                match (<#codecs<#arguments>>::#ident.outcome)(__reply)? {
                    ::core::result::Result::Ok(__value) => {
                        ::core::result::Result::Ok(#reply_enum::#variant(__value))
                    }
                    ::core::result::Result::Err(__never) => match __never {},
                }
            },
            Kind::Event { .. } => quote! {
                ::core::result::Result::and(
                    #runtime::service::RawReply::value::<()>(__reply),
                    ::core::result::Result::Err(#runtime::CallError::NoReply),
                )
            },
        };
        quote!(#(#cfgs)* |__reply| { #body })
    });
    let inner = contract.nested.iter().map(|nested| {
        let (cfgs, variant, inner) = (&nested.attributes.cfgs, &nested.variant, &nested.remote);
        quote! {
            #(#cfgs)*
            if __method < <#inner as #runtime::service::Remote>::COUNT {
                return ::core::result::Result::map(
                    <#inner as #runtime::service::Contract>::reply(__method, __reply),
                    #reply_enum::#variant,
                );
            }
            #(#cfgs)*
            let __method = __method - <#inner as #runtime::service::Remote>::COUNT;
        }
    });
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated, clippy::type_complexity)]
        impl<#bounded> #runtime::service::Contract for #remote<#arguments> #conditions {
            type Event = #event_enum<#event>;
            type Reply = #reply_enum<#reply_parameters>;
            type Request = #request_enum<#request>;

            fn reply(
                __method: ::core::primitive::usize,
                __reply: #runtime::service::RawReply,
            ) -> ::core::result::Result<Self::Reply, #runtime::CallError> {
                let __replies: &[
                    fn(
                        #runtime::service::RawReply,
                    ) -> ::core::result::Result<#reply_enum<#reply_parameters>, #runtime::CallError>
                ] = &[#(#replies,)*];
                if let ::core::option::Option::Some(__decode) = <[_]>::get(__replies, __method) {
                    return __decode(__reply);
                }
                let __method = __method - __replies.len();
                #(#inner)*
                let _ = __method;
                ::core::result::Result::Err(#runtime::CallError::UnknownMethod)
            }
        }
    }
}
