//! A link that delays, loses, duplicates and reorders.

use core::time::Duration;
use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A packet: a TCP segment, and what its IP header would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The segment.
    pub bytes: Vec<u8>,
    /// ECN-capable (RFC 3168).
    pub ect: bool,
    /// Congestion experienced.
    pub ce: bool,
}

/// What a link does to packets, each with its probability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// One-way delay.
    pub delay: Duration,
    /// Bits a second; 0: no limit.
    pub rate: u64,
    /// Packets that wait for the rate at most; more are lost. 0: no limit.
    pub queue: usize,
    /// Lost.
    pub loss: f64,
    /// A bit is flipped, which a checksum catches: lost as well, but after the link's rate.
    pub corruption: f64,
    /// Delivered twice.
    pub duplication: f64,
    /// ECN-capable packets are marked.
    pub marking: f64,
    /// ECN-capable packets are marked from so many waiting packets on. 0: never.
    pub mark_above: usize,
    /// Larger segments (header included) are lost; with a message to their sender unless the path is a black hole. 0: no
    /// limit.
    pub mtu: usize,
    /// Nobody tells of packets that are too large.
    pub black_hole: bool,
    /// Held back by up to four delays, so that later ones overtake.
    pub reordering: f64,
}

/// One direction.
#[derive(Debug)]
pub struct Link {
    /// What it does; may be changed at any time.
    pub faults: Faults,
    random: ChaCha8Rng,
    /// By time of arrival, then in order of sending.
    in_flight: BTreeMap<(Duration, u64), Packet>,
    sent: u64,
    busy_until: Duration,
    /// Packets that were lost, corrupted ones counted.
    pub lost: u64,
    /// The numbers, counted from 0, of packets that are lost whatever the faults say.
    pub doomed: std::collections::BTreeSet<u64>,
    /// Packets handed over so far.
    pub offered: u64,
    /// Packets that were marked.
    pub marked: u64,
    /// Packets that were too large and of which nobody has told the sender yet.
    pub too_large: Vec<Packet>,
}

impl Link {
    /// A link whose faults follow from `seed`.
    #[must_use]
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self {
            faults,
            random: ChaCha8Rng::seed_from_u64(seed),
            in_flight: BTreeMap::new(),
            sent: 0,
            busy_until: Duration::ZERO,
            lost: 0,
            doomed: std::collections::BTreeSet::new(),
            offered: 0,
            marked: 0,
            too_large: Vec::new(),
        }
    }

    /// Sends a packet at `now`.
    pub fn send(&mut self, now: Duration, mut packet: Packet) {
        let faults = self.faults;
        self.offered += 1;
        if self.doomed.contains(&(self.offered - 1)) {
            self.lost += 1;
            return;
        }
        if faults.mtu > 0 && packet.bytes.len() > faults.mtu {
            self.lost += 1;
            if !faults.black_hole {
                self.too_large.push(packet);
            }
            return;
        }
        if self.random.random_bool(faults.loss) {
            self.lost += 1;
            return;
        }
        let mut at = now;
        let bits = packet.bytes.len() as u64 * 8;
        if let Some(nanos) = (bits * 1_000_000_000).checked_div(faults.rate) {
            let time = Duration::from_nanos(nanos);
            let start = self.busy_until.max(now);
            let waiting = ((start - now).as_nanos() / time.as_nanos().max(1)) as usize;
            if faults.mark_above > 0 && waiting >= faults.mark_above && packet.ect {
                packet.ce = true;
            }
            if faults.queue > 0
                && (start - now) > time * u32::try_from(faults.queue).unwrap_or(u32::MAX)
            {
                self.lost += 1;
                return;
            }
            self.busy_until = start + time;
            at = self.busy_until;
        }
        if packet.ect && self.random.random_bool(faults.marking) {
            packet.ce = true;
        }
        self.marked += u64::from(packet.ce);
        if self.random.random_bool(faults.corruption) {
            self.lost += 1;
            return;
        }
        let copies = 1 + u32::from(self.random.random_bool(faults.duplication));
        for _ in 0..copies {
            let mut arrival = at + faults.delay;
            if self.random.random_bool(faults.reordering) {
                let extra = faults.delay.max(Duration::from_micros(1)) * 4;
                arrival += extra.mul_f64(self.random.random_range(0.0..1.0));
            }
            self.in_flight.insert((arrival, self.sent), packet.clone());
            self.sent += 1;
        }
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Duration> {
        self.in_flight.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next packet that has arrived by `now`.
    pub fn receive(&mut self, now: Duration) -> Option<Packet> {
        let first = self.in_flight.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
