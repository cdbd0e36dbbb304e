//! What the driver of one queue pair neglects is no other's concern; what it did right before it went wrong is done.

use super::descriptors::assert_works;
use longshore_e2e::on_every_nic;
use longshore_e2e::rig::rings::frames as joined;
use longshore_e2e::rig::{Nic, QueueConfig, Rig, TxRequest};
use nic_abi::block::{PORT, port, queue};
use nic_abi::completion::Completion;
use nic_abi::fault::{QueueFault, Status};
use nic_abi::ring::COMPLETIONS_KEPT;
use nic_abi::stats::Stat;
use nic_abi::tx::{self, TxBuffer};

const SMALL: QueueConfig = QueueConfig {
    sq: 4,
    rq: 4,
    cq: 5,
    interrupt: 0,
};

/// Posts the first descriptors of a request, and never the rest.
fn post_half<N: Nic>(rig: &mut Rig<N>, q: u32) {
    let request = TxRequest::raw(vec![4; 200]).scattered(&[100, 150], &[]);
    rig.post(q, &request);
    let rings = rig.rings(q);
    rings.sq_tail = rings.sq_tail.wrapping_sub(1);
    rig.ring_sq(q);
    rig.settle();
}

/// Fills the completion ring of queue pair `q`, which is [`SMALL`], and leaves more to be sent and received.
fn fill_completions<N: Nic>(rig: &mut Rig<N>, q: u32) {
    rig.write(PORT.at(0, port::RX_QUEUE), q);
    let mut posted = 0;
    for _ in 0..5 {
        while posted < 4 {
            rig.post(q, &TxRequest::raw(vec![q as u8; 60]));
            posted += 1;
        }
        rig.ring_sq(q);
        rig.provide_all(q, 4, 128);
        for _ in 0..4 {
            rig.inject(&[q as u8; 90]);
        }
        rig.settle();
        // The ring has place for what was taken up.
        let state = rig.queue_read(q, queue::SQ_STATE);
        posted = usize::from(((state >> 16) as u16).wrapping_sub(state as u16) / 2);
    }
    let state = rig.queue_read(q, queue::CQ_STATE);
    let unread = u32::from(((state >> 16) as u16).wrapping_sub(state as u16));
    assert!(unread + COMPLETIONS_KEPT >= 32, "{unread} completions");
    assert!(posted > 0, "nothing waits");
}

on_every_nic! {
    fn half_a_request_holds_up_its_own_queue_pair_only(rig) {
        for q in 0..2 {
            rig.enable(q, QueueConfig::default());
        }
        post_half(rig, 0);
        for _ in 0..3 {
            assert_works(rig, 1);
        }
        // Its own receive goes on, too.
        rig.write(PORT.at(0, port::RX_QUEUE), 0);
        rig.provide_all(0, 1, 128);
        rig.inject(&[3; 99]);
        rig.settle();
        assert_eq!(joined(&rig.collect(0).rx)[0].0, [3; 99]);
        // The rest comes at last.
        rig.sent.clear();
        let rings = rig.rings(0);
        rings.sq_tail = rings.sq_tail.wrapping_add(1);
        rig.ring_sq(0);
        rig.settle();
        assert_eq!(rig.sent, [[4; 200]]);
        assert_eq!(rig.collect(0).tx.len(), 1);
    }

    fn a_completion_ring_that_nobody_reads_holds_up_its_own_queue_pair_only(rig) {
        rig.enable(0, SMALL);
        rig.enable(1, SMALL);
        fill_completions(rig, 0);
        for _ in 0..8 {
            assert_works(rig, 1);
        }
        // Both at once, and traffic of both after that.
        fill_completions(rig, 1);
        rig.collect(1);
        rig.settle();
        rig.collect(1);
        assert_works(rig, 1);
        let first = rig.collect(0).tx.len();
        rig.settle();
        let more = rig.collect(0).tx.len();
        assert!(first > 0 && more > 0, "{first} and {more} completions");
        assert_works(rig, 0);
    }

    fn a_queue_pair_that_waits_for_its_driver_is_not_active_and_can_be_disabled(rig) {
        rig.enable(1, QueueConfig::default());
        for full in [false, true] {
            rig.enable(0, SMALL);
            if full {
                fill_completions(rig, 0);
            }
            post_half(rig, 0);
            let status = rig.queue_read(0, queue::STATUS);
            assert_eq!(queue::STATUS_ACTIVE.get(status), 0);
            rig.disable(0);
            assert_works(rig, 1);
            rig.enable(0, QueueConfig::default());
            assert_works(rig, 0);
            rig.disable(0);
        }
    }

    /// Long ones and short ones, so that some are still under way when the bad descriptor is met.
    fn requests_before_a_bad_descriptor_complete_as_if_it_were_not_there(rig) {
        rig.enable(1, QueueConfig::default());
        let header = [0x45; 54];
        let good = |i: u8| if i.is_multiple_of(2) {
            TxRequest::tso(&header, 34, &vec![i; 20_000], 1_400, false)
        } else {
            TxRequest::raw(vec![i; 61])
        };
        let bad_buffer = |len| TxBuffer { addr: 0x1000, len }.encode();
        let context = tx::BUFFERS.set(TxRequest::raw(vec![0; 30]).context, 2);
        // What follows the good ones, the fault, which of the descriptors it is, and how many requests it ends.
        let cases: [(Vec<u128>, QueueFault, u16, u64); 3] = [
            (vec![tx::TYPE.set(0, 9)], QueueFault::BadDescriptorType, 0, 0),
            (vec![context, bad_buffer(10), context], QueueFault::BadDescriptorType, 2, 1),
            (vec![context, bad_buffer(0), bad_buffer(10)], QueueFault::BadLength, 1, 1),
        ];
        for (descriptors, fault, at, ended) in cases {
            rig.enable(0, QueueConfig::default());
            let before = [Stat::TxSent, Stat::TxRejected, Stat::TxCancelled].map(|s| rig.stat(s));
            for i in 0..6 {
                rig.post(0, &good(i));
            }
            for descriptor in &descriptors {
                rig.post_descriptor(0, *descriptor);
            }
            rig.post(0, &TxRequest::raw(vec![9; 60]));
            for i in 0..4 {
                rig.post(1, &TxRequest::raw(vec![0x80 + i; 62]));
            }
            rig.ring_sq(0);
            rig.ring_sq(1);
            rig.settle();
            let seen = rig.collect(0);
            let ok = |c: &Completion| matches!(c, Completion::Tx { status: Status::Ok, .. });
            assert!(seen.tx.len() == 6 && seen.tx.iter().all(ok), "{:?}", seen.tx);
            assert_eq!(seen.events, [Completion::Event { index: 12 + at, fault }]);
            assert_eq!(rig.collect(1).tx.len(), 4);
            assert_eq!(rig.sent.len(), 3 * 15 + 3 + 4);
            let after = [Stat::TxSent, Stat::TxRejected, Stat::TxCancelled].map(|s| rig.stat(s));
            assert_eq!(after, [before[0] + 10, before[1] + ended, before[2]]);
            rig.disable(0);
            rig.sent.clear();
        }
    }
}
