//! Values in a query, as browsers write them (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

/// The value of the first pair with this name, decoded; without `=` it is empty. `None` also where it is not UTF-8.
pub(super) fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| decode(key).is_some_and(|key| key == name))
        .and_then(|(_, value)| decode(value))
}

/// Undoes `+` and `%41`; a `%` that escapes nothing stands for itself.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, escaped(tail)) {
            (b'+', _) => decoded.push(b' '),
            (b'%', Some(value)) => {
                decoded.push(value);
                rest = &tail[2..];
            }
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The byte that two hexadecimal digits in front spell.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |index: usize| char::from(*text.get(index)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = "a=1&b=x%20y+z&%63=%C3%a4&d&e=&a=2&f=%&g=%4&h=%zz&i=%ff&j=1=2&&k=%2";
        for (name, expected) in [
            ("a", Some("1")),
            ("b", Some("x y z")),
            ("c", Some("ä")),
            ("d", Some("")),
            ("e", Some("")),
            ("f", Some("%")),
            ("g", Some("%4")),
            ("h", Some("%zz")),
            ("i", None),
            ("j", Some("1=2")),
            ("k", Some("%2")),
            ("z", None),
        ] {
            assert_eq!(value(query, name).as_deref(), expected, "{name}");
        }
        assert_eq!(value("", "a"), None);
    }
}
