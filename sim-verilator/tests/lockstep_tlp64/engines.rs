//! The core's side of the adapter: reads, writes, interrupts and registers, each checked.

use super::root_complex::{Fate, HIGH, LOW, MEMORY, MESSAGES, RootComplex};
use longshore_hdl::host::tlp64::Tlp64;
use nic_abi::{block, stats::Stat};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use sim_lockstep::{Pace, Step};
use std::collections::{HashMap, VecDeque};

/// How much of what the core does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    pub(crate) registers: bool,
    pub(crate) interrupts: bool,
    pub(crate) nonsense: bool,
}

struct Read {
    addr: u64,
    len: usize,
    tag: u8,
    data: Vec<u8>,
    err: bool,
}

/// The core and what it expects.
pub(crate) struct Core {
    pub(crate) load: Load,
    /// Single vectors are neither masked nor unmasked.
    pub(crate) still: bool,
    /// Reads answered with data, and with errors.
    pub(crate) good: u64,
    pub(crate) bad: u64,
    pub(crate) stat: [u64; 32],
    /// Bytes whose last beat was taken.
    pub(crate) taken: u64,
    reads: VecDeque<Read>,
    request: Option<(u64, usize, u8)>,
    burst: Option<(u64, Vec<u8>, usize)>,
    /// Bus mastering was on when it began.
    burst_goes_out: bool,
    offered: bool,
    shadow: Vec<u8>,
    registers: HashMap<u16, u32>,
    host_view: HashMap<u16, u32>,
    access: Option<(u64, u16, Option<u32>)>,
    reg_ready: bool,
    done: Option<u32>,
    irq: Option<u8>,
    /// By vector: bytes taken before each interrupt; messages that came; whether one is due.
    raised: [Vec<u64>; 16],
    sent: [usize; 16],
    due: [bool; 16],
    masked: [bool; 16],
    /// Maskings by the number of the completion that makes them certain, and the vectors where it has come.
    masking: Vec<(u64, usize)>,
    silent: [bool; 16],
    data: [u32; 16],
    /// Bytes taken when a read was answered by the core.
    answers: VecDeque<u64>,
    seen_answers: u64,
    pace: [Pace; 5],
}

/// The two words of the pending bits.
pub(crate) const PENDING_BITS: [u16; 2] =
    [block::MSIX_PBA.base as u16, block::MSIX_PBA.base as u16 + 4];

fn vector_addr(vector: usize) -> u64 {
    let base = if vector % 3 == 2 { 0x8_0000_0000 } else { 0 };
    base + MESSAGES + 16 * vector as u64
}

fn entry(vector: usize, register: nic_abi::register::Register) -> u16 {
    block::MSIX_TABLE.at(vector as u32, register) as u16
}

impl Core {
    pub(crate) fn new(load: Load, rc: &RootComplex) -> Self {
        Self {
            load,
            still: false,
            good: 0,
            bad: 0,
            stat: [0; 32],
            taken: 0,
            reads: VecDeque::new(),
            request: None,
            burst: None,
            burst_goes_out: true,
            offered: false,
            shadow: rc.memory[MEMORY / 2..].to_vec(),
            registers: HashMap::new(),
            host_view: HashMap::new(),
            access: None,
            reg_ready: false,
            done: None,
            irq: None,
            raised: Default::default(),
            sent: [0; 16],
            due: [false; 16],
            masked: [true; 16],
            masking: Vec::new(),
            silent: [false; 16],
            data: [0; 16],
            answers: VecDeque::new(),
            seen_answers: 0,
            pace: Default::default(),
        }
    }

    /// The processor fills the MSI-X table and unmasks every vector.
    pub(crate) fn fill_table(&mut self, rc: &mut RootComplex, rng: &mut ChaCha8Rng) {
        for vector in 0..16 {
            self.data[vector] = rng.random();
            let addr = vector_addr(vector);
            for (register, value) in [
                (block::msix::ADDRESS_LOW, addr as u32),
                (block::msix::ADDRESS_HIGH, (addr >> 32) as u32),
                (block::msix::DATA, self.data[vector]),
                (block::msix::VECTOR_CONTROL, 0),
            ] {
                rc.host_write(entry(vector, register), value, rng);
                rc.host_read(entry(vector, register), value, rng);
            }
            self.masked[vector] = false;
        }
    }

