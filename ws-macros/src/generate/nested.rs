//! The contracts inside a contract: how a provider reaches them, and how a contract is reached by what it is inside of.
//!
//! A nested service is borrowed from the one that holds it, so its type has a lifetime and cannot be named. A message
//! for it is therefore decoded first (`__ws_decode`, which knows no service), and the future that runs it (`__ws_run`)
//! is made inside a future that owns the outer service. Both stand on the remote, for that is the one item of a
//! contract which its users name.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::generics::Parameters;
use super::names::Names;
use super::provider::{answer, bindings};
use crate::model::{Contract, Method, Nested};

/// What lets another contract nest this one.
pub(super) fn nestable(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, visibility, runtime) = (&contract.head.cfgs, &contract.head.visibility, &contract.runtime);
    let ident = &contract.head.ident;
    let Names { remote, runs, service, codecs, .. } = names;
    let parameters = Parameters::of(contract);
    let (bounded, arguments, conditions) =
        (parameters.bounded(), parameters.arguments(), parameters.conditions());
    let (unbounded, phantom, bound) = (parameters.unbounded(), parameters.phantom(), parameters.bound(ident));
    let decodes = contract.methods.iter().map(|method| {
        let (cfgs, ident) = (&method.attributes.cfgs, &method.ident);
        if !method.streams() {
            return quote!(#(#cfgs)* <#codecs<#arguments>>::#ident.decode);
        }
        quote! {
            #(#cfgs)*
            |__invocation| #runtime::service::Decoded::new(
                ::core::result::Result::map(
                    (<#codecs<#arguments>>::#ident.arguments)(__invocation),
                    |__arguments| (
                        __arguments,
                        (<#codecs<#arguments>>::#ident.upload)(__invocation),
                        #runtime::service::Invocation::sink(__invocation),
                    ),
                ),
                __invocation,
            )
        }
    });
    let bodies = contract.methods.iter().map(|method| run(contract, names, method));
    let inner_decodes = contract.nested.iter().map(|nested| {
        let (cfgs, inner) = (&nested.attributes.cfgs, &nested.remote);
        quote! {
            #(#cfgs)*
            if __method < <#inner as #runtime::service::Remote>::COUNT {
                return <#inner>::__ws_decode(__method, __invocation);
            }
            #(#cfgs)*
            let __method = __method - <#inner as #runtime::service::Remote>::COUNT;
        }
    });
    let inner_runs = contract.nested.iter().map(|nested| {
        let (cfgs, inner, field) = (&nested.attributes.cfgs, &nested.remote, &nested.ident);
        let run = run_inner(nested);
        quote! {
            #(#cfgs)*
            if __method < <#inner as #runtime::service::Remote>::COUNT {
                return ::std::boxed::Box::pin(async move {
                    let __inner = <#service as #ident<#arguments>>::#field(__service);
                    #run.await
                });
            }
            #(#cfgs)*
            let __method = __method - <#inner as #runtime::service::Remote>::COUNT;
        }
    });
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        struct #runs<#service, #unbounded>(::core::marker::PhantomData<fn() -> #service>, #phantom);

        #(#cfgs)*
        #[allow(deprecated, dead_code, clippy::type_complexity)]
        impl<#service: #bound, #bounded> #runs<#service, #arguments> #conditions {
            const RUNS: &'static [
                for<'__a> fn(&'__a #service, #runtime::service::Decoded) -> #runtime::service::NestedFuture<'__a>
            ] = &[#(#bodies,)*];
        }

        #(#cfgs)*
        #[allow(dead_code, unused_variables, deprecated, private_interfaces)]
        impl<#bounded> #remote<#arguments> #conditions {
            #[doc(hidden)]
            #visibility fn __ws_decode(
                __method: ::core::primitive::usize,
                __invocation: &#runtime::service::Invocation<'_>,
            ) -> ::core::result::Result<#runtime::service::Decoded, #runtime::service::Refusal> {
                #[allow(clippy::type_complexity)]
                let __decodes: &[
                    fn(
                        &#runtime::service::Invocation<'_>,
                    ) -> ::core::result::Result<#runtime::service::Decoded, #runtime::service::Refusal>
                ] = &[#(#decodes,)*];
                if let ::core::option::Option::Some(__decode) = <[_]>::get(__decodes, __method) {
                    return __decode(__invocation);
                }
                let __method = __method - Self::METHODS.len();
                #(#inner_decodes)*
                ::core::result::Result::Err(#runtime::service::Refusal::UnknownMethod)
            }

            #[doc(hidden)]
            #visibility fn __ws_run<#service: #bound>(
                __service: &#service,
                __method: ::core::primitive::usize,
                __decoded: #runtime::service::Decoded,
            ) -> #runtime::service::NestedFuture<'_> {
                if let ::core::option::Option::Some(__run) =
                    <[_]>::get(#runs::<#service, #arguments>::RUNS, __method)
                {
                    return __run(__service, __decoded);
                }
                let __method = __method - Self::METHODS.len();
                #(#inner_runs)*
                #runtime::service::Decoded::unknown(__decoded)
            }
        }
    }
}

