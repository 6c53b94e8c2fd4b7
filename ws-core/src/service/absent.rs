//! What stands for a type that is not there.

use std::marker::PhantomData;

/// Stands for the type of a method that a `#[cfg]` took away, in generated code. It has no values.
#[derive(Clone, Debug, PartialEq)]
pub struct Absent<T>(PhantomData<fn() -> T>, crate::error::Never);

impl<T> serde::Serialize for Absent<T> {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match self.1 {}
    }
}

impl<'de, T> serde::Deserialize<'de> for Absent<T> {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("a method that is not there"))
    }
}
