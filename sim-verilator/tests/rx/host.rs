//! A host for the Verilated `rx`: descriptors, memory, completions, counters; checks the protocols and that nothing is lost.

use super::golden::{self, Said};
use longshore_hdl::stream::frames::beats;
use nic_abi::{
    completion::{Completion, L4Kind, RxCompletion},
    fault::QueueFault,
    rx::{self, RxDescriptor},
    stats::{RX_OUTCOMES, Stat},
};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use sim_lockstep::Pace;
use sim_verilator::verilated::{PortId, Verilated};
use std::collections::{HashMap, VecDeque};

/// Queue pairs of the module.
pub const QUEUES: usize = 2;

/// One queue pair as the host sees it.
#[derive(Default)]
struct Queue {
    runs: bool,
    /// Posted and not taken by the NIC; the first may be on offer.
    posted: VecDeque<(u16, u128)>,
    /// Cycles until the first is on offer.
    delay: u32,
    /// Taken by the NIC and not completed.
    taken: VecDeque<(u16, u128)>,
    next_index: u16,
    /// Completions promised and not given.
    promised: u64,
}

/// What the host does, beside sending frames.
pub struct Habits {
    /// Length of a buffer.
    pub buffer: fn(&mut ChaCha8Rng) -> u32,
    /// Whether it posts another one in this cycle, given how many are posted.
    pub posts: fn(&mut ChaCha8Rng, usize) -> bool,
    /// Once in so many descriptors one is bad; 0: never.
    pub bad: u32,
    /// Once in so many cycles a queue pair is disabled; 0: never.
    pub disable: u32,
    /// Once in so many cycles frames go to another queue pair; 0: never.
    pub switch: u32,
    /// Pauses on data, completions and faults; else everything is taken at once.
    pub pauses: bool,
}

/// The host, and the module.
pub struct Host {
    dut: Verilated,
    ports: HashMap<String, PortId>,
    queues: [Queue; QUEUES],
    habits: Habits,
    rng: ChaCha8Rng,
    memory: HashMap<u64, u8>,
    burst: Option<(u64, u64, u64)>,
    paces: [Pace; 4],
    input: VecDeque<(longshore_hdl::stream::checker::Sample, usize)>,
    begun: bool,
    parts: Vec<u8>,
    /// Queue pair for frames.
    pub rx_queue: u64,
    /// Frames sent.
    pub sent: Vec<Vec<u8>>,
    next_delivered: usize,
    /// Cycle of each delivery.
    pub deliveries: Vec<u64>,
    /// Counters.
    pub counters: [u64; 12],
    /// Faults seen.
    pub faults: Vec<QueueFault>,
    /// Frames of several buffers delivered.
    pub split: u32,
    /// Cycles so far.
    pub cycle: u64,
}

impl Host {
    pub fn new(rng: ChaCha8Rng, habits: Habits) -> Self {
        let dut = Verilated::new("rx").unwrap();
        let ports = dut
            .ports()
            .iter()
            .map(|p| (p.name.to_owned(), dut.port(p.name).unwrap()));
        let ports = ports.collect();
        let paces = if habits.pauses {
            std::array::from_fn(|_| Pace::default())
        } else {
            std::array::from_fn(|_| Pace::steady())
        };
        let mut host = Self {
            dut,
            ports,
            queues: Default::default(),
            habits,
            rng,
            memory: HashMap::new(),
            burst: None,
            paces,
            input: VecDeque::new(),
            begun: false,
            parts: Vec::new(),
            rx_queue: 0,
            sent: Vec::new(),
            next_delivered: 0,
            deliveries: Vec::new(),
            counters: [0; 12],
            faults: Vec::new(),
            split: 0,
            cycle: 0,
        };
        host.set("rx_enable", 1);
        host.set("promiscuous", 1);
        host.set("max_frame", 16_383);
        host.set("open", 3);
        host.set("reset", 1);
        let clock = host.ports["clock"];
        host.dut.run(clock, 3, 4_000, &[]);
        host.set("reset", 0);
        for queue in &mut host.queues {
            queue.runs = true;
        }
        host
    }

