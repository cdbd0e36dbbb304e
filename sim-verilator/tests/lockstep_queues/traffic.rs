//! Descriptors out, completions in, under random latency and back-pressure.

use super::bench::{Bench, PAIRS, lockstep};
use super::driver::Driver;
use nic_abi::completion;
use nic_abi::ring::COMPLETIONS_KEPT;
use nic_abi::stats::Stat;
use rand::RngExt as _;

/// A descriptor that can be told from any other.
fn descriptor(pair: usize, ring: u128, index: usize) -> u128 {
    (0xfeed_u128 << 96) | (pair as u128) << 64 | ring << 32 | index as u128
}

/// A completion that can be told from any other.
fn completion(kind: u64, number: usize) -> u128 {
    completion::TYPE.set(number as u128, kind)
}

/// Whether `part` is a subsequence of the entries of type `kind` in `all`, and all of them.
fn of_type(all: &[u128], kind: u64) -> Vec<u128> {
    all.iter()
        .copied()
        .filter(|c| completion::TYPE.get(*c) == kind)
        .collect()
}

#[test]
fn every_descriptor_is_delivered_and_every_completion_written_once_and_in_order() {
    let mut bench = Bench::default();
    let mut drivers = [Driver::new(0, 4, 5, 6), Driver::new(1, 7, 4, 8)];
    for driver in &mut drivers {
        driver.enable(&mut bench, 0);
    }
    // Completions handed in by pair and kind; consumed by the driver by pair.
    let mut made = [[0_usize; 2]; PAIRS];
    let mut consumed = [0_usize; PAIRS];
    let mut left = 400;
    let report = lockstep().run(16_000, |dut, step| {
        bench.latency = if step.cycle % 4_000 < 2_000 { 20 } else { 200 };
        bench.cycle(dut, step);
        for (q, driver) in drivers.iter_mut().enumerate() {
            // The engines complete every descriptor they took, some time later.
            for (kind, engine) in [(0, &mut bench.tx), (1, &mut bench.rx)] {
                let taken = engine.taken.iter().filter(|t| t.0 == q).count();
                if made[q][kind] < taken && step.rng.random_ratio(1, 8) {
                    let number = made[q][kind];
                    engine
                        .completions
                        .push_back((q, completion(2 - kind as u64, number)));
                    made[q][kind] += 1;
                }
            }
            if bench.accesses.len() > 2 {
                continue;
            }
            if driver.poll(&bench) && step.rng.random_ratio(1, 2) {
                consumed[q] = driver.completions.len();
                driver.consumed(&mut bench, false);
            }
            // Room as the driver knows it: what it posted and has not seen completed.
            let tx_done = of_type(&driver.completions[..consumed[q]], 2).len();
            let rx_done = of_type(&driver.completions[..consumed[q]], 1).len();
            if left > 0 && step.cycle < 12_000 && step.rng.random_ratio(1, 20) {
                let posted = driver.sq_posted.len();
                let room = (1 << driver.sq_log2) - (posted - tx_done);
                let n = step.rng.random_range(0..=room);
                driver.post_sq(
                    &mut bench,
                    (posted..posted + n).map(|i| descriptor(q, 0, i)),
                );
                let posted = driver.rq_posted.len();
                let room = (1 << driver.rq_log2) - (posted - rx_done);
                let n = step.rng.random_range(0..=room);
                driver.post_rq(
                    &mut bench,
                    (posted..posted + n).map(|i| descriptor(q, 1, i)),
                );
                left -= 1;
            }
        }
        for driver in &mut drivers {
            if step.cycle == 15_990 {
                driver.poll(&bench);
            }
        }
    });
    for (q, driver) in drivers.iter().enumerate() {
        for (ring, posted, engine) in [
            (0, &driver.sq_posted, &bench.tx),
            (1, &driver.rq_posted, &bench.rx),
        ] {
            let taken: Vec<(u16, u128)> = engine
                .taken
                .iter()
                .filter(|t| t.0 == q)
                .map(|t| (t.1, t.2))
                .collect();
            let expected: Vec<(u16, u128)> = posted
                .iter()
                .enumerate()
                .map(|(i, d)| (i as u16, *d))
                .collect();
            assert_eq!(taken, expected, "pair {q}, ring {ring}");
            assert!(
                taken.len() > 50,
                "{} descriptors of pair {q}, ring {ring}",
                taken.len()
            );
        }
        for (kind, n) in [(2, made[q][0]), (1, made[q][1])] {
            let expected: Vec<u128> = (0..n).map(|i| completion(kind, i)).collect();
            assert_eq!(
                of_type(&driver.completions, kind),
                expected,
                "pair {q}, type {kind}"
            );
        }
    }
    let still = report
        .changes
        .iter()
        .filter(|c| c.1 == 0)
        .map(|c| c.0.as_str());
    let quiet = still.filter(|n| n.contains("desc") || n.contains("req") || n.starts_with("wr"));
    // Bus addresses and tags have bits that stay; whole ports that never move would be suspect.
    assert_eq!(
        quiet.collect::<Vec<_>>(),
        ["sq_req$tag", "rq_req$tag"]
            .into_iter()
            .filter(|n| report.changes.iter().any(|c| c.0 == *n && c.1 == 0))
            .collect::<Vec<_>>()
    );
}

