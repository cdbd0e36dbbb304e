//! Memory that is not there.

use super::descriptors::assert_works;
use longshore_e2e::on_every_nic;
use longshore_e2e::rig::rings::frames as joined;
use longshore_e2e::rig::{HOLE, QueueConfig, TxRequest};
use nic_abi::block::{QUEUE, queue};
use nic_abi::completion::Completion;
use nic_abi::fault::{QueueFault, Status};
use nic_abi::rx::RxDescriptor;
use nic_abi::stats::Stat;
use nic_abi::tx::TxBuffer;

fn quarantined(status: u32) -> Option<u32> {
    (queue::STATUS_QUARANTINE.get(status) == 1).then(|| queue::STATUS_CAUSE.get(status))
}

on_every_nic! {
    fn an_unreadable_payload_fails_its_request_and_quarantines_its_queue_pair(rig) {
        rig.enable(1, QueueConfig::default());
        // Which piece of how many is missing; with and without segmentation.
        for (tso, missing) in [(false, 0), (false, 1), (false, 2), (true, 0), (true, 1), (true, 2)] {
            rig.enable(0, QueueConfig::default());
            let failed = rig.stat(Stat::TxReadFailed);
            let request = if tso {
                TxRequest::tso(&[0x45; 54], 34, &[7; 1_000], 1_400, false)
            } else {
                TxRequest::raw(vec![7; 1_054])
            };
            let mut request = request.scattered(&[54, 500], &[0, 1, 4_000]);
            request.pieces[missing].unmapped = true;
            let behind = TxRequest::raw(vec![1; 60]);
            for r in [&request, &behind] {
                rig.post(0, r);
            }
            rig.ring_sq(0);
            rig.settle();
            let seen = rig.peek(0, usize::MAX);
            // Whether the request behind it had been taken up is left open; it was not sent.
            let [Completion::Tx { head: 4, segments: 0, status: Status::ReadFailed, .. }, rest @ ..] = &seen.tx[..] else {
                panic!("piece {missing}: {:?}", seen.tx);
            };
            assert!(rest.iter().all(|c| matches!(c, Completion::Tx { status: Status::Cancelled, .. })), "{rest:?}");
            assert_eq!(seen.events, [Completion::Event { index: 0, fault: QueueFault::PayloadReadFailed }]);
            assert_eq!(rig.sent, Vec::<Vec<u8>>::new());
            assert_eq!(rig.stat(Stat::TxReadFailed), failed + 1);
            assert_works(rig, 1);
            rig.disable(0);
            rig.sent.clear();
        }
        rig.enable(0, QueueConfig::default());
        assert_works(rig, 0);
    }

    fn segments_before_a_hole_are_sent_and_counted(rig) {
        for (missing, segments) in [(0, 0), (1, 0), (2, 3), (3, 9)] {
            rig.enable(0, QueueConfig::default());
            let request = TxRequest::tso(&[0x45; 54], 34, &[7; 3_000], 300, false);
            let mut request = request.scattered(&[54, 1_000, 2_754], &[0, 1, 4_000]);
            request.pieces[missing].unmapped = true;
            rig.post(0, &request);
            rig.ring_sq(0);
            rig.settle();
            let seen = rig.peek(0, usize::MAX);
            let [Completion::Tx { segments: told, status: Status::ReadFailed, .. }] = seen.tx[..] else {
                panic!("{:?}", seen.tx);
            };
            assert_eq!((told as usize, rig.sent.len()), (segments, segments));
            assert_eq!(seen.events, [Completion::Event { index: 0, fault: QueueFault::PayloadReadFailed }]);
            rig.disable(0);
            rig.sent.clear();
        }
    }

    /// The mapping ends in the middle of a buffer.
    fn a_payload_that_ends_in_a_hole_is_not_sent(rig) {
        rig.enable(0, QueueConfig::default());
        rig.enable(1, QueueConfig::default());
        let edge = rig.arena.allocate_at_edge(300);
        rig.post_descriptor(0, TxRequest::raw(vec![0; 1_000]).context);
        rig.post_descriptor(0, TxBuffer { addr: edge.iova, len: 1_000 }.encode());
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.sent, Vec::<Vec<u8>>::new());
        assert_eq!(rig.stat(Stat::TxReadFailed), 1);
        assert_eq!(quarantined(rig.queue_read(0, queue::STATUS)), Some(QueueFault::PayloadReadFailed as u32));
        assert_works(rig, 1);
    }

    fn an_unreadable_ring_quarantines_its_queue_pair(rig) {
        rig.enable(1, QueueConfig::default());
        for (ring, doorbell) in [(0, queue::SQ_DOORBELL), (1, queue::RQ_DOORBELL)] {
            rig.enable(0, QueueConfig::default());
            rig.disable(0);
            let rings = rig.rings(0);
            let mut bases = [rings.sq.iova, rings.rq.iova, rings.cq.iova];
            bases[ring] = HOLE;
            rig.enable_with(0, bases, QueueConfig::default());
            rig.queue_write(0, doorbell, 5);
            rig.settle();
            let status = rig.queue_read(0, queue::STATUS);
            assert_eq!(quarantined(status), Some(QueueFault::ReadFailed as u32));
            assert_eq!(rig.peek(0, 9).events, [Completion::Event { index: 0, fault: QueueFault::ReadFailed }]);
            assert_works(rig, 1);
            rig.disable(0);
        }
        rig.enable(0, QueueConfig::default());
        assert_works(rig, 0);
    }

    /// Posted writes have no answer: the frame counts as delivered and its bytes are lost, nothing else.
    fn a_receive_buffer_that_is_not_there_loses_its_bytes_only(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide(0, 128);
        rig.provide_descriptor(0, RxDescriptor { addr: HOLE, len: 2_048 }.encode());
        rig.provide(0, 128);
        rig.ring_rq(0);
        rig.settle();
        for i in 0..3 {
            rig.inject(&[i; 100]);
        }
        rig.settle();
        let parts = rig.collect(0).rx;
        assert_eq!(parts.iter().map(|p| p.completion.len).collect::<Vec<_>>(), [100; 3]);
        assert_eq!((&parts[0].bytes[..], &parts[2].bytes[..]), (&[0; 100][..], &[2; 100][..]));
        assert_eq!(rig.stat(Stat::RxDelivered), 3);
        assert_works(rig, 0);
    }

    fn a_completion_ring_that_is_not_there_loses_its_completions_only(rig) {
        rig.enable(1, QueueConfig::default());
        rig.enable(0, QueueConfig::default());
        rig.disable(0);
        let rings = rig.rings(0);
        let bases = [rings.sq.iova, rings.rq.iova, HOLE];
        let config = rings.config;
        rig.enable_with(0, bases, config);
        rig.post(0, &TxRequest::raw(vec![5; 60]));
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.sent, [[5; 60]]);
        assert_eq!(rig.stat(Stat::Completions), 1);
        assert_works(rig, 1);
        rig.disable(0);
        rig.enable(0, QueueConfig::default());
        assert_works(rig, 0);
    }

    /// Everything is taken away while the NIC works, and given back: FLR is the way out, whatever state it is in.
    fn memory_that_vanishes_under_traffic_hangs_nothing(rig) {
        for q in 0..2 {
            rig.enable(q, QueueConfig::default());
        }
        rig.provide_all(0, 32, 256);
        for q in 0..2 {
            for i in 0..10 {
                rig.post(q, &TxRequest::raw(vec![i; 1_000]));
            }
            rig.ring_sq(q);
        }
        for i in 0..32 {
            rig.inject(&[i; 400]);
        }
        rig.run(sim_wire::Picos::from_micros(4));
        rig.arena.table().clear();
        rig.settle();
        for q in 0..2 {
            assert_eq!(rig.read(QUEUE.at(q, queue::CONTROL)), 1, "it still answers");
            rig.disable(q);
        }
        rig.arena.map_again();
        rig.nic.flr();
        rig.set_up();
        for q in 0..2 {
            rig.enable(q, QueueConfig::default());
            assert_works(rig, q);
        }
        assert_eq!(joined(&rig.collect(0).rx), []);
    }
}
