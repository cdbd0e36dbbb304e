//! Malformed requests and descriptors.

use longshore_e2e::on_every_nic;
use longshore_e2e::rig::faults::Fault;
use longshore_e2e::rig::request::PLAIN;
use longshore_e2e::rig::rings::frames as joined;
use longshore_e2e::rig::{Nic, QueueConfig, Rig, TxRequest};
use nic_abi::block::{PORT, QUEUE, port, queue};
use nic_abi::completion::Completion;
use nic_abi::fault::Status;
use nic_abi::stats::Stat;
use nic_abi::tx::{self, L4Checksum, TxContext};

/// 100 B of payload under an IPv4 and TCP template of 54 B.
fn tso() -> TxRequest {
    TxRequest::tso(&[0x45; 54], 34, &[1; 100], 60, false)
}

/// Sends and receives one frame on queue pair `q`.
pub(crate) fn assert_works<N: Nic>(rig: &mut Rig<N>, q: u32) {
    rig.write(PORT.at(0, port::RX_QUEUE), q);
    rig.collect(q);
    rig.provide_all(q, 1, 128);
    rig.sent.clear();
    rig.inject(&[0x51; 99]);
    let collected = rig.transmit(q, &[TxRequest::raw(vec![0x15; 77])]);
    assert_eq!(collected.tx.len(), 1, "queue pair {q} sends");
    assert_eq!(rig.sent, [[0x15; 77]]);
    let received = joined(&collected.rx);
    assert_eq!(received.len(), 1, "queue pair {q} receives");
    assert_eq!(received[0].0, [0x51; 99]);
    assert_eq!(collected.events, []);
}

