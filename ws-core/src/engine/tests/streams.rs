//! Streams in the engine (R26): by hand against one engine, and two engines against each other.

mod credit;
mod ends;
mod hostile;
mod pair;
mod random;
mod room;
mod slots;
