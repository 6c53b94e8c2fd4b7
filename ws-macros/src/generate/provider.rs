//! `CalculatorProvider`: what serves the contract.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::docs::{doc, provider_doc};
use super::generics::Parameters;
use super::method_enum::count;
use super::names::Names;
use super::nested::inner_starts;
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
    let (cfgs, visibility, ident, runtime) = (&head.cfgs, &head.visibility, &head.ident, &contract.runtime);
    let (provider, service) = (&names.provider, &names.service);
    let parameters = Parameters::of(contract);
    let (defined, bounded, arguments) = (parameters.defined(), parameters.bounded(), parameters.arguments());
    let (phantom, conditions, bound) =
        (parameters.phantom(), parameters.conditions(), parameters.bound(ident));
    let on_type = provider_doc(contract, names);
    let on_new = doc(["Serves `service`, which the provider owns and all its clones share."]);
    let on_from_arc = doc(["Serves a `service` that others hold as well."]);
    let on_prepare = doc([
        "Has `prepare` run once, before the first connection is accepted with this provider or a clone of it.",
        "",
        "Where it fails, that connection is not accepted, and the next one tries again. To have it done before the",
        "first connection comes, await `Provider::prepared` before the server is opened.",
    ]);
    quote! {
        #(#cfgs)*
        #on_type
        #[allow(dead_code)]
        #visibility struct #provider<#service, #defined> {
            service: ::std::sync::Arc<#service>,
            preparation: #runtime::service::Preparation,
            types: #phantom,
        }

        #(#cfgs)*
        #[allow(dead_code, deprecated)]
        impl<#service: #bound, #bounded> #provider<#service, #arguments> #conditions {
            #on_new
            #[must_use]
            #visibility fn new(service: #service) -> Self {
                Self::from_arc(::std::sync::Arc::new(service))
            }

            #on_from_arc
            #[must_use]
            #visibility const fn from_arc(service: ::std::sync::Arc<#service>) -> Self {
                Self {
                    service,
                    preparation: #runtime::service::Preparation::none(),
                    types: ::core::marker::PhantomData,
                }
            }

            #on_prepare
            #[must_use]
            #visibility fn prepare<__F, __E>(
                mut self,
                prepare: impl ::core::ops::Fn(::std::sync::Arc<#service>) -> __F
                    + ::core::marker::Send
                    + ::core::marker::Sync
                    + 'static,
            ) -> Self
            where
                __F: ::core::future::Future<Output = ::core::result::Result<(), __E>>
                    + ::core::marker::Send
                    + 'static,
                __E: ::core::convert::Into<
                    ::std::boxed::Box<
                        dyn ::core::error::Error + ::core::marker::Send + ::core::marker::Sync,
                    >,
                >,
            {
                let __service = ::core::clone::Clone::clone(&self.service);
                self.preparation = #runtime::service::Preparation::new(move || {
                    prepare(::core::clone::Clone::clone(&__service))
                });
                self
            }
        }
    }
}

/// By hand, for a derive would ask them of the service.
fn clone_and_debug(contract: &Contract, names: &Names) -> TokenStream {
    let cfgs = &contract.head.cfgs;
    let (provider, service) = (&names.provider, &names.service);
    let parameters = Parameters::of(contract);
    let (unbounded, arguments) = (parameters.unbounded(), parameters.arguments());
    let name = provider.to_string();
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl<#service, #unbounded> ::core::clone::Clone for #provider<#service, #arguments> {
            fn clone(&self) -> Self {
                Self {
                    service: ::core::clone::Clone::clone(&self.service),
                    preparation: ::core::clone::Clone::clone(&self.preparation),
                    types: ::core::marker::PhantomData,
                }
            }
        }

        #(#cfgs)*
        #[automatically_derived]
        impl<#service, #unbounded> ::core::fmt::Debug for #provider<#service, #arguments> {
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
    let parameters = Parameters::of(contract);
    let (bounded, arguments, conditions, bound) =
        (parameters.bounded(), parameters.arguments(), parameters.conditions(), parameters.bound(ident));
    let started = quote! {
        ::core::result::Result<#runtime::service::HandlerFuture, #runtime::service::Refusal>
    };
    let starts = contract.methods.iter().map(|method| start(contract, names, method));
    let (count, inner) = (count(contract, names), inner_starts(contract, names));
    quote! {
        #(#cfgs)*
        #[allow(deprecated, clippy::type_complexity)]
        impl<#service: #bound, #bounded> #provider<#service, #arguments> #conditions {
            // Functions of their own, not arms of one: without optimization, the frame of a function has room for
            // each of the futures that it makes.
            #[doc(hidden)]
            const STARTS: &'static [fn(&Self, &#runtime::service::Invocation<'_>) -> #started] = &[#(#starts,)*];
        }

        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl<#service: #bound, #bounded> #runtime::service::Provider
            for #provider<#service, #arguments>
        #conditions
        {
            fn methods() -> #runtime::service::Methods {
                <#remote<#arguments> as #runtime::service::Remote>::methods()
            }

            fn count() -> ::core::primitive::usize {
                #count
            }

            fn start(
                &self,
                __method: ::core::primitive::usize,
                __invocation: &#runtime::service::Invocation<'_>,
            ) -> #started {
                if let ::core::option::Option::Some(__start) = <[_]>::get(Self::STARTS, __method) {
                    return __start(self, __invocation);
                }
                let __method = __method - Self::STARTS.len();
                #inner
                let _ = __method;
                ::core::result::Result::Err(#runtime::service::Refusal::UnknownMethod)
            }

            fn prepared(&self) -> #runtime::service::Preparing<'_> {
                #runtime::service::Preparation::done(&self.preparation)
            }
        }
    }
}

