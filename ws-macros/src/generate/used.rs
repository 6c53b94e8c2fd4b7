//! The part of a generic contract's parameters that an enum of its messages uses: an enum may not have others.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{GenericParam, Ident, Token, Type, TypeParamBound, WherePredicate};

use crate::model::{Contract, type_text};

/// The parameters that some types mention, and what is known of these.
pub(super) struct Used<'a> {
    contract: &'a Contract,
    /// Each type once.
    types: Vec<Type>,
    parameters: Vec<&'a GenericParam>,
}

impl<'a> Used<'a> {
    pub(super) fn by(contract: &'a Contract, all: impl IntoIterator<Item = Type>) -> Self {
        let mut types: Vec<Type> = Vec::new();
        let mut texts = Vec::new();
        for ty in all {
            let text = type_text(&ty);
            if !texts.contains(&text) {
                texts.push(text);
                types.push(ty);
            }
        }
        let is_used = |parameter: &&GenericParam| {
            types.iter().any(|ty| mentions(ty.to_token_stream(), name(parameter)))
        };
        let parameters = contract.head.generics.params.iter().filter(is_used).collect();
        Self { contract, types, parameters }
    }

    pub(super) fn types(&self) -> &[Type] {
        &self.types
    }

    /// For the definition of the enum, with bounds and defaults.
    pub(super) fn defined(&self) -> TokenStream {
        self.each(|parameter| match parameter {
            GenericParam::Type(ty) => {
                let (ident, bounds) = (&ty.ident, self.bounds(&ty.bounds));
                let default = ty.default.as_ref().map(|(_, default)| quote!(= #default));
                quote!(#ident: #bounds #default,)
            }
            parameter => {
                let default = match parameter {
                    GenericParam::Const(constant) => {
                        constant.default.as_ref().map(|(_, default)| quote!(= #default))
                    }
                    _ => None,
                };
                let parameter = constant(parameter);
                quote!(#parameter #default,)
            }
        })
    }

    /// For an `impl`, with bounds.
    pub(super) fn bounded(&self) -> TokenStream {
        self.each(|parameter| match parameter {
            GenericParam::Type(ty) => {
                let (ident, bounds) = (&ty.ident, self.bounds(&ty.bounds));
                quote!(#ident: #bounds,)
            }
            parameter => {
                let parameter = constant(parameter);
                quote!(#parameter,)
            }
        })
    }

    /// As arguments.
    pub(super) fn arguments(&self) -> TokenStream {
        self.each(|parameter| {
            let ident = name(parameter);
            quote!(#ident,)
        })
    }

    /// The trait's own conditions, as far as they are about used parameters only.
    pub(super) fn conditions(&self) -> TokenStream {
        let predicates = self.predicates();
        quote!(where #(#predicates,)*)
    }

    /// The same, and that each type, but for these, is a `bound`.
    ///
    /// The bound is for any lifetime though none is mentioned: without that, one that does not hold would be an error
    /// here instead of taking this implementation away.
    pub(super) fn where_all(&self, bound: &TokenStream, nested: &[(Type, TokenStream)]) -> TokenStream {
        let (predicates, types) = (self.predicates(), &self.types);
        let nested = nested.iter().map(|(ty, bound)| quote!(for<'__a> #ty: #bound,));
        let owned = self.parameters.iter().filter_map(|parameter| match parameter {
            GenericParam::Type(ty) => Some(&ty.ident),
            _ => None,
        });
        quote!(where #(#predicates,)* #(#owned: 'static,)* #(for<'__a> #types: #bound,)* #(#nested)*)
    }

    /// The names of the contract's parameters, in their order, for fingerprints; of those that are not used, nothing.
    pub(super) fn names(&self) -> TokenStream {
        let runtime = &self.contract.runtime;
        let names = self.contract.head.generics.params.iter().map(|parameter| {
            let ident = name(parameter);
            if !self.parameters.iter().any(|used| name(used) == ident) {
                return quote!(::std::string::String::new());
            }
            type_or_value_name(parameter, runtime)
        });
        quote!(&[#(#names,)*])
    }

    fn bounds(&self, bounds: &Punctuated<TypeParamBound, Token![+]>) -> TokenStream {
        let bounds = bounds.iter().filter(|bound| !self.mentions_unused(&bound.to_token_stream()));
        quote!(#(#bounds)+*)
    }

    fn predicates(&self) -> Vec<&'a WherePredicate> {
        let clause = self.contract.head.generics.where_clause.iter();
        let about_used = |predicate: &&WherePredicate| {
            let tokens = predicate.to_token_stream();
            !self.mentions_unused(&tokens) && !mentions(tokens, &quote::format_ident!("Self"))
        };
        clause.flat_map(|clause| &clause.predicates).filter(about_used).collect()
    }

    fn mentions_unused(&self, tokens: &TokenStream) -> bool {
        let all = self.contract.head.generics.params.iter();
        let mut unused =
            all.filter(|parameter| !self.parameters.iter().any(|used| name(used) == name(parameter)));
        unused.any(|parameter| mentions(tokens.clone(), name(parameter)))
    }

    fn each(&self, write: impl Fn(&GenericParam) -> TokenStream) -> TokenStream {
        self.parameters.iter().map(|parameter| write(parameter)).collect()
    }
}

/// The name of a type argument, or the value of a constant one, as it counts in a fingerprint.
pub(super) fn type_or_value_name(parameter: &GenericParam, runtime: &syn::Path) -> TokenStream {
    let ident = name(parameter);
    match parameter {
        GenericParam::Const(_) => quote!(::std::format!("{:?}", #ident)),
        _ => quote!(#runtime::service::type_name::<#ident>()),
    }
}

pub(super) fn name(parameter: &GenericParam) -> &Ident {
    match parameter {
        GenericParam::Type(ty) => &ty.ident,
        GenericParam::Const(constant) => &constant.ident,
        GenericParam::Lifetime(lifetime) => &lifetime.lifetime.ident,
    }
}

/// Whether a name stands in these tokens, at the beginning of a path: `::core::result::Result` mentions no `Result` of the
/// contract's.
pub(super) fn mentions(tokens: TokenStream, ident: &Ident) -> bool {
    let mut behind_colons = false;
    let mut colon = false;
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                behind_colons = colon;
                colon = true;
                continue;
            }
            TokenTree::Ident(other) if other == *ident && !behind_colons => return true,
            TokenTree::Group(group) if mentions(group.stream(), ident) => return true,
            _ => {}
        }
        (colon, behind_colons) = (false, false);
    }
    false
}

fn constant(parameter: &GenericParam) -> TokenStream {
    match parameter {
        GenericParam::Const(constant) => {
            let (ident, ty) = (&constant.ident, &constant.ty);
            quote!(const #ident: #ty)
        }
        parameter => name(parameter).to_token_stream(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_where_it_begins_a_path() {
        let is = |tokens: &str| mentions(tokens.parse().expect("tokens"), &quote::format_ident!("Result"));
        for mentioning in
            ["Result", "Vec<Result>", "Result::Item", "[Result; 3]", "a::B::<Result>", "X: Result"]
        {
            assert!(is(mentioning), "{mentioning}");
        }
        for other in ["::core::result::Result<u8, T>", "result::Result", "Results", "a::B::<r::Result>"] {
            assert!(!is(other), "{other}");
        }
    }
}
