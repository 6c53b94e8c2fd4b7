//! `CalculatorRemote`: the typed stub.

use proc_macro2::TokenStream;
use quote::quote;

use super::docs::{doc, method_doc, remote_doc};
use super::names::Names;
use super::specs::specs;
use crate::model::{Contract, Kind, Method, Output};

/// The remote's type and what is implemented for it.
pub(super) fn remote(contract: &Contract, names: &Names) -> TokenStream {
    let definition = definition(contract, names);
    let methods = methods(contract, names);
    let (cfgs, runtime, remote) = (&contract.head.cfgs, &contract.runtime, &names.remote);
    quote! {
        #definition
        #methods

        #(#cfgs)*
        #[automatically_derived]
        impl #runtime::service::Remote for #remote {
            fn methods() -> #runtime::service::Methods {
                #runtime::service::Methods::of(Self::METHODS)
            }

            fn from_peer(__peer: #runtime::Peer) -> Self {
                Self { handle: #runtime::service::RemoteHandle::new(__peer) }
            }
        }
    }
}

fn definition(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, visibility, runtime) = (&contract.head.cfgs, &contract.head.visibility, &contract.runtime);
    let remote = &names.remote;
    let docs = remote_doc(contract);
    quote! {
        #(#cfgs)*
        #docs
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code)]
        #visibility struct #remote {
            handle: #runtime::service::RemoteHandle,
        }
    }
}

fn methods(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, visibility, runtime) = (&contract.head.cfgs, &contract.head.visibility, &contract.runtime);
    let remote = &names.remote;
    let specs = specs(contract);
    let methods = contract.methods.iter().map(|item| method(contract, names, item));
    let on_with = doc(["The same remote with these options for every call made through it."]);
    let on_peer = doc(["The untyped handle of the other side."]);
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
        impl #remote {
            #[doc(hidden)]
            #visibility const METHODS: &'static [#runtime::service::MethodSpec] = &#specs;

            #(#methods)*

            #on_with
            #[must_use]
            #visibility fn with(&self, options: #runtime::CallOptions) -> Self {
                Self { handle: #runtime::service::RemoteHandle::with(&self.handle, options) }
            }

            #on_peer
            #[must_use]
            #visibility const fn peer(&self) -> &#runtime::Peer {
                #runtime::service::RemoteHandle::peer(&self.handle)
            }
        }
    }
}

fn method(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let (visibility, runtime) = (&contract.head.visibility, &contract.runtime);
    let Names { index, codecs, .. } = names;
    let (cfgs, ident) = (&method.attributes.cfgs, &method.ident);
    let docs = method_doc(method);
    let arguments: Vec<_> = method.arguments.iter().map(|argument| &argument.ident).collect();
    let types = method.arguments.iter().map(|argument| &argument.ty);
    let returned = match &method.kind {
        Kind::Call { output: Output::Value(value), .. } => quote!(#runtime::Call<#value>),
        Kind::Call { output: Output::Fallible { value, error, .. }, .. } => {
            quote!(#runtime::Call<#value, #error>)
        }
        Kind::Event { .. } => quote!(#runtime::Sending),
    };
    // No locals here: an argument may have any name.
    quote! {
        #(#cfgs)*
        #docs
        #visibility fn #ident(&self, #(#arguments: #types,)*) -> #returned {
            (#codecs::#ident.send)(
                &self.handle,
                &Self::METHODS[#index::#ident as ::core::primitive::usize],
                &(#(#arguments,)*),
            )
        }
    }
}
