//! The NIC itself: the parts joined, behind `LocalNic` and `Station`.

use crate::host::msix::{Msix, Raised};
use crate::queue::csr::Registers;
use crate::queue::pair::QueuePair;
use crate::queue::stats::Stats;
use crate::rx::fifo::Fifo;
use crate::tx::{Request, gather, segmenter};
use longshore_device::{IrqSink, LocalNic};
use longshore_dma::HostMemory;
use nic_abi::block::{BASE_DIRECTORY, DEVICE, DIRECTORY, PORT, QUEUE, device, port, queue};
use nic_abi::completion::Completion;
use nic_abi::fault::{QueueFault, Status};
use nic_abi::stats::Stat;
use nic_abi::tx;
use sim_wire::{Frame, Picos, Station, Wire};
use std::collections::VecDeque;
use std::sync::Arc;

/// What may differ from one NIC to another.
#[derive(Debug, Clone)]
pub struct Config {
    /// Queue pairs, 1..=8.
    pub queue_pairs: u32,
    /// MSI-X vectors, 1..=16.
    pub vectors: u16,
    /// Longest frame in either direction, in bytes.
    pub frame_limit: u32,
    /// Bytes of the receive FIFO.
    pub rx_fifo: usize,
    /// Clock of the core in kHz: the unit of interrupt moderation.
    pub core_khz: u32,
    /// Rate of the link in Mb/s, as the driver reads it.
    pub rate_mbps: u32,
}

impl Default for Config {
    /// The reference simulated configuration.
    fn default() -> Self {
        Self {
            queue_pairs: 2,
            vectors: 4,
            frame_limit: 1_518,
            rx_fifo: 16 * 1_024,
            core_khz: 250_000,
            rate_mbps: 10_000,
        }
    }
}

/// A request whose frames are on their way.
struct InFlight {
    queue: usize,
    request: Request,
    frames: VecDeque<Vec<u8>>,
    sent: u32,
    /// How it ends when all frames are sent.
    end: Status,
}

/// The executable model of the NIC.
pub struct Model<W> {
    config: Config,
    wire: W,
    now: Picos,
    epoch: u32,
    memory: Option<Arc<dyn HostMemory>>,
    interrupts: Option<Arc<dyn IrqSink>>,
    pub(crate) registers: Registers,
    pub(crate) stats: Stats,
    pub(crate) queues: Vec<QueuePair>,
    msix: Msix,
    in_flight: Option<InFlight>,
    next_queue: usize,
    fifo: Fifo,
}

impl<W: Wire> Model<W> {
    /// A NIC after power-on at the end of `wire`.
    pub fn new(config: Config, wire: W) -> Self {
        let mut model = Self {
            wire,
            now: Picos::ZERO,
            epoch: 0,
            memory: None,
            interrupts: None,
            registers: Registers::new(config.queue_pairs),
            stats: Stats::default(),
            queues: Vec::new(),
            msix: Msix::new(config.vectors),
            in_flight: None,
            next_queue: 0,
            fifo: Fifo::new(config.rx_fifo),
            config,
        };
        model.reset();
        model
    }

    /// The wire, for its own statistics.
    pub fn wire(&self) -> &W {
        &self.wire
    }

    /// The wire, for tests that put frames on it.
    pub fn wire_mut(&mut self) -> &mut W {
        &mut self.wire
    }

    /// A counter, without going over registers.
    pub fn stat(&self, stat: Stat) -> u64 {
        self.stats.get(stat)
    }

    fn reset(&mut self) {
        self.registers = Registers::new(self.config.queue_pairs);
        self.stats = Stats::default();
        self.queues = (0..self.config.queue_pairs).map(QueuePair::new).collect();
        self.msix = Msix::new(self.config.vectors);
        self.in_flight = None;
        self.fifo.clear();
        let facts = [
            (DEVICE.at(0, device::EPOCH), self.epoch),
            (DEVICE.at(0, device::QUEUE_PAIRS), self.config.queue_pairs),
            (DEVICE.at(0, device::VECTORS), self.config.vectors.into()),
            (DEVICE.at(0, device::CORE_CLOCK), self.config.core_khz),
            (PORT.at(0, port::LINK), port::LINK_UP.of(1)),
            (PORT.at(0, port::RATE), self.config.rate_mbps),
            (PORT.at(0, port::FRAME_LIMIT), self.config.frame_limit),
        ];
        for (offset, value) in facts {
            self.registers.set(offset, value);
        }
        for (i, (feature, version, base)) in (0..).zip(BASE_DIRECTORY) {
            let entry = DIRECTORY.base + i * DIRECTORY.stride;
            self.registers.set(entry, feature.entry(*version));
            self.registers.set(entry + 4, *base);
        }
    }

