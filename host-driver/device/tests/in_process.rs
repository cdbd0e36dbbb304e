//! The in-process transport, quiesce and the counting wrapper over a NIC that is nothing but registers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use longshore_device::{
    Canary, Counting, Device, DeviceError, InProcess, IrqSink, LocalNic, MSI_WINDOW, Patience,
    QuiesceProof, Stamp, message_vector, quiesce,
};
use longshore_dma::{DmaRegion, HostMemory, PAGE_SIZE};
use nic_abi::block::{DEVICE, FLOW_QUEUE, MSIX_TABLE, QUEUE, device, flow_queue, msix, queue};
use parking_lot::Mutex;

const VECTORS: u16 = 3;

struct Registers {
    words: HashMap<u32, u32>,
    memory: Option<Arc<dyn HostMemory>>,
    interrupts: Option<Arc<dyn IrqSink>>,
    magic: u32,
    epoch: u32,
    /// Reads of QUIESCED before it tells; `None`: never.
    quiet_after: Option<u32>,
}

impl Registers {
    fn new() -> Self {
        Self {
            words: HashMap::new(),
            memory: None,
            interrupts: None,
            magic: nic_abi::MAGIC,
            epoch: 5,
            quiet_after: Some(2),
        }
    }
}

impl LocalNic for Registers {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.memory = Some(memory);
        self.interrupts = Some(interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        let is = |register| offset == DEVICE.at(0, register);
        if is(device::MAGIC) {
            self.magic
        } else if is(device::EPOCH) {
            self.epoch
        } else if is(device::VECTORS) {
            VECTORS.into()
        } else if is(device::QUIESCED) {
            match &mut self.quiet_after {
                Some(0) => device::QUIESCED_MAGIC,
                Some(n) => {
                    *n -= 1;
                    0
                }
                None => 0,
            }
        } else {
            self.words.get(&offset).copied().unwrap_or(0)
        }
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.words.insert(offset, value);
    }

    fn flr(&mut self) {
        self.words.clear();
        self.epoch += 1;
    }
}

fn card() -> InProcess<Registers> {
    InProcess::new(Arc::new(Mutex::new(Registers::new()))).unwrap()
}

fn page() -> Arc<DmaRegion> {
    Arc::new(DmaRegion::anonymous(PAGE_SIZE).unwrap())
}

const SHORT: Patience = Patience {
    reads: 10,
    time: Duration::ZERO,
};

#[test]
fn registers_are_words_inside_bar0() {
    let card = card();
    let scratch = DEVICE.at(0, device::SCRATCH);
    card.write32(scratch, 0x1234_5678).unwrap();
    assert_eq!(card.read32(scratch).unwrap(), 0x1234_5678);
    for offset in [1, 2, nic_abi::pci::BAR0_SIZE, u32::MAX] {
        assert!(matches!(
            card.read32(offset),
            Err(DeviceError::BadOffset { .. })
        ));
        assert!(matches!(
            card.write32(offset, 0),
            Err(DeviceError::BadOffset { .. })
        ));
    }
}

#[test]
fn what_shows_no_magic_is_no_nic() {
    let mut nic = Registers::new();
    nic.magic = u32::MAX;
    assert!(matches!(
        InProcess::new(Arc::new(Mutex::new(nic))),
        Err(DeviceError::Gone)
    ));
}

#[test]
fn every_vector_points_at_the_message_window_also_after_a_reset() {
    let card = card();
    for _ in 0..2 {
        for v in 0..u32::from(VECTORS) {
            let read = |register| card.read32(MSIX_TABLE.at(v, register)).unwrap();
            let address =
                u64::from(read(msix::ADDRESS_HIGH)) << 32 | u64::from(read(msix::ADDRESS_LOW));
            let message = read(msix::DATA).to_le_bytes();
            assert_eq!(message_vector(address, &message), Some(v as u16));
            assert_eq!(read(msix::VECTOR_CONTROL), 0, "unmasked");
        }
        card.reset().unwrap();
    }
    assert_eq!(message_vector(MSI_WINDOW + 4, &[0; 4]), None);
    assert_eq!(message_vector(MSI_WINDOW, &[0; 8]), None);
}

#[test]
fn mapped_memory_is_reached_and_unmapped_memory_is_not() {
    let card = card();
    let memory = card.nic().lock().memory.clone().unwrap();
    let region = page();
    card.dma_map(&region, 0x1_0000).unwrap();
    memory.write(0x1_0010, &[1, 2, 3, 4]).unwrap();
    assert_eq!(region.load_u32(0x10), Ok(0x0403_0201));
    assert!(matches!(
        card.dma_map(&page(), 0x1_0000),
        Err(DeviceError::Map(_))
    ));
    card.dma_unmap(&region, 0x1_0000).unwrap();
    assert!(memory.write(0x1_0010, &[9]).is_err());
    assert!(matches!(
        card.dma_unmap(&region, 0x1_0000),
        Err(DeviceError::Map(_))
    ));
}

#[test]
fn the_message_window_and_the_first_page_cannot_be_mapped() {
    let card = card();
    let two = Arc::new(DmaRegion::anonymous(2 * PAGE_SIZE).unwrap());
    for iova in [
        0,
        MSI_WINDOW,
        MSI_WINDOW - PAGE_SIZE as u64,
        1 << 39,
        u64::MAX - 4095,
    ] {
        assert!(
            matches!(card.dma_map(&two, iova), Err(DeviceError::Map(_))),
            "{iova:#x}"
        );
    }
}

