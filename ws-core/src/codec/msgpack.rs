//! MessagePack through `rmp-serde`: structs as maps of named fields, variants by name.

use std::io::Cursor;

use ::rmp_serde::Deserializer;
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

use super::guard::{Budget, Guarded};
use super::limited::Limited;
use super::{Body, DecodeError, EncodeError};
use crate::limits::DecodeLimits;

/// See [`Encoding::encode`](super::Encoding::encode).
///
/// A map or sequence that does not know its length (a struct with a `flatten`ed field, say) is collected by
/// rmp-serde first and meets the limit as a whole: it can take as much memory as its own encoding needs.
#[inline]
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, limit: usize) -> Result<Body, EncodeError> {
    let mut writer = Limited::new(limit);
    let outcome = ::rmp_serde::encode::write_named(&mut writer, value);
    if writer.overflown() {
        return Err(EncodeError::TooLarge { limit });
    }
    outcome.map_err(|error| EncodeError::unsupported(error.to_string()))?;
    Ok(writer.into_body())
}

/// See [`Encoding::decode`](super::Encoding::decode).
#[inline]
pub(super) fn decode<T: DeserializeOwned>(body: &[u8], limits: &DecodeLimits) -> Result<T, DecodeError> {
    let mut budget = Budget::new(body.len(), limits);
    let mut reader = Deserializer::from_read_ref(body);
    // The guard counts depth, and counts what rmp-serde does not (options, newtypes, variants).
    reader.set_max_depth(usize::MAX);
    let outcome = T::deserialize(Guarded::new(&mut reader, &mut budget));
    budget.verdict()?;
    let value = outcome.map_err(malformed)?;
    if is_at_end(&mut reader) { Ok(value) } else { Err(trailing_bytes(body, limits)) }
}

/// rmp-serde does not say how much of a slice it has read; but at the end it finds no marker, and only there.
#[inline]
fn is_at_end<'de, R: ::rmp_serde::decode::ReadSlice<'de>>(reader: &mut Deserializer<R>) -> bool {
    // A bool, because that reads one marker and never descends.
    matches!(bool::deserialize(reader), Err(::rmp_serde::decode::Error::InvalidMarkerRead(_)))
}

/// Scans the first value again, this time through a reader that can tell its position.
#[cold]
fn trailing_bytes(body: &[u8], limits: &DecodeLimits) -> DecodeError {
    let mut budget = Budget::new(body.len(), limits);
    let mut reader = Deserializer::new(Cursor::new(body));
    let scanned = IgnoredAny::deserialize(Guarded::new(&mut reader, &mut budget));
    let read = if scanned.is_ok() { usize::try_from(reader.position()).unwrap_or(0) } else { 0 };
    DecodeError::TrailingBytes { count: body.len().saturating_sub(read).max(1) }
}

/// rmp-serde's own texts quote markers, which hold small values, and speak of I/O.
#[cold]
fn malformed(error: ::rmp_serde::decode::Error) -> DecodeError {
    use ::rmp_serde::decode::Error as E;
    DecodeError::malformed(match error {
        E::Syntax(reason) | E::Uncategorized(reason) => return DecodeError::malformed(reason),
        E::InvalidMarkerRead(_) | E::InvalidDataRead(_) => "the body ends early",
        E::TypeMismatch(_) => "a value of another type than expected",
        E::OutOfRange => "a number out of range",
        E::LengthMismatch(_) => "a sequence or map of another length than expected",
        E::Utf8Error(_) => "invalid UTF-8 in a string",
        E::DepthLimitExceeded => "nested too deep",
    })
}
