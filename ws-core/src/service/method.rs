//! What one method of a contract is, known at compile time.

use std::fmt;
use std::time::Duration;

/// The wire name of a method: the 32-bit FNV-1a hash of `Contract.method` (protocol rule P31).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MethodId(u32);

impl MethodId {
    /// The identity of `name`, written `Contract.method`.
    #[must_use]
    pub const fn of(name: &str) -> Self {
        Self(fnv1a_32(FNV32_OFFSET, name.as_bytes()))
    }

    /// The identity with exactly this number, as it stands on the wire.
    #[must_use]
    pub const fn from_u32(id: u32) -> Self {
        Self(id)
    }

    /// The number that travels.
    #[must_use]
    pub const fn to_u32(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodId({:#010x})", self.0)
    }
}

/// Whether the sender awaits a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// The sender awaits the reply.
    Call,
    /// One way: no reply is sent.
    Event,
}

/// One method of a contract: its name, its identity, its signature's fingerprint and its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodSpec {
    /// `Contract.method`, for people and for the identity.
    pub name: &'static str,
    /// The wire identity, derived from `name`.
    pub id: MethodId,
    /// The 64-bit FNV-1a hash of the signature as written and of the contract's version.
    pub signature: u64,
    /// Call or event.
    pub kind: MethodKind,
    /// An event that is handled beside the others instead of after them.
    pub concurrent: bool,
    /// Runs in a task of its own instead of inside the connection's.
    pub spawn: bool,
    /// The default deadline of a call, where the contract sets one.
    pub timeout: Option<Duration>,
}

impl MethodSpec {
    /// A call named `Contract.method` whose argument and return types are written `signature`.
    #[must_use]
    pub const fn call(name: &'static str, signature: &str, version: u32) -> Self {
        Self::of_kind(name, signature, version, MethodKind::Call)
    }

    /// An event named `Contract.method` whose argument types are written `signature`.
    #[must_use]
    pub const fn event(name: &'static str, signature: &str, version: u32) -> Self {
        Self::of_kind(name, signature, version, MethodKind::Event)
    }

    const fn of_kind(name: &'static str, signature: &str, version: u32, kind: MethodKind) -> Self {
        let hash = fnv1a_64(FNV64_OFFSET, signature.as_bytes());
        let hash = fnv1a_64(hash, &[kind as u8]);
        let signature = fnv1a_64(hash, &version.to_le_bytes());
        Self { name, id: MethodId::of(name), signature, kind, concurrent: false, spawn: false, timeout: None }
    }

    /// Lets an event be handled beside the others of its connection.
    #[must_use]
    pub const fn concurrent(mut self) -> Self {
        self.concurrent = true;
        self
    }

    /// Runs the handler in a task of its own.
    #[must_use]
    pub const fn spawn(mut self) -> Self {
        self.spawn = true;
        self
    }

    /// Sets the default deadline of a call, in milliseconds.
    #[must_use]
    pub const fn timeout_ms(mut self, milliseconds: u64) -> Self {
        self.timeout = Some(Duration::from_millis(milliseconds));
        self
    }
}

const FNV32_OFFSET: u32 = 0x811c_9dc5;
const FNV32_PRIME: u32 = 0x0100_0193;
const FNV64_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV64_PRIME: u64 = 0x0000_0100_0000_01b3;

const fn fnv1a_32(mut hash: u32, bytes: &[u8]) -> u32 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(FNV32_PRIME);
        i += 1;
    }
    hash
}

const fn fnv1a_64(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(FNV64_PRIME);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vectors of FNV-1a.
    #[test]
    fn fnv_matches_its_published_vectors() {
        assert_eq!(fnv1a_32(FNV32_OFFSET, b""), 0x811c_9dc5);
        assert_eq!(fnv1a_32(FNV32_OFFSET, b"a"), 0xe40c_292c);
        assert_eq!(fnv1a_32(FNV32_OFFSET, b"foobar"), 0xbf9c_f968);
        assert_eq!(fnv1a_64(FNV64_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64(FNV64_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn version_and_kind_change_the_signature() {
        let base = MethodSpec::call("A.b", "(i64)->i64", 1);
        assert_ne!(base.signature, MethodSpec::call("A.b", "(i64)->i64", 2).signature);
        assert_ne!(base.signature, MethodSpec::event("A.b", "(i64)->i64", 1).signature);
        assert_eq!(base.id, MethodSpec::event("A.b", "()", 7).id);
    }
}
