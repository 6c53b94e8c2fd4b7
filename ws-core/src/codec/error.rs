//! Why a value did not become a body, or a body a value.

/// Why a value was not encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value needs more bytes than it may have.
    #[error("the value needs more than {limit} bytes")]
    TooLarge {
        /// What it may have.
        limit: usize,
    },
    /// The encoding cannot express the value, or the value's own `Serialize` failed, for this reason.
    #[error("the value cannot be encoded: {0}")]
    Unsupported(String),
}

impl EncodeError {
    #[cold]
    pub(super) fn unsupported(reason: impl Into<String>) -> Self {
        Self::Unsupported(clipped(reason.into()))
    }
}

/// Why a body was not decoded. The texts are short and hold no more of the body than serde's own messages do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Structs, variants, sequences, maps, options and newtypes are nested deeper than allowed.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The levels that are allowed.
        limit: usize,
    },
    /// Sequences and maps claim more elements than the body's length justifies.
    #[error("more than {limit} elements")]
    TooManyElements {
        /// The elements that a body of this length may have, all its sequences and maps together.
        limit: usize,
    },
    /// Bytes follow the value.
    #[error("{count} bytes follow the value")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The type asks what this encoding cannot answer, whatever the body holds: a mistake of this side's types, not
    /// of the peer.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The body is not an encoded value of the type.
    #[error("{0}")]
    Malformed(String),
}

impl DecodeError {
    #[cold]
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(clipped(reason.into()))
    }
}

/// serde quotes the unexpected string whole, however long the peer made it; and a clipped error should not keep it.
fn clipped(mut text: String) -> String {
    const LONGEST: usize = 240;
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
    text
}
