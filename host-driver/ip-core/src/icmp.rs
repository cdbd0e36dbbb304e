//! ICMP errors, with what they quote (RFC 792, RFC 4443).

use core::net::{IpAddr, SocketAddr};

use etherparse::icmpv4::DestUnreachableHeader as V4;
use etherparse::icmpv6::DestUnreachableCode as V6;
use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type, IpNumber, LaxIpSlice};

/// What went wrong with a packet of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpErrorKind {
    /// No route to the network.
    NetworkUnreachable,
    /// No way to the host.
    HostUnreachable,
    /// The host does not speak the protocol.
    ProtocolUnreachable,
    /// Nobody listens on the port.
    PortUnreachable,
    /// A policy forbids it.
    Prohibited,
    /// Larger than a link on the path takes; `mtu` is 0 if a router does not tell (RFC 1191 §5).
    PacketTooBig {
        /// Longest IP packet of that link.
        mtu: u32,
    },
    /// Too many hops.
    TimeExceeded,
    /// A header field was not understood.
    ParameterProblem,
}

/// The packet of ours that an error is about, as quoted. A router quotes at least 8 bytes of the transport
/// header. Anybody can forge this: RFC 5927 wants `sequence` checked against what is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quoted {
    /// Where we sent it from.
    pub local: SocketAddr,
    /// Where we sent it to.
    pub remote: SocketAddr,
    /// TCP or UDP.
    pub protocol: IpNumber,
    /// Sequence number, for TCP.
    pub sequence: Option<u32>,
}

/// An ICMP error about a TCP or UDP packet of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IcmpError {
    /// What went wrong.
    pub kind: IcmpErrorKind,
    /// With which packet.
    pub quoted: Quoted,
    /// Who says so.
    pub reporter: IpAddr,
}

/// The error in an ICMPv4 message; `None` if it is none, or quotes nothing that helps.
pub(crate) fn error_v4(reporter: IpAddr, icmp: &Icmpv4Slice<'_>) -> Option<IcmpError> {
    let kind = match icmp.icmp_type() {
        Icmpv4Type::DestinationUnreachable(why) => match why {
            V4::Network | V4::NetworkUnknown | V4::TosNetwork => IcmpErrorKind::NetworkUnreachable,
            V4::Protocol => IcmpErrorKind::ProtocolUnreachable,
            V4::Port => IcmpErrorKind::PortUnreachable,
            V4::FragmentationNeeded { next_hop_mtu } => IcmpErrorKind::PacketTooBig {
                mtu: next_hop_mtu.into(),
            },
            V4::NetworkProhibited
            | V4::HostProhibited
            | V4::FilterProhibited
            | V4::HostPrecedenceViolation
            | V4::PrecedenceCutoff => IcmpErrorKind::Prohibited,
            V4::Host | V4::SourceRouteFailed | V4::HostUnknown | V4::Isolated | V4::TosHost => {
                IcmpErrorKind::HostUnreachable
            }
        },
        Icmpv4Type::TimeExceeded(_) => IcmpErrorKind::TimeExceeded,
        Icmpv4Type::ParameterProblem(_) => IcmpErrorKind::ParameterProblem,
        _ => return None,
    };
    // `payload` begins behind 8 bytes for all of these.
    let quoted = Quoted::parse(icmp.slice().get(8..)?)?;
    Some(IcmpError {
        kind,
        quoted,
        reporter,
    })
}

/// The error in an ICMPv6 message; `None` if it is none, or quotes nothing that helps.
pub(crate) fn error_v6(reporter: IpAddr, icmp: &Icmpv6Slice<'_>) -> Option<IcmpError> {
    let kind = match icmp.icmp_type() {
        Icmpv6Type::DestinationUnreachable(why) => match why {
            V6::NoRoute | V6::RejectRoute => IcmpErrorKind::NetworkUnreachable,
            V6::Prohibited | V6::SourceAddressFailedPolicy => IcmpErrorKind::Prohibited,
            V6::Port => IcmpErrorKind::PortUnreachable,
            V6::BeyondScope | V6::Address => IcmpErrorKind::HostUnreachable,
        },
        Icmpv6Type::PacketTooBig { mtu } => IcmpErrorKind::PacketTooBig { mtu },
        Icmpv6Type::TimeExceeded(_) => IcmpErrorKind::TimeExceeded,
        Icmpv6Type::ParameterProblem(_) => IcmpErrorKind::ParameterProblem,
        _ => return None,
    };
    let quoted = Quoted::parse(icmp.slice().get(8..)?)?;
    Some(IcmpError {
        kind,
        quoted,
        reporter,
    })
}

impl Quoted {
    fn parse(packet: &[u8]) -> Option<Self> {
        let (ip, _) = LaxIpSlice::from_slice(packet).ok()?;
        // A later fragment quotes no ports.
        if ip.is_fragmenting_payload() {
            return None;
        }
        let payload = ip.payload();
        let protocol = payload.ip_number;
        if protocol != IpNumber::TCP && protocol != IpNumber::UDP {
            return None;
        }
        let &[s1, s0, d1, d0, q3, q2, q1, q0] = payload.payload.first_chunk::<8>()?;
        let tcp = protocol == IpNumber::TCP;
        Some(Self {
            local: (ip.source_addr(), u16::from_be_bytes([s1, s0])).into(),
            remote: (ip.destination_addr(), u16::from_be_bytes([d1, d0])).into(),
            protocol,
            sequence: tcp.then_some(u32::from_be_bytes([q3, q2, q1, q0])),
        })
    }
}
