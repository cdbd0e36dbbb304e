//! The wire between the NIC and packetdrill: frames on one side, IP packets on the other, and a neighbour that answers.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::merge::Growing;
use etherparse::{IpNumber, IpSlice, TcpSlice};
use ip_core::{Config, ConfigError, Interface, MacAddr, Verdict, Verdicts};
use sim_wire::fault::Faults;
use sim_wire::{Frame, FramePool, Picos, Sent, Wire};

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// A packet that has left the stack.
#[derive(Debug)]
pub(crate) struct Sniffed {
    pub(crate) at: Duration,
    /// From the IP header on.
    pub(crate) packet: Vec<u8>,
}

/// A wire that takes no time. At its other end are packetdrill and the router that makes its remote address a neighbour's.
#[derive(Debug)]
pub(crate) struct Line {
    pool: FramePool,
    nic: MacAddr,
    router: Interface,
    inbound: VecDeque<Frame>,
    outbound: VecDeque<Sniffed>,
    /// Segments of one super-segment become one packet again.
    merges: bool,
    /// The newest packet in `outbound` that may grow, and where in the stream it begins.
    growing: Option<Growing>,
    /// One past the highest number that a flow has sent: what is sent again is not merged.
    sent: BTreeMap<Flow, u32>,
    /// Frames so far, either way.
    frames: u64,
}

impl Line {
    /// A wire from a NIC with that address to a router with that configuration.
    pub(crate) fn new(nic: MacAddr, router: Config, merges: bool) -> Result<Self, ConfigError> {
        Ok(Self {
            pool: FramePool::default(),
            nic,
            router: Interface::new(Arc::new(router))?,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            merges,
            growing: None,
            sent: BTreeMap::new(),
            frames: 0,
        })
    }

    /// Frames so far, either way: whether anything is going on.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// A packet from packetdrill. False if it is none.
    pub(crate) fn inject(&mut self, packet: &[u8]) -> bool {
        let kind = match packet.first().map(|first| first >> 4) {
            Some(4) => IPV4,
            Some(6) => IPV6,
            _ => return false,
        };
        let mut frame = Vec::with_capacity(ETHERNET + packet.len());
        frame.extend(self.nic.0);
        frame.extend(self.router.config().mac.0);
        frame.extend(kind);
        frame.extend(packet);
        self.push(&frame);
        true
    }

    /// The oldest packet that has left and was not seen yet.
    pub(crate) fn sniff(&mut self) -> Option<Sniffed> {
        self.outbound.pop_front()
    }

    /// A packet leaves: a new one, or more of the last one.
    fn emit(&mut self, at: Duration, packet: Vec<u8>) {
        let again = self.note_sent(&packet);
        let last = self.outbound.back_mut().filter(|last| last.at == at);
        if let (Some(growing), Some(last)) = (&mut self.growing, last)
            && !again
            && let Some(merged) = growing.append(&last.packet, &packet)
        {
            last.packet = merged;
            if growing.is_over(&last.packet) {
                self.growing = None;
            }
            return;
        }
        self.growing = Growing::new(&packet).filter(|_| self.merges && !again);
        self.outbound.push_back(Sniffed { at, packet });
    }

    /// Whether a segment was sent before, or some of it.
    fn note_sent(&mut self, packet: &[u8]) -> bool {
        let Some((flow, range)) = numbers(packet) else {
            return false;
        };
        let Some((start, end)) = range else {
            self.sent.remove(&flow);
            return false;
        };
        let highest = self.sent.entry(flow).or_insert(start);
        // RFC 9293 §3.4: numbers are compared modulo 2³².
        let again = start.wrapping_sub(*highest).cast_signed() < 0;
        if end.wrapping_sub(*highest).cast_signed() > 0 {
            *highest = end;
        }
        again
    }

    fn push(&mut self, frame: &[u8]) {
        let frame = self.pool.copy_of(frame);
        self.inbound.push_back(frame);
        self.frames += 1;
    }

