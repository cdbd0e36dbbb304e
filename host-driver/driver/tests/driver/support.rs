//! A device that does what the test says, and the set-up around it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use longshore_device::{Counting, Device, InProcess, IrqSink, LocalNic, MmioCounts, Patience};
use longshore_dma::{Chunk, HostMemory, Pool};
use longshore_driver::{Completed, Nic, Piece, QueueConfig, QueuePair, Received, TxOutcome};
use longshore_refs::holder::Own;
use nic_abi::{
    block::{BASE_DIRECTORY, DEVICE, DIRECTORY, PORT, QUEUE, device, port, queue},
    completion::{Completion, PHASE, RxCompletion},
    fault::{QueueFault, Status},
    handle::FlowHandle,
    register::Register,
    ring::{entry_offset, phase},
    rx::RxDescriptor,
};
use parking_lot::{Mutex, MutexGuard};

pub(crate) const QUEUES: u32 = 2;
pub(crate) const FRAME_LIMIT: u32 = 9018;

/// Registers hold what is written to them; queues do what the test says.
pub(crate) struct Script {
    registers: HashMap<u32, u32>,
    memory: Option<Arc<dyn HostMemory>>,
    interrupts: Option<Arc<dyn IrqSink>>,
    epoch: u32,
    /// Next completion to be written, per queue pair.
    cq_tail: [u16; QUEUES as usize],
    /// Next SQ and RQ descriptor to be looked at.
    sq_head: [u16; QUEUES as usize],
    rq_head: [u16; QUEUES as usize],
    /// Never lets go: queue pairs stay active, the device is never quiet.
    pub(crate) stuck: bool,
    pub(crate) magic: u32,
    pub(crate) version: u32,
    /// Fault that enabling a queue pair ends in.
    pub(crate) refuse: Option<QueueFault>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            registers: HashMap::new(),
            memory: None,
            interrupts: None,
            epoch: 41,
            cq_tail: [0; 2],
            sq_head: [0; 2],
            rq_head: [0; 2],
            stuck: false,
            magic: nic_abi::MAGIC,
            version: nic_abi::ABI_VERSION,
            refuse: None,
        }
    }

    fn get(&self, offset: u32) -> u32 {
        self.registers.get(&offset).copied().unwrap_or(0)
    }

    pub(crate) fn queue_register(&self, q: u32, register: Register) -> u32 {
        self.get(QUEUE.at(q, register))
    }

    fn base(&self, q: u32, low: Register, high: Register) -> u64 {
        u64::from(self.queue_register(q, high)) << 32 | u64::from(self.queue_register(q, low))
    }

    fn read_entry(&self, base: u64, index: u16, log2: u32) -> u128 {
        let mut bytes = [0; 16];
        let at = base + u64::from(entry_offset(index, log2));
        self.memory.as_ref().unwrap().read(at, &mut bytes).unwrap();
        u128::from_le_bytes(bytes)
    }

    /// SQ descriptors up to the doorbell that were not looked at yet.
    pub(crate) fn submitted(&mut self, q: u32) -> Vec<u128> {
        let log2 = queue::SIZES_SQ.get(self.queue_register(q, queue::SIZES));
        let base = self.base(q, queue::SQ_BASE_LOW, queue::SQ_BASE_HIGH);
        let tail = self.queue_register(q, queue::SQ_DOORBELL) as u16;
        let mut all = Vec::new();
        while self.sq_head[q as usize] != tail {
            all.push(self.read_entry(base, self.sq_head[q as usize], log2));
            self.sq_head[q as usize] = self.sq_head[q as usize].wrapping_add(1);
        }
        all
    }

    /// SQ index behind what was looked at.
    pub(crate) fn sq_head(&self, q: u32) -> u16 {
        self.sq_head[q as usize]
    }

    /// The next receive descriptor with its index, if one is posted.
    pub(crate) fn next_buffer(&mut self, q: u32) -> Option<(u16, RxDescriptor)> {
        let log2 = queue::SIZES_RQ.get(self.queue_register(q, queue::SIZES));
        let base = self.base(q, queue::RQ_BASE_LOW, queue::RQ_BASE_HIGH);
        let index = self.rq_head[q as usize];
        if index == self.queue_register(q, queue::RQ_DOORBELL) as u16 {
            return None;
        }
        self.rq_head[q as usize] = index.wrapping_add(1);
        let descriptor = RxDescriptor::decode(self.read_entry(base, index, log2)).unwrap();
        Some((index, descriptor))
    }

    /// Writes any 16 bytes as the next completion, with the right phase, and interrupts if armed.
    pub(crate) fn complete_raw(&mut self, q: u32, entry: u128) {
        let log2 = queue::SIZES_CQ.get(self.queue_register(q, queue::SIZES));
        let index = self.cq_tail[q as usize];
        self.cq_tail[q as usize] = index.wrapping_add(1);
        let at = self.base(q, queue::CQ_BASE_LOW, queue::CQ_BASE_HIGH)
            + u64::from(entry_offset(index, log2));
        let entry = PHASE.set(entry, phase(index.into(), log2).into());
        self.memory
            .as_ref()
            .unwrap()
            .write(at, &entry.to_le_bytes())
            .unwrap();
        self.fire(q);
    }

    pub(crate) fn complete(&mut self, q: u32, completion: Completion) {
        self.complete_raw(q, completion.encode(false));
    }

    /// All requests up to `head` are done.
    pub(crate) fn sent(&mut self, q: u32, head: u16, segments: u32, status: Status) {
        let handle = FlowHandle::NONE;
        self.complete(
            q,
            Completion::Tx {
                head,
                handle,
                segments,
                status,
            },
        );
    }

    /// Completes everything submitted in one completion.
    pub(crate) fn send_all(&mut self, q: u32) -> Vec<u128> {
        let all = self.submitted(q);
        if !all.is_empty() {
            self.sent(q, self.sq_head(q), 1, Status::Ok);
        }
        all
    }

    /// Delivers a frame into as many buffers as it takes; false if there were too few.
    pub(crate) fn deliver(&mut self, q: u32, frame: &[u8], info: RxCompletion) -> bool {
        let mut rest = frame;
        while !rest.is_empty() {
            let Some((index, buffer)) = self.next_buffer(q) else {
                return false;
            };
            let (now, later) = rest.split_at(rest.len().min(buffer.len as usize));
            self.memory
                .as_ref()
                .unwrap()
                .write(buffer.addr, now)
                .unwrap();
            rest = later;
            let rx = RxCompletion {
                index,
                len: now.len() as u16,
                more: !rest.is_empty(),
                ..info
            };
            self.complete(q, Completion::Rx(rx));
        }
        true
    }

    pub(crate) fn quarantine(&mut self, q: u32, index: u16, fault: QueueFault) {
        self.complete(q, Completion::Event { index, fault });
    }

    /// The interrupt, if armed and completions lie beyond the consumer index.
    fn fire(&mut self, q: u32) {
        let at = QUEUE.at(q, queue::CQ_DOORBELL);
        let doorbell = self.get(at);
        let behind = queue::CQ_HEAD.get(doorbell) as u16 != self.cq_tail[q as usize];
        if queue::CQ_ARM.get(doorbell) != 0 && behind {
            let vector = queue::INTERRUPT_VECTOR.get(self.queue_register(q, queue::INTERRUPT));
            self.interrupts.as_ref().unwrap().raise(vector as u16);
            self.registers.insert(at, queue::CQ_ARM.set(doorbell, 0));
        }
    }
}