on_every_nic! {
    fn each_check_of_a_request_gives_its_status_and_nothing_is_sent(rig) {
        rig.enable(0, QueueConfig::default());
        let good = tso();
        let with = |changes: &[(nic_abi::Field, u64)]| {
            let mut request = good.clone();
            for (field, value) in changes {
                request.context = field.set(request.context, *value);
            }
            request
        };
        let partial = |start, offset| TxRequest::new(TxContext {
            header_len: 54,
            l4_checksum: L4Checksum::Partial { start, offset },
            ..PLAIN
        }, vec![0; 100]);
        let udp = |header_len: u8| TxRequest::new(TxContext {
            header_len,
            l3_offset: 14,
            l4_offset: 34,
            l4_checksum: L4Checksum::Udp,
            ..PLAIN
        }, vec![0; 100]);
        let bad: Vec<(TxRequest, Status)> = vec![
            (with(&[(tx::UDP, 1)]), Status::BadFlags),
            (with(&[(tx::PARTIAL_CSUM, 1)]), Status::BadFlags),
            (with(&[(tx::TSO, 0), (tx::L4_CSUM, 1), (tx::PARTIAL_CSUM, 1)]), Status::BadFlags),
            (with(&[(tx::L3_CSUM, 1), (tx::IPV6, 1)]), Status::BadFlags),
            (with(&[(tx::VLAN_INSERT, 1)]), Status::BadFlags),
            (with(&[(tx::HEADER_LEN, 53), (tx::PAYLOAD_LEN, 101)]), Status::BadHeader),
            (with(&[(tx::HEADER_LEN, 33), (tx::PAYLOAD_LEN, 121)]), Status::BadHeader),
            (with(&[(tx::L3_OFFSET, 13)]), Status::BadHeader),
            (with(&[(tx::L3_OFFSET, 12)]), Status::BadHeader),
            (with(&[(tx::L3_OFFSET, 16)]), Status::BadHeader),
            (with(&[(tx::L4_OFFSET, 35)]), Status::BadHeader),
            (with(&[(tx::L4_OFFSET, 36)]), Status::BadHeader),
            (with(&[(tx::L4_OFFSET, 32)]), Status::BadHeader),
            (with(&[(tx::L4_OFFSET, 254)]), Status::BadHeader),
            (with(&[(tx::IPV6, 1)]), Status::BadHeader),
            (with(&[(tx::MSS, 0)]), Status::BadMss),
            (with(&[(tx::PAYLOAD_LEN, 99)]), Status::BadLength),
            (with(&[(tx::PAYLOAD_LEN, 101)]), Status::BadLength),
            (with(&[(tx::PAYLOAD_LEN, 0x1ffff)]), Status::BadLength),
            (TxRequest::tso(&[0x45; 54], 34, &[], 60, false), Status::BadLength),
            (TxRequest::tso(&[0x45; 54], 34, &[0; 3_000], 1_465, false), Status::BadLength),
            (TxRequest::tso(&[0x45; 54], 34, &vec![0; 65_537], 1_460, false), Status::BadLength),
            (TxRequest::raw(vec![0; 13]), Status::BadLength),
            (TxRequest::raw(vec![0; 1]), Status::BadLength),
            (TxRequest::raw(vec![0; 1_519]), Status::BadLength),
            (TxRequest::raw(vec![0; 65_536]), Status::BadLength),
            (TxRequest { context: tx::BUFFERS.set(PLAIN.encode(), 0), pieces: vec![] }, Status::BadLength),
            (partial(35, 50), Status::BadHeader),
            (partial(34, 51), Status::BadHeader),
            (partial(12, 50), Status::BadHeader),
            (partial(50, 48), Status::BadHeader),
            (partial(34, 54), Status::BadHeader),
            (partial(34, 255), Status::BadHeader),
            (udp(41), Status::BadHeader),
        ];
        let count = bad.len() as u64;
        let mut head = 0;
        for (n, (request, status)) in bad.into_iter().enumerate() {
            // A good one behind each shows that nothing of the bad one is left over.
            head += 1 + request.pieces.len() as u16;
            let handle = request.context as u32;
            let good = TxRequest::raw(vec![n as u8; 60]);
            let seen = rig.transmit(0, &[request, good]);
            assert_eq!(seen.events, [], "case {n}");
            let expected = Completion::Tx { head, handle: nic_abi::FlowHandle::from_raw(handle), segments: 0, status };
            assert_eq!(seen.tx[0], expected, "case {n}");
            head += 2;
            assert_eq!(seen.tx.len(), 2, "case {n}");
            assert_eq!(std::mem::take(&mut rig.sent), [vec![n as u8; 60]], "case {n}");
        }
        assert_eq!(rig.stat(Stat::TxRejected), count);
        assert_eq!(rig.stat(Stat::TxSent), count);
    }

    /// A failed request is completed although it did not ask for it.
    fn a_refused_request_is_completed_unasked(rig) {
        rig.enable(0, QueueConfig::default());
        let request = TxRequest::new(TxContext { complete: false, ..PLAIN }, vec![0; 5]);
        assert_eq!(rig.transmit(0, &[request]).tx.len(), 1);
    }

    fn reserved_bits_and_fields_not_asked_for_do_not_matter(rig) {
        rig.enable(0, QueueConfig::default());
        let mut request = TxRequest::raw(vec![3; 64]);
        request.context |= !tx::CONTEXT.mask();
        for field in [tx::MSS, tx::VLAN, tx::L3_OFFSET, tx::L4_OFFSET, tx::IP_ID_FIXED, tx::CWR_ALL, tx::UDP, tx::IPV6] {
            request.context = field.set(request.context, u64::MAX);
        }
        let seen = rig.transmit(0, &[request]);
        assert_eq!(rig.sent, [[3; 64]]);
        assert_eq!(seen.tx.len(), 1);
    }

    fn every_fault_quarantines_its_queue_pair_and_no_other(rig) {
        let faults = [
            Fault::ContextType(0), Fault::ContextType(2), Fault::ContextType(3), Fault::ContextType(15),
            Fault::BufferType(0), Fault::BufferType(3),
            Fault::BufferLength(0, 0), Fault::BufferLength(2, 0), Fault::BufferLength(1, tx::BUFFER_LEN_MAX + 1),
            Fault::Payload,
            Fault::SubmissionIndex(1), Fault::SubmissionIndex(40_000),
            Fault::ReceiveIndex(1), Fault::ConsumerIndex(1), Fault::ConsumerIndex(60_000),
            Fault::ReceiveType(0), Fault::ReceiveType(1),
            Fault::ReceiveAlignment(1), Fault::ReceiveAlignment(32),
            Fault::ReceiveLength(0), Fault::ReceiveLength(32), Fault::ReceiveLength(65_536), Fault::ReceiveLength(65_600),
            Fault::SubmissionRing, Fault::ReceiveRing,
            Fault::Sizes(3, 4, 6), Fault::Sizes(4, 3, 6), Fault::Sizes(4, 4, 4), Fault::Sizes(15, 15, 15), Fault::Sizes(0, 0, 0),
            Fault::RingAlignment(0), Fault::RingAlignment(1), Fault::RingAlignment(2),
        ];
        rig.enable(1, QueueConfig::default());
        for fault in faults {
            rig.enable(0, QueueConfig::default());
            rig.write(PORT.at(0, port::RX_QUEUE), 0);
            fault.strike(rig, 0);
            rig.settle();
            let disabled = rig.stat(Stat::RxDisabled);
            rig.inject(&[6; 80]);
            rig.settle();
            let status = rig.read(QUEUE.at(0, queue::STATUS));
            assert_eq!(queue::STATUS_QUARANTINE.get(status), 1, "{fault:?}");
            assert_eq!(queue::STATUS_CAUSE.get(status), fault.cause() as u32, "{fault:?}");
            let index = queue::STATUS_INDEX.get(status) as u16;
            let expected = if fault.is_silent() {
                vec![]
            } else {
                vec![Completion::Event { index, fault: fault.cause() }]
            };
            assert_eq!(rig.peek(0, usize::MAX).events, expected, "{fault:?}");
            assert_eq!(rig.stat(Stat::RxDisabled), disabled + 1, "{fault:?}");
            // Doorbells do not wake it.
            rig.post(0, &TxRequest::raw(vec![8; 60]));
            rig.ring_sq(0);
            rig.settle();
            assert_eq!(rig.sent, Vec::<Vec<u8>>::new(), "{fault:?}");
            assert_works(rig, 1);
            rig.disable(0);
            rig.enable(0, QueueConfig::default());
            assert_eq!(rig.read(QUEUE.at(0, queue::STATUS)), 0, "{fault:?}");
            assert_works(rig, 0);
            rig.disable(0);
            rig.sent.clear();
        }
    }

    fn the_index_tells_which_descriptor_is_at_fault(rig) {
        for (before, fault, index) in [
            (0, Fault::ContextType(7), 0),
            (3, Fault::ContextType(7), 6),
            (3, Fault::BufferType(0), 7),
            (5, Fault::BufferType(3), 14),
            (1, Fault::BufferLength(2, 0), 5),
            (2, Fault::Payload, 4),
            (4, Fault::ReceiveType(0), 0),
        ] {
            rig.enable(0, QueueConfig::default());
            for _ in 0..before {
                rig.transmit(0, &[TxRequest::raw(vec![8; 60])]);
            }
            fault.strike(rig, 0);
            if fault.needs_frame() {
                rig.settle();
                rig.inject(&[6; 80]);
            }
            rig.settle();
            assert_eq!(rig.peek(0, usize::MAX).events, [Completion::Event { index, fault: fault.cause() }]);
            rig.disable(0);
        }
    }

    fn doorbells_of_a_disabled_queue_pair_go_nowhere(rig) {
        rig.enable(0, QueueConfig::default());
        rig.disable(0);
        for register in [queue::SQ_DOORBELL, queue::RQ_DOORBELL, queue::CQ_DOORBELL] {
            rig.queue_write(0, register, 0xffff);
        }
        rig.settle();
        assert_eq!(rig.read(QUEUE.at(0, queue::STATUS)), 0);
        rig.enable(0, QueueConfig::default());
        assert_works(rig, 0);
    }
}
