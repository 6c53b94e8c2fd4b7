//! One method of a contract.

use syn::{Attribute, Ident, TraitItemFn, Type};

/// One method of a contract.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    /// Its name in enums.
    pub(crate) variant: Ident,
    /// `Contract.method`.
    pub(crate) wire_name: String,
    pub(crate) attributes: Attributes,
    /// The user's own lines, `#[ws(..)]` and sorted attributes taken off: the trait is made of them.
    pub(crate) item: TraitItemFn,
    /// Whether the first argument is `ctx: &CallContext`.
    pub(crate) context: bool,
    /// What travels, in order.
    pub(crate) arguments: Vec<Argument>,
    pub(crate) kind: Kind,
    /// Runs in a task of its own.
    pub(crate) spawn: bool,
}

/// A method's attributes by where they go.
#[derive(Default)]
pub(crate) struct Attributes {
    /// `#[cfg]`s: to everything that is generated for the method.
    pub(crate) cfgs: Vec<Attribute>,
    /// Docs and deprecation: to whatever a person calls.
    pub(crate) docs: Vec<Attribute>,
    /// The rest: to the trait alone.
    pub(crate) others: Vec<Attribute>,
}

/// One argument that travels.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

/// Whether the sender awaits a reply, and what only the one or the other has.
pub(crate) enum Kind {
    Call {
        output: Output,
        timeout_ms: Option<u64>,
        queueing: Queueing,
        /// May be sent again where it is unknown whether it ran (R37).
        #[cfg_attr(not(test), expect(dead_code, reason = "reconnection will read it"))]
        idempotent: bool,
    },
    Event {
        /// Handled beside the connection's other events instead of after them.
        concurrent: bool,
    },
}

/// How the calls of one method queue on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Queueing {
    #[default]
    None,
    Serial,
    Busy,
    Latest,
}

/// What a call returns.
pub(crate) enum Output {
    /// Any type; none written is `()`.
    Value(Box<Type>),
    /// `Result<value, error>`, as the user wrote it.
    Fallible { written: Box<Type>, value: Box<Type>, error: Box<Type> },
}

impl Output {
    /// The type as the trait has it.
    pub(crate) fn written(&self) -> &Type {
        match self {
            Self::Value(written) | Self::Fallible { written, .. } => written,
        }
    }
}
