//! Addresses with their prefix.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::str::FromStr;

use crate::config::ConfigError;

/// An address and the length of its network's prefix: `192.0.2.7/24`, `2001:db8::1/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// An address in a network of `prefix` bits.
    ///
    /// # Errors
    /// [`ConfigError::Prefix`] above 32 bits (IPv4) or 128 bits (IPv6).
    pub fn new(address: impl Into<IpAddr>, prefix: u8) -> Result<Self, ConfigError> {
        let address = address.into();
        if u32::from(prefix) > width(address) {
            return Err(ConfigError::Prefix { address, prefix });
        }
        Ok(Self { address, prefix })
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Bits of the prefix.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether `other` lies in the network.
    #[must_use]
    pub fn contains(&self, other: IpAddr) -> bool {
        if self.address.is_ipv4() != other.is_ipv4() {
            return false;
        }
        let shift = width(other) - u32::from(self.prefix);
        let differ = bits(self.address) ^ bits(other);
        differ.checked_shr(shift).unwrap_or(0) == 0
    }

    /// The IPv4 network's broadcast address; `None` for IPv6 and for prefixes of 31 and 32 bits (RFC 3021).
    #[must_use]
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.address {
            IpAddr::V4(v4) if self.prefix < 31 => {
                let host = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
                Some(Ipv4Addr::from_bits(v4.to_bits() | host))
            }
            _ => None,
        }
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl FromStr for Cidr {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::Syntax(text.into());
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        Self::new(
            address.parse::<IpAddr>().map_err(|_| bad())?,
            prefix.parse().map_err(|_| bad())?,
        )
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_own_and_no_others() {
        assert!(cidr("192.0.2.7/24").contains("192.0.2.250".parse().unwrap()));
        assert!(!cidr("192.0.2.7/24").contains("192.0.3.7".parse().unwrap()));
        assert!(cidr("0.0.0.0/0").contains("8.8.8.8".parse().unwrap()));
        assert!(!cidr("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(cidr("::/0").contains("2001:db8::9".parse().unwrap()));
        assert!(cidr("2001:db8::1/64").contains("2001:db8::9".parse().unwrap()));
        assert!(!cidr("2001:db8::1/128").contains("2001:db8::9".parse().unwrap()));
    }

    #[test]
    fn broadcast_follows_the_prefix() {
        assert_eq!(
            cidr("192.0.2.7/24").broadcast(),
            Some("192.0.2.255".parse().unwrap())
        );
        assert_eq!(cidr("192.0.2.7/31").broadcast(), None);
        assert_eq!(cidr("0.0.0.0/0").broadcast(), Some(Ipv4Addr::BROADCAST));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "1.2.3.4", "1.2.3.4/33", "::1/129", "x/8", "1.2.3.4/-1"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
