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
    /// What travels as the arguments, in order; not what is uploaded.
    pub(crate) arguments: Vec<Argument>,
    /// What the caller streams while the call runs.
    pub(crate) upload: Option<Upload>,
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

/// The argument that is a stream.
pub(crate) struct Upload {
    pub(crate) ident: Ident,
    /// `T` of `Streaming<T>`.
    pub(crate) item: Type,
    /// How many arguments stand before it.
    pub(crate) position: usize,
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
    /// `impl Stream<Item = item>`, in one of its forms.
    Stream(Box<StreamOutput>),
}

/// A stream of values in place of one.
pub(crate) struct StreamOutput {
    /// As the trait has it, `Send` added.
    pub(crate) written: Type,
    pub(crate) item: Type,
    /// What the call, or an item, may fail with.
    pub(crate) error: Option<Type>,
    /// `Result<impl Stream, error>`.
    pub(crate) opening_fails: bool,
    /// `impl Stream<Item = Result<item, error>>`.
    pub(crate) items_fail: bool,
    /// Whether the stream is awaited: `async fn`.
    pub(crate) awaited: bool,
}

impl Method {
    /// What it streams instead of returning a value.
    pub(crate) fn stream(&self) -> Option<&StreamOutput> {
        match &self.kind {
            Kind::Call { output: Output::Stream(stream), .. } => Some(stream),
            _ => None,
        }
    }

    /// Whether it streams anything, either way: it is no message then that could be plain data.
    pub(crate) fn streams(&self) -> bool {
        self.upload.is_some() || self.stream().is_some()
    }

    /// What a call of it gives, or fails with, by type; none for an event.
    pub(crate) fn outcome(&self) -> Option<(&Type, Option<&Type>)> {
        match &self.kind {
            Kind::Event { .. } => None,
            Kind::Call { output, .. } => Some(match output {
                Output::Value(value) => (value, None),
                Output::Fallible { value, error, .. } => (value, Some(error)),
                Output::Stream(stream) => (&stream.item, stream.error.as_ref()),
            }),
        }
    }
}

impl Output {
    /// The type as the trait has it.
    pub(crate) fn written(&self) -> &Type {
        match self {
            Self::Value(written) | Self::Fallible { written, .. } => written,
            Self::Stream(stream) => &stream.written,
        }
    }
}
