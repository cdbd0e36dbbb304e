//! A root complex at TLP level: memory, completions cut and reordered, faults, and a processor that uses BAR0.

use super::tlp::{self, Assembler, Completion, Id, Memory, Tlp};
use longshore_hdl::stream::checker::Sample;
use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use sim_lockstep::Pace;
use std::collections::VecDeque;

/// Size of the memory; it is seen at [`LOW`] and again at [`HIGH`].
pub(crate) const MEMORY: usize = 1 << 20;
/// Memory below 4 GiB: 3-DW headers.
pub(crate) const LOW: u64 = 0x4000_0000;
/// Memory above 4 GiB: 4-DW headers.
pub(crate) const HIGH: u64 = 0x17_4000_0000;
/// Where MSI-X messages go.
pub(crate) const MESSAGES: u64 = 0xfee0_0000;
/// The device's id.
pub(crate) const DEVICE: u16 = 0x0500;
const HOST: u16 = 0x0018;

/// What becomes of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered.
    Data,
    /// With this status.
    Status(u8),
    /// One of its completions is poisoned.
    Poisoned,
    /// A completion has a wrong byte count.
    WrongCount,
    /// A completion ends before its length.
    CutShort,
    /// Nothing comes.
    Lost,
    /// Everything comes too late.
    Late,
}

impl Fate {
    /// Whether the tag is out of use afterwards.
    pub(crate) fn retires(self) -> bool {
        matches!(
            self,
            Self::WrongCount | Self::CutShort | Self::Lost | Self::Late
        )
    }
}

/// How the root complex behaves.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) mps: usize,
    pub(crate) mrrs: usize,
    pub(crate) rcb: usize,
    /// Longest latency of a completion, in cycles.
    pub(crate) latency: u64,
    /// Cycles after which the device gives a read up.
    pub(crate) timeout: u64,
    /// Fates other than [`Fate::Data`], and how rare they are: one of so many reads.
    pub(crate) faults: Vec<Fate>,
    pub(crate) fault_of: u32,
    /// How many tags may be lost.
    pub(crate) retire: usize,
    /// Bus Master Enable.
    pub(crate) bus_master: bool,
    /// MSI-X Enable.
    pub(crate) msix_enable: bool,
    /// Until this cycle the MSI-X Function Mask is set.
    pub(crate) masked_until: u64,
    /// Gaps in the streams.
    pub(crate) gaps: bool,
}

/// What was seen and what is to be counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) read_errors: u64,
    pub(crate) timeouts: u64,
    pub(crate) unexpected: u64,
    pub(crate) unsupported: u64,
    pub(crate) interrupts: u64,
}

struct Piece {
    due: u64,
    dws: Vec<u32>,
}

/// See the [module](self).
pub(crate) struct RootComplex {
    pub(crate) config: Config,
    pub(crate) memory: Vec<u8>,
    /// Reads in the order in which they came: address, bytes, and whether they fail.
    pub(crate) reads: VecDeque<(u64, usize, Fate)>,
    /// Bytes of the largest write TLP.
    pub(crate) largest_write: usize,
    /// Bus mastering was off at some time.
    was_off: bool,
    /// Bytes written, in all.
    pub(crate) written: u64,
    /// Messages since they were last looked at: their addresses and data.
    pub(crate) messages: Vec<(u64, u32)>,
    /// Completions to come, in order, with the order they carry.
    pub(crate) expected: VecDeque<Completion>,
    /// Completions that came.
    pub(crate) answered: u64,
    pub(crate) counts: Counts,
    /// By read tag: completions in order.
    completions: Vec<VecDeque<Piece>>,
    strays: VecDeque<Piece>,
    requests: VecDeque<Vec<u32>>,
    sending: VecDeque<Sample>,
    offered: bool,
    receiving: Assembler,
    retired: usize,
    next_tag: u8,
    rx_pace: Pace,
    tx_pace: Pace,
}

impl RootComplex {
    pub(crate) fn new(config: Config, memory: Vec<u8>) -> Self {
        Self {
            config,
            memory,
            reads: VecDeque::new(),
            largest_write: 0,
            was_off: false,
            written: 0,
            messages: Vec::new(),
            expected: VecDeque::new(),
            answered: 0,
            counts: Counts::default(),
            completions: (0..256).map(|_| VecDeque::new()).collect(),
            strays: VecDeque::new(),
            requests: VecDeque::new(),
            sending: VecDeque::new(),
            offered: false,
            receiving: Assembler::default(),
            retired: 0,
            next_tag: 0,
            rx_pace: Pace::default(),
            tx_pace: Pace::default(),
        }
    }

