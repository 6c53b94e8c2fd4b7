//! Unsigned LEB128, at most ten bytes, in its shortest form only (P3).

use super::Malformed;

/// The longest encoding of a 64-bit number.
pub const MAX_VARINT: usize = 10;

/// Appends `value`.
#[inline]
pub(super) fn put(value: u64, mut push: impl FnMut(u8)) {
    let mut rest = value;
    while rest >= 0x80 {
        push((rest as u8) | 0x80);
        rest >>= 7;
    }
    push(rest as u8);
}

/// How many bytes `value` takes.
#[inline]
pub(super) const fn length(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Reads a number from the front of `bytes`; gives it and its length.
#[inline]
pub(super) fn take(bytes: &[u8]) -> Result<(u64, usize), Malformed> {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => return Ok((u64::from(byte), 1)),
        None => return Err(Malformed("a number is cut short")),
        Some(_) => {}
    }
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if i == MAX_VARINT - 1 && byte > 1 {
            return Err(Malformed("a number exceeds 64 bits"));
        }
        value |= bits << (7 * i);
        if byte < 0x80 {
            if byte == 0 {
                return Err(Malformed("a number is not in its shortest form"));
            }
            return Ok((value, i + 1));
        }
    }
    Err(Malformed("a number is cut short"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(value, |byte| bytes.push(byte));
        bytes
    }

    #[test]
    fn numbers_survive_the_round_trip() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let bytes = bytes_of(value);
            assert_eq!(take(&bytes), Ok((value, bytes.len())));
            assert_eq!(length(value), bytes.len());
        }
        assert_eq!(bytes_of(300), [0xac, 0x02]);
        assert_eq!(bytes_of(u64::MAX).len(), MAX_VARINT);
    }

    #[test]
    fn other_forms_are_refused() {
        assert!(take(&[]).is_err());
        assert!(take(&[0x80]).is_err());
        assert!(take(&[0x80, 0x00]).is_err(), "not the shortest form");
        assert!(take(&[0xff; 10]).is_err(), "more than 64 bits");
        assert!(take(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).is_err());
    }
}
