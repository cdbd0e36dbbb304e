//! A device that breaks the contract: counted, never a panic, nothing lost.

use longshore_driver::{Completed, FRAME_AS_IT_IS};
use nic_abi::{
    completion::{Completion, RxCompletion, TYPE},
    fault::{QueueFault, Status},
    handle::FlowHandle,
};
use proptest::prelude::*;

use crate::support::*;

fn rx(index: u16, len: u16, more: bool) -> Completion {
    Completion::Rx(RxCompletion {
        index,
        len,
        more,
        ..Default::default()
    })
}

#[test]
fn completions_for_descriptors_that_the_nic_does_not_hold_are_counted() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for index in [16, 17, 0x8000, 0xffff] {
        bench.script().complete(0, rx(index, 60, false));
    }
    bench.script().complete(0, rx(3, 60, false));
    bench.script().complete(0, rx(3, 60, false));
    assert_eq!(frames(poll(&mut queue)).len(), 1);
    assert_eq!(queue.counters().bad_rx_index, 5);
}

#[test]
fn impossible_lengths_are_counted_and_the_buffer_is_used_again() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for (index, len) in [(0, 0), (1, 257), (2, 0xffff)] {
        bench.script().complete(0, rx(index, len, false));
    }
    assert!(poll(&mut queue).is_empty());
    assert_eq!(queue.counters().bad_rx_length, 3);
    queue.refill().unwrap();
    drop(queue);
    assert_eq!(bench.rx.taken(), 0);
}

#[test]
fn a_frame_that_never_ends_is_given_up() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for _ in 0..40 {
        let index = bench.script().next_buffer(0).unwrap().0;
        bench.script().complete(0, rx(index, 256, true));
        assert!(poll(&mut queue).is_empty());
    }
    assert_eq!(queue.counters().bad_rx_chain, 1);
    let index = bench.script().next_buffer(0).unwrap().0;
    bench.script().complete(0, rx(index, 256, false));
    assert!(poll(&mut queue).is_empty(), "its end is no frame either");
    bench.script().deliver(0, &[3; 60], RxCompletion::default());
    assert_eq!(frames(poll(&mut queue)).len(), 1);
}

#[test]
fn a_frame_that_loses_a_buffer_is_dropped_whole() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    bench.script().complete(0, rx(0, 256, true));
    bench.script().complete(0, rx(0, 256, true));
    bench.script().complete(0, rx(1, 60, false));
    bench.script().complete(0, rx(2, 61, false));
    let received = frames(poll(&mut queue));
    assert_eq!(received.iter().map(|f| f.len()).collect::<Vec<_>>(), [61]);
}

#[test]
fn transmit_completions_beyond_behind_and_between_requests_release_nothing() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    queue
        .post(
            FRAME_AS_IT_IS,
            &mut vec![bench.piece(&[0; 60]), bench.piece(&[0; 60])],
            1,
        )
        .unwrap();
    queue.ring().unwrap();
    queue
        .post(FRAME_AS_IT_IS, &mut vec![bench.piece(&[0; 60])], 2)
        .unwrap();
    for head in [0, 1, 2, 4, 5, 6, 0x8003, 0xffff] {
        bench.script().sent(0, head, 1, Status::Ok);
    }
    assert!(poll(&mut queue).is_empty());
    assert_eq!((queue.counters().bad_tx_head, bench.tx.taken()), (8, 3));
    bench.script().sent(0, 3, 1, Status::Ok);
    bench.script().sent(0, 3, 1, Status::Ok);
    assert_eq!(owners(&poll(&mut queue)).len(), 1);
    assert_eq!((queue.counters().bad_tx_head, bench.tx.taken()), (9, 1));
}

#[test]
fn unknown_kinds_commands_and_empty_events_are_counted() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for kind in [0, 6, 15] {
        bench.script().complete_raw(0, TYPE.set(0, kind));
    }
    bench.script().complete(
        0,
        Completion::Command {
            head: 1,
            handle: FlowHandle::NONE,
            status: Status::Ok,
        },
    );
    bench.script().complete(
        0,
        Completion::Event {
            index: 0,
            fault: QueueFault::None,
        },
    );
    assert!(poll(&mut queue).is_empty());
    assert_eq!(queue.counters().bad_unknown, 5);
    assert!(!queue.is_down());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any sequence of completions, right, nearly right and wild, interleaved with posts and polls.
    #[test]
    fn whatever_the_device_writes_owners_come_back_once_and_no_buffer_is_lost(
        steps in proptest::collection::vec((0u8..8, any::<u128>(), 0u16..40, 0u16..300, any::<bool>()), 1..400),
    ) {
        let bench = Bench::new();
        let mut queue = bench.queue();
        let mut posted = 0u32;
        let mut back = Vec::new();
        let mut kept = Vec::new();
        let take = |done: Vec<Completed<u32>>, back: &mut Vec<u32>, kept: &mut Vec<_>| {
            back.extend(owners(&done).iter().map(|(o, _)| *o));
            kept.extend(frames(done));
        };
        for (step, wild, index, len, more) in steps {
            match step {
                0 => bench.script().complete_raw(0, wild),
                1 => bench.script().complete_raw(0, TYPE.set(wild, u64::from(index) % 6)),
                2 => bench.script().complete(0, rx(index, len, more)),
                3 => bench.script().sent(0, index, len.into(), Status::Ok),
                4 => { bench.script().send_all(0); }
                5 => { bench.script().deliver(0, &vec![1; usize::from(len)], RxCompletion::default()); }
                6 => {
                    if bench.tx.taken() < bench.tx.capacity() {
                        let mut pieces = vec![bench.piece(&[0; 60])];
                        if queue.post(FRAME_AS_IT_IS, &mut pieces, posted).is_ok() { posted += 1 }
                    }
                    if more { queue.ring().unwrap() }
                }
                _ => {
                    let mut done = Vec::new();
                    queue.poll(usize::from(len % 32), &mut done).unwrap();
                    if queue.is_down() { queue.recover(&mut done).unwrap() }
                    take(done, &mut back, &mut kept);
                    if more { kept.clear() }
                }
            }
        }
        let mut done = Vec::new();
        queue.close(&mut done);
        take(done, &mut back, &mut kept);
        prop_assert_eq!(back, (0..posted).collect::<Vec<_>>());
        prop_assert_eq!(bench.tx.taken(), 0);
        drop(kept);
        prop_assert_eq!(bench.rx.taken(), 0);
    }
}