/// Decodes the arguments of one method and makes the future that runs it.
fn start(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let runtime = &contract.runtime;
    let codecs = &names.codecs;
    let (cfgs, ident) = (&method.attributes.cfgs, &method.ident);
    let parameters = Parameters::of(contract).arguments();
    let arguments = bindings(method);
    let take_context =
        method.context.then(|| quote!(let __context = #runtime::service::Invocation::context(__invocation);));
    let take_upload = method
        .upload
        .is_some()
        .then(|| quote!(let __upload = (<#codecs<#parameters>>::#ident.upload)(__invocation);));
    let take_sink = method
        .stream()
        .is_some()
        .then(|| quote!(let __sink = #runtime::service::Invocation::sink(__invocation);));
    let take_responder = method
        .stream()
        .is_none()
        .then(|| quote!(let __responder = #runtime::service::Invocation::responder(__invocation);));
    let answer = answer(contract, names, method, &quote!(&*__service));
    quote! {
        #(#cfgs)*
        |__provider, __invocation| {
            let (#(#arguments,)*) = (<#codecs<#parameters>>::#ident.arguments)(__invocation)?;
            #take_responder
            let __service = ::core::clone::Clone::clone(&__provider.service);
            #take_context
            #take_upload
            #take_sink
            ::core::result::Result::Ok(::std::boxed::Box::pin(async move { #answer }))
        }
    }
}

/// A name for each argument that travels.
pub(super) fn bindings(method: &Method) -> Vec<Ident> {
    (0..method.arguments.len()).map(|position| format_ident!("__argument_{position}")).collect()
}

/// Awaits one method and encodes what it gives.
pub(super) fn answer(
    contract: &Contract,
    names: &Names,
    method: &Method,
    borrowed: &TokenStream,
) -> TokenStream {
    let (contract_ident, runtime) = (&contract.head.ident, &contract.runtime);
    let Names { codecs, service, .. } = names;
    let ident = &method.ident;
    let parameters = Parameters::of(contract).arguments();
    let codec = quote!(<#codecs<#parameters>>::#ident);
    let context = method.context.then(|| quote!(&__context,));
    let mut arguments = bindings(method);
    if let Some(upload) = &method.upload {
        arguments.insert(upload.position, format_ident!("__upload"));
    }
    let call = quote! {
        <#service as #contract_ident<#parameters>>::#ident(#borrowed, #context #(#arguments,)*)
    };
    let Kind::Call { output, .. } = &method.kind else {
        return quote! {
            #call.await;
            #runtime::service::Responder::nothing(&__responder)
        };
    };
    match output {
        Output::Fallible { .. } => quote!((#codec.answer)(__responder, #call.await)),
        Output::Value(_) => {
            quote!((#codec.answer)(__responder, ::core::result::Result::Ok(#call.await)))
        }
        Output::Stream(stream) => {
            let awaiting = stream.awaited.then(|| quote!(.await));
            let produce = if stream.items_fail {
                quote!(#runtime::ItemSink::try_drain(__sink, __stream, #codec.put, #codec.fail).await)
            } else {
                quote!(#runtime::ItemSink::drain(__sink, __stream, #codec.put).await)
            };
            if stream.opening_fails {
                quote! {
                    match #call #awaiting {
                        ::core::result::Result::Ok(__stream) => #produce,
                        ::core::result::Result::Err(__error) => (#codec.fail)(__sink, &__error),
                    }
                }
            } else {
                quote! {
                    let __stream = #call #awaiting;
                    #produce
                }
            }
        }
    }
}
