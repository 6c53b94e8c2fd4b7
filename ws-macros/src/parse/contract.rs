//! The whole trait.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Ident, ItemTrait, TraitItem};

use super::attributes::sort_attributes;
use super::contract_options::ContractOptions;
use super::later;
use super::method::{ParsedMethod, parse_method};
use super::recover::faulty_method;
use crate::errors::Errors;
use crate::model::{Contract, Head, Method, source_text};

/// What a method needs to know of its trait.
pub(super) struct Scope<'a> {
    pub(super) ident: &'a Ident,
    pub(super) wire_name: &'a str,
}

/// Reads an annotated trait. The contract holds what is right of it, `errors` get the rest.
pub(crate) fn parse_contract(options: TokenStream, item: ItemTrait, errors: &mut Errors) -> Contract {
    let options = ContractOptions::parse(options, &item.ident, errors);
    let (ws, attributes) = sort_attributes(item.attrs, errors);
    check_head(&ws, &item.unsafety, &item.modifiers.auto_token, errors);
    let servable = !later::reject_generic_trait(&item.generics, errors);

    let scope = Scope { ident: &item.ident, wire_name: &options.name };
    let (mut methods, mut faulty) = (Vec::new(), Vec::new());
    for item in item.items {
        match parse_item(&scope, item, &methods, errors) {
            Ok(method) => methods.push(method),
            Err(item) => faulty.push(item),
        }
    }
    Contract {
        runtime: options.runtime,
        version: options.version,
        head: Head {
            cfgs: attributes.cfgs,
            attributes: [attributes.docs, attributes.others].concat(),
            visibility: item.vis,
            ident: item.ident,
            generics: item.generics.to_token_stream(),
            supertraits: item.supertraits.into_iter().collect(),
            where_clause: item.generics.where_clause,
        },
        methods,
        faulty,
        servable,
    }
}

fn check_head(ws: &[Attribute], unsafety: &impl ToTokens, auto: &impl ToTokens, errors: &mut Errors) {
    for attribute in ws {
        errors.on(attribute, "options of the trait go into its own attribute: `#[ws_service(..)]`");
    }
    if !unsafety.to_token_stream().is_empty() {
        errors.on(unsafety, "a contract is a safe trait: remove `unsafe`");
    }
    if !auto.to_token_stream().is_empty() {
        errors.on(auto, "a contract is implemented by hand: remove `auto`");
    }
}

fn parse_item(
    scope: &Scope<'_>,
    item: TraitItem,
    earlier: &[Method],
    errors: &mut Errors,
) -> Result<Method, TraitItem> {
    match item {
        TraitItem::Fn(item) => {
            let ParsedMethod { method, name_span } = parse_method(scope, item, errors)?;
            if let Some(other) = earlier.iter().find(|other| is_same_on_the_wire(other, &method)) {
                errors.at(
                    name_span,
                    format!(
                        "`{}` is `{}` on the wire already: give this method another name with `#[ws(name = \"…\")]`",
                        other.ident.unraw(),
                        other.wire_name
                    ),
                );
                return Err(faulty_method(method.item, method.attributes));
            }
            Ok(method)
        }
        TraitItem::Const(item) => {
            errors.on(
                &item.ident,
                "a contract has methods only: return the value from one in place of the constant",
            );
            Err(TraitItem::Const(item))
        }
        TraitItem::Type(item) => {
            errors.on(
                &item.ident,
                "a contract has methods only: write concrete types in place of the associated type",
            );
            Err(TraitItem::Type(item))
        }
        TraitItem::Macro(item) => {
            errors.on(&item.mac, "a contract must be readable as it stands: write the macro's methods out");
            Err(TraitItem::Macro(item))
        }
        item => {
            errors.on(
                &item,
                "a contract has methods only, and they have no visibility: write `async fn name(&self)`",
            );
            Err(TraitItem::Verbatim(TokenStream::new()))
        }
    }
}

/// Whether both methods may exist in one build with one wire name. Where conditions differ they may exclude each
/// other; if they do not, the method table refuses them when the provider is built.
fn is_same_on_the_wire(a: &Method, b: &Method) -> bool {
    let conditions = |method: &Method| {
        method.attributes.cfgs.iter().map(|cfg| source_text(cfg.to_token_stream())).collect::<Vec<_>>()
    };
    let (a_conditions, b_conditions) = (conditions(a), conditions(b));
    let may_exclude = !a_conditions.is_empty() && !b_conditions.is_empty() && a_conditions != b_conditions;
    a.wire_name == b.wire_name && !may_exclude
}
