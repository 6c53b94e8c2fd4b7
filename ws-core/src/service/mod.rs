//! The seam between generated code and the toolkit: what a contract is made of, what serves it and what calls it.
//!
//! `#[ws_service]` writes against these types; an application meets [`Provider`], [`Remote`], [`Payload`] and
//! [`CallContext`], the rest is for generated code and for those who write a provider by hand.

mod answer;
mod call_context;
mod invocation;
mod method;
mod payload;
mod provider;
mod remote;
pub(crate) mod scope;
mod table;
mod tuple;

pub(crate) use answer::AnswerKind;
pub use answer::{Answer, HandlerFuture, Refusal, Responder};
pub use call_context::CallContext;
pub use invocation::Invocation;
pub(crate) use invocation::InvocationParts;
pub use method::{MethodId, MethodKind, MethodSpec};
pub use payload::Payload;
pub use provider::Provider;
pub use remote::{Remote, RemoteHandle};
pub use scope::Scoped;
pub use table::{ContractError, MethodTable, Methods};