    pub fn set(&mut self, port: &str, value: u64) {
        self.dut.set(self.ports[port], value);
    }

    fn get(&self, port: &str) -> u64 {
        self.dut.get(self.ports[port])
    }

    fn wide(&self, port: &str) -> u128 {
        let words = self.dut.words(self.ports[port]);
        words
            .iter()
            .rev()
            .fold(0, |value, &word| value << 32 | u128::from(word))
    }

    /// Queues a frame.
    pub fn send(&mut self, frame: Vec<u8>) {
        let number = self.sent.len();
        self.input.extend(beats(&frame).map(|beat| (beat, number)));
        self.sent.push(frame);
    }

    /// Posts descriptors to queue pair `i`.
    pub fn post(&mut self, i: usize, count: usize) {
        for _ in 0..count {
            let len = (self.habits.buffer)(&mut self.rng);
            let addr = self.rng.random_range(0..1_u64 << 30) & !63 | (i as u64) << 40;
            let mut word = RxDescriptor { addr, len }.encode();
            if self.habits.bad != 0 && self.rng.random_ratio(1, self.habits.bad) {
                word = match self.rng.random_range(0..4) {
                    0 => rx::TYPE.set(word, self.rng.random_range(4..16)),
                    1 => rx::ADDR.set(word, addr | self.rng.random_range(1..64)),
                    2 => rx::LEN.set(word, 0),
                    _ => rx::LEN.set(word, u64::from(len) + self.rng.random_range(1..64)),
                };
            }
            let queue = &mut self.queues[i];
            queue.posted.push_back((queue.next_index, word));
            queue.next_index = queue.next_index.wrapping_add(1);
        }
    }

    /// Whether all frames sent have gone in.
    pub fn idle(&self) -> bool {
        self.input.is_empty()
    }

    /// Frames that came in whole and have no outcome yet.
    pub fn waiting(&self) -> u64 {
        let outcomes: u64 = RX_OUTCOMES.iter().map(|&s| self.count(s)).sum();
        self.count(Stat::RxFrames).saturating_sub(outcomes)
    }

    pub fn count(&self, stat: Stat) -> u64 {
        self.counters[stat as usize]
    }

    /// Runs until nothing moves any more and checks that every frame has its outcome.
    pub fn finish(&mut self) {
        let (mut last, mut still) = (self.counters, 0);
        while still < 3_000 {
            self.step(true);
            still = if self.counters == last && self.idle() {
                still + 1
            } else {
                0
            };
            last = self.counters;
        }
        let outcomes: u64 = RX_OUTCOMES.iter().map(|&s| self.count(s)).sum();
        assert_eq!(self.count(Stat::RxFrames), self.sent.len() as u64);
        assert_eq!(outcomes, self.sent.len() as u64, "{:?}", self.counters);
        assert_eq!(
            self.count(Stat::RxBytes),
            self.sent.iter().map(|f| f.len() as u64).sum::<u64>()
        );
        assert_eq!(self.count(Stat::RxDelivered), self.deliveries.len() as u64);
        assert!(self.parts.is_empty(), "a frame without an end");
    }

    /// One clock cycle; `offer`: a beat may go in.
    pub fn step(&mut self, offer: bool) {
        self.cycle += 1;
        self.configure();
        self.drive_frames(offer);
        self.drive_descriptors();
        let ready: [bool; 4] = std::array::from_fn(|i| self.paces[i].now(&mut self.rng));
        self.set("wr$ready", ready[0].into());
        self.set("completion$ready", ready[1].into());
        self.set("fault$ready", ready[2].into());
        self.dut.eval();
        self.see_counters();
        self.see_descriptors();
        self.see_promises();
        if ready[0] && self.get("wr$valid") == 1 {
            self.see_write();
        }
        if ready[1] && self.get("completion$valid") == 1 {
            self.see_completion();
        }
        if ready[2] && self.get("fault$valid") == 1 {
            self.see_fault();
        }
        let clock = self.ports["clock"];
        self.dut.set(clock, 1);
        self.dut.eval();
        self.dut.set(clock, 0);
        self.dut.eval();
    }

