//! Why a connection is not accepted.

use std::borrow::Cow;

use ws_core::code;

/// Why a connection is not accepted: a close code and a reason that the client is told (R7).
///
/// Codes 4000–4499 and 1013 invite the client to come again; 4500–4999 tell it not to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    code: u16,
    reason: Cow<'static, str>,
    closes: bool,
}

impl Rejection {
    /// With this close code; one that must not travel (RFC 6455 section 7.4) is sent as 1008. The reason is cut to
    /// 1 KiB, and to 123 bytes in the close frame.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into(), closes: false }
    }

    /// 4501: the credentials are not accepted.
    pub fn unauthorized(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::UNAUTHORIZED, reason)
    }

    /// 4503: may not connect.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::FORBIDDEN, reason)
    }

    /// 4013: try again later.
    pub fn busy(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::BUSY, reason)
    }

    /// Closes the connection, also where the client has tries left (`ServerBuilder::attempts`).
    #[must_use]
    pub const fn and_close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Whether it takes the client's other tries away.
    #[must_use]
    pub const fn closes(&self) -> bool {
        self.closes
    }

    /// The close code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
