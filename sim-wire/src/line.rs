//! How long frames take: line rate, overheads, propagation.

use std::fmt;
use std::num::NonZeroU64;

use crate::frame::{Frame, MIN_FRAME};
use crate::time::Picos;

/// Preamble and start-of-frame delimiter, in bytes (IEEE 802.3, 3.1.1).
pub const PREAMBLE: usize = 8;
/// Inter-frame gap, in bytes (IEEE 802.3, 4.4.2: 96 bit times).
pub const INTER_FRAME_GAP: usize = 12;
/// Frame check sequence, in bytes. It takes time on the line but is never part of a [`Frame`].
pub const FCS: usize = 4;

/// A line rate in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Option<NonZeroU64>);

impl Rate {
    /// Frames take no time: "as fast as the stream".
    pub const UNLIMITED: Self = Self(None);
    /// 1 Gb/s.
    pub const GBPS_1: Self = Self(NonZeroU64::new(1_000_000_000));
    /// 10 Gb/s.
    pub const GBPS_10: Self = Self(NonZeroU64::new(10_000_000_000));

    /// `rate` bits per second; `None` for zero.
    #[must_use]
    pub const fn bits_per_second(rate: u64) -> Option<Self> {
        match NonZeroU64::new(rate) {
            Some(rate) => Some(Self(Some(rate))),
            None => None,
        }
    }

    /// Bits per second; `None` when unlimited.
    #[must_use]
    pub const fn get(self) -> Option<NonZeroU64> {
        self.0
    }

    /// The time `bytes` take, rounded up to a picosecond so that the line is never faster than its rate.
    #[must_use]
    pub fn time_for(self, bytes: usize) -> Picos {
        let Some(rate) = self.0 else {
            return Picos::ZERO;
        };
        let bit_picos = bytes as u128 * 8 * 1_000_000_000_000;
        Picos(
            bit_picos
                .div_ceil(u128::from(rate.get()))
                .try_into()
                .unwrap_or(u64::MAX),
        )
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.map(NonZeroU64::get) {
            None => f.write_str("unlimited"),
            Some(r) if r >= 1_000_000_000 => write!(f, "{} Gb/s", r as f64 / 1e9),
            Some(r) => write!(f, "{} Mb/s", r as f64 / 1e6),
        }
    }
}

/// The physical properties of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineConfig {
    /// Line rate.
    pub rate: Rate,
    /// Time from one end to the other: 5 ns per metre of cable or fibre.
    pub propagation: Picos,
    /// Pad frames below [`MIN_FRAME`] with zeros, as every MAC does. Off, runts pass as they are: for tests with malformed
    /// frames. A frame that a fault injector truncated is never padded.
    pub pad: bool,
}

impl Default for LineConfig {
    /// The reference simulated configuration: 10 Gb/s over 10 m.
    fn default() -> Self {
        Self {
            rate: Rate::GBPS_10,
            propagation: Picos::from_nanos(50),
            pad: true,
        }
    }
}

impl LineConfig {
    /// A line that takes no time at all.
    #[must_use]
    pub const fn instant() -> Self {
        Self {
            rate: Rate::UNLIMITED,
            propagation: Picos::ZERO,
            pad: true,
        }
    }

    /// The time from one frame's start to the next one's at full rate: preamble, frame (at least [`MIN_FRAME`]), FCS and gap.
    /// 1230.4 ns for 1514 B at 10 Gb/s.
    #[must_use]
    pub fn slot(&self, frame_len: usize) -> Picos {
        self.rate
            .time_for(PREAMBLE + frame_len.max(MIN_FRAME) + FCS + INTER_FRAME_GAP)
    }
}

/// One direction of a line: frames follow each other, none overtakes.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    config: LineConfig,
    free_at: Picos,
    last_arrival: Picos,
}

/// When a frame passes a [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The first bit of the preamble leaves.
    pub(crate) start: Picos,
    /// The last bit of the FCS arrives.
    pub(crate) arrival: Picos,
}

impl Line {
    pub(crate) fn new(config: LineConfig) -> Self {
        Self {
            config,
            free_at: Picos::ZERO,
            last_arrival: Picos::ZERO,
        }
    }

    /// When the next frame may start.
    pub(crate) fn free_at(&self) -> Picos {
        self.free_at
    }

    /// Puts `frame` behind what is on the line already, padding it if this line does.
    pub(crate) fn admit(&mut self, now: Picos, frame: &mut Frame) -> Passage {
        if self.config.pad && !frame.faults().truncated {
            frame.pad();
        }
        let start = now.max(self.free_at);
        let bits = self
            .config
            .rate
            .time_for(PREAMBLE + frame.len().max(MIN_FRAME) + FCS);
        // A caller whose clock went back would otherwise make frames overtake each other.
        let arrival = (start + bits + self.config.propagation).max(self.last_arrival);
        self.free_at = start + self.config.slot(frame.len());
        self.last_arrival = arrival;
        Passage { start, arrival }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_frames_at_ten_gigabit_start_1230_4_ns_apart() {
        let mut line = Line::new(LineConfig {
            propagation: Picos::from_nanos(50),
            ..LineConfig::default()
        });
        let first = line.admit(Picos::ZERO, &mut Frame::from(vec![0; 1514]));
        let second = line.admit(Picos::ZERO, &mut Frame::from(vec![0; 1514]));
        assert_eq!(first.start, Picos::ZERO);
        assert_eq!(second.start, Picos(1_230_400));
        // 8 + 1514 + 4 bytes at 0.8 ns, then 50 ns of cable.
        assert_eq!(first.arrival, Picos(1_220_800 + 50_000));
        assert_eq!(line.free_at(), Picos(2 * 1_230_400));
    }

    #[test]
    fn short_frames_take_the_minimum_slot() {
        let line = LineConfig::default();
        assert_eq!(line.slot(1), Picos(67_200));
        assert_eq!(line.slot(60), Picos(67_200));
        assert_eq!(line.slot(61), Picos(68_000));
    }

    #[test]
    fn an_unlimited_line_takes_only_propagation() {
        let mut line = Line::new(LineConfig {
            rate: Rate::UNLIMITED,
            propagation: Picos(7),
            ..LineConfig::default()
        });
        for _ in 0..3 {
            let passage = line.admit(Picos(100), &mut Frame::from(vec![0; 9000]));
            assert_eq!(
                passage,
                Passage {
                    start: Picos(100),
                    arrival: Picos(107)
                }
            );
        }
    }

    #[test]
    fn rates_that_do_not_divide_round_up() {
        let rate = Rate::bits_per_second(3_000_000_000).unwrap();
        assert_eq!(rate.time_for(1), Picos(2667));
        assert_eq!(Rate::bits_per_second(0), None);
    }
}
