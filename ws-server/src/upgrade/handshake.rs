//! Whether an HTTP request is a WebSocket upgrade (RFC 6455, 4.2.1), and the proof that it was understood.

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::http::header::{self, HeaderMap, HeaderValue, InvalidHeaderValue};
use tokio_tungstenite::tungstenite::http::{Method, Response, StatusCode, Version, request::Parts};

use super::UpgradeRefusal;
use super::authority::Authority;
use super::fields::{has_token, single};
use super::origin::Origin;

/// The value of `Sec-WebSocket-Accept`. Who has one has a valid upgrade request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptKey(String);

impl AcceptKey {
    /// Judges a request by the rules of HTTP and WebSocket alone. [`receive`](super::receive()) has done so already;
    /// this is for requests that another HTTP server has received.
    ///
    /// # Errors
    /// The refusal to answer with: 505 for HTTP other than 1.1; 405 for a method other than GET; 400 for a missing,
    /// repeated or senseless `Host`, target, `Origin` or `Sec-WebSocket-Key`, and for a body; 426 where no WebSocket,
    /// or one of another version than 13, is asked for.
    pub fn for_request(parts: &Parts) -> Result<Self, UpgradeRefusal> {
        if parts.version != Version::HTTP_11 {
            return Err(UpgradeRefusal::http_version());
        }
        if parts.method != Method::GET {
            return Err(UpgradeRefusal::method_not_allowed());
        }
        check_target(parts)?;
        check_no_body(&parts.headers)?;
        // Unique, or else a proxy in front may have judged another one than we do.
        single(&parts.headers, &header::ORIGIN)?;
        check_upgrade(&parts.headers)?;
        accept_key(&parts.headers)
    }

    /// The value as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 101 as a value, for those whose HTTP is done by another server.
    ///
    /// # Errors
    /// A subprotocol with characters that no header field may have.
    pub fn response(&self, subprotocol: Option<&str>) -> Result<Response<()>, InvalidHeaderValue> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&self.0)?);
        if let Some(name) = subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(name)?);
        }
        Ok(response)
    }
}

/// `Host` is there once and is a host; the target is a path, or an address of that same host, as proxies are sent.
fn check_target(parts: &Parts) -> Result<(), UpgradeRefusal> {
    let Some(host) = single(&parts.headers, &header::HOST)?.and_then(Authority::parse) else {
        return Err(UpgradeRefusal::bad_request("a valid Host header field is required"));
    };
    let uri = &parts.uri;
    let same_host = match (uri.scheme_str(), uri.authority()) {
        (None, None) => true,
        (Some(scheme), Some(authority)) => {
            Origin::parse(&format!("{scheme}://{authority}")).is_some_and(|origin| origin.is_at(&host))
        }
        _ => false,
    };
    if !same_host || !uri.path().starts_with('/') {
        return Err(UpgradeRefusal::bad_request("the request target is not valid"));
    }
    Ok(())
}

/// A body would be taken for frames.
fn check_no_body(headers: &HeaderMap) -> Result<(), UpgradeRefusal> {
    let no_length = headers.get_all(header::CONTENT_LENGTH).iter().all(|length| length == "0");
    if !no_length || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(UpgradeRefusal::bad_request("a WebSocket upgrade has no body"));
    }
    Ok(())
}

fn check_upgrade(headers: &HeaderMap) -> Result<(), UpgradeRefusal> {
    if !has_token(headers, &header::CONNECTION, "upgrade")
        || !has_token(headers, &header::UPGRADE, "websocket")
    {
        return Err(UpgradeRefusal::upgrade_required());
    }
    if single(headers, &header::SEC_WEBSOCKET_VERSION)? != Some("13") {
        return Err(UpgradeRefusal::upgrade_required());
    }
    Ok(())
}

fn accept_key(headers: &HeaderMap) -> Result<AcceptKey, UpgradeRefusal> {
    match single(headers, &header::SEC_WEBSOCKET_KEY)? {
        Some(key) if encodes_16_bytes(key) => Ok(AcceptKey(derive_accept_key(key.as_bytes()))),
        _ => Err(UpgradeRefusal::bad_request("a valid Sec-WebSocket-Key header field is required")),
    }
}

/// 16 bytes are 21 digits of base64, one digit of which only the upper two bits count, and padding.
fn encodes_16_bytes(key: &str) -> bool {
    let Some(digits) = key.strip_suffix("==") else { return false };
    digits.len() == 22
        && digits.ends_with(['A', 'Q', 'g', 'w'])
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_base64_of_16_bytes() {
        for key in ["dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==", "+/+/+/+/+/+/+/+/+/+/+w=="] {
            assert!(encodes_16_bytes(key), "{key}");
        }
        for key in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j",
            "dGhlIHNhbXBsZSBub25jZGVmZ2g=",
            "dGhlIHNhbXBsZSBub25j-Q==",
            "dGhlIHNhbXBsZS=ub25jZQ==",
            "dGhlIHNhbXBsZSBub25jäQ==",
        ] {
            assert!(!encodes_16_bytes(key), "{key}");
        }
    }

    #[test]
    fn a_subprotocol_cannot_break_out_of_its_field() {
        let key = AcceptKey(String::new());
        assert!(key.response(Some("a\r\nSet-Cookie: b")).is_err());
    }
}
