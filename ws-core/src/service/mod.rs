//! The seam between generated code and the toolkit: what a contract is made of, what serves it and what calls it.
//!
//! `#[ws_service]` writes against these types; an application meets [`Provider`], [`Remote`], [`Payload`] and
//! [`CallContext`], the rest is for generated code and for those who write a provider by hand.

mod absent;
mod answer;
mod call_context;
mod contract;
mod event;
mod guard;
mod invocation;
pub(crate) mod method;
mod named;
mod names;
mod nested;
mod payload;
mod prepare;
mod provider;
mod remote;
mod request;
mod router;
pub(crate) mod scope;
mod table;
mod tuple;

pub use crate::call::RawReply;
pub use crate::codec::Sharing;
pub use absent::Absent;
pub(crate) use answer::AnswerKind;
pub use answer::{Answer, HandlerFuture, Refusal, Responder};
pub use call_context::CallContext;
pub use contract::Contract;
pub use event::{Event, EventWriter, Written};
/// `futures::Stream`, for generated code.
pub use futures::Stream;
pub use guard::{Denied, Guard, Guarded};
pub use invocation::Invocation;
pub(crate) use invocation::InvocationParts;
pub use method::{MethodId, MethodKind, MethodName, MethodSpec, Queueing, Streams};
pub use named::{ContractName, Named};
pub use names::type_name;
pub use nested::{Decoded, NestedFuture};
pub use payload::Payload;
pub use prepare::{Preparation, PrepareError, Preparing};
pub use provider::Provider;
pub use remote::{Remote, RemoteHandle};
pub use request::{PendingAnswer, Received, ReplyHandle, Request, RequestProvider, Requests, channel};
pub use router::{RouteTaken, Router};
pub use scope::Scoped;
pub(crate) use table::event_table;
pub use table::{ContractError, MethodTable, Methods};
