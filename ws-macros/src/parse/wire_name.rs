//! The names that travel.

use syn::ext::IdentExt;
use syn::{Ident, LitStr};

/// The wire name of something that was given none: its identifier, without `r#`.
pub(crate) fn default_wire_name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Checks a name that the user chose.
pub(crate) fn check_wire_name(literal: &LitStr) -> syn::Result<String> {
    let name = literal.value();
    if name.is_empty() {
        return Err(syn::Error::new(literal.span(), "a name is not empty: write one, or remove `name`"));
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-/:.".contains(*c))) {
        Some(wrong) => Err(syn::Error::new(
            literal.span(),
            format!("a name consists of ASCII letters, digits, `_`, `-`, `/`, `:` and `.`: remove {wrong:?}"),
        )),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn check(name: &str) -> Result<String, String> {
        check_wire_name(&LitStr::new(name, Span::call_site())).map_err(|error| error.to_string())
    }

    #[test]
    fn names_that_travel() {
        for name in ["add", "Add2", "calc/v2:add-all_of.them", "_", "7"] {
            assert_eq!(check(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn names_that_do_not() {
        for name in ["", " ", "a b", "größe", "a\0", "a#b", "a\n"] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("a b").is_err_and(|message| message.ends_with("remove ' '")));
    }

    #[test]
    fn raw_identifiers_lose_their_mark() {
        assert_eq!(default_wire_name(&syn::parse_quote!(r#type)), "type");
    }
}
