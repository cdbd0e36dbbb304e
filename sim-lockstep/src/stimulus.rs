//! Random traffic for the streams of a module under test.

use crate::Step;
use longshore_hdl::stream::{
    axis::{AxisSink, AxisSource},
    checker::Sample,
    frames::{Assembler, beats},
};
use rand::{Rng, RngExt as _};
use std::collections::VecDeque;

/// How often something happens: changes at random between always, mostly, half the time and rarely, so that full and empty
/// buffers and steady streams all occur.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    of_16: u32,
    left: u32,
}

impl Pace {
    /// Always.
    #[must_use]
    pub fn steady() -> Self {
        Self {
            of_16: 16,
            left: u32::MAX,
        }
    }

    /// Whether it happens in this cycle.
    pub fn now(&mut self, rng: &mut impl Rng) -> bool {
        if self.left == 0 {
            self.of_16 = *[16, 16, 14, 8, 2]
                .get(rng.random_range(0..5_usize))
                .unwrap_or(&16);
            self.left = rng.random_range(16..200);
        }
        self.left -= u32::from(self.left != u32::MAX);
        rng.random_ratio(self.of_16, 16)
    }
}

/// The signals of a stream the module consumes.
#[must_use]
pub fn sample_sink(s: &AxisSink) -> Sample {
    Sample {
        tdata: s.tdata.val().to_u64(),
        tkeep: s.tkeep.val().to_u8(),
        tlast: s.tlast.val(),
        tvalid: s.tvalid.val(),
        tready: s.tready.val(),
    }
}

/// The signals of a stream the module produces.
#[must_use]
pub fn sample_source(m: &AxisSource) -> Sample {
    Sample {
        tdata: m.tdata.val().to_u64(),
        tkeep: m.tkeep.val().to_u8(),
        tlast: m.tlast.val(),
        tvalid: m.tvalid.val(),
        tready: m.tready.val(),
    }
}

/// Drives frames into a stream the module consumes.
#[derive(Clone, Debug, Default)]
pub struct StreamSource {
    /// Frames taken whole, in order.
    pub sent: Vec<Vec<u8>>,
    queue: VecDeque<Vec<u8>>,
    beats: VecDeque<Sample>,
    offered: bool,
    was_in_reset: bool,
    pace: Pace,
}

impl StreamSource {
    /// A source that never pauses.
    #[must_use]
    pub fn steady() -> Self {
        Self {
            pace: Pace::steady(),
            ..Self::default()
        }
    }

    /// Queues a frame.
    pub fn push(&mut self, frame: Vec<u8>) {
        self.queue.push_back(frame);
    }

    /// Frames queued and not yet begun.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Keeps random frames of 1 to 200 bytes coming, the short ones often.
    pub fn refill(&mut self, step: &mut Step) {
        if self.queue.is_empty() {
            let most = if step.rng.random_bool(0.5) { 24 } else { 200 };
            let length = step.rng.random_range(1..=most);
            self.push((0..length).map(|_| step.rng.random()).collect());
        }
    }

    /// Sets the inputs for this step: at random pauses, bytes without `tkeep` random. A reset drops the frame begun.
    pub fn drive(&mut self, s: &mut AxisSink, step: &mut Step) {
        if step.in_reset() {
            self.beats.clear();
            (self.offered, self.was_in_reset) = (false, true);
            s.tvalid.next = false;
            return;
        }
        if self.offered {
            return;
        }
        if self.beats.is_empty()
            && let Some(frame) = self.queue.front()
        {
            self.beats.extend(beats(frame));
        }
        s.tvalid.next = false;
        // One idle cycle after reset, as a registered source has.
        let idle = std::mem::take(&mut self.was_in_reset);
        let Some(beat) = self
            .beats
            .front()
            .filter(|_| !idle && self.pace.now(&mut step.rng))
        else {
            return;
        };
        self.offered = true;
        let kept = u64::MAX >> (8 * beat.tkeep.leading_zeros());
        s.tdata.next = ((beat.tdata & kept) | (step.rng.random::<u64>() & !kept)).into();
        s.tkeep.next = u64::from(beat.tkeep).into();
        s.tlast.next = beat.tlast;
        s.tvalid.next = true;
    }

    /// Sees what moves at the edge to come; call it after [`Step::settle`].
    pub fn observe(&mut self, s: &AxisSink) {
        if !(self.offered && s.tready.val()) {
            return;
        }
        self.offered = false;
        if self.beats.pop_front().is_some_and(|b| b.tlast) {
            self.sent.extend(self.queue.pop_front());
        }
    }
}

/// Takes frames from a stream the module produces.
#[derive(Clone, Debug, Default)]
pub struct StreamSink {
    /// Frames that arrived whole, in order.
    pub frames: Vec<Vec<u8>>,
    assembler: Assembler,
    pace: Pace,
}

impl StreamSink {
    /// A sink that never stalls.
    #[must_use]
    pub fn steady() -> Self {
        Self {
            pace: Pace::steady(),
            ..Self::default()
        }
    }

    /// Sets `tready` for this step, with random stalls. A reset drops the frame begun.
    pub fn drive(&mut self, m: &mut AxisSource, step: &mut Step) {
        if step.in_reset() {
            self.assembler.reset();
        }
        m.tready.next = self.pace.now(&mut step.rng);
    }

    /// Sees what moves at the edge to come; call it after [`Step::settle`].
    pub fn observe(&mut self, m: &AxisSource) {
        self.frames.extend(self.assembler.sample(&sample_source(m)));
    }
}
