//! The bench: one NIC, its memory, its wire.

use super::interrupts::Recorder;
use super::memory::{Arena, Buffer, HOLE};
use super::nics::Nic;
use super::request::TxRequest;
use super::rings::{Collected, QueueConfig, Rings};
use longshore_device::MSI_WINDOW;
use nic_abi::block::{DEVICE, MSIX_TABLE, PORT, QUEUE, device, msix, port, queue};
use nic_abi::register::Register;
use nic_abi::rx::RxDescriptor;
use nic_abi::stats::{RX_OUTCOMES, Stat, TX_OUTCOMES};
use nic_abi::tx::TxBuffer;
use sim_verilator::nic::SimConfig;
use sim_wire::pair::{PairEnd, pair};
use sim_wire::{LineConfig, Picos, Wire};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// What the NIC and its surroundings are like.
#[derive(Debug, Clone)]
pub struct RigConfig {
    /// First bus address of host memory.
    pub iova_base: u64,
    /// The wire; runts pass it as they are.
    pub line: LineConfig,
    /// The model's parameters.
    pub model: nic_model::Config,
    /// The gateware's clocks and host.
    pub sim: SimConfig,
}

impl Default for RigConfig {
    /// The reference simulated configuration, memory below 4 GiB.
    fn default() -> Self {
        Self {
            iova_base: 0x10_0000,
            line: LineConfig {
                pad: false,
                ..LineConfig::default()
            },
            model: nic_model::Config::default(),
            sim: SimConfig::default(),
        }
    }
}

/// One NIC on the bench.
pub struct Rig<N> {
    /// The NIC.
    pub nic: N,
    /// Host memory.
    pub arena: Arena,
    /// Interrupts.
    pub interrupts: Recorder,
    /// Frames that the NIC sent, in order.
    pub sent: Vec<Vec<u8>>,
    far: PairEnd,
    propagation: Picos,
    /// Register writes may be on their way.
    posted: bool,
    rings: Vec<Option<Rings>>,
    /// Host memory of rings that were replaced.
    filled: Vec<(Buffer, usize)>,
}

/// Station address that the bench gives its NIC.
pub const STATION: [u8; 6] = [0x02, 0x4c, 0x53, 0x00, 0x00, 0x01];
/// Simulated time without any activity after which the NIC counts as idle: longer than everything that it may wait
/// for but interrupt moderation.
const QUIET: Picos = Picos::from_micros(40);
const STEP: Picos = Picos::from_micros(1);
/// Simulated time after which a NIC that still works counts as hung.
const PATIENCE: Picos = Picos::from_millis(20);

impl<N: Nic> Rig<N> {
    /// A NIC after power-on with its MSI-X table programmed, the device enabled, the station address set, and everything
    /// received.
    #[must_use]
    pub fn new(config: &RigConfig) -> Self {
        let mut rig = Self::powered_on(config);
        rig.set_up();
        rig
    }

    /// A NIC as it is after power-on.
    #[must_use]
    pub fn powered_on(config: &RigConfig) -> Self {
        let (near, far) = pair(config.line);
        let mut nic = N::power_on(config, near);
        let arena = Arena::new(config.iova_base);
        let interrupts = Recorder::default();
        nic.attach(arena.table(), Arc::new(interrupts.clone()));
        Self {
            nic,
            arena,
            interrupts,
            sent: Vec::new(),
            far,
            propagation: config.line.propagation,
            posted: false,
            rings: Vec::new(),
            filled: Vec::new(),
        }
    }

    /// Programs what a driver programs once: MSI-X, device, port.
    pub fn set_up(&mut self) {
        for v in 0..self.read(DEVICE.at(0, device::VECTORS)) {
            for (register, value) in [
                (msix::ADDRESS_LOW, MSI_WINDOW as u32),
                (msix::ADDRESS_HIGH, 0),
                (msix::DATA, v),
                (msix::VECTOR_CONTROL, 0),
            ] {
                self.write(MSIX_TABLE.at(v, register), value);
            }
        }
        let mac = STATION.map(u32::from);
        let low = mac[0] | mac[1] << 8 | mac[2] << 16 | mac[3] << 24;
        self.write(PORT.at(0, port::MAC_LOW), low);
        self.write(PORT.at(0, port::MAC_HIGH), mac[4] | mac[5] << 8);
        let receive = port::RX_ENABLE.of(1) | port::RX_PROMISCUOUS.of(1);
        self.write(PORT.at(0, port::RX_CONTROL), receive);
        self.write(DEVICE.at(0, device::CONTROL), device::CONTROL_ENABLE.of(1));
    }

    /// Reads the word at a BAR0 offset.
    pub fn read(&mut self, offset: u32) -> u32 {
        self.posted = false;
        self.nic.mmio_read(offset)
    }

    /// Writes the word at a BAR0 offset.
    pub fn write(&mut self, offset: u32, value: u32) {
        self.posted = true;
        self.nic.mmio_write(offset, value);
    }

