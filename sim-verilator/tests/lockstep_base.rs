//! The buffers and memories in lock step.

use longshore_hdl::{bits, bits::from_u128, memory, stream};
use rand::RngExt as _;
use sim_verilator::lockstep::{Lockstep, Pace, StreamSink, StreamSource};
use std::collections::VecDeque;

const CYCLES: u64 = 10_000;

#[test]
fn axis_skid() {
    let (mut source, mut sink) = (StreamSource::default(), StreamSink::default());
    let report = Lockstep::new("axis_skid", stream::axis_skid())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.reset();
            source.refill(step);
            source.drive(&mut dut.s, step);
            sink.drive(&mut dut.m, step);
            step.settle(dut);
            source.observe(&dut.s);
            sink.observe(&dut.m);
        });
    report.assert_all_outputs_moved();
    assert!(sink.frames.len() > 100, "{} frames", sink.frames.len());
    assert!(
        source.sent.starts_with(&sink.frames),
        "frames changed on the way"
    );
}

#[test]
fn bram_with_output_register() {
    Lockstep::new("bram_72x9", memory::bram_72x9())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.raddr.next = step.rng.random_range(0..16_u64).into();
            dut.waddr.next = step.rng.random_range(0..16_u64).into();
            dut.wdata.next = from_u128(step.rng.random());
            dut.wen.next = step.rng.random();
        })
        .assert_all_outputs_moved();
}

#[test]
fn bram_with_initial_contents() {
    Lockstep::new("bram_16x4_init", memory::bram_16x4_init())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.raddr.next = step.rng.random_range(0..16_u64).into();
            dut.waddr.next = step.rng.random_range(0..16_u64).into();
            dut.wdata.next = u64::from(step.rng.random::<u16>()).into();
            dut.wen.next = step.rng.random_ratio(1, 4);
        })
        .assert_all_outputs_moved();
}

/// A FIFO under random traffic: lock step, and the values come out in order.
macro_rules! sync_fifo {
    ($name:ident) => {
        #[test]
        fn $name() {
            let (mut fill, mut drain) = (Pace::default(), Pace::default());
            let mut inside = VecDeque::new();
            let mut taken = 0;
            Lockstep::new(stringify!($name), memory::$name())
                .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
                .run(CYCLES, |dut, step| {
                    let reset = step.reset_now_and_then(2_000);
                    dut.reset.next = reset;
                    dut.in_data.next = from_u128(step.rng.random());
                    dut.in_valid.next = fill.now(&mut step.rng);
                    dut.out_ready.next = drain.now(&mut step.rng);
                    step.settle(dut);
                    assert_eq!(dut.fill.val().to_u64(), inside.len() as u64);
                    if dut.out_valid.val() && dut.out_ready.val() {
                        assert_eq!(Some(dut.out_data.val()), inside.pop_front());
                        taken += 1;
                    }
                    if dut.in_valid.val() && dut.in_ready.val() {
                        inside.push_back(dut.in_data.val());
                    }
                    if reset {
                        inside.clear();
                    }
                })
                .assert_all_outputs_moved();
            assert!(taken > CYCLES / 10, "{taken} values");
        }
    };
}
sync_fifo!(sync_fifo_24x4);
sync_fifo!(sync_fifo_72x6);

#[test]
fn layout_decoder_sample() {
    Lockstep::new("layout_decoder_sample", bits::layout_decoder_sample())
        .run(CYCLES, |dut, step| {
            dut.word.next = from_u128(step.rng.random())
        })
        .assert_all_outputs_moved();
}

#[test]
fn layout_encoder_sample() {
    Lockstep::new("layout_encoder_sample", bits::layout_encoder_sample())
        .run(CYCLES, |dut, step| {
            dut.handle.next = from_u128(step.rng.random());
            dut.payload_len.next = from_u128(step.rng.random());
            dut.tso.next = step.rng.random();
            dut.kind.next = from_u128(step.rng.random());
        })
        .assert_all_outputs_moved();
}

#[test]
fn dual_clock_bram() {
    Lockstep::new("dual_clock_bram_64x5", memory::dual_clock_bram_64x5())
        .clock("wclock", 4_000, |dut, level| dut.wclock.next = level.into())
        .clock("rclock", 6_400, |dut, level| dut.rclock.next = level.into())
        .run(CYCLES, |dut, step| {
            if step.rises(0) {
                dut.waddr.next = step.rng.random_range(0..32_u64).into();
                dut.wdata.next = step.rng.random::<u64>().into();
                dut.wen.next = step.rng.random();
            }
            if step.rises(1) {
                dut.raddr.next = step.rng.random_range(0..32_u64).into();
                dut.ren.next = step.rng.random();
            }
        })
        .assert_all_outputs_moved();
}
