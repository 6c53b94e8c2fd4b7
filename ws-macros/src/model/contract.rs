//! One annotated trait.

use syn::{Attribute, Generics, Ident, Path, TraitItem, TypeParamBound, Visibility};

use super::{Method, Nested};

/// One annotated trait.
pub(crate) struct Contract {
    /// The path of `ws_core` in the user's crate.
    pub(crate) runtime: Path,
    /// Its name on the wire.
    pub(crate) name: String,
    /// Part of every method's fingerprint.
    pub(crate) version: u32,
    pub(crate) head: Head,
    pub(crate) methods: Vec<Method>,
    /// The contracts inside it.
    pub(crate) nested: Vec<Nested>,
    /// Items with a mistake in them: they stay in the trait, so that its implementations fail for that mistake only,
    /// and nothing is generated for them.
    pub(crate) faulty: Vec<TraitItem>,
    /// Whether the trait as a whole allows a provider and a remote; one with lifetimes does not.
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
    pub(crate) generics: Generics,
    pub(crate) supertraits: Vec<TypeParamBound>,
}
