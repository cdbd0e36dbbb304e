//! Options that sockets of all protocols have.

use std::io;

/// Congestion notification in a TOS or traffic class (RFC 3168 §5).
pub(crate) const ECN: u8 = 0b11;

/// A TTL or hop limit as a program gives it.
pub(crate) fn hop_limit(ttl: u32) -> io::Result<u8> {
    match u8::try_from(ttl) {
        Ok(ttl @ 1..) => Ok(ttl),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a TTL of {ttl}: it must be 1 to 255"),
        )),
    }
}
