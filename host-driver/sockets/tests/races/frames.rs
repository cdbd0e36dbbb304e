//! Frames that a stranger, a router or a peer without a stack puts on the wire.

use sim_wire::{Picos, Wire};

use crate::common::Host;

const A_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const A_IP: [u8; 4] = [192, 0, 2, 1];
const B_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const B_IP: [u8; 4] = [192, 0, 2, 2];
const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
const ROUTER_IP: [u8; 4] = [192, 0, 2, 254];

/// A SYN of A's, as it was sent.
pub(crate) struct Syn {
    frame: Vec<u8>,
    port: u16,
    to: u16,
    seq: u32,
}

impl Syn {
    /// The first SYN among frames of A's.
    pub(crate) fn find(frames: &[Vec<u8>]) -> Option<Self> {
        frames.iter().find_map(|frame| {
            let packet = etherparse::SlicedPacket::from_ethernet(frame).ok()?;
            let Some(etherparse::TransportSlice::Tcp(tcp)) = packet.transport else {
                return None;
            };
            tcp.syn().then(|| Self {
                frame: frame.clone(),
                port: tcp.source_port(),
                to: tcp.destination_port(),
                seq: tcp.sequence_number(),
            })
        })
    }

    /// A router's answer: the port cannot be reached (RFC 792).
    pub(crate) fn unreachable(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2(ROUTER_MAC, A_MAC)
            .ipv4(ROUTER_IP, A_IP, 64)
            .icmpv4_raw(3, 3, [0; 4])
            .write(&mut frame, &self.frame[14..42])
            .unwrap();
        frame
    }

    /// B's answer: nobody listens.
    pub(crate) fn reset(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2(B_MAC, A_MAC)
            .ipv4(B_IP, A_IP, 64)
            .tcp(self.to, self.port, 0, 0)
            .rst()
            .ack(self.seq.wrapping_add(1))
            .write(&mut frame, &[])
            .unwrap();
        frame
    }
}

/// Puts a frame on the wire at a host's end.
pub(crate) fn transmit(host: &Host, now: Picos, frame: &[u8]) {
    let mut model = host.model.lock();
    let frame = model.wire_mut().pool().copy_of(frame);
    model.wire_mut().transmit(now, frame);
}
