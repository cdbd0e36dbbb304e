//! What faults to inject: by chance and by script.

use std::fmt;

use thiserror::Error;

use crate::time::Picos;

/// How long a reordered frame is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Until this many later frames of its direction have gone past it, or [`FaultConfig::hold_limit`] is over.
    Frames(u32),
    /// For this long beyond its direction's delay, whatever goes past.
    For(Picos),
}

/// Faults by chance in one direction. Rates are probabilities per frame, `0.0..=1.0`. The default injects nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultConfig {
    /// Frames lost.
    pub loss: f64,
    /// Frames delivered twice.
    pub duplicate: f64,
    /// Frames in which bits are flipped, anywhere. They are delivered all the same: this is the damage that a frame check
    /// sequence does not catch (a switch's memory, a bad DMA), so that checksums have to.
    pub corrupt: f64,
    /// A corrupted frame has between 1 and this many bits flipped.
    pub max_flipped_bits: u32,
    /// Frames cut short, to a random length of at least one byte, and delivered.
    pub truncate: f64,
    /// Frames held back while later ones overtake. Of a frame that is also duplicated, the copy is held.
    pub reorder: f64,
    /// How long a reordered frame is held.
    pub hold: Hold,
    /// The longest time a frame waits for others to overtake it: the last frame of a conversation has none.
    pub hold_limit: Picos,
    /// Added to every frame's way.
    pub delay: Picos,
    /// Added at random between nothing and this; frames keep their order.
    pub jitter: Picos,
}

impl Default for FaultConfig {
    fn default() -> Self {
        Self {
            loss: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
            max_flipped_bits: 1,
            truncate: 0.0,
            reorder: 0.0,
            hold: Hold::Frames(3),
            hold_limit: Picos::from_millis(1),
            delay: Picos::ZERO,
            jitter: Picos::ZERO,
        }
    }
}

/// A fault configuration out of range.
#[derive(Debug, Error, PartialEq)]
pub enum BadFaultConfig {
    /// A rate that is no probability.
    #[error(
        "the fault rate {name} = {value} is no probability; give 0 to 1 (0.01 is one frame in a hundred)"
    )]
    Rate {
        /// The field.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// Corruption that flips nothing.
    #[error(
        "corrupted frames with no bit flipped; set max_flipped_bits to at least 1, or corrupt to 0"
    )]
    NoFlippedBits,
}

impl FaultConfig {
    /// Loses frames at this rate, and nothing else.
    #[must_use]
    pub fn loss(rate: f64) -> Self {
        Self {
            loss: rate,
            ..Self::default()
        }
    }

    pub(crate) fn check(&self) -> Result<(), BadFaultConfig> {
        let rates = [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("corrupt", self.corrupt),
            ("truncate", self.truncate),
            ("reorder", self.reorder),
        ];
        for (name, value) in rates {
            // NaN is in no range.
            if !(0.0..=1.0).contains(&value) {
                return Err(BadFaultConfig::Rate { name, value });
            }
        }
        if self.corrupt > 0.0 && self.max_flipped_bits == 0 {
            return Err(BadFaultConfig::NoFlippedBits);
        }
        Ok(())
    }
}

/// A fault at a chosen frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lose it.
    Drop,
    /// Deliver it twice.
    Duplicate,
    /// Flip this bit: bit 0 is the first byte's least significant one. Past the frame's end, nothing happens.
    Flip {
        /// Index of the bit.
        bit: usize,
    },
    /// Cut it to this many bytes. A frame that is no longer stays whole.
    Truncate {
        /// Bytes left.
        len: usize,
    },
    /// Hold it back while others overtake. Of a frame that is also duplicated, the copy is held.
    Hold(Hold),
    /// Deliver it this much later, and whatever follows after it.
    Delay(Picos),
}

type Chooser = Box<dyn FnMut(u64, &[u8]) -> Option<Action> + Send>;

/// Faults at chosen frames of one direction, beside those by chance. The first frame is number 0.
#[derive(Default)]
pub struct Script {
    at: Vec<(u64, Action)>,
    choosers: Vec<Chooser>,
}

impl Script {
    /// Nothing chosen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault at frame `index`. Several may meet one frame.
    #[must_use]
    pub fn at(mut self, index: u64, action: Action) -> Self {
        self.at.push((index, action));
        self
    }

    /// Loses frame `index`.
    #[must_use]
    pub fn drop_frame(self, index: u64) -> Self {
        self.at(index, Action::Drop)
    }

    /// Asks `chooser` about every frame, with its number and bytes: to meet "the second SYN" rather than a number.
    #[must_use]
    pub fn when(
        mut self,
        chooser: impl FnMut(u64, &[u8]) -> Option<Action> + Send + 'static,
    ) -> Self {
        self.choosers.push(Box::new(chooser));
        self
    }

    pub(crate) fn actions(&mut self, index: u64, bytes: &[u8]) -> impl Iterator<Item = Action> {
        let at = self
            .at
            .iter()
            .filter(move |(i, _)| *i == index)
            .map(|&(_, action)| action);
        at.chain(
            self.choosers
                .iter_mut()
                .filter_map(move |choose| choose(index, bytes)),
        )
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({:?}, {} choosers)", self.at, self.choosers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_outside_0_to_1_are_refused_by_name() {
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = FaultConfig::loss(bad).check().unwrap_err();
            assert!(error.to_string().contains("loss"), "{error}");
        }
        assert_eq!(FaultConfig::loss(1.0).check(), Ok(()));
        let flips_nothing = FaultConfig {
            corrupt: 0.5,
            max_flipped_bits: 0,
            ..FaultConfig::default()
        };
        assert_eq!(flips_nothing.check(), Err(BadFaultConfig::NoFlippedBits));
    }
}
