//! A method's name as that of an enum's variant.

use quote::format_ident;
use syn::Ident;
use syn::ext::IdentExt;

/// `say_hello` as `SayHello`, at the place of the method's own name. Underscores at either end stay, for they are there
/// to tell names apart: `self_` is `Self_`.
pub(crate) fn variant(method: &Ident) -> Ident {
    let written = method.unraw().to_string();
    let words = written.trim_matches('_');
    let begin = written.len() - written.trim_start_matches('_').len();
    let mut name = written[..begin].to_owned();
    for word in words.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.push_str(letters.as_str());
    }
    name.push_str(&written[begin + words.len()..]);
    format_ident!("{name}", span = method.span())
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn variants_are_words_without_underscores() {
        for (method, expected) in [
            ("add", "Add"),
            ("say_hello", "SayHello"),
            ("_private", "_Private"),
            ("a__b_", "AB_"),
            ("camelCase", "CamelCase"),
            ("self_", "Self_"),
            ("_1st", "_1st"),
            ("__", "__"),
            ("größe_ändern", "GrößeÄndern"),
            ("x2", "X2"),
        ] {
            assert_eq!(variant(&syn::parse_str(method).expect("an identifier")), expected, "{method}");
        }
        assert_eq!(variant(&parse_quote!(r#type)), "Type");
    }
}
