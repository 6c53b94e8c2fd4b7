//! What stands between the braces: methods, and nothing else.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::TraitItem;
use syn::ext::IdentExt;

use super::method::{ParsedItem, ParsedMethod, Scope, parse_method};
use super::recover::faulty_method;
use crate::errors::Errors;
use crate::model::{Attributes, Method, Nested, source_text};

/// Reads one item of a trait; one with a mistake in it comes back as the trait keeps it.
pub(super) fn parse_trait_item(
    scope: &Scope<'_>,
    item: TraitItem,
    methods: &[Method],
    nested: &[Nested],
    errors: &mut Errors,
) -> Result<ParsedItem, Box<TraitItem>> {
    match &item {
        TraitItem::Fn(_) => {}
        TraitItem::Const(item) => errors.on(
            &item.ident,
            "a contract has methods only: return the value from one in place of the constant",
        ),
        TraitItem::Type(item) => errors.on(
            &item.ident,
            "a contract has methods only: write concrete types in place of the associated type",
        ),
        TraitItem::Macro(item) => {
            errors.on(&item.mac, "a contract must be readable as it stands: write the macro's methods out");
        }
        other => {
            errors.on(
                other,
                "a contract has methods only, and they have no visibility: write `async fn name(&self)`",
            );
            return Err(Box::new(TraitItem::Verbatim(TokenStream::new())));
        }
    }
    let TraitItem::Fn(item) = item else { return Err(Box::new(item)) };
    let ParsedMethod { item, name_span } = parse_method(scope, item, errors)?;
    match item {
        ParsedItem::Method(method) => match mistake(&method, methods) {
            None => Ok(ParsedItem::Method(method)),
            Some((place, message)) => {
                errors.at(place.unwrap_or(name_span), message);
                Err(Box::new(faulty_method(method.item, method.attributes)))
            }
        },
        ParsedItem::Nested(contract) => {
            let other = nested.iter().find(|other| {
                other.field == contract.field && !may_exclude(&other.attributes, &contract.attributes)
            });
            let Some(other) = other else { return Ok(ParsedItem::Nested(contract)) };
            errors.at(name_span, on_the_wire(&other.ident, &other.field));
            Err(Box::new(faulty_method(contract.item, contract.attributes)))
        }
    }
}

/// What is wrong with a method beside those before it, and where, if not where its wire name is written.
fn mistake(method: &Method, earlier: &[Method]) -> Option<(Option<Span>, String)> {
    let mut beside = earlier.iter().filter(|other| !may_exclude(&other.attributes, &method.attributes));
    if let Some(other) = beside.clone().find(|other| other.wire_name == method.wire_name) {
        return Some((None, on_the_wire(&other.ident, &other.wire_name)));
    }
    // One name twice is the compiler's to report.
    let other = beside.find(|other| other.variant == method.variant && other.ident != method.ident)?;
    let message = format!(
        "`{}` is the variant `{}` already: rename this method; `#[ws(name = \"…\")]` keeps its wire name",
        other.ident.unraw(),
        other.variant
    );
    Some((Some(method.ident.span()), message))
}

fn on_the_wire(other: &syn::Ident, name: &str) -> String {
    format!(
        "`{}` is `{name}` on the wire already: give this method another name with `#[ws(name = \"…\")]`",
        other.unraw(),
    )
}

/// Whether the conditions of two methods may exclude each other. Where they differ and do not, the method table refuses
/// the two when the provider is built.
fn may_exclude(a: &Attributes, b: &Attributes) -> bool {
    let (a, b) = (conditions(a), conditions(b));
    !a.is_empty() && !b.is_empty() && a != b
}

fn conditions(attributes: &Attributes) -> Vec<String> {
    attributes.cfgs.iter().map(|cfg| source_text(cfg.to_token_stream())).collect()
}
