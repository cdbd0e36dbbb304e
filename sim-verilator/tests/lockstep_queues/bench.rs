//! Surroundings of the queue pairs: a register initiator, host memory, two engines, interrupts.

use longshore_hdl::{
    bits::from_u128,
    host::mem,
    queue::{self, queues::Queues},
};
use rand::RngExt as _;
use sim_lockstep::{Lockstep, Pace, Step};
use std::collections::{HashMap, VecDeque};

/// Queue pairs of the module under test.
pub(crate) const PAIRS: usize = 2;
/// The module under test.
pub(crate) type Dut = Queues<PAIRS>;

/// The module in lock step, with the rule of its descriptors: offered while `run`.
pub(crate) fn lockstep() -> Lockstep<Dut> {
    let mut lockstep =
        Lockstep::new("queues", queue::queues())
            .clock("clock", 4_000, |dut, level| dut.clock.next = level.into());
    for q in 0..PAIRS {
        for ring in ["sq", "rq"] {
            lockstep = lockstep.gated(&format!("{ring}_desc${q}"), "run", q);
        }
    }
    lockstep
}

/// A register access to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) offset: u32,
    /// Write this, else read.
    pub(crate) write: Option<u32>,
}

/// When an answer may begin, and its beats: data, last, error.
type Response = (u64, VecDeque<(u64, bool, bool)>);

/// One channel of memory reads: answers in order, after a random time.
#[derive(Default)]
struct ReadChannel {
    responses: VecDeque<Response>,
    ready: Pace,
    valid: Pace,
    pub(crate) outstanding: usize,
}

/// An engine: takes descriptors, hands in completions.
#[derive(Default)]
pub(crate) struct Engine {
    /// Descriptors taken: queue pair, index, data.
    pub(crate) taken: Vec<(usize, u16, u128)>,
    /// Completions to be handed in.
    pub(crate) completions: VecDeque<(usize, u128)>,
    /// Completions taken.
    pub(crate) accepted: usize,
    /// Faults to be reported: queue pair, cause, index.
    pub(crate) faults: VecDeque<(usize, u8, u16)>,
    take: [Pace; PAIRS],
    offer: Pace,
    offered: bool,
    /// The first completion was promised.
    promised: bool,
    /// A promise that is taken back: of which queue pair, and when.
    futile: Option<(usize, u64)>,
    /// Cycle of the last promise.
    claimed: u64,
}

/// The surroundings.
pub(crate) struct Bench {
    /// Host memory by word of 8 bytes.
    pub(crate) memory: HashMap<u64, u64>,
    /// Accesses to be done, in order.
    pub(crate) accesses: VecDeque<Access>,
    /// Reads done: offset and value.
    pub(crate) answers: VecDeque<(u32, u32)>,
    /// Transmit's side.
    pub(crate) tx: Engine,
    /// Receive's side.
    pub(crate) rx: Engine,
    /// Interrupts: cycle and vector.
    pub(crate) irqs: Vec<(u64, u8)>,
    /// Writes: cycle, address, bytes.
    pub(crate) writes: Vec<(u64, u64, u64)>,
    /// Longest time to the answer of a read, in cycles.
    pub(crate) latency: u64,
    /// Addresses at which reads fail.
    pub(crate) failing: Option<u64>,
    /// Reads asked for: address and length.
    pub(crate) reads: Vec<(u64, u64)>,
    /// Engines take descriptors.
    pub(crate) take: bool,
    /// Queue pairs whose next transmit request is there as a whole.
    pub(crate) whole: u8,
    sq: ReadChannel,
    rq: ReadChannel,
    burst: Vec<u64>,
    write: Pace,
    irq: Pace,
    waiting: bool,
    outstanding: Option<Access>,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            memory: HashMap::new(),
            accesses: VecDeque::new(),
            answers: VecDeque::new(),
            tx: Engine::default(),
            rx: Engine::default(),
            irqs: Vec::new(),
            writes: Vec::new(),
            latency: 60,
            failing: None,
            reads: Vec::new(),
            take: true,
            whole: 0,
            sq: ReadChannel::default(),
            rq: ReadChannel::default(),
            burst: Vec::new(),
            write: Pace::default(),
            irq: Pace::default(),
            waiting: false,
            outstanding: None,
        }
    }
}

impl Bench {
    /// Queues a read.
    pub(crate) fn read(&mut self, offset: u32) {
        self.accesses.push_back(Access {
            offset,
            write: None,
        });
    }

