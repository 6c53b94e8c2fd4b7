//! Which names a user may have (R27).

/// What no rule may exceed: names stand in every roster.
const MAX_BYTES: usize = 256;

/// The default rule: 2–32 ASCII characters, a letter first, a letter or digit last, letters, digits and `. - @ _`
/// between, no two of these four in a row. Case counts.
#[must_use]
pub fn default_name_rule(name: &str) -> bool {
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let special = |byte: &u8| matches!(byte, b'.' | b'-' | b'@' | b'_');
    (2..=32).contains(&bytes.len())
        && first.is_ascii_alphabetic()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || special(byte))
        && !bytes.windows(2).any(|pair| pair.iter().all(special))
}

/// What holds under every rule.
pub(super) const fn is_within_bounds(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r27_the_default_rule() {
        let longest = "a".repeat(32);
        for good in ["ab", "Ann", "a1", "a.b-c@d_e", "constructor", "prototype", longest.as_str()] {
            assert!(default_name_rule(good), "{good:?}");
        }
        let too_long = "a".repeat(33);
        let bad = [
            "",
            "a",
            "1a",
            "_a",
            ".a",
            "a_",
            "a.",
            "a..b",
            "a.-b",
            "a b",
            "__proto__",
            "a\0b",
            "a/b",
            "ann\n",
            // Cyrillic, full-width, a combining accent, a zero-width joiner, a right-to-left mark.
            "\u{430}nn",
            "\u{ff41}nn",
            "ann\u{301}x",
            "an\u{200d}n",
            "an\u{200f}n",
            too_long.as_str(),
        ];
        for bad in bad {
            assert!(!default_name_rule(bad), "{bad:?}");
        }
    }
}
