//! What stays of a method with a mistake in it.

use quote::quote;
use syn::{FnArg, Pat, TraitItem, TraitItemFn, parse_quote};

use crate::model::Attributes;

/// The method as the trait keeps it: as written, without what the compiler would report a second time.
pub(super) fn faulty_method(mut item: TraitItemFn, attributes: Attributes) -> TraitItem {
    item.attrs = [attributes.cfgs, attributes.docs, attributes.others].concat();
    item.attrs.push(parse_quote!(#[allow(async_fn_in_trait)]));
    item.sig.constness = None;
    item.sig.variadic = None;
    if item.default.is_none() {
        for input in &mut item.sig.inputs {
            unname(input);
        }
    }
    TraitItem::Fn(item)
}

/// A method without a body has names for its arguments, not patterns.
fn unname(input: &mut FnArg) {
    match input {
        FnArg::Receiver(receiver) => receiver.mutability = None,
        FnArg::Typed(typed) => {
            typed.attrs.clear();
            *typed.pat = Pat::Verbatim(quote!(_));
        }
    }
}