    fn configure(&mut self) {
        let now = |rng: &mut ChaCha8Rng, once_in: u32| once_in != 0 && rng.random_ratio(1, once_in);
        if now(&mut self.rng, self.habits.switch) {
            self.rx_queue = self.rng.random_range(0..3);
        }
        self.set("rx_queue", self.rx_queue);
        let busy = self.get("busy");
        for i in 0..QUEUES {
            let disable = now(&mut self.rng, self.habits.disable);
            let queue = &mut self.queues[i];
            if queue.runs && disable {
                queue.runs = false;
                queue.posted.clear();
            } else if !queue.runs && busy >> i & 1 == 0 && self.rng.random_ratio(1, 50) {
                // Enabled again: all indexes return to 0.
                assert_eq!(queue.promised, 0, "what was held is given back");
                queue.runs = true;
                queue.taken.clear();
                queue.next_index = 0;
            }
        }
        let run = (0..QUEUES).fold(0, |mask, i| mask | u64::from(self.queues[i].runs) << i);
        self.set("run", run);
    }

    fn drive_frames(&mut self, offer: bool) {
        let pace = self.paces[3].now(&mut self.rng);
        let beat = if offer && (pace || self.begun && !self.habits.pauses) {
            self.input.pop_front()
        } else {
            None
        };
        self.set("frames$tvalid", u64::from(beat.is_some()));
        let beat = beat.map(|b| b.0).unwrap_or_default();
        self.begun = beat.tvalid && !beat.tlast;
        self.set("frames$tdata", beat.tdata);
        self.set("frames$tkeep", u64::from(beat.tkeep));
        self.set("frames$tlast", u64::from(beat.tlast));
    }

    fn drive_descriptors(&mut self) {
        let mut pending = 0;
        for i in 0..QUEUES {
            if self.queues[i].runs
                && (self.habits.posts)(&mut self.rng, self.queues[i].posted.len())
            {
                self.post(i, 1);
            }
            let queue = &mut self.queues[i];
            pending |= u64::from(!queue.posted.is_empty()) << i;
            queue.delay = queue.delay.saturating_sub(1);
            let offered = queue.posted.front().copied().filter(|_| queue.delay == 0);
            let valid = offered.is_some();
            let (index, word) = offered.unwrap_or_default();
            let words: [u32; 4] = std::array::from_fn(|w| (word >> (32 * w)) as u32);
            self.dut
                .set_words(self.ports[&format!("desc${i}$data")], &words);
            self.set(&format!("desc${i}$index"), index.into());
            self.set(&format!("desc${i}$valid"), valid.into());
        }
        self.set("pending", pending);
    }

    fn see_descriptors(&mut self) {
        for i in 0..QUEUES {
            let (valid, ready) = (format!("desc${i}$valid"), format!("desc${i}$ready"));
            if self.get(&valid) == 1 && self.get(&ready) == 1 {
                let queue = &mut self.queues[i];
                let descriptor = queue.posted.pop_front().expect("it was offered");
                queue.taken.push_back(descriptor);
                // The next one may have to be fetched.
                queue.delay = if self.habits.pauses && self.rng.random_ratio(1, 4) {
                    self.rng.random_range(0..100)
                } else {
                    4
                };
            }
        }
    }

    fn see_promises(&mut self) {
        let (claim, waive) = (self.get("claim"), self.get("waive"));
        for (i, queue) in self.queues.iter_mut().enumerate() {
            queue.promised += claim >> i & 1;
            let released = waive >> i & 1;
            queue.promised = queue
                .promised
                .checked_sub(released)
                .expect("a promise taken back that was not given");
        }
    }

