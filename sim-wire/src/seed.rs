//! Seeds of random faults, and replaying them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The environment variable that replays a run: `LONGSHORE_SEED=0x1f…` or decimal.
pub const SEED_VAR: &str = "LONGSHORE_SEED";

/// The seed of a random run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

/// A seed that is not a 64-bit number.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the seed {text:?} is not a 64-bit number; give decimal, or hexadecimal with 0x")]
pub struct BadSeed {
    /// What was given.
    pub text: String,
}

impl Seed {
    /// The seed in [`SEED_VAR`], else a random one.
    ///
    /// # Errors
    /// If the variable is set to anything but a number: replaying some other run would mislead.
    pub fn from_env_or_random() -> Result<Self, BadSeed> {
        match std::env::var_os(SEED_VAR) {
            Some(text) => text.to_string_lossy().parse(),
            None => Ok(Self(rand::random())),
        }
    }
}

impl FromStr for Seed {
    type Err = BadSeed;

    fn from_str(text: &str) -> Result<Self, BadSeed> {
        let trimmed = text.trim();
        match trimmed.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => trimmed.parse(),
        }
        .map(Self)
        .map_err(|_| BadSeed {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_replays() {
        let seed = Seed(0xdead_beef);
        assert_eq!(seed.to_string().parse(), Ok(seed));
        assert_eq!("3735928559".parse(), Ok(seed));
    }

    #[test]
    fn a_seed_that_is_no_number_is_refused() {
        assert!(
            "0xfish"
                .parse::<Seed>()
                .unwrap_err()
                .to_string()
                .contains("hexadecimal")
        );
        assert!("".parse::<Seed>().is_err());
    }
}
