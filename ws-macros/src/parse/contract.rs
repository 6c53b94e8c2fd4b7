//! The whole trait.

use proc_macro2::TokenStream;
use syn::{GenericParam, Generics, ItemTrait};

use super::attributes::sort_attributes;
use super::contract_options::ContractOptions;
use super::method::{ParsedItem, Scope};
use super::trait_item::parse_trait_item;
use crate::errors::Errors;
use crate::model::{Contract, Head};

/// Reads an annotated trait. The contract holds what is right of it, `errors` get the rest.
pub(crate) fn parse_contract(options: TokenStream, item: ItemTrait, errors: &mut Errors) -> Contract {
    let options = ContractOptions::parse(options, &item.ident, errors);
    if let Some(token) = &item.unsafety {
        errors.on(token, "a contract is a safe trait: remove `unsafe`");
    }
    if let Some(token) = &item.modifiers.auto_token {
        errors.on(token, "a contract is implemented by hand: remove `auto`");
    }
    let (ws, attributes) = sort_attributes(item.attrs, errors);
    for attribute in ws {
        errors.on(attribute, "options of the trait go into its own attribute: `#[ws_service(..)]`");
    }
    let servable = check_generics(&item.generics, errors);

    let scope = Scope { ident: &item.ident, wire_name: &options.name };
    let (mut methods, mut nested, mut faulty) = (Vec::new(), Vec::new(), Vec::new());
    for item in item.items {
        match parse_trait_item(&scope, item, &methods, &nested, errors) {
            Ok(ParsedItem::Method(method)) => methods.push(*method),
            Ok(ParsedItem::Nested(contract)) => nested.push(*contract),
            Err(item) => faulty.push(*item),
        }
    }
    Contract {
        runtime: options.runtime,
        name: options.name,
        version: options.version,
        head: Head {
            cfgs: attributes.cfgs,
            attributes: [attributes.docs, attributes.others].concat(),
            visibility: item.vis,
            ident: item.ident,
            generics: item.generics,
            supertraits: item.supertraits.into_iter().collect(),
        },
        methods,
        nested,
        faulty,
        servable,
    }
}

/// Types and constants may differ from one use of a contract to the next; what travels owns its data.
fn check_generics(generics: &Generics, errors: &mut Errors) -> bool {
    let lifetimes = generics.params.iter().filter(|parameter| matches!(parameter, GenericParam::Lifetime(_)));
    let mut none = true;
    for lifetime in lifetimes {
        errors.on(lifetime, "what travels owns its data: remove the lifetime");
        none = false;
    }
    none
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};
    use syn::parse_quote;

    use super::*;
    use crate::model::{Kind, Output, source_text};

    fn parse(options: TokenStream, item: ItemTrait) -> (Contract, Vec<String>) {
        let mut errors = Errors::default();
        let contract = parse_contract(options, item, &mut errors);
        (contract, errors.messages())
    }

    #[test]
    fn options_and_their_defaults() {
        let item: ItemTrait = parse_quote!(
            trait A {
                async fn f(&self);
            }
        );
        let (contract, errors) = parse(TokenStream::new(), item.clone());
        assert_eq!(errors, [""; 0]);
        assert_eq!((contract.methods[0].wire_name.as_str(), contract.version), ("A.f", 1));
        assert_eq!(source_text(contract.runtime.to_token_stream()), "::ws_core");

        let (contract, errors) = parse(quote!(name = "a", version = 3, crate = crate), item);
        assert_eq!(errors, [""; 0]);
        assert_eq!((contract.methods[0].wire_name.as_str(), contract.version), ("a.f", 3));
        assert_eq!(source_text(contract.runtime.to_token_stream()), "crate");
    }

    #[test]
    fn a_call_with_everything() {
        let (contract, errors) = parse(
            TokenStream::new(),
            parse_quote!(
                trait A {
                    /// Docs.
                    #[cfg(unix)]
                    #[inline]
                    #[ws(name = "g", timeout = "5s", spawn, idempotent)]
                    async fn f(&self, ctx: &k::CallContext, a: u8, r#b: Vec<u8>) -> Result<u8, String>;
                }
            ),
        );
        assert_eq!(errors, [""; 0]);
        let method = &contract.methods[0];
        assert_eq!(method.wire_name, "A.g");
        assert!(method.context && method.spawn);
        assert_eq!(method.arguments.len(), 2);
        assert_eq!(
            (method.attributes.cfgs.len(), method.attributes.docs.len(), method.attributes.others.len()),
            (1, 1, 1)
        );
        let Kind::Call { output: Output::Fallible { .. }, timeout_ms: Some(5_000), idempotent: true, .. } =
            &method.kind
        else {
            panic!("a call that may fail");
        };
    }

    #[test]
    fn an_event() {
        let (contract, errors) = parse(
            TokenStream::new(),
            parse_quote!(
                trait A {
                    #[ws(event)]
                    #[ws(concurrent)]
                    async fn f(&self) -> ();
                }
            ),
        );
        assert_eq!(errors, [""; 0]);
        assert!(matches!(contract.methods[0].kind, Kind::Event { concurrent: true }));
    }

    #[test]
    fn what_is_right_stays_beside_what_is_wrong() {
        let (contract, errors) = parse(
            quote!(version = 0),
            parse_quote!(
                trait A {
                    async fn good(&self);
                    async fn bad(self, a: &str);
                    const C: u8;
                }
            ),
        );
        assert_eq!(errors.len(), 4);
        assert_eq!((contract.methods.len(), contract.faulty.len(), contract.servable), (1, 2, true));
    }

    #[test]
    fn one_wire_name_twice_unless_conditions_may_exclude_each_other() {
        let twice = |first: TokenStream, second: TokenStream| {
            parse(
                TokenStream::new(),
                parse_quote!(
                    trait A {
                        #first
                        async fn f(&self);
                        #second
                        #[ws(name = "f")]
                        async fn g(&self);
                    }
                ),
            )
            .1
            .len()
        };
        assert_eq!(twice(quote!(), quote!()), 1);
        assert_eq!(twice(quote!(#[cfg(unix)]), quote!()), 1);
        assert_eq!(twice(quote!(#[cfg(unix)]), quote!(#[cfg(unix)])), 1);
        assert_eq!(twice(quote!(#[cfg(unix)]), quote!(#[cfg(windows)])), 0);
    }
}
