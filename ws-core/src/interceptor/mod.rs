//! What sees, changes or denies messages on their way (R24).

mod chain;
mod interception;
mod outgoing;

pub(crate) use chain::{Interceptors, Passed, Returning, Stopped, Subject};
pub use interception::{Denial, Interception, Outcome};
pub(crate) use outgoing::Leaving;

/// Sees, changes or denies messages at four points of their way. Installed by the builders of servers and connectors;
/// where none is, nothing is asked.
///
/// | point | on | when |
/// |---|---|---|
/// | [`send`](Self::send) | the sender's side | a call, an event or a message is about to leave |
/// | [`receive`](Self::receive) | the receiver's side | it is about to be handled, or to answer one that is waited for |
/// | [`returns`](Self::returns) | the receiver's side | the handler of a call has given its result |
/// | [`complete`](Self::complete) | the sender's side | the outcome of a call is about to be told to the caller |
///
/// Several are asked in the order in which they were installed, at `returns` and `complete` the other way round. They run
/// in place and must be quick. A panic at `receive` or `returns` fails the message alone, as one in its handler does.
///
/// Of a stream, the call that opens it passes these points; its items do not.
///
/// ```
/// use ws_core::{Denial, Interception, Interceptor};
///
/// struct Clock;
///
/// impl Interceptor for Clock {
///     fn complete(&self, call: &mut Interception<'_>) -> Result<(), Denial> {
///         println!("{} took {:?}", call.method(), call.elapsed());
///         Ok(())
///     }
/// }
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// A message of this side is about to leave.
    ///
    /// # Errors
    /// It may not: the caller hears `Denied`, or the declared error that the denial carries.
    fn send(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        let _ = message;
        Ok(())
    }

    /// A message of the other side is about to be handled. [`Interception::reroute`] sends it to another method.
    ///
    /// # Errors
    /// It may not: the caller hears `Denied`, or the declared error that the denial carries; an event is dropped.
    fn receive(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        let _ = message;
        Ok(())
    }

    /// The handler of a call has given a value or its declared error.
    ///
    /// # Errors
    /// The caller shall hear `Denied` instead, or the declared error that the denial carries.
    fn returns(&self, result: &mut Interception<'_>) -> Result<(), Denial> {
        let _ = result;
        Ok(())
    }

    /// A call of this side has its outcome; see [`Interception::outcome`].
    ///
    /// # Errors
    /// The caller shall hear `Denied` instead, or the declared error that the denial carries.
    fn complete(&self, outcome: &mut Interception<'_>) -> Result<(), Denial> {
        let _ = outcome;
        Ok(())
    }
}
