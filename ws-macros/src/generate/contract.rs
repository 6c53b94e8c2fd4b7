//! Everything that one trait becomes.

use proc_macro2::TokenStream;
use quote::quote;

use super::broadcast::broadcast;
use super::codecs::codecs;
use super::contract_trait::contract_trait;
use super::event_enum::event_enum;
use super::method_enum::method_enum;
use super::names::Names;
use super::nested::nestable;
use super::provider::provider;
use super::remote::remote;
use super::reply_enum::reply_enum;
use super::request_enum::request_enum;
use super::standins;
use crate::model::Contract;

/// The trait, and what serves and calls it.
pub(crate) fn contract(contract: &Contract) -> TokenStream {
    let contract_trait = contract_trait(contract);
    if !contract.servable {
        return contract_trait;
    }
    let names = Names::of(contract);
    let provider = provider(contract, &names);
    let remote = remote(contract, &names);
    let broadcast = broadcast(contract, &names);
    let method_enum = method_enum(contract, &names);
    let event_enum = event_enum(contract, &names);
    let reply_enum = reply_enum(contract, &names);
    let request_enum = request_enum(contract, &names);
    let standins = standins::definitions(contract);
    let nestable = nestable(contract, &names);
    let codecs = codecs(contract, &names);
    quote! {
        #contract_trait
        #provider
        #remote
        #broadcast
        #method_enum
        #standins
        #event_enum
        #reply_enum
        #request_enum
        #nestable
        #codecs
    }
}
