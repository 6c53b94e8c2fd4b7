//! What the type asks the codec.

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use super::Budget;
use super::visitor::Watched;

/// Something of the codec, or of the type, that passes the budget on to whatever it meets.
#[derive(Debug)]
pub(in crate::codec) struct Guarded<'b, T> {
    pub(super) inner: T,
    pub(super) budget: &'b mut Budget,
}

impl<'b, T> Guarded<'b, T> {
    #[inline]
    pub(in crate::codec) const fn new(inner: T, budget: &'b mut Budget) -> Self {
        Self { inner, budget }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guarded<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Guarded::new(deserializer, self.budget))
    }
}

/// `asked as forwarded (arguments) arity`: the arity is how many elements the type itself has, where it says so.
macro_rules! forward {
    ($($asked:ident as $forwarded:ident ($($name:ident: $type:ty),*) $arity:expr;)*) => {
        $(
            #[inline]
            fn $asked<V: Visitor<'de>>(self $(, $name: $type)*, visitor: V) -> Result<V::Value, D::Error> {
                self.inner.$forwarded($($name,)* Watched::new(visitor, self.budget, $arity))
            }
        )*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guarded<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any as deserialize_any () None;
        deserialize_bool as deserialize_bool () None;
        deserialize_i8 as deserialize_i8 () None;
        deserialize_i16 as deserialize_i16 () None;
        deserialize_i32 as deserialize_i32 () None;
        deserialize_i64 as deserialize_i64 () None;
        deserialize_i128 as deserialize_i128 () None;
        deserialize_u8 as deserialize_u8 () None;
        deserialize_u16 as deserialize_u16 () None;
        deserialize_u32 as deserialize_u32 () None;
        deserialize_u64 as deserialize_u64 () None;
        deserialize_u128 as deserialize_u128 () None;
        deserialize_f32 as deserialize_f32 () None;
        deserialize_f64 as deserialize_f64 () None;
        deserialize_char as deserialize_char () None;
        deserialize_str as deserialize_str () None;
        // Borrowed, although the type would take an owned one: bincode zeroes a buffer of the claimed length first.
        deserialize_string as deserialize_str () None;
        deserialize_bytes as deserialize_bytes () None;
        deserialize_byte_buf as deserialize_bytes () None;
        deserialize_option as deserialize_option () None;
        deserialize_unit as deserialize_unit () None;
        deserialize_unit_struct as deserialize_unit_struct (name: &'static str) None;
        deserialize_newtype_struct as deserialize_newtype_struct (name: &'static str) None;
        deserialize_seq as deserialize_seq () None;
        deserialize_tuple as deserialize_tuple (len: usize) Some(len);
        deserialize_tuple_struct as deserialize_tuple_struct (name: &'static str, len: usize) Some(len);
        deserialize_map as deserialize_map () None;
        deserialize_struct as deserialize_struct
            (name: &'static str, fields: &'static [&'static str]) Some(fields.len());
        deserialize_enum as deserialize_enum (name: &'static str, variants: &'static [&'static str]) None;
        deserialize_identifier as deserialize_identifier () None;
        deserialize_ignored_any as deserialize_ignored_any () None;
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
