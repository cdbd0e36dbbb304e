//! Enabling, quarantine, quiescing, interrupts.

use super::bench::{Bench, Dut, lockstep};
use super::driver::Driver;
use nic_abi::block::{DEVICE, device, queue as pair};
use nic_abi::completion::{self, Completion};
use nic_abi::fault::QueueFault;
use nic_abi::stats::Stat;
use nic_abi::tx;
use sim_lockstep::Step;

/// Runs a script: called once whenever all accesses are done, with its number, until it returns false; then on to the end.
fn play(
    bench: &mut Bench,
    cycles: u64,
    pause: u64,
    mut script: impl FnMut(&mut Bench, usize) -> bool,
) {
    let (mut scene, mut rest, mut more) = (0, 0, true);
    lockstep().run(cycles, |dut: &mut Dut, step: &mut Step| {
        dut.idle.next = true;
        if more && step.cycle > 600 && bench.accessed() {
            rest += 1;
            if rest > pause {
                rest = 0;
                more = script(bench, scene);
                scene += 1;
            }
        }
        bench.cycle(dut, step);
    });
    assert!(!more, "the script ended at scene {scene}");
}

/// Last answer of a read.
fn last(bench: &Bench) -> u32 {
    bench.answers.back().expect("an answer").1
}

fn status(fault: QueueFault, index: u16) -> u32 {
    pair::STATUS_QUARANTINE.of(1)
        | pair::STATUS_CAUSE.of(fault as u32)
        | pair::STATUS_INDEX.of(index.into())
}

#[test]
fn a_configuration_that_cannot_be_is_a_quarantine_without_event() {
    let bad = |sq, rq, cq, shift: u64| {
        let mut driver = Driver::new(1, sq, rq, cq);
        driver.cq_base += shift;
        driver
    };
    let cases = [
        bad(3, 4, 6, 0),
        bad(4, 3, 6, 0),
        bad(4, 5, 5, 0),
        bad(5, 4, 5, 0),
        bad(4, 4, 5, 16),
        bad(4, 4, 3, 0),
    ];
    let mut bench = Bench::default();
    play(&mut bench, 9_000, 20, |bench, scene| {
        if scene > 0 {
            assert_eq!(
                last(bench),
                status(QueueFault::BadConfiguration, 0),
                "case {}",
                scene - 1
            );
            bench.write(cases[0].at(pair::CONTROL), 0);
        }
        let Some(case) = cases.get(scene) else {
            return false;
        };
        let mut case = Driver {
            sq_posted: vec![],
            rq_posted: vec![],
            completions: vec![],
            ..*case
        };
        case.enable(bench, 0);
        case.post_sq(bench, [1, 2, 3]);
        bench.read(case.at(pair::STATUS));
        true
    });
    assert!(
        bench.reads.is_empty() && bench.writes.is_empty(),
        "nothing moves"
    );
}

#[test]
fn a_bad_doorbell_is_a_quarantine_with_an_event_that_ends_with_enabling() {
    let mut bench = Bench::default();
    let mut driver = Driver::new(0, 4, 5, 6);
    play(&mut bench, 12_000, 150, |bench, scene| {
        match scene {
            0 => driver.enable(bench, 0),
            1 => bench.write(driver.at(pair::SQ_DOORBELL), 17),
            2 => bench.read(driver.at(pair::STATUS)),
            3 => {
                assert_eq!(last(bench), status(QueueFault::BadIndex, 17));
                driver.poll(bench);
                let event = Completion::Event {
                    index: 17,
                    fault: QueueFault::BadIndex,
                };
                assert_eq!(driver.completions, [event.encode(false)]);
                // Nothing moves in quarantine; a consumer index does count.
                driver.post_sq(bench, [1, 2, 3]);
                driver.consumed(bench, false);
                bench.read(driver.at(pair::CQ_STATE));
            }
            4 => {
                assert!(bench.reads.is_empty());
                assert_eq!(
                    last(bench),
                    pair::CQ_STATE_HEAD.of(1) | pair::CQ_STATE_TAIL.of(1)
                );
                bench.write(driver.at(pair::CONTROL), 0);
                driver.enable(bench, 0);
                driver.post_sq(bench, [11, 12, 13]);
                bench.read(driver.at(pair::SQ_STATE));
            }
            5 => {
                bench.read(driver.at(pair::STATUS));
                bench.read(driver.at(pair::SQ_STATE));
            }
            6 => {
                assert_eq!(bench.tx.taken, [(0, 0, 11), (0, 1, 12), (0, 2, 13)]);
                assert_eq!(
                    last(bench),
                    pair::SQ_STATE_HEAD.of(3) | pair::SQ_STATE_TAIL.of(3)
                );
                assert_eq!(bench.answers[bench.answers.len() - 2].1, 0);
                // A consumer index beyond the producer.
                bench.write(driver.at(pair::CQ_DOORBELL), 1);
                bench.read(driver.at(pair::STATUS));
            }
            7 => bench.read(driver.at(pair::STATUS)),
            _ => {
                assert_eq!(last(bench), status(QueueFault::BadIndex, 1));
                return false;
            }
        }
        true
    });
}

