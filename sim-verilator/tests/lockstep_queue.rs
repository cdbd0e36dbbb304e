//! The parts of the queue pairs in lock step, under random inputs.

use longshore_hdl::{bits::from_u128, queue, queue::register_map::Target};
use nic_abi::tx;
use rand::RngExt as _;
use sim_lockstep::{Lockstep, Step};
use std::collections::VecDeque;

const CYCLES: u64 = 10_000;

const TARGETS: [Target; 21] = [
    Target::RqDoorbell,
    Target::DeviceControl,
    Target::MacLow,
    Target::MacHigh,
    Target::RxControl,
    Target::MaxFrame,
    Target::RxQueue,
    Target::MulticastLow,
    Target::MulticastHigh,
    Target::Control,
    Target::Status,
    Target::SqBaseLow,
    Target::CqBaseHigh,
    Target::Sizes,
    Target::Interrupt,
    Target::SqDoorbell,
    Target::CqDoorbell,
    Target::RqState,
    Target::CqState,
    Target::Epoch,
    Target::Quiesced,
];

fn any_target(step: &mut Step) -> Target {
    TARGETS[step.rng.random_range(0..TARGETS.len())]
}

/// Set once in `of` cycles.
fn seldom(step: &mut Step, of: u32) -> bool {
    step.rng.random_ratio(1, of)
}

fn word(step: &mut Step) -> u64 {
    u64::from(step.rng.random::<u32>())
}

#[test]
fn csr() {
    let mut waiting = false;
    Lockstep::new("queue_csr", queue::queue_csr())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            // A reset starts a sweep of 514 cycles, so not at random.
            dut.reset.next = step.cycle % 4_000 == 3_999 || step.cycle < 2;
            if !waiting {
                let page = [0x0000, 0x0100, 0x0200, 0x0400, 0x8000, 0x9000, 0xa000];
                let page = page[step.rng.random_range(0..page.len())];
                dut.regs.addr.next = (page + 4 * step.rng.random_range(0..64_u64)).into();
                dut.regs.wdata.next = word(step).into();
                dut.regs.write.next = step.rng.random();
                dut.regs.valid.next = step.rng.random();
            }
            dut.live.next = (word(step) & word(step) & 0xf).into();
            dut.counter_value.next = step.rng.random::<u64>().into();
            dut.counter_valid.next = seldom(step, 4);
            step.settle(dut);
            waiting = dut.regs.valid.val() && !dut.regs.ready.val();
        })
        .assert_all_outputs_moved();
}

#[test]
fn device() {
    Lockstep::new("queue_device", queue::queue_device())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.reset();
            dut.access.target.next = any_target(step);
            dut.access.data.next = word(step).into();
            dut.access.write.next = seldom(step, 2);
            dut.epoch.next = word(step).into();
            dut.rate.next = word(step).into();
            dut.link_up.next = step.rng.random();
            dut.busy.next = step.rng.random();
            dut.idle.next = step.rng.random();
        })
        .assert_all_outputs_moved();
}

#[test]
fn port() {
    Lockstep::new("queue_port", queue::queue_port())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.reset();
            dut.access.target.next = any_target(step);
            dut.access.number.next = step.rng.random_range(0..8_u64).into();
            dut.access.data.next = word(step).into();
            dut.access.write.next = seldom(step, 2);
        })
        .assert_all_outputs_moved();
}

#[test]
fn pair() {
    Lockstep::new("queue_pair", queue::queue_pair())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.reset();
            let target = any_target(step);
            dut.access.target.next = target;
            dut.access.number.next = step.rng.random_range(0..2_u64).into();
            dut.access.data.next = match target {
                // Good sizes and alignments often, doorbells close to the indexes.
                Target::Sizes => [0x7_0506, 0x5_0404, 0x3_0203][step.rng.random_range(0..3_usize)],
                Target::SqBaseLow => word(step) << 6 & 0xffff_ffc0 | u64::from(seldom(step, 64)),
                Target::SqDoorbell | Target::RqDoorbell | Target::CqDoorbell => {
                    word(step) & 0x8000_000f
                }
                _ => word(step),
            }
            .into();
            dut.access.write.next = seldom(step, 2);
            dut.busy.next = step.rng.random();
            dut.sq_head.next = step.rng.random_range(0..8_u64).into();
            dut.rq_head.next = step.rng.random_range(0..8_u64).into();
            dut.cq_tail.next = step.rng.random_range(8..16_u64).into();
            dut.fault.next = seldom(step, 16);
            dut.fault_cause.next = step.rng.random_range(1..8_u64).into();
            dut.fault_index.next = (word(step) & 0xffff).into();
            dut.event_taken.next = seldom(step, 8);
        })
        .assert_all_outputs_moved();
}