/// Completions that fit a ring of 32.
const FULL: usize = 32 - COMPLETIONS_KEPT as usize;

#[test]
fn a_full_completion_ring_is_never_overrun_and_holds_back_its_source_only() {
    let mut bench = Bench::default();
    let mut drivers = [Driver::new(0, 4, 4, 5), Driver::new(1, 4, 4, 5)];
    for driver in &mut drivers {
        driver.enable(&mut bench, 0);
    }
    lockstep().run(8_000, |dut, step| {
        if step.cycle == 1_500 {
            assert!(bench.accessed());
            bench
                .tx
                .completions
                .extend((0..100).map(|i| (0, completion(2, i))));
            bench
                .rx
                .completions
                .extend((0..100).map(|i| (1, completion(1, i))));
        }
        bench.cycle(dut, step);
        if step.cycle == 4_000 {
            // Nobody has read: the rings are full but for what is kept.
            assert_eq!((bench.tx.accepted, bench.rx.accepted), (FULL, FULL));
            assert!(drivers[0].poll(&bench));
            assert_eq!(drivers[0].completions.len(), FULL);
            // The event has its place all the same.
            bench.rx.faults.push_back((1, 2, 77));
        }
        if step.cycle > 4_000 && bench.accessed() && step.rng.random_ratio(1, 30) {
            // Pair 0 reads on; pair 1 never does.
            drivers[0].poll(&bench);
            drivers[0].consumed(&mut bench, false);
        }
    });
    assert_eq!(bench.tx.accepted, 100);
    assert_eq!(bench.rx.accepted, FULL, "the ring of pair 1 stays full");
    drivers[1].poll(&bench);
    assert_eq!(drivers[1].completions.len(), FULL + 1);
    let events = of_type(&drivers[1].completions, completion::TYPE_EVENT);
    assert_eq!(events.len(), 1);
    drivers[0].poll(&bench);
    assert_eq!(
        drivers[0].completions,
        (0..100).map(|i| completion(2, i)).collect::<Vec<_>>()
    );
}

#[test]
fn no_pulse_is_lost() {
    let mut bench = Bench::default();
    let mut counted = [0_u64; 32];
    let (rx, tx) = (Stat::RxFrames as usize, Stat::TxFrames as usize);
    lockstep().run(9_000, |dut, step| {
        dut.stat.next = 0_u64.into();
        if (1_000..6_000).contains(&step.cycle) {
            let mut pulses = u64::from(step.rng.random::<u32>()) | 1 << Stat::TxBubbles as u64;
            pulses &= !(1 << Stat::RxBytes as u64
                | 1 << Stat::TxBytes as u64
                | 1 << Stat::Completions as u64);
            if !step.cycle.is_multiple_of(8) {
                pulses &= !(1 << rx | 1 << tx);
            }
            let bytes = [
                step.rng.random_range(60..9_000),
                step.rng.random_range(60..9_000),
            ];
            dut.stat.next = pulses.into();
            dut.rx_bytes.next = bytes[0].into();
            dut.tx_bytes.next = bytes[1].into();
            for (i, count) in counted.iter_mut().enumerate() {
                *count += pulses >> i & 1;
            }
            counted[Stat::RxBytes as usize] += bytes[0] * (pulses >> rx & 1);
            counted[Stat::TxBytes as usize] += bytes[1] * (pulses >> tx & 1);
        }
        if step.cycle == 6_000 {
            for stat in Stat::ALL {
                bench.read(stat.offset());
                bench.read(stat.offset() + 4);
            }
        }
        bench.cycle(dut, step);
    });
    for (stat, pair) in Stat::ALL
        .iter()
        .zip(bench.answers.make_contiguous().chunks(2))
    {
        let value = u64::from(pair[0].1) | u64::from(pair[1].1) << 32;
        assert_eq!(value, counted[*stat as usize], "{}", stat.name());
    }
    assert_eq!(bench.answers.len(), 64);
}