impl LocalNic for Script {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.memory = Some(memory);
        self.interrupts = Some(interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        for q in 0..QUEUES {
            if offset == QUEUE.at(q, queue::STATUS) {
                let control = self.queue_register(q, queue::CONTROL);
                let status = queue::STATUS_ACTIVE.of(self.stuck.into());
                return match self.refuse {
                    Some(fault) if control != 0 => queue::STATUS_QUARANTINE
                        .set(queue::STATUS_CAUSE.set(status, fault as u32), 1),
                    _ => status,
                };
            }
        }
        let word = |register| DEVICE.at(0, register);
        match offset {
            o if o == word(device::MAGIC) => self.magic,
            o if o == word(device::VERSION) => self.version,
            o if o == word(device::EPOCH) => self.epoch,
            o if o == word(device::QUEUE_PAIRS) => QUEUES,
            o if o == word(device::VECTORS) => 4,
            o if o == word(device::CORE_CLOCK) => 250_000,
            o if o == word(device::DIRECTORY) => DIRECTORY.base,
            o if o == word(device::QUIESCED) => {
                let quiesce = device::CONTROL_QUIESCE.get(self.get(word(device::CONTROL))) != 0;
                if quiesce && !self.stuck {
                    device::QUIESCED_MAGIC
                } else {
                    0
                }
            }
            o if o == PORT.at(0, port::FRAME_LIMIT) => FRAME_LIMIT,
            o if (DIRECTORY.base..DIRECTORY.base + DIRECTORY.count * DIRECTORY.stride)
                .contains(&o) =>
            {
                let (i, half) = ((o - DIRECTORY.base) / 8, o & 4);
                BASE_DIRECTORY
                    .get(i as usize)
                    .map_or(0, |&(feature, version, offset)| {
                        if half == 0 {
                            feature.entry(version)
                        } else {
                            offset
                        }
                    })
            }
            _ => self.get(offset),
        }
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.registers.insert(offset, value);
        for q in 0..QUEUES {
            if offset == QUEUE.at(q, queue::CONTROL) && value != 0 {
                let i = q as usize;
                (self.cq_tail[i], self.sq_head[i], self.rq_head[i]) = (0, 0, 0);
                for doorbell in [queue::SQ_DOORBELL, queue::RQ_DOORBELL, queue::CQ_DOORBELL] {
                    self.registers.insert(QUEUE.at(q, doorbell), 0);
                }
            }
            if offset == QUEUE.at(q, queue::CQ_DOORBELL) {
                self.fire(q);
            }
        }
    }