/// Makes the future that runs one method on a borrowed service.
fn run(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let runtime = &contract.runtime;
    let cfgs = &method.attributes.cfgs;
    let arguments = bindings(method);
    let types = method.arguments.iter().map(|argument| &argument.ty);
    let answer = answer(contract, names, method, &quote!(__service));
    let (types, pattern) = if method.streams() {
        let upload =
            method.upload.as_ref().map_or_else(|| quote!(()), |upload| upload.item.to_token_stream());
        let used =
            |used: bool, name: &str| if used { format_ident!("__{name}") } else { format_ident!("_{name}") };
        let (reader, sink) =
            (used(method.upload.is_some(), "upload"), used(method.stream().is_some(), "sink"));
        (
            quote!(((#(#types,)*), #runtime::Streaming<#upload>, #runtime::ItemSink)),
            quote!(((#(#arguments,)*), #reader, #sink)),
        )
    } else {
        (quote!((#(#types,)*)), quote!((#(#arguments,)*)))
    };
    quote! {
        #(#cfgs)*
        |__service, __decoded| {
            ::std::boxed::Box::pin(async move {
                match #runtime::service::Decoded::take::<#types>(__decoded) {
                    ::core::result::Result::Ok((#pattern, __responder, __context)) => { #answer }
                    ::core::result::Result::Err(__answer) => __answer,
                }
            })
        }
    }
}

/// Runs a method of a nested contract. Where the remote is that of another contract, the error points to the remote.
fn run_inner(nested: &Nested) -> TokenStream {
    let inner = &nested.remote;
    let place = inner.segments.last().map_or_else(Span::call_site, |last| last.ident.span());
    let place = Span::call_site().located_at(place);
    quote_spanned!(place=> <#inner>::__ws_run(__inner, __method, __decoded))
}

/// The arms of a provider's `start` for what is inside its contract; `__method` counts from behind its own methods.
pub(super) fn inner_starts(contract: &Contract, names: &Names) -> TokenStream {
    let (runtime, ident, service) = (&contract.runtime, &contract.head.ident, &names.service);
    let arguments = Parameters::of(contract).arguments();
    contract
        .nested
        .iter()
        .map(|nested| {
            let (cfgs, inner, field) = (&nested.attributes.cfgs, &nested.remote, &nested.ident);
            let run = run_inner(nested);
            quote! {
                #(#cfgs)*
                if __method < <#inner as #runtime::service::Remote>::COUNT {
                    let __decoded = <#inner>::__ws_decode(__method, __invocation)?;
                    let __service = ::core::clone::Clone::clone(&self.service);
                    return ::core::result::Result::Ok(::std::boxed::Box::pin(async move {
                        let __inner = <#service as #ident<#arguments>>::#field(&*__service);
                        #run.await
                    }));
                }
                #(#cfgs)*
                let __method = __method - <#inner as #runtime::service::Remote>::COUNT;
            }
        })
        .collect()
}
