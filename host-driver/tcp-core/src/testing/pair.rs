//! Two hosts, two links and a clock that jumps.

use core::time::Duration;
use std::collections::VecDeque;

use thiserror::Error;

use super::coalesce::coalesce;
use super::host::Host;
use super::link::{Faults, Link, Packet};
use crate::{Config, Initial, Ports, Segment, SeqNumber};

/// Packets that a failure shows.
const TRACE_LEN: usize = 60;

/// Two hosts, `a` connecting to `b`, over two links. Virtual time.
#[derive(Debug)]
pub struct Pair {
    /// The clock.
    pub now: Duration,
    /// The host that connects.
    pub a: Host,
    /// The host that listens.
    pub b: Host,
    /// From `a` to `b`.
    pub ab: Link,
    /// From `b` to `a`.
    pub ba: Link,
    /// Both ends' NICs coalesce what arrives at the same time.
    pub coalesce: bool,
    trace: VecDeque<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Virtual time that it took.
    pub elapsed: Duration,
}

/// A run did not end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not over at {at:?}: {reason}\n{trace}")]
pub struct Stuck {
    /// When.
    pub at: Duration,
    /// Why.
    pub reason: String,
    /// The last packets.
    pub trace: String,
}

impl Pair {
    /// Two hosts with their settings, send buffers of `send_buffer` bytes, and links with the same
    /// faults; everything random follows from `seed`.
    #[must_use]
    pub fn new(a: &Config, b: &Config, send_buffer: usize, faults: Faults, seed: u64) -> Self {
        let ports = Ports {
            source: 49152,
            destination: 80,
        };
        // Near the wrap, so that every longer run crosses it.
        let initial = |salt: u64| Initial {
            iss: SeqNumber(u32::MAX - (seed.wrapping_mul(salt) % 100_000) as u32),
            timestamp_offset: u32::MAX - (seed.wrapping_mul(salt) % 1000) as u32,
        };
        Self {
            now: Duration::from_secs(1),
            a: Host::connecting(a, initial(3), ports, send_buffer),
            b: Host::listening(b, initial(7), ports.reversed(), send_buffer),
            ab: Link::new(faults, seed),
            ba: Link::new(faults, seed ^ 0x5555),
            coalesce: false,
            trace: VecDeque::new(),
        }
    }

    /// The last packets, a line each.
    #[must_use]
    pub fn trace(&self) -> String {
        self.trace
            .iter()
            .fold(String::new(), |all, line| all + line + "\n")
    }

    fn note(&mut self, direction: &str, packet: &[u8]) {
        if let Ok((segment, _)) = Segment::parse_whole(packet) {
            if self.trace.len() == TRACE_LEN {
                self.trace.pop_front();
            }
            self.trace.push_back(format!(
                "{:>12.6} {direction} {:?} seq {} ack {} win {} len {} {:?}",
                self.now.as_secs_f64(),
                segment.flags,
                segment.seq,
                segment.ack,
                segment.window,
                segment.payload_len,
                segment.options.sack,
            ));
        }
    }

    /// The network tells senders of packets that were too large for it.
    fn report_too_large(&mut self) {
        for (link, host) in [(&mut self.ab, &mut self.a), (&mut self.ba, &mut self.b)] {
            let mss = u16::try_from(link.faults.mtu.saturating_sub(20)).unwrap_or(u16::MAX);
            for packet in link.too_large.drain(..) {
                if let (Ok((segment, _)), Some(connection)) =
                    (Segment::parse_whole(&packet.bytes), host.connection_mut())
                {
                    connection.on_packet_too_big(self.now, segment.seq, mss);
                }
            }
        }
    }

    fn send_a(&mut self, packets: Vec<Packet>) {
        for packet in packets {
            self.note("a > b", &packet.bytes);
            self.ab.send(self.now, packet);
        }
    }

