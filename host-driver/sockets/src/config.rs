//! What a stack is told at its start, and a socket at its own.

use std::net::IpAddr;
use std::sync::Arc;

use crate::options::ECN;
use crate::pcb::Marks;

/// Settings of a stack.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// Addresses, routes, MTU. Its station address is given to the NIC.
    pub ip: ip_core::Config,
    /// Settings of connections; the MSS follows from the MTU and the family.
    pub tcp: tcp_core::Config,
    /// Bytes that a connection's send buffer holds.
    pub send_buffer: usize,
    /// Connections at a time.
    pub connections: u32,
    /// UDP sockets at a time.
    pub datagram_sockets: u32,
    /// Bytes that wait to be received at most, per UDP socket (Linux: rmem_default).
    pub datagram_buffer: usize,
    /// Listeners at a time.
    pub listeners: u32,
    /// Children that wait to be accepted, per listener (Linux: somaxconn).
    pub backlog: usize,
    /// Half-open connections per listener; SYNs beyond are answered with cookies, and nothing of them is kept.
    pub half_open: usize,
    /// Queue pairs. Frames come in on the first one as long as the NIC does not spread them.
    pub queue_pairs: u32,
    /// Secret for initial sequence numbers and ports; random if not given. For replays in tests.
    pub secret: Option<[u8; 16]>,
}

impl StackConfig {
    /// Defaults around addresses and routes.
    #[must_use]
    pub fn new(ip: ip_core::Config) -> Self {
        Self {
            ip,
            tcp: tcp_core::Config::default(),
            send_buffer: 256 * 1024,
            connections: 65_536,
            datagram_sockets: 16_384,
            datagram_buffer: 212_992,
            listeners: 1024,
            backlog: 128,
            half_open: 1024,
            queue_pairs: 1,
            secret: None,
        }
    }

    /// What sockets have that are not told otherwise.
    #[must_use]
    pub fn socket(&self) -> SocketConfig {
        SocketConfig {
            tcp: self.tcp,
            send_buffer: self.send_buffer,
            max_segment: None,
            hop_limit: None,
            traffic_class: 0,
        }
    }

    /// Settings of a connection from or to `local`.
    pub(crate) fn tcp_for(&self, local: IpAddr, own: Own<'_>) -> tcp_core::Config {
        let family = if local.is_ipv4() {
            tcp_core::Config::ipv4(self.ip.mtu)
        } else {
            tcp_core::Config::ipv6(self.ip.mtu)
        };
        let tcp = own.map_or(&self.tcp, |own| &own.tcp);
        let most = own.and_then(|own| own.max_segment).unwrap_or(u16::MAX);
        tcp_core::Config {
            mss: family.mss.min(most).max(1),
            default_peer_mss: family.default_peer_mss,
            // What the NIC can do, no socket can change.
            max_transmit: tcp.max_transmit.min(self.tcp.max_transmit),
            ..*tcp
        }
    }

    /// What the packets of such a connection bear, from the first on.
    pub(crate) fn marks_for(&self, own: Own<'_>) -> Marks {
        Marks {
            hop_limit: own
                .and_then(|own| own.hop_limit)
                .unwrap_or(self.ip.hop_limit),
            traffic_class: own.map_or(0, |own| own.traffic_class & !ECN),
            received: 0,
        }
    }

    /// Bytes that the send buffer of such a connection holds.
    pub(crate) fn send_buffer_for(&self, own: Own<'_>) -> usize {
        own.map_or(self.send_buffer, |own| own.send_buffer)
    }
}

/// A socket's own settings; `None`: the stack's.
pub(crate) type Own<'a> = Option<&'a Arc<SocketConfig>>;

/// Settings of one socket, or of the connections that a listener accepts, that a handshake depends on. Start from
/// [`StackConfig::socket`].
#[derive(Clone, Debug)]
pub struct SocketConfig {
    /// Settings of connections; the MSS follows from the MTU, the family and [`SocketConfig::max_segment`].
    pub tcp: tcp_core::Config,
    /// Bytes that a connection's send buffer holds (SO_SNDBUF).
    pub send_buffer: usize,
    /// TCP_MAXSEG: segments of at most so many bytes of payload (options in them counted), both ways.
    pub max_segment: Option<u16>,
    /// TTL or hop limit of what is sent, the SYN and its answer included (IP_TTL, IPV6_UNICAST_HOPS); `None`: the stack's.
    pub hop_limit: Option<u8>,
    /// TOS or traffic class of the same (IP_TOS, IPV6_TCLASS): the Diffserv field. The two low bits are ECN's, and TCP's own.
    pub traffic_class: u8,
}
