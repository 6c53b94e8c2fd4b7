//! `CalculatorEvent`: the messages of a contract as plain data.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::docs::doc;
use super::enums::{self, Fields, Variant, nested_type};
use super::method_enum::before;
use super::names::Names;
use super::provider::bindings;
use super::specs::methods;
use super::standins;
use super::used::Used;
use crate::model::{Contract, Method};

/// The enum, and how its variants become messages and come out of them.
pub(super) fn event_enum(contract: &Contract, names: &Names) -> TokenStream {
    let name = &names.event_enum;
    let variants = variants(contract);
    let arguments = standins::arguments(contract);
    let inner: Vec<Type> =
        contract.nested.iter().map(|nested| standins::nested(contract, nested, "Event")).collect();
    let used = Used::by(contract, arguments.chain(inner));
    let ident = &contract.head.ident;
    let on_type = doc([
        format!("The messages of [`{ident}`] as plain data: to send, to ask, to match in a listener."),
        String::new(),
        "It is `Clone`, `Debug` and `PartialEq` where all arguments are.".to_owned(),
    ]);
    let definition = enums::definition(contract, name, &on_type, &used, &variants);
    let clone = enums::clone(contract, name, &used, &variants);
    let debug = enums::debug(contract, name, &used, &variants);
    let partial_eq = enums::partial_eq(contract, name, &used, &variants);
    let event = event(contract, names);
    quote!(#definition #clone #debug #partial_eq #event)
}

fn variants(contract: &Contract) -> Vec<Variant<'_>> {
    let methods = contract.methods.iter().filter(|method| !method.streams()).map(|method| Variant {
        attributes: &method.attributes,
        ident: &method.variant,
        fields: named(method),
    });
    let nested = contract.nested.iter().map(|nested| Variant {
        attributes: &nested.attributes,
        ident: &nested.variant,
        fields: Fields::Single(Box::new(nested_type(contract, nested, "Event"))),
    });
    methods.chain(nested).collect()
}

fn named(method: &Method) -> Fields<'_> {
    Fields::Named(method.arguments.iter().map(|argument| (&argument.ident, &argument.ty)).collect())
}

fn event(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, runtime, contract_name) = (&contract.head.cfgs, &contract.runtime, &contract.name);
    let Names { event_enum, method: specs, .. } = names;
    let arguments = standins::arguments(contract);
    let inner: Vec<_> = contract
        .nested
        .iter()
        .map(|nested| (standins::nested(contract, nested, "Event"), quote!(#runtime::service::Event)))
        .collect();
    let used_types = Used::by(contract, arguments.clone());
    let used = Used::by(contract, arguments.chain(inner.iter().map(|(ty, _)| ty.clone())));
    let (bounded, parameters) = (used.bounded(), used.arguments());
    let conditions = used_types.where_all(&quote!(#runtime::service::Payload), &inner);
    let methods = methods(contract, names, &used.names());
    let writes = contract.methods.iter().filter(|method| !method.streams()).map(|method| {
        let (cfgs, variant) = (&method.attributes.cfgs, &method.variant);
        let bindings = bindings(method);
        let pattern = named(method).written(&bindings, |binding| quote!(#binding));
        quote! {
            #(#cfgs)*
            Self::#variant #pattern => #runtime::service::EventWriter::message(
                __writer,
                &#specs::__WS_SPECS[#specs::#variant as ::core::primitive::usize],
                #specs::#variant as ::core::primitive::usize,
                &(#(#runtime::service::Sharing(&#bindings),)*),
            ),
        }
    });
    let inner_writes = contract.nested.iter().enumerate().map(|(position, nested)| {
        let (cfgs, variant, field) = (&nested.attributes.cfgs, &nested.variant, &nested.field);
        let before = before(contract, names, position);
        quote! {
            #(#cfgs)*
            Self::#variant(__inner) => #runtime::service::Event::write(
                __inner,
                #runtime::service::EventWriter::nested(__writer, #contract_name, #field, #before),
            ),
        }
    });
    let reads = contract.methods.iter().map(|method| {
        let (cfgs, variant) = (&method.attributes.cfgs, &method.variant);
        if method.streams() {
            return quote! {
                #(#cfgs)*
                |_| ::core::result::Result::Err(#runtime::service::Refusal::UnknownMethod)
            };
        }
        let bindings = bindings(method);
        let types = method.arguments.iter().map(|argument| &argument.ty);
        let fields = named(method).written(&bindings, |binding| quote!(#binding));
        quote! {
            #(#cfgs)*
            |__invocation| {
                let (#(#runtime::service::Sharing(#bindings),)*) = #runtime::service::Invocation::arguments::<
                    (#(#runtime::service::Sharing<#types>,)*)
                >(__invocation)?;
                ::core::result::Result::Ok(Self::#variant #fields)
            }
        }
    });
    let inner_reads = contract.nested.iter().map(|nested| {
        let (cfgs, variant, inner) = (&nested.attributes.cfgs, &nested.variant, &nested.remote);
        quote! {
            #(#cfgs)*
            if __method < <#inner as #runtime::service::Remote>::COUNT {
                return ::core::result::Result::map(
                    #runtime::service::Event::read(__method, __invocation),
                    Self::#variant,
                );
            }
            #(#cfgs)*
            let __method = __method - <#inner as #runtime::service::Remote>::COUNT;
        }
    });
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl<#bounded> #runtime::service::Event for #event_enum<#parameters> #conditions {
            fn methods() -> #runtime::service::Methods { #methods }

            fn write(self, __writer: #runtime::service::EventWriter<'_>) -> #runtime::service::Written {
                match self {
                    #(#writes)*
                    #(#inner_writes)*
                }
            }

            fn read(
                __method: ::core::primitive::usize,
                __invocation: &#runtime::service::Invocation<'_>,
            ) -> ::core::result::Result<Self, #runtime::service::Refusal> {
                #[allow(clippy::type_complexity)]
                let __reads: &[
                    fn(
                        &#runtime::service::Invocation<'_>,
                    ) -> ::core::result::Result<Self, #runtime::service::Refusal>
                ] = &[#(#reads,)*];
                if let ::core::option::Option::Some(__read) = <[_]>::get(__reads, __method) {
                    return __read(__invocation);
                }
                let __method = __method - __reads.len();
                #(#inner_reads)*
                let _ = __method;
                ::core::result::Result::Err(#runtime::service::Refusal::UnknownMethod)
            }
        }
    }
}
