//! The buffers and memories in lock step.

use longshore_hdl::{bits, bits::from_u128, cdc, memory, stream};
use rand::RngExt as _;
use sim_lockstep::{Lockstep, Pace, StreamSink, StreamSource};
use std::collections::VecDeque;

const CYCLES: u64 = 10_000;

/// A buffer with streams `s` and `m` on one clock: lock step, and the frames come out as they went in.
macro_rules! buffer {
    ($name:ident) => {
        #[test]
        fn $name() {
            let (mut source, mut sink) = (StreamSource::default(), StreamSink::default());
            let report = Lockstep::new(stringify!($name), stream::$name())
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
    };
}
buffer!(axis_skid);
buffer!(axis_fifo_16);
buffer!(axis_fifo_64);

/// A buffer that is never held up passes a beat in every cycle.
macro_rules! full_throughput {
    ($test:ident, $name:ident) => {
        #[test]
        fn $test() {
            let (mut source, mut sink) = (StreamSource::steady(), StreamSink::steady());
            let report = Lockstep::new(stringify!($name), stream::$name())
                .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
                .run(1_000, |dut, step| {
                    dut.reset.next = step.reset();
                    source.refill(step);
                    source.drive(&mut dut.s, step);
                    sink.drive(&mut dut.m, step);
                    step.settle(dut);
                    source.observe(&dut.s);
                    sink.observe(&dut.m);
                });
            let beats = report.streams.iter().find(|s| s.0 == "m").unwrap().2;
            assert!(beats >= 990, "{beats} beats in 1,000 cycles");
        }
    };
}
full_throughput!(axis_skid_passes_a_beat_per_cycle, axis_skid);
full_throughput!(axis_fifo_16_passes_a_beat_per_cycle, axis_fifo_16);
full_throughput!(axis_fifo_64_passes_a_beat_per_cycle, axis_fifo_64);

/// Frames through the asynchronous FIFO with these periods in picoseconds; answers the beats that came out.
fn async_fifo(s_period: u64, m_period: u64, cycles: u64, steady: bool) -> u64 {
    let (mut source, mut sink) = if steady {
        (StreamSource::steady(), StreamSink::steady())
    } else {
        (StreamSource::default(), StreamSink::default())
    };
    let report = Lockstep::new("async_fifo_16", stream::async_fifo_16())
        .clock("s_clock", s_period, |dut, level| {
            dut.s_clock.next = level.into()
        })
        .clock("m_clock", m_period, |dut, level| {
            dut.m_clock.next = level.into()
        })
        .stream("s", 0, Some("s_reset"))
        .stream("m", 1, Some("m_reset"))
        .run(cycles, |dut, step| {
            let reset = step.reset_until(60_000);
            if step.rises(0) {
                dut.s_reset.next = reset;
                source.refill(step);
                source.drive(&mut dut.s, step);
            }
            if step.rises(1) {
                dut.m_reset.next = reset;
                sink.drive(&mut dut.m, step);
            }
            step.settle(dut);
            if step.rises(0) {
                source.observe(&dut.s);
            }
            if step.rises(1) {
                sink.observe(&dut.m);
            }
        });
    report.assert_outputs_moved_except(if steady { &["s$tready"] } else { &[] });
    assert!(
        source.sent.starts_with(&sink.frames),
        "frames changed on the way"
    );
    report.streams.iter().find(|s| s.0 == "m").unwrap().2
}

#[test]
fn async_fifo_between_unrelated_clocks() {
    for (s_period, m_period) in [
        (6_400, 4_000),
        (4_000, 6_400),
        (4_000, 4_000),
        (4_001, 3_999),
        (1_000, 9_973),
    ] {
        let beats = async_fifo(s_period, m_period, CYCLES, false);
        assert!(beats > 200, "{beats} beats at {s_period} and {m_period} ps");
    }
}

#[test]
fn async_fifo_passes_a_beat_per_cycle_of_the_slower_clock() {
    for (s_period, m_period) in [(6_400, 4_000), (4_000, 6_400), (4_000, 4_000)] {
        let cycles = 4_000;
        let beats = async_fifo(s_period, m_period, cycles, true);
        // Of these edges the slower clock has its share; with equal clocks both rise in one step.
        let slow = if s_period == m_period {
            cycles
        } else {
            cycles * 4_000 / 10_400
        };
        assert!(
            beats + 40 > slow,
            "{beats} beats in {slow} slow cycles at {s_period} and {m_period} ps"
        );
    }
}

#[test]
fn synchronizer_5() {
    Lockstep::new("synchronizer_5", cdc::synchronizer_5())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.d.next = step.rng.random_range(0..32_u64).into()
        })
        .assert_all_outputs_moved();
}

