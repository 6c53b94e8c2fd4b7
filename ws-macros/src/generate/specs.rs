//! What the runtime knows of each method.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote};

use super::names::Names;
use super::used::{mentions, name as parameter_name};
use crate::model::{Contract, Kind, Method, Nested, Queueing, signature_text};

/// The list of all methods, nested ones included, as an expression. `types` are the names of a generic contract's
/// arguments.
pub(super) fn methods(contract: &Contract, names: &Names, types: &TokenStream) -> TokenStream {
    let (runtime, specs, name) = (&contract.runtime, &names.method, &contract.name);
    let parameters: Vec<_> = contract.head.generics.params.iter().map(parameter_name).collect();
    let own = if parameters.is_empty() {
        quote!(#runtime::service::Methods::of(#specs::__WS_SPECS))
    } else {
        let mentioned = contract.methods.iter().map(|method| {
            let cfgs = &method.attributes.cfgs;
            let positions = parameters.iter().enumerate().filter(|(_, parameter)| {
                mentions(method.item.sig.inputs.to_token_stream(), parameter)
                    || mentions(method.item.sig.output.to_token_stream(), parameter)
            });
            let positions = positions.map(|(position, _)| Literal::usize_unsuffixed(position));
            quote!(#(#cfgs)* &[#(#positions,)*])
        });
        quote!(#runtime::service::Methods::of_generic(#specs::__WS_SPECS, #types, &[#(#mentioned,)*]))
    };
    let nested = contract.nested.iter().map(|nested| {
        let Nested { field, remote, .. } = nested;
        let cfgs = &nested.attributes.cfgs;
        quote! {
            #(#cfgs)*
            let __methods = #runtime::service::Methods::and(
                __methods,
                #runtime::service::Methods::nested(
                    <#remote as #runtime::service::Remote>::methods(),
                    #name,
                    #field,
                ),
            );
        }
    });
    quote! {
        let __methods = #own;
        #(#nested)*
        __methods
    }
}

/// One `MethodSpec` a method, in the order of the dense index.
pub(super) fn specs(contract: &Contract) -> TokenStream {
    let specs = contract.methods.iter().map(|method| spec(contract, method));
    quote!([#(#specs,)*])
}

fn spec(contract: &Contract, method: &Method) -> TokenStream {
    let runtime = &contract.runtime;
    let cfgs = &method.attributes.cfgs;
    let name = &method.wire_name;
    let signature = signature_text(&method.arguments, method.upload.as_ref(), &method.kind);
    let version = Literal::u32_unsuffixed(contract.version);
    let (constructor, options) = match &method.kind {
        Kind::Call { timeout_ms, queueing, .. } => {
            let timeout =
                timeout_ms.map(Literal::u64_unsuffixed).map(|timeout| quote!(.timeout_ms(#timeout)));
            let queueing = match queueing {
                Queueing::None => None,
                Queueing::Serial => Some(quote!(Serial)),
                Queueing::Busy => Some(quote!(Busy)),
                Queueing::Latest => Some(quote!(Latest)),
            };
            let queueing = queueing.map(|way| quote!(.queueing(#runtime::service::Queueing::#way)));
            let streams = match (method.stream().is_some(), method.upload.is_some()) {
                (false, false) => None,
                (true, false) => Some(quote!(Down)),
                (false, true) => Some(quote!(Up)),
                (true, true) => Some(quote!(Both)),
            };
            let streams = streams.map(|which| quote!(.streams(#runtime::service::Streams::#which)));
            (quote!(call), Some(quote!(#timeout #queueing #streams)))
        }
        Kind::Event { concurrent } => (quote!(event), concurrent.then(|| quote!(.concurrent()))),
    };
    // A name may have dots of its own; without them the first one is the right one.
    let contract_bytes = contract.name.contains('.').then(|| {
        let bytes = Literal::usize_unsuffixed(contract.name.len());
        quote!(.contract_bytes(#bytes))
    });
    let spawn = method.spawn.then(|| quote!(.spawn()));
    quote! {
        #(#cfgs)*
        #runtime::service::MethodSpec::#constructor(#name, #signature, #version) #contract_bytes #options #spawn
    }
}
