//! The stream's protocol, checked: plain Rust, fed one sample per rising clock edge.

use thiserror::Error;

/// The stream's signals just before a rising clock edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// See [`AxisSource`](super::axis::AxisSource).
    pub tdata: u64,
    /// Which bytes of the beat exist.
    pub tkeep: u8,
    /// The frame's last beat.
    pub tlast: bool,
    /// A beat is offered.
    pub tvalid: bool,
    /// The beat is taken.
    pub tready: bool,
}

impl Sample {
    /// Whether a beat moves at this edge.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.tvalid && self.tready
    }
}

/// The rule a stream broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rule {
    /// A beat that was offered vanished.
    #[error("tvalid fell before the beat was taken")]
    ValidFell,
    /// A beat changed while it was offered.
    #[error("tdata, tkeep or tlast changed while tvalid was high and tready low")]
    Unstable,
    /// A hole, or a beat that does not start at byte 0.
    #[error("tkeep is not contiguous from bit 0")]
    KeepHole,
    /// A beat without bytes.
    #[error("tkeep is zero: an empty beat")]
    EmptyBeat,
    /// A short beat inside a frame.
    #[error("tkeep is not full before tlast")]
    ShortBeat,
    /// Signals not at rest out of reset.
    #[error("tvalid is high in the first cycle after reset")]
    ValidAfterReset,
    /// The frame has no end within bounds.
    #[error("the frame exceeds the longest allowed")]
    FrameTooLong,
}

/// A broken rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("stream {stream}, cycle {cycle}: {rule}; before {before:x?}, now {now:x?}")]
pub struct Violation {
    /// Name of the stream.
    pub stream: String,
    /// Clock cycle, counted in samples.
    pub cycle: u64,
    /// The rule.
    pub rule: Rule,
    /// The sample of the cycle before.
    pub before: Sample,
    /// The sample that breaks the rule.
    pub now: Sample,
}

/// Checks one stream; the rules are those of [`axis`](super::axis).
#[derive(Clone, Debug)]
pub struct StreamChecker {
    name: String,
    cycle: u64,
    before: Sample,
    after_reset: bool,
    bytes: usize,
    longest: usize,
    /// Whole frames seen.
    pub frames: u64,
    /// Beats seen.
    pub beats: u64,
}

