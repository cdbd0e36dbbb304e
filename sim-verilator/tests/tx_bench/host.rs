//! The host around the transmit datapath: memory, rings, completion queues, the wire.

use longshore_hdl::stream::{checker::Sample, frames::Assembler};
use nic_abi::{
    completion::Completion,
    ring::COMPLETIONS_KEPT,
    stats::Stat,
    tx::{self, TxContext},
};
use rand::{Rng, RngExt as _};
use sim_lockstep::Pace;
use std::collections::{BTreeMap, VecDeque};

/// Queues of the module under test.
pub(crate) const QUEUES: usize = 2;

/// Inputs of the module in one cycle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) run: u8,
    pub(crate) whole: u8,
    pub(crate) open: u8,
    /// Descriptor and index.
    pub(crate) sq: [Option<(u128, u16)>; QUEUES],
    pub(crate) rd_req_ready: bool,
    /// Data, last, error.
    pub(crate) rd_rsp: Option<(u64, bool, bool)>,
    pub(crate) m_ready: bool,
    pub(crate) completion_ready: bool,
    pub(crate) fault_ready: bool,
}

/// Its outputs in the same cycle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) sq_ready: [bool; QUEUES],
    /// Address, length, tag.
    pub(crate) rd_req: Option<(u64, u16, u8)>,
    pub(crate) rd_rsp_ready: bool,
    pub(crate) m: Sample,
    pub(crate) completion: Option<(u128, u8)>,
    pub(crate) fault: Option<(u8, u8, u16)>,
    pub(crate) stat: u32,
    pub(crate) stat_bytes: u16,
    pub(crate) busy: u8,
    pub(crate) claim: u8,
    pub(crate) waive: u8,
}

/// A request as the driver posts it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) queue: usize,
    pub(crate) context: TxContext,
    /// Context first; may be bent.
    pub(crate) descriptors: Vec<u128>,
    /// What lies in the buffers.
    pub(crate) bytes: Vec<u8>,
    /// Addresses and lengths.
    pub(crate) buffers: Vec<(u64, usize)>,
    /// Offset in `bytes` at which reads fail.
    pub(crate) broken: Option<usize>,
    /// Free-running index of the context.
    pub(crate) index: u16,
}

struct Read {
    addr: u64,
    len: usize,
    at: u64,
    sent: usize,
    fails: bool,
    flag_from: usize,
}

/// See the [module](self).
pub(crate) struct Host {
    pub(crate) cycle: u64,
    /// Cycles between a read and its data.
    pub(crate) latency: u64,
    pub(crate) run: u8,
    pub(crate) requests: Vec<Request>,
    /// Requests in the order in which their contexts were taken.
    pub(crate) order: Vec<usize>,
    pub(crate) frames: Vec<Vec<u8>>,
    /// Cycle of each frame's first beat.
    pub(crate) began: Vec<u64>,
    /// Cycle of each frame's last beat.
    pub(crate) ended: Vec<u64>,
    pub(crate) completions: Vec<(u8, Completion)>,
    pub(crate) faults: Vec<(u8, u8, u16)>,
    pub(crate) stats: [u64; 32],
    pub(crate) bytes: u64,
    pub(crate) most_outstanding: usize,
    /// Entries of a completion ring.
    pub(crate) ring: u64,
    /// Queues whose completions are read.
    pub(crate) reading: u8,
    /// Queues whose next request is not there as a whole.
    pub(crate) half: u8,
    /// Completions of each queue: promised, and given and not read.
    pub(crate) promised: [u64; QUEUES],
    unread: [u64; QUEUES],
    /// `open` of the coming cycles: it lags by three.
    opens: VecDeque<u8>,
    memory: BTreeMap<u64, Vec<u8>>,
    broken: Vec<u64>,
    next_addr: u64,
    rings: [VecDeque<(u128, u16, Option<usize>)>; QUEUES],
    tails: [u16; QUEUES],
    offered: [bool; QUEUES],
    reads: VecDeque<Read>,
    outstanding: usize,
    wire: Assembler,
    inputs: Inputs,
    pace_sq: Pace,
    pace_req: Pace,
    pace_rsp: Pace,
    pace_wire: Pace,
    pace_completion: Pace,
    busy: u8,
}