    /// The beat to the device in this cycle, and whether one from the device is taken.
    pub(crate) fn drive(&mut self, cycle: u64, rng: &mut ChaCha8Rng) -> (Option<Sample>, bool) {
        self.was_off |= !self.config.bus_master;
        if !self.offered {
            if self.sending.is_empty()
                && let Some(dws) = self.choose(cycle, rng)
            {
                self.sending = tlp::beats(&dws).into();
            }
            self.offered = !self.sending.is_empty() && (!self.config.gaps || self.tx_pace.now(rng));
        }
        let beat = self.sending.front().copied().filter(|_| self.offered);
        (beat, !self.config.gaps || self.rx_pace.now(rng))
    }

    /// The beat offered was taken.
    pub(crate) fn sent(&mut self) {
        self.sending.pop_front();
        self.offered = false;
    }

    /// A beat came from the device.
    pub(crate) fn receive(&mut self, beat: &Sample, cycle: u64, rng: &mut ChaCha8Rng) {
        let Some(dws) = self.receiving.push(beat.tdata, beat.tkeep, beat.tlast) else {
            return;
        };
        match Tlp::parse(&dws) {
            Some(Tlp::Read(m)) => self.read(&m, cycle, rng),
            Some(Tlp::Write(m, data)) => self.write(&m, &data),
            Some(Tlp::Completion(c)) => {
                let expected = self.expected.pop_front();
                assert_eq!(Some(c), expected, "completion");
                self.answered += 1;
            }
            _ => panic!("the device sent {dws:08x?}"),
        }
    }

    /// Whether the device may answer reads without asking: it must not use the bus, or might not, or has no tag left.
    pub(crate) fn sees_no_reads(&self) -> bool {
        self.was_off || !self.config.bus_master || self.retired >= 16
    }