impl StreamChecker {
    /// A checker for the stream called `name`, with frames of any length.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cycle: 0,
            before: Sample::default(),
            after_reset: false,
            bytes: 0,
            longest: usize::MAX,
            frames: 0,
            beats: 0,
        }
    }

    /// Frames above `bytes` are violations.
    #[must_use]
    pub fn longest_frame(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Takes the sample of the next rising edge; `reset` is the level of the stream's synchronous reset at that edge.
    ///
    /// # Errors
    /// The rule this sample breaks.
    pub fn sample(&mut self, now: Sample, reset: bool) -> Result<(), Violation> {
        let rule = if reset { None } else { self.broken(&now) };
        let before = std::mem::replace(
            &mut self.before,
            if reset { Sample::default() } else { now },
        );
        let cycle = self.cycle;
        self.cycle += 1;
        self.after_reset = reset;
        if reset {
            self.bytes = 0;
        } else if now.moves() {
            self.beats += 1;
            self.bytes += now.tkeep.count_ones() as usize;
            if now.tlast {
                self.frames += 1;
                self.bytes = 0;
            }
        }
        match rule {
            Some(rule) => Err(Violation {
                stream: self.name.clone(),
                cycle,
                rule,
                before,
                now,
            }),
            None => Ok(()),
        }
    }

    fn broken(&self, now: &Sample) -> Option<Rule> {
        if self.after_reset && now.tvalid {
            return Some(Rule::ValidAfterReset);
        }
        if self.before.tvalid && !self.before.tready {
            if !now.tvalid {
                return Some(Rule::ValidFell);
            }
            if (now.tdata, now.tkeep, now.tlast)
                != (self.before.tdata, self.before.tkeep, self.before.tlast)
            {
                return Some(Rule::Unstable);
            }
        }
        if !now.tvalid {
            return None;
        }
        if now.tkeep == 0 {
            return Some(Rule::EmptyBeat);
        }
        if now.tkeep & now.tkeep.wrapping_add(1) != 0 {
            return Some(Rule::KeepHole);
        }
        if !now.tlast && now.tkeep != 0xff {
            return Some(Rule::ShortBeat);
        }
        (self.bytes + now.tkeep.count_ones() as usize > self.longest).then_some(Rule::FrameTooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Sample = Sample {
        tdata: 7,
        tkeep: 0xff,
        tlast: false,
        tvalid: true,
        tready: true,
    };
    const IDLE: Sample = Sample {
        tdata: 0,
        tkeep: 0,
        tlast: false,
        tvalid: false,
        tready: true,
    };

    /// The rule broken by the last of `samples`; those before must break none.
    fn rule(samples: &[Sample]) -> Option<Rule> {
        let mut checker = StreamChecker::new("s").longest_frame(20);
        let (last, good) = samples.split_last().unwrap();
        for sample in good {
            checker.sample(*sample, false).unwrap();
        }
        checker.sample(*last, false).err().map(|v| v.rule)
    }

    #[test]
    fn a_good_frame_breaks_no_rule() {
        let waiting = Sample {
            tready: false,
            ..BEAT
        };
        let last = Sample {
            tkeep: 0x0f,
            tlast: true,
            ..BEAT
        };
        assert_eq!(
            rule(&[IDLE, waiting, waiting, BEAT, last, IDLE, BEAT]),
            None
        );
    }

    #[test]
    fn a_beat_withdrawn_is_found() {
        assert_eq!(
            rule(&[
                Sample {
                    tready: false,
                    ..BEAT
                },
                IDLE
            ]),
            Some(Rule::ValidFell)
        );
    }

    #[test]
    fn a_beat_changed_while_waiting_is_found() {
        let waiting = Sample {
            tready: false,
            ..BEAT
        };
        assert_eq!(
            rule(&[waiting, Sample { tdata: 8, ..BEAT }]),
            Some(Rule::Unstable)
        );
        assert_eq!(
            rule(&[
                waiting,
                Sample {
                    tlast: true,
                    ..BEAT
                }
            ]),
            Some(Rule::Unstable)
        );
    }

    #[test]
    fn bad_keeps_are_found() {
        assert_eq!(rule(&[Sample { tkeep: 0, ..BEAT }]), Some(Rule::EmptyBeat));
        assert_eq!(
            rule(&[Sample {
                tkeep: 0b101,
                tlast: true,
                ..BEAT
            }]),
            Some(Rule::KeepHole)
        );
        assert_eq!(
            rule(&[Sample {
                tkeep: 0b110,
                tlast: true,
                ..BEAT
            }]),
            Some(Rule::KeepHole)
        );
        assert_eq!(
            rule(&[Sample {
                tkeep: 0x7f,
                ..BEAT
            }]),
            Some(Rule::ShortBeat)
        );
    }

    #[test]
    fn a_frame_without_end_is_found() {
        assert_eq!(rule(&[BEAT, BEAT, BEAT]), Some(Rule::FrameTooLong));
    }

    #[test]
    fn reset_forgives_a_beat_withdrawn_but_no_beat_right_after_it() {
        let mut checker = StreamChecker::new("s");
        checker
            .sample(
                Sample {
                    tready: false,
                    ..BEAT
                },
                false,
            )
            .unwrap();
        checker.sample(IDLE, true).unwrap();
        let violation = checker.sample(BEAT, false).unwrap_err();
        assert_eq!(
            (violation.rule, violation.cycle),
            (Rule::ValidAfterReset, 2)
        );
        assert!(violation.to_string().contains("cycle 2"), "{violation}");
    }
}
