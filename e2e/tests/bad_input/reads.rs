//! Reads that the host answers with errors, or not at all, on the gateware: each ends in the fault that the contract names, and the
//! other queue pair is untouched.

use super::descriptors::assert_works;
use longshore_e2e::rig::nics::GatewareNic;
use longshore_e2e::rig::rings::Collected;
use longshore_e2e::rig::{QueueConfig, Rig, RigConfig, TxRequest};
use nic_abi::block::queue;
use nic_abi::completion::Completion;
use nic_abi::fault::{QueueFault, Status};
use nic_abi::stats::Stat;
use nic_abi::tx::TxBuffer;
use sim_verilator::pcie::{CompletionStatus, ReadFault};
use sim_wire::Picos;

/// Every way in which a read fails.
const FAULTS: [ReadFault; 4] = [
    ReadFault::Status(CompletionStatus::UnsupportedRequest),
    ReadFault::Status(CompletionStatus::CompleterAbort),
    ReadFault::Poisoned,
    ReadFault::Lost,
];
/// Longer than the NIC waits for the completions of two reads, one after the other.
const READ_TIMEOUT: Picos = Picos::from_micros(120);

fn bench() -> Rig<GatewareNic> {
    let mut rig = Rig::new(&RigConfig::default());
    for q in 0..2 {
        rig.enable(q, QueueConfig::default());
    }
    rig
}

/// Lets everything end that was begun on queue pair 0, and checks what it ended in; answers its completions.
fn assert_quarantined(
    rig: &mut Rig<GatewareNic>,
    fault: ReadFault,
    cause: QueueFault,
) -> Collected {
    rig.run(READ_TIMEOUT);
    rig.settle();
    rig.nic.spoil_reads(None);
    let status = rig.queue_read(0, queue::STATUS);
    assert_eq!(queue::STATUS_QUARANTINE.get(status), 1, "{fault:?}");
    assert_eq!(queue::STATUS_CAUSE.get(status), cause as u32, "{fault:?}");
    let seen = rig.peek(0, usize::MAX);
    assert!(
        matches!(seen.events[..], [Completion::Event { fault, .. }] if fault == cause),
        "{fault:?}: {:?}",
        seen.events
    );
    let counted = |rig: &mut Rig<GatewareNic>, stat| rig.stat(stat) > 0;
    let timed_out = fault == ReadFault::Lost;
    assert_eq!(counted(rig, Stat::BusReadTimeouts), timed_out, "{fault:?}");
    assert_eq!(counted(rig, Stat::BusReadErrors), !timed_out, "{fault:?}");
    seen
}

/// The other queue pair works, and after a new start so does this one.
fn assert_recovers(mut rig: Rig<GatewareNic>) {
    assert_works(&mut rig, 1);
    rig.disable(0);
    rig.enable(0, QueueConfig::default());
    assert_works(&mut rig, 0);
    assert_works(&mut rig, 1);
    rig.check();
}

#[test]
fn a_payload_read_that_fails_ends_its_request_and_quarantines_its_queue_pair() {
    for fault in FAULTS {
        let mut rig = bench();
        let buffer = rig.arena.allocate(1_000, 4_096, 0);
        rig.nic
            .spoil_reads(Some((buffer.iova..buffer.iova + 1_000, fault)));
        rig.post_descriptor(0, TxRequest::raw(vec![0; 1_000]).context);
        let (addr, len) = (buffer.iova, 1_000);
        rig.post_descriptor(0, TxBuffer { addr, len }.encode());
        // Work of the other queue pair, before and behind it.
        for i in 0..6 {
            rig.post(1, &TxRequest::raw(vec![i; 900]));
        }
        rig.ring_sq(1);
        rig.ring_sq(0);
        let seen = assert_quarantined(&mut rig, fault, QueueFault::PayloadReadFailed).tx;
        assert!(
            matches!(
                seen[..],
                [Completion::Tx {
                    segments: 0,
                    status: Status::ReadFailed,
                    ..
                }]
            ),
            "{fault:?}: {seen:?}"
        );
        let expected: Vec<Vec<u8>> = (0..6).map(|i| vec![i; 900]).collect();
        assert_eq!(
            rig.sent, expected,
            "{fault:?}: the other queue pair sends all"
        );
        assert_eq!(rig.stat(Stat::TxReadFailed), 1);
        assert_recovers(rig);
    }
}

#[test]
fn a_descriptor_read_that_fails_quarantines_its_queue_pair() {
    for fault in FAULTS {
        for receive in [false, true] {
            let mut rig = bench();
            let ring = if receive {
                &rig.rings(0).rq
            } else {
                &rig.rings(0).sq
            };
            let range = ring.iova..ring.iova + ring.len as u64;
            rig.nic.spoil_reads(Some((range, fault)));
            if receive {
                rig.provide(0, 128);
                rig.ring_rq(0);
            } else {
                rig.post(0, &TxRequest::raw(vec![1; 60]));
                rig.ring_sq(0);
            }
            assert_quarantined(&mut rig, fault, QueueFault::ReadFailed);
            assert!(rig.sent.is_empty(), "{fault:?}");
            assert_recovers(rig);
        }
    }
}