    fn flr(&mut self) {
        self.registers.clear();
        self.epoch += 1;
    }
}

pub(crate) type Card = Counting<InProcess<Script>>;

/// A NIC, its script, and pools.
pub(crate) struct Bench {
    pub(crate) card: Arc<Card>,
    pub(crate) nic: Nic,
    pub(crate) rx: Arc<Pool>,
    pub(crate) tx: Pool,
}

pub(crate) fn card() -> Arc<Card> {
    let script = Arc::new(Mutex::new(Script::new()));
    Arc::new(Counting::new(InProcess::new(script).unwrap()))
}

pub(crate) const SMALL: QueueConfig = QueueConfig {
    sq_log2: 4,
    rq_log2: 4,
    cq_log2: 5,
    vector: 1,
    moderation: longshore_driver::Moderation { delay: 0, count: 0 },
    bulk: longshore_driver::Moderation { delay: 0, count: 0 },
};

impl Bench {
    pub(crate) fn new() -> Self {
        let card = card();
        let patience = Patience {
            reads: 3,
            time: Duration::ZERO,
        };
        let nic = Nic::open_with(card.clone() as Arc<dyn Device>, patience).unwrap();
        let rx = Arc::new(nic.pool("rx", 64, 256).unwrap());
        let tx = nic.pool("tx", 64, 1024).unwrap();
        Self { card, nic, rx, tx }
    }

    pub(crate) fn queue(&self) -> QueuePair<u32> {
        self.nic.queue_pair(0, SMALL, self.rx.clone()).unwrap()
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.card.inner().nic().lock()
    }

    pub(crate) fn counts(&self) -> MmioCounts {
        self.card.counts()
    }

    /// A chunk that holds `bytes`, as one piece.
    pub(crate) fn piece(&self, bytes: &[u8]) -> Piece {
        let chunk: Chunk<Own> = self.tx.take().unwrap();
        chunk.write(0, bytes).unwrap();
        Piece {
            chunk: chunk.transfer(),
            offset: 0,
            len: bytes.len() as u32,
        }
    }
}

pub(crate) fn poll(queue: &mut QueuePair<u32>) -> Vec<Completed<u32>> {
    let mut done = Vec::new();
    queue.poll(usize::MAX, &mut done).unwrap();
    done
}

pub(crate) fn frames(done: Vec<Completed<u32>>) -> Vec<Received> {
    done.into_iter()
        .filter_map(|c| {
            if let Completed::Received(frame) = c {
                Some(frame)
            } else {
                None
            }
        })
        .collect()
}

pub(crate) fn owners(done: &[Completed<u32>]) -> Vec<(u32, TxOutcome)> {
    done.iter()
        .filter_map(|c| {
            if let Completed::Sent { owner, outcome } = c {
                Some((*owner, *outcome))
            } else {
                None
            }
        })
        .collect()
}
