//! Addresses and routes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::address::Cidr;
use crate::mac::{MacAddr, solicited_node};
use crate::neighbour::NeighbourConfig;

/// Where packets for a network go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network; `0.0.0.0/0` or `::/0` for the default route.
    pub destination: Cidr,
    /// The router, on one of the interface's own networks.
    pub gateway: IpAddr,
}

/// What an interface is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Station address.
    pub mac: MacAddr,
    /// Longest IP packet, in bytes.
    pub mtu: u16,
    /// TTL and hop limit of what is sent, unless a socket has its own.
    pub hop_limit: u8,
    /// Own addresses with their networks, preferred first.
    pub addresses: Vec<Cidr>,
    /// Networks all of whose addresses are ours, gateways excepted (Linux: AnyIP, `ip route add local`).
    pub local_networks: Vec<Cidr>,
    /// Static routes; the longest prefix wins.
    pub routes: Vec<Route>,
    /// Time-outs and bounds of the neighbour cache.
    pub neighbours: NeighbourConfig,
}

/// A configuration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// Not `address/prefix`.
    #[error("'{0}' is not an address with a prefix: write 192.0.2.7/24 or 2001:db8::1/64")]
    Syntax(String),
    /// More prefix bits than address bits.
    #[error("{address} cannot have a prefix of {prefix} bits")]
    Prefix {
        /// The address.
        address: IpAddr,
        /// Its prefix.
        prefix: u8,
    },
    /// No station has such an address.
    #[error("{0} is no station address: it must be neither zero nor a multicast")]
    Mac(MacAddr),
    /// No host has such an address.
    #[error("{0} cannot be a host's address")]
    Address(IpAddr),
    /// The gateway is not on any of the interface's networks.
    #[error("gateway {0} is on none of the interface's networks: add an address of its network")]
    Gateway(IpAddr),
    /// Too small for IPv4 (RFC 791: 68), or with IPv6 addresses for IPv6 (RFC 8200 §5: 1280).
    #[error("an MTU of {mtu} is too small: at least {least}")]
    Mtu {
        /// As configured.
        mtu: u16,
        /// Least possible.
        least: u16,
    },
}

impl Config {
    /// An interface without addresses, MTU 1500.
    #[must_use]
    pub fn new(mac: MacAddr) -> Self {
        Self {
            mac,
            mtu: 1500,
            hop_limit: crate::frame::HOP_LIMIT,
            addresses: Vec::new(),
            local_networks: Vec::new(),
            routes: Vec::new(),
            neighbours: NeighbourConfig::default(),
        }
    }

    /// Adds an address.
    #[must_use]
    pub fn with_address(mut self, address: Cidr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Takes every address of a network for ours, but for gateways' and the broadcast's.
    #[must_use]
    pub fn with_local_network(mut self, network: Cidr) -> Self {
        self.local_networks.push(network);
        self
    }

    /// Adds a route.
    #[must_use]
    pub fn with_route(mut self, destination: Cidr, gateway: IpAddr) -> Self {
        self.routes.push(Route {
            destination,
            gateway,
        });
        self
    }

    /// Checks everything that can be checked beforehand.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !self.mac.is_station() {
            return Err(ConfigError::Mac(self.mac));
        }
        for cidr in &self.addresses {
            let address = cidr.address();
            let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
            if address.is_unspecified() || address.is_multicast() || broadcast {
                return Err(ConfigError::Address(address));
            }
        }
        for route in &self.routes {
            if !self.addresses.iter().any(|c| c.contains(route.gateway)) {
                return Err(ConfigError::Gateway(route.gateway));
            }
        }
        let ipv6 = self.addresses.iter().any(|c| c.address().is_ipv6());
        let least = if ipv6 { 1280 } else { 68 };
        if self.mtu < least {
            return Err(ConfigError::Mtu {
                mtu: self.mtu,
                least,
            });
        }
        Ok(())
    }

    /// Whether `address` is one of ours.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|c| c.address() == address)
            || self
                .local_networks
                .iter()
                .any(|c| c.contains(address) && c.broadcast().map(IpAddr::V4) != Some(address))
                && !self.routes.iter().any(|r| r.gateway == address)
    }

    /// Whether a packet to `address` is for us: own, broadcast of an own network, or a group we are in.
    #[must_use]
    pub fn accepts(&self, address: IpAddr) -> bool {
        self.is_own(address)
            || match address {
                IpAddr::V4(v4) => self.is_broadcast(v4),
                IpAddr::V6(v6) => self.groups().any(|group| group == v6),
            }
    }

    /// Whether `address` is the limited broadcast or that of an own network.
    #[must_use]
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast()
            || self
                .addresses
                .iter()
                .any(|c| c.broadcast() == Some(address))
    }

    /// IPv6 groups that we are in: all nodes, and the solicited-node group of every address.
    pub fn groups(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        let own = self.addresses.iter().filter_map(|c| match c.address() {
            IpAddr::V6(v6) => Some(v6),
            IpAddr::V4(_) => None,
        });
        let any = own.clone().next().is_some();
        any.then_some(ALL_NODES)
            .into_iter()
            .chain(own.map(solicited_node))
    }

    /// What the NIC's multicast filter must let through, each address once.
    #[must_use]
    pub fn multicast_filter(&self) -> Vec<MacAddr> {
        let mut list: Vec<_> = self.groups().map(MacAddr::ipv6_multicast).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    /// The neighbour to whom a packet for `destination` goes; `None` without a route.
    #[must_use]
    pub fn next_hop(&self, destination: IpAddr) -> Option<IpAddr> {
        let on_link = self.addresses.iter().any(|c| c.contains(destination));
        if on_link || is_link_local(destination) || is_group(destination) {
            return Some(destination);
        }
        self.routes
            .iter()
            .filter(|r| r.destination.contains(destination))
            .max_by_key(|r| r.destination.prefix())
            .map(|r| r.gateway)
    }

    /// The own address to speak to `destination` from: on the network of the next hop if there is one, else
    /// the first of the family (of RFC 6724 §5 the rules 2, scope, and 8, longest prefix, in effect).
    #[must_use]
    pub fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        let hop = self.next_hop(destination)?;
        let family = || {
            self.addresses
                .iter()
                .filter(|c| c.address().is_ipv4() == destination.is_ipv4())
        };
        let scope = is_link_local(destination);
        family()
            .filter(|c| c.contains(hop))
            .max_by_key(|c| c.prefix())
            .or_else(|| family().find(|c| is_link_local(c.address()) == scope))
            .or_else(|| family().next())
            .map(Cidr::address)
    }
}

