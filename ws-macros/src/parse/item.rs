//! What the attribute stands on.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, ItemTrait, Token, Visibility};

/// The attribute does not stand on a trait.
pub(crate) struct NotATrait {
    pub(crate) error: syn::Error,
    /// The item as it was, where it is an item at all.
    pub(crate) item: TokenStream,
}

/// Reads the trait.
pub(crate) fn parse_trait(item: TokenStream) -> Result<ItemTrait, NotATrait> {
    match other_item.parse2(item.clone()) {
        Ok(Some(span)) => {
            let message = "`#[ws_service]` goes on a trait: \
                 `#[ws_service] pub trait Calculator { async fn add(&self, a: i64, b: i64) -> i64; }`";
            Err(NotATrait { error: syn::Error::new(span, message), item })
        }
        Ok(None) | Err(_) => syn::parse2(item).map_err(|error| NotATrait { error, item: TokenStream::new() }),
    }
}

/// Where an item that is no trait says what it is: its keyword.
fn other_item(input: ParseStream<'_>) -> syn::Result<Option<Span>> {
    input.call(Attribute::parse_outer)?;
    input.parse::<Visibility>()?;
    let span = input.span();
    input.parse::<Option<Token![unsafe]>>()?;
    input.parse::<Option<Token![auto]>>()?;
    let is_trait = input.peek(Token![trait]);
    input.parse::<TokenStream>()?;
    Ok((!is_trait).then_some(span))
}
