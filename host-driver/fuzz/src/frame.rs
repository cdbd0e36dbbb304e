//! Frames from somebody else, with right checksums: a fuzzer does not guess those.

use std::net::IpAddr;

use ip_core::{IpNumber, MacAddr, checksum};

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// What the headers around a message say.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// Who sends the frame.
    pub source_mac: MacAddr,
    /// To whom.
    pub destination_mac: MacAddr,
    /// Who sends the packet.
    pub source: IpAddr,
    /// To whom; of the same family.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
}

/// A frame around `message`, whose checksum field at `field`, if any, is filled in. IPv4 unless the destination is of
/// IPv6.
#[must_use]
pub fn build(
    envelope: &Envelope,
    protocol: IpNumber,
    mut message: Vec<u8>,
    field: Option<usize>,
) -> Vec<u8> {
    let Envelope {
        source,
        destination,
        ..
    } = *envelope;
    if let Some(field) = field
        && let Some(sum) = message.get_mut(field..field + 2)
    {
        sum.fill(0);
        let sum = match protocol {
            IpNumber::ICMP => checksum::plain(&message),
            // Zero says that there is none (RFC 768).
            IpNumber::UDP => match checksum::layer4(source, destination, protocol, &message) {
                0 => u16::MAX,
                sum => sum,
            },
            _ => checksum::layer4(source, destination, protocol, &message),
        };
        message[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    }
    let mut frame = Vec::with_capacity(message.len() + 54);
    frame.extend(envelope.destination_mac.0);
    frame.extend(envelope.source_mac.0);
    let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend(IPV4);
            let [high, low] = len.saturating_add(20).to_be_bytes();
            let class = envelope.traffic_class;
            let mut header = vec![0x45, class, high, low, 0, 0, 0x40, 0];
            header.extend([envelope.hop_limit, protocol.0, 0, 0]);
            header.extend(source.octets());
            header.extend(destination.octets());
            let sum = checksum::plain(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend(header);
        }
        (source, destination) => {
            let v6 = |address: IpAddr| match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            frame.extend(IPV6);
            let class = envelope.traffic_class;
            frame.extend([0x60 | class >> 4, class << 4, 0, 0]);
            frame.extend(len.to_be_bytes());
            frame.extend([protocol.0, envelope.hop_limit]);
            frame.extend(v6(source).octets());
            frame.extend(v6(destination).octets());
        }
    }
    frame.extend(message);
    frame
}
