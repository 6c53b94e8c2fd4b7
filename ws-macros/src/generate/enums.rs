//! What the enums of messages, results and requests have in common.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Type, parse_quote};

use super::docs::doc;
use super::used::Used;
use crate::model::{Attributes, Contract, Method, Nested};

/// One variant of an enum.
pub(super) struct Variant<'a> {
    pub(super) attributes: &'a Attributes,
    pub(super) ident: &'a Ident,
    pub(super) fields: Fields<'a>,
}

/// What a variant holds.
pub(super) enum Fields<'a> {
    /// The arguments of a method, by name.
    Named(Vec<(&'a Ident, &'a Type)>),
    /// One value.
    Single(Box<Type>),
}

/// The variants that stand for the contracts inside a contract: the enum of this name of each.
pub(super) fn nested_type(contract: &Contract, nested: &Nested, which: &str) -> Type {
    let (runtime, inner, which) = (&contract.runtime, &nested.remote, format_ident!("{which}"));
    parse_quote!(<#inner as #runtime::service::Contract>::#which)
}

/// What a call returns: the value and the declared error.
pub(super) fn outcome(contract: &Contract, method: &Method) -> Option<(Type, Type)> {
    let runtime = &contract.runtime;
    let (value, error) = method.outcome()?;
    Some((value.clone(), error.cloned().unwrap_or_else(|| parse_quote!(#runtime::Never))))
}

/// An enum, its variants with the documentation of their methods.
pub(super) fn definition(
    contract: &Contract,
    name: &Ident,
    on_type: &TokenStream,
    used: &Used<'_>,
    variants: &[Variant<'_>],
) -> TokenStream {
    let (cfgs, visibility) = (&contract.head.cfgs, &contract.head.visibility);
    let (defined, conditions) = (used.defined(), used.conditions());
    let variants = variants.iter().map(|variant| {
        let Attributes { cfgs, docs, .. } = variant.attributes;
        let ident = variant.ident;
        let introduction = docs.iter().all(|attribute| !attribute.path().is_ident("doc")).then(|| {
            let text = format!("`{ident}`.");
            doc([text])
        });
        let fields = match &variant.fields {
            Fields::Named(fields) => {
                let fields = fields.iter().map(|(name, ty)| {
                    let text = doc([format!("The argument `{}`.", name.unraw())]);
                    quote!(#text #name: #ty)
                });
                quote!({ #(#fields,)* })
            }
            Fields::Single(ty) => quote!((#ty)),
        };
        quote!(#(#cfgs)* #(#docs)* #introduction #ident #fields)
    });
    quote! {
        #(#cfgs)*
        #on_type
        #[allow(
            dead_code,
            deprecated,
            non_camel_case_types,
            clippy::enum_variant_names,
            clippy::large_enum_variant,
            clippy::type_complexity,
            clippy::upper_case_acronyms,
        )]
        #visibility enum #name<#defined> #conditions { #(#variants,)* }
    }
}

/// `Clone` where all that is inside is. A derive would ask it of the parameters instead, and fail where a type is not.
pub(super) fn clone(
    contract: &Contract,
    name: &Ident,
    used: &Used<'_>,
    variants: &[Variant<'_>],
) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let (cfgs, ident) = (&variant.attributes.cfgs, variant.ident);
        let bindings = variant.bindings("__a");
        let pattern = variant.pattern(&bindings, &quote!(ref));
        let fields =
            variant.fields.written(&bindings, |binding| quote!(::core::clone::Clone::clone(#binding)));
        quote!(#(#cfgs)* Self::#ident #pattern => Self::#ident #fields,)
    });
    let body = quote! {
        fn clone(&self) -> Self {
            match *self { #(#arms)* }
        }
    };
    implementation(contract, name, used, &quote!(::core::clone::Clone), &body)
}

/// `Debug` where all that is inside has it.
pub(super) fn debug(
    contract: &Contract,
    name: &Ident,
    used: &Used<'_>,
    variants: &[Variant<'_>],
) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let (cfgs, ident, text) = (&variant.attributes.cfgs, variant.ident, variant.ident.to_string());
        let bindings = variant.bindings("__a");
        let pattern = variant.pattern(&bindings, &quote!(ref));
        let shown = match &variant.fields {
            Fields::Named(fields) => {
                let names = fields.iter().map(|(name, _)| name.unraw().to_string());
                quote!({
                    let mut __shown = ::core::fmt::Formatter::debug_struct(__f, #text);
                    #(::core::fmt::DebugStruct::field(&mut __shown, #names, #bindings);)*
                    ::core::fmt::DebugStruct::finish(&mut __shown)
                })
            }
            Fields::Single(_) => quote!({
                let mut __shown = ::core::fmt::Formatter::debug_tuple(__f, #text);
                #(::core::fmt::DebugTuple::field(&mut __shown, #bindings);)*
                ::core::fmt::DebugTuple::finish(&mut __shown)
            }),
        };
        let shown = match &variant.fields {
            Fields::Named(fields) if fields.is_empty() => {
                quote!(::core::fmt::Formatter::write_str(__f, #text))
            }
            _ => shown,
        };
        quote!(#(#cfgs)* Self::#ident #pattern => #shown,)
    });
    let body = quote! {
        fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match *self { #(#arms)* }
        }
    };
    implementation(contract, name, used, &quote!(::core::fmt::Debug), &body)
}

/// `PartialEq` where all that is inside has it.
pub(super) fn partial_eq(
    contract: &Contract,
    name: &Ident,
    used: &Used<'_>,
    variants: &[Variant<'_>],
) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let (cfgs, ident) = (&variant.attributes.cfgs, variant.ident);
        let (ours, theirs) = (variant.bindings("__a"), variant.bindings("__b"));
        let (pattern, other) =
            (variant.pattern(&ours, &TokenStream::new()), variant.pattern(&theirs, &TokenStream::new()));
        quote!(#(#cfgs)* (Self::#ident #pattern, Self::#ident #other) => true #(&& *#ours == *#theirs)*,)
    });
    let body = quote! {
        fn eq(&self, __other: &Self) -> ::core::primitive::bool {
            match (self, __other) {
                #(#arms)*
                #[allow(unreachable_patterns)]
                _ => false,
            }
        }
    };
    implementation(contract, name, used, &quote!(::core::cmp::PartialEq), &body)
}

fn implementation(
    contract: &Contract,
    name: &Ident,
    used: &Used<'_>,
    of: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let cfgs = &contract.head.cfgs;
    let (bounded, arguments, conditions) = (used.bounded(), used.arguments(), used.where_all(of, &[]));
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl<#bounded> #of for #name<#arguments> #conditions { #body }
    }
}

impl Variant<'_> {
    /// A name for each field.
    fn bindings(&self, prefix: &str) -> Vec<Ident> {
        (0..self.fields.len()).map(|position| format_ident!("{prefix}{position}")).collect()
    }

    /// What binds the fields to these names.
    fn pattern(&self, bindings: &[Ident], how: &TokenStream) -> TokenStream {
        self.fields.written(bindings, |binding| quote!(#how #binding))
    }
}

impl Fields<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Named(fields) => fields.len(),
            Self::Single(_) => 1,
        }
    }

    /// What stands behind the variant's name, in a pattern or an expression.
    pub(super) fn written(&self, bindings: &[Ident], value: impl Fn(&Ident) -> TokenStream) -> TokenStream {
        let values = bindings.iter().map(value);
        match self {
            Self::Named(fields) => {
                let names = fields.iter().map(|(name, _)| name);
                quote!({ #(#names: #values,)* })
            }
            Self::Single(_) => quote!((#(#values)*)),
        }
    }
}
