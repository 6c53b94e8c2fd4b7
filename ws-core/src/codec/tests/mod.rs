//! What every encoding promises, one file a promise; the promises are made in [`Encoding`].

#[cfg(feature = "msgpack")]
mod attributes;
mod claims;
mod depth;
mod elements;
mod encoding;
mod hostile;
mod rich;
mod round_trip;
mod sharing;

use serde::Serialize;

use super::{Body, DecodeError, EncodeError, Encoding};
use crate::limits::DecodeLimits;

const LIMITS: DecodeLimits = DecodeLimits { depth: 64, spare_elements: 65_536 };
const UNLIMITED: usize = usize::MAX;

/// The bytes of a value, whatever their number.
fn encoded<T: Serialize + ?Sized>(encoding: Encoding, value: &T) -> Vec<u8> {
    encoding.encode(value, UNLIMITED).expect("the value can be encoded").payload().to_vec()
}
