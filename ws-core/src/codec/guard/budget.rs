//! What one decode may still use.

use serde::de;

use crate::codec::DecodeError;
use crate::limits::DecodeLimits;

/// What one decode may still use, and whether it wanted more.
#[derive(Debug)]
pub(in crate::codec) struct Budget {
    depth: usize,
    deepest: usize,
    elements: usize,
    /// For how many more elements memory may be reserved beforehand.
    reservable: usize,
    /// What `deepest` and `elements` were at first, for the error.
    limits: (usize, usize),
    /// The first refusal. The error that goes through the codec cannot carry it, and a type may swallow that error.
    refusal: Option<Refusal>,
}

#[derive(Clone, Copy, Debug)]
enum Refusal {
    Depth,
    Elements,
}

/// rmp-serde counts its levels down from the number after this and must not reach zero; no stack comes near.
const DEEPEST: usize = u16::MAX as usize - 1;

impl Budget {
    /// What a body of this many bytes may use.
    #[inline]
    pub(in crate::codec) fn new(body: usize, limits: &DecodeLimits) -> Self {
        let deepest = limits.depth.min(DEEPEST);
        let elements = body.saturating_add(limits.spare_elements);
        Self { depth: 0, deepest, elements, reservable: body, limits: (deepest, elements), refusal: None }
    }

    /// Whether everything stayed within the budget; to be asked before the decoder's own outcome is believed.
    #[inline]
    pub(in crate::codec) const fn verdict(&self) -> Result<(), DecodeError> {
        match self.refusal {
            None => Ok(()),
            Some(Refusal::Depth) => Err(DecodeError::TooDeep { limit: self.limits.0 }),
            Some(Refusal::Elements) => Err(DecodeError::TooManyElements { limit: self.limits.1 }),
        }
    }

    /// One level deeper.
    #[inline]
    pub(super) fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        if self.depth >= self.deepest {
            return Err(self.refuse(Refusal::Depth));
        }
        self.depth += 1;
        Ok(())
    }

    /// One level back. A level that ends in an error is not given back: the error ends the decode, and a type that
    /// swallows errors cannot go on for ever.
    ///
    /// Takes the outcome by reference because `?` would copy a large value several times where nothing is optimized,
    /// at every level of a recursion.
    #[inline]
    pub(super) const fn leave<T, E>(&mut self, outcome: &Result<T, E>) {
        if outcome.is_ok() {
            self.depth -= 1;
        }
    }

    /// Pays for elements of a sequence or map.
    #[inline]
    pub(super) fn pay<E: de::Error>(&mut self, elements: usize) -> Result<(), E> {
        match self.elements.checked_sub(elements) {
            Some(rest) => {
                self.elements = rest;
                Ok(())
            }
            None => Err(self.refuse(Refusal::Elements)),
        }
    }

    /// For how many of these elements memory may be reserved: what takes memory takes at least a byte of the body, so
    /// that all reservations of a decode together are for no more elements than there are bytes. An honest body is
    /// granted all it asks for.
    #[inline]
    pub(super) const fn reserve(&mut self, elements: usize) -> usize {
        let granted = if elements < self.reservable { elements } else { self.reservable };
        self.reservable -= granted;
        granted
    }

    /// Remembers the first refusal and refuses everything from now on.
    #[cold]
    #[inline(never)]
    fn refuse<E: de::Error>(&mut self, refusal: Refusal) -> E {
        self.refusal.get_or_insert(refusal);
        self.deepest = 0;
        self.elements = 0;
        E::custom("beyond the limits of decoding")
    }
}
