//! The buffers and memories in lock step.

use longshore_hdl::{bits::from_u128, memory, stream};
use rand::RngExt as _;
use sim_verilator::lockstep::{Lockstep, StreamSink, StreamSource};

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
