//! The nets catch what they are for: modules that are wrong on purpose must be reported.

use longshore_hdl::{bits::from_u128, stream::skid::AxisSkid, witness};
use rand::RngExt as _;
use sim_lockstep::{Lockstep, LockstepError, StreamSink, StreamSource};

#[test]
fn lock_step_reports_a_leaf_whose_verilog_differs_from_its_model() {
    let error = Lockstep::new("witness_carry", witness::witness_carry())
        .seed(7)
        .try_run(10_000, |dut, step| {
            dut.a.next = from_u128(step.rng.random());
            dut.b.next = from_u128(step.rng.random());
        })
        .expect_err("the Verilog loses a carry and lock step saw nothing");
    assert!(
        matches!(&error, LockstepError::Mismatch { port, seed: 7, .. } if port == "y"),
        "{error}"
    );
    assert!(error.to_string().contains("LONGSHORE_SEED=7"), "{error}");
}

/// Frames in and out of a slice in lock step.
fn frames(name: &str, dut: AxisSkid) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut source, mut sink) = (StreamSource::default(), StreamSink::default());
    Lockstep::new(name, dut)
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(2_000, |dut, step| {
            dut.reset.next = step.reset();
            source.refill(step);
            source.drive(&mut dut.s, step);
            sink.drive(&mut dut.m, step);
            step.settle(dut);
            source.observe(&dut.s);
            sink.observe(&dut.m);
        });
    (source.sent, sink.frames)
}

#[test]
fn comparing_frames_reports_a_fault_that_both_simulators_share() {
    let (sent, received) = frames("witness_skid", AxisSkid::with_fault());
    assert!(
        !sent.starts_with(&received),
        "bits turn over and no frame differs"
    );
    let (sent, received) = frames("axis_skid", AxisSkid::default());
    assert!(sent.starts_with(&received));
}

#[test]
fn the_stream_checker_reports_a_stimulus_that_breaks_the_protocol() {
    let error = Lockstep::new("axis_skid", AxisSkid::default())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .try_run(1_000, |dut, step| {
            dut.reset.next = step.reset();
            dut.s.tvalid.next = !step.in_reset() && step.cycle > 10;
            dut.s.tdata.next = step.cycle.into(); // changes while the slice is full
            dut.s.tkeep.next = 255.into();
            dut.m.tready.next = false;
        })
        .expect_err("tdata changes under tvalid and the checker saw nothing");
    assert!(matches!(error, LockstepError::Protocol { .. }), "{error}");
}

/// Lock step is told the wrong module: the ports must match.
#[test]
#[should_panic(expected = "other ports")]
fn a_module_with_other_ports_is_refused() {
    let _ = Lockstep::new("axis_skid", witness::witness_carry());
}
