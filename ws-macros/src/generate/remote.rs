//! `CalculatorRemote`: the typed stub.

use proc_macro2::TokenStream;
use quote::quote;

use super::docs::{doc, method_doc, nested_doc, remote_doc};
use super::generics::Parameters;
use super::method_enum::count;
use super::names::Names;
use super::specs::methods as methods_of;
use crate::model::{Contract, Kind, Method, Nested, Output, Upload};

/// The remote's type and what is implemented for it.
pub(super) fn remote(contract: &Contract, names: &Names) -> TokenStream {
    let definition = definition(contract, names);
    let methods = methods(contract, names);
    let (cfgs, runtime, remote) = (&contract.head.cfgs, &contract.runtime, &names.remote);
    let broadcast = &names.broadcast;
    let parameters = Parameters::of(contract);
    let (bounded, arguments, conditions) =
        (parameters.bounded(), parameters.arguments(), parameters.conditions());
    let count = count(contract, names);
    let listed = methods_of(contract, names, &parameters.names(runtime));
    quote! {
        #definition
        #methods

        #(#cfgs)*
        #[automatically_derived]
        impl<#bounded> #runtime::service::Remote for #remote<#arguments> #conditions {
            const COUNT: ::core::primitive::usize = #count;
            type Broadcast = #broadcast<#arguments>;

            fn methods() -> #runtime::service::Methods {
                #listed
            }

            fn from_handle(__handle: #runtime::service::RemoteHandle) -> Self {
                Self { handle: __handle, types: ::core::marker::PhantomData }
            }
        }
    }
}

fn definition(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, visibility, runtime) = (&contract.head.cfgs, &contract.head.visibility, &contract.runtime);
    let remote = &names.remote;
    let docs = remote_doc(contract);
    let parameters = Parameters::of(contract);
    let (defined, unbounded, arguments) =
        (parameters.defined(), parameters.unbounded(), parameters.arguments());
    let phantom = parameters.phantom();
    let name = remote.to_string();
    // By hand, for a derive would ask them of the contract's parameters.
    quote! {
        #(#cfgs)*
        #docs
        #[allow(dead_code)]
        #visibility struct #remote<#defined> {
            handle: #runtime::service::RemoteHandle,
            types: #phantom,
        }

        #(#cfgs)*
        #[automatically_derived]
        impl<#unbounded> ::core::clone::Clone for #remote<#arguments> {
            fn clone(&self) -> Self {
                Self {
                    handle: ::core::clone::Clone::clone(&self.handle),
                    types: ::core::marker::PhantomData,
                }
            }
        }

        #(#cfgs)*
        #[automatically_derived]
        impl<#unbounded> ::core::fmt::Debug for #remote<#arguments> {
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
    let remote = &names.remote;
    let method_enum = &names.method;
    let methods = contract.methods.iter().map(|item| method(contract, names, item));
    let nested = contract.nested.iter().map(|item| nested(contract, item));
    let parameters = Parameters::of(contract);
    let (bounded, arguments, conditions) =
        (parameters.bounded(), parameters.arguments(), parameters.conditions());
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
        impl<#bounded> #remote<#arguments> #conditions {
            #[doc(hidden)]
            #visibility const METHODS: &'static [#runtime::service::MethodSpec] = #method_enum::__WS_SPECS;

            #(#methods)*

            #(#nested)*

            #on_with
            #[must_use]
            #visibility fn with(&self, options: #runtime::CallOptions) -> Self {
                Self {
                    handle: #runtime::service::RemoteHandle::with(&self.handle, options),
                    types: ::core::marker::PhantomData,
                }
            }

            #on_peer
            #[must_use]
            #visibility const fn peer(&self) -> &#runtime::Peer {
                #runtime::service::RemoteHandle::peer(&self.handle)
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
        #visibility fn #ident(&self) -> #remote {
            <#remote as #runtime::service::Remote>::from_handle(
                #runtime::service::RemoteHandle::nested(&self.handle, #name, #field),
            )
        }
    }
}

fn method(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let (visibility, runtime) = (&contract.head.visibility, &contract.runtime);
    let Names { method: index, codecs, .. } = names;
    let parameters = Parameters::of(contract).arguments();
    let (cfgs, ident, variant) = (&method.attributes.cfgs, &method.ident, &method.variant);
    let docs = method_doc(method);
    let arguments: Vec<_> = method.arguments.iter().map(|argument| &argument.ident).collect();
    let types = method.arguments.iter().map(|argument| &argument.ty);
    let returned = match &method.kind {
        Kind::Call { output: Output::Value(value), .. } => quote!(#runtime::Call<#value>),
        Kind::Call { output: Output::Fallible { value, error, .. }, .. } => {
            quote!(#runtime::Call<#value, #error>)
        }
        Kind::Call { output: Output::Stream(stream), .. } => {
            let (item, error) = (&stream.item, stream.error.iter());
            quote!(#runtime::Opening<#item #(, #error)*>)
        }
        Kind::Event { .. } => quote!(#runtime::Sending),
    };
    let mut all: Vec<_> = arguments.iter().zip(types).map(|(name, ty)| quote!(#name: #ty,)).collect();
    if let Some(Upload { ident, item, position }) = &method.upload {
        let stream = quote! {
            impl #runtime::service::Stream<Item = #item> + ::core::marker::Send + 'static
        };
        all.insert(*position, quote!(#ident: #stream,));
    }
    let upload = method.upload.as_ref().map(|upload| &upload.ident);
    let send = match (method.stream(), &method.upload) {
        (None, None) => quote!((<#codecs<#parameters>>::#ident.send)),
        (Some(_), None) => quote!((<#codecs<#parameters>>::#ident.open)),
        (None, Some(_)) => quote!(#runtime::service::RemoteHandle::call_with_upload),
        (Some(_), Some(_)) => quote!(#runtime::service::RemoteHandle::stream_with_upload),
    };
    // A codec does it for the others.
    let sent = match &method.upload {
        Some(_) => quote!((#(#runtime::service::Sharing(&#arguments),)*)),
        None => quote!((#(#arguments,)*)),
    };
    // No locals here: an argument may have any name.
    quote! {
        #(#cfgs)*
        #docs
        #visibility fn #ident(&self, #(#all)*) -> #returned {
            #send(
                &self.handle,
                &Self::METHODS[#index::#variant as ::core::primitive::usize],
                &#sent,
                #upload
            )
        }
    }
}
