//! What a method returns.

use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type, parse_quote};

use super::method_options::MethodOptions;
use super::owned::{Place, check_owned};
use super::stream::parse_stream;
use crate::errors::Errors;
use crate::model::{Kind, Output};

/// A call or an event, by its options, and what it returns.
pub(super) fn parse_kind(signature: &Signature, options: &MethodOptions, errors: &mut Errors) -> Kind {
    let returned = &signature.output;
    if options.event {
        if let ReturnType::Type(_, ty) = returned {
            if !is_unit(ty) {
                errors.on(
                    ty,
                    "an event has no reply: remove the return type, or remove `event` to make the method a call",
                );
            }
        }
        return Kind::Event { concurrent: options.concurrent };
    }
    if let Some(stream) = parse_stream(signature, errors) {
        let MethodOptions { timeout_ms, queueing, idempotent, .. } = *options;
        return Kind::Call { output: Output::Stream(Box::new(stream)), timeout_ms, queueing, idempotent };
    }
    let output = match returned {
        ReturnType::Default => Output::Value(parse_quote!(())),
        ReturnType::Type(_, ty) => {
            // `fn add() -> impl Future<..>` is one mistake, and reported as a function that is not async.
            if signature.asyncness.is_some() || !matches!(**ty, Type::ImplTrait(_)) {
                check_owned(ty, Place::Returned, errors);
            }
            parse_output(ty)
        }
    };
    let MethodOptions { timeout_ms, queueing, idempotent, .. } = *options;
    Kind::Call { output, timeout_ms, queueing, idempotent }
}

/// `Result<value, error>` by any path is the outcome of a call; anything else is a value.
fn parse_output(written: &Type) -> Output {
    match result_arguments(written) {
        Some((value, error)) => Output::Fallible {
            written: Box::new(written.clone()),
            value: Box::new(value.clone()),
            error: Box::new(error.clone()),
        },
        None => Output::Value(Box::new(written.clone())),
    }
}

pub(super) fn result_arguments(ty: &Type) -> Option<(&Type, &Type)> {
    let path = match ty {
        Type::Path(ty) if ty.qself.is_none() => &ty.path,
        Type::Group(group) => return result_arguments(&group.elem),
        _ => return None,
    };
    let last = path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(list) = &last.arguments else { return None };
    let mut arguments = list.args.iter();
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(value)), Some(GenericArgument::Type(error)), None) => {
            Some((value, error))
        }
        _ => None,
    }
}

fn is_unit(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        Type::Group(group) => is_unit(&group.elem),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fallible(source: &str) -> bool {
        matches!(parse_output(&syn::parse_str(source).expect("a type")), Output::Fallible { .. })
    }

    #[test]
    fn results_are_known_by_name_and_arity() {
        assert!(is_fallible("Result<i64, E>"));
        assert!(is_fallible("::core::result::Result<(), Vec<E>>"));
        for ty in [
            "Result<i64>",
            "io::Result<()>",
            "Results<A, B>",
            "(A, B)",
            "Option<Result<A, B>>",
            "<A as B>::Result<C, D>",
        ] {
            assert!(!is_fallible(ty), "{ty}");
        }
    }
}
