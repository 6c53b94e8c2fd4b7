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

    /// The identity of `name` inside what `scope` stands for.
    #[inline]
    pub(crate) const fn within(scope: NameScope, name: &str) -> Self {
        Self(fnv1a_32(scope.0, name.as_bytes()))
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

/// The beginning of a wire name, hashed: what methods of a nested or renamed contract stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameScope(u32);

impl NameScope {
    /// `name.`
    pub(crate) const fn of(name: &str) -> Self {
        Self(FNV32_OFFSET).then(name)
    }

    /// The same, and `name.` behind it.
    pub(crate) const fn then(self, name: &str) -> Self {
        Self(fnv1a_32(fnv1a_32(self.0, name.as_bytes()), b"."))
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

/// Names a method: `CalculatorMethod::Add`, or its wire name as a string.
pub trait MethodName: Copy {
    /// `Contract.method`.
    fn name(&self) -> &str;
}

impl MethodName for &str {
    fn name(&self) -> &str {
        self
    }
}

/// How the calls of one method, on one connection, queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Queueing {
    /// They run beside each other.
    #[default]
    None,
    /// One after another, in the order of their arrival; a nested call that would wait for a call which itself awaits
    /// one is `Overloaded` (R11).
    Serial,
    /// While one runs, others are `Overloaded`.
    Busy,
    /// The latest replaces the one that runs, which ends `Cancelled`. It needs a free slot of its own to do so.
    Latest,
}

/// What a call streams besides its arguments and its answer (R26).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// Neither: a plain call, or an event.
    #[default]
    Nothing,
    /// Values, in place of one.
    Down,
    /// Items that the caller uploads while the call runs.
    Up,
    /// Both.
    Both,
}

impl Streams {
    /// Whether the callee streams values.
    #[must_use]
    pub const fn down(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }

    /// Whether the caller uploads items.
    #[must_use]
    pub const fn up(self) -> bool {
        matches!(self, Self::Up | Self::Both)
    }
}

/// One method of a contract: its name, its identity, its signature's fingerprint and its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodSpec {
    /// `Contract.method`, for people and for the identity; `Contract.field.method` where the contract is nested.
    pub name: &'static str,
    /// Bytes of `name` before the dot behind the contract.
    contract: usize,
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
    /// How its calls queue.
    pub queueing: Queueing,
    /// The default deadline of a call, where the contract sets one.
    pub timeout: Option<Duration>,
    /// What a call streams.
    pub streams: Streams,
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
        Self {
            name,
            contract: first_dot(name),
            id: MethodId::of(name),
            signature,
            kind,
            concurrent: false,
            spawn: false,
            queueing: Queueing::None,
            timeout: None,
            streams: Streams::Nothing,
        }
    }

    /// Says that the contract's name, which may hold dots of its own, is this many bytes long.
    #[must_use]
    pub const fn contract_bytes(mut self, contract: usize) -> Self {
        self.contract = contract;
        self
    }

    /// The name of the contract.
    #[must_use]
    pub fn contract(&self) -> &'static str {
        self.name.get(..self.contract).unwrap_or(self.name)
    }

    /// The name inside the contract: `method`, or `field.method` where a contract is nested.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.name.get(self.contract + 1..).unwrap_or_default()
    }

    /// The identity of this method where its contract stands in `scope`.
    #[inline]
    pub(crate) fn id_in(&self, scope: Option<NameScope>) -> MethodId {
        scope.map_or(self.id, |scope| MethodId::within(scope, self.path()))
    }

    /// The same method under another name.
    pub(super) const fn named(mut self, name: &'static str, contract: usize) -> Self {
        self.name = name;
        self.contract = contract;
        self.id = MethodId::of(name);
        self
    }

    /// Makes the names of a generic contract's arguments part of the signature.
    pub(super) fn of_types<'a>(mut self, types: impl Iterator<Item = &'a str>) -> Self {
        for name in types {
            self.signature = fnv1a_64(fnv1a_64(self.signature, name.as_bytes()), b";");
        }
        self
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

    /// Says how its calls queue.
    #[must_use]
    pub const fn queueing(mut self, queueing: Queueing) -> Self {
        self.queueing = queueing;
        self
    }

    /// Makes it a call that streams, which is part of its signature (P32). Once at most.
    ///
    /// # Panics
    /// Where it was said before: an error of the compiler in a constant.
    #[must_use]
    pub const fn streams(mut self, streams: Streams) -> Self {
        assert!(matches!(self.streams, Streams::Nothing), "what a method streams is said once");
        if !matches!(streams, Streams::Nothing) {
            self.signature = fnv1a_64(self.signature, &[streams as u8]);
        }
        self.streams = streams;
        self
    }

    /// Sets the default deadline of a call, in milliseconds.
    #[must_use]
    pub const fn timeout_ms(mut self, milliseconds: u64) -> Self {
        self.timeout = Some(Duration::from_millis(milliseconds));
        self
    }
}

const fn first_dot(name: &str) -> usize {
    let bytes = name.as_bytes();
    let mut i = 0;
    while i < bytes.len() && bytes[i] != b'.' {
        i += 1;
    }
    i
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
    fn a_scope_is_the_beginning_of_a_name() {
        let add = MethodSpec::call("math/v1.2.add", "()->()", 1).contract_bytes(9);
        assert_eq!((add.contract(), add.path()), ("math/v1.2", "add"));
        assert_eq!(add.id_in(None), MethodId::of("math/v1.2.add"));
        let scope = NameScope::of("Calculator").then("exact");
        assert_eq!(add.id_in(Some(scope)), MethodId::of("Calculator.exact.add"));
    }

    #[test]
    fn version_and_kind_change_the_signature() {
        let base = MethodSpec::call("A.b", "(i64)->i64", 1);
        assert_ne!(base.signature, MethodSpec::call("A.b", "(i64)->i64", 2).signature);
        assert_ne!(base.signature, MethodSpec::event("A.b", "(i64)->i64", 1).signature);
        let streaming =
            [Streams::Down, Streams::Up, Streams::Both].map(|streams| base.streams(streams).signature);
        assert!(streaming.iter().all(|signature| *signature != base.signature));
        assert!(streaming[0] != streaming[1] && streaming[1] != streaming[2] && streaming[0] != streaming[2]);
        assert_eq!(base.streams(Streams::Nothing), base);
        assert_eq!(base.id, MethodSpec::event("A.b", "()", 7).id);
    }
}
