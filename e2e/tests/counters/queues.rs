//! Queue pairs: wraps, credit, disabling, quiescing, resetting.

use longshore_e2e::on_every_nic;
use longshore_e2e::rig::bench::STATION;
use longshore_e2e::rig::rings::frames as joined;
use longshore_e2e::rig::{QueueConfig, TxRequest};
use nic_abi::block::{DEVICE, PORT, device, port, queue};
use nic_abi::completion::Completion;
use nic_abi::fault::{QueueFault, Status};
use nic_abi::ring::COMPLETIONS_KEPT;
use nic_abi::stats::Stat;
use nic_abi::tx::{BUFFERS, COMPLETE, TxBuffer};
use sim_wire::Picos;

const SMALL: QueueConfig = QueueConfig {
    sq: 4,
    rq: 4,
    cq: 5,
    interrupt: 0,
};

/// 64 KiB in segments of 1,460 B: some 50 µs on the wire.
fn long() -> TxRequest {
    let mut header = vec![0; 54];
    header[..6].copy_from_slice(&STATION);
    header[12..15].copy_from_slice(&[8, 0, 0x45]);
    header[46] = 0x50;
    TxRequest::tso(&header, 34, &[0x5a; 65_536], 1_460, false)
}

on_every_nic! {
    fn rings_wrap_and_phases_turn(rig) {
        for q in 0..2 {
            rig.enable(q, SMALL);
        }
        rig.write(PORT.at(0, port::RX_QUEUE), 1);
        let (mut sent, mut received) = (0u16, 0u16);
        for round in 0..12u8 {
            rig.provide_all(1, 11, 128);
            for i in 0..11 {
                rig.inject(&[round * 11 + i; 70]);
            }
            let requests: Vec<TxRequest> = (0..7).map(|i| TxRequest::raw(vec![round * 7 + i; 61])).collect();
            let tx = rig.transmit(0, &requests).tx;
            assert_eq!(tx.len(), 7);
            for completion in tx {
                sent += 1;
                let Completion::Tx { head, .. } = completion else { panic!("{completion:?}") };
                assert_eq!(head, 2 * sent);
            }
            for (frame, completion) in joined(&rig.collect(1).rx) {
                assert_eq!(frame, [received as u8; 70]);
                assert_eq!(completion.index, received);
                received += 1;
            }
        }
        assert_eq!((sent, received), (84, 132));
        let expected: Vec<Vec<u8>> = (0..84).map(|i| vec![i; 61]).collect();
        assert_eq!(rig.sent, expected);
        assert_eq!(rig.queue_read(0, queue::SQ_STATE), 168 << 16 | 168);
        assert_eq!(rig.queue_read(0, queue::CQ_STATE), 84 << 16 | 84);
        assert_eq!(rig.queue_read(1, queue::RQ_STATE) >> 16, 132);
        assert_eq!(rig.queue_read(1, queue::CQ_STATE), 132 << 16 | 132);
    }

    /// Indexes are 16 bit and run freely: after 65,536 descriptors they begin anew, in the midst of traffic.
    fn free_running_indexes_wrap_at_65536(rig) {
        let config = QueueConfig { sq: 11, rq: 11, cq: 12, interrupt: 0 };
        rig.enable(0, config);
        let frame = rig.arena.allocate(60, 64, 0);
        rig.arena.write(&frame, 0, &[0x3c; 60]);
        let piece = TxBuffer { addr: frame.iova, len: 20 }.encode();
        let context = BUFFERS.set(TxRequest::raw(vec![0; 60]).context, 3);
        let quiet = COMPLETE.set(context, 0);
        // 512 requests of four descriptors fill the ring: 33 rounds pass the wrap.
        let mut received = 0u16;
        for round in 1..=33u32 {
            for i in 0..512 {
                rig.post_descriptor(0, if i == 511 { context } else { quiet });
                for _ in 0..3 {
                    rig.post_descriptor(0, piece);
                }
            }
            if round > 30 {
                rig.provide_all(0, 3, 64);
                for i in 0..3 {
                    rig.inject(&[i; 60]);
                }
            }
            rig.ring_sq(0);
            rig.settle();
            let seen = rig.collect(0);
            let [Completion::Tx { head, status: Status::Ok, .. }] = seen.tx[..] else { panic!("{seen:?}") };
            assert_eq!(u32::from(head), round * 2_048 % 65_536);
            received += seen.rx.len() as u16;
            assert_eq!(rig.sent.len(), 512);
            assert!(rig.sent.iter().all(|f| *f == [0x3c; 60]));
            rig.sent.clear();
        }
        assert_eq!(received, 9);
        assert_eq!(rig.stat(Stat::TxSent), 33 * 512);
    }

    fn without_room_for_completions_the_queue_pair_waits_and_nothing_is_overwritten(rig) {
        for q in 0..2 {
            rig.enable(q, SMALL);
        }
        // Nobody reads: what is not sure to find room in the ring is not sent.
        let room = 32 - u64::from(COMPLETIONS_KEPT);
        for round in 0..4 {
            for i in 0..8 {
                rig.post(0, &TxRequest::raw(vec![8 * round + i; 60]));
            }
            rig.ring_sq(0);
            rig.settle();
        }
        assert_eq!(rig.stat(Stat::TxFrames), room);
        assert_eq!(rig.queue_read(0, queue::STATUS), 0, "at rest");
        // Between two queue pairs there is no difference to be seen.
        assert_eq!(rig.transmit(1, &[TxRequest::raw(vec![7; 60])]).tx.len(), 1);
        assert_eq!(rig.stat(Stat::TxFrames), room + 1);
        let read = rig.peek(0, usize::MAX).tx;
        assert_eq!(read.len() as u64, room);
        rig.ring_cq(0, false);
        rig.settle();
        assert_eq!(rig.collect(0).tx.len() as u64, 32 - room);
        assert_eq!(rig.stat(Stat::TxFrames), 33);
    }

    fn a_fault_finds_room_in_a_full_completion_ring(rig) {
        rig.enable(0, SMALL);
        rig.provide_all(0, 16, 128);
        for round in 0..4 {
            for i in 0..8 {
                rig.post(0, &TxRequest::raw(vec![8 * round + i; 60]));
            }
            rig.ring_sq(0);
            rig.inject(&[round; 80]);
            rig.settle();
        }
        let full = rig.queue_read(0, queue::CQ_STATE) >> 16;
        assert!(full >= 30, "{full}");
        rig.queue_write(0, queue::RQ_DOORBELL, 77);
        rig.settle();
        let events = rig.peek(0, usize::MAX).events;
        assert_eq!(events, [Completion::Event { index: 77, fault: QueueFault::BadIndex }]);
    }

    fn disabling_cuts_a_request_short_at_a_frame_boundary(rig) {
        for q in 0..2 {
            rig.enable(q, QueueConfig::default());
        }
        rig.provide_all(0, 4, 2_048);
        for _ in 0..3 {
            rig.post(0, &long());
        }
        rig.ring_sq(0);
        rig.run(Picos::from_micros(20));
        rig.disable(0);
        let frames = rig.stat(Stat::TxFrames);
        assert!((1..40).contains(&frames), "{frames} frames");
        assert!(rig.sent.iter().all(|f| f.len() == 1_514), "whole segments only");
        rig.settle();
        assert_eq!(rig.stat(Stat::TxFrames), frames, "nothing follows");
        assert!(rig.stat(Stat::TxCancelled) >= 1);
        for completion in rig.peek(0, usize::MAX).tx {
            let Completion::Tx { status, .. } = completion else { panic!("{completion:?}") };
            assert_eq!(status, Status::Cancelled);
        }
        // The other queue pair and this one after enabling know nothing of it.
        rig.sent.clear();
        assert_eq!(rig.transmit(1, &[TxRequest::raw(vec![1; 60])]).tx.len(), 1);
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 4, 2_048);
        rig.inject(&[3; 99]);
        assert_eq!(rig.transmit(0, &[TxRequest::raw(vec![2; 60])]).tx.len(), 1);
        assert_eq!(rig.sent, [vec![1; 60], vec![2; 60]]);
    }

    fn both_queue_pairs_get_their_turn(rig) {
        for q in 0..2 {
            rig.enable(q, QueueConfig::default());
        }
        for q in 0..2 {
            for i in 0..20 {
                let mut frame = vec![i; 1_000];
                frame[11] = q as u8;
                rig.post(q, &TxRequest::raw(frame));
            }
        }
        rig.ring_sq(0);
        rig.ring_sq(1);
        rig.settle();
        let owners: Vec<u8> = rig.sent.iter().map(|f| f[11]).collect();
        assert_eq!(owners.len(), 40);
        // Queue pair 0 has a start of some requests; then they take turns.
        let longest = owners.chunk_by(|a, b| a == b).map(<[u8]>::len).max();
        assert!(longest.is_some_and(|n| n <= 12), "{owners:?}");
        for q in 0..2 {
            let order: Vec<u8> = rig.sent.iter().filter(|f| f[11] == q).map(|f| f[0]).collect();
            assert_eq!(order, (0..20).collect::<Vec<u8>>());
        }
    }

    fn a_quiet_device_touches_nothing_and_goes_on_when_let(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 8, 2_048);
        rig.post(0, &long());
        rig.ring_sq(0);
        for i in 0..4 {
            rig.inject(&[i; 1_000]);
        }
        rig.run(Picos::from_micros(3));
        rig.write(DEVICE.at(0, device::CONTROL), device::CONTROL_ENABLE.of(1) | device::CONTROL_QUIESCE.of(1));
        let deadline = sim_wire::Station::now(&rig.nic) + Picos::from_millis(1);
        while rig.read(DEVICE.at(0, device::QUIESCED)) != device::QUIESCED_MAGIC {
            assert!(sim_wire::Station::now(&rig.nic) < deadline, "never quiet");
            rig.run(Picos::from_micros(1));
        }
        // Whatever is read from now on would not be what was there; whatever is written is seen.
        let rings = rig.rings(0);
        let (sq, cq) = (rings.sq, rings.cq);
        let before = rig.arena.read(&cq, 0, cq.len);
        let saved = rig.arena.read(&sq, 0, sq.len);
        rig.arena.write(&sq, 0, &vec![0xff; sq.len]);
        rig.ring_sq(0);
        rig.inject(&[9; 100]);
        rig.settle();
        assert_eq!(rig.arena.read(&cq, 0, cq.len), before);
        assert_eq!(rig.read(DEVICE.at(0, device::QUIESCED)), device::QUIESCED_MAGIC);
        rig.arena.write(&sq, 0, &saved);
        rig.disable(0);
        rig.write(DEVICE.at(0, device::CONTROL), device::CONTROL_ENABLE.of(1));
        rig.enable(0, QueueConfig::default());
        rig.sent.clear();
        assert_eq!(rig.transmit(0, &[TxRequest::raw(vec![2; 60])]).tx.len(), 1);
        assert_eq!(rig.sent, [vec![2; 60]]);
    }

    fn after_a_function_level_reset_in_full_flight_memory_is_not_touched(rig) {
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 16, 2_048);
        for _ in 0..2 {
            rig.post(0, &long());
        }
        rig.ring_sq(0);
        for i in 0..16 {
            rig.inject(&[i; 1_000]);
        }
        rig.run(Picos::from_micros(6));
        rig.nic.flr();
        let rings = rig.rings(0);
        let cq = rings.cq;
        let before = rig.arena.read(&cq, 0, cq.len);
        rig.settle();
        assert_eq!(rig.arena.read(&cq, 0, cq.len), before);
        // A frame that was on its way may have been cut off by the reset; those since then are whole.
        rig.sent.clear();
        rig.set_up();
        rig.enable(0, QueueConfig::default());
        rig.provide_all(0, 4, 2_048);
        rig.inject(&[0x42; 200]);
        assert_eq!(rig.transmit(0, &[TxRequest::raw(vec![2; 60])]).tx.len(), 1);
        assert_eq!(rig.sent, [vec![2; 60]]);
        rig.settle();
        let received = joined(&rig.collect(0).rx);
        assert!(received.len() <= 1);
        assert_eq!(rig.stat(Stat::TxRequests), 1);
    }

    fn a_reset_in_the_middle_of_a_frame_costs_no_other_frame(rig) {
        // A frame of 1,514 B is some 1.2 µs on the line and as long on its way in: the reset meets all of it.
        for step in 0..16 {
            rig.enable(0, QueueConfig::default());
            rig.provide_all(0, 4, 2_048);
            rig.inject(&[step; 1_514]);
            rig.run(Picos::from_nanos(200 * u64::from(step)));
            rig.nic.flr();
            rig.set_up();
            rig.enable(0, QueueConfig::default());
            rig.provide_all(0, 4, 2_048);
            rig.inject(&[0x42; 200]);
            rig.settle();
            let received = joined(&rig.collect(0).rx);
            let last = received.last().map(|(frame, _)| frame);
            assert_eq!(last, Some(&vec![0x42; 200]), "step {step}");
        }
    }
}
