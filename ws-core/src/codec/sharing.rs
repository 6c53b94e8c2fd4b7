//! Large byte strings that are not copied: they become the tail of a body, and are taken out of a message as a part
//! of it.
//!
//! serde hands a codec a slice and gives one back; whom it belongs to goes past the codec, through the thread.

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::fmt;
use std::thread::LocalKey;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Byte strings from this length on are shared; to copy smaller ones costs less.
pub(crate) const SHARED: usize = 16 << 10;

type Place = LocalKey<Cell<Option<Bytes>>>;

thread_local! {
    /// What is being serialized.
    static OFFERED: Cell<Option<Bytes>> = const { Cell::new(None) };
    /// What is being decoded is a part of this.
    static SOURCE: Cell<Option<Bytes>> = const { Cell::new(None) };
}

/// Sets a place for as long as it lives.
struct Set(&'static Place, Option<Bytes>);

impl Set {
    fn new(place: &'static Place, bytes: &Bytes) -> Self {
        Self(place, place.replace(Some(bytes.clone())))
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.0.set(self.1.take());
    }
}

/// The bytes whose slice a codec writes, where they were offered.
pub(super) fn offered(slice: &[u8]) -> Option<Bytes> {
    let bytes = OFFERED.take()?;
    (bytes.len() == slice.len() && std::ptr::eq(bytes.as_ptr(), slice.as_ptr())).then_some(bytes)
}

/// Decodes a part of `source` with it at hand, so that large byte strings can be parts of it.
pub(super) fn sharing<T>(source: &Bytes, decode: impl FnOnce() -> T) -> T {
    let _set = Set::new(&SOURCE, source);
    decode()
}

/// As a part of the source, where that keeps at most twice as many bytes; or a copy.
fn taken(slice: &[u8]) -> Bytes {
    if slice.len() < SHARED {
        return Bytes::copy_from_slice(slice);
    }
    let source = SOURCE.take();
    let part = source.as_ref().filter(|source| slice.len() >= source.len() / 2).and_then(|source| {
        let start = slice.as_ptr().addr().checked_sub(source.as_ptr().addr())?;
        let end = start.checked_add(slice.len())?;
        (end <= source.len()).then(|| source.slice(start..end))
    });
    SOURCE.set(source);
    part.unwrap_or_else(|| Bytes::copy_from_slice(slice))
}

/// For fields of type [`bytes::Bytes`] that may be large: `#[serde(with = "ws_core::shared_bytes")]`.
///
/// An argument, a result or an item that is `Bytes` itself is not copied in any case: from 16 KiB on it is sent from
/// where it lies, where it comes last in what is sent, and what is received is a part of the message that brought it
/// (which holds at most twice as much). Inside of other types serde's implementation for `Bytes` copies it, each way;
/// this one does not. Both write the same.
///
/// ```
/// use bytes::Bytes;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Picture {
///     width: u32,
///     #[serde(with = "ws_core::shared_bytes")]
///     pixels: Bytes,
/// }
/// ```
pub mod shared_bytes {
    use super::{Bytes, Deserializer, OFFERED, SHARED, Serializer, Set, Whole};

    /// Writes the bytes.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        let _set = (bytes.len() >= SHARED).then(|| Set::new(&OFFERED, bytes));
        serializer.serialize_bytes(bytes)
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_byte_buf(Whole)
    }
}

/// Takes what serde's implementation for `Bytes` takes.
struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Bytes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(taken(bytes))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        Ok(taken(text.as_bytes()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Bytes, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::with_capacity(elements.size_hint().unwrap_or(0).min(4096));
        while let Some(byte) = elements.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

/// A value as it travels: as serde writes and reads it, but where it is [`Bytes`], as [`shared_bytes`] does.
///
/// Generated code has one around each argument. `Sharing<&T>` is written, `Sharing<T>` is read.
#[derive(Debug)]
pub struct Sharing<T>(pub T);

impl<T: Serialize + 'static> Serialize for Sharing<&T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0 as &dyn Any).downcast_ref() {
            Some(bytes) => shared_bytes::serialize(bytes, serializer),
            None => self.0.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned + 'static> Deserialize<'de> for Sharing<T> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if TypeId::of::<T>() != TypeId::of::<Bytes>() {
            return T::deserialize(deserializer).map(Self);
        }
        let mut bytes = Some(shared_bytes::deserialize(deserializer)?);
        let value = (&mut bytes as &mut dyn Any).downcast_mut::<Option<T>>();
        value.and_then(Option::take).map(Self).ok_or_else(|| Error::custom("bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_slice_that_was_offered_is_taken() {
        let (bytes, others) = (Bytes::from(vec![1; SHARED]), vec![2; SHARED]);
        let set = Set::new(&OFFERED, &bytes);
        assert_eq!(offered(&others), None);
        drop(set);
        let set = Set::new(&OFFERED, &bytes);
        assert_eq!(offered(&bytes), Some(bytes.clone()));
        drop(set);
        assert_eq!(offered(&bytes), None);
    }
}
