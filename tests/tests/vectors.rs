//! The golden vectors of `vectors/`: both directions of every encoder, and both sides of every conversation, byte by
//! byte. `docs/protocol.md` is what they are the examples of; a change that a vector notices is a change of the wire.

#[path = "vectors/batches.rs"]
mod batches;
#[path = "vectors/blocks.rs"]
mod blocks;
#[path = "vectors/bodies.rs"]
mod bodies;
#[path = "vectors/contracts.rs"]
mod contracts;
#[path = "vectors/exchanges.rs"]
mod exchanges;
#[path = "vectors/frames.rs"]
mod frames;
#[path = "vectors/methods.rs"]
mod methods;
#[path = "vectors/played.rs"]
mod played;
#[path = "vectors/refused.rs"]
mod refused;