    /// ARP and neighbour discovery are the router's business; packetdrill knows of neither.
    fn answer(&mut self, now: Duration, frame: &[u8]) {
        let unchecked = Verdicts {
            l3: Verdict::NotChecked,
            l4: Verdict::NotChecked,
        };
        let result =
            ip_core::parse(frame, unchecked).and_then(|packet| self.router.on_packet(now, &packet));
        if let Err(reason) = result {
            tracing::debug!(%reason, "frame without an answer");
        }
        while let Some(answer) = self.router.poll_transmit() {
            self.push(&answer);
        }
    }
}

impl Wire for Line {
    fn transmit(&mut self, now: Picos, frame: Frame) -> Sent {
        self.frames += 1;
        let at = Duration::from(now);
        match ip_packet(&frame) {
            Some(packet) => {
                let packet = packet.to_vec();
                self.emit(at, packet);
            }
            None => self.answer(at, &frame),
        }
        Sent {
            start: now,
            faults: Faults::default(),
        }
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        let mut frame = self.inbound.pop_front()?;
        frame.set_arrived_at(now);
        Some(frame)
    }

    fn next_event(&self) -> Option<Picos> {
        (!self.inbound.is_empty()).then_some(Picos::ZERO)
    }

    fn tx_free_at(&self) -> Picos {
        Picos::ZERO
    }

    fn pool(&self) -> &FramePool {
        &self.pool
    }
}

/// Addresses and ports, from and to.
type Flow = (IpAddr, IpAddr, u16, u16);

/// The flow that a segment belongs to, and its first number and one past its last; none for a SYN, which begins anew.
fn numbers(packet: &[u8]) -> Option<(Flow, Option<(u32, u32)>)> {
    let ip = IpSlice::from_slice(packet).ok()?;
    let bytes = ip.payload();
    if bytes.fragmented || bytes.ip_number != IpNumber::TCP {
        return None;
    }
    let tcp = TcpSlice::from_slice(bytes.payload).ok()?;
    let len = u32::try_from(tcp.payload().len()).ok()?;
    let flow = (
        ip.source_addr(),
        ip.destination_addr(),
        tcp.source_port(),
        tcp.destination_port(),
    );
    let start = tcp.sequence_number();
    if tcp.syn() {
        return Some((flow, None));
    }
    (len > 0).then(|| (flow, Some((start, start.wrapping_add(len)))))
}

/// The IP packet in a frame, without padding; `None` if it is the router's: ARP, neighbour discovery, group membership.
fn ip_packet(frame: &[u8]) -> Option<&[u8]> {
    let (ethernet, packet) = frame.split_at_checked(ETHERNET)?;
    let word = |at: usize| -> Option<usize> {
        let bytes = packet.get(at..at + 2)?;
        Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    match [ethernet[12], ethernet[13]] {
        IPV4 => packet.get(..word(2)?),
        IPV6 => {
            let next = *packet.get(6)?;
            // ICMPv6: 130 to 132 and 143 are group membership, 133 to 137 neighbour discovery. Behind hop-by-hop options
            // (0) is nothing but the former.
            let link = next == 0 || (next == 58 && matches!(packet.get(40), Some(130..=137 | 143)));
            if link {
                None
            } else {
                packet.get(..40 + word(4)?)
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_cut_off_and_arp_is_none_of_packetdrills_business() {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&IPV4);
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&40u16.to_be_bytes());
        assert_eq!(ip_packet(&frame).unwrap().len(), 40);
        frame[12..14].copy_from_slice(&[0x08, 0x06]);
        assert_eq!(ip_packet(&frame), None);
        frame[12..14].copy_from_slice(&IPV6);
        frame[18..20].copy_from_slice(&6u16.to_be_bytes());
        frame[20] = 6;
        assert_eq!(ip_packet(&frame).unwrap().len(), 46);
        frame[20] = 58;
        frame[54] = 135;
        assert_eq!(ip_packet(&frame), None);
        frame[54] = 3;
        assert!(ip_packet(&frame).is_some(), "an ICMP error is");
        assert_eq!(ip_packet(&frame[..10]), None);
    }
}