    /// What the processor does.
    pub(crate) fn host(&mut self, rc: &mut RootComplex, rng: &mut ChaCha8Rng) {
        if rc.backlog() > 12 {
            return;
        }
        if self.load.nonsense && rng.random_ratio(1, 20) {
            rc.host_nonsense(rng);
        }
        if self.load.registers && rng.random_ratio(1, 20) {
            let offset = 0x8000 + 4 * rng.random_range(0..64_u16);
            if rng.random() {
                let value = rng.random();
                self.host_view.insert(offset, value);
                rc.host_write(offset, value, rng);
            } else {
                rc.host_read(
                    offset,
                    self.host_view.get(&offset).copied().unwrap_or(!0),
                    rng,
                );
            }
        }
        if self.load.interrupts && !self.still && rng.random_ratio(1, 80) {
            let vector = rng.random_range(0..16);
            let control = entry(vector, block::msix::VECTOR_CONTROL);
            // A message may come from the unmasking on; none may when the read behind a masking is answered.
            let mask = rng.random_bool(0.3);
            if !mask || !self.masked[vector] {
                self.masked[vector] = mask;
                rc.host_write(control, u32::from(mask), rng);
                rc.host_read(control, u32::from(mask), rng);
                self.silent[vector] = false;
                self.masking.retain(|m| m.1 != vector);
                if mask {
                    let answer = rc.answered + rc.expected.len() as u64;
                    self.masking.push((answer, vector));
                }
            }
        }
    }

    /// Sets the inputs of the core's channels.
    pub(crate) fn drive(&mut self, dut: &mut Tlp64, step: &mut Step) {
        let rng = &mut step.rng;
        if self.request.is_none()
            && self.load.reads
            && self.reads.len() < 40
            && self.pace[0].now(rng)
        {
            let window = if rng.random_ratio(1, 4) { HIGH } else { LOW };
            let most = *[8, 100, 1600, 4096]
                .get(rng.random_range(0..4_usize))
                .unwrap_or(&1);
            let len = if rng.random_ratio(1, 8) {
                most
            } else {
                rng.random_range(1..=most)
            };
            let page = rng.random_range(0..MEMORY as u64 / 8192) * 4096;
            let offset = rng.random_range(0..=4096 - len as u64);
            self.request = Some((window + page + offset, len, rng.random_range(0..3)));
        }
        if let Some((addr, len, tag)) = self.request {
            dut.rd_req.addr.next = addr.into();
            dut.rd_req.len.next = (len as u64).into();
            dut.rd_req.tag.next = u64::from(tag).into();
        }
        dut.rd_req.valid.next = self.request.is_some();
        dut.rd_rsp.ready.next = self.pace[1].now(rng);
        if self.burst.is_none() && self.load.writes && rng.random_ratio(1, 8) {
            let window = if rng.random_ratio(1, 4) { HIGH } else { LOW };
            let most = *[16, 64, 1518, 4096]
                .get(rng.random_range(0..4_usize))
                .unwrap_or(&1);
            let len = rng.random_range(1..=most);
            let page = MEMORY as u64 / 2 + rng.random_range(0..MEMORY as u64 / 8192) * 4096;
            let offset = rng.random_range(0..=(4096 - len as u64) / 8) * 8;
            let data = (0..len).map(|_| rng.random()).collect();
            self.burst = Some((window + page + offset, data, 0));
        }
        if !self.offered
            && let Some((addr, data, at)) = &self.burst
            && self.pace[2].now(rng)
        {
            let beat = &data[*at..data.len().min(at + 8)];
            let mut word: [u8; 8] = rng.random();
            word[..beat.len()].copy_from_slice(beat);
            dut.wr.addr.next = (*addr).into();
            dut.wr.len.next = (data.len() as u64).into();
            dut.wr.data.next = u64::from_le_bytes(word).into();
            dut.wr.last.next = at + 8 >= data.len();
            self.offered = true;
        }
        dut.wr.valid.next = self.offered;
        if self.irq.is_none() && self.load.interrupts && rng.random_ratio(1, 40) {
            self.irq = Some(rng.random_range(0..16));
        }
        dut.irq.valid.next = self.irq.is_some();
        dut.irq.vector.next = u64::from(self.irq.unwrap_or(0)).into();
        self.reg_ready = self.access.is_none() && self.pace[3].now(rng);
        dut.regs.ready.next = self.reg_ready;
        self.done = None;
        if let Some((due, offset, write)) = self.access
            && due <= step.cycle
        {
            self.done = Some(self.registers.get(&offset).copied().unwrap_or(!0));
            if let Some(value) = write {
                self.registers.insert(offset, value);
            }
        }
        dut.regs.done.next = self.done.is_some();
        dut.regs.rdata.next = u64::from(self.done.unwrap_or(0)).into();
    }