    /// Whether nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.sending.is_empty()
            && self.requests.is_empty()
            && self.expected.is_empty()
            && self.strays.is_empty()
            && self.completions.iter().all(VecDeque::is_empty)
    }

    /// Requests not yet on their way, and completions to come.
    pub(crate) fn backlog(&self) -> usize {
        self.requests.len() + self.expected.len()
    }

    /// Bytes of the memory from a bus address on.
    pub(crate) fn at(&mut self, addr: u64, len: usize) -> &mut [u8] {
        let offset = addr as usize % MEMORY;
        assert!(
            addr - offset as u64 == LOW || addr - offset as u64 == HIGH,
            "{addr:#x} is no memory"
        );
        &mut self.memory[offset..offset + len]
    }

    fn choose(&mut self, cycle: u64, rng: &mut ChaCha8Rng) -> Option<Vec<u32>> {
        let due = |q: &VecDeque<Piece>| q.front().is_some_and(|p| p.due <= cycle);
        let tags: Vec<usize> = (0..256).filter(|t| due(&self.completions[*t])).collect();
        if !self.requests.is_empty() && rng.random_ratio(1, 3) {
            return self.requests.pop_front();
        }
        // Order across tags is random, but none is starved into the device's time-out.
        let age = |t: &usize| {
            self.completions[*t]
                .front()
                .map_or(0, |p| cycle.saturating_sub(p.due))
        };
        let oldest = tags
            .iter()
            .copied()
            .max_by_key(age)
            .filter(|t| age(t) > self.config.timeout / 8);
        if let Some(tag) = oldest {
            return self.completions[tag].pop_front().map(|p| p.dws);
        }
        if let Some(tag) = tags.choose(rng) {
            return self.completions[*tag].pop_front().map(|p| p.dws);
        }
        if due(&self.strays) {
            return self.strays.pop_front().map(|p| p.dws);
        }
        self.requests.pop_front()
    }

    fn read(&mut self, m: &Memory, cycle: u64, rng: &mut ChaCha8Rng) {
        m.assert_rules();
        let range = m.bytes();
        let (start, end) = (m.addr + range.start as u64, m.addr + range.end as u64);
        let mrrs = self.config.mrrs as u64;
        assert_eq!(start / mrrs, (end - 1) / mrrs, "{m:x?} crosses MRRS");
        assert_eq!(m.id.requester, DEVICE);
        assert!(
            m.id.tag < 16 && self.completions[usize::from(m.id.tag)].is_empty(),
            "{m:x?}: tag in use"
        );
        self.counts.reads += 1;
        let mut fate = Fate::Data;
        if !self.config.faults.is_empty() && rng.random_ratio(1, self.config.fault_of) {
            fate = *self.config.faults.choose(rng).unwrap_or(&fate);
        }
        if fate.retires() {
            self.retired += 1;
            if self.retired > self.config.retire {
                fate = Fate::Data;
            }
        }
        self.reads.push_back((start, range.len(), fate));
        match fate {
            Fate::Data => {}
            Fate::Lost | Fate::Late => self.counts.timeouts += 1,
            _ => self.counts.read_errors += 1,
        }
        let mut pieces = self.pieces(m.id, start, end, rng);
        let due = cycle + rng.random_range(1..=self.config.latency);
        let due = |piece: Vec<u32>, rng: &mut ChaCha8Rng, late: u64| Piece {
            due: due + late + rng.random_range(0..=self.config.latency / 8),
            dws: piece,
        };
        let wrong = rng.random_range(0..pieces.len());
        match fate {
            Fate::Data => {}
            Fate::Status(status) => {
                pieces.truncate(rng.random_range(1..=pieces.len()));
                if let Some(last) = pieces.last_mut() {
                    (last.status, last.data) = (status, Vec::new());
                }
            }
            Fate::Poisoned => pieces[wrong].poisoned = true,
            Fate::WrongCount => {
                pieces.truncate(wrong + 1);
                pieces[wrong].byte_count ^= 1 << rng.random_range(0..9);
            }
            Fate::CutShort => pieces.truncate(wrong + 1),
            Fate::Lost => return,
            Fate::Late => {
                self.counts.unexpected += pieces.len() as u64;
                for p in pieces {
                    let piece = due(Tlp::Completion(p).dws(), rng, 8 * self.config.timeout);
                    self.strays.push_back(piece);
                }
                return;
            }
        }
        let count = pieces.len();
        for (i, p) in pieces.into_iter().enumerate() {
            let mut dws = Tlp::Completion(p).dws();
            if fate == Fate::CutShort && i + 1 == count {
                dws.truncate(rng.random_range(3..dws.len()));
            }
            let piece = due(dws, rng, 0);
            self.completions[usize::from(m.id.tag)].push_back(piece);
        }
    }

    /// The completions of a read, cut at read completion boundaries at random.
    fn pieces(&mut self, id: Id, start: u64, end: u64, rng: &mut ChaCha8Rng) -> Vec<Completion> {
        let rcb = self.config.rcb as u64;
        let most = self.config.mps as u64 / rcb;
        let mut pieces = Vec::new();
        let mut at = start;
        while at < end {
            let next = ((at / rcb + rng.random_range(1..=most)) * rcb).min(end);
            let first = at & !3;
            let data = self
                .at(first, (next.next_multiple_of(4) - first) as usize)
                .to_vec();
            pieces.push(Completion {
                id,
                completer: 0,
                byte_count: (end - at) as u16,
                lower_address: at as u8 & 0x7f,
                data,
                ..Completion::default()
            });
            at = next;
        }
        pieces
    }

    fn write(&mut self, m: &Memory, data: &[u8]) {
        m.assert_rules();
        assert_eq!(m.id.requester, DEVICE);
        self.counts.writes += 1;
        if m.addr & 0xfff0_0000 == MESSAGES {
            assert_eq!((m.dws, m.first_be), (1, 0xf));
            self.counts.interrupts += 1;
            let message = data.iter().rev().fold(0, |w, b| w << 8 | u32::from(*b));
            self.messages.push((m.addr, message));
            return;
        }
        let mps = self.config.mps as u64;
        let range = m.bytes();
        assert_eq!(
            m.addr / mps,
            (m.addr + range.end as u64 - 1) / mps,
            "{m:x?} crosses MPS"
        );
        for i in range.clone() {
            assert!(m.enables(i), "{m:x?} has a hole");
        }
        self.largest_write = self.largest_write.max(range.len());
        self.at(m.addr, range.end)[range.clone()].copy_from_slice(&data[range.clone()]);
        self.written += range.len() as u64;
    }

    fn id(&mut self, rng: &mut ChaCha8Rng) -> Id {
        self.next_tag = self.next_tag.wrapping_add(1);
        Id {
            requester: HOST,
            tag: self.next_tag,
            tc: rng.random_range(0..8),
            attr: rng.random_range(0..8),
        }
    }

    fn bar0(&self, offset: u16, rng: &mut ChaCha8Rng) -> u64 {
        let base = if rng.random() {
            0xf7c0_0000
        } else {
            0x3f_f7c0_0000_u64
        };
        base + u64::from(offset)
    }

    /// The processor reads a register; `value` is what it must get.
    pub(crate) fn host_read(&mut self, offset: u16, value: u32, rng: &mut ChaCha8Rng) {
        let id = self.id(rng);
        let m = Memory::span(id, self.bar0(offset, rng), 4);
        self.requests.push_back(Tlp::Read(m).dws());
        self.expect(id, 0, 4, offset, value.to_le_bytes().to_vec());
    }

    /// The processor writes a register.
    pub(crate) fn host_write(&mut self, offset: u16, value: u32, rng: &mut ChaCha8Rng) {
        let m = Memory::span(self.id(rng), self.bar0(offset, rng), 4);
        self.requests
            .push_back(Tlp::Write(m, value.to_le_bytes().to_vec()).dws());
    }

    fn expect(&mut self, id: Id, status: u8, byte_count: u16, lower: u16, data: Vec<u8>) {
        self.expected.push_back(Completion {
            id,
            completer: DEVICE,
            status,
            byte_count,
            lower_address: lower as u8 & 0x7f,
            poisoned: false,
            data,
        });
    }

    /// Something the device does not serve.
    pub(crate) fn host_nonsense(&mut self, rng: &mut ChaCha8Rng) {
        let id = self.id(rng);
        let offset = rng.random_range(0..0x400_u16) * 4;
        let addr = self.bar0(offset, rng);
        let data =
            |n: usize, rng: &mut ChaCha8Rng| (0..n).map(|_| rng.random()).collect::<Vec<u8>>();
        self.counts.unsupported += 1;
        let dws = match rng.random_range(0..10) {
            // A read of several DWs, or of a part of one.
            0 => {
                let (lead, len) = (rng.random_range(0..4_u64), rng.random_range(1..40_usize));
                let (lead, len) = if (lead, len) == (0, 4) {
                    (0, 5)
                } else {
                    (lead, len)
                };
                self.expect(id, 1, len as u16, offset + lead as u16, Vec::new());
                Tlp::Read(Memory::span(id, addr + lead, len)).dws()
            }
            // A read of nothing: it only flushes.
            1 => {
                self.counts.unsupported -= 1;
                self.expect(id, 0, 1, offset, vec![0; 4]);
                let m = Memory {
                    first_be: 0,
                    ..Memory::span(id, addr, 4)
                };
                Tlp::Read(m).dws()
            }
            // I/O and configuration requests, locked reads, AtomicOps: like 3-DW requests of one DW.
            2 => {
                let (kind, write) = *[
                    (2, false),
                    (2, true),
                    (4, false),
                    (5, true),
                    (1, false),
                    (13, true),
                ]
                .choose(rng)
                .unwrap_or(&(2, false));
                let mut dws = Tlp::Read(Memory::span(id, u64::from(offset), 4)).dws();
                dws[0] |= kind << 24;
                if write {
                    dws[0] |= 1 << 30;
                    dws.push(rng.random());
                }
                self.expect(id, 1, 4, 0, Vec::new());
                Tlp::Other(dws).dws()
            }
            3 => {
                let len = rng.random_range(5..100);
                let m = Memory::span(id, addr, len);
                let bytes = data(4 * usize::from(m.dws), rng);
                Tlp::Write(m, bytes).dws()
            }
            4 => {
                let m = Memory {
                    first_be: rng.random_range(0..15),
                    ..Memory::span(id, addr, 4)
                };
                Tlp::Write(m, data(4, rng)).dws()
            }
            5 => Tlp::Write(
                Memory {
                    poisoned: true,
                    ..Memory::span(id, addr, 4)
                },
                data(4, rng),
            )
            .dws(),
            // A message, with data or without.
            6 => {
                let with_data = rng.random::<bool>();
                let dw0 = if with_data { 0x7400_0001 } else { 0x3400_0000 };
                let mut dws = vec![dw0, 0x0018_0019, 0, 0];
                dws.extend(with_data.then(|| rng.random::<u32>()));
                dws
            }
            // Cut short.
            7 => {
                let mut dws = Tlp::Write(Memory::span(id, addr, 4), data(4, rng)).dws();
                dws.truncate(rng.random_range(2..dws.len()));
                dws
            }
            8 => {
                let mut dws = Tlp::Read(Memory::span(id, 0x1_0000_0000 | addr, 4)).dws();
                dws.truncate(rng.random_range(2..dws.len()));
                dws
            }
            // A completion that nobody waits for.
            _ => {
                self.counts.unsupported -= 1;
                self.counts.unexpected += 1;
                let stray = Completion {
                    id: Id {
                        requester: DEVICE,
                        tag: rng.random_range(16..=255),
                        ..id
                    },
                    byte_count: 64,
                    data: data(64, rng),
                    ..Completion::default()
                };
                let stray = match rng.random_range(0..3) {
                    0 => Completion {
                        id: Id {
                            requester: 0x0501,
                            tag: 3,
                            ..stray.id
                        },
                        ..stray
                    },
                    1 => Completion {
                        data: Vec::new(),
                        status: 1,
                        ..stray
                    },
                    _ => stray,
                };
                let mut dws = Tlp::Completion(stray).dws();
                if rng.random_ratio(1, 4) {
                    dws.truncate(rng.random_range(2..=dws.len()));
                }
                dws
            }
        };
        self.requests.push_back(dws);
    }
}
