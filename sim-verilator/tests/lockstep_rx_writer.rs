//! Reception as a whole under traffic: nothing lost, nothing wrong, at the rate promised; and the writer's modules in lock step.

mod rx;

use longshore_hdl::{bits::from_u128, rx as gateware, stream::frames::beats};
use nic_abi::{rx::RxDescriptor, stats::Stat};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rx::{
    frames,
    host::{Habits, Host},
};
use sim_lockstep::{Lockstep, Pace, seed};
use std::collections::VecDeque;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed())
}

/// A host that has always posted enough and takes all at once.
fn willing() -> Habits {
    Habits {
        buffer: |_| 2_048,
        posts: |_, posted| posted < 64,
        bad: 0,
        disable: 0,
        switch: 0,
        pauses: false,
    }
}

#[test]
fn frames_of_all_kinds_arrive_whole_with_what_is_said_of_them() {
    let mut rng = rng();
    let mut host = Host::new(
        rng.clone(),
        Habits {
            pauses: true,
            ..willing()
        },
    );
    for _ in 0..1_500 {
        let frame = frames::any(&mut rng, 300);
        host.send(if frame.len() < 14 { vec![7; 14] } else { frame });
    }
    while !host.idle() {
        // Never more than the FIFO holds.
        host.step(host.waiting() < 10);
    }
    host.finish();
    assert_eq!(host.deliveries.len(), host.sent.len());
    assert!(
        host.count(Stat::RxL3Bad) > 20
            && host.count(Stat::RxL4Bad) > 20
            && host.count(Stat::RxL4Ok) > 20
    );
}

#[test]
fn the_rate_holds_for_small_and_large_frames() {
    for (bytes, bar) in [
        (60, 16.8),
        (65, 17.8),
        (128, 30.4),
        (512, 107.0),
        (1_514, 200.0),
        (9_014, 1_807.6),
    ] {
        let mut host = Host::new(
            rng(),
            Habits {
                buffer: |_| 16_384,
                ..willing()
            },
        );
        for i in 0..30_u8 {
            host.send(vec![i; bytes]);
        }
        while !host.idle() {
            // The FIFO does not hold two of the largest: those come at three beats in four cycles.
            let offer = if bytes > 2_000 {
                !host.cycle.is_multiple_of(4)
            } else {
                host.waiting() < 6
            };
            host.step(offer);
        }
        host.finish();
        assert_eq!(host.deliveries.len(), 30);
        let times = &host.deliveries[5..25];
        let cycles = (times[19] - times[0]) as f64 / 19.0;
        println!("{bytes} bytes: {cycles} cycles a frame");
        assert!(
            cycles <= bar,
            "{bytes} bytes: {cycles} cycles a frame, bar {bar}"
        );
    }
}

#[test]
fn every_frame_has_one_outcome_whatever_the_host_does() {
    let mut rng = rng();
    let habits = Habits {
        buffer: |rng| {
            if rng.random_ratio(1, 2) {
                64
            } else {
                64 * rng.random_range(1..=20)
            }
        },
        posts: |rng, posted| posted < 100 && rng.random_ratio(1, 60),
        bad: 60,
        disable: 3_000,
        switch: 4_000,
        pauses: true,
    };
    let mut host = Host::new(rng.clone(), habits);
    host.set("max_frame", 1_000);
    for round in 0..240 {
        let most = *[40, 300, 1_200].get(round % 3).unwrap_or(&40);
        for _ in 0..25 {
            let frame = frames::any(&mut rng, most);
            host.send(frame);
        }
        host.set("rx_enable", u64::from(round % 7 != 6));
        while !host.idle() {
            host.step(true);
        }
    }
    host.set("rx_enable", 1);
    host.finish();
    println!(
        "{:?}, {} faults, {} split",
        host.counters,
        host.faults.len(),
        host.split
    );
    for stat in [
        Stat::RxDelivered,
        Stat::RxDisabled,
        Stat::RxRunt,
        Stat::RxOversize,
        Stat::RxNoBuffer,
    ] {
        assert!(
            host.count(stat) > 5,
            "{}: {}",
            stat.name(),
            host.count(stat)
        );
    }
    assert!(host.faults.len() > 5 && host.split > 20);
}

#[test]
fn a_frame_that_runs_out_of_descriptors_leaves_them_to_the_next() {
    let mut host = Host::new(
        rng(),
        Habits {
            buffer: |_| 64,
            posts: |_, _| false,
            ..willing()
        },
    );
    host.post(0, 5);
    host.send((0..500_u32).map(|i| i as u8).collect());
    for _ in 0..3 {
        host.send(vec![9; 100]);
    }
    host.finish();
    assert_eq!(host.count(Stat::RxNoBuffer), 2);
    assert_eq!(host.count(Stat::RxDelivered), 2);
    // One descriptor of the five is still held, and used with the next two.
    host.post(0, 2);
    host.send(vec![5; 190]);
    host.finish();
    assert_eq!(host.count(Stat::RxDelivered), 3);
}