    /// Reads a register of queue pair `q`.
    pub fn queue_read(&mut self, q: u32, register: Register) -> u32 {
        self.read(QUEUE.at(q, register))
    }

    /// Writes a register of queue pair `q`.
    pub fn queue_write(&mut self, q: u32, register: Register, value: u32) {
        self.write(QUEUE.at(q, register), value);
    }

    /// A counter, read as a driver reads it.
    pub fn stat(&mut self, stat: Stat) -> u64 {
        let low = self.read(stat.offset());
        u64::from(low) | u64::from(self.read(stat.offset() + 4)) << 32
    }

    /// Gives queue pair `q` fresh rings and enables it.
    pub fn enable(&mut self, q: u32, config: QueueConfig) {
        let rings = Rings::new(&mut self.arena, config);
        let bases = [rings.sq.iova, rings.rq.iova, rings.cq.iova];
        self.put_rings(q, rings);
        self.enable_with(q, bases, config);
    }

    /// Enables queue pair `q` with rings at the bus addresses `bases` (SQ, RQ, CQ), whatever lies there.
    pub fn enable_with(&mut self, q: u32, bases: [u64; 3], config: QueueConfig) {
        let [sq, rq, cq] = bases;
        let sizes = queue::SIZES_SQ.of(config.sq)
            | queue::SIZES_RQ.of(config.rq)
            | queue::SIZES_CQ.of(config.cq);
        for (register, value) in [
            (queue::SQ_BASE_LOW, sq as u32),
            (queue::SQ_BASE_HIGH, (sq >> 32) as u32),
            (queue::RQ_BASE_LOW, rq as u32),
            (queue::RQ_BASE_HIGH, (rq >> 32) as u32),
            (queue::CQ_BASE_LOW, cq as u32),
            (queue::CQ_BASE_HIGH, (cq >> 32) as u32),
            (queue::SIZES, sizes),
            (queue::INTERRUPT, config.interrupt),
            (queue::CONTROL, queue::CONTROL_ENABLE.of(1)),
        ] {
            self.queue_write(q, register, value);
        }
    }

    fn put_rings(&mut self, q: u32, rings: Rings) {
        let q = q as usize;
        if self.rings.len() <= q {
            self.rings.resize_with(q + 1, || None);
        }
        if let Some(old) = self.rings[q].replace(rings) {
            self.filled.extend(old.filled);
        }
    }

    /// Disables queue pair `q` and waits until it is not active.
    ///
    /// # Panics
    /// If it stays active.
    pub fn disable(&mut self, q: u32) {
        self.queue_write(q, queue::CONTROL, 0);
        let deadline = self.nic.now() + PATIENCE;
        while queue::STATUS_ACTIVE.get(self.queue_read(q, queue::STATUS)) == 1 {
            assert!(self.nic.now() < deadline, "queue pair {q} stays active");
            self.run(STEP);
        }
    }

    /// The rings of queue pair `q`.
    ///
    /// # Panics
    /// If it was never enabled.
    pub fn rings(&mut self, q: u32) -> &mut Rings {
        self.with_rings(q).0
    }

    fn with_rings(&mut self, q: u32) -> (&mut Rings, &mut Arena) {
        let rings = self.rings[q as usize].as_mut();
        (
            rings.expect("a queue pair that was enabled"),
            &mut self.arena,
        )
    }

    /// Puts a request into the submission ring, without doorbell.
    pub fn post(&mut self, q: u32, request: &TxRequest) {
        let (rings, arena) = self.with_rings(q);
        rings.push_sq(arena, request.context);
        for piece in &request.pieces {
            let buffer = arena.allocate(piece.bytes.len(), 4_096, piece.skew);
            arena.write(&buffer, 0, &piece.bytes);
            let addr = if piece.unmapped { HOLE } else { buffer.iova };
            let len = piece.claims.unwrap_or(piece.bytes.len() as u32);
            rings.push_sq(arena, TxBuffer { addr, len }.encode());
        }
    }

    /// Puts any descriptor into the submission ring, without doorbell.
    pub fn post_descriptor(&mut self, q: u32, descriptor: u128) {
        let (rings, arena) = self.with_rings(q);
        rings.push_sq(arena, descriptor);
    }

    /// Puts a receive buffer of `len` bytes into the receive ring, without doorbell.
    pub fn provide(&mut self, q: u32, len: u32) {
        let (rings, arena) = self.with_rings(q);
        let buffer = arena.allocate(len as usize, 64, 0);
        arena.allow(&buffer);
        let addr = buffer.iova;
        rings.push_rq(arena, RxDescriptor { addr, len }.encode(), Some(buffer));
    }

    /// Puts any descriptor into the receive ring, without doorbell.
    pub fn provide_descriptor(&mut self, q: u32, descriptor: u128) {
        let (rings, arena) = self.with_rings(q);
        rings.push_rq(arena, descriptor, None);
    }

    /// Rings the doorbell of the submission queue.
    pub fn ring_sq(&mut self, q: u32) {
        let tail = self.rings(q).sq_tail;
        self.queue_write(q, queue::SQ_DOORBELL, queue::SQ_TAIL.of(tail.into()));
    }

