//! The names of generated items.

use quote::{ToTokens, format_ident};
use syn::Ident;
use syn::ext::IdentExt;

use super::used::mentions;
use crate::model::Contract;

/// The names of generated items.
pub(super) struct Names {
    pub(super) provider: Ident,
    pub(super) remote: Ident,
    pub(super) broadcast: Ident,
    /// The enum of methods in the order of their index.
    pub(super) method: Ident,
    pub(super) event_enum: Ident,
    pub(super) reply_enum: Ident,
    pub(super) request_enum: Ident,
    /// The hidden holder of what runs each method on a borrowed service.
    pub(super) runs: Ident,
    /// The hidden holder of one codec for each method.
    pub(super) codecs: Ident,
    /// The hidden type of a call's codec.
    pub(super) call: Ident,
    /// The hidden type of the codec of a call that streams.
    pub(super) stream: Ident,
    /// The hidden type of an event's codec.
    pub(super) event: Ident,
    /// The provider's type parameter.
    pub(super) service: Ident,
}

impl Names {
    pub(super) fn of(contract: &Contract) -> Self {
        let ident = contract.head.ident.unraw();
        Self {
            provider: format_ident!("{ident}Provider"),
            remote: format_ident!("{ident}Remote"),
            broadcast: format_ident!("{ident}Broadcast"),
            method: format_ident!("{ident}Method"),
            event_enum: format_ident!("{ident}Event"),
            reply_enum: format_ident!("{ident}Reply"),
            request_enum: format_ident!("{ident}Request"),
            runs: format_ident!("__{ident}Runs"),
            codecs: format_ident!("__{ident}Codecs"),
            call: format_ident!("__{ident}CallCodec"),
            stream: format_ident!("__{ident}StreamCodec"),
            event: format_ident!("__{ident}EventCodec"),
            service: service_parameter(contract),
        }
    }
}

/// A type parameter that hides nothing which the contract mentions: `S` nearly always.
fn service_parameter(contract: &Contract) -> Ident {
    let mut mentioned = contract.runtime.to_token_stream();
    contract.head.ident.to_tokens(&mut mentioned);
    contract.head.generics.to_tokens(&mut mentioned);
    contract.head.generics.where_clause.to_tokens(&mut mentioned);
    for method in &contract.methods {
        method.item.sig.to_tokens(&mut mentioned);
    }
    for nested in &contract.nested {
        nested.remote.to_tokens(&mut mentioned);
    }
    let mut service = format_ident!("S");
    while mentions(mentioned.clone(), &service) {
        service = format_ident!("{service}S");
    }
    service
}