#[test]
fn a_frame_of_more_than_64_buffers_is_dropped_and_the_buffers_are_kept() {
    let mut host = Host::new(
        rng(),
        Habits {
            buffer: |_| 64,
            ..willing()
        },
    );
    host.send(vec![1; 64 * 64 + 1]);
    host.send(vec![2; 64 * 64]);
    host.finish();
    assert_eq!(
        (host.count(Stat::RxNoBuffer), host.count(Stat::RxDelivered)),
        (1, 1)
    );
}

#[test]
fn a_frame_without_room_for_its_completions_is_dropped_and_the_other_queue_pair_receives() {
    let mut host = Host::new(
        rng(),
        Habits {
            posts: |_, _| false,
            ..willing()
        },
    );
    host.post(0, 4);
    host.post(1, 4);
    host.set("open", 2);
    for i in 0..3 {
        host.send(vec![i; 100]);
    }
    host.finish();
    assert_eq!(host.count(Stat::RxNoBuffer), 3);
    host.rx_queue = 1;
    host.send(vec![7; 100]);
    host.finish();
    assert_eq!(host.count(Stat::RxDelivered), 1);
    // No descriptor was used up.
    host.rx_queue = 0;
    host.set("open", 3);
    for i in 0..4 {
        host.send(vec![i; 200]);
    }
    host.finish();
    assert_eq!(
        (host.count(Stat::RxNoBuffer), host.count(Stat::RxDelivered)),
        (3, 5)
    );
}

#[test]
fn a_full_fifo_drops_whole_frames_and_counts_them() {
    let mut host = Host::new(rng(), willing());
    for i in 0..200_u8 {
        host.send(vec![i; 60]);
    }
    host.finish();
    let lost = host.count(Stat::RxOverflow);
    assert!(
        lost > 20 && lost + host.count(Stat::RxDelivered) == 200,
        "{lost} lost"
    );
}

/// Lock step of a module under random inputs.
macro_rules! on_noise {
    ($name:ident, $cycles:expr, $still:expr, |$dut:ident, $step:ident| $drive:block) => {
        #[test]
        fn $name() {
            Lockstep::new(stringify!($name), gateware::$name())
                .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
                .run($cycles, |$dut, $step| $drive)
                .assert_outputs_moved_except(&$still);
        }
    };
}

/// A receive descriptor, bad one time in eight.
fn descriptor(rng: &mut ChaCha8Rng) -> u128 {
    let word = RxDescriptor {
        addr: rng.random::<u64>() & !63,
        len: 64 * rng.random_range(1..8),
    }
    .encode();
    if rng.random_ratio(1, 8) {
        word ^ 1
            << *[0, 5, 64, 68, 80, 124, 127]
                .get(rng.random_range(0..7_usize))
                .unwrap_or(&0)
    } else {
        word
    }
}

#[test]
fn rx_descriptor() {
    let mut open = [true; 2];
    Lockstep::new("rx_descriptor", gateware::rx_descriptor())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(8_000, |dut, step| {
            for (desc, open) in dut.desc.iter_mut().zip(open) {
                if open {
                    desc.data.next = from_u128(descriptor(&mut step.rng));
                    desc.index.next = u64::from(step.rng.random::<u16>()).into();
                    desc.valid.next = step.rng.random();
                }
            }
            dut.pair.next = step.rng.random_range(0..4_u64).into();
            dut.take.next = step.rng.random();
            step.settle(dut);
            open = std::array::from_fn(|i| !dut.desc[i].valid.val() || dut.desc[i].ready.val());
        })
        .assert_all_outputs_moved();
}
on_noise!(rx_held, 8_000, [], |dut, step| {
    dut.reset.next = step.reset();
    dut.run.next = if step.rng.random_ratio(1, 50) { 1 } else { 3 }.into();
    dut.pair.next = (step.cycle / 20 % 3).into();
    dut.active.next = step.rng.random();
    dut.at.next = step.rng.random_range(0..6_u64).into();
    dut.store.next = step.rng.random_ratio(1, 3);
    let part = &mut dut.part;
    let mut new = part.val();
    new.addr = step.rng.random::<u64>().into();
    new.len = step.rng.random_range(0..65_537_u64).into();
    new.index = u64::from(step.rng.random::<u16>()).into();
    part.next = new;
    dut.retire.next = step.rng.random_ratio(1, 8);
    dut.used.next = step.rng.random_range(0..3_u64).into();
    dut.stop.next = step.rng.random_ratio(1, 100);
});
on_noise!(rx_burst, 8_000, [], |dut, step| {
    dut.open.next = step.rng.random_ratio(1, 20);
    dut.length.next = step.rng.random_range(1..300_u64).into();
    dut.load.next = step.rng.random_ratio(1, 20);
    let mut part = dut.part.val();
    part.addr = (step.rng.random::<u64>() & !63).into();
    part.len = (64 * step.rng.random_range(1..6_u64)).into();
    dut.part.next = part;
    dut.measure.next = step.rng.random_ratio(1, 10);
    dut.plan.next = step.rng.random_ratio(1, 10);
    dut.beat.next = step.rng.random_ratio(3, 4);
});
on_noise!(rx_completion, 8_000, [], |dut, step| {
    dut.reset.next = step.reset();
    dut.pair.next = step.rng.random_range(0..8_u64).into();
    dut.index.next = u64::from(step.rng.random::<u16>()).into();
    dut.len.next = u64::from(step.rng.random::<u16>()).into();
    dut.more.next = step.rng.random();
    let mut meta = dut.meta.val();
    meta.hdr_len = u64::from(step.rng.random::<u8>()).into();
    meta.vlan = u64::from(step.rng.random::<u16>()).into();
    meta.raw_sum = u64::from(step.rng.random::<u16>()).into();
    meta.l3 = step.rng.random_range(0..3_u64).into();
    meta.l4 = step.rng.random_range(0..3_u64).into();
    meta.vlan_present = step.rng.random();
    meta.ipv6 = step.rng.random();
    meta.tcp = step.rng.random();
    meta.udp = step.rng.random();
    dut.meta.next = meta;
    dut.put.next = false;
    dut.out.ready.next = step.rng.random();
    step.settle(dut);
    dut.put.next = dut.free.val() && step.rng.random_ratio(1, 3);
});

