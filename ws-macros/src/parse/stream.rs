//! `-> impl Stream<Item = T>`, `-> Result<impl Stream<Item = T>, E>` and `-> impl Stream<Item = Result<T, E>>`.

use quote::ToTokens;
use syn::{
    AssocType, GenericArgument, PathArguments, ReturnType, Signature, TraitBound, Type, TypeImplTrait,
    TypeParamBound, parse_quote,
};

use super::arguments::Arguments;
use super::output::result_arguments;
use super::owned::{Place, check_owned};
use crate::errors::Errors;
use crate::model::{Kind, StreamOutput, type_text};

/// Whether a method returns a stream, so that it needs not be async.
pub(super) fn looks_streaming(signature: &Signature) -> bool {
    find(signature).is_some()
}

/// The stream that a method returns, if it returns one.
pub(super) fn parse_stream(signature: &Signature, errors: &mut Errors) -> Option<StreamOutput> {
    let (stream, opening_error) = find(signature)?;
    let bound = stream.bounds.iter().find_map(stream_bound)?;
    let Some(streamed) = item(bound) else {
        errors.on(bound, "say what is streamed: write `impl Stream<Item = T>`");
        return None;
    };
    let (item, item_error) = match result_arguments(streamed) {
        Some((value, error)) => (value, Some(error)),
        None => (streamed, None),
    };
    for ty in [Some(item), item_error, opening_error].into_iter().flatten() {
        check_owned(ty, Place::Returned, errors);
    }
    if let (Some(of_item), Some(of_opening)) = (item_error, opening_error) {
        if type_text(of_item) != type_text(of_opening) {
            errors.on(
                of_item,
                format!("a stream fails with one type of error: write `{}`", type_text(of_opening)),
            );
        }
    }
    Some(StreamOutput {
        written: written(signature, stream),
        item: item.clone(),
        error: item_error.or(opening_error).cloned(),
        opening_fails: opening_error.is_some(),
        items_fail: item_error.is_some(),
        awaited: signature.asyncness.is_some(),
    })
}

/// What a method that streams cannot be as well.
pub(super) fn check_streams(arguments: &Arguments, kind: &Kind, errors: &mut Errors) {
    if let (Some(upload), Kind::Event { .. }) = (&arguments.upload, kind) {
        errors.on(&upload.ident, "an event has no end to stream until: remove `event`, or the stream");
    }
}

/// The `impl Stream`, and the error of the `Result` that it may stand in.
fn find(signature: &Signature) -> Option<(&TypeImplTrait, Option<&Type>)> {
    let ReturnType::Type(_, returned) = &signature.output else { return None };
    if let Some(stream) = impl_stream(returned) {
        return Some((stream, None));
    }
    let (value, error) = result_arguments(returned)?;
    Some((impl_stream(value)?, Some(error)))
}

fn impl_stream(ty: &Type) -> Option<&TypeImplTrait> {
    match ty {
        Type::ImplTrait(ty) => ty.bounds.iter().any(|bound| stream_bound(bound).is_some()).then_some(ty),
        Type::Group(group) => impl_stream(&group.elem),
        Type::Paren(paren) => impl_stream(&paren.elem),
        _ => None,
    }
}

fn stream_bound(bound: &TypeParamBound) -> Option<&TraitBound> {
    match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|segment| segment.ident == "Stream").then_some(bound)
        }
        _ => None,
    }
}

fn item(bound: &TraitBound) -> Option<&Type> {
    let PathArguments::AngleBracketed(list) = &bound.path.segments.last()?.arguments else { return None };
    list.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Item" => Some(ty),
        _ => None,
    })
}

/// The returned type with `Send` among the stream's bounds.
fn written(signature: &Signature, stream: &TypeImplTrait) -> Type {
    let ReturnType::Type(_, returned) = &signature.output else { return parse_quote!(()) };
    let has_send = stream.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|segment| segment.ident == "Send")
        }
        _ => false,
    });
    if has_send {
        return (**returned).clone();
    }
    let mut sent = stream.clone();
    sent.bounds.push(parse_quote!(::core::marker::Send));
    if impl_stream(returned).is_some() {
        return Type::ImplTrait(sent);
    }
    let (_, error) = result_arguments(returned).unzip();
    let mut path: syn::TypePath = match syn::parse2(returned.to_token_stream()) {
        Ok(path) => path,
        Err(_) => return (**returned).clone(),
    };
    if let Some(last) = path.path.segments.last_mut() {
        last.arguments = PathArguments::AngleBracketed(parse_quote!(<#sent, #error>));
    }
    Type::Path(path)
}
