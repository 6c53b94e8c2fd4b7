//! `"5s"` as milliseconds.

use syn::LitStr;

/// Reads an integer and `ms`, `s` or `m`.
pub(crate) fn parse_timeout(literal: &LitStr) -> syn::Result<u64> {
    milliseconds(&literal.value()).ok_or_else(|| {
        syn::Error::new(
            literal.span(),
            "a timeout is a positive integer and its unit, `ms`, `s` or `m`: write \"250ms\", \"5s\" or \"2m\"",
        )
    })
}

fn milliseconds(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|milliseconds| *milliseconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_units() {
        assert_eq!(milliseconds("250ms"), Some(250));
        assert_eq!(milliseconds("5s"), Some(5_000));
        assert_eq!(milliseconds("2m"), Some(120_000));
    }

    #[test]
    fn anything_else_is_no_timeout() {
        for text in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "+1s",
            "1.5s",
            "5 s",
            "5h",
            "5S",
            "99999999999999999999s",
            "400000000000000000m",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
