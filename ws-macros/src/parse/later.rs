//! What belongs to a contract but not to this version yet. Each rule here goes when its feature comes.

use std::fmt;

use syn::{Path, ReturnType, Signature, Type, TypeParamBound};

use crate::errors::Errors;

/// What a person reads who is ahead of this version.
pub(super) fn not_yet(what: impl fmt::Display) -> String {
    format!("{what} is not supported by this version of ws-service")
}

/// Whether an argument is a stream.
pub(super) fn is_streaming(path: &Path) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == "Streaming")
}

/// Whether the method returns a stream, which is reported.
pub(super) fn reject_kind(signature: &Signature, errors: &mut Errors) -> bool {
    let ReturnType::Type(_, returned) = &signature.output else { return false };
    match &**returned {
        Type::ImplTrait(returned) if returned.bounds.iter().any(is_stream) => {
            let message = not_yet("a method that returns a stream");
            errors.on(returned, format!("{message}: return a `Vec`, or send events"));
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
