//! What the codec answers the type.

use std::fmt;

use serde::de::{Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::access::Elements;
use super::{Budget, Guarded};

/// A visitor whose containers are levels and whose elements are paid for.
#[derive(Debug)]
pub(super) struct Watched<'b, V> {
    inner: V,
    budget: &'b mut Budget,
    arity: Option<usize>,
}

impl<'b, V> Watched<'b, V> {
    /// `arity` is how many elements the type itself has, where the type and not the body decides that.
    #[inline]
    pub(super) const fn new(inner: V, budget: &'b mut Budget, arity: Option<usize>) -> Self {
        Self { inner, budget, arity }
    }
}

macro_rules! forward {
    ($($method:ident($type:ty);)*) => {
        $(
            #[inline]
            fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
                self.inner.$method(value)
            }
        )*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watched<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(formatter)
    }

    forward! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, content: D) -> Result<V::Value, D::Error> {
        self.budget.enter()?;
        let outcome = self.inner.visit_some(Guarded::new(content, self.budget));
        self.budget.leave(&outcome);
        outcome
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<V::Value, D::Error> {
        self.budget.enter()?;
        let outcome = self.inner.visit_newtype_struct(Guarded::new(content, self.budget));
        self.budget.leave(&outcome);
        outcome
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.budget.enter()?;
        let hint = elements.size_hint();
        let outcome = self.inner.visit_seq(Elements::new(elements, hint, self.arity, self.budget)?);
        self.budget.leave(&outcome);
        outcome
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.budget.enter()?;
        let hint = entries.size_hint();
        let outcome = self.inner.visit_map(Elements::new(entries, hint, self.arity, self.budget)?);
        self.budget.leave(&outcome);
        outcome
    }

    /// Not a level: a variant without content has nothing below it, the others become one when they are opened.
    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Guarded::new(variant, self.budget))
    }
}