    fn control(&self) -> u32 {
        self.registers.get(DEVICE.at(0, device::CONTROL))
    }

    fn may_use_bus(&self) -> bool {
        device::CONTROL_ENABLE.get(self.control()) == 1
            && device::CONTROL_QUIESCE.get(self.control()) == 0
    }

    /// True if queue pair `q` may take up work.
    pub(crate) fn runs(&self, q: usize) -> bool {
        self.may_use_bus() && self.queues.get(q).is_some_and(QueuePair::runs)
    }

    /// Does everything that can be done at this moment.
    fn work(&mut self) {
        let (Some(memory), Some(interrupts)) = (self.memory.clone(), self.interrupts.clone())
        else {
            return;
        };
        while let Some(frame) = self.wire.receive(self.now) {
            self.arrive(&frame);
        }
        loop {
            let mut progress = false;
            for q in &mut self.queues {
                let written = q.cq.flush(&*memory);
                self.stats.add(Stat::Completions, written);
            }
            progress |= self.transmit(&*memory);
            progress |= self.deliver(&*memory);
            if !progress {
                break;
            }
        }
        self.interrupt(&*memory, &*interrupts);
    }

    fn arrive(&mut self, frame: &Frame) {
        self.stats.count(Stat::RxFrames);
        self.stats.add(Stat::RxBytes, frame.len() as u64);
        let outcome = crate::rx::filter::refuse(&self.registers, frame)
            .or_else(|| (!self.fifo.push(frame)).then_some(Stat::RxOverflow));
        if let Some(stat) = outcome {
            self.stats.count(stat);
        }
    }

    /// Writes a frame of the FIFO to host memory.
    fn deliver(&mut self, memory: &dyn HostMemory) -> bool {
        let q = port::RX_QUEUE_INDEX.get(self.registers.get(PORT.at(0, port::RX_QUEUE))) as usize;
        let Some(frame) = self.fifo.pop() else {
            return false;
        };
        let runs = self.runs(q);
        let outcome = match self.queues.get_mut(q) {
            Some(pair) if runs => crate::rx::writer::write(pair, memory, &frame, &mut self.stats),
            _ => Stat::RxDisabled,
        };
        self.stats.count(outcome);
        true
    }

    /// Sends one frame, or takes up one request.
    fn transmit(&mut self, memory: &dyn HostMemory) -> bool {
        if let Some(mut flight) = self.in_flight.take() {
            if !self.runs(flight.queue) {
                self.finish(flight, Status::Cancelled);
                return true;
            }
            if self.wire.tx_free_at() > self.now {
                self.in_flight = Some(flight);
                return false;
            }
            if let Some(bytes) = flight.frames.pop_front() {
                self.send(&bytes, flight.request.context);
                flight.sent += 1;
            }
            if flight.frames.is_empty() {
                let (queue, first, end) = (flight.queue, flight.request.first(), flight.end);
                self.finish(flight, end);
                if end == Status::ReadFailed {
                    self.queues[queue].quarantine(QueueFault::PayloadReadFailed, first);
                }
            } else {
                self.in_flight = Some(flight);
            }
            return true;
        }
        let count = self.queues.len();
        for step in 0..count {
            let q = (self.next_queue + step) % count;
            if !self.runs(q) || !self.queues[q].cq.is_open() {
                continue;
            }
            if let Some(request) = self.queues[q].take_request(memory, &mut self.stats) {
                self.next_queue = (q + 1) % count;
                self.take_up(q, request, memory);
                return true;
            }
            if self.queues[q].fault.is_some() {
                return true;
            }
        }
        false
    }