impl Host {
    /// A host whose channels all pause as `pace` says.
    pub(crate) fn new(pace: impl Fn() -> Pace, latency: u64) -> Self {
        Self {
            cycle: 0,
            latency,
            run: 0b11,
            requests: Vec::new(),
            order: Vec::new(),
            frames: Vec::new(),
            began: Vec::new(),
            ended: Vec::new(),
            completions: Vec::new(),
            faults: Vec::new(),
            stats: [0; 32],
            bytes: 0,
            most_outstanding: 0,
            ring: 32,
            reading: 0b11,
            half: 0,
            promised: [0; QUEUES],
            unread: [0; QUEUES],
            opens: VecDeque::from([0; 3]),
            memory: BTreeMap::new(),
            broken: Vec::new(),
            next_addr: 0x1_0000,
            rings: Default::default(),
            tails: [0xfff0, 3],
            offered: Default::default(),
            reads: VecDeque::new(),
            outstanding: 0,
            wire: Assembler::default(),
            inputs: Inputs::default(),
            pace_sq: pace(),
            pace_req: pace(),
            pace_rsp: pace(),
            pace_wire: pace(),
            pace_completion: pace(),
            busy: 0,
        }
    }

    /// Posts a request whose bytes are cut into buffers of the given lengths, each at the given alignment.
    pub(crate) fn post(
        &mut self,
        queue: usize,
        context: TxContext,
        bytes: Vec<u8>,
        cuts: &[(usize, u64)],
        broken: Option<usize>,
    ) {
        let mut descriptors = vec![context.encode()];
        let (mut at, mut buffers) = (0, Vec::new());
        for &(len, align) in cuts {
            let addr = self.next_addr + align;
            self.next_addr = (addr + len as u64 + 0x20) & !0xf;
            self.memory.insert(addr, bytes[at..at + len].to_vec());
            if let Some(b) = broken.filter(|b| (at..at + len).contains(b)) {
                self.broken.push(addr + (b - at) as u64);
            }
            let buffer = tx::TxBuffer {
                addr,
                len: len as u32,
            };
            descriptors.push(buffer.encode());
            buffers.push((addr, len));
            at += len;
        }
        assert_eq!(at, bytes.len());
        self.push(Request {
            queue,
            context,
            descriptors,
            bytes,
            buffers,
            broken,
            index: 0,
        });
    }

    /// Posts a request as it is.
    pub(crate) fn push(&mut self, mut request: Request) {
        let queue = request.queue;
        request.index = self.tails[queue];
        for (i, d) in request.descriptors.iter().enumerate() {
            let whose = (i == 0).then_some(self.requests.len());
            self.rings[queue].push_back((*d, self.tails[queue], whose));
            self.tails[queue] = self.tails[queue].wrapping_add(1);
        }
        self.requests.push(request);
    }

    /// Takes back the request posted last.
    pub(crate) fn unpost(&mut self) -> Request {
        let request = self.requests.pop().expect("a request");
        let ring = &mut self.rings[request.queue];
        ring.truncate(ring.len() - request.descriptors.len());
        self.tails[request.queue] = request.index;
        request
    }

    /// Descriptors that wait in the rings.
    pub(crate) fn waiting(&self) -> usize {
        self.rings.iter().map(VecDeque::len).sum()
    }

    /// Whether nothing is under way.
    pub(crate) fn idle(&self) -> bool {
        self.busy == 0
            && self.promised == [0; QUEUES]
            && self.reads.is_empty()
            && self.stats[Stat::TxSegments as usize] == self.stats[Stat::TxFrames as usize]
            && (0..QUEUES).all(|q| self.rings[q].is_empty() || self.run >> q & 1 == 0)
    }

    fn byte(&self, addr: u64) -> Option<u8> {
        let (base, bytes) = self.memory.range(..=addr).next_back()?;
        bytes.get((addr - base) as usize).copied()
    }

    fn response(&mut self, rng: &mut impl Rng) -> Option<(u64, bool, bool)> {
        let read = self.reads.front()?;
        if read.at > self.cycle || !self.pace_rsp.now(rng) {
            return None;
        }
        let beats = (read.addr as usize % 8 + read.len).div_ceil(8);
        let (beat, base) = (read.sent, read.addr & !7);
        let mut data: u64 = rng.random();
        for lane in 0..8 {
            let addr = base + (beat * 8) as u64 + lane;
            if addr >= read.addr && addr < read.addr + read.len as u64 && !read.fails {
                let byte = self.byte(addr).expect("a read outside of all buffers");
                data = data & !(0xff << (8 * lane)) | u64::from(byte) << (8 * lane);
            }
        }
        let last = beat + 1 == beats;
        let err = read.fails && (beat >= read.flag_from || last);
        self.reads.front_mut().expect("looked at above").sent += 1;
        if last {
            self.reads.pop_front();
        }
        Some((data, last, err))
    }

