//! Bytes of a head into the parts of an HTTP request.

use tokio_tungstenite::tungstenite::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, request::Parts,
};

use super::UpgradeRefusal;

/// The shortest field that parses is `a:` and a line feed.
const SHORTEST_FIELD: usize = 3;

/// Parses a whole head, from the request line to the empty line.
///
/// # Errors
/// 400 for what is not HTTP, 431 for more fields than allowed, 505 for a version of HTTP that is not 1.x.
pub(super) fn parse(head: &[u8], max_fields: usize) -> Result<Parts, UpgradeRefusal> {
    // However high the limit, no more slots than the head can fill.
    let mut slots = vec![httparse::EMPTY_HEADER; max_fields.min(head.len() / SHORTEST_FIELD + 1)];
    let mut request = httparse::Request::new(&mut slots);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(too_many_fields()),
        Err(httparse::Error::Version) if claims_http(head) => return Err(UpgradeRefusal::http_version()),
        Ok(_) | Err(_) => return Err(not_http()),
    }

    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method =
        Method::from_bytes(request.method.unwrap_or_default().as_bytes()).map_err(|_| not_http())?;
    parts.uri = target(request.path.unwrap_or_default())?;
    parts.version = if request.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = headers(request.headers)?;
    Ok(parts)
}

/// The request target; which of its forms an upgrade may use is not decided here.
fn target(text: &str) -> Result<Uri, UpgradeRefusal> {
    let refused = || UpgradeRefusal::bad_request("the request target is not valid");
    // A fragment is never sent, and `Uri` would silently drop it.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

fn headers(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, UpgradeRefusal> {
    let mut headers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| not_http())?;
        let refused = || UpgradeRefusal::bad_request("a header field is not UTF-8");
        std::str::from_utf8(field.value).map_err(|_| refused())?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| not_http())?;
        headers.try_append(name, value).map_err(|_| too_many_fields())?;
    }
    Ok(headers)
}

/// Whether the request line ends as one of HTTP does, so that only its version can be at fault.
fn claims_http(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.windows(b" HTTP/".len()).any(|window| window == b" HTTP/")
}

fn not_http() -> UpgradeRefusal {
    UpgradeRefusal::bad_request("this is not an HTTP request")
}

fn too_many_fields() -> UpgradeRefusal {
    UpgradeRefusal::too_many("the request has too many header fields")
}
