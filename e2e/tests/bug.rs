//! The comparison must be able to fail: NICs that are wrong on purpose, each in one thing, are caught, and the report tells
//! what differs, the seed and the frame.

use longshore_device::{IrqSink, LocalNic};
use longshore_dma::{DmaFault, HostMemory};
use longshore_e2e::rig::compare::{Mismatch, compare};
use longshore_e2e::rig::nics::{GatewareNic, ModelNic};
use longshore_e2e::rig::scenario::Scenario;
use longshore_e2e::rig::{Nic, RigConfig};
use nic_abi::completion;
use nic_abi::ring::ENTRY_BYTES;
use nic_abi::stats::Stat;
use sim_wire::pair::PairEnd;
use sim_wire::{Picos, Seed, Station};
use std::sync::Arc;

/// One bit of a payload is sent wrong.
const PAYLOAD: u8 = 0;
/// One bit of a received frame is written wrong.
const FRAME: u8 = 1;
/// A bad layer-4 checksum is called good.
const VERDICT: u8 = 2;
/// A byte behind a frame is overwritten.
const STRAY: u8 = 3;
/// A counter counts one too many.
const COUNTER: u8 = 4;

/// The model with one thing wrong.
struct Faulty<const KIND: u8>(ModelNic);

/// Host memory behind a device that does one thing wrong.
struct FaultyMemory(Arc<dyn HostMemory>, u8);

impl HostMemory for FaultyMemory {
    fn read(&self, iova: u64, buf: &mut [u8]) -> Result<(), DmaFault> {
        self.0.read(iova, buf)?;
        if self.1 == PAYLOAD && buf.len() > 300 {
            buf[299] ^= 0x10;
        }
        Ok(())
    }

    fn write(&self, iova: u64, data: &[u8]) -> Result<(), DmaFault> {
        let mut data = data.to_vec();
        let is_entry = data.len() == ENTRY_BYTES as usize;
        match self.1 {
            FRAME if data.len() > 200 => data[199] ^= 1,
            STRAY if data.len() > 200 && !data.len().is_multiple_of(64) => data.push(0xff),
            VERDICT if is_entry => {
                let entry = data.iter().rev().fold(0, |d, b| d << 8 | u128::from(*b));
                let is_rx = completion::TYPE.get(entry) == completion::TYPE_RX;
                if is_rx && completion::RX_L4.get(entry) == completion::Verdict::Bad as u64 {
                    let good = completion::RX_L4.set(entry, completion::Verdict::Ok as u64);
                    data = good.to_le_bytes().to_vec();
                }
            }
            _ => {}
        }
        self.0.write(iova, &data)
    }
}

impl<const KIND: u8> LocalNic for Faulty<KIND> {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        let memory = Arc::new(FaultyMemory(memory, KIND));
        self.0.attach(memory, interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        let value = self.0.mmio_read(offset);
        let wrong = KIND == COUNTER && offset == Stat::TxL3Checksums.offset() && value > 0;
        value + u32::from(wrong)
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.0.mmio_write(offset, value);
    }

    fn flr(&mut self) {
        self.0.flr();
    }
}

impl<const KIND: u8> Station for Faulty<KIND> {
    fn now(&self) -> Picos {
        self.0.now()
    }

    fn run_until(&mut self, until: Picos) {
        self.0.run_until(until);
    }

    fn next_event(&self) -> Option<Picos> {
        self.0.next_event()
    }
}

impl<const KIND: u8> Nic for Faulty<KIND> {
    const NAME: &'static str = "faulty model";

    fn power_on(config: &RigConfig, wire: PairEnd) -> Self {
        Self(ModelNic::power_on(config, wire))
    }

    fn violations(&self) -> Vec<String> {
        self.0.violations()
    }
}

/// The report of the first of a few seeds that shows the fault.
fn caught<B: Nic>() -> Mismatch {
    (0..8)
        .find_map(|seed| {
            let scenario = Scenario::random(Seed(seed), 12);
            compare::<ModelNic, B>(&RigConfig::default(), &scenario).err()
        })
        .map(|mismatch| *mismatch)
        .expect("the fault is not seen in eight scenarios")
}

/// The gateware whose segmenter leaves FIN and PSH on every segment (`hdl/src/witness`).
struct FaultyGateware(GatewareNic);

impl LocalNic for FaultyGateware {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.0.attach(memory, interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        self.0.mmio_read(offset)
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.0.mmio_write(offset, value);
    }

    fn flr(&mut self) {
        self.0.flr();
    }
}

impl Station for FaultyGateware {
    fn now(&self) -> Picos {
        self.0.now()
    }

    fn run_until(&mut self, until: Picos) {
        self.0.run_until(until);
    }

    fn next_event(&self) -> Option<Picos> {
        self.0.next_event()
    }
}

impl Nic for FaultyGateware {
    const NAME: &'static str = "faulty gateware";

    fn power_on(config: &RigConfig, wire: PairEnd) -> Self {
        let nic = GatewareNic::of_module("nic_witness", config.sim.clone(), wire);
        Self(nic.unwrap_or_else(|e| panic!("{e}")))
    }

    fn violations(&self) -> Vec<String> {
        Nic::violations(&self.0)
    }
}

/// A bug in the gateware itself: a wrong constant in one leaf of the transmit datapath.
#[test]
fn a_bug_in_the_gateware_is_a_different_frame() {
    let report = caught::<FaultyGateware>();
    assert!(report.what.contains("frame"), "{report}");
    let last = |side: &str| side.contains("psh: true") || side.contains("fin: true");
    assert!(last(&report.right), "{report}");
}

#[test]
fn a_wrong_bit_in_a_payload_is_a_different_frame() {
    let report = caught::<Faulty<PAYLOAD>>();
    assert!(report.what.contains("frame"), "{report}");
    assert!(report.to_string().contains("LONGSHORE_SEED="), "{report}");
    assert!(report.left.starts_with("model: "), "{report}");
    assert!(report.right.starts_with("faulty model: "), "{report}");
}

#[test]
fn a_wrong_bit_in_host_memory_is_a_different_completion() {
    let report = caught::<Faulty<FRAME>>();
    assert!(report.what.contains("receive completion"), "{report}");
}

#[test]
fn a_wrong_verdict_is_a_different_completion() {
    let report = caught::<Faulty<VERDICT>>();
    assert!(report.what.contains("receive completion"), "{report}");
    assert!(report.right.contains("l4: Ok"), "{report}");
}

#[test]
fn a_counter_that_is_off_by_one_is_seen() {
    let report = caught::<Faulty<COUNTER>>();
    assert!(report.what.contains("counter"), "{report}");
    assert!(report.right.contains("tx_l3_checksums"), "{report}");
}

#[test]
#[should_panic(expected = "bytes behind the frame")]
fn a_byte_written_behind_a_frame_is_seen() {
    use longshore_e2e::rig::{QueueConfig, Rig};
    let mut rig = Rig::<Faulty<STRAY>>::new(&RigConfig::default());
    rig.enable(0, QueueConfig::default());
    rig.provide_all(0, 1, 2_048);
    rig.inject(&[1; 333]);
    rig.settle();
    assert_eq!(rig.collect(0).rx.len(), 1);
    rig.check();
}
