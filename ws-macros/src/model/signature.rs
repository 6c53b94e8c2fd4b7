//! The signature that two sides compare.

use super::{Argument, Kind, type_text};

/// Argument and return types as written: `(i64,i64)->i64`, or `(String)` for an event.
///
/// Only the layout of the source may change without changing this text: it is hashed into the fingerprint by which the
/// two sides of a connection find out that they were built from different contracts.
pub(crate) fn signature_text(arguments: &[Argument], kind: &Kind) -> String {
    let types: Vec<String> = arguments.iter().map(|argument| type_text(&argument.ty)).collect();
    let arguments = types.join(",");
    match kind {
        Kind::Call { output, .. } => format!("({arguments})->{}", type_text(output.written())),
        Kind::Event { .. } => format!("({arguments})"),
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;
    use crate::model::{Output, Queueing};

    fn argument(ty: syn::Type) -> Argument {
        Argument { ident: parse_quote!(argument), ty }
    }

    fn call(returned: syn::Type) -> Kind {
        Kind::Call {
            output: Output::Value(Box::new(returned)),
            timeout_ms: None,
            queueing: Queueing::None,
            idempotent: false,
        }
    }

    #[test]
    fn a_call_has_both_halves() {
        let arguments = [argument(parse_quote!(i64)), argument(parse_quote!(Vec<u8>))];
        assert_eq!(signature_text(&arguments, &call(parse_quote!(i64))), "(i64,Vec<u8>)->i64");
        assert_eq!(signature_text(&[], &call(parse_quote!(()))), "()->()");
    }

    #[test]
    fn an_event_has_arguments_only() {
        let event = Kind::Event { concurrent: false };
        assert_eq!(signature_text(&[argument(parse_quote!(String))], &event), "(String)");
        assert_eq!(signature_text(&[], &event), "()");
    }
}
