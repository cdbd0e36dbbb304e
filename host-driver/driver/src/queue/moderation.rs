//! Interrupt moderation that follows the load.
//!
//! A delay that suits a request and its answer lets a bulk transfer interrupt too often, each time at the price of an
//! arming and of a doorbell for what the interrupt led to. So a queue pair has two settings; what the last sleep ended
//! with says which is in force. Changing over is one posted register write, and only while nothing is armed.

use super::{Moderation, QueueConfig};

/// Completions of one sleep from which on there is bulk: more than requests, answers and their ACKs bring.
const BULK: u32 = 8;
/// Below that there is none any more.
const NO_BULK: u32 = 4;
/// Sleeps in a row that have to say so: a transfer pauses now and then.
const CALM: u32 = 2;

/// Which setting is in force.
#[derive(Debug)]
pub(crate) struct Moderator {
    usual: Moderation,
    bulk: Moderation,
    in_bulk: bool,
    /// Completions since the last sleep.
    completions: u32,
    /// Sleeps in a row that say that there is no bulk.
    calm: u32,
}

impl Moderator {
    /// The usual setting is in force.
    pub(crate) fn new(config: &QueueConfig) -> Self {
        Self {
            usual: config.moderation,
            bulk: config.bulk,
            in_bulk: false,
            completions: 0,
            calm: 0,
        }
    }

    /// `n` completions were handled.
    pub(crate) fn handled(&mut self, n: usize) {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        self.completions = self.completions.saturating_add(n);
    }

    /// The owner goes to sleep: the setting that is in force from now on, if it is another one.
    pub(crate) fn sleeps(&mut self) -> Option<Moderation> {
        let completions = std::mem::take(&mut self.completions);
        let says_so = match self.in_bulk {
            false => completions >= BULK,
            true => completions < NO_BULK,
        };
        self.calm = if self.in_bulk && says_so {
            self.calm + 1
        } else {
            0
        };
        let changes = says_so && (!self.in_bulk || self.calm >= CALM);
        if !changes || self.usual == self.bulk {
            return None;
        }
        self.in_bulk = !self.in_bulk;
        self.calm = 0;
        Some(if self.in_bulk { self.bulk } else { self.usual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Moderation = Moderation { delay: 1, count: 2 };
    const LOADED: Moderation = Moderation { delay: 3, count: 4 };

    fn moderator(bulk: Moderation) -> Moderator {
        Moderator::new(&QueueConfig {
            moderation: USUAL,
            bulk,
            ..QueueConfig::default()
        })
    }

    /// What each sleep changes, after so many completions.
    fn after<const N: usize>(
        moderator: &mut Moderator,
        completions: [usize; N],
    ) -> [Option<Moderation>; N] {
        completions.map(|n| {
            moderator.handled(n);
            moderator.sleeps()
        })
    }

    #[test]
    fn much_at_once_is_bulk_and_little_twice_in_a_row_ends_it() {
        let mut moderator = moderator(LOADED);
        assert_eq!(after(&mut moderator, [2, 7, 0]), [None; 3]);
        assert_eq!(
            after(&mut moderator, [8, 30, 3]),
            [Some(LOADED), None, None]
        );
        // A pause, not the end.
        assert_eq!(after(&mut moderator, [4, 3, 5]), [None; 3]);
        assert_eq!(after(&mut moderator, [1, 2, 2]), [None, Some(USUAL), None]);
        assert_eq!(after(&mut moderator, [8]), [Some(LOADED)]);
    }

    #[test]
    fn all_that_is_handled_between_two_sleeps_counts() {
        let mut moderator = moderator(LOADED);
        moderator.handled(5);
        moderator.handled(3);
        assert_eq!(moderator.sleeps(), Some(LOADED));
    }

    #[test]
    fn equal_settings_never_change() {
        assert_eq!(after(&mut moderator(USUAL), [100, 0, 0, 0]), [None; 4]);
    }
}
