//! One direction of a fault injector.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Faults;
use super::config::{Action, BadFaultConfig, FaultConfig, Hold, Script};
use super::counts::FaultCounts;
use crate::frame::Frame;
use crate::seed::Seed;
use crate::time::Picos;

/// What is to happen to one frame.
#[derive(Default)]
struct Fate {
    drop: bool,
    duplicate: bool,
    hold: Option<Hold>,
    delay: Picos,
    faults: Faults,
}

/// A frame with its time to go out; equal times go in order of `order`.
struct Due {
    at: Picos,
    order: u64,
    index: u64,
    frame: Frame,
}

impl Due {
    fn key(&self) -> (Picos, u64) {
        (self.at, self.order)
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// A frame that waits for others to overtake it.
struct Waiting {
    remaining: u32,
    deadline: Picos,
    index: u64,
    frame: Frame,
}

pub(crate) struct Stage {
    config: FaultConfig,
    script: Script,
    rng: ChaCha8Rng,
    counts: FaultCounts,
    due: BinaryHeap<Reverse<Due>>,
    waiting: Vec<Waiting>,
    order: u64,
    /// Frames that are not held keep their order: none is due before this.
    last_due: Picos,
    /// One more than the highest frame number that went out.
    out_up_to: u64,
}

impl Stage {
    /// A stage that passes everything on. `stream` separates the directions of one seed.
    pub(crate) fn new(seed: Seed, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.0);
        rng.set_stream(stream);
        Self {
            config: FaultConfig::default(),
            script: Script::new(),
            rng,
            counts: FaultCounts::default(),
            due: BinaryHeap::new(),
            waiting: Vec::new(),
            order: 0,
            last_due: Picos::ZERO,
            out_up_to: 0,
        }
    }

    pub(crate) fn set_config(&mut self, config: FaultConfig) -> Result<(), BadFaultConfig> {
        config.check()?;
        self.config = config;
        Ok(())
    }

    pub(crate) fn set_script(&mut self, script: Script) {
        self.script = script;
    }

    pub(crate) fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Takes a frame in at time `at`. Gives what was done to it, and the frame itself if it was lost.
    pub(crate) fn admit(&mut self, at: Picos, mut frame: Frame) -> (Faults, Option<Frame>) {
        // Who waited long enough before this frame came is not overtaken by it, however late the caller looks.
        self.expire(at);
        let index = self.counts.frames_in;
        self.counts.frames_in += 1;
        let fate = self.decide(index, &mut frame);
        frame.set_faults(frame.faults() | fate.faults);
        if fate.drop {
            self.counts.lost += 1;
            return (fate.faults, Some(frame));
        }

        let due = (at + fate.delay).max(self.last_due);
        let mut passing = Some(frame);
        let mut held = None;
        if fate.duplicate {
            self.counts.duplicated += 1;
            self.counts.held_now += 1;
            let copy = passing.clone();
            if fate.hold.is_some() {
                held = copy
            } else {
                self.push(due, index, copy)
            }
        } else if fate.hold.is_some() {
            held = passing.take();
        }
        self.counts.held_now += 1;
        if passing.is_some() {
            self.push(due, index, passing);
            self.last_due = due;
            self.overtake(due);
        }
        match (held, fate.hold) {
            (held, Some(Hold::Frames(0))) => self.push(due, index, held),
            (Some(frame), Some(Hold::Frames(remaining))) => {
                let deadline = due + self.config.hold_limit;
                self.waiting.push(Waiting {
                    remaining,
                    deadline,
                    index,
                    frame,
                });
            }
            (held, Some(Hold::For(span))) => self.push(due + span, index, held),
            _ => {}
        }
        (fate.faults, None)
    }

    /// The next frame due by `now`, with the time it was due at.
    pub(crate) fn pop(&mut self, now: Picos) -> Option<(Picos, Frame)> {
        self.expire(now);
        if self.due.peek()?.0.at > now {
            return None;
        }
        let Reverse(due) = self.due.pop()?;
        self.counts.held_now -= 1;
        self.counts.frames_out += 1;
        if due.index + 1 < self.out_up_to {
            self.counts.overtaken += 1;
        }
        self.out_up_to = self.out_up_to.max(due.index + 1);
        Some((due.at, due.frame))
    }

    /// When [`pop`](Self::pop) has something next.
    pub(crate) fn next_event(&self) -> Option<Picos> {
        let due = self.due.peek().map(|Reverse(due)| due.at);
        crate::wire::earlier(due, self.waiting.iter().map(|w| w.deadline).min())
    }

    fn push(&mut self, at: Picos, index: u64, frame: Option<Frame>) {
        if let Some(frame) = frame {
            self.order += 1;
            self.due.push(Reverse(Due {
                at,
                order: self.order,
                index,
                frame,
            }));
        }
    }

    /// Lets go of frames that waited long enough.
    fn expire(&mut self, now: Picos) {
        while let Some(i) = self.waiting.iter().position(|w| w.deadline <= now) {
            let w = self.waiting.remove(i);
            self.push(w.deadline, w.index, Some(w.frame));
        }
    }

    /// A frame due at `at` goes past all that wait; who has let enough pass follows it.
    fn overtake(&mut self, at: Picos) {
        let mut i = 0;
        while i < self.waiting.len() {
            self.waiting[i].remaining = self.waiting[i].remaining.saturating_sub(1);
            if self.waiting[i].remaining == 0 {
                let w = self.waiting.remove(i);
                self.push(at, w.index, Some(w.frame));
            } else {
                i += 1;
            }
        }
    }

    /// Draws a frame's fate and damages its bytes. Every path draws the same number of values from the main stream.
    fn decide(&mut self, index: u64, frame: &mut Frame) -> Fate {
        let mut fate = Fate::default();
        let [loss, duplicate, corrupt, truncate, reorder]: [f64; 5] =
            std::array::from_fn(|_| self.rng.random());
        let mut details = ChaCha8Rng::seed_from_u64(self.rng.random());
        let config = &self.config;
        fate.delay = config.delay + Picos(details.random_range(0..=config.jitter.0));
        if loss < config.loss {
            fate.drop = true;
        }
        if duplicate < config.duplicate {
            fate.duplicate = true;
        }
        if reorder < config.reorder {
            fate.hold = Some(config.hold);
        }
        if truncate < config.truncate && frame.len() > 1 {
            let len = details.random_range(1..frame.len());
            frame.bytes_mut().truncate(len);
            fate.faults.truncated = true;
        }
        if corrupt < config.corrupt && !frame.is_empty() {
            let flips = details.random_range(1..=config.max_flipped_bits) as usize;
            let bits = frame.len() * 8;
            // Distinct bits: a bit flipped twice would be no corruption.
            for bit in rand::seq::index::sample(&mut details, bits, flips.min(bits)) {
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            fate.faults.corrupted = true;
        }
        self.follow_script(index, frame, &mut fate);

        if fate.drop {
            // What else would have happened to it did not.
            fate.faults = Faults {
                lost: true,
                ..Faults::default()
            };
            return fate;
        }
        fate.faults.duplicated = fate.duplicate;
        fate.faults.held = fate.hold.is_some();
        self.counts.corrupted += u64::from(fate.faults.corrupted);
        self.counts.truncated += u64::from(fate.faults.truncated);
        self.counts.held += u64::from(fate.faults.held);
        self.counts.delayed += u64::from(fate.faults.delayed);
        fate
    }

    fn follow_script(&mut self, index: u64, frame: &mut Frame, fate: &mut Fate) {
        // The choosers see the frame as it is before the script's own damage.
        let actions: Vec<Action> = self.script.actions(index, frame).collect();
        for action in actions {
            match action {
                Action::Drop => fate.drop = true,
                Action::Duplicate => fate.duplicate = true,
                Action::Flip { bit } => {
                    if let Some(byte) = frame.get_mut(bit / 8) {
                        *byte ^= 1 << (bit % 8);
                        fate.faults.corrupted = true;
                    }
                }
                Action::Truncate { len } if len < frame.len() => {
                    frame.bytes_mut().truncate(len);
                    fate.faults.truncated = true;
                }
                Action::Truncate { .. } => {}
                Action::Hold(hold) => fate.hold = Some(hold),
                Action::Delay(delay) => {
                    fate.delay += delay;
                    fate.faults.delayed = true;
                }
            }
        }
    }
}
