//! The methods of a contract as a list, and the table that turns wire identities into small integers.

use std::collections::HashMap;

use super::{MethodId, MethodSpec};

/// The methods that a provider serves or a remote calls, in the order of their dense index.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    specs: Vec<MethodSpec>,
}

impl Methods {
    /// No methods at all: `()` as a provider or a remote.
    #[must_use]
    pub const fn none() -> Self {
        Self { specs: Vec::new() }
    }

    /// The methods of one contract.
    #[must_use]
    pub fn of(specs: &[MethodSpec]) -> Self {
        Self { specs: specs.to_vec() }
    }

    /// The methods in the order of their dense index.
    #[must_use]
    pub fn specs(&self) -> &[MethodSpec] {
        &self.specs
    }
}

/// Two methods with one wire identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the methods `{first}` and `{second}` have the same wire identity; give one of them another name with `#[ws(name = \"…\")]`"
)]
pub struct MethodCollision {
    /// The one that came first.
    pub first: &'static str,
    /// The one that collides with it.
    pub second: &'static str,
}

/// Wire identity → dense index, checked for collisions once, before anything is served.
#[derive(Debug, Default)]
pub struct MethodTable {
    specs: Vec<MethodSpec>,
    indices: HashMap<MethodId, usize>,
}

impl MethodTable {
    /// Builds the table.
    ///
    /// # Errors
    /// Two methods with one identity, both named.
    pub fn new(methods: Methods) -> Result<Self, MethodCollision> {
        let mut indices: HashMap<MethodId, usize> = HashMap::with_capacity(methods.specs.len());
        for (index, spec) in methods.specs.iter().enumerate() {
            if let Some(first) = indices.insert(spec.id, index) {
                return Err(MethodCollision { first: methods.specs[first].name, second: spec.name });
            }
        }
        Ok(Self { specs: methods.specs, indices })
    }

    /// The dense index of a wire identity.
    #[must_use]
    pub fn index(&self, id: MethodId) -> Option<usize> {
        self.indices.get(&id).copied()
    }

    /// The method at a dense index.
    #[must_use]
    pub fn spec(&self, index: usize) -> Option<&MethodSpec> {
        self.specs.get(index)
    }

    /// The method with this wire identity.
    #[must_use]
    pub fn find(&self, id: MethodId) -> Option<&MethodSpec> {
        self.index(id).and_then(|index| self.specs.get(index))
    }

    /// The methods in the order of their dense index.
    #[must_use]
    pub fn specs(&self) -> &[MethodSpec] {
        &self.specs
    }

    /// Whether nothing is served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Whether both tables name the same methods with the same signatures, in the same order (R25).
    #[must_use]
    pub fn same_fingerprint(&self, other: &Self) -> bool {
        self.specs.len() == other.specs.len()
            && self.specs.iter().zip(&other.specs).all(|(a, b)| a.id == b.id && a.signature == b.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collision_names_both_methods() {
        let specs = [MethodSpec::call("A.b", "()->()", 1), MethodSpec::event("A.b", "()", 1)];
        let error = MethodTable::new(Methods::of(&specs)).expect_err("one identity twice");
        assert_eq!(error, MethodCollision { first: "A.b", second: "A.b" });
    }

    #[test]
    fn identities_find_their_index() {
        let specs = [MethodSpec::call("A.b", "()->()", 1), MethodSpec::event("A.c", "()", 1)];
        let table = MethodTable::new(Methods::of(&specs)).expect("distinct");
        assert_eq!(table.index(MethodId::of("A.c")), Some(1));
        assert_eq!(table.index(MethodId::of("A.d")), None);
    }
}
