//! Two engines against each other over an adversarial link with a simulated clock, and one engine against a hostile
//! peer. No socket, no executor, no sleep.

mod cancels;
mod deadlines;
mod floods;
mod handshake;
mod harness;
mod heartbeat;
mod hostile;
mod leaving;
mod random;
mod room;
mod waiting;
