//! Two engines against each other over an adversarial link with a simulated clock, and one engine against a hostile
//! peer. No socket, no executor, no sleep.

mod asks;
mod budget;
mod cancels;
mod closing;
mod deadlines;
mod early;
mod events;
mod extremes;
mod floods;
mod garbage;
mod handshake;
mod harness;
mod heartbeat;
mod hostile;
mod latest;
mod leaving;
mod liveness;
mod posts;
mod queues;
mod random;
mod room;
mod schema;
mod sleeping;
mod streams;
mod waiting;
