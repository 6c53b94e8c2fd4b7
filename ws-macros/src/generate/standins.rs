//! Names for the types of conditional methods, for where a condition cannot stand.
//!
//! A where clause cannot be conditional in part, but a type in it may be gone with its method. So it names an alias,
//! which is the type where the method is there and nothing in particular where it is not.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, GenericParam, Meta, Token, Type, parse_quote, punctuated::Punctuated};

use super::enums::{nested_type, outcome};
use super::used::{mentions, name};
use crate::model::{Contract, Kind, Method, Nested};

/// The type of an argument.
pub(super) fn argument(contract: &Contract, method: &Method, position: usize) -> Type {
    let ty = &method.arguments[position].ty;
    standin(contract, &method.attributes.cfgs, &method.ident, &format!("Argument{position}"), ty)
}

/// The types of all arguments of messages that are plain data.
pub(super) fn arguments(contract: &Contract) -> impl Iterator<Item = Type> + Clone + '_ {
    of_methods(contract, |method| !method.streams())
}

/// The types of all arguments.
pub(super) fn all_arguments(contract: &Contract) -> impl Iterator<Item = Type> + Clone + '_ {
    of_methods(contract, |_| true)
}

fn of_methods(contract: &Contract, which: fn(&Method) -> bool) -> impl Iterator<Item = Type> + Clone + '_ {
    contract.methods.iter().filter(move |method| which(method)).flat_map(move |method| {
        (0..method.arguments.len()).map(move |position| argument(contract, method, position))
    })
}

/// What a caller uploads.
pub(super) fn upload(contract: &Contract, method: &Method) -> Option<Type> {
    let upload = method.upload.as_ref()?;
    Some(standin(contract, &method.attributes.cfgs, &method.ident, "Upload", &upload.item))
}

/// What a call returns: the value and the declared error.
pub(super) fn outcomes(contract: &Contract, method: &Method) -> Option<(Type, Type)> {
    let (value, error) = outcome(contract, method)?;
    let cfgs = &method.attributes.cfgs;
    Some((
        standin(contract, cfgs, &method.ident, "Value", &value),
        standin(contract, cfgs, &method.ident, "Error", &error),
    ))
}

/// What a call returns, as written.
pub(super) fn returned(contract: &Contract, method: &Method) -> Option<Type> {
    let Kind::Call { output, .. } = &method.kind else { return None };
    if method.streams() {
        return None;
    }
    Some(standin(contract, &method.attributes.cfgs, &method.ident, "Returned", output.written()))
}

/// The enum of a nested contract.
pub(super) fn nested(contract: &Contract, nested: &Nested, which: &str) -> Type {
    let ty = nested_type(contract, nested, which);
    standin(contract, &nested.attributes.cfgs, &nested.ident, which, &ty)
}

/// The definitions of all of them.
pub(super) fn definitions(contract: &Contract) -> TokenStream {
    let methods = contract.methods.iter().filter(|method| !method.attributes.cfgs.is_empty()).map(|method| {
        let define =
            |what: &str, ty: &Type| definition(contract, &method.attributes.cfgs, &method.ident, what, ty);
        let arguments = method.arguments.iter().enumerate();
        let arguments =
            arguments.map(|(position, argument)| define(&format!("Argument{position}"), &argument.ty));
        let outcomes = outcome(contract, method).map(|(value, error)| {
            let (value, error) = (define("Value", &value), define("Error", &error));
            quote!(#value #error)
        });
        let returned = match &method.kind {
            Kind::Call { output, .. } if !method.streams() => Some(define("Returned", output.written())),
            _ => None,
        };
        let upload = method.upload.as_ref().map(|upload| define("Upload", &upload.item));
        quote!(#(#arguments)* #outcomes #returned #upload)
    });
    let nested = contract.nested.iter().filter(|nested| !nested.attributes.cfgs.is_empty()).map(|nested| {
        ["Event", "Reply", "Request"]
            .map(|which| {
                let ty = nested_type(contract, nested, which);
                definition(contract, &nested.attributes.cfgs, &nested.ident, which, &ty)
            })
            .into_iter()
            .collect::<TokenStream>()
    });
    quote!(#(#methods)* #(#nested)*)
}

fn standin(contract: &Contract, cfgs: &[Attribute], method: &Ident, what: &str, ty: &Type) -> Type {
    if cfgs.is_empty() {
        return ty.clone();
    }
    let alias = alias(contract, cfgs, method, what);
    let parameters = parameters(contract, ty).map(name);
    parse_quote!(#alias<#(#parameters,)*>)
}

fn definition(contract: &Contract, cfgs: &[Attribute], method: &Ident, what: &str, ty: &Type) -> TokenStream {
    let (of_contract, runtime) = (&contract.head.cfgs, &contract.runtime);
    let alias = alias(contract, cfgs, method, what);
    let defined: Vec<TokenStream> = parameters(contract, ty)
        .map(|parameter| match parameter {
            GenericParam::Const(constant) => {
                let (ident, ty) = (&constant.ident, &constant.ty);
                quote!(const #ident: #ty)
            }
            parameter => name(parameter).to_token_stream(),
        })
        .collect();
    let types =
        parameters(contract, ty).filter(|parameter| matches!(parameter, GenericParam::Type(_))).map(name);
    let conditions = cfgs.iter().map(condition);
    quote! {
        #(#of_contract)*
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types, type_alias_bounds, clippy::type_complexity)]
        type #alias<#(#defined,)*> = #ty;

        #(#of_contract)*
        #[cfg(not(all(#(#conditions,)*)))]
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types)]
        type #alias<#(#defined,)*> = #runtime::service::Absent<(#(#types,)*)>;
    }
}

/// Two methods of one name have conditions that exclude each other, so their number tells them apart.
fn alias(contract: &Contract, cfgs: &[Attribute], method: &Ident, what: &str) -> Ident {
    let methods = contract.methods.iter().map(|method| &method.attributes.cfgs);
    let all = methods.chain(contract.nested.iter().map(|nested| &nested.attributes.cfgs));
    let number = all.take_while(|other| !std::ptr::eq(other.as_slice(), cfgs)).count();
    format_ident!("__{}{}{what}{number}", contract.head.ident.unraw(), method.unraw())
}

fn parameters<'a>(contract: &'a Contract, ty: &Type) -> impl Iterator<Item = &'a GenericParam> {
    let tokens = ty.to_token_stream();
    contract.head.generics.params.iter().filter(move |parameter| mentions(tokens.clone(), name(parameter)))
}

/// What a `#[cfg(..)]`, or a `#[cfg_attr(.., cfg(..))]`, asks for.
fn condition(attribute: &Attribute) -> TokenStream {
    let Ok(list) = attribute.meta.require_list() else { return quote!(all()) };
    if attribute.path().is_ident("cfg") {
        return list.tokens.clone();
    }
    let Ok(metas) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
        return quote!(all());
    };
    let mut metas = metas.iter();
    let asked = metas.next();
    let conditions = metas.filter_map(|meta| meta.require_list().ok().map(|list| &list.tokens));
    quote!(any(not(#asked), all(#(#conditions,)*)))
}
