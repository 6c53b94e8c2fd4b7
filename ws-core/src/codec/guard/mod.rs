//! The deserializer around both codecs that counts depth and elements (R35).
//!
//! A codec believes what a body claims and recurses as deep as it says. The guard stands between the codec and the
//! type at every call of either, in both directions, so that
//!
//! - nesting ends at a limit: structs, tuples, sequences, maps, options, newtypes and variants with content are
//!   levels, so that any recursive type runs through at least one of them per turn;
//! - elements of sequences and maps are paid for when their container opens, out of one budget for the whole body:
//!   one element per byte, and some to spare for those that take no bytes. Honest bodies never run out of it;
//! - containers preallocate only for elements that are paid for, and all of them together for no more elements than
//!   the body has bytes;
//! - strings and byte strings are borrowed from the body and only then copied, because a codec that is asked for an
//!   owned one may allocate the claimed length before it looks whether the bytes are there.
//!
//! Nothing in here allocates unless it refuses.

mod access;
mod budget;
mod deserializer;
mod visitor;

pub(super) use budget::Budget;
pub(super) use deserializer::Guarded;
