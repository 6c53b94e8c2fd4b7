//! `CalculatorProvider`: what serves the contract.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::docs::{doc, provider_doc};
use super::names::Names;
use crate::model::{Contract, Kind, Method, Output};

/// The provider's type and what is implemented for it.
pub(super) fn provider(contract: &Contract, names: &Names) -> TokenStream {
    let definition = definition(contract, names);
    let traits = clone_and_debug(contract, names);
    let provider = provider_impl(contract, names);
    quote!(#definition #traits #provider)
}

fn definition(contract: &Contract, names: &Names) -> TokenStream {
    let head = &contract.head;
    let (cfgs, visibility, ident) = (&head.cfgs, &head.visibility, &head.ident);
    let (provider, service) = (&names.provider, &names.service);
    let on_type = provider_doc(contract, names);
    let on_new = doc(["Serves `service`, which the provider owns and all its clones share."]);
    let on_from_arc = doc(["Serves a `service` that others hold as well."]);
    quote! {
        #(#cfgs)*
        #on_type
        #[allow(dead_code)]
        #visibility struct #provider<#service> {
            service: ::std::sync::Arc<#service>,
        }

        #(#cfgs)*
        #[allow(dead_code, deprecated)]
        impl<#service: #ident> #provider<#service> {
            #on_new
            #[must_use]
            #visibility fn new(service: #service) -> Self {
                Self { service: ::std::sync::Arc::new(service) }
            }

            #on_from_arc
            #[must_use]
            #visibility const fn from_arc(service: ::std::sync::Arc<#service>) -> Self {
                Self { service }
            }
        }
    }
}

/// By hand, for a derive would ask them of the service.
fn clone_and_debug(contract: &Contract, names: &Names) -> TokenStream {
    let cfgs = &contract.head.cfgs;
    let (provider, service) = (&names.provider, &names.service);
    let name = provider.to_string();
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl<#service> ::core::clone::Clone for #provider<#service> {
            fn clone(&self) -> Self {
                Self { service: ::core::clone::Clone::clone(&self.service) }
            }
        }

        #(#cfgs)*
        #[automatically_derived]
        impl<#service> ::core::fmt::Debug for #provider<#service> {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::DebugStruct::finish_non_exhaustive(
                    &mut ::core::fmt::Formatter::debug_struct(__f, #name),
                )
            }
        }
    }
}

fn provider_impl(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, ident, runtime) = (&contract.head.cfgs, &contract.head.ident, &contract.runtime);
    let Names { provider, remote, service, .. } = names;
    let started = quote! {
        ::core::result::Result<#runtime::service::HandlerFuture, #runtime::service::Refusal>
    };
    let starts = contract.methods.iter().map(|method| start(contract, names, method));
    quote! {
        #(#cfgs)*
        #[allow(deprecated, clippy::type_complexity)]
        impl<#service: #ident> #provider<#service> {
            // Functions of their own, not arms of one: without optimization, the frame of a function has room for
            // each of the futures that it makes.
            #[doc(hidden)]
            const STARTS: &'static [fn(&Self, &#runtime::service::Invocation<'_>) -> #started] = &[#(#starts,)*];
        }

        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl<#service: #ident> #runtime::service::Provider for #provider<#service> {
            fn methods() -> #runtime::service::Methods {
                #runtime::service::Methods::of(#remote::METHODS)
            }

            fn count() -> ::core::primitive::usize {
                #remote::METHODS.len()
            }

            fn start(
                &self,
                __method: ::core::primitive::usize,
                __invocation: &#runtime::service::Invocation<'_>,
            ) -> #started {
                match <[_]>::get(Self::STARTS, __method) {
                    ::core::option::Option::Some(__start) => __start(self, __invocation),
                    ::core::option::Option::None => {
                        ::core::result::Result::Err(#runtime::service::Refusal::UnknownMethod)
                    }
                }
            }
        }
    }
}

/// Decodes the arguments of one method and makes the future that runs it.
fn start(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let (contract_ident, runtime) = (&contract.head.ident, &contract.runtime);
    let Names { codecs, service, .. } = names;
    let (cfgs, ident) = (&method.attributes.cfgs, &method.ident);
    let arguments: Vec<_> =
        (0..method.arguments.len()).map(|position| format_ident!("__argument_{position}")).collect();
    let (take_context, context) = if method.context {
        (
            Some(quote!(let __context = #runtime::service::Invocation::context(__invocation);)),
            Some(quote!(&__context,)),
        )
    } else {
        (None, None)
    };
    let run = quote!(<#service as #contract_ident>::#ident(&*__service, #context #(#arguments,)*).await);
    let answer = match &method.kind {
        Kind::Call { output: Output::Fallible { .. }, .. } => {
            quote!((#codecs::#ident.answer)(__responder, #run))
        }
        Kind::Call { output: Output::Value(_), .. } => {
            quote!((#codecs::#ident.answer)(__responder, ::core::result::Result::Ok(#run)))
        }
        Kind::Event { .. } => quote! {
            #run;
            #runtime::service::Responder::nothing(&__responder)
        },
    };
    quote! {
        #(#cfgs)*
        |__provider, __invocation| {
            let (#(#arguments,)*) = (#codecs::#ident.arguments)(__invocation)?;
            let __responder = #runtime::service::Invocation::responder(__invocation);
            let __service = ::core::clone::Clone::clone(&__provider.service);
            #take_context
            ::core::result::Result::Ok(::std::boxed::Box::pin(async move { #answer }))
        }
    }
}
