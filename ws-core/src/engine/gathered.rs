//! Items of one producer that go together: framed as they are made, put into the outbox in one turn under the lock.

use super::credit::Allowance;
use crate::codec::Body;
use crate::protocol::{Envelope, encode, put_length};

/// Encoded items that wait to be put: at most [`ITEMS`](Self::ITEMS), and no more bytes than [`BYTES`](Self::BYTES)
/// and the last item. All of them have credit; only one that is alone may still wait for it.
#[derive(Debug)]
pub(crate) struct Gathered {
    frames: Vec<u8>,
    items: usize,
    /// Of the bodies, which is what credit counts.
    bytes: usize,
    envelope: Envelope,
    /// The stream's, as it was when it was seen last; only this producer spends it.
    allowance: Allowance,
}

impl Gathered {
    const ITEMS: usize = 64;
    const BYTES: usize = 4 << 10;
    /// A larger item gains nothing here, and would be copied.
    pub(crate) const LARGEST: usize = 1 << 10;
    /// What an idle producer keeps.
    const KEPT: usize = 256;

    pub(super) fn new(id: u64, allowance: Allowance) -> Self {
        Self { frames: Vec::new(), items: 0, bytes: 0, envelope: encode::item(id), allowance }
    }

    /// Whether one more may be added: the first always, others where there is credit.
    pub(crate) fn has_room(&self) -> bool {
        self.items == 0
            || (self.items < Self::ITEMS && self.frames.len() < Self::BYTES && self.allowance.admits())
    }

    pub(crate) fn push(&mut self, body: &Body) {
        let (envelope, body) = (self.envelope.as_slice(), body.payload());
        put_length(envelope.len() + body.len(), |byte| self.frames.push(byte));
        self.frames.extend_from_slice(envelope);
        self.frames.extend_from_slice(body);
        self.allowance.spend(body.len());
        self.items += 1;
        self.bytes += body.len();
    }

    pub(crate) const fn items(&self) -> usize {
        self.items
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// They are in the outbox; `allowance` is what they left.
    pub(super) fn clear(&mut self, allowance: Allowance) {
        self.frames.clear();
        (self.items, self.bytes) = (0, 0);
        self.allowance = allowance;
    }

    /// An item went another way: what it left is not known here.
    pub(crate) fn forget_allowance(&mut self) {
        self.allowance = Allowance::default();
    }

    /// Nothing more comes for now.
    pub(crate) fn rest(&mut self) {
        self.frames.shrink_to(Self::KEPT);
    }
}
