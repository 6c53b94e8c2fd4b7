//! The page a browser's request comes from, and whether it may open a connection here (R4).

use tokio_tungstenite::tungstenite::http::header;

use super::UpgradeRequest;
use super::authority::{Authority, Host};
use super::fields;

/// Which pages may open a connection. Only browsers send `Origin`, and they do not let a page forge it: this
/// keeps a foreign page from using the cookies of its visitor. It is no protection against programs.
#[derive(Debug, Clone, Default)]
pub(super) struct OriginRule {
    any: bool,
    named: Vec<Origin>,
}

impl OriginRule {
    pub(super) fn allow_any(&mut self) {
        self.any = true;
    }

    pub(super) fn allow(&mut self, origin: Origin) {
        self.named.push(origin);
    }

    /// Absent is allowed; `null`, and whatever else is not an origin, is not; the page of this very host is; any
    /// other only by name.
    pub(super) fn permits(&self, request: &UpgradeRequest) -> bool {
        if self.any {
            return true;
        }
        let text = match fields::single(request.headers(), &header::ORIGIN) {
            Ok(None) => return true,
            Ok(Some(text)) => text,
            Err(_) => return false,
        };
        let Some(origin) = Origin::parse(text) else { return false };
        let host = request.host().and_then(Authority::parse);
        self.named.contains(&origin) || host.is_some_and(|host| origin.is_at(&host))
    }
}

/// `scheme://host[:port]` (RFC 6454, 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: Host,
    /// As written, or else the scheme's.
    port: Option<u16>,
}

impl Origin {
    /// `None` for `null` and for whatever else is not exactly one origin.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        // Desktop shells whose pages are local files send `file://`, with no host.
        if rest.is_empty() && default_port(&scheme).is_none() {
            return Some(Self { scheme, host: Host::Name(String::new()), port: None });
        }
        let Authority { host, port } = Authority::parse(rest)?;
        Some(Self { port: port.or(default_port(&scheme)), scheme, host })
    }

    /// Whether a page of this origin came from that `Host`, by either scheme: behind a proxy that ends TLS the
    /// page's scheme is not the one that arrives here. Where `Host` leaves its port out, the origin's scheme says
    /// which it is. Only schemes of the web have such a port, so that any other must be named.
    pub(super) fn is_at(&self, host: &Authority) -> bool {
        let Some(default) = default_port(&self.scheme) else { return false };
        self.host == host.host && self.port == Some(host.port.unwrap_or(default))
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};

    use super::*;

    fn request(origin: &str, host: &str) -> UpgradeRequest {
        let builder = Request::get("/").header(header::HOST, host).header(header::ORIGIN, origin);
        UpgradeRequest::from_http(builder.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn r4_origin_against_host() {
        for (origin, host, expected) in [
            ("https://example.com", "example.com", true),
            ("http://example.com", "example.com", true),
            ("HTTPS://Example.Com", "eXample.com", true),
            ("https://example.com", "example.com:443", true),
            ("https://example.com:443", "example.com", true),
            ("http://example.com:80", "example.com", true),
            ("http://example.com", "example.com:80", true),
            ("https://example.com", "example.com:80", false),
            ("http://example.com", "example.com:443", false),
            ("http://example.com:443", "example.com", false),
            ("https://example.com:8443", "example.com:8443", true),
            ("http://example.com:8443", "example.com:8443", true),
            ("https://example.com:8443", "example.com", false),
            ("https://example.com", "example.com:8443", false),
            ("http://localhost:3000", "localhost:3001", false),
            ("http://127.0.0.1:3000", "127.0.0.1:3000", true),
            ("http://127.0.0.1:3000", "localhost:3000", false),
            ("http://[::1]:3000", "[::1]:3000", true),
            ("http://[::1]", "[0:0:0:0:0:0:0:1]:80", true),
            ("http://[::1]", "[::2]", false),
            ("https://evil.example", "example.com", false),
            ("https://example.com.evil.example", "example.com", false),
            ("https://sub.example.com", "example.com", false),
            ("https://example.com@evil.example", "example.com", false),
            ("https://example.com/", "example.com", false),
            ("https://example.com https://evil.example", "example.com", false),
            ("https://example.com, https://evil.example", "example.com", false),
            ("chrome-extension://example.com", "example.com", false),
            ("example.com", "example.com", false),
            ("null", "example.com", false),
            ("null", "null", false),
            ("", "example.com", false),
            ("://example.com", "example.com", false),
            ("https://", "example.com", false),
            ("file://", "example.com", false),
        ] {
            assert_eq!(OriginRule::default().permits(&request(origin, host)), expected, "{origin} at {host}");
        }
    }

    #[test]
    fn r4_a_named_origin_is_that_origin_only() {
        let mut rule = OriginRule::default();
        for name in ["https://app.example", "http://dev.example:8080", "chrome-extension://abcdef", "file://"]
        {
            rule.allow(Origin::parse(name).unwrap());
        }
        for (origin, expected) in [
            ("https://app.example", true),
            ("https://APP.example:443", true),
            ("http://app.example", false),
            ("https://app.example:444", false),
            ("http://dev.example:8080", true),
            ("http://dev.example", false),
            ("chrome-extension://abcdef", true),
            ("chrome-extension://other", false),
            ("file://", true),
            ("null", false),
            ("https://example.com", true),
        ] {
            assert_eq!(rule.permits(&request(origin, "example.com")), expected, "{origin}");
        }
    }

    #[test]
    fn r4_absent_is_allowed_and_unreadable_is_not_absent() {
        let mut parts = Request::get("/").header(header::HOST, "a").body(()).unwrap().into_parts().0;
        assert!(OriginRule::default().permits(&UpgradeRequest::from_http(parts.clone())));

        parts.headers.insert(header::ORIGIN, HeaderValue::from_bytes(b"http://\xff").unwrap());
        assert!(!OriginRule::default().permits(&UpgradeRequest::from_http(parts.clone())));

        parts.headers.insert(header::ORIGIN, HeaderValue::from_static("http://a"));
        parts.headers.append(header::ORIGIN, HeaderValue::from_static("http://b"));
        assert!(!OriginRule::default().permits(&UpgradeRequest::from_http(parts)));
    }

    #[test]
    fn any_origin_means_any() {
        let mut rule = OriginRule::default();
        rule.allow_any();
        for origin in ["null", "https://evil.example", "nonsense"] {
            assert!(rule.permits(&request(origin, "example.com")));
        }
    }
}
