//! What turns the arguments and the outcome of each method into bytes and back.
//!
//! The provider and the remote could do this themselves, but then a type that cannot travel would be reported wherever
//! they touch it, in serde's words. Here the types of a method are named once, to a function that asks for nothing but
//! `Payload`, and each is reported once, on the user's own token. The rest of the generated code uses the function
//! pointers that come of it, which are constants and are inlined as direct calls are.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};

use super::codec_types::{call_codec, constructor, event_codec, stream_codec};
use super::generics::Parameters;
use super::names::Names;
use crate::model::{Contract, Kind, Method, Upload};

/// The codecs of all methods, and the types that they are of.
pub(super) fn codecs(contract: &Contract, names: &Names) -> TokenStream {
    let (cfgs, holder) = (&contract.head.cfgs, &names.codecs);
    let constants = contract.methods.iter().map(|method| constant(contract, names, method));
    let (calls, events): (Vec<_>, Vec<_>) =
        contract.methods.iter().partition(|method| matches!(method.kind, Kind::Call { .. }));
    let (streams, calls): (Vec<_>, Vec<_>) = calls.into_iter().partition(|method| method.streams());
    let streams = stream_codec(contract, names, &arities(&streams));
    let calls = call_codec(contract, names, &arities(&calls));
    let events = event_codec(contract, names, &arities(&events));
    let parameters = Parameters::of(contract);
    let (unbounded, bounded, arguments) =
        (parameters.unbounded(), parameters.bounded(), parameters.arguments());
    let (phantom, conditions) = (parameters.phantom(), parameters.conditions());
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        struct #holder<#unbounded>(#phantom);

        #(#cfgs)*
        #[allow(dead_code, non_upper_case_globals, clippy::type_complexity)]
        impl<#bounded> #holder<#arguments> #conditions { #(#constants)* }

        #calls
        #streams
        #events
    }
}

/// One method's codec.
fn constant(contract: &Contract, names: &Names, method: &Method) -> TokenStream {
    let runtime = &contract.runtime;
    let (cfgs, ident) = (&method.attributes.cfgs, &method.ident);
    let arguments: Vec<_> = method.arguments.iter().map(|argument| &argument.ty).collect();
    let outcome = method.outcome().map(|(value, error)| {
        let error = error.map_or_else(|| quote!(#runtime::Never), ToTokens::to_token_stream);
        quote!(#value, #error,)
    });
    let (codec, outcome) = match (&method.kind, &method.upload) {
        (Kind::Event { .. }, _) => (&names.event, None),
        (Kind::Call { .. }, Some(Upload { item, .. })) => (&names.stream, Some(quote!(#outcome #item))),
        (Kind::Call { .. }, None) if method.streams() => (&names.stream, Some(quote!(#outcome ()))),
        (Kind::Call { .. }, None) => (&names.call, outcome),
    };
    // The few errors that are about no single type point to the method.
    let place = ident.span();
    let constructor = constructor(codec, arguments.len(), place);
    let codec_of_method = quote_spanned!(place=> #constructor::<#(#arguments,)* #outcome>());
    quote! {
        #(#cfgs)*
        const #ident: #codec<(#(#arguments,)*), #outcome> = #codec_of_method;
    }
}

fn arities(methods: &[&Method]) -> BTreeSet<usize> {
    methods.iter().map(|method| method.arguments.len()).collect()
}