#[test]
fn frame_mux_3() {
    let mut sources: [StreamSource; 3] = Default::default();
    let mut sink = StreamSink::default();
    let report = Lockstep::new("frame_mux_3", stream::frame_mux_3())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(CYCLES, |dut, step| {
            dut.reset.next = step.reset();
            for (i, source) in sources.iter_mut().enumerate() {
                if source.queued() == 0 {
                    // The first byte names the input.
                    let mut frame = vec![0; step.rng.random_range(1..100)];
                    step.rng.fill(&mut frame[..]);
                    frame[0] = i as u8;
                    source.push(frame);
                }
                source.drive(&mut dut.s[i], step);
            }
            sink.drive(&mut dut.m, step);
            step.settle(dut);
            for (source, s) in sources.iter_mut().zip(&dut.s) {
                source.observe(s);
            }
            sink.observe(&dut.m);
        });
    report.assert_all_outputs_moved();
    for (i, source) in sources.iter().enumerate() {
        let of_this: Vec<_> = sink
            .frames
            .iter()
            .filter(|f| usize::from(f[0]) == i)
            .cloned()
            .collect();
        assert!(
            source.sent.starts_with(&of_this) && of_this.len() > 50,
            "input {i}: {} frames",
            of_this.len()
        );
    }
}

#[test]
fn frame_mux_gives_every_input_its_turn() {
    let mut sources = [const { 0 }; 3].map(|_: i32| StreamSource::steady());
    let mut sink = StreamSink::steady();
    Lockstep::new("frame_mux_3", stream::frame_mux_3())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(600, |dut, step| {
            dut.reset.next = step.reset();
            for (i, source) in sources.iter_mut().enumerate() {
                if source.queued() < 2 {
                    source.push(vec![i as u8; 8 * (i + 1)]);
                }
                source.drive(&mut dut.s[i], step);
            }
            sink.drive(&mut dut.m, step);
            step.settle(dut);
            for (source, s) in sources.iter_mut().zip(&dut.s) {
                source.observe(s);
            }
            sink.observe(&dut.m);
        });
    let turns: Vec<u8> = sink.frames.iter().map(|f| f[0]).collect();
    for window in turns.windows(3) {
        let mut turn = [window[0], window[1], window[2]];
        turn.sort_unstable();
        assert_eq!(turn, [0, 1, 2], "turns: {turns:?}");
    }
    // One, two and three beats a turn without a bubble: a turn of three frames takes six cycles.
    assert!(
        turns.len() >= 3 * (600 - 12) / 6,
        "{} frames in 600 cycles",
        turns.len()
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

/// A register slice under random traffic, and then with both sides always willing: lock step, order, and a value in `every` cycles.
macro_rules! slice {
    ($name:ident, $every:expr) => {
        #[test]
        fn $name() {
            const STEADY: u64 = 8_000;
            let (mut fill, mut drain) = (Pace::default(), Pace::default());
            let mut inside = VecDeque::new();
            let mut offered = None;
            let mut steadily = 0;
            Lockstep::new(stringify!($name), stream::$name())
                .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
                .run(CYCLES, |dut, step| {
                    let reset = step.reset_now_and_then(2_000);
                    dut.reset.next = reset;
                    let steady = step.cycle >= STEADY;
                    if offered.is_none() && (steady || fill.now(&mut step.rng)) {
                        offered = Some(step.rng.random_range(0..1_u64 << 24));
                    }
                    dut.in_data.next = offered.unwrap_or(0).into();
                    dut.in_valid.next = offered.is_some();
                    dut.out_ready.next = steady || drain.now(&mut step.rng);
                    step.settle(dut);
                    if dut.out_valid.val() && dut.out_ready.val() {
                        assert_eq!(Some(dut.out_data.val().to_u64()), inside.pop_front());
                        steadily += u64::from(steady);
                    }
                    if dut.in_ready.val() {
                        inside.extend(offered.take());
                    }
                    if reset {
                        inside.clear();
                        offered = None;
                    }
                })
                .assert_all_outputs_moved();
            let least = (CYCLES - STEADY) / $every - 50;
            assert!(steadily > least, "{steadily} values when nothing waits");
        }
    };
}
slice!(slice_24, 1);
slice!(relay_24, 2);

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
