//! The insides of containers and variants.

use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::visitor::Watched;
use super::{Budget, Guarded};

/// The elements of a sequence, or the entries of a map.
#[derive(Debug)]
pub(super) struct Elements<'b, A> {
    inner: A,
    budget: &'b mut Budget,
    /// Where nobody can say how many there are, each is paid for by the one that follows it.
    owed: Option<usize>,
    /// The most for which memory may be reserved beforehand.
    most: usize,
}

impl<'b, A> Elements<'b, A> {
    /// Pays for the elements that the body claims. A hint is as good as their number: both codecs give it or none.
    ///
    /// The fields of a struct or tuple (`arity`) are free, because the type decides how many there are and one byte can
    /// be the content of many nested structs. What a body in MessagePack claims beyond them is paid for.
    #[inline]
    pub(super) fn new<E: Error>(
        inner: A,
        hint: Option<usize>,
        arity: Option<usize>,
        budget: &'b mut Budget,
    ) -> Result<Self, E> {
        let (owed, most) = match (hint, arity) {
            (Some(claimed), None) => {
                budget.pay(claimed)?;
                (None, budget.reserve(claimed))
            }
            (Some(claimed), Some(arity)) => {
                budget.pay(claimed.saturating_sub(arity))?;
                (None, arity)
            }
            (None, _) => (Some(0), 0),
        };
        Ok(Self { inner, budget, owed, most })
    }

    #[inline]
    fn settle<E: Error>(&mut self) -> Result<(), E> {
        match &mut self.owed {
            None => Ok(()),
            Some(owed) => self.budget.pay(std::mem::replace(owed, 1)),
        }
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.settle()?;
        self.inner.next_element_seed(Guarded::new(seed, self.budget))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(self.most))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.settle()?;
        self.inner.next_key_seed(Guarded::new(seed, self.budget))
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(Guarded::new(seed, self.budget))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(self.most))
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Guarded<'b, A> {
    type Error = A::Error;
    type Variant = Guarded<'b, A::Variant>;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), A::Error> {
        let (variant, content) = self.inner.variant_seed(Guarded::new(seed, self.budget))?;
        Ok((variant, Guarded::new(content, self.budget)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.budget.enter()?;
        let outcome = self.inner.newtype_variant_seed(Guarded::new(seed, self.budget));
        self.budget.leave(&outcome);
        outcome
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Watched::new(visitor, self.budget, Some(len)))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Watched::new(visitor, self.budget, Some(fields.len())))
    }
}
