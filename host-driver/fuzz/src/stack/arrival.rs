//! Which datagrams a frame brings, by the rules, and what may come of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ip_core::{Content, Datagram, IpNumber, MacAddr, Verdicts};

/// Frames are padded to so many bytes.
const LEAST: usize = 60;
const BROADCAST: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 255), Ipv4Addr::BROADCAST];
/// All nodes, and the solicited-node group of our address.
const GROUPS: [&str; 2] = ["ff02::1", "ff02::1:ff00:1"];

/// A datagram that a frame brings.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) data: Vec<u8>,
    /// For all who are at its port.
    pub(super) group: bool,
}

impl Arrival {
    /// `None`: it brings none that a host may take, `ours` being its only address.
    pub(super) fn of(frame: &[u8], ours: IpAddr) -> Option<Self> {
        let mut frame = frame.to_vec();
        frame.resize(frame.len().max(LEAST), 0);
        // Checksums by software: the NIC's word was given to the stack.
        let packet = ip_core::parse(&frame, Verdicts::default()).ok()?;
        let Content::Ip(ip) = packet.content else {
            return None;
        };
        let own = ip.destination == ours;
        let group = match ip.destination {
            IpAddr::V4(v4) => ours.is_ipv4() && BROADCAST.contains(&v4),
            IpAddr::V6(_) => ours.is_ipv6() && GROUPS.contains(&&*ip.destination.to_string()),
        };
        let no_host = matches!(ip.source, IpAddr::V4(v4) if BROADCAST.contains(&v4));
        if ip.protocol != IpNumber::UDP
            || !(own || group)
            || (own && packet.destination_mac.is_multicast())
            || no_host
            || ip.source == ours
        {
            return None;
        }
        let datagram = Datagram::parse(ip.payload).ok()?;
        Some(Self {
            local: SocketAddr::new(ip.destination, datagram.destination),
            remote: SocketAddr::new(ip.source, datagram.source),
            data: datagram.data.to_vec(),
            group,
        })
    }
}

/// What is known of a frame that is injected.
#[derive(Debug)]
pub(super) enum Watch {
    /// Made of any bytes: the NIC may have its reasons to drop it.
    Unknown,
    /// A datagram with these data and nothing wrong.
    Right(Vec<u8>),
    /// Something is wrong: nobody may get anything of it.
    Wrong,
    /// Its own length is another: if anything comes then the beginning of these.
    Beginning(Vec<u8>),
}

impl Watch {
    /// # Panics
    /// If what the frame brings is not what was put into it.
    pub(super) fn check(&self, arrival: Option<&Arrival>) {
        let data = arrival.map(|arrival| arrival.data.as_slice());
        match self {
            Self::Unknown => {}
            Self::Right(sent) => assert_eq!(data, Some(sent.as_slice())),
            Self::Wrong => assert_eq!(data, None),
            Self::Beginning(sent) => assert!(data.is_none_or(|data| sent.starts_with(data))),
        }
    }

    /// Whether a datagram with a socket must come to it.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }
}

/// A station address of a broadcast, or of the group of all nodes.
pub(super) fn mac_of_all(v4: bool) -> MacAddr {
    MacAddr(if v4 {
        [0xff; 6]
    } else {
        [0x33, 0x33, 0, 0, 0, 1]
    })
}

/// The address of all hosts of our network.
pub(super) fn all(v4: bool) -> IpAddr {
    if v4 {
        BROADCAST[0].into()
    } else {
        GROUPS[0].parse().expect("an address")
    }
}