    fn take_up(&mut self, queue: usize, request: Request, memory: &dyn HostMemory) {
        self.stats.count(Stat::TxRequests);
        self.queues[queue].cq.promise();
        let buffered: u32 = request.buffers.iter().map(|(_, len)| len).sum();
        let flight = InFlight {
            queue,
            request,
            frames: VecDeque::new(),
            sent: 0,
            end: Status::Ok,
        };
        let context = flight.request.context;
        if let Err(status) = tx::check(context, buffered, self.config.frame_limit) {
            return self.finish(flight, status);
        }
        if tx::TSO.is_set(context) {
            self.stats.count(Stat::TxTsoRequests);
        }
        let mut bytes = gather::gather(memory, &flight.request.buffers);
        let readable = segmenter::readable(context, bytes.len());
        let end = if bytes.len() == buffered as usize {
            Status::Ok
        } else {
            Status::ReadFailed
        };
        bytes.resize(buffered as usize, 0);
        let mut frames = VecDeque::from(segmenter::frames(context, &bytes));
        // Of a segment that needs what could not be read, nothing is sent.
        frames.truncate(readable);
        self.in_flight = Some(InFlight {
            frames,
            end,
            ..flight
        });
    }

    fn send(&mut self, bytes: &[u8], context: u128) {
        let frame = self.wire.pool().copy_of(bytes);
        self.wire.transmit(self.now, frame);
        self.stats.count(Stat::TxSegments);
        self.stats.count(Stat::TxFrames);
        self.stats.add(Stat::TxBytes, bytes.len() as u64);
        if crate::tx::checksum::wants_l3(context) {
            self.stats.count(Stat::TxL3Checksums);
        }
        if crate::tx::checksum::wants_l4(context) || tx::PARTIAL_CSUM.is_set(context) {
            self.stats.count(Stat::TxL4Checksums);
        }
    }

    fn finish(&mut self, flight: InFlight, status: Status) {
        self.stats.count(match status {
            Status::Ok => Stat::TxSent,
            Status::Cancelled => Stat::TxCancelled,
            Status::ReadFailed => Stat::TxReadFailed,
            _ => Stat::TxRejected,
        });
        self.queues[flight.queue].cq.release(1);
        if status != Status::Ok || tx::COMPLETE.is_set(flight.request.context) {
            self.queues[flight.queue].cq.push(Completion::Tx {
                head: flight.request.head,
                handle: flight.request.handle(),
                segments: flight.sent,
                status,
            });
        }
    }

    /// Time of one unit of interrupt delay: 256 cycles of the core.
    fn moderation(&self, q: &QueuePair) -> (u16, Picos, u16) {
        let word = self.registers.get(q.at(queue::INTERRUPT));
        let unit = 256 * 1_000_000_000 / u64::from(self.config.core_khz.max(1));
        (
            queue::INTERRUPT_VECTOR.get(word) as u16,
            Picos(u64::from(queue::INTERRUPT_DELAY.get(word)) * unit),
            queue::INTERRUPT_COUNT.get(word) as u16,
        )
    }

    fn interrupt_due(&self, q: &QueuePair) -> Option<(Picos, u16)> {
        let (vector, delay, count) = self.moderation(q);
        Some((q.cq.interrupt_due(self.now, delay, count)?, vector))
    }

    fn interrupt(&mut self, memory: &dyn HostMemory, interrupts: &dyn IrqSink) {
        for i in 0..self.queues.len() {
            self.queues[i].cq.watch(self.now);
            let Some((due, vector)) = self.interrupt_due(&self.queues[i]) else {
                continue;
            };
            if due <= self.now {
                self.queues[i].cq.disarm();
                self.raise(vector, memory, interrupts);
            }
        }
    }

    fn raise(&mut self, vector: u16, memory: &dyn HostMemory, interrupts: &dyn IrqSink) {
        if self.msix.raise(vector, memory, interrupts) == Raised::Sent {
            self.stats.count(Stat::Interrupts);
        }
    }

    fn queue_write(&mut self, q: usize, register: u32, value: u32) {
        let pair = &mut self.queues[q];
        let is = |r: nic_abi::register::Register| r.offset == register;
        if is(queue::CONTROL) {
            let enable = queue::CONTROL_ENABLE.get(value) == 1;
            if enable && !pair.enabled {
                pair.enable(&self.registers);
            } else if !enable {
                pair.enabled = false;
                pair.drop_held();
            }
        } else if !pair.enabled {
            // Doorbells of a queue pair that is not enabled go nowhere.
        } else if is(queue::SQ_DOORBELL) {
            let tail = queue::SQ_TAIL.get(value) as u16;
            if pair.sq.accepts_tail(tail) {
                pair.sq.tail = tail;
            } else {
                pair.quarantine(QueueFault::BadIndex, tail);
            }
        } else if is(queue::RQ_DOORBELL) {
            let tail = queue::RQ_TAIL.get(value) as u16;
            if pair.rq.accepts_tail(tail) {
                pair.rq.tail = tail;
                self.prefetch(q);
            } else {
                pair.quarantine(QueueFault::BadIndex, tail);
            }
        } else if is(queue::CQ_DOORBELL) {
            let head = queue::CQ_HEAD.get(value) as u16;
            if pair.cq.accepts_consumer(head) {
                pair.cq.consumer = head;
                pair.cq.armed = queue::CQ_ARM.get(value) == 1;
            } else {
                pair.quarantine(QueueFault::BadIndex, head);
            }
        }
    }