#[test]
fn an_interrupt_reaches_its_vector_only() {
    let card = card();
    let sink = card.nic().lock().interrupts.clone().unwrap();
    sink.raise(2);
    sink.raise(VECTORS);
    sink.raise(u16::MAX);
    assert!(!card.interrupt(0).unwrap().try_take());
    assert!(card.interrupt(2).unwrap().try_take());
    let none = card.interrupt(VECTORS);
    assert!(matches!(
        none,
        Err(DeviceError::NoVector {
            vector: VECTORS,
            vectors: VECTORS
        })
    ));
}

#[test]
fn a_card_that_is_pulled_out_reads_all_ones_and_reaches_no_memory() {
    let card = card();
    let region = page();
    card.dma_map(&region, 0x1_0000).unwrap();
    card.pull_out();
    assert_eq!(card.read32(DEVICE.at(0, device::MAGIC)).unwrap(), u32::MAX);
    let memory = card.nic().lock().memory.clone().unwrap();
    assert!(memory.read(0x1_0000, &mut [0]).is_err());
    assert!(matches!(card.reset(), Err(DeviceError::Gone)));
    assert!(matches!(
        card.dma_map(&region, 0x2_0000),
        Err(DeviceError::Gone)
    ));
    assert!(card.config_space().is_err());
    card.dma_unmap(&region, 0x1_0000).unwrap();
    assert!(matches!(quiesce(&card, 5, SHORT), Err(DeviceError::Gone)));
}

#[test]
fn quiesce_is_confirmed_by_the_live_device_only() {
    let card = card();
    let enabled = Stamp::now();
    let quiesced = quiesce(&card, 5, SHORT).unwrap();
    assert_eq!(quiesced.proof(), QuiesceProof::Register);
    assert!(quiesced.covers(card.info().instance, enabled));
    let control = card.read32(DEVICE.at(0, device::CONTROL)).unwrap();
    assert_eq!(control, device::CONTROL_QUIESCE.of(1));
    let wrong = quiesce(&card, 4, SHORT);
    assert!(matches!(
        wrong,
        Err(DeviceError::WrongEpoch {
            expected: 4,
            found: 5
        })
    ));
    card.nic().lock().magic = 0;
    assert!(matches!(quiesce(&card, 5, SHORT), Err(DeviceError::Gone)));
    card.nic().lock().quiet_after = None;
    assert!(matches!(
        quiesce(&card, 5, SHORT),
        Err(DeviceError::Timeout { .. })
    ));
}

#[test]
fn a_proof_covers_what_was_enabled_before_on_the_same_device() {
    let (card, other) = (card(), card());
    let before = Stamp::now();
    let proofs = [card.reset().unwrap(), card.sever()];
    let after = Stamp::now();
    for quiesced in proofs {
        assert!(quiesced.covers(card.info().instance, before));
        assert!(!quiesced.covers(card.info().instance, after));
        assert!(!quiesced.covers(other.info().instance, before));
    }
}

#[test]
fn accesses_are_counted_by_kind() {
    let card = Counting::new(card());
    card.read32(DEVICE.at(0, device::MAGIC)).unwrap();
    card.write32(DEVICE.at(0, device::SCRATCH), 1).unwrap();
    for q in [0, 7] {
        card.write32(QUEUE.at(q, queue::SQ_DOORBELL), 1).unwrap();
        card.write32(QUEUE.at(q, queue::RQ_DOORBELL), 1).unwrap();
        card.write32(QUEUE.at(q, queue::CQ_DOORBELL), 1).unwrap();
    }
    card.write32(FLOW_QUEUE.at(1, flow_queue::COMMAND_DOORBELL), 1)
        .unwrap();
    card.write32(QUEUE.at(1, queue::CONTROL), 1).unwrap();
    let counts = card.counts();
    assert_eq!((counts.reads, counts.writes, counts.doorbells()), (1, 9, 7));
    assert_eq!(
        (
            counts.sq_doorbells,
            counts.rq_doorbells,
            counts.cq_doorbells
        ),
        (2, 2, 2)
    );
    assert_eq!(card.counts().since(&counts), Default::default());
}

#[test]
fn a_canary_notices_writes_beside_a_mapping_and_none_in_it() {
    let card = Canary::new(card());
    let memory = card.inner().nic().lock().memory.clone().unwrap();
    let (region, other) = (page(), page());
    let iova = card.info().iova_page;
    card.dma_map(&region, iova).unwrap();
    card.dma_map(&other, 2 * iova).unwrap();
    let page = PAGE_SIZE as u64;
    memory.write(iova, &[1; PAGE_SIZE]).unwrap();
    assert_eq!(card.spoilt(), 0);
    memory.write(iova + page, &[1, 2]).unwrap();
    memory.write(2 * iova - 1, &[3]).unwrap();
    assert_eq!(card.spoilt(), 3);
    card.dma_unmap(&region, iova).unwrap();
    assert_eq!(card.spoilt(), 3, "also when the mapping is gone");
    assert!(memory.write(iova + page, &[1]).is_err(), "and its guards");
    card.dma_unmap(&other, 2 * iova).unwrap();
    assert_eq!(card.inner().memory().mapped(), 0);
}
