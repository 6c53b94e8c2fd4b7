//! What a client asked for.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_tungstenite::tungstenite::http::{Extensions, HeaderMap, header, request::Parts};

use super::fields;
use super::query;

/// What a client asked for when it opened its connection. A clone is cheap and shares the parts.
///
/// Everything in it is the client's word. Its `Debug` form leaves out query and header fields, where secrets
/// travel.
#[derive(Clone)]
pub struct UpgradeRequest {
    parts: Arc<Parts>,
    remote_address: Option<SocketAddr>,
}

impl UpgradeRequest {
    /// A request that another HTTP server has received: axum, hyper, a test.
    ///
    /// Whether it asks for a WebSocket at all is for [`AcceptKey::for_request`](super::AcceptKey::for_request) to
    /// say.
    ///
    /// ```
    /// use ws_server::upgrade::{UpgradeRequest, http::Request};
    ///
    /// let (parts, ()) = Request::get("/ws?room=a%20b").header("host", "localhost").body(())?.into_parts();
    /// let request = UpgradeRequest::from_http(parts).with_remote_address(([127, 0, 0, 1], 4000));
    /// assert_eq!(request.path(), "/ws");
    /// assert_eq!(request.query_value("room").as_deref(), Some("a b"));
    /// # Ok::<(), ws_server::upgrade::http::Error>(())
    /// ```
    #[must_use]
    pub fn from_http(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), remote_address: None }
    }

    /// Says where the request came from.
    #[must_use]
    pub fn with_remote_address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.remote_address = Some(address.into());
        self
    }

    /// The path as it was sent, still percent-encoded, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// What follows the `?`, still percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    /// The first value of this name in the query, decoded. Addresses are logged by many a proxy: they are no place
    /// for a token.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        query::value(self.query()?, name)
    }

    /// The first value of a header field, whose name is taken in any case; `None` also where it is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers().get(name)?.as_bytes()).ok()
    }

    /// All header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The page that a browser's request comes from. Programs send what they like, or nothing.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.header(header::ORIGIN.as_str())
    }

    /// The host, with the port unless it is the scheme's own, that the client believes to talk to.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        // HTTP/2 has it in the target.
        let authority = || self.parts.uri.authority().map(|authority| authority.as_str());
        self.header(header::HOST.as_str()).or_else(authority)
    }

    /// The subprotocols that are offered, the client's favourite first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        fields::list(self.headers(), &header::SEC_WEBSOCKET_PROTOCOL)
    }

    /// Where the connection comes from, which may be a proxy; `None` where it is not a network connection.
    #[must_use]
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.remote_address
    }

    /// What layers in front of this one have attached, such as the user that an axum middleware has found.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }
}

impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest")
            .field("path", &self.path())
            .field("host", &self.host())
            .field("origin", &self.origin())
            .field("remote_address", &self.remote_address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::http::Request;

    use super::*;

    fn request() -> UpgradeRequest {
        let mut request = Request::get("/a%20b/c?token=secret&x=1")
            .header("Host", "example.com:81")
            .header("Origin", "https://example.com")
            .header("Authorization", "Bearer secret")
            .header("Sec-WebSocket-Protocol", "one, two,,")
            .header("Sec-WebSocket-Protocol", " three ")
            .body(())
            .unwrap();
        request.extensions_mut().insert(7_u32);
        UpgradeRequest::from_http(request.into_parts().0).with_remote_address(([10, 0, 0, 1], 5))
    }

    #[test]
    fn everything_asked_can_be_read() {
        let request = request();
        assert_eq!(request.path(), "/a%20b/c");
        assert_eq!(request.query(), Some("token=secret&x=1"));
        assert_eq!(request.query_value("x").as_deref(), Some("1"));
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
        assert_eq!(request.header("AUTHORIZATION"), Some("Bearer secret"));
        assert_eq!(request.header("no such\nname"), None);
        assert_eq!(request.host(), Some("example.com:81"));
        assert_eq!(request.origin(), Some("https://example.com"));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(request.remote_address(), Some(([10, 0, 0, 1], 5).into()));
        assert_eq!(request.extensions().get::<u32>(), Some(&7));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", request());
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("/a%20b/c"), "{shown}");
    }
}