    /// Queues a write.
    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        self.accesses.push_back(Access {
            offset,
            write: Some(value),
        });
    }

    /// All accesses are done.
    pub(crate) fn accessed(&self) -> bool {
        self.accesses.is_empty() && self.outstanding.is_none()
    }

    /// A 16 B entry of host memory.
    pub(crate) fn entry(&self, address: u64) -> u128 {
        let word = |a: u64| u128::from(*self.memory.get(&a).unwrap_or(&0));
        word(address) | word(address + 8) << 64
    }

    /// Stores a 16 B entry.
    pub(crate) fn store(&mut self, address: u64, entry: u128) {
        self.memory.insert(address, entry as u64);
        self.memory.insert(address + 8, (entry >> 64) as u64);
    }

    /// Sets the inputs of a cycle, lets them through and observes what moves.
    pub(crate) fn cycle(&mut self, dut: &mut Dut, step: &mut Step) {
        dut.reset.next = step.reset();
        if !self.waiting {
            dut.regs.valid.next = false;
            if let (Some(access), None, false) =
                (self.accesses.front(), self.outstanding, step.in_reset())
            {
                dut.regs.addr.next = u64::from(access.offset).into();
                dut.regs.wdata.next = u64::from(access.write.unwrap_or_default()).into();
                dut.regs.write.next = access.write.is_some();
                dut.regs.valid.next = true;
            }
        }
        self.sq.drive(step, &mut dut.sq_req, &mut dut.sq_rsp);
        self.rq.drive(step, &mut dut.rq_req, &mut dut.rq_rsp);
        dut.wr.ready.next = self.write.now(&mut step.rng);
        dut.irq.ready.next = self.irq.now(&mut step.rng);
        for q in 0..PAIRS {
            dut.sq_desc[q].ready.next = self.take && self.tx.take[q].now(&mut step.rng);
            dut.rq_desc[q].ready.next = self.take && self.rx.take[q].now(&mut step.rng);
        }
        let open = dut.open.val().to_u64();
        let [claim, waive] = promise(&mut self.tx, step, open);
        dut.tx_claim.next = claim.into();
        dut.tx_waive.next = waive.into();
        let [claim, waive] = promise(&mut self.rx, step, open);
        dut.rx_claim.next = claim.into();
        dut.rx_waive.next = waive.into();
        drive_engine(
            &mut self.tx,
            step,
            &mut dut.tx_completion,
            &mut dut.tx_fault,
        );
        drive_engine(
            &mut self.rx,
            step,
            &mut dut.rx_completion,
            &mut dut.rx_fault,
        );
        step.settle(dut);
        self.observe(dut, step);
    }

    fn observe(&mut self, dut: &Dut, step: &Step) {
        if dut.regs.done.val() {
            let access = self.outstanding.take().expect("an answer to an access");
            if access.write.is_none() {
                self.answers
                    .push_back((access.offset, dut.regs.rdata.val().to_u32()));
            }
        }
        self.whole = dut.sq_whole.val().to_u8();
        self.waiting = dut.regs.valid.val() && !dut.regs.ready.val();
        if dut.regs.valid.val() && dut.regs.ready.val() {
            self.outstanding = self.accesses.pop_front();
        }
        for (channel, req, rsp, tag) in [
            (&mut self.sq, &dut.sq_req, &dut.sq_rsp, 0),
            (&mut self.rq, &dut.rq_req, &dut.rq_rsp, 1),
        ] {
            assert!(rsp.ready.val(), "the fetch has room for what it asked for");
            if req.valid.val() && req.ready.val() {
                let (address, len) = (req.addr.val().to_u64(), req.len.val().to_u64());
                assert_eq!(req.tag.val().to_u64(), tag);
                assert!(
                    (16..=256).contains(&len) && address / 4096 == (address + len - 1) / 4096,
                    "{address:#x} {len}"
                );
                self.reads.push((address, len));
                let fails = self
                    .failing
                    .is_some_and(|a| (address..address + len).contains(&a));
                channel.request(&self.memory, step.cycle + self.latency, address, len, fails);
            }
            channel.observe(rsp.valid.val());
        }
        if dut.wr.valid.val() && dut.wr.ready.val() {
            let (address, len) = (dut.wr.addr.val().to_u64(), dut.wr.len.val().to_u64());
            assert!(
                len > 0 && len.is_multiple_of(16) && address / 64 == (address + len - 1) / 64,
                "{address:#x} {len}"
            );
            // A write becomes visible as a whole.
            self.burst.push(dut.wr.data.val().to_u64());
            assert_eq!(dut.wr.last.val(), 8 * self.burst.len() as u64 == len);
            if dut.wr.last.val() {
                for (i, data) in self.burst.drain(..).enumerate() {
                    self.memory.insert(address + 8 * i as u64, data);
                }
                self.writes.push((step.cycle, address, len));
            }
        }
        if dut.irq.valid.val() && dut.irq.ready.val() {
            self.irqs.push((step.cycle, dut.irq.vector.val().to_u8()));
        }
        for q in 0..PAIRS {
            for (engine, desc) in [
                (&mut self.tx, &dut.sq_desc[q]),
                (&mut self.rx, &dut.rq_desc[q]),
            ] {
                if desc.valid.val() && desc.ready.val() {
                    engine
                        .taken
                        .push((q, desc.index.val().to_u16(), desc.data.val().to_u128()));
                }
            }
        }
        for (engine, completion, fault) in [
            (&mut self.tx, &dut.tx_completion, &dut.tx_fault),
            (&mut self.rx, &dut.rx_completion, &dut.rx_fault),
        ] {
            if completion.valid.val() && completion.ready.val() {
                engine.completions.pop_front();
                engine.accepted += 1;
                (engine.offered, engine.promised) = (false, false);
            }
            if fault.valid.val() && fault.ready.val() {
                engine.faults.pop_front();
            }
        }
    }
}

