//! Reading header fields: those that may come once, and those that are lists.

use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName};

use super::UpgradeRefusal;

/// The value of a field that may come at most once.
///
/// # Errors
/// 400 where it comes twice, because two parties that read different ones would disagree about the request, and
/// where it is not UTF-8.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, UpgradeRefusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(UpgradeRefusal::bad_request("a header field that must be unique is repeated"));
    }
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(UpgradeRefusal::bad_request("a header field is not UTF-8")),
    }
}

/// The elements of a comma-separated field, which may be spread over several lines (RFC 9110, 5.6.1).
pub(super) fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .flat_map(|text| text.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

/// Whether a list field has this element, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    list(headers, name).any(|element| element.eq_ignore_ascii_case(token))
}
