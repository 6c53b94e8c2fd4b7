//! What stands around a method's name and is not allowed there.

use syn::{GenericParam, Safety, Signature};

use crate::errors::Errors;

/// Reports what makes a method more, or less, than a plain `async fn`.
pub(super) fn check_qualifiers(signature: &Signature, is_plain: bool, errors: &mut Errors) {
    if signature.asyncness.is_none() && signature.constness.is_none() && !is_plain {
        let ident = &signature.ident;
        errors
            .on(signature.fn_token, format!("the methods of a contract are async: write `async fn {ident}`"));
    }
    if let Some(token) = &signature.constness {
        errors.on(token, "a method runs on the other side: write `async fn` in place of `const fn`");
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.on(token, "the other side cannot promise what `unsafe` asks for: remove `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi, "a method is called over the wire: remove `extern`");
    }
    let parameters = &signature.generics.params;
    if !parameters.is_empty() {
        let message = if parameters.iter().all(|parameter| matches!(parameter, GenericParam::Lifetime(_))) {
            "what travels owns its data: remove the lifetimes"
        } else {
            "a generic method has no single form on the wire: write concrete types, one method for each"
        };
        errors.on(parameters, message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        errors.on(clause, "a method has no where clause: remove it, its types are concrete");
    }
    if let Some(variadic) = &signature.variadic {
        errors.on(
            variadic.dots,
            "a method takes a fixed list of arguments: write `values: Vec<T>` in place of `...`",
        );
    }
}
