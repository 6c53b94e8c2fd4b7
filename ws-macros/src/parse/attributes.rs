//! Attributes sorted by where they go.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token, parse_quote};

use crate::errors::Errors;
use crate::model::Attributes;

/// Takes the `#[ws(..)]` attributes off and sorts the others.
pub(super) fn sort_attributes(
    attributes: Vec<Attribute>,
    errors: &mut Errors,
) -> (Vec<Attribute>, Attributes) {
    let mut options = Vec::new();
    let mut sorted = Attributes::default();
    for attribute in attributes {
        if attribute.path().is_ident("ws") {
            options.push(attribute);
        } else if attribute.path().is_ident("cfg_attr") {
            sort_conditional(attribute, &mut sorted, errors);
        } else {
            let place = place(&attribute.meta, &mut sorted);
            place.push(attribute);
        }
    }
    (options, sorted)
}

fn place<'a>(meta: &Meta, sorted: &'a mut Attributes) -> &'a mut Vec<Attribute> {
    let path = meta.path();
    if path.is_ident("cfg") {
        &mut sorted.cfgs
    } else if path.is_ident("doc") || path.is_ident("deprecated") {
        &mut sorted.docs
    } else {
        &mut sorted.others
    }
}

/// Sorts what a `#[cfg_attr(condition, ..)]` holds: it is still there, for the compiler evaluates those of a method
/// only after this macro.
fn sort_conditional(attribute: Attribute, sorted: &mut Attributes, errors: &mut Errors) {
    let Ok((condition, metas)) = conditional(&attribute) else {
        sorted.others.push(attribute);
        return;
    };
    for meta in metas {
        if meta.path().is_ident("ws") {
            errors.on(
                &meta,
                "`#[ws(..)]` cannot be conditional: write the method twice, each under a `#[cfg]`",
            );
            continue;
        }
        let place = place(&meta, sorted);
        place.push(parse_quote!(#[cfg_attr(#condition, #meta)]));
    }
}

fn conditional(attribute: &Attribute) -> syn::Result<(TokenStream, Punctuated<Meta, Token![,]>)> {
    let parser = |input: ParseStream<'_>| {
        let condition = input.parse::<Meta>()?.into_token_stream();
        input.parse::<Token![,]>()?;
        Ok((condition, Punctuated::parse_terminated(input)?))
    };
    parser.parse2(attribute.meta.require_list()?.tokens.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_goes_to_its_place() {
        let mut errors = Errors::default();
        let attributes = vec![
            parse_quote!(#[doc = "Adds."]),
            parse_quote!(#[cfg(unix)]),
            parse_quote!(#[ws(event)]),
            parse_quote!(#[allow(unused)]),
            parse_quote!(#[deprecated]),
            parse_quote!(#[cfg_attr(all(unix, windows), doc = "More.", inline, cfg(windows))]),
        ];
        let (options, sorted) = sort_attributes(attributes, &mut errors);
        assert_eq!((options.len(), sorted.cfgs.len(), sorted.docs.len(), sorted.others.len()), (1, 2, 3, 2));
        assert!(errors.is_empty());
    }

    #[test]
    fn options_are_not_conditional() {
        let mut errors = Errors::default();
        sort_attributes(vec![parse_quote!(#[cfg_attr(unix, ws(event))])], &mut errors);
        assert_eq!(errors.messages().len(), 1);
    }
}
