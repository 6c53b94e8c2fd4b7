//! `CalculatorBroadcast`: the typed stub for an audience. Methods that stream are not in it.

use proc_macro2::TokenStream;
use quote::quote;

use super::docs::{broadcast_doc, broadcast_method_doc, doc, nested_doc};
use super::generics::Parameters;
use super::names::Names;
use crate::model::{Contract, Kind, Method, Nested, Output};

/// The stub's type and what is implemented for it.
pub(super) fn broadcast(contract: &Contract, names: &Names) -> TokenStream {
    let definition = definition(contract, names);
    let methods = methods(contract, names);
    let (cfgs, runtime, broadcast) = (&contract.head.cfgs, &contract.runtime, &names.broadcast);
    let parameters = Parameters::of(contract);
    let (bounded, arguments, conditions) =
        (parameters.bounded(), parameters.arguments(), parameters.conditions());
    quote! {
        #definition
        #methods

        #(#cfgs)*
        #[automatically_derived]
        impl<#bounded> #runtime::Broadcast for #broadcast<#arguments> #conditions {
            fn from_handle(__handle: #runtime::broadcast::BroadcastHandle) -> Self {
                Self { handle: __handle, types: ::core::marker::PhantomData }
            }
        }
    }
}

fn definition(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, visibility, runtime) = (&contract.head.cfgs, &contract.head.visibility, &contract.runtime);
    let broadcast = &names.broadcast;
    let docs = broadcast_doc(contract);
    let parameters = Parameters::of(contract);
    let (defined, unbounded, arguments) =
        (parameters.defined(), parameters.unbounded(), parameters.arguments());
    let phantom = parameters.phantom();
    let name = broadcast.to_string();
    // By hand, for a derive would ask them of the contract's parameters.
    quote! {
        #(#cfgs)*
        #docs
        #[allow(dead_code)]
        #visibility struct #broadcast<#defined> {
            handle: #runtime::broadcast::BroadcastHandle,
            types: #phantom,
        }

        #(#cfgs)*
        #[automatically_derived]
        impl<#unbounded> ::core::clone::Clone for #broadcast<#arguments> {
            fn clone(&self) -> Self {
                Self {
                    handle: ::core::clone::Clone::clone(&self.handle),
                    types: ::core::marker::PhantomData,
                }
            }
        }

        #(#cfgs)*
        #[automatically_derived]
        impl<#unbounded> ::core::fmt::Debug for #broadcast<#arguments> {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::DebugStruct::finish(::core::fmt::DebugStruct::field(
                    &mut ::core::fmt::Formatter::debug_struct(__f, #name),
                    "handle",
                    &self.handle,
                ))
            }
        }
    }
}

fn methods(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, visibility, runtime) = (&contract.head.cfgs, &contract.head.visibility, &contract.runtime);
    let broadcast = &names.broadcast;
    let methods =
        contract.methods.iter().filter(|method| !method.streams()).map(|item| method(contract, names, item));
    let nested = contract.nested.iter().map(|item| nested(contract, item));
    let parameters = Parameters::of(contract);
    let (bounded, arguments, conditions) =
        (parameters.bounded(), parameters.arguments(), parameters.conditions());
    let on_with = doc(["The same stub with these options for everything that is sent through it."]);
    quote! {
        #(#cfgs)*
        // What the user's own names deserve is said of the trait, not of its copy.
        #[allow(
            dead_code,
            non_snake_case,
            clippy::iter_not_returning_iterator,
            clippy::too_many_arguments,
            clippy::type_complexity,
            clippy::used_underscore_binding,
        )]
        impl<#bounded> #broadcast<#arguments> #conditions {
            #(#methods)*

            #(#nested)*

            #on_with
            #[must_use]
            #visibility fn with(&self, options: #runtime::CallOptions) -> Self {
                Self {
                    handle: #runtime::broadcast::BroadcastHandle::with(&self.handle, options),
                    types: ::core::marker::PhantomData,
                }
            }
        }
    }
}

/// The stub of a contract inside this one.
fn nested(contract: &Contract, nested: &Nested) -> TokenStream {
    let (visibility, runtime, name) = (&contract.head.visibility, &contract.runtime, &contract.name);
    let Nested { ident, field, remote, .. } = nested;
    let cfgs = &nested.attributes.cfgs;
    let docs = nested_doc(nested);
    quote! {
        #(#cfgs)*
        #docs
        #[must_use]
        #visibility fn #ident(&self) -> <#remote as #runtime::service::Remote>::Broadcast {
            #runtime::Broadcast::from_handle(
                #runtime::broadcast::BroadcastHandle::nested(&self.handle, #name, #field),
            )
        }
    }
}

fn method(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let (visibility, runtime) = (&contract.head.visibility, &contract.runtime);
    let Names { method: index, codecs, remote, .. } = names;
    let parameters = Parameters::of(contract).arguments();
    let (cfgs, ident, variant) = (&method.attributes.cfgs, &method.ident, &method.variant);
    let docs = broadcast_method_doc(method);
    let arguments: Vec<_> = method.arguments.iter().map(|argument| &argument.ident).collect();
    let types = method.arguments.iter().map(|argument| &argument.ty);
    let returned = match &method.kind {
        Kind::Call { output: Output::Value(value), .. } => quote!(#runtime::Gathering<#value>),
        Kind::Call { output: Output::Fallible { value, error, .. }, .. } => {
            quote!(#runtime::Gathering<#value, #error>)
        }
        // Those that stream are not here.
        Kind::Call { output: Output::Stream(_), .. } => return TokenStream::new(),
        Kind::Event { .. } => quote!(#runtime::Casting),
    };
    let all: Vec<_> = arguments.iter().zip(types).map(|(name, ty)| quote!(#name: #ty,)).collect();
    // No locals here: an argument may have any name.
    quote! {
        #(#cfgs)*
        #docs
        #visibility fn #ident(&self, #(#all)*) -> #returned {
            (<#codecs<#parameters>>::#ident.cast)(
                &self.handle,
                &<#remote<#parameters>>::METHODS[#index::#variant as ::core::primitive::usize],
                &(#(#arguments,)*),
            )
        }
    }
}