    /// Rings the doorbell of the receive queue.
    pub fn ring_rq(&mut self, q: u32) {
        let tail = self.rings(q).rq_tail;
        self.queue_write(q, queue::RQ_DOORBELL, queue::RQ_TAIL.of(tail.into()));
    }

    /// Tells the NIC how far completions were read, and arms the interrupt if `arm`.
    pub fn ring_cq(&mut self, q: u32, arm: bool) {
        let head = self.rings(q).cq_head as u16;
        let value = queue::CQ_HEAD.of(head.into()) | queue::CQ_ARM.of(arm.into());
        self.queue_write(q, queue::CQ_DOORBELL, value);
    }

    /// Posts requests, rings the doorbell and waits until all is done.
    pub fn transmit(&mut self, q: u32, requests: &[TxRequest]) -> Collected {
        for request in requests {
            self.post(q, request);
        }
        self.ring_sq(q);
        self.settle();
        self.collect(q)
    }

    /// Provides `count` buffers of `len` bytes, rings the doorbell and waits until the NIC has taken notice.
    pub fn provide_all(&mut self, q: u32, count: usize, len: u32) {
        for _ in 0..count {
            self.provide(q, len);
        }
        self.ring_rq(q);
        self.settle();
    }

    /// Puts a frame on the wire to the NIC, behind those that are under way. What was written to registers has arrived by then.
    pub fn inject(&mut self, frame: &[u8]) {
        if self.posted {
            self.read(DEVICE.at(0, device::SCRATCH));
        }
        let now = self.nic.now();
        let frame = self.far.pool().copy_of(frame);
        self.far.transmit(now, frame);
    }

    /// Reads all completions of queue pair `q`, and tells the NIC so.
    pub fn collect(&mut self, q: u32) -> Collected {
        let collected = self.peek(q, usize::MAX);
        self.ring_cq(q, false);
        collected
    }

    /// Reads at most `limit` completions, and does not tell the NIC.
    pub fn peek(&mut self, q: u32, limit: usize) -> Collected {
        let (rings, arena) = self.with_rings(q);
        rings.collect(arena, limit)
    }

    /// Lets simulated time pass.
    pub fn run(&mut self, span: Picos) {
        let until = self.nic.now() + span;
        self.nic.run_until(until);
        while let Some(frame) = self.far.receive(until) {
            self.sent.push(frame.to_vec());
        }
    }

    /// Lets simulated time pass until the NIC has nothing to do.
    ///
    /// # Panics
    /// If it never gets there.
    pub fn settle(&mut self) {
        let deadline = self.nic.now() + PATIENCE;
        let mut quiet = Picos::ZERO;
        let mut seen = self.activity();
        while quiet < QUIET && self.is_moving() {
            assert!(self.nic.now() < deadline, "{} does not settle", N::NAME);
            self.run(STEP);
            let now = self.activity();
            // The last frame's last bit arrives a propagation after the line is free again, or a little earlier.
            let arriving = self.far.tx_free_at() + self.propagation > self.nic.now();
            quiet = if now == seen && !arriving && self.far.next_event().is_none() {
                quiet + STEP
            } else {
                Picos::ZERO
            };
            seen = now;
        }
        self.run(STEP);
    }

    /// The NIC has something to do, or a frame of it is on the wire.
    fn is_moving(&self) -> bool {
        self.nic.next_event().is_some() || self.far.next_event().is_some()
    }

    /// What moves while the NIC works, as far as it is seen from outside without touching it.
    fn activity(&self) -> (usize, usize, u64) {
        let mut rings = DefaultHasher::new();
        for r in self.rings.iter().flatten() {
            self.arena.read(&r.cq, 0, r.cq.len).hash(&mut rings);
        }
        (self.sent.len(), self.far.stats().in_flight, rings.finish())
    }

    /// Checks what must hold of any NIC at rest: canaries, sums of counters, rules of the bus.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn check(&mut self) {
        self.settle();
        self.arena.check().unwrap_or_else(|e| panic!("{e}"));
        let sum = |rig: &mut Self, of: &[Stat]| of.iter().map(|s| rig.stat(*s)).sum::<u64>();
        assert_eq!(self.stat(Stat::RxFrames), sum(self, RX_OUTCOMES));
        assert_eq!(self.stat(Stat::TxRequests), sum(self, TX_OUTCOMES));
        assert_eq!(self.stat(Stat::TxSegments), self.stat(Stat::TxFrames));
        if self.stat(Stat::RxNoBuffer) + self.stat(Stat::RxDisabled) == 0 {
            // Only a frame that was dropped half-way leaves bytes that no completion tells of.
            let rings = self.rings.iter().flatten().flat_map(|r| &r.filled);
            for (buffer, len) in rings.chain(&self.filled) {
                let clean = self.arena.is_untouched(buffer, *len);
                assert!(clean, "bytes behind the frame in {buffer:x?}");
            }
        }
        let violations = self.nic.violations();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
