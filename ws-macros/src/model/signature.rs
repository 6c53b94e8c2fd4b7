//! The signature that two sides compare.

use super::{Argument, Kind, Output, Upload, type_text};

/// Argument and return types as written: `(i64,i64)->i64`, or `(String)` for an event.
///
/// Only the layout of the source may change without changing this text: it is hashed into the fingerprint by which the
/// two sides of a connection find out that they were built from different contracts.
///
/// An upload of `T` is `stream T` among the arguments, and a stream of values the same in place of the value.
pub(crate) fn signature_text(arguments: &[Argument], upload: Option<&Upload>, kind: &Kind) -> String {
    let mut types: Vec<String> = arguments.iter().map(|argument| type_text(&argument.ty)).collect();
    if let Some(Upload { item, position, .. }) = upload {
        types.insert(*position, format!("stream {}", type_text(item)));
    }
    let arguments = types.join(",");
    match kind {
        Kind::Call { output: Output::Stream(stream), .. } => {
            let error = stream.error.as_ref().map(|error| format!(",{}", type_text(error)));
            format!("({arguments})->stream {}{}", type_text(&stream.item), error.unwrap_or_default())
        }
        Kind::Call { output, .. } => format!("({arguments})->{}", type_text(output.written())),
        Kind::Event { .. } => format!("({arguments})"),
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;
    use crate::model::Queueing;

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
        assert_eq!(signature_text(&arguments, None, &call(parse_quote!(i64))), "(i64,Vec<u8>)->i64");
        assert_eq!(signature_text(&[], None, &call(parse_quote!(()))), "()->()");
    }

    #[test]
    fn an_event_has_arguments_only() {
        let event = Kind::Event { concurrent: false };
        assert_eq!(signature_text(&[argument(parse_quote!(String))], None, &event), "(String)");
        assert_eq!(signature_text(&[], None, &event), "()");
    }
}
