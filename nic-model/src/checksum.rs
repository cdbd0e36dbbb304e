//! Ones' complement sums (RFC 1071).

/// The ones' complement sum of `bytes` as big-endian words, added to `start`; an odd last byte is the upper
/// half of a word. Not inverted; 0 only if all words are 0.
pub fn sum(start: u16, bytes: &[u8]) -> u16 {
    let mut chunks = bytes.chunks_exact(2);
    let mut total = u64::from(start);
    for word in &mut chunks {
        total += u64::from(u16::from_be_bytes([word[0], word[1]]));
    }
    if let [last] = chunks.remainder() {
        total += u64::from(*last) << 8;
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_holds() {
        assert_eq!(
            sum(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            0xddf2
        );
    }

    #[test]
    fn an_odd_byte_is_an_upper_half() {
        assert_eq!(sum(0, &[0x12]), 0x1200);
        assert_eq!(sum(0xffff, &[0x00, 0x01]), 1);
    }
}