/// Promises the engine's next completion when the ring has room, and now and then one that it takes back. Answers the queue pairs
/// that are promised and taken back in this cycle; `open` is as of the cycle before.
fn promise(engine: &mut Engine, step: &mut Step, open: u64) -> [u64; 2] {
    let [mut claim, mut waive] = [0, 0];
    if let Some((queue, _)) = engine.futile.take_if(|f| f.1 <= step.cycle) {
        waive = 1 << queue;
    }
    if step.in_reset() || step.cycle < engine.claimed + 5 {
        return [claim, waive];
    }
    let wanted = if engine.futile.is_none() && step.rng.random_ratio(1, 100) {
        let queue = step.rng.random_range(0..PAIRS);
        Some((queue, true))
    } else {
        let first = engine.completions.front().filter(|_| !engine.promised);
        first.map(|&(queue, _)| (queue, false))
    };
    if let Some((queue, futile)) = wanted.filter(|w| open >> w.0 & 1 == 1) {
        claim = 1 << queue;
        engine.claimed = step.cycle;
        if futile {
            let until = step.cycle + step.rng.random_range(1..60);
            engine.futile = Some((queue, until));
        } else {
            engine.promised = true;
        }
    }
    [claim, waive]
}

fn drive_engine(
    engine: &mut Engine,
    step: &mut Step,
    completion: &mut longshore_hdl::queue::ports::CompletionSink,
    fault: &mut longshore_hdl::queue::ports::FaultSink,
) {
    if !engine.offered {
        completion.valid.next = false;
        if let Some(&(queue, data)) = engine
            .completions
            .front()
            .filter(|_| engine.promised && engine.offer.now(&mut step.rng))
        {
            completion.queue.next = (queue as u64).into();
            completion.data.next = from_u128(data);
            completion.valid.next = true;
            engine.offered = true;
        }
    }
    fault.valid.next = false;
    if let Some(&(queue, cause, index)) = engine.faults.front() {
        fault.queue.next = (queue as u64).into();
        fault.cause.next = u64::from(cause).into();
        fault.index.next = u64::from(index).into();
        fault.valid.next = true;
    }
}

impl ReadChannel {
    fn drive(
        &mut self,
        step: &mut Step,
        req: &mut mem::MemReadReqSource,
        rsp: &mut mem::MemReadRspSink,
    ) {
        req.ready.next = self.ready.now(&mut step.rng);
        rsp.valid.next = false;
        let due = self.responses.front().is_some_and(|r| r.0 <= step.cycle);
        if due && self.valid.now(&mut step.rng) {
            let (data, last, err) = self.responses[0].1[0];
            rsp.data.next = data.into();
            rsp.last.next = last;
            rsp.err.next = err;
            rsp.valid.next = true;
        }
        rsp.tag.next = step.rng.random_range(0..2_u64).into();
    }

    fn request(
        &mut self,
        memory: &HashMap<u64, u64>,
        due: u64,
        address: u64,
        len: u64,
        fails: bool,
    ) {
        let beats = (0..len / 8).map(|i| {
            let data = *memory.get(&(address + 8 * i)).unwrap_or(&0);
            (data, i == len / 8 - 1, fails && i == len / 8 - 1)
        });
        self.responses.push_back((due, beats.collect()));
        self.outstanding += 1;
    }

    fn observe(&mut self, valid: bool) {
        if !valid {
            return;
        }
        let done = self.responses.front_mut().is_some_and(|r| {
            r.1.pop_front();
            r.1.is_empty()
        });
        if done {
            self.responses.pop_front();
            self.outstanding -= 1;
        }
    }
}