    /// Sees what moves at the coming edge.
    pub(crate) fn observe(&mut self, dut: &Tlp64, rc: &mut RootComplex, step: &mut Step) {
        let stat = dut.stat.val().to_u64();
        for (i, count) in self.stat.iter_mut().enumerate() {
            *count += stat >> i & 1;
        }
        if dut.rd_req.ready.val()
            && let Some((addr, len, tag)) = self.request.take()
        {
            self.reads.push_back(Read {
                addr,
                len,
                tag,
                data: Vec::new(),
                err: false,
            });
        }
        if dut.rd_rsp.valid.val() && dut.rd_rsp.ready.val() {
            self.response(dut, rc);
        }
        if self.offered
            && dut.wr.ready.val()
            && let Some((_, data, at)) = &mut self.burst
        {
            if *at == 0 {
                self.burst_goes_out = rc.config.bus_master;
            }
            *at += 8;
            self.offered = false;
            if *at >= data.len() {
                self.took_burst(rc);
            }
        }
        if let Some(vector) = self.irq.filter(|_| dut.irq.ready.val()) {
            self.raised[usize::from(vector)].push(self.taken);
            self.due[usize::from(vector)] = true;
            self.irq = None;
        }
        if self.done.is_some() && self.access.take().is_some_and(|a| a.2.is_none()) {
            self.answers.push_back(self.taken);
        }
        if dut.regs.valid.val() && self.reg_ready {
            let offset = dut.regs.addr.val().to_u16();
            let write = dut.regs.write.val().then(|| dut.regs.wdata.val().to_u32());
            self.access = Some((step.cycle + step.rng.random_range(1..10), offset, write));
        }
        self.messages(rc);
    }

    fn took_burst(&mut self, rc: &mut RootComplex) {
        let burst = self.burst.take();
        if !self.burst_goes_out {
            rc.counts.unsupported += 1;
        } else if let Some((addr, data, _)) = burst {
            let offset = addr as usize % MEMORY - MEMORY / 2;
            self.shadow[offset..offset + data.len()].copy_from_slice(&data);
            self.taken += data.len() as u64;
        }
    }

    fn response(&mut self, dut: &Tlp64, rc: &mut RootComplex) {
        let read = self
            .reads
            .front_mut()
            .expect("a response without a request");
        let lead = (read.addr % 8) as usize;
        let all = (lead + read.len).next_multiple_of(8);
        assert_eq!(dut.rd_rsp.tag.val().to_u8(), read.tag, "tag");
        read.data
            .extend(dut.rd_rsp.data.val().to_u64().to_le_bytes());
        read.err |= dut.rd_rsp.err.val();
        assert_eq!(
            dut.rd_rsp.last.val(),
            read.data.len() == all,
            "last beat of {:#x}+{}",
            read.addr,
            read.len
        );
        if !dut.rd_rsp.last.val() {
            return;
        }
        assert_eq!(
            read.err,
            dut.rd_rsp.err.val(),
            "err is set on the last beat"
        );
        let (mut at, end, mut failed) = (read.addr, read.addr + read.len as u64, false);
        while at < end {
            // What is not on the bus at this place was refused.
            at += match rc.reads.pop_front_if(|(start, ..)| *start == at) {
                Some((_, bytes, fate)) => {
                    failed |= fate != Fate::Data;
                    bytes as u64
                }
                None => {
                    assert!(rc.sees_no_reads(), "a response without a read on the bus");
                    rc.counts.read_errors += 1;
                    failed = true;
                    (rc.config.mrrs as u64 - at % rc.config.mrrs as u64).min(end - at)
                }
            };
        }
        assert_eq!(at, end, "reads on the bus are longer than the request");
        assert_eq!(
            read.err,
            failed,
            "err of {:#x}+{}; the root complex counts {:?}, the adapter {:?}",
            read.addr,
            read.len,
            rc.counts,
            &self.stat[24..31]
        );
        if failed {
            self.bad += 1;
        } else {
            self.good += 1;
            assert_eq!(
                rc.at(read.addr, read.len),
                &read.data[lead..lead + read.len],
                "data of {:#x}",
                read.addr
            );
        }
        self.reads.pop_front();
    }

