//! Methods that both sides know with different signatures (R5): they fail alone, the others work.

use std::collections::HashMap;

use crate::protocol::{Fingerprint, Hello, Mismatch, Side};
use crate::service::{MethodId, MethodTable};

/// A method whose signature differs between the two sides (R5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaMismatch {
    /// `Contract.method`.
    pub method: &'static str,
    /// Whether this side serves it.
    pub served_here: bool,
    /// The hash of the signature on this side.
    pub ours: u64,
    /// The hash of the signature on the other side.
    pub theirs: u64,
}

/// The other side's signatures of the methods that differ, by who serves them; mostly none do.
#[derive(Debug, Default)]
pub(super) struct Schema(Option<Box<Differing>>);

#[derive(Debug)]
struct Differing {
    here: Signatures,
    there: Signatures,
}

type Signatures = HashMap<MethodId, u64>;

impl Schema {
    /// What the server finds in a HELLO.
    pub(super) fn compare(hello: &Hello, serves: &MethodTable, calls: &MethodTable) -> Self {
        let differing = |theirs: &[Fingerprint], ours: &MethodTable| {
            theirs
                .iter()
                .filter(|theirs| {
                    ours.find(theirs.method).is_some_and(|ours| ours.signature != theirs.signature)
                })
                .map(|theirs| (theirs.method, theirs.signature))
                .collect()
        };
        Self::of(differing(&hello.calls, serves), differing(&hello.serves, calls))
    }

    /// What the client learns from a WELCOME.
    pub(super) fn learn(mismatches: &[Mismatch]) -> Self {
        let of = |side| {
            mismatches
                .iter()
                .filter(|mismatch| mismatch.served_by == side)
                .map(|mismatch| (mismatch.fingerprint.method, mismatch.fingerprint.signature))
                .collect()
        };
        Self::of(of(Side::Client), of(Side::Server))
    }

    fn of(here: Signatures, there: Signatures) -> Self {
        let any = !here.is_empty() || !there.is_empty();
        Self(any.then(|| Box::new(Differing { here, there })))
    }

    /// What the server tells in its WELCOME: the methods, with its own signatures.
    pub(super) fn tell(&self, serves: &MethodTable, calls: &MethodTable) -> Vec<Mismatch> {
        let Some(Differing { here, there }) = self.0.as_deref() else { return Vec::new() };
        let told = |differing: &Signatures, table: &MethodTable, served_by| {
            // In the table's order, so that the same contracts make the same bytes.
            table
                .specs()
                .iter()
                .filter(|ours| differing.contains_key(&ours.id))
                .map(|ours| Fingerprint { method: ours.id, signature: ours.signature })
                .map(|fingerprint| Mismatch { served_by, fingerprint })
                .collect::<Vec<_>>()
        };
        let mut all = told(here, serves, Side::Server);
        all.extend(told(there, calls, Side::Client));
        all
    }

    /// Whether a method that is served here differs.
    #[inline]
    pub(super) fn refuses_here(&self, method: MethodId) -> bool {
        self.0.as_ref().is_some_and(|differing| differing.here.contains_key(&method))
    }

    /// Whether a method that the other side serves differs.
    #[inline]
    pub(super) fn refuses_there(&self, method: MethodId) -> bool {
        self.0.as_ref().is_some_and(|differing| differing.there.contains_key(&method))
    }

    /// For people, with names.
    pub(super) fn mismatches(&self, serves: &MethodTable, calls: &MethodTable) -> Vec<SchemaMismatch> {
        let Some(Differing { here, there }) = self.0.as_deref() else { return Vec::new() };
        let named = |differing: &Signatures, table: &MethodTable, served_here| {
            differing
                .iter()
                .filter_map(|(id, theirs)| table.find(*id).map(|ours| (ours, *theirs)))
                .map(|(ours, theirs)| SchemaMismatch {
                    method: ours.name,
                    served_here,
                    ours: ours.signature,
                    theirs,
                })
                .collect::<Vec<_>>()
        };
        let mut all = named(here, serves, true);
        all.extend(named(there, calls, false));
        all
    }
}