/// Descriptors on offer to a module in lock step: stable until taken.
macro_rules! offer_descriptors {
    ($dut:ident, $step:ident, $open:ident) => {
        for (desc, open) in $dut.desc.iter_mut().zip($open) {
            if open {
                desc.data.next = from_u128(descriptor(&mut $step.rng));
                desc.index.next = u64::from($step.rng.random::<u16>()).into();
                desc.valid.next = $step.rng.random_ratio(1, 12);
            }
        }
        $dut.run.next = if $step.rng.random_ratio(1, 40) { 0 } else { 3 }.into();
        $dut.open.next = if $step.rng.random_ratio(1, 30) { 1 } else { 3 }.into();
        $dut.pending.next = if $step.rng.random_ratio(1, 3) { 0 } else { 3 }.into();
        $dut.rx_queue.next = ($step.cycle / 200 % 3).into();
        $dut.wr.ready.next = $step.rng.random_ratio(3, 4);
        $dut.completion.ready.next = $step.rng.random();
        $dut.fault.ready.next = $step.rng.random();
    };
}

#[test]
fn rx_lock_step_of_all() {
    let (mut queue, mut pace, mut open) = (VecDeque::new(), Pace::default(), [true; 2]);
    Lockstep::new("rx", gateware::rx())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(6_000, |dut, step| {
            dut.reset.next = step.reset();
            if step.cycle.is_multiple_of(512) {
                dut.rx_enable.next = !step.rng.random_ratio(1, 8);
                dut.promiscuous.next = !step.rng.random_ratio(1, 4);
                dut.max_frame.next = step.rng.random_range(100..400_u64).into();
            }
            if queue.is_empty() {
                queue.extend(beats(&frames::any(&mut step.rng, 100)));
            }
            let beat = if step.cycle > 2 && pace.now(&mut step.rng) {
                queue.pop_front()
            } else {
                None
            };
            dut.frames.tvalid.next = beat.is_some();
            let beat = beat.unwrap_or_default();
            dut.frames.tdata.next = beat.tdata.into();
            dut.frames.tkeep.next = u64::from(beat.tkeep).into();
            dut.frames.tlast.next = beat.tlast;
            offer_descriptors!(dut, step, open);
            step.settle(dut);
            open = std::array::from_fn(|i| !dut.desc[i].valid.val() || dut.desc[i].ready.val());
        })
        .assert_outputs_moved_except(&["frames$tready"]);
}

#[test]
fn rx_writer() {
    let (mut queue, mut pace) = (VecDeque::new(), Pace::default());
    let (mut offered, mut moved, mut open) = (false, false, [true; 2]);
    Lockstep::new("rx_writer", gateware::rx_writer())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(10_000, |dut, step| {
            dut.reset.next = step.reset();
            if moved {
                queue.pop_front();
                offered = false;
            }
            if queue.is_empty() {
                let length = step.rng.random_range(1..400_usize);
                let frame: Vec<u8> = (0..length).map(|_| step.rng.random()).collect();
                queue.extend(beats(&frame));
                let mut meta = dut.meta.val();
                meta.vlan = u64::from(step.rng.random::<u16>()).into();
                meta.l3 = step.rng.random_range(0..3_u64).into();
                meta.l4 = step.rng.random_range(0..3_u64).into();
                dut.meta.next = meta;
                dut.length.next = (length as u64).into();
            }
            offered |= step.cycle > 2 && pace.now(&mut step.rng);
            let beat = queue.front().copied().unwrap_or_default();
            dut.s.tvalid.next = offered;
            dut.s.tdata.next = beat.tdata.into();
            dut.s.tkeep.next = u64::from(beat.tkeep).into();
            dut.s.tlast.next = beat.tlast;
            offer_descriptors!(dut, step, open);
            step.settle(dut);
            open = std::array::from_fn(|i| !dut.desc[i].valid.val() || dut.desc[i].ready.val());
            moved = offered && dut.s.tready.val();
        })
        .assert_all_outputs_moved();
}
