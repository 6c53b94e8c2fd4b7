//! Pumps one transport through one engine: the only code that awaits a socket, and the only one that polls handlers.
//!
//! A turn reads until the socket would block, starts and polls handlers in place, writes everything that is ready as
//! batches and flushes once. Nothing but the socket is awaited in the read path.

mod apply;
mod closing;
mod drive;
mod guarded;
mod handlers;
mod read;
mod ready;
mod serve;
mod spawned;
mod timer;
mod uploads;
mod work;
mod write;

pub use drive::Driver;

#[cfg(test)]
mod tests;