#[test]
fn a_failed_descriptor_read_is_a_quarantine_and_leaves_the_other_pair_alone() {
    let mut bench = Bench::default();
    let mut drivers = [Driver::new(0, 5, 5, 7), Driver::new(1, 5, 5, 7)];
    // Descriptor 5 of pair 0 cannot be read, so its whole read fails.
    bench.failing = Some(drivers[0].rq_base + 5 * 16);
    play(&mut bench, 10_000, 400, |bench, scene| {
        match scene {
            0 => {
                for driver in &mut drivers {
                    driver.enable(bench, 0);
                    driver.post_rq(bench, 100..120);
                }
            }
            1 => bench.read(drivers[0].at(pair::STATUS)),
            _ => {
                // Of the read that failed it names the first descriptor; of those before it, the ones not yet taken were dropped.
                let index = pair::STATUS_INDEX.get(last(bench)) as u16;
                assert_eq!(last(bench), status(QueueFault::ReadFailed, index));
                let first = drivers[0].rq_base + 16 * u64::from(index);
                let failing = bench.failing.expect("set above");
                let covers = |r: &&(u64, u64)| r.0 == first && (r.0..r.0 + r.1).contains(&failing);
                assert_eq!(bench.reads.iter().filter(covers).count(), 1);
                let taken = bench.rx.taken.iter().filter(|t| t.0 == 0).count();
                assert!(taken <= usize::from(index));
                drivers[0].poll(bench);
                let event = Completion::Event {
                    index,
                    fault: QueueFault::ReadFailed,
                };
                assert_eq!(drivers[0].completions, [event.encode(false)]);
                assert_eq!(bench.rx.taken.iter().filter(|t| t.0 == 1).count(), 20);
                return false;
            }
        }
        true
    });
}

#[test]
fn a_request_is_whole_when_its_last_descriptor_has_come() {
    let mut bench = Bench::default();
    bench.take = false;
    let mut drivers = [Driver::new(0, 5, 5, 7), Driver::new(1, 5, 5, 7)];
    let context = |buffers| tx::BUFFERS.set(tx::TYPE.set(0, tx::TYPE_CONTEXT), buffers);
    let buffer = tx::TYPE.set(0, tx::TYPE_BUFFER);
    play(&mut bench, 9_000, 200, |bench, scene| {
        match scene {
            0 => drivers.iter_mut().for_each(|d| d.enable(bench, 0)),
            1 => {
                drivers[0].post_sq(bench, [context(31)].into_iter().chain([buffer; 30]));
                drivers[1].post_sq(bench, [context(1), buffer]);
            }
            2 => {
                assert_eq!(bench.whole, 0b10);
                drivers[0].post_sq(bench, [buffer]);
            }
            3 => {
                assert_eq!(bench.whole, 0b11);
                bench.take = true;
            }
            _ => {
                assert_eq!(bench.tx.taken.len(), 34);
                assert_eq!(bench.whole, 0);
                return false;
            }
        }
        true
    });
}

#[test]
fn a_fault_of_an_engine_is_a_quarantine_and_the_first_one_counts() {
    let mut bench = Bench::default();
    let mut driver = Driver::new(1, 4, 4, 5);
    play(&mut bench, 6_000, 200, |bench, scene| {
        match scene {
            0 => driver.enable(bench, 0),
            1 => {
                bench
                    .tx
                    .faults
                    .push_back((1, QueueFault::BadLength as u8, 7));
                bench
                    .tx
                    .faults
                    .push_back((1, QueueFault::PayloadReadFailed as u8, 8));
                bench
                    .rx
                    .faults
                    .push_back((0, QueueFault::BadLength as u8, 9));
                bench.read(driver.at(pair::STATUS));
            }
            2 => bench.read(driver.at(pair::STATUS)),
            _ => {
                assert_eq!(last(bench), status(QueueFault::BadLength, 7));
                driver.poll(bench);
                let event = Completion::Event {
                    index: 7,
                    fault: QueueFault::BadLength,
                };
                assert_eq!(driver.completions, [event.encode(false)]);
                return false;
            }
        }
        true
    });
    assert_eq!(
        bench.writes.len(),
        1,
        "a pair that is not enabled has no faults"
    );
}

