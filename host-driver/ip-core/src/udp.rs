//! UDP headers (RFC 768).

use crate::discard::Discard;

/// Bytes of a UDP header.
pub const UDP_HEADER_LEN: usize = 8;

/// A datagram as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'f> {
    /// The sender's port; 0 if it wants no answer.
    pub source: u16,
    /// Whom it is for.
    pub destination: u16,
    /// What it carries. What may follow it in its packet is no part of it.
    pub data: &'f [u8],
}

impl<'f> Datagram<'f> {
    /// Takes a datagram apart: `payload` is that of an IP packet, whose checksums are known to be right.
    ///
    /// # Errors
    /// [`Discard::Truncated`] if there is less than the header says, [`Discard::Malformed`] if that is less than a header.
    pub fn parse(payload: &'f [u8]) -> Result<Self, Discard> {
        let &[s1, s0, d1, d0, l1, l0, _, _] = payload
            .first_chunk::<UDP_HEADER_LEN>()
            .ok_or(Discard::Truncated)?;
        let len = usize::from(u16::from_be_bytes([l1, l0]));
        if len < UDP_HEADER_LEN {
            return Err(Discard::Malformed);
        }
        Ok(Self {
            source: u16::from_be_bytes([s1, s0]),
            destination: u16::from_be_bytes([d1, d0]),
            data: payload.get(UDP_HEADER_LEN..len).ok_or(Discard::Truncated)?,
        })
    }
}

/// The header in front of `data_len` bytes, its checksum 0: the NIC fills that in, or
/// [`HeaderTemplate::into_frame`](crate::HeaderTemplate::into_frame). A length that no datagram has is cut.
#[must_use]
pub fn udp_header(source: u16, destination: u16, data_len: usize) -> [u8; UDP_HEADER_LEN] {
    let len = u16::try_from(UDP_HEADER_LEN + data_len).unwrap_or(u16::MAX);
    let [[s1, s0], [d1, d0], [l1, l0]] = [source, destination, len].map(u16::to_be_bytes);
    [s1, s0, d1, d0, l1, l0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_that_lies_is_found_out() {
        let mut bytes = udp_header(1, 2, 3).to_vec();
        bytes.extend(b"abc");
        assert_eq!(
            Datagram::parse(&bytes),
            Ok(Datagram {
                source: 1,
                destination: 2,
                data: b"abc"
            })
        );
        assert_eq!(Datagram::parse(&bytes[..10]), Err(Discard::Truncated));
        assert_eq!(Datagram::parse(&bytes[..7]), Err(Discard::Truncated));
        bytes[5] = 7;
        assert_eq!(Datagram::parse(&bytes), Err(Discard::Malformed));
        // Shorter than its packet: the rest is nobody's.
        bytes[5] = 9;
        assert_eq!(Datagram::parse(&bytes).unwrap().data, b"a");
    }

    proptest! {
        #[test]
        fn what_was_built_is_understood_and_nothing_panics(
            source: u16, destination: u16, data in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..210,
        ) {
            let mut bytes = udp_header(source, destination, data.len()).to_vec();
            bytes.extend(&data);
            let whole = Datagram::parse(&bytes).unwrap();
            prop_assert_eq!((whole.source, whole.destination, whole.data), (source, destination, &data[..]));
            if cut < bytes.len() {
                prop_assert_eq!(Datagram::parse(&bytes[..cut]), Err(Discard::Truncated));
            }
            let _ = Datagram::parse(&data);
        }
    }
}
