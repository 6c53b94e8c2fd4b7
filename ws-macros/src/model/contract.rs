//! One annotated trait.

use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Path, TraitItem, TypeParamBound, Visibility, WhereClause};

use super::Method;

/// One annotated trait.
pub(crate) struct Contract {
    /// The path of `ws_core` in the user's crate.
    pub(crate) runtime: Path,
    /// Part of every method's fingerprint.
    pub(crate) version: u32,
    pub(crate) head: Head,
    pub(crate) methods: Vec<Method>,
    /// Items with a mistake in them: they stay in the trait, so that its implementations fail for that mistake only,
    /// and nothing is generated for them.
    pub(crate) faulty: Vec<TraitItem>,
    /// Whether the trait as a whole allows a provider and a remote; a generic one does not yet.
    pub(crate) servable: bool,
}

/// What stands before the braces.
pub(crate) struct Head {
    /// `#[cfg]`s, carried to everything that is generated.
    pub(crate) cfgs: Vec<Attribute>,
    /// Everything else, for the trait alone.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    /// Empty, or the angle brackets of a trait that is not servable.
    pub(crate) generics: TokenStream,
    pub(crate) supertraits: Vec<TypeParamBound>,
    pub(crate) where_clause: Option<WhereClause>,
}
