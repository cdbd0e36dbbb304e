//! The checksum leaves in lock step with their Verilog, and against plain arithmetic.

use longshore_hdl::checksum;
use rand::RngExt as _;
use sim_lockstep::Lockstep;

/// RFC 1071 over the chosen bytes, as little-endian words.
fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

fn plain(data: u64, take: u8) -> u64 {
    (0..8)
        .filter(|i| take >> i & 1 == 1)
        .map(|i| (data >> (8 * i) & 0xff) << (8 * (i % 2)))
        .sum()
}

#[test]
fn beat_sum_is_the_plain_sum_of_the_chosen_bytes() {
    let mut expected = None;
    let report = Lockstep::new("checksum_beat_sum", checksum::checksum_beat_sum())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(10_000, |dut, step| {
            let mut data: u64 = step.rng.random();
            if step.rng.random_ratio(1, 8) {
                data = u64::MAX;
            }
            let take: u8 = step.rng.random();
            dut.tdata.next = data.into();
            dut.take.next = u64::from(take).into();
            step.settle(dut);
            if let Some(sum) = expected.replace(plain(data, take)) {
                assert_eq!(dut.sum.val().to_u64(), sum);
            }
        });
    report.assert_all_outputs_moved();
}

#[test]
fn fold_carries_around_the_end() {
    let mut under_way = std::collections::VecDeque::new();
    let report = Lockstep::new("checksum_fold", checksum::checksum_fold())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(10_000, |dut, step| {
            let reset = step.reset_now_and_then(50);
            let mut total: u32 = step.rng.random();
            if step.rng.random_ratio(1, 4) {
                // The corners: zero, multiples of 0xFFFF, all ones.
                total =
                    [0, 0xffff, 0xffff_0000, 0xfffe_0001, u32::MAX][step.rng.random_range(0..5)];
            }
            let valid = step.rng.random();
            dut.reset.next = reset;
            dut.total.next = u64::from(total).into();
            dut.valid.next = valid;
            step.settle(dut);
            if under_way.len() == 2 {
                let before: Option<u32> = under_way.pop_front().unwrap();
                assert_eq!(dut.done.val(), before.is_some());
                if let Some(total) = before {
                    assert_eq!(dut.sum.val().to_u64(), fold(total.into()));
                }
            }
            under_way.push_back(valid.then_some(total));
            if reset {
                under_way.iter_mut().for_each(|total| *total = None);
            }
        });
    report.assert_all_outputs_moved();
}

#[test]
fn sum_unit_sums_frames_back_to_back() {
    let mut frame: Option<u64> = None;
    let mut pending_init: Option<u64> = None;
    let mut results = std::collections::VecDeque::new();
    let (mut left, mut checked) = (0_u32, 0);
    let report = Lockstep::new("checksum_sum_unit", checksum::checksum_sum_unit())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(10_000, |dut, step| {
            let reset = step.reset_now_and_then(50);
            dut.reset.next = reset;
            let valid = !reset && step.rng.random_ratio(7, 8);
            let (data, take): (u64, u8) = (step.rng.random(), step.rng.random());
            let first = left == 0;
            if valid && first {
                left = step.rng.random_range(1..=12);
            }
            let last = left == 1;
            let init = u64::from(step.rng.random::<u32>() & 0x1ffff);
            dut.valid.next = valid;
            dut.first.next = first;
            dut.last.next = last;
            dut.tdata.next = data.into();
            dut.take.next = u64::from(take).into();
            dut.init.next = init.into();
            step.settle(dut);
            if dut.done.val() && !reset {
                let sum: u64 = results
                    .pop_front()
                    .expect("a frame that was not ended is done");
                assert_eq!(dut.sum.val().to_u64(), fold(sum));
                checked += 1;
            }
            if reset {
                (frame, pending_init, left) = (None, None, 0);
                results.clear();
                return;
            }
            // `init` belongs to the frame whose first beat was given in the cycle before.
            if pending_init.take().is_some() {
                match &mut frame {
                    Some(sum) => *sum += init,
                    None => *results.back_mut().unwrap() += init,
                }
            }
            if valid {
                if first {
                    (frame, pending_init) = (Some(0), Some(0));
                }
                *frame.as_mut().unwrap() += plain(data, take);
                left -= 1;
                if last {
                    results.push_back(frame.take().unwrap());
                }
            }
        });
    report.assert_all_outputs_moved();
    assert!(checked > 500);
}