    fn send_b(&mut self, packets: Vec<Packet>) {
        for packet in packets {
            self.note("b > a", &packet.bytes);
            self.ba.send(self.now, packet);
        }
    }

    /// Everything that can happen at this moment happens.
    pub fn settle(&mut self) {
        self.a.run_program(self.now);
        let packets = self.a.poll(self.now);
        self.send_a(packets);
        self.b.run_program(self.now);
        let packets = self.b.poll(self.now);
        self.send_b(packets);
        if !(self.ab.too_large.is_empty() && self.ba.too_large.is_empty()) {
            self.report_too_large();
            let packets = self.a.poll(self.now);
            self.send_a(packets);
            let packets = self.b.poll(self.now);
            self.send_b(packets);
        }
    }

    fn arrivals(link: &mut Link, now: Duration, join: bool) -> Vec<(Segment, Vec<u8>)> {
        let packets: Vec<_> = std::iter::from_fn(|| link.receive(now)).collect();
        if join {
            return coalesce(&packets);
        }
        packets
            .iter()
            .map(|packet| {
                let (mut segment, header_len) =
                    Segment::parse_whole(&packet.bytes).expect("a well-formed packet");
                segment.ce = packet.ce;
                (segment, packet.bytes[header_len..].to_vec())
            })
            .collect()
    }

    /// When the next thing happens.
    #[must_use]
    pub fn next_event(&self) -> Option<Duration> {
        [
            self.ab.next_arrival(),
            self.ba.next_arrival(),
            self.a.next_timeout(self.now),
            self.b.next_timeout(self.now),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Goes to the next event and lets it happen. `false` if there is none.
    ///
    /// # Panics
    /// If a host sent something that is not a TCP segment.
    pub fn step(&mut self) -> bool {
        self.settle();
        let Some(at) = self.next_event() else {
            return false;
        };
        self.now = self.now.max(at);
        let at_b = Self::arrivals(&mut self.ab, self.now, self.coalesce);
        for (segment, payload) in at_b {
            let reply = self.b.on_segment(self.now, &segment, &payload);
            self.send_b(reply);
        }
        let at_a = Self::arrivals(&mut self.ba, self.now, self.coalesce);
        for (segment, payload) in at_a {
            let reply = self.a.on_segment(self.now, &segment, &payload);
            self.send_a(reply);
        }
        let reply = self.a.on_timeout(self.now);
        self.send_a(reply);
        let reply = self.b.on_timeout(self.now);
        self.send_b(reply);
        true
    }

    /// Steps until `done`.
    ///
    /// # Errors
    /// [`Stuck`] if nothing more happens, or it takes longer than `limit` of virtual time.
    pub fn run_until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<Outcome, Stuck> {
        let start = self.now;
        loop {
            self.settle();
            if done(self) {
                let elapsed = self.now - start;
                return Ok(Outcome { elapsed });
            }
            let stuck = |pair: &Self, reason: &str| Stuck {
                at: pair.now,
                reason: format!(
                    "{reason}; a: {:?} {:?}; b: {:?} {:?}",
                    pair.a.connection().map(crate::Connection::info),
                    pair.a.error,
                    pair.b.connection().map(crate::Connection::info),
                    pair.b.error
                ),
                trace: pair.trace(),
            };
            if self.now - start > limit {
                return Err(stuck(self, "too long"));
            }
            if !self.step() {
                return Err(stuck(self, "nothing happens any more"));
            }
        }
    }

    /// `a` sends `forth`, `b` sends `back`, both close; until both are in TIME-WAIT or CLOSED and have
    /// read everything.
    ///
    /// # Errors
    /// [`Stuck`].
    pub fn transfer(
        &mut self,
        forth: &[u8],
        back: &[u8],
        limit: Duration,
    ) -> Result<Outcome, Stuck> {
        self.a.send(forth);
        self.b.send(back);
        self.run_until(limit, |pair| pair.a.is_done() && pair.b.is_done())
    }
}
