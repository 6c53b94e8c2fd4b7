//! The options of `#[ws_service(..)]` and `#[ws(..)]`: `key`, `key = value` or `key(..)`, separated by commas.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{LitInt, LitStr, Token, parenthesized};

use crate::errors::Errors;

/// One option, its value not read yet.
#[derive(Debug)]
pub(crate) struct OptionSyntax {
    pub(crate) key: Ident,
    value: Value,
}

#[derive(Debug)]
enum Value {
    None,
    Assigned(TokenStream),
    Listed(TokenStream),
}

/// Adds the options in `tokens` to `options`; one that is there already is a mistake.
pub(crate) fn parse_options(tokens: TokenStream, options: &mut Vec<OptionSyntax>, errors: &mut Errors) {
    for tokens in split_at_commas(tokens) {
        let Some(option) = errors.keep(parse_option.parse2(tokens)) else { continue };
        if options.iter().any(|other| other.key == option.key) {
            errors.on(&option.key, format!("`{}` is given twice: remove one of them", option.key));
        } else {
            options.push(option);
        }
    }
}

/// One list for each option, so that a mistake in one hides none in the next.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut lists = vec![TokenStream::new()];
    for token in tokens {
        match (&token, lists.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => lists.push(TokenStream::new()),
            (_, Some(list)) => list.extend([token]),
            (_, None) => {}
        }
    }
    lists.retain(|list| !list.is_empty());
    lists
}

fn parse_option(input: ParseStream<'_>) -> syn::Result<OptionSyntax> {
    let key = input
        .call(Ident::parse_any)
        .map_err(|error| syn::Error::new(error.span(), "expected an option: `key` or `key = value`"))?;
    let value = if input.is_empty() {
        Value::None
    } else if input.peek(syn::token::Paren) {
        let list;
        parenthesized!(list in input);
        Value::Listed(list.parse()?)
    } else if input.parse::<Option<Token![=]>>()?.is_some() {
        Value::Assigned(input.parse()?)
    } else {
        return Err(
            input.error(format!("expected `{key}`, `{key} = value`, or a comma before the next option"))
        );
    };
    Ok(OptionSyntax { key, value })
}

impl OptionSyntax {
    /// `true`, for an option that stands alone.
    pub(crate) fn flag(&self) -> syn::Result<bool> {
        match self.value {
            Value::None => Ok(true),
            Value::Assigned(_) | Value::Listed(_) => {
                Err(self.error(format!("`{0}` takes no value: write `{0}`", self.key)))
            }
        }
    }

    /// What stands in the parentheses; nothing for an option that stands alone.
    pub(crate) fn list(&self, example: &str) -> syn::Result<TokenStream> {
        match &self.value {
            Value::None => Ok(TokenStream::new()),
            Value::Listed(tokens) => Ok(tokens.clone()),
            Value::Assigned(_) => {
                Err(self.error(format!("`{0}` takes no value: write `{0}`, or `{example}`", self.key)))
            }
        }
    }

    /// The string after `=`.
    pub(crate) fn string(&self, example: &str) -> syn::Result<LitStr> {
        self.assigned(&format!("a string: `{} = {example:?}`", self.key))
    }

    /// The integer after `=`.
    pub(crate) fn integer(&self, example: u32) -> syn::Result<LitInt> {
        self.assigned(&format!("an integer: `{} = {example}`", self.key))
    }

    /// The path after `=`.
    pub(crate) fn path(&self, example: &str) -> syn::Result<syn::Path> {
        let expected = format!("a path: `{} = {example}`", self.key);
        syn::Path::parse_mod_style
            .parse2(self.value_tokens(&expected)?)
            .map_err(|error| syn::Error::new(error.span(), format!("`{}` takes {expected}", self.key)))
    }

    /// The type's path after `=`.
    pub(crate) fn type_path(&self, example: &str) -> syn::Result<syn::Path> {
        self.assigned(&format!("a type: `{} = {example}`", self.key))
    }

    fn assigned<T: syn::parse::Parse>(&self, expected: &str) -> syn::Result<T> {
        let tokens = self.value_tokens(expected)?;
        syn::parse2(tokens.clone())
            .map_err(|_| syn::Error::new_spanned(tokens, format!("`{}` takes {expected}", self.key)))
    }

    fn value_tokens(&self, expected: &str) -> syn::Result<TokenStream> {
        match &self.value {
            Value::Assigned(tokens) if !tokens.is_empty() => Ok(tokens.clone()),
            _ => Err(self.error(format!("`{}` takes {expected}", self.key))),
        }
    }

    /// A mistake on the option's name.
    pub(crate) fn error(&self, message: impl std::fmt::Display) -> syn::Error {
        syn::Error::new(self.key.span(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str) -> (Vec<OptionSyntax>, Vec<String>) {
        let (mut options, mut errors) = (Vec::new(), Errors::default());
        parse_options(source.parse().expect("tokens"), &mut options, &mut errors);
        (options, errors.messages())
    }

    #[test]
    fn the_three_forms_and_a_trailing_comma() {
        let (options, errors) = parse("event, name = \"add\", nested(remote = X), crate = a::b,");
        assert_eq!(errors, [""; 0]);
        let keys: Vec<String> = options.iter().map(|option| option.key.to_string()).collect();
        assert_eq!(keys, ["event", "name", "nested", "crate"]);
        assert!(options[0].flag().is_ok());
        assert_eq!(options[1].string("x").expect("a string").value(), "add");
        assert_eq!(options[3].path("x").expect("a path").segments.len(), 2);
    }

    #[test]
    fn every_mistake_is_reported() {
        let (options, errors) = parse("3, event, event, name \"x\"");
        assert_eq!(options.len(), 1);
        assert_eq!(errors.len(), 3);
        assert_eq!(errors[1], "`event` is given twice: remove one of them");
    }

    #[test]
    fn values_of_the_wrong_kind_say_what_is_right() {
        let (options, _) = parse("name = calc, version = \"2\", event = true, crate = 1, timeout");
        let message = |result: syn::Result<()>| result.expect_err("a mistake").to_string();
        assert_eq!(message(options[0].string("calc").map(drop)), "`name` takes a string: `name = \"calc\"`");
        assert_eq!(message(options[1].integer(2).map(drop)), "`version` takes an integer: `version = 2`");
        assert_eq!(message(options[2].flag().map(drop)), "`event` takes no value: write `event`");
        assert_eq!(message(options[3].path("a::b").map(drop)), "`crate` takes a path: `crate = a::b`");
        assert_eq!(
            message(options[4].string("5s").map(drop)),
            "`timeout` takes a string: `timeout = \"5s\"`"
        );
    }
}