    /// A receive ring that cannot be read is found out at the doorbell, before the first frame.
    fn prefetch(&mut self, q: usize) {
        if let (true, Some(memory)) = (self.runs(q), &self.memory) {
            let pair = &mut self.queues[q];
            if pair.rq.posted() > 0 && pair.rq.fetch(&**memory, 0).is_err() {
                pair.quarantine(QueueFault::ReadFailed, pair.rq.head);
            }
        }
    }

    fn queue_read(&self, q: usize, register: u32) -> Option<u32> {
        let pair = &self.queues[q];
        let indexes = |head: u16, tail: u16| u32::from(tail) << 16 | u32::from(head);
        let is = |r: nic_abi::register::Register| r.offset == register;
        if is(queue::STATUS) {
            let sending = self.in_flight.as_ref().is_some_and(|f| f.queue == q);
            let active = sending || pair.cq.is_active();
            Some(pair.status() | queue::STATUS_ACTIVE.of(active.into()))
        } else if is(queue::SQ_STATE) {
            Some(indexes(pair.sq.head, pair.sq.tail))
        } else if is(queue::RQ_STATE) {
            Some(indexes(pair.rq.head, pair.rq.tail))
        } else if is(queue::CQ_STATE) {
            Some(indexes(pair.cq.consumer, pair.cq.producer as u16))
        } else {
            None
        }
    }

    /// Queue pair and register that a BAR0 offset means.
    fn locate(&self, offset: u32) -> Option<(usize, u32)> {
        let inside = offset.checked_sub(QUEUE.base)?;
        let q = (inside / QUEUE.stride) as usize;
        (q < self.queues.len()).then_some((q, inside % QUEUE.stride))
    }
}

impl<W: Wire> LocalNic for Model<W> {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.memory = Some(memory);
        self.interrupts = Some(interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        self.work();
        if let Some(word) = self.msix.read(offset).or_else(|| self.stats.read(offset)) {
            return word;
        }
        if offset == DEVICE.at(0, device::QUIESCED) {
            // Between calls nothing is outstanding on the bus.
            return if device::CONTROL_QUIESCE.get(self.control()) == 1 {
                device::QUIESCED_MAGIC
            } else {
                0
            };
        }
        self.locate(offset)
            .and_then(|(q, register)| self.queue_read(q, register))
            .unwrap_or_else(|| self.registers.get(offset))
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        if let Some(vector) = self.msix.write(offset, value)
            && let (Some(memory), Some(interrupts)) = (self.memory.clone(), self.interrupts.clone())
        {
            self.raise(vector, &*memory, &*interrupts);
        }
        self.registers.write(offset, value);
        if let Some((q, register)) = self.locate(offset) {
            self.queue_write(q, register, value);
        }
        self.work();
    }

    fn flr(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.reset();
    }
}

impl<W: Wire> Station for Model<W> {
    fn now(&self) -> Picos {
        self.now
    }

    fn run_until(&mut self, until: Picos) {
        while let Some(event) = self.next_event().filter(|e| *e <= until) {
            self.now = self.now.max(event);
            self.work();
            if self.next_event().is_some_and(|next| next <= event) {
                // Only an event that work cannot clear stays: leave it to the caller's next step.
                break;
            }
        }
        self.now = self.now.max(until);
        self.work();
    }

    fn next_event(&self) -> Option<Picos> {
        let interrupts = self
            .queues
            .iter()
            .filter_map(|q| self.interrupt_due(q).map(|(due, _)| due));
        let transmit = self.in_flight.as_ref().map(|_| self.wire.tx_free_at());
        interrupts
            .chain(transmit)
            .chain(self.wire.next_event())
            .min()
            .map(|at| at.max(self.now))
    }
}
