//! What belongs to a contract but not to this version yet. Each rule here goes when its feature comes.

use std::fmt;

use syn::{Generics, Path, ReturnType, Signature, Type, TypeParamBound};

use crate::errors::Errors;

const METHOD_OPTIONS: [&str; 4] = ["nested", "serial", "busy", "latest"];

/// What a person reads who is ahead of this version.
pub(super) fn not_yet(what: impl fmt::Display) -> String {
    format!("{what} is not supported by this version of ws-service")
}

pub(super) fn is_method_option(key: &str) -> bool {
    METHOD_OPTIONS.contains(&key)
}

/// Whether an argument is a stream.
pub(super) fn is_streaming(path: &Path) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == "Streaming")
}

/// Whether the trait is generic, which is reported.
pub(super) fn reject_generic_trait(generics: &Generics, errors: &mut Errors) -> bool {
    let generic = !generics.params.is_empty();
    if generic {
        let message = not_yet("a generic contract");
        errors.on(&generics.params, format!("{message}: write concrete types"));
    }
    generic
}

/// Whether the method is of a kind of its own, a stream or a nested contract, which is reported.
pub(super) fn reject_kind(signature: &Signature, errors: &mut Errors) -> bool {
    let ReturnType::Type(_, returned) = &signature.output else { return false };
    match &**returned {
        Type::ImplTrait(returned) if returned.bounds.iter().any(is_stream) => {
            let message = not_yet("a method that returns a stream");
            errors.on(returned, format!("{message}: return a `Vec`, or send events"));
        }
        Type::Reference(returned) if matches!(*returned.elem, Type::ImplTrait(_)) => {
            let message = not_yet("a nested contract");
            errors.on(returned, format!("{message}: serve its methods in this trait"));
        }
        _ => return false,
    }
    true
}

fn is_stream(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|segment| segment.ident == "Stream")
        }
        _ => false,
    }
}
