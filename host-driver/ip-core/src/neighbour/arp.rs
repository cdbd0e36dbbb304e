//! ARP messages (RFC 826) for IPv4 over Ethernet.

use core::net::Ipv4Addr;

use etherparse::{ArpEthIpv4Packet, ArpHardwareId, ArpOperation, ArpPacketSlice, EtherType};

use crate::discard::Discard;
use crate::frame;
use crate::mac::MacAddr;

/// An ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// True for a request, false for a reply.
    pub request: bool,
    /// Sender's station address.
    pub sender_mac: MacAddr,
    /// Sender's address; unspecified in a probe (RFC 5227).
    pub sender: Ipv4Addr,
    /// Address that is asked for.
    pub target: Ipv4Addr,
}

impl Message {
    pub(crate) fn from_slice(arp: &ArpPacketSlice<'_>) -> Result<Self, Discard> {
        let ethernet_ipv4 = arp.hw_addr_type() == ArpHardwareId::ETHERNET
            && arp.proto_addr_type() == EtherType::IPV4;
        let request = match arp.operation() {
            ArpOperation::REQUEST => true,
            ArpOperation::REPLY => false,
            _ => return Err(Discard::Neighbour),
        };
        let bad = |_| Discard::Neighbour;
        let sender_mac: [u8; 6] = arp.sender_hw_addr().try_into().map_err(bad)?;
        let sender: [u8; 4] = arp.sender_protocol_addr().try_into().map_err(bad)?;
        let target: [u8; 4] = arp.target_protocol_addr().try_into().map_err(bad)?;
        let message = Self {
            request,
            sender_mac: MacAddr(sender_mac),
            sender: sender.into(),
            target: target.into(),
        };
        let sane = ethernet_ipv4
            && message.sender_mac.is_station()
            && !message.sender.is_multicast()
            && !message.sender.is_broadcast();
        if sane {
            Ok(message)
        } else {
            Err(Discard::Neighbour)
        }
    }
}

/// "Who has `target`?", to everybody or (a probe of a known neighbour) to `to`.
pub(crate) fn request(
    mac: MacAddr,
    own: Ipv4Addr,
    target: Ipv4Addr,
    to: Option<MacAddr>,
) -> Vec<u8> {
    let operation = ArpOperation::REQUEST;
    message(
        operation,
        (mac, own),
        (MacAddr::default(), target),
        to.unwrap_or(MacAddr::BROADCAST),
    )
}

/// The answer to `asked`: we are it.
pub(crate) fn reply(mac: MacAddr, asked: &Message) -> Vec<u8> {
    let (own, to) = (asked.target, asked.sender_mac);
    message(ArpOperation::REPLY, (mac, own), (to, asked.sender), to)
}

fn message(
    operation: ArpOperation,
    sender: (MacAddr, Ipv4Addr),
    target: (MacAddr, Ipv4Addr),
    to: MacAddr,
) -> Vec<u8> {
    let packet = ArpEthIpv4Packet {
        operation,
        sender_mac: sender.0.0,
        sender_ipv4: sender.1.octets(),
        target_mac: target.0.0,
        target_ipv4: target.1.octets(),
    };
    frame::ethernet(sender.0, to, EtherType::ARP, &packet.to_bytes())
}