    /// The inputs of the coming cycle.
    pub(crate) fn drive(&mut self, rng: &mut impl Rng) -> Inputs {
        self.inputs.run = self.run;
        self.inputs.whole = 0;
        let mut open = 0;
        for q in 0..QUEUES {
            if self.reading >> q & 1 == 1 && rng.random_ratio(1, 8) {
                self.unread[q] = self.unread[q].saturating_sub(1);
            }
            let taken = self.promised[q] + self.unread[q];
            open |= u8::from(taken + u64::from(COMPLETIONS_KEPT) < self.ring) << q;
            if self.run >> q & 1 == 0 {
                // Nothing is offered of a queue that does not run.
                self.offered[q] = false;
                self.inputs.sq[q] = None;
            } else if self.offered[q] {
                self.inputs.whole |= 1 << q & !self.half;
            } else {
                let front = self.rings[q].front().map(|d| (d.0, d.1));
                self.inputs.sq[q] = front.filter(|_| self.pace_sq.now(rng));
                self.offered[q] = self.inputs.sq[q].is_some();
            }
        }
        self.opens.push_back(open);
        self.inputs.open = self.opens.pop_front().expect("pushed above");
        self.inputs.rd_req_ready = self.pace_req.now(rng);
        self.inputs.rd_rsp = self.response(rng);
        self.outstanding -= usize::from(self.inputs.rd_rsp.is_some());
        self.inputs.m_ready = self.pace_wire.now(rng);
        self.inputs.completion_ready = self.pace_completion.now(rng);
        self.inputs.fault_ready = rng.random_ratio(1, 3);
        self.inputs.clone()
    }

    /// What moves at the edge that ends this cycle.
    pub(crate) fn observe(&mut self, out: &Outputs, rng: &mut impl Rng) {
        for q in 0..QUEUES {
            self.promised[q] += u64::from(out.claim >> q & 1);
            let released = u64::from(out.waive >> q & 1);
            let left = self.promised[q].checked_sub(released);
            self.promised[q] = left.expect("a promise taken back that was not given");
            assert!(
                self.promised[q] + self.unread[q] < self.ring,
                "the event's entry was promised"
            );
            if self.offered[q] && out.sq_ready[q] {
                self.offered[q] = false;
                if let Some((_, _, Some(request))) = self.rings[q].pop_front() {
                    self.order.push(request);
                }
            }
        }
        assert!(out.rd_rsp_ready, "a response had to wait");
        if let Some((addr, len, tag)) = out.rd_req.filter(|_| self.inputs.rd_req_ready) {
            self.read(addr, len.into(), rng);
            assert_eq!(tag, 2);
        }
        let sample = Sample {
            tready: self.inputs.m_ready,
            ..out.m
        };
        if sample.moves() {
            if self.began.len() == self.ended.len() {
                self.began.push(self.cycle);
            }
            if sample.tlast {
                self.ended.push(self.cycle);
            }
        }
        self.frames.extend(self.wire.sample(&sample));
        if let Some((entry, queue)) = out.completion.filter(|_| self.inputs.completion_ready) {
            let q = usize::from(queue);
            let left = self.promised[q].checked_sub(1);
            self.promised[q] = left.expect("a completion that was not promised");
            self.unread[q] += 1;
            let completion = Completion::decode(entry).expect("no completion");
            self.completions.push((queue, completion));
        }
        if let Some(fault) = out.fault.filter(|_| self.inputs.fault_ready) {
            self.faults.push(fault);
            self.run &= !(1 << fault.0);
        }
        for (i, count) in self.stats.iter_mut().enumerate() {
            *count += u64::from(out.stat >> i & 1);
        }
        if out.stat >> Stat::TxBytes as u32 & 1 == 1 {
            self.bytes += u64::from(out.stat_bytes);
        }
        self.busy = out.busy;
        self.cycle += 1;
    }

    fn read(&mut self, addr: u64, len: usize, rng: &mut impl Rng) {
        assert!((1..=4096).contains(&len));
        let span = addr..addr + len as u64;
        assert!(
            span.start / 4096 == (span.end - 1) / 4096,
            "{addr:#x} + {len} crosses 4 KiB"
        );
        let beats = (addr as usize % 8 + len).div_ceil(8);
        self.outstanding += beats;
        self.most_outstanding = self.most_outstanding.max(self.outstanding);
        self.reads.push_back(Read {
            addr,
            len,
            at: self.cycle + self.latency,
            sent: 0,
            fails: self.broken.iter().any(|b| span.contains(b)),
            flag_from: rng.random_range(0..beats),
        });
    }
}
