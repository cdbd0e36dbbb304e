//! The frame FIFO in lock step, and what it promises about frames.

use longshore_hdl::{bits::from_u128, stream};
use rand::RngExt as _;
use sim_lockstep::{Lockstep, StreamSink, StreamSource};
use std::collections::VecDeque;

/// Lock step under overflow and discards; every frame in ends in exactly one outcome, the stored ones come out in order with
/// their metadata and lengths.
macro_rules! frame_fifo {
    ($name:ident, $meta_bits:expr, $still:expr) => {
        #[test]
        fn $name() {
            let (mut source, mut sink) = (StreamSource::default(), StreamSink::default());
            let mut ended = VecDeque::new(); // frames in the order of their ends: bytes and metadata
            let mut expected = VecDeque::new();
            let mut taken = 0;
            let mut outcomes = [0_u32; 3];
            let report = Lockstep::new(stringify!($name), stream::$name())
                .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
                .run(20_000, |dut, step| {
                    dut.reset.next = step.reset();
                    source.refill(step);
                    source.drive(&mut dut.s, step);
                    sink.drive(&mut dut.m, step);
                    let meta = step.rng.random::<u128>() & ((1 << $meta_bits) - 1);
                    dut.meta.next = from_u128(meta);
                    dut.discard.next = step.rng.random_ratio(1, 8);
                    step.settle(dut);
                    for (i, pulse) in [dut.stored.val(), dut.overflowed.val(), dut.discarded.val()]
                        .into_iter()
                        .enumerate()
                    {
                        if pulse {
                            outcomes[i] += 1;
                            let frame = ended.pop_front().expect("an outcome without a frame");
                            if i == 0 {
                                expected.push_back(frame);
                            }
                        }
                    }
                    assert!(ended.is_empty(), "a frame ended without an outcome");
                    if dut.m.tvalid.val() {
                        let (bytes, meta): &(Vec<u8>, u128) =
                            expected.front().expect("a frame that was not stored");
                        assert_eq!(dut.m_meta.val().to_u128(), *meta);
                        assert_eq!(dut.m_length.val().to_u64(), bytes.len() as u64);
                    }
                    let frames = source.sent.len();
                    source.observe(&dut.s);
                    ended.extend(
                        source.sent[frames..]
                            .iter()
                            .map(|frame| (frame.clone(), meta)),
                    );
                    sink.observe(&dut.m);
                    for frame in &sink.frames[taken..] {
                        assert_eq!(Some(frame), expected.pop_front().map(|e| e.0).as_ref());
                    }
                    taken = sink.frames.len();
                });
            assert!(taken > 50, "{taken} frames");
            println!("stored, overflowed, discarded: {outcomes:?}");
            report.assert_outputs_moved_except(&$still);
        }
    };
}
frame_fifo!(frame_fifo_small, 12, ["s$tready"]);
frame_fifo!(frame_fifo_deep, 40, ["s$tready", "overflowed"]);

/// Frames of one to many beats at full speed: no bubble on the way out once the first beat is there.
#[test]
fn frames_back_to_back_leave_without_a_bubble() {
    for bytes in [1, 8, 9, 60, 64, 65] {
        let mut source = StreamSource::steady();
        let (mut began, mut bubbles, mut frames) = (false, 0, 0);
        Lockstep::new("frame_fifo_deep", stream::frame_fifo_deep())
            .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
            .run(1_000, |dut, step| {
                dut.reset.next = step.reset();
                if source.queued() < 2 {
                    source.push(vec![7; bytes]);
                }
                source.drive(&mut dut.s, step);
                dut.m.tready.next = true;
                step.settle(dut);
                source.observe(&dut.s);
                began |= dut.m.tvalid.val();
                bubbles += u32::from(began && !dut.m.tvalid.val());
                frames += u32::from(dut.m.tvalid.val() && dut.m.tlast.val());
            });
        assert_eq!(bubbles, 0, "frames of {bytes} bytes");
        assert!(frames > 90, "{frames} frames of {bytes} bytes");
    }
}
