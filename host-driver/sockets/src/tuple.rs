//! What names a connection.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tuple {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

impl Tuple {
    /// Flow labels and scope identifiers play no part in telling connections apart.
    pub(crate) fn new(local: (IpAddr, u16), remote: (IpAddr, u16)) -> Self {
        Self {
            local: SocketAddr::from(local),
            remote: SocketAddr::from(remote),
        }
    }
}

/// A tuple in 38 bytes, for where there is one per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// An IPv4 address begins them, and zeros follow.
    addresses: [[u8; 16]; 2],
    ports: [u16; 2],
    is_ipv4: bool,
}

impl From<&Tuple> for Packed {
    fn from(tuple: &Tuple) -> Self {
        let ends = [tuple.local, tuple.remote];
        let octets = |end: SocketAddr| match end.ip() {
            IpAddr::V4(ip) => {
                let mut octets = [0; 16];
                octets[..4].copy_from_slice(&ip.octets());
                octets
            }
            IpAddr::V6(ip) => ip.octets(),
        };
        Self {
            addresses: ends.map(octets),
            ports: ends.map(|end| end.port()),
            is_ipv4: tuple.local.is_ipv4(),
        }
    }
}

impl From<Packed> for Tuple {
    fn from(packed: Packed) -> Self {
        let [local, remote] = packed.addresses.map(|octets| match octets {
            [a, b, c, d, ..] if packed.is_ipv4 => IpAddr::from([a, b, c, d]),
            octets => Ipv6Addr::from(octets).into(),
        });
        Self::new((local, packed.ports[0]), (remote, packed.ports[1]))
    }
}

impl Hash for Packed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for address in self.addresses {
            state.write_u128(u128::from_ne_bytes(address));
        }
        let [local, remote] = self.ports;
        state.write_u64(u64::from(local) << 32 | u64::from(remote) << 8 | u64::from(self.is_ipv4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_tuple_is_what_it_was_and_families_do_not_mix() {
        let tuple = |local: &str, remote: &str| Tuple {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        };
        let tuples = [
            tuple("192.0.2.1:80", "10.0.0.1:5000"),
            tuple("[c000:201::]:80", "[a00:1::]:5000"),
            tuple("[2001:db8::1]:80", "[2001:db8::2]:5000"),
        ];
        let packed = tuples.each_ref().map(Packed::from);
        assert_eq!(packed.map(Tuple::from), tuples);
        assert_eq!(packed[0].addresses, packed[1].addresses);
        assert_ne!(packed[0], packed[1]);
        assert_eq!(size_of::<Packed>(), 38);
    }
}