    fn see_counters(&mut self) {
        let stat = self.get("stat");
        assert_eq!(stat >> 12, 0, "a counter that is not reception's");
        for (i, counter) in self.counters.iter_mut().enumerate() {
            *counter += stat >> i & 1;
        }
        if stat & 1 == 1 {
            self.counters[Stat::RxBytes as usize] += self.dut.get(self.ports["stat_bytes"]) - 1;
        }
    }

    fn see_write(&mut self) {
        let (addr, len) = (self.get("wr$addr"), self.get("wr$len"));
        let (first, _, mut at) = *self.burst.get_or_insert((addr, len, 0));
        assert_eq!(
            self.burst.map(|b| (b.0, b.1)),
            Some((addr, len)),
            "the burst changed"
        );
        assert!(
            (1..=4_096).contains(&len) && addr % 8 == 0,
            "a burst of {len} bytes at {addr:#x}"
        );
        assert_eq!(addr >> 12, (addr + len - 1) >> 12, "across 4 KiB");
        for byte in self.get("wr$data").to_le_bytes() {
            if at < len {
                self.memory.insert(first + at, byte);
                at += 1;
            }
        }
        assert_eq!(
            self.get("wr$last") == 1,
            at == len,
            "last of {len} bytes at {at}"
        );
        self.burst = (at < len).then_some((addr, len, at));
    }

    fn see_completion(&mut self) {
        let raw = self.wide("completion$data");
        let i = self.get("completion$queue") as usize;
        let Ok(Completion::Rx(c)) = Completion::decode(raw) else {
            panic!("{raw:#x} is no receive completion")
        };
        let promised = self.queues[i].promised.checked_sub(1);
        self.queues[i].promised = promised.expect("a completion that was not promised");
        let (index, word) = self.queues[i]
            .taken
            .pop_front()
            .expect("a completion without descriptor");
        assert_eq!(c.index, index, "a descriptor was lost");
        let buffer = RxDescriptor::decode(word).expect("a bad descriptor was used");
        assert!(c.len > 0 && u32::from(c.len) <= buffer.len);
        assert!(
            !c.more || u32::from(c.len) == buffer.len,
            "a buffer that is not full goes on"
        );
        for at in 0..u64::from(c.len) {
            let byte = self.memory.remove(&(buffer.addr + at));
            self.parts.push(byte.expect("a completion before its data"));
        }
        if c.more {
            self.split += 1;
            return;
        }
        let frame = std::mem::take(&mut self.parts);
        let place = self.sent[self.next_delivered..]
            .iter()
            .position(|f| *f == frame);
        self.next_delivered += place.expect("a frame that was not sent, or out of order") + 1;
        assert_eq!(said(&c), golden::say(&frame), "{frame:02x?}");
        assert_eq!(
            (c.flow, c.flow_hit, c.segments, c.split, c.coalesced),
            (0, false, 1, false, false)
        );
        self.deliveries.push(self.cycle);
    }

    fn see_fault(&mut self) {
        let (i, index) = (
            self.get("fault$queue") as usize,
            self.get("fault$index") as u16,
        );
        let cause = QueueFault::from_raw(self.get("fault$cause") as u8);
        let queue = &mut self.queues[i];
        let (last, word) = queue.taken.pop_back().expect("a fault without descriptor");
        assert_eq!(index, last);
        assert_eq!(cause, rx::check(word).err(), "{word:#x}");
        self.faults.extend(cause);
        queue.runs = false;
        queue.posted.clear();
    }
}

fn said(c: &RxCompletion) -> Said {
    Said {
        hdr_len: c.header_len,
        vlan: c.vlan,
        raw_sum: c.raw_sum,
        l3: c.l3,
        l4: c.l4,
        ipv6: c.ipv6,
        tcp: c.l4_kind == L4Kind::Tcp,
        udp: c.l4_kind == L4Kind::Udp,
    }
}
