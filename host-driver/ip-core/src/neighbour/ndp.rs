//! Neighbour solicitations and advertisements (RFC 4861).

use core::net::Ipv6Addr;

use etherparse::Icmpv6Type;
use etherparse::icmpv6::NeighborAdvertisementHeader;

use crate::config::ALL_NODES;
use crate::discard::Discard;
use crate::frame;
use crate::mac::{MacAddr, solicited_node};

/// RFC 4861 §7.1: a message with another hop limit came over a router, so it is forged.
pub(crate) const HOP_LIMIT: u8 = 255;

const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;

/// What follows the ICMPv6 header of a solicitation or advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// The address in question.
    pub(crate) target: Ipv6Addr,
    /// Source link-layer address option.
    pub(crate) source_mac: Option<MacAddr>,
    /// Target link-layer address option.
    pub(crate) target_mac: Option<MacAddr>,
}

impl Body {
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
    //# All included options have a length that is greater than zero.
    /// Reads the part after the first 8 bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Discard> {
        let (target, mut options) = bytes.split_first_chunk::<16>().ok_or(Discard::Truncated)?;
        let target = Ipv6Addr::from(*target);
        // RFC 4861 §7.1.1: "Target Address is not a multicast address."
        if target.is_multicast() {
            return Err(Discard::Neighbour);
        }
        let (mut source_mac, mut target_mac) = (None, None);
        while let [kind, units, ..] = *options {
            let len = 8 * usize::from(units);
            // RFC 4861 §7.1.1: "All included options have a length that is greater than zero."
            if len == 0 {
                return Err(Discard::Neighbour);
            }
            let (option, rest) = options.split_at_checked(len).ok_or(Discard::Truncated)?;
            let mac = || {
                option
                    .get(2..8)
                    .and_then(|b| b.try_into().ok())
                    .map(MacAddr)
            };
            match kind {
                SOURCE_LINK_LAYER => source_mac = mac().filter(|m| m.is_station()),
                TARGET_LINK_LAYER => target_mac = mac().filter(|m| m.is_station()),
                _ => {}
            }
            options = rest;
        }
        Ok(Self {
            target,
            source_mac,
            target_mac,
        })
    }

    fn bytes(target: Ipv6Addr, option: u8, mac: MacAddr) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&target.octets());
        bytes[16] = option;
        bytes[17] = 1;
        bytes[18..].copy_from_slice(&mac.0);
        bytes
    }
}

/// "Who has `target`?", to its solicited-node group or (a probe of a known neighbour) to `to`.
pub(crate) fn solicitation(
    mac: MacAddr,
    own: Ipv6Addr,
    target: Ipv6Addr,
    to: Option<MacAddr>,
) -> Option<Vec<u8>> {
    let (destination, to) = match to {
        Some(to) => (target, to),
        None => {
            let group = solicited_node(target);
            (group, MacAddr::ipv6_multicast(group))
        }
    };
    let body = Body::bytes(target, SOURCE_LINK_LAYER, mac);
    let kind = Icmpv6Type::NeighborSolicitation;
    frame::icmpv6((mac, to), own, destination, HOP_LIMIT, kind, &body)
}

/// The answer to a solicitation by `asker`: we are `own`. To everybody if the asker has no address yet
/// (RFC 4861 §7.2.4).
pub(crate) fn advertisement(
    mac: MacAddr,
    own: Ipv6Addr,
    asker: Ipv6Addr,
    asker_mac: MacAddr,
) -> Option<Vec<u8>> {
    let (destination, to) = if asker.is_unspecified() {
        (ALL_NODES, MacAddr::ipv6_multicast(ALL_NODES))
    } else {
        (asker, asker_mac)
    };
    let kind = Icmpv6Type::NeighborAdvertisement(NeighborAdvertisementHeader {
        router: false,
        solicited: !asker.is_unspecified(),
        r#override: true,
    });
    let body = Body::bytes(own, TARGET_LINK_LAYER, mac);
    frame::icmpv6((mac, to), own, destination, HOP_LIMIT, kind, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
    //= type=test
    //# All included options have a length that is greater than zero.
    #[test]
    fn options_are_read_and_zero_lengths_refused() {
        let target: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let mut bytes = target.octets().to_vec();
        bytes.extend([14, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([2, 1, 2, 0, 0, 0, 0, 9]);
        let body = Body::parse(&bytes).unwrap();
        assert_eq!(body.target_mac, Some(MacAddr([2, 0, 0, 0, 0, 9])));
        assert_eq!(body.source_mac, None);
        bytes[17] = 0;
        assert_eq!(Body::parse(&bytes), Err(Discard::Neighbour));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Body::parse(&bytes);
        }
    }
}
