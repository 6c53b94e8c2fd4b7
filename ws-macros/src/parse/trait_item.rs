//! What stands between the braces: methods, and nothing else.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::TraitItem;
use syn::ext::IdentExt;

use super::method::{ParsedMethod, Scope, parse_method};
use super::recover::faulty_method;
use crate::errors::Errors;
use crate::model::{Method, source_text};

/// Reads one item of a trait; one with a mistake in it comes back as the trait keeps it.
pub(super) fn parse_trait_item(
    scope: &Scope<'_>,
    item: TraitItem,
    earlier: &[Method],
    errors: &mut Errors,
) -> Result<Method, Box<TraitItem>> {
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
    let ParsedMethod { method, name_span } = parse_method(scope, item, errors)?;
    match earlier.iter().find(|other| is_same_on_the_wire(other, &method)) {
        None => Ok(method),
        Some(other) => {
            errors.at(
                name_span,
                format!(
                    "`{}` is `{}` on the wire already: give this method another name with `#[ws(name = \"…\")]`",
                    other.ident.unraw(),
                    other.wire_name
                ),
            );
            Err(Box::new(faulty_method(method.item, method.attributes)))
        }
    }
}

/// Whether both methods may exist in one build with one wire name. Where conditions differ they may exclude each
/// other; if they do not, the method table refuses them when the provider is built.
fn is_same_on_the_wire(a: &Method, b: &Method) -> bool {
    let (a_conditions, b_conditions) = (conditions(a), conditions(b));
    let may_exclude = !a_conditions.is_empty() && !b_conditions.is_empty() && a_conditions != b_conditions;
    a.wire_name == b.wire_name && !may_exclude
}

fn conditions(method: &Method) -> Vec<String> {
    method.attributes.cfgs.iter().map(|cfg| source_text(cfg.to_token_stream())).collect()
}
