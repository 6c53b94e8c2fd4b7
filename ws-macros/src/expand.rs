//! The way through the three layers.

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;
use crate::generate::contract;
use crate::parse::{NotATrait, parse_contract, parse_trait};

/// Expands the attribute. Beside a mistake stands what could be generated all the same, so that the rest of the
/// user's program does not fail for the lack of it.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = match parse_trait(item) {
        Ok(item) => item,
        Err(NotATrait { error, item }) => {
            let error = error.into_compile_error();
            return quote!(#error #item);
        }
    };
    let mut errors = Errors::default();
    let contract = contract(&parse_contract(options, item, &mut errors));
    let errors = errors.into_compile_errors();
    quote!(#errors #contract)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand_text(options: &str, item: &str) -> (String, Vec<syn::Item>) {
        let expanded = expand(options.parse().expect("tokens"), item.parse().expect("tokens"));
        let text = expanded.to_string();
        (text, syn::parse2::<syn::File>(expanded).expect("what is generated is Rust").items)
    }

    #[test]
    fn a_contract_becomes_items() {
        let (text, items) = expand_text(
            "",
            "pub trait A { async fn f(&self, a: u8) -> u8; #[ws(event)] async fn e(&self); }",
        );
        assert!(!text.contains("compile_error"));
        assert!(!text.contains("ws (event)"));
        let structs: Vec<String> = items
            .iter()
            .filter_map(|item| match item {
                syn::Item::Struct(item) if matches!(item.vis, syn::Visibility::Public(_)) => {
                    Some(item.ident.to_string())
                }
                _ => None,
            })
            .collect();
        assert_eq!(structs, ["AProvider", "ARemote", "ABroadcast"]);
    }

    #[test]
    fn beside_a_mistake_stands_the_rest() {
        let (text, _) = expand_text("", "trait A { async fn bad(&mut self); async fn good(&self); }");
        assert_eq!(text.matches("compile_error").count(), 1);
        assert!(text.contains("AProvider"));
        assert!(text.contains("\"A.good\""));
        assert!(!text.contains("\"A.bad\""));
    }

    #[test]
    fn another_item_stays_as_it_was() {
        let (text, items) = expand_text("", "struct A;");
        assert!(text.contains("compile_error"));
        assert!(items.iter().any(|item| matches!(item, syn::Item::Struct(_))));
    }

    #[test]
    fn a_contract_of_nothing_is_one() {
        let (text, _) = expand_text("", "trait Empty {}");
        assert!(!text.contains("compile_error"));
    }
}
