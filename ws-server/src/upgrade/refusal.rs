//! The HTTP answer of a request that does not become a connection.

use std::borrow::Cow;
use std::fmt;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response, StatusCode, header};

/// A longer reason is cut, as everywhere (R35).
const MAX_REASON: usize = 1024;

/// An HTTP answer that refuses an upgrade: a status, a short text, header fields.
///
/// The text reaches the client as it is. Keep what is private, and what the client sent, out of it.
///
/// ```
/// use ws_server::upgrade::{UpgradeRefusal, http::StatusCode};
///
/// let refusal = UpgradeRefusal::custom(StatusCode::PAYMENT_REQUIRED, "the trial is over");
/// assert_eq!(refusal.status(), StatusCode::PAYMENT_REQUIRED);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeRefusal {
    status: StatusCode,
    reason: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl UpgradeRefusal {
    /// 400: the request makes no sense.
    pub fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::custom(StatusCode::BAD_REQUEST, reason)
    }

    /// 401: who are you? Asks for a bearer token; [`header`](Self::header) with `WWW-Authenticate` asks for
    /// something else.
    pub fn unauthorized(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::custom(StatusCode::UNAUTHORIZED, reason)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: not you, or not from there.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::custom(StatusCode::FORBIDDEN, reason)
    }

    /// 404: nothing is served at this path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::custom(StatusCode::NOT_FOUND, "nothing is served at this path")
    }

    /// 405: an upgrade is a GET.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::custom(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket upgrade is a GET request")
            .header(header::ALLOW, HeaderValue::from_static("GET"))
    }

    /// 426: only WebSocket, version 13, is served here.
    #[must_use]
    pub fn upgrade_required() -> Self {
        let mut refusal =
            Self::custom(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket endpoint, version 13");
        refusal.headers = vec![
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        ];
        refusal
    }

    /// 431: the request is larger than the limits allow.
    pub fn too_many(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::custom(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason)
    }

    /// 503: not now. Asks the client to wait a second; [`header`](Self::header) with `Retry-After` asks for more.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::custom(StatusCode::SERVICE_UNAVAILABLE, reason)
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 505: a version of HTTP that has no WebSocket upgrade.
    pub(super) fn http_version() -> Self {
        Self::custom(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "a WebSocket upgrade needs HTTP/1.1")
    }

    /// Any other refusal. The reason is cut after 1 KiB. A status that refuses nothing, or that allows no text
    /// (1xx, 2xx, 304), becomes 500, since the client would take it for something else than an end.
    pub fn custom(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        let refuses = status.as_u16() >= 300 && status != StatusCode::NOT_MODIFIED;
        let status = if refuses { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self { status, reason: cut(reason.into()), headers: Vec::new() }
    }

    /// Sets a header field of the answer. `Connection`, `Content-Length`, `Content-Type` and `Transfer-Encoding`
    /// stay as the answer needs them.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        let ours =
            [header::CONNECTION, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::TRANSFER_ENCODING];
        if !ours.contains(&name) {
            self.headers.retain(|(present, _)| *present != name);
            self.headers.push((name, value));
        }
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The text that the client gets.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The answer as a value, for those whose HTTP is done by another server.
    #[must_use]
    pub fn response(&self) -> Response<String> {
        let mut response = Response::new(self.reason.to_string());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers.iter().cloned());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.reason.len()));
        response
    }
}

impl fmt::Display for UpgradeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}

impl std::error::Error for UpgradeRefusal {}

/// At most `MAX_REASON` bytes, ending with a whole character.
fn cut(reason: Cow<'static, str>) -> Cow<'static, str> {
    if reason.len() <= MAX_REASON {
        return reason;
    }
    let end = (0..=MAX_REASON).rev().find(|index| reason.is_char_boundary(*index)).unwrap_or_default();
    Cow::Owned(reason[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_refuses_nothing_becomes_500() {
        for (status, expected) in
            [(101, 500), (100, 500), (200, 500), (204, 500), (304, 500), (307, 307), (402, 402), (599, 599)]
        {
            let refusal = UpgradeRefusal::custom(StatusCode::from_u16(status).unwrap(), "no");
            assert_eq!(refusal.status().as_u16(), expected);
        }
    }

    #[test]
    fn r35_a_reason_is_cut_at_a_character() {
        assert_eq!(UpgradeRefusal::bad_request("ä".repeat(512)).reason().len(), 1024);
        assert_eq!(UpgradeRefusal::bad_request(format!("a{}", "ä".repeat(512))).reason().len(), 1023);
    }

    #[test]
    fn a_header_field_is_set_once_and_never_breaks_the_answer() {
        let response = UpgradeRefusal::unavailable("later")
            .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
            .header(header::CONTENT_LENGTH, HeaderValue::from_static("7"))
            .header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
            .response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "60");
        assert_eq!(response.headers()[header::CONTENT_LENGTH], "5");
        assert_eq!(response.headers().len(), 3);
    }
}
