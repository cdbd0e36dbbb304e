//! The wire and the function-level reset in lock step.

use longshore_hdl::{nic, wire};
use rand::RngExt as _;
use sim_lockstep::{Lockstep, StreamSink, StreamSource};

#[test]
fn rx_gate_lets_only_whole_frames_begin() {
    let (mut source, mut sink) = (StreamSource::default(), StreamSink::default());
    let mut frames = Vec::new();
    let mut reset = 0;
    let report = Lockstep::new("wire_rx_gate", wire::wire_rx_gate())
        .clock("clock", 6_400, |dut, level| dut.clock.next = level.into())
        .stream("s", 0, None)
        .run(10_000, |dut, step| {
            // The MAC goes on through resets, so the stream's driver does not see them.
            if reset == 0 && step.rng.random_ratio(1, 200) {
                reset = step.rng.random_range(1..30);
            }
            dut.reset.next = reset > 0;
            source.refill(step);
            source.drive(&mut dut.s, step);
            sink.drive(&mut dut.m, step);
            step.settle(dut);
            source.observe(&dut.s);
            if reset > 0 {
                // What a reset cuts, the FIFO behind the gate forgets.
                frames.append(&mut sink.frames);
                sink = StreamSink::default();
                reset -= 1;
            } else {
                sink.observe(&dut.m);
            }
        });
    report.assert_all_outputs_moved();
    frames.append(&mut sink.frames);
    assert!(frames.len() > 50 && frames.len() < source.sent.len());
    let mut sent = source.sent.iter();
    for frame in &frames {
        assert!(
            sent.any(|s| s == frame),
            "a frame that was never sent, or out of order"
        );
    }
}

#[test]
fn mac_wire_carries_frames_between_the_clocks() {
    let mut streams: [(StreamSource, StreamSink); 2] = Default::default();
    Lockstep::new("wire_mac_wire", wire::wire_mac_wire())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .clock("mac_clock", 6_400, |dut, level| {
            dut.mac_clock.next = level.into()
        })
        .stream("tx", 0, Some("reset"))
        .stream("rx", 0, Some("reset"))
        .stream("mac_tx", 1, Some("mac_reset"))
        .stream("mac_rx", 1, Some("mac_reset"))
        .run(12_000, |dut, step| {
            let [(tx, mac_tx), (mac_rx, rx)] = &mut streams;
            let running = step.cycle > 60;
            if step.rises(0) {
                dut.reset.next = step.cycle < 20;
                if running {
                    tx.refill(step);
                    tx.drive(&mut dut.tx, step);
                }
                rx.drive(&mut dut.rx, step);
            }
            if step.rises(1) {
                dut.mac_reset.next = step.cycle < 20;
                if running {
                    mac_rx.refill(step);
                    mac_rx.drive(&mut dut.mac_rx, step);
                }
                mac_tx.drive(&mut dut.mac_tx, step);
            }
            step.settle(dut);
            if step.rises(0) {
                tx.observe(&dut.tx);
                rx.observe(&dut.rx);
            }
            if step.rises(1) {
                mac_rx.observe(&dut.mac_rx);
                mac_tx.observe(&dut.mac_tx);
            }
        })
        .assert_all_outputs_moved();
    for (source, sink) in &streams {
        assert!(sink.frames.len() > 100, "{} frames", sink.frames.len());
        assert!(
            source.sent.starts_with(&sink.frames),
            "frames changed on the way"
        );
    }
}

/// A reset for every place that the FIFO's counts may be at when it comes.
#[test]
fn a_mac_that_cannot_wait_need_not_through_resets() {
    const PLACES: u64 = 64;
    let (mut place, mut beats, mut reset) = (0, 0, 0_u64);
    // The MAC's beats count; those that end a frame are remembered.
    let (mut next, mut last) = (0_u64, false);
    let mut ends = std::collections::HashSet::new();
    let (mut begun, mut frames) = (None, 0);
    Lockstep::new("wire_mac_wire", wire::wire_mac_wire())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .clock("mac_clock", 6_400, |dut, level| {
            dut.mac_clock.next = level.into()
        })
        .stream("rx", 0, Some("reset"))
        .stream("mac_rx", 1, Some("mac_reset"))
        .run(PLACES * 420, |dut, step| {
            let starting = step.cycle < 40;
            if step.rises(0) {
                if reset == 0 && beats > 40 + place {
                    (place, beats) = (place + 1, 0);
                    reset = 130;
                }
                dut.reset.next = step.cycle < 20 || reset > 0;
                dut.rx.tready.next = true;
            }
            if step.rises(1) {
                dut.mac_reset.next = step.cycle < 20;
                dut.mac_tx.tready.next = true;
                dut.mac_rx.tvalid.next = !starting;
                dut.mac_rx.tdata.next = next.into();
                dut.mac_rx.tkeep.next = 0xff_u64.into();
                dut.mac_rx.tlast.next = last;
            }
            step.settle(dut);
            if step.rises(1) && !starting {
                assert!(
                    dut.mac_rx.tready.val(),
                    "cycle {}: the MAC has to wait at place {place}",
                    step.cycle
                );
                if last {
                    ends.insert(next);
                }
                next += 1;
                last = step.rng.random_ratio(1, 9);
                beats += u64::from(reset == 0);
            }
            if step.rises(0) {
                if reset > 0 {
                    begun = None;
                } else if dut.rx.tvalid.val() {
                    let beat = dut.rx.tdata.val().to_u64();
                    let expected = begun.unwrap_or(beat);
                    assert_eq!(beat, expected, "a beat is missing, or comes again");
                    assert!(
                        begun.is_some() || beat == 0 || ends.contains(&(beat - 1)),
                        "a frame begins in its middle"
                    );
                    begun = (!dut.rx.tlast.val()).then_some(beat + 1);
                    frames += u64::from(begun.is_none());
                }
                reset = reset.saturating_sub(1);
            }
        });
    assert!(place >= PLACES, "{place} resets");
    assert!(frames > 100, "{frames} frames");
}

#[test]
fn function_level_resets_are_counted_and_held() {
    let (mut level, mut flr, mut epoch, mut held) = (0, false, 0, 0);
    Lockstep::new("nic_function_reset", nic::nic_function_reset())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(10_000, |dut, step| {
            let reset = step.reset() || step.cycle == 8_000;
            dut.reset.next = reset;
            if level == 0 && step.rng.random_ratio(1, 300) {
                level = step.rng.random_range(1..20);
            }
            dut.flr.next = level > 0;
            step.settle(dut);
            if step.cycle > 2 {
                assert_eq!(dut.epoch.val().to_u64(), epoch);
                assert_eq!(dut.core_reset.val(), held > 0, "cycle {}", step.cycle);
            }
            epoch += u64::from(level > 0 && !flr);
            flr = level > 0;
            held = if flr || reset {
                128
            } else {
                u64::saturating_sub(held, 1)
            };
            if reset {
                (epoch, flr) = (0, false);
            }
            level = u64::saturating_sub(level, 1);
        })
        .assert_all_outputs_moved();
}
