//! Values ⇄ bodies, in the encoding that a connection agreed on.
//!
//! Every body is written under a limit, read through `guard` (R35) and refused when bytes follow its value.
//! The envelope around a body is the business of `protocol`; this folder knows nothing of it but [`Body::HEADROOM`].

#[cfg(not(any(feature = "bincode", feature = "msgpack")))]
compile_error!("ws-core needs an encoding: enable its feature `bincode` (the default) or `msgpack`, or both");

#[cfg(feature = "bincode")]
mod bincode;
mod body;
mod encoding;
mod error;
mod guard;
mod limited;
#[cfg(feature = "msgpack")]
mod msgpack;
mod sharing;

#[cfg(test)]
mod tests;

pub(crate) use body::Body;
pub use encoding::Encoding;
pub use error::{DecodeError, EncodeError};
pub(crate) use sharing::SHARED;
pub use sharing::{Sharing, shared_bytes};