    /// Checks interrupts and register answers, and that no write taken before them is missing.
    fn messages(&mut self, rc: &mut RootComplex) {
        for (addr, data) in std::mem::take(&mut rc.messages) {
            let vector = (0..16)
                .find(|v| vector_addr(*v) == addr)
                .expect("a message to a vector");
            assert_eq!(data, self.data[vector], "message data");
            assert!(!self.silent[vector], "vector {vector} is masked");
            // Interrupts may merge, so message n tells of interrupt n or a later one.
            let before = self.raised[vector].get(self.sent[vector]).copied();
            let before = before.expect("a message without an interrupt");
            self.sent[vector] += 1;
            self.due[vector] = false;
            assert!(rc.written >= before, "an interrupt passed a write");
        }
        if self.seen_answers < rc.answered {
            self.seen_answers += 1;
            assert_eq!(
                self.seen_answers, rc.answered,
                "two completions in one cycle"
            );
            // One access at a time: the first completion after the core's answer is its own.
            if let Some(before) = self.answers.pop_front() {
                assert!(rc.written >= before, "a register answer passed a write");
            }
        }
        for (answer, vector) in &self.masking {
            self.silent[*vector] |= *answer <= rc.answered;
        }
    }

    /// Bits of the vectors that were raised and not sent.
    pub(crate) fn pending(&self) -> u32 {
        (0..16).map(|v| u32::from(self.due[v]) << v).sum()
    }

    /// A write is under way, two of its TLPs' worth of beats were taken, and as much is to come.
    pub(crate) fn is_deep_in_a_burst(&self) -> bool {
        self.burst
            .as_ref()
            .is_some_and(|(_, data, at)| *at >= 512 && data.len() - at >= 512)
    }

    /// No write is under way.
    pub(crate) fn no_burst(&self) -> bool {
        self.burst.is_none()
    }

    /// Reads wait for their data.
    pub(crate) fn reads_wait(&self) -> bool {
        !self.reads.is_empty()
    }

    /// Whether all that was begun is over.
    pub(crate) fn is_quiet(&self) -> bool {
        let unmasked = (0..16).filter(|v| !self.masked[*v]);
        self.reads.is_empty()
            && self.request.is_none()
            && self.burst.is_none()
            && self.irq.is_none()
            && self.access.is_none()
            && unmasked.into_iter().all(|v| !self.due[v])
    }

    /// At the end: memory and counters.
    pub(crate) fn check(&self, rc: &RootComplex) {
        assert!(
            rc.memory[MEMORY / 2..] == self.shadow,
            "memory differs from what was written"
        );
        assert_eq!(rc.written, self.taken, "bytes written");
        let count = |s: Stat| self.stat[s as usize];
        let seen = super::root_complex::Counts {
            reads: count(Stat::BusReads),
            writes: count(Stat::BusWrites),
            read_errors: count(Stat::BusReadErrors),
            timeouts: count(Stat::BusReadTimeouts),
            unexpected: count(Stat::BusUnexpected),
            unsupported: count(Stat::BusUnsupported),
            interrupts: count(Stat::Interrupts),
        };
        assert_eq!(
            seen, rc.counts,
            "counters (left: the adapter's, right: the root complex's)"
        );
    }
}
