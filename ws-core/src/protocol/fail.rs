//! Why a call failed, as it travels (P23).

/// The class of a FAIL frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FailClass {
    /// The declared error; the body is its value in the connection's encoding.
    Declared = 0,
    /// The deadline passed at the callee.
    Timeout = 1,
    /// The callee gave the call up.
    Cancelled = 2,
    /// No such method.
    UnknownMethod = 3,
    /// The callee serves nothing.
    NoProvider = 4,
    /// The handler ended without an answer.
    NoReply = 5,
    /// The method's signature differs.
    SchemaMismatch = 6,
    /// The arguments do not decode.
    InvalidArguments = 7,
    /// Over a limit of the callee.
    Overloaded = 8,
    /// Not allowed.
    Denied = 9,
    /// The result exceeds the caller's `max_message`.
    TooLarge = 10,
    /// The handler failed; the body is the number under which the callee logged it.
    Internal = 11,
    /// The connection is not accepted yet.
    NotAccepted = 12,
}

impl FailClass {
    /// The class with this number. One that a later version may add reads as [`Internal`](Self::Internal).
    #[must_use]
    pub const fn from_u8(class: u8) -> Self {
        match class {
            0 => Self::Declared,
            1 => Self::Timeout,
            2 => Self::Cancelled,
            3 => Self::UnknownMethod,
            4 => Self::NoProvider,
            5 => Self::NoReply,
            6 => Self::SchemaMismatch,
            7 => Self::InvalidArguments,
            8 => Self::Overloaded,
            9 => Self::Denied,
            10 => Self::TooLarge,
            12 => Self::NotAccepted,
            _ => Self::Internal,
        }
    }
}
