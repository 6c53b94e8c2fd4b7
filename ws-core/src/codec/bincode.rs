//! The `bincode` crate, version 2, in its standard configuration: little endian, variable-length integers.

use std::marker::PhantomData;

use ::bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use ::bincode::serde::{encode_into_writer, seed_decode_from_slice};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::guard::{Budget, Guarded};
use super::limited::Limited;
use super::{Body, DecodeError, EncodeError};
use crate::limits::DecodeLimits;

/// The largest body that any configuration of this crate lets through.
const LARGEST_BODY: usize = 64 << 20;

/// What bincode may "read" in one decode.
///
/// Its accounting claims the width of an integer's type, not of its varint: sixteen bytes for the single one of a
/// small `u128`, which is the worst case. So sixteen times the body is the smallest constant that never refuses a
/// valid body. It ends a string or byte string that claims more. It is not what bounds allocation: the guard never
/// lets bincode allocate for a claim (strings are borrowed from the body, which must hold them, and copied then) and
/// sequences and maps are counted against the body by the guard.
const CLAIMS: usize = 16 * LARGEST_BODY;

const CONFIGURATION: Configuration<LittleEndian, Varint, Limit<CLAIMS>> = standard().with_limit();

/// See [`Encoding::encode`](super::Encoding::encode).
#[inline]
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, limit: usize) -> Result<Body, EncodeError> {
    let mut writer = Limited::new(limit);
    let outcome = encode_into_writer(value, &mut writer, CONFIGURATION);
    if writer.overflown() {
        return Err(EncodeError::TooLarge { limit });
    }
    outcome.map_err(refused)?;
    Ok(writer.into_body())
}

/// See [`Encoding::decode`](super::Encoding::decode).
#[inline]
pub(super) fn decode<T: DeserializeOwned>(body: &[u8], limits: &DecodeLimits) -> Result<T, DecodeError> {
    let mut budget = Budget::new(body.len(), limits);
    let seed = Guarded::new(PhantomData::<T>, &mut budget);
    let outcome = seed_decode_from_slice(seed, body, CONFIGURATION);
    budget.verdict()?;
    let (value, read) = outcome.map_err(malformed)?;
    match body.len() - read {
        0 => Ok(value),
        count => Err(DecodeError::TrailingBytes { count }),
    }
}

#[cold]
fn refused(error: ::bincode::error::EncodeError) -> EncodeError {
    use ::bincode::error::EncodeError as E;
    match error {
        E::OtherString(reason) => EncodeError::unsupported(reason),
        E::Serde(_) => {
            EncodeError::unsupported("bincode needs to know the length of a sequence or map beforehand")
        }
        other => EncodeError::unsupported(other.to_string()),
    }
}

/// bincode's own texts are `Debug` output and quote bytes of the body; these do not.
#[cold]
fn malformed(error: ::bincode::error::DecodeError) -> DecodeError {
    use ::bincode::error::DecodeError as E;
    DecodeError::malformed(match error {
        E::OtherString(reason) => return DecodeError::malformed(reason),
        E::Serde(_) => {
            return DecodeError::Unsupported(
                "the type needs a self-describing encoding (serde's untagged, tag, flatten): use msgpack",
            );
        }
        E::UnexpectedEnd { .. } => "the body ends early",
        E::LimitExceeded => "a length beyond any body",
        E::InvalidIntegerType { .. } => "an integer of the wrong width",
        E::UnexpectedVariant { .. } => "an option that is neither none nor some",
        E::Utf8 { .. } => "invalid UTF-8 in a string",
        E::InvalidCharEncoding(_) => "an invalid char",
        E::InvalidBooleanValue(_) => "a bool that is neither true nor false",
        E::OutsideUsizeRange(_) => "a length beyond this machine's memory",
        _ => "not an encoded value",
    })
}