#[test]
fn disabling_drops_what_was_fetched_and_enabling_begins_anew() {
    let mut bench = Bench::default();
    (bench.take, bench.latency) = (false, 300);
    let mut driver = Driver::new(0, 6, 6, 8);
    play(&mut bench, 12_000, 40, |bench, scene| {
        match scene {
            0 => driver.enable(bench, 0),
            1 => driver.post_sq(bench, 0..60),
            // The reads are in flight for 300 cycles: disable and enable within them.
            2 => {
                bench.write(driver.at(pair::CONTROL), 0);
                bench.read(driver.at(pair::STATUS));
            }
            3 => {
                assert_eq!(
                    last(bench),
                    pair::STATUS_ACTIVE.of(1),
                    "reads are in flight"
                );
                driver.enable(bench, 0);
                driver.post_sq(bench, 1_000..1_040);
                bench.take = true;
            }
            40 => {
                let data: Vec<u128> = bench.tx.taken.iter().map(|t| t.2).collect();
                assert_eq!(data, (1_000..1_040).collect::<Vec<u128>>());
                bench.read(driver.at(pair::STATUS));
            }
            41 => {
                assert_eq!(last(bench), 0, "all at rest");
                return false;
            }
            _ => {}
        }
        true
    });
}

#[test]
fn quiescing_stops_the_reads_and_tells_when_all_is_quiet() {
    let mut bench = Bench::default();
    bench.latency = 400;
    let mut driver = Driver::new(0, 6, 6, 8);
    let quiesced = DEVICE.at(0, device::QUIESCED);
    play(&mut bench, 9_000, 30, |bench, scene| {
        match scene {
            0 => driver.enable(bench, 0),
            1 => driver.post_rq(bench, 0..40),
            2 => {
                bench.write(
                    DEVICE.at(0, device::CONTROL),
                    device::CONTROL_ENABLE.of(1) | device::CONTROL_QUIESCE.of(1),
                );
                bench.read(quiesced);
            }
            3 => assert_eq!(last(bench), 0, "reads are in flight"),
            40 => {
                driver.post_rq(bench, 40..60);
                bench.read(quiesced);
            }
            41 => {
                assert_eq!(last(bench), device::QUIESCED_MAGIC);
                assert!(bench.rx.taken.is_empty());
                return false;
            }
            _ => {}
        }
        true
    });
}

#[test]
fn an_interrupt_comes_once_for_each_arming_and_none_is_missed() {
    let mut bench = Bench::default();
    let mut driver = Driver::new(0, 4, 4, 5);
    let entry = |n: u128| completion::TYPE.set(n, completion::TYPE_TX);
    play(&mut bench, 20_000, 200, |bench, scene| {
        match scene {
            0 => driver.enable(bench, pair::INTERRUPT_VECTOR.of(9)),
            // Not armed: no interrupt.
            1 => bench.tx.completions.push_back((0, entry(1))),
            // Armed with a completion beyond the index: at once.
            2 => bench.write(driver.at(pair::CQ_DOORBELL), pair::CQ_ARM.of(1)),
            3 => {
                assert_eq!(bench.irqs.len(), 1);
                // Disarmed: more completions are silent.
                bench.tx.completions.push_back((0, entry(2)));
            }
            4 => {
                assert_eq!(bench.irqs.len(), 1);
                driver.poll(bench);
                driver.consumed(bench, true);
            }
            // Armed and nothing beyond the index: not yet.
            5 => {
                assert_eq!(bench.irqs.len(), 1);
                bench.tx.completions.push_back((0, entry(3)));
            }
            6 => {
                assert_eq!(bench.irqs.len(), 2);
                // Written without ARM: silent again.
                driver.poll(bench);
                driver.consumed(bench, true);
                driver.consumed(bench, false);
            }
            7 => bench.tx.completions.push_back((0, entry(4))),
            8 => {
                assert_eq!(bench.irqs.len(), 2);
                bench.read(Stat::Completions.offset());
            }
            _ => {
                assert_eq!(last(bench), 4);
                return false;
            }
        }
        true
    });
    assert!(bench.irqs.iter().all(|i| i.1 == 9));
}

#[test]
fn moderation_delays_the_interrupt_until_the_time_or_the_count() {
    let mut bench = Bench::default();
    let mut driver = Driver::new(0, 4, 4, 5);
    let entry = |n: u128| completion::TYPE.set(n, completion::TYPE_TX);
    let interrupt =
        pair::INTERRUPT_VECTOR.of(3) | pair::INTERRUPT_DELAY.of(4) | pair::INTERRUPT_COUNT.of(3);
    play(&mut bench, 24_000, 1_600, |bench, scene| {
        match scene {
            0 => driver.enable(bench, interrupt),
            1 => {
                driver.consumed(bench, true);
                bench.tx.completions.push_back((0, entry(1)));
            }
            // 4 × 256 cycles after the completion's write.
            2 => {
                let (written, fired) = (bench.writes[0].0, bench.irqs[0].0);
                assert!(
                    (1_024..1_300).contains(&(fired - written)),
                    "{written} {fired}"
                );
                driver.poll(bench);
                driver.consumed(bench, true);
            }
            // Three completions do not wait so long.
            3 => bench.tx.completions.extend((2..5).map(|n| (0, entry(n)))),
            _ => {
                assert_eq!(bench.irqs.len(), 2);
                let written = bench.writes.last().expect("a write").0;
                assert!(bench.irqs[1].0 < written + 300);
                return false;
            }
        }
        true
    });
}
