//! What the runtime knows of each method.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::model::{Contract, Kind, Method, Queueing, signature_text};

/// One `MethodSpec` a method, in the order of the dense index.
pub(super) fn specs(contract: &Contract) -> TokenStream {
    let specs = contract.methods.iter().map(|method| spec(contract, method));
    quote!([#(#specs,)*])
}

fn spec(contract: &Contract, method: &Method) -> TokenStream {
    let runtime = &contract.runtime;
    let cfgs = &method.attributes.cfgs;
    let name = &method.wire_name;
    let signature = signature_text(&method.arguments, &method.kind);
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
            (quote!(call), Some(quote!(#timeout #queueing)))
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
