//! `&self`, and nothing else.

use syn::{ReceiverKind, Signature};

use crate::errors::Errors;

/// Reports any receiver but `&self`.
pub(super) fn check_receiver(signature: &Signature, errors: &mut Errors) {
    let Some(receiver) = signature.receiver() else {
        errors.on(
            &signature.ident,
            format!("a method is called on a provider: write `{}(&self, ..)`", signature.ident),
        );
        return;
    };
    let message = match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => return,
        ReceiverKind::Reference(_, _, Some(_)) => {
            "calls run concurrently on one provider: write `&self`, and keep what changes behind a lock"
        }
        ReceiverKind::Reference(_, Some(_), None) => "the receiver has no lifetime: write `&self`",
        ReceiverKind::Value => "a provider is used again by the next call: write `&self`",
        _ => "the receiver is borrowed from the provider: write `&self`",
    };
    errors.on(receiver, message);
}