#[test]
fn fetch_lane() {
    // Reads in flight by how many descriptors each asked for.
    let mut flight = VecDeque::new();
    Lockstep::new("queue_fetch_lane", queue::queue_fetch_lane())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.reset();
            dut.restart.next = seldom(step, 200);
            dut.run.next = !seldom(step, 50);
            // By turns the driver posts on, posts nothing, and starts again where the queue stands.
            let turn = step.cycle % 600;
            if turn == 599 {
                dut.tail.next = dut.head.val();
            } else if turn < 300 && seldom(step, 16) {
                dut.tail.next = (dut.tail.val().to_u64() + step.rng.random_range(0..20)).into();
            }
            step.settle(dut);
            let issue = dut.want.val() && step.rng.random();
            let count = step
                .rng
                .random_range(1..=dut.available.val().to_u64().max(1));
            dut.issue.next = issue;
            dut.issue_count.next = count.into();
            dut.ended.next = false;
            if step.in_reset() {
                flight.clear();
            } else if seldom(step, 3)
                && let Some(count) = flight.pop_front()
            {
                dut.ended.next = true;
                dut.ended_count.next = count;
            }
            if issue {
                flight.push_back(dut.issue_count.next);
            }
            dut.ended_failed.next = seldom(step, 16);
            dut.filling.next = dut.hungry.val();
            dut.fill.next = seldom(step, 2);
            // A context every other time, so that a request can lack a part.
            let descriptor: u128 = step.rng.random();
            let context = tx::TYPE.set(descriptor, tx::TYPE_CONTEXT);
            let descriptor = if step.rng.random() {
                context
            } else {
                descriptor
            };
            dut.fill_data.next = from_u128(descriptor);
            dut.ready.next = step.rng.random();
            dut.fault_taken.next = step.rng.random();
        })
        .assert_all_outputs_moved();
}

#[test]
fn completion_lane() {
    let (mut rested, mut promised) = (true, 0_u32);
    Lockstep::new("queue_completion_lane", queue::queue_completion_lane())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.reset();
            dut.restart.next = seldom(step, 500);
            dut.size.next = 32_u64.into();
            step.settle(dut);
            // Each engine claims once in four cycles at most, and takes a claim back now and then.
            let may = dut.open.val() && !step.in_reset();
            let tx_claim = may && step.cycle % 4 == 0 && step.rng.random();
            let rx_claim = may && step.cycle % 4 == 2 && step.rng.random();
            let tx_waive = promised > 2 && seldom(step, 30);
            let rx_waive = promised > 2 && seldom(step, 30);
            let accept = dut.room.val() && rested && promised > 2 && seldom(step, 6);
            rested = !accept;
            dut.tx_claim.next = tx_claim;
            dut.rx_claim.next = rx_claim;
            dut.tx_waive.next = tx_waive;
            dut.rx_waive.next = rx_waive;
            dut.accept.next = accept;
            let urgent = seldom(step, 16);
            dut.accept_urgent.next = urgent;
            promised += u32::from(tx_claim) + u32::from(rx_claim);
            promised -= u32::from(tx_waive) + u32::from(rx_waive);
            promised -= u32::from(accept && !urgent);
            if step.in_reset() {
                promised = 0;
            }
            dut.start.next = dut.flush.val() && seldom(step, 3);
            dut.written.next = seldom(step, 8);
            dut.written_count.next = dut.flush_count.val();
            if seldom(step, 20) {
                dut.consumer.next = dut.tail.val();
            }
            dut.arm.next = seldom(step, 20);
            dut.disarm.next = seldom(step, 40);
            dut.delay.next = u64::from(seldom(step, 2)).into();
            dut.count.next = step.rng.random_range(0..4_u64).into();
            dut.fired.next = seldom(step, 4);
        })
        .assert_all_outputs_moved();
}

#[test]
fn stats() {
    Lockstep::new("queue_stats", queue::queue_stats())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.cycle < 2 || step.cycle % 3_000 == 2_999;
            dut.pulse.next = word(step).into();
            dut.rx_bytes.next = (word(step) & 0x3fff).into();
            dut.tx_bytes.next = (word(step) & 0x3fff).into();
            dut.index.next = step.rng.random_range(0..40_u64).into();
            dut.read.next = !seldom(step, 64);
        })
        .assert_all_outputs_moved();
}

#[test]
fn faults() {
    // A fault that is offered stays as it is until it is taken.
    let mut offered: Vec<Option<[u64; 3]>> = Vec::new();
    Lockstep::new("queue_faults", queue::queue_faults())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            let reset = step.reset();
            dut.reset.next = reset;
            offered.resize(dut.fault.len(), None);
            for (fault, offer) in dut.fault.iter_mut().zip(&mut offered) {
                if reset {
                    *offer = None;
                } else if offer.is_none() && seldom(step, 4) {
                    let queue = step.rng.random_range(0..2_u64);
                    *offer = Some([queue, word(step) & 7, word(step) & 0xffff]);
                }
                let [queue, cause, index] = offer.unwrap_or_default();
                fault.valid.next = offer.is_some();
                fault.queue.next = queue.into();
                fault.cause.next = cause.into();
                fault.index.next = index.into();
            }
            dut.event_due.next = (word(step) & word(step) & 3).into();
            for (cause, index) in dut.event_cause.iter_mut().zip(&mut dut.event_index) {
                cause.next = (word(step) & 7).into();
                index.next = (word(step) & 0xffff).into();
            }
            dut.completion.ready.next = seldom(step, 3);
            step.settle(dut);
            for (fault, offer) in dut.fault.iter().zip(&mut offered) {
                if fault.ready.val() {
                    *offer = None;
                }
            }
        });
}
