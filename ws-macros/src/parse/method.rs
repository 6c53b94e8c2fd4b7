//! One method of a contract.

use proc_macro2::Span;
use syn::{Ident, TraitItem, TraitItemFn};

use super::arguments::Arguments;
use super::attributes::sort_attributes;
use super::method_options::MethodOptions;
use super::nested::{looks_nested, parse_nested};
use super::output::parse_kind;
use super::qualifiers::check_qualifiers;
use super::receiver::check_receiver;
use super::recover::faulty_method;
use super::stream::{check_streams, looks_streaming};
use super::wire_name::default_wire_name;
use crate::errors::Errors;
use crate::model::{Method, Nested, variant};

/// What every remote has of its own.
const REMOTE_METHODS: [&str; 8] =
    ["COUNT", "METHODS", "clone", "from_handle", "from_peer", "methods", "peer", "with"];

/// What the hidden items of a remote begin with.
const HIDDEN: &str = "__ws_";

/// What a method needs to know of its trait.
pub(super) struct Scope<'a> {
    pub(super) ident: &'a Ident,
    pub(super) wire_name: &'a str,
}

/// A method or a nested contract, and where its wire name is written.
pub(super) struct ParsedMethod {
    pub(super) item: ParsedItem,
    pub(super) name_span: Span,
}

pub(super) enum ParsedItem {
    Method(Box<Method>),
    Nested(Box<Nested>),
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

    if !options.nested && looks_nested(&item.sig) {
        errors.on(&item.sig.output, "is this a nested contract? Then write `#[ws(nested)]` before it");
        all_errors.append(errors);
        return Err(Box::new(faulty_method(item, attributes)));
    }
    check_name(scope, &item.sig.ident, &mut errors);
    check_qualifiers(&item.sig, options.nested || looks_streaming(&item.sig), &mut errors);
    check_receiver(&item.sig, &mut errors);
    let (name, name_span) = match &options.name {
        Some(name) => (name.value(), name.span()),
        None => (default_wire_name(&item.sig.ident), item.sig.ident.span()),
    };
    if options.nested {
        let remote =
            parse_nested(scope.ident, &item.sig, options.remote, &mut errors).filter(|_| errors.is_empty());
        all_errors.append(errors);
        let Some(remote) = remote else { return Err(Box::new(faulty_method(item, attributes))) };
        let nested = Nested {
            variant: variant(&item.sig.ident),
            ident: item.sig.ident.clone(),
            field: name,
            attributes,
            item,
            remote,
        };
        return Ok(ParsedMethod { item: ParsedItem::Nested(Box::new(nested)), name_span });
    }
    let arguments = Arguments::parse(&item.sig, &mut errors);
    let kind = parse_kind(&item.sig, &options, &mut errors);
    check_streams(&arguments, &kind, &mut errors);
    if !errors.is_empty() {
        all_errors.append(errors);
        return Err(Box::new(faulty_method(item, attributes)));
    }

    let ident = item.sig.ident.clone();
    let method = Method {
        variant: variant(&ident),
        wire_name: format!("{}.{name}", scope.wire_name),
        ident,
        attributes,
        item,
        context: arguments.context,
        arguments: arguments.travelling,
        upload: arguments.upload,
        kind,
        spawn: options.spawn,
    };
    Ok(ParsedMethod { item: ParsedItem::Method(Box::new(method)), name_span })
}

fn check_name(scope: &Scope<'_>, ident: &Ident, errors: &mut Errors) {
    let name = default_wire_name(ident);
    if name.starts_with(HIDDEN) {
        errors.at(ident.span(), format!("names that begin with `{HIDDEN}` are reserved: rename the method"));
    }
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
