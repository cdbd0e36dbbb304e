//! `struct sockaddr`, as bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::errno::{Errno, Result};

/// Address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// The address that stands for all of a family's own.
pub(crate) fn any(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

const V4_LEN: usize = 16;
/// SIN6_LEN_RFC2133: without the scope.
const V6_LEAST: usize = 24;

/// What a program may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Address(SocketAddr),
    /// AF_UNSPEC.
    Unspecified,
}

/// What the bytes of a `struct sockaddr` name, for a socket of `family`. IPv4-mapped addresses become IPv4's.
pub(crate) fn parse(bytes: &[u8], family: Family) -> Result<Named> {
    let kind = bytes.first_chunk().ok_or(Errno::EINVAL)?;
    let kind = i32::from(u16::from_ne_bytes(*kind));
    let port = |bytes: &[u8]| u16::from_be_bytes([bytes[2], bytes[3]]);
    match (kind, family) {
        (libc::AF_UNSPEC, _) => Ok(Named::Unspecified),
        (libc::AF_INET, _) => {
            if bytes.len() < V4_LEN {
                return Err(Errno::EINVAL);
            }
            let ip = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
            match family {
                Family::V4 => Ok(Named::Address((ip, port(bytes)).into())),
                Family::V6 => Err(Errno::EAFNOSUPPORT),
            }
        }
        (libc::AF_INET6, Family::V6) => {
            let octets = bytes
                .get(8..V6_LEAST)
                .and_then(|part| <[u8; 16]>::try_from(part).ok());
            let ip = Ipv6Addr::from(octets.ok_or(Errno::EINVAL)?);
            let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
            Ok(Named::Address((ip, port(bytes)).into()))
        }
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// The bytes of a `struct sockaddr` that names `address` to a socket of `family`.
pub(crate) fn encode(address: SocketAddr, family: Family) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(28);
    let head = |bytes: &mut Vec<u8>, kind: i32| {
        bytes.extend((kind as u16).to_ne_bytes());
        bytes.extend(address.port().to_be_bytes());
    };
    match (address.ip(), family) {
        (IpAddr::V4(ip), Family::V4) => {
            head(&mut bytes, libc::AF_INET);
            bytes.extend(ip.octets());
            bytes.extend([0; 8]);
        }
        (ip, _) => {
            let ip = match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            head(&mut bytes, libc::AF_INET6);
            bytes.extend([0; 4]);
            bytes.extend(ip.octets());
            bytes.extend([0; 4]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_parsed() {
        for (text, family, len) in [
            ("192.0.2.1:80", Family::V4, 16),
            ("192.0.2.1:80", Family::V6, 28),
            ("[2001:db8::1]:8080", Family::V6, 28),
        ] {
            let address = text.parse().unwrap();
            let bytes = encode(address, family);
            assert_eq!(bytes.len(), len);
            assert_eq!(parse(&bytes, family), Ok(Named::Address(address)));
        }
    }

    #[test]
    fn what_is_too_short_or_of_another_family_is_refused() {
        let v4 = encode("192.0.2.1:80".parse().unwrap(), Family::V4);
        assert_eq!(parse(&v4[..15], Family::V4), Err(Errno::EINVAL));
        assert_eq!(parse(&v4, Family::V6), Err(Errno::EAFNOSUPPORT));
        assert_eq!(parse(&[], Family::V4), Err(Errno::EINVAL));
        let v6 = encode("[::1]:1".parse().unwrap(), Family::V6);
        assert_eq!(parse(&v6, Family::V4), Err(Errno::EAFNOSUPPORT));
        assert_eq!(parse(&v6[..20], Family::V6), Err(Errno::EINVAL));
    }
}
