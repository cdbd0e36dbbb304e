use std::time::Duration;

use longshore_driver::{QueueConfig, Waiting};
use nic_abi::{
    FlowHandle,
    block::queue,
    completion::{L4Kind, RxCompletion, Verdict},
};

use crate::support::*;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + len) as u8).collect()
}

#[test]
fn a_frame_arrives_with_its_bytes_and_verdicts() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let info = RxCompletion {
        l3: Verdict::Ok,
        l4: Verdict::Bad,
        l4_kind: L4Kind::Tcp,
        header_len: 54,
        ..Default::default()
    };
    bench.script().deliver(0, &pattern(200), info);
    let frame = frames(poll(&mut queue)).pop().unwrap();
    assert_eq!(frame.to_vec(), pattern(200));
    assert_eq!(
        (frame.l3(), frame.l4(), frame.info().header_len),
        (Verdict::Ok, Verdict::Bad, 54)
    );
    assert_eq!(frame.flow(), FlowHandle::NONE);
}

#[test]
fn a_frame_over_several_buffers_is_one_frame() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let bytes = pattern(256 * 3 + 10);
    bench.script().deliver(0, &bytes, RxCompletion::default());
    let frame = frames(poll(&mut queue)).pop().unwrap();
    assert_eq!((frame.buffers(), frame.len()), (4, bytes.len()));
    assert_eq!(frame.to_vec(), bytes);
    for (offset, len) in [
        (0, 0),
        (255, 2),
        (256, 256),
        (100, 600),
        (770, 100),
        (9000, 4),
    ] {
        let mut buf = vec![0; len];
        let n = frame.read(offset, &mut buf);
        let expected = bytes.get(offset..).unwrap_or(&[]);
        assert_eq!(&buf[..n], &expected[..len.min(expected.len())], "{offset}");
    }
}

#[test]
fn a_frame_in_pieces_waits_for_its_last_buffer() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let first = bench.script().next_buffer(0).unwrap().0;
    let rx = RxCompletion {
        index: first,
        len: 256,
        more: true,
        ..Default::default()
    };
    bench
        .script()
        .complete(0, nic_abi::completion::Completion::Rx(rx));
    assert!(poll(&mut queue).is_empty());
    bench.script().deliver(0, &[5; 4], RxCompletion::default());
    assert_eq!(frames(poll(&mut queue))[0].len(), 260);
}

#[test]
fn buffers_go_round_for_ever_and_none_is_lost() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    // More than 65,536 descriptors: every index wraps.
    for round in 0..9000u32 {
        let bytes = pattern(60 + round as usize % 190);
        for _ in 0..8 {
            assert!(bench.script().deliver(0, &bytes, RxCompletion::default()));
        }
        let received = frames(poll(&mut queue));
        assert_eq!(received.len(), 8);
        for (i, frame) in received.into_iter().enumerate() {
            assert_eq!(frame.len(), bytes.len());
            if i % 2 == 0 {
                queue.recycle(frame)
            }
        }
    }
    assert_eq!(queue.counters().frames, 72_000);
    assert_eq!(queue.counters().bad_completions(), 0);
    drop(queue);
    assert_eq!(bench.rx.taken(), 0);
}

#[test]
fn a_reader_that_keeps_frames_starves_only_the_ring_and_it_recovers() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let mut kept = Vec::new();
    while bench.script().deliver(0, &[1; 60], RxCompletion::default()) {
        kept.extend(frames(poll(&mut queue)));
    }
    assert_eq!(kept.len(), bench.rx.capacity());
    assert!(queue.counters().starved > 0);
    let bytes = kept[3].to_vec();
    assert_eq!(bytes, [1; 60]);
    kept.clear();
    queue.refill().unwrap();
    assert!(bench.script().deliver(0, &[2; 60], RxCompletion::default()));
    assert_eq!(frames(poll(&mut queue))[0].to_vec(), [2; 60]);
}

#[test]
fn a_budget_leaves_the_rest_for_later() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    for i in 0..5 {
        bench.script().deliver(0, &[i; 60], RxCompletion::default());
    }
    let mut done = Vec::new();
    assert_eq!(queue.poll(3, &mut done).unwrap(), 3);
    assert!(queue.has_completions());
    assert_eq!(queue.poll(3, &mut done).unwrap(), 2);
    assert!(!queue.has_completions());
    let firsts: Vec<_> = frames(done).iter().map(|f| f.to_vec()[0]).collect();
    assert_eq!(firsts, [0, 1, 2, 3, 4]);
}

#[test]
fn an_armed_queue_interrupts_once_and_at_once_if_something_waits() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    assert!(!queue.wait(Some(Duration::ZERO)).unwrap());
    bench.script().deliver(0, &[0; 60], RxCompletion::default());
    assert!(queue.interrupt().try_take());
    bench.script().deliver(0, &[0; 60], RxCompletion::default());
    assert!(!queue.interrupt().try_take(), "an interrupt disarms");
    assert!(queue.wait(None).unwrap());
    assert_eq!(frames(poll(&mut queue)).len(), 2);
    bench.script().deliver(0, &[0; 60], RxCompletion::default());
    queue.arm().unwrap();
    assert!(
        queue.interrupt().try_take(),
        "the completion was there before"
    );
}

#[test]
fn the_owner_thread_sleeps_until_a_frame_comes() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    std::thread::scope(|s| {
        let owner = s.spawn(move || {
            while !queue.wait(None).unwrap() {}
            frames(poll(&mut queue))[0].to_vec()
        });
        bench.script().deliver(0, &[9; 60], RxCompletion::default());
        assert_eq!(owner.join().unwrap(), [9; 60]);
    });
}