/// ff02::1 (RFC 4291 §2.7.1).
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn is_link_local(address: IpAddr) -> bool {
    // A group of the link's scope too (RFC 4291 §2.7): it is spoken to from a link-local address.
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.segments()[0] & 0xff0f == 0xff02)
}

/// A multicast group, or everybody on the link.
fn is_group(address: IpAddr) -> bool {
    address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(MacAddr([2, 0, 0, 0, 0, 1]))
            .with_address("192.0.2.7/24".parse().unwrap())
            .with_address("10.0.0.1/8".parse().unwrap())
            .with_address("2001:db8::7/64".parse().unwrap())
            .with_route("0.0.0.0/0".parse().unwrap(), "192.0.2.1".parse().unwrap())
            .with_route(
                "172.16.0.0/12".parse().unwrap(),
                "10.0.0.2".parse().unwrap(),
            )
    }

    #[test]
    fn the_longest_prefix_routes_and_the_source_follows_the_next_hop() {
        let config = config();
        config.validate().unwrap();
        let hop = |to: &str| config.next_hop(to.parse().unwrap()).map(|a| a.to_string());
        let from = |to: &str| {
            config
                .source_for(to.parse().unwrap())
                .map(|a| a.to_string())
        };
        assert_eq!(hop("192.0.2.9").as_deref(), Some("192.0.2.9"));
        assert_eq!(hop("8.8.8.8").as_deref(), Some("192.0.2.1"));
        assert_eq!(hop("172.20.0.1").as_deref(), Some("10.0.0.2"));
        assert_eq!(from("172.20.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(from("8.8.8.8").as_deref(), Some("192.0.2.7"));
        assert_eq!(hop("2001:db8:1::1"), None);
        assert_eq!(from("2001:db8::9").as_deref(), Some("2001:db8::7"));
        // Groups are on the link.
        assert_eq!(hop("239.1.2.3").as_deref(), Some("239.1.2.3"));
        assert_eq!(hop("255.255.255.255").as_deref(), Some("255.255.255.255"));
        assert_eq!(from("255.255.255.255").as_deref(), Some("192.0.2.7"));
        assert_eq!(from("192.0.2.255").as_deref(), Some("192.0.2.7"));
        assert_eq!(from("ff02::1").as_deref(), Some("2001:db8::7"));
    }

    #[test]
    fn the_filter_lists_all_nodes_and_solicited_node() {
        let list: Vec<_> = config()
            .multicast_filter()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(list, ["33:33:00:00:00:01", "33:33:ff:00:00:07"]);
        assert!(Config::new(MacAddr([2; 6])).multicast_filter().is_empty());
    }

    #[test]
    fn configurations_that_cannot_work_are_refused() {
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        assert!(Config::new(MacAddr::BROADCAST).validate().is_err());
        let bad_gateway = Config::new(mac)
            .with_address("192.0.2.7/24".parse().unwrap())
            .with_route(
                "0.0.0.0/0".parse().unwrap(),
                "198.51.100.1".parse().unwrap(),
            );
        assert!(matches!(
            bad_gateway.validate(),
            Err(ConfigError::Gateway(_))
        ));
        let mut small = config();
        small.mtu = 1000;
        assert!(matches!(small.validate(), Err(ConfigError::Mtu { .. })));
        let group = Config::new(mac).with_address("224.0.0.1/24".parse().unwrap());
        assert!(matches!(group.validate(), Err(ConfigError::Address(_))));
    }
}
