//! `#[ws(nested)] fn scientific(&self) -> &impl Scientific;`

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{FnArg, Ident, Path, PathArguments, ReturnType, Signature, TraitBound, Type, TypeParamBound};

use super::option_list::parse_options;
use crate::errors::Errors;

const EXAMPLE: &str = "&impl Contract";

/// Whether a method's signature is that of a nested contract, whatever its options say.
pub(super) fn looks_nested(signature: &Signature) -> bool {
    let ReturnType::Type(_, returned) = &signature.output else { return false };
    matches!(&**returned, Type::Reference(reference) if matches!(strip(&reference.elem), Type::ImplTrait(_)))
}

/// Reads the signature of a contract nested in `outer`; gives its remote.
pub(super) fn parse_nested(
    outer: &Ident,
    signature: &Signature,
    given: Option<Path>,
    errors: &mut Errors,
) -> Option<Path> {
    if let Some(token) = &signature.asyncness {
        errors.on(token, "a nested contract is at hand, nothing is awaited: remove `async`");
    }
    for input in &signature.inputs {
        if let FnArg::Typed(input) = input {
            errors.on(input, "a nested contract is one for all calls: remove the argument");
        }
    }
    let bound = bound(signature, errors)?;
    if bound.path.segments.len() == 1 && bound.path.segments[0].ident == *outer {
        errors.on(&bound.path, "a contract inside itself would have no end: write another one");
        return None;
    }
    Some(remote(bound, given))
}

/// Reads `remote = path::ScientificRemote`.
pub(super) fn parse_remote(tokens: TokenStream, errors: &mut Errors) -> Option<Path> {
    let mut options = Vec::new();
    parse_options(tokens, &mut options, errors);
    let mut remote = None;
    for option in &options {
        if option.key == "remote" {
            remote = errors.keep(option.type_path("path::ScientificRemote"));
        } else {
            let message =
                format!("there is no option `{}` of `nested(..)`: write `nested(remote = path)`", option.key);
            errors.push(option.error(message));
        }
    }
    remote
}

fn bound<'a>(signature: &'a Signature, errors: &mut Errors) -> Option<&'a TraitBound> {
    let wrong = format!("a nested contract is borrowed from this one: write `-> {EXAMPLE}`");
    let ReturnType::Type(_, returned) = &signature.output else {
        errors.on(&signature.ident, wrong);
        return None;
    };
    let Type::Reference(reference) = strip(returned) else {
        errors.on(returned, wrong);
        return None;
    };
    if reference.mutability.is_some() || reference.lifetime.is_some() {
        errors.on(reference, wrong);
        return None;
    }
    let Type::ImplTrait(contract) = strip(&reference.elem) else {
        errors.on(&reference.elem, wrong);
        return None;
    };
    let mut bounds = contract.bounds.iter();
    match (bounds.next(), bounds.next()) {
        (Some(TypeParamBound::Trait(bound)), None) if bound.lifetimes.is_none() && bound.maybe.is_none() => {
            Some(bound)
        }
        _ => {
            let message =
                "a nested contract is `Send + Sync + 'static` as it is: write the one contract alone";
            errors.on(&contract.bounds, message);
            None
        }
    }
}

/// `path::Scientific<A>` as `path::ScientificRemote<A>`, unless another path is given.
fn remote(bound: &TraitBound, given: Option<Path>) -> Path {
    let arguments = bound.path.segments.last().map(|last| last.arguments.clone()).unwrap_or_default();
    let renames = given.is_none();
    let mut remote = given.unwrap_or_else(|| bound.path.clone());
    if let Some(last) = remote.segments.last_mut() {
        if renames {
            last.ident = format_ident!("{}Remote", last.ident.unraw(), span = last.ident.span());
        }
        if matches!(last.arguments, PathArguments::None) {
            last.arguments = arguments;
        }
    }
    remote
}

/// Without the group around what a `macro_rules!` variable stood for, and without parentheses.
fn strip(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => strip(&group.elem),
        Type::Paren(paren) => strip(&paren.elem),
        ty => ty,
    }
}
