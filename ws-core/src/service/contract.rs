//! What else a contract has, reached from its remote.

use super::Remote;
use crate::call::RawReply;
use crate::error::CallError;

/// The enums of a contract, reached from its remote, which is the one item that users of a contract name.
pub trait Contract: Remote {
    /// Its messages as plain data.
    type Event;
    /// Its results as plain data.
    type Reply;
    /// Its messages with typed reply handles.
    type Request;

    /// Decodes what a call of the method with this index returned.
    ///
    /// # Errors
    /// The call failed, or its result does not decode.
    fn reply(method: usize, reply: RawReply) -> Result<Self::Reply, CallError>;
}
