//! What the runtime knows of each method.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::model::{Contract, Kind, Method, signature_text};

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
        Kind::Call { timeout_ms, .. } => {
            let timeout =
                timeout_ms.map(Literal::u64_unsuffixed).map(|timeout| quote!(.timeout_ms(#timeout)));
            (quote!(call), timeout)
        }
        Kind::Event { concurrent } => (quote!(event), concurrent.then(|| quote!(.concurrent()))),
    };
    let spawn = method.spawn.then(|| quote!(.spawn()));
    quote! {
        #(#cfgs)*
        #runtime::service::MethodSpec::#constructor(#name, #signature, #version) #options #spawn
    }
}
