//! A contract inside another.

use syn::{Ident, Path, TraitItemFn};

use super::Attributes;

/// `fn field(&self) -> &impl Scientific`.
pub(crate) struct Nested {
    pub(crate) ident: Ident,
    /// Its name in enums.
    pub(crate) variant: Ident,
    /// What its methods' wire names have between the contract and the method.
    pub(crate) field: String,
    pub(crate) attributes: Attributes,
    /// As for a method.
    pub(crate) item: TraitItemFn,
    /// The remote of the nested contract, its generic arguments included.
    pub(crate) remote: Path,
}
