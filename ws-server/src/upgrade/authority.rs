//! A host and a port, as `Host` and `Origin` write them.

use std::net::Ipv6Addr;

/// `host[:port]` (RFC 3986, 3.2), without user information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// A host in the form in which equal ones compare equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A name or an IPv4 address, in lower case.
    Name(String),
    /// An IPv6 address, whichever way it was abbreviated.
    V6(Ipv6Addr),
}

impl Authority {
    /// `None` for what is not exactly a host with or without a port.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some(literal) = text.strip_prefix('[') else {
            let (name, port) = text.split_once(':').unwrap_or((text, ""));
            return Some(Self { host: Host::name(name)?, port: parse_port(port)? });
        };
        let (address, rest) = literal.split_once(']')?;
        let port = if rest.is_empty() { "" } else { rest.strip_prefix(':')? };
        Some(Self { host: Host::V6(address.parse().ok()?), port: parse_port(port)? })
    }
}

impl Host {
    fn name(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let valid = !text.is_empty() && text.bytes().all(allowed);
        valid.then(|| Self::Name(text.to_ascii_lowercase()))
    }
}

/// Outer `None`: not a port. Inner `None`: the port is left out, which `example.com:` also means.
fn parse_port(digits: &str) -> Option<Option<u16>> {
    if digits.is_empty() {
        return Some(None);
    }
    // `u16` alone would take `+80`.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_compares_equal() {
        for (one, other) in [
            ("Example.COM", "example.com"),
            ("example.com:", "example.com"),
            ("example.com:080", "example.com:80"),
            ("[::1]:80", "[0:0:0:0:0:0:0:1]:80"),
            ("[2001:DB8::A]", "[2001:db8:0::a]"),
        ] {
            assert_eq!(Authority::parse(one).unwrap(), Authority::parse(other).unwrap());
        }
        assert_ne!(Authority::parse("a.example"), Authority::parse("a.example:80"));
    }

    #[test]
    fn what_is_not_host_and_port_is_refused() {
        for text in [
            "",
            ":80",
            "a b",
            "a,b",
            "a@b",
            "a/b",
            "a?b",
            "a#b",
            "a%41",
            "a:b",
            "a:+1",
            "a:65536",
            "a:1:2",
            "::1",
            "[",
            "[]",
            "[::1",
            "[::1]x",
            "[::1]80",
            "[fe80::1%25eth0]",
            "[v1.x]",
            "ä.example",
            "a:-1",
            "a\\b",
        ] {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }
}
