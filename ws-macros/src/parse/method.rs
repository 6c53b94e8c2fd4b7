//! One method of a contract.

use proc_macro2::Span;
use syn::{Ident, TraitItem, TraitItemFn};

use super::arguments::Arguments;
use super::attributes::sort_attributes;
use super::later;
use super::method_options::MethodOptions;
use super::output::parse_kind;
use super::qualifiers::check_qualifiers;
use super::receiver::check_receiver;
use super::recover::faulty_method;
use super::wire_name::default_wire_name;
use crate::errors::Errors;
use crate::model::Method;

/// What every remote has of its own.
const REMOTE_METHODS: [&str; 6] = ["METHODS", "clone", "from_peer", "methods", "peer", "with"];

/// What a method needs to know of its trait.
pub(super) struct Scope<'a> {
    pub(super) ident: &'a Ident,
    pub(super) wire_name: &'a str,
}

/// A method, and where its wire name is written.
pub(super) struct ParsedMethod {
    pub(super) method: Method,
    pub(super) name_span: Span,
}

/// Reads a method; one with a mistake in it comes back as what stays of it in the trait.
pub(super) fn parse_method(
    scope: &Scope<'_>,
    mut item: TraitItemFn,
    all_errors: &mut Errors,
) -> Result<ParsedMethod, Box<TraitItem>> {
    let mut errors = Errors::default();
    let (options, attributes) = sort_attributes(std::mem::take(&mut item.attrs), &mut errors);
    let options = MethodOptions::parse(&options, &mut errors);

    // The rules of this version say nothing sensible on a kind of method that it does not know.
    let later = options.later || later::reject_kind(&item.sig, &mut errors);
    let parts = (!later).then(|| {
        check_name(scope, &item.sig.ident, &mut errors);
        check_qualifiers(&item.sig, &mut errors);
        check_receiver(&item.sig, &mut errors);
        (Arguments::parse(&item.sig, &mut errors), parse_kind(&item.sig, &options, &mut errors))
    });
    let (arguments, kind) = match parts {
        Some(parts) if errors.is_empty() => parts,
        _ => {
            all_errors.append(errors);
            return Err(Box::new(faulty_method(item, attributes)));
        }
    };

    let ident = item.sig.ident.clone();
    let (name, name_span) = match options.name {
        Some(name) => (name.value(), name.span()),
        None => (default_wire_name(&ident), ident.span()),
    };
    let method = Method {
        wire_name: format!("{}.{name}", scope.wire_name),
        ident,
        attributes,
        item,
        context: arguments.context,
        arguments: arguments.travelling,
        kind,
        spawn: options.spawn,
    };
    Ok(ParsedMethod { method, name_span })
}

fn check_name(scope: &Scope<'_>, ident: &Ident, errors: &mut Errors) {
    let name = default_wire_name(ident);
    if REMOTE_METHODS.contains(&name.as_str()) {
        errors.at(
            ident.span(),
            format!(
                "`{}Remote` has a `{name}` of its own: rename the method; `#[ws(name = {name:?})]` keeps its wire name",
                scope.ident
            ),
        );
    }
}
