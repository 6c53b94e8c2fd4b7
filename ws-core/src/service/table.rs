//! The methods of a contract as a list, and the table that turns wire identities into small integers.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Event, MethodId, MethodSpec};
use crate::limits::MAX_FINGERPRINTS;
use crate::service::names::intern;

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

    /// These methods, then those of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.specs.extend(other.specs);
        self
    }

    /// The methods of a generic contract, the names of whose arguments are `types`. `mentioned` says for each method
    /// which of them its signature mentions: they are part of its fingerprint.
    #[must_use]
    pub fn of_generic(specs: &[MethodSpec], types: &[String], mentioned: &[&[usize]]) -> Self {
        let named = |(spec, mentioned): (&MethodSpec, &&[usize])| {
            spec.of_types(mentioned.iter().filter_map(|position| types.get(*position)).map(String::as_str))
        };
        Self { specs: specs.iter().zip(mentioned).map(named).collect() }
    }

    /// These methods as those of the field `field` of the contract `contract`: `Contract.field.method`.
    #[must_use]
    pub fn nested(self, contract: &str, field: &str) -> Self {
        self.placed(contract, |path| format!("{contract}.{field}.{path}"))
    }

    /// These methods as those of a contract named `contract`.
    #[must_use]
    pub fn renamed(self, contract: &str) -> Self {
        self.placed(contract, |path| format!("{contract}.{path}"))
    }

    fn placed(self, contract: &str, name: impl Fn(&str) -> String) -> Self {
        let placed = |spec: MethodSpec| spec.named(intern(name(spec.path())), contract.len());
        Self { specs: self.specs.into_iter().map(placed).collect() }
    }

    /// The methods in the order of their dense index.
    #[must_use]
    pub fn specs(&self) -> &[MethodSpec] {
        &self.specs
    }
}

/// Methods that cannot be served, or called, on one connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// Two methods with one wire identity.
    #[error(
        "the methods `{first}` and `{second}` have the same wire identity; \
         give one of them another name with `#[ws(name = \"…\")]`, or its contract with `Named`"
    )]
    Collision {
        /// The one that came first.
        first: &'static str,
        /// The one that collides with it.
        second: &'static str,
    },
    /// A guard for a method that its provider does not have.
    #[error("there is no method `{name}` to guard{}", did_you_mean(.near))]
    NoSuchMethod {
        /// The name as given.
        name: String,
        /// The methods there are that end like it: a nested or renamed contract's begin otherwise.
        near: Vec<&'static str>,
    },
    /// A name that cannot travel.
    #[error(
        "the name {name:?} of a contract does not consist of ASCII letters, digits, `_`, `-`, `/`, `:` and `.`"
    )]
    InvalidName {
        /// The name as given.
        name: &'static str,
    },
    /// More methods than a handshake can name.
    #[error("{count} methods on one connection; there may be 4,096")]
    TooManyMethods {
        /// How many.
        count: usize,
    },
}

/// Wire identity → dense index, checked for collisions once, before anything is served.
#[derive(Debug, Default)]
pub struct MethodTable {
    specs: Vec<MethodSpec>,
    indices: HashMap<MethodId, usize, BuildHasherDefault<IdHasher>>,
}

impl MethodTable {
    /// Builds the table.
    ///
    /// # Errors
    /// Two methods with one identity, both named, or more than 4,096 methods.
    pub fn new(methods: Methods) -> Result<Self, ContractError> {
        let count = methods.specs.len();
        if count > MAX_FINGERPRINTS {
            return Err(ContractError::TooManyMethods { count });
        }
        let mut indices = HashMap::with_capacity_and_hasher(count, BuildHasherDefault::default());
        for (index, spec) in methods.specs.iter().enumerate() {
            if !is_wire_name(spec.contract()) {
                return Err(ContractError::InvalidName { name: spec.contract() });
            }
            if let Some(first) = indices.insert(spec.id, index) {
                return Err(ContractError::Collision { first: methods.specs[first].name, second: spec.name });
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

fn did_you_mean(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        near => format!("; there is `{}`", near.join("`, `")),
    }
}

fn is_wire_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-/:.".contains(c))
}

/// The methods of a contract's messages, made once for each type.
pub(crate) fn event_table<V: Event>() -> Arc<MethodTable> {
    static TABLES: Mutex<Option<HashMap<TypeId, Arc<MethodTable>>>> = Mutex::new(None);
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let table = tables.get_or_insert_default().entry(TypeId::of::<V>());
    // A contract whose names collide serves nothing, and its messages are found by nobody.
    Arc::clone(table.or_insert_with(|| Arc::new(MethodTable::new(V::methods()).unwrap_or_default())))
}

/// The identities are hashes already, and the table's own: a peer can look for one, and add none.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    #[inline]
    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collision_names_both_methods() {
        let specs = [MethodSpec::call("A.b", "()->()", 1), MethodSpec::event("A.b", "()", 1)];
        let error = MethodTable::new(Methods::of(&specs)).expect_err("one identity twice");
        assert_eq!(error, ContractError::Collision { first: "A.b", second: "A.b" });
    }

    #[test]
    fn identities_find_their_index() {
        let specs = [MethodSpec::call("A.b", "()->()", 1), MethodSpec::event("A.c", "()", 1)];
        let table = MethodTable::new(Methods::of(&specs)).expect("distinct");
        assert_eq!(table.index(MethodId::of("A.c")), Some(1));
        assert_eq!(table.index(MethodId::of("A.d")), None);
    }
}
