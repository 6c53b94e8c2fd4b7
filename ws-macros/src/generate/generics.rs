//! The parameters of a generic contract, as each kind of item writes them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::visit::{self, Visit};
use syn::{GenericParam, Generics, Ident, Path, WherePredicate};

use super::used::{name, type_or_value_name};
use crate::model::Contract;

/// The parameters of a contract: none for most.
pub(super) struct Parameters<'a> {
    generics: &'a Generics,
}

impl<'a> Parameters<'a> {
    pub(super) const fn of(contract: &'a Contract) -> Self {
        Self { generics: &contract.head.generics }
    }

    /// For the definition of a type: `T = Default, const N: usize`, without bounds.
    pub(super) fn defined(&self) -> TokenStream {
        self.each(|parameter| match parameter {
            GenericParam::Type(ty) => {
                let (ident, default) =
                    (&ty.ident, ty.default.as_ref().map(|(_, default)| quote!(= #default)));
                quote!(#ident #default,)
            }
            GenericParam::Const(constant) => {
                let (ident, ty) = (&constant.ident, &constant.ty);
                let default = constant.default.as_ref().map(|(_, default)| quote!(= #default));
                quote!(const #ident: #ty #default,)
            }
            GenericParam::Lifetime(_) => TokenStream::new(),
        })
    }

    /// For an `impl` that asks for nothing: `T, const N: usize`.
    pub(super) fn unbounded(&self) -> TokenStream {
        self.each(|parameter| match parameter {
            GenericParam::Const(constant) => {
                let (ident, ty) = (&constant.ident, &constant.ty);
                quote!(const #ident: #ty,)
            }
            parameter => {
                let ident = name(parameter);
                quote!(#ident,)
            }
        })
    }

    /// For an `impl`: `T: Payload, const N: usize`.
    pub(super) fn bounded(&self) -> TokenStream {
        self.each(|parameter| match parameter {
            GenericParam::Type(ty) => {
                let (ident, bounds) = (&ty.ident, &ty.bounds);
                quote!(#ident: #bounds,)
            }
            GenericParam::Const(constant) => {
                let (ident, ty) = (&constant.ident, &constant.ty);
                quote!(const #ident: #ty,)
            }
            GenericParam::Lifetime(_) => TokenStream::new(),
        })
    }

    /// As arguments: `T, N`.
    pub(super) fn arguments(&self) -> TokenStream {
        self.each(|parameter| {
            let ident = name(parameter);
            quote!(#ident,)
        })
    }

    /// The trait itself with its arguments, at the user's own name: errors about the bound point there.
    pub(super) fn bound(&self, contract: &Ident) -> TokenStream {
        if self.generics.params.is_empty() {
            return quote!(#contract);
        }
        let arguments = self.arguments();
        quote!(#contract<#arguments>)
    }

    /// The trait's conditions, as far as they are not about who implements it; and what travels owns its data.
    pub(super) fn conditions(&self) -> TokenStream {
        if self.generics.params.is_empty() && self.generics.where_clause.is_none() {
            return TokenStream::new();
        }
        let owned = self.types().map(|ty| quote!(#ty: 'static,));
        let clause = self.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let predicates = clause.filter(|predicate| !is_about_self(predicate));
        quote!(where #(#owned)* #(#predicates,)*)
    }

    /// A type of no size that mentions them all, and is `Send` and `Sync` whatever they are.
    pub(super) fn phantom(&self) -> TokenStream {
        let types = self.types();
        quote!(::core::marker::PhantomData<fn() -> (#(#types,)*)>)
    }

    /// Their names, for fingerprints.
    pub(super) fn names(&self, runtime: &Path) -> TokenStream {
        let names = self.generics.params.iter().map(|parameter| type_or_value_name(parameter, runtime));
        quote!(&[#(#names,)*])
    }

    fn types(&self) -> impl Iterator<Item = &'a Ident> {
        self.generics.params.iter().filter_map(|parameter| match parameter {
            GenericParam::Type(ty) => Some(&ty.ident),
            _ => None,
        })
    }

    fn each(&self, write: impl Fn(&GenericParam) -> TokenStream) -> TokenStream {
        self.generics.params.iter().map(write).collect()
    }
}

fn is_about_self(predicate: &WherePredicate) -> bool {
    struct Search(bool);
    impl Visit<'_> for Search {
        fn visit_ident(&mut self, ident: &Ident) {
            self.0 |= ident == "Self";
            visit::visit_ident(self, ident);
        }
    }
    let mut search = Search(false);
    search.visit_where_predicate(predicate);
    search.0
}
