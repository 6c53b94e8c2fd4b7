//! Finds where a request's head ends while it is still arriving.

use super::UpgradeRefusal;

/// Looks at each byte of a growing buffer once, so that a client that sends its head byte by byte costs no more
/// than one that sends it whole; only a complete head is parsed.
#[derive(Debug, Default)]
pub(super) struct HeadEnd {
    /// How much of the buffer has been looked at.
    seen: usize,
    /// A byte other than a line end came: empty lines in front of a request do not count (RFC 9112, 2.2).
    started: bool,
    /// The line that is arriving has no bytes yet.
    line_is_empty: bool,
}

impl HeadEnd {
    /// The length of the head, once the buffer holds all of it. The buffer is the one of the last call, longer.
    ///
    /// Lines may end with LF alone, as the parser has it.
    ///
    /// # Errors
    /// 400 at the first byte that no head may contain. A TLS client that came to the wrong port gets its answer
    /// here, instead of a silence until the deadline.
    pub(super) fn advance(&mut self, buffer: &[u8]) -> Result<Option<usize>, UpgradeRefusal> {
        while let Some(byte) = buffer.get(self.seen) {
            self.seen += 1;
            match byte {
                b'\n' if self.started && self.line_is_empty => return Ok(Some(self.seen)),
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                b'\t' | b' '..=b'~' | 0x80.. => {
                    self.started = true;
                    self.line_is_empty = false;
                }
                _ => return Err(UpgradeRefusal::bad_request("this is not an HTTP request")),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end as found when `bytes` arrive in two parts.
    fn end(bytes: &[u8], split: usize) -> Option<usize> {
        let mut scan = HeadEnd::default();
        if let Some(end) = scan.advance(&bytes[..split]).unwrap() {
            return Some(end);
        }
        scan.advance(bytes).unwrap()
    }

    #[test]
    fn the_end_is_found_whatever_the_line_ends_and_the_split() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n\r\nrest"[..], Some(18)),
            (b"GET / HTTP/1.1\n\nrest", Some(16)),
            (b"GET / HTTP/1.1\na: b\n\r\nrest", Some(22)),
            (b"\r\n\r\n\n\nGET / HTTP/1.1\r\n\r\nrest", Some(24)),
            (b"GET / HTTP/1.1\r\na: b\r\n", None),
            (b"\r\n\r\n\r\n\r\n", None),
            (b"", None),
        ] {
            for split in 0..=bytes.len() {
                assert_eq!(end(bytes, split), expected, "{bytes:?} at {split}");
            }
        }
    }

    #[test]
    fn a_byte_that_no_head_contains_ends_the_wait() {
        for byte in (0..=0x1f).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
            assert!(HeadEnd::default().advance(&[b'G', byte]).is_err(), "{byte:#x}");
        }
    }

    #[test]
    fn bytes_behind_the_head_are_not_looked_at() {
        assert_eq!(end(b"GET / HTTP/1.1\r\n\r\n\x81\x00", 0), Some(18));
    }
}