#[test]
fn a_busy_owner_never_asks_for_an_interrupt_and_a_hybrid_one_only_when_it_sleeps() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let doorbells = queue.counters().cq_doorbells;
    let hybrid = Waiting::Hybrid {
        spin: Duration::ZERO,
    };
    assert!(!queue.wait_by(Waiting::Busy, Some(Duration::ZERO)).unwrap());
    bench.script().deliver(0, &[0; 60], RxCompletion::default());
    for waiting in [Waiting::Busy, hybrid, Waiting::Interrupt] {
        assert!(queue.wait_by(waiting, None).unwrap());
    }
    assert_eq!(queue.counters().cq_doorbells, doorbells);
    assert!(!queue.interrupt().try_take());
    poll(&mut queue);
    assert!(!queue.wait_by(hybrid, Some(Duration::ZERO)).unwrap());
    assert_eq!(queue.counters().cq_doorbells, doorbells + 1);
    bench.script().deliver(0, &[0; 60], RxCompletion::default());
    assert!(queue.interrupt().try_take(), "it had armed");
}

#[test]
fn owners_of_every_kind_see_a_frame_that_comes_while_they_wait() {
    let hour = Duration::from_secs(3600);
    for waiting in [
        Waiting::Busy,
        Waiting::Interrupt,
        Waiting::Hybrid { spin: hour },
        Waiting::Hybrid {
            spin: Duration::from_micros(1),
        },
    ] {
        let bench = Bench::new();
        let mut queue = bench.queue();
        std::thread::scope(|s| {
            let owner = s.spawn(move || {
                while !queue.wait_by(waiting, None).unwrap() {}
                frames(poll(&mut queue)).len()
            });
            bench.script().deliver(0, &[9; 60], RxCompletion::default());
            assert_eq!(owner.join().unwrap(), 1, "{waiting:?}");
        });
    }
}

#[test]
fn a_signal_from_another_thread_calls_the_sleeping_owner() {
    let bench = Bench::new();
    let mut queue = bench.queue();
    let interrupt = queue.interrupt().clone();
    std::thread::scope(|s| {
        let owner = s.spawn(move || queue.wait(None).unwrap());
        interrupt.signal();
        assert!(
            !owner.join().unwrap(),
            "called, but there is nothing to poll"
        );
    });
}

#[test]
fn a_frame_of_another_pool_goes_home_instead_of_into_this_ring() {
    let bench = Bench::new();
    let other = std::sync::Arc::new(bench.nic.pool("other", 16, 512).unwrap());
    let mut zero = bench.queue();
    let config = QueueConfig { vector: 2, ..SMALL };
    let mut one = bench.nic.queue_pair(1, config, other.clone()).unwrap();
    bench.script().deliver(1, &[1; 60], RxCompletion::default());
    let frame = frames(poll(&mut one)).pop().unwrap();
    assert_eq!(other.taken(), 16);
    zero.recycle(frame);
    assert_eq!(other.taken(), 15);
}

#[test]
fn every_queue_pair_has_its_own_rings() {
    let bench = Bench::new();
    let mut zero = bench.queue();
    let config = QueueConfig { vector: 2, ..SMALL };
    let mut one = bench.nic.queue_pair(1, config, bench.rx.clone()).unwrap();
    bench.script().deliver(1, &[1; 60], RxCompletion::default());
    assert!(poll(&mut zero).is_empty());
    let frame = frames(poll(&mut one)).pop().unwrap();
    // Recycled into the other one: the pool is the same.
    zero.recycle(frame);
    drop((zero, one));
    assert_eq!(bench.rx.taken(), 0);
}

#[test]
fn what_is_there_already_costs_no_arming() {
    let bench = Bench::new();
    let mut pair = bench.queue();
    bench.script().deliver(0, &[1; 60], RxCompletion::default());
    let before = bench.counts();
    pair.arm().unwrap();
    assert_eq!(bench.counts(), before);
    assert!(pair.interrupt().try_take());
    assert_eq!(poll(&mut pair).len(), 1);
    pair.arm().unwrap();
    assert_eq!(bench.counts().since(&before).cq_doorbells, 1);
    assert!(!pair.interrupt().try_take());
}

#[test]
fn under_bulk_load_interrupts_are_moderated_more() {
    let bench = Bench::new();
    let bulk = longshore_driver::Moderation { delay: 7, count: 9 };
    let config = QueueConfig {
        rq_log2: 5,
        cq_log2: 6,
        bulk,
        ..SMALL
    };
    let mut pair: longshore_driver::QueuePair<u32> =
        bench.nic.queue_pair(0, config, bench.rx.clone()).unwrap();
    let mut after = |frames: usize| {
        for _ in 0..frames {
            bench.script().deliver(0, &[1; 60], RxCompletion::default());
        }
        for frame in crate::support::frames(poll(&mut pair)) {
            pair.recycle(frame);
        }
        pair.arm().unwrap();
        let register = bench.script().queue_register(0, queue::INTERRUPT);
        assert_eq!(
            queue::INTERRUPT_VECTOR.get(register),
            u32::from(SMALL.vector)
        );
        (
            queue::INTERRUPT_DELAY.get(register),
            queue::INTERRUPT_COUNT.get(register),
        )
    };
    assert_eq!(after(1), (0, 0));
    assert_eq!(after(16), (7, 9));
    assert_eq!(after(1), (7, 9));
    assert_eq!(after(1), (0, 0));
}
