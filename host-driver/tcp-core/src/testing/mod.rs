//! Two hosts over a faulty link in virtual time, with real bytes on the wire.
//!
//! For the tests of this crate and of its users (feature `testing`). A run is a function of its
//! seed: [`seed`] takes it from `LONGSHORE_SEED` if that is set, and prints it.

mod coalesce;
mod host;
mod link;
mod pair;
mod ring;
mod watched;

pub use coalesce::coalesce;
pub use host::{Host, Reader};
pub use link::{Faults, Link, Packet};
pub use pair::{Outcome, Pair, Stuck};
pub use ring::Ring;
pub use watched::Watched;

/// The seed of a random test: `LONGSHORE_SEED` if it is set, else `default`. Printed, so that a
/// failure shows it.
///
/// # Panics
/// If `LONGSHORE_SEED` is not a number.
#[must_use]
pub fn seed(default: u64) -> u64 {
    let seed = std::env::var("LONGSHORE_SEED").map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("LONGSHORE_SEED={text} is not a number"))
    });
    println!("LONGSHORE_SEED={seed}");
    seed
}

/// `len` bytes that tell their place: no two parts of a stream look the same.
#[must_use]
pub fn pattern(len: usize, salt: u64) -> Vec<u8> {
    let word = |i: usize| {
        (i as u64 ^ salt)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .to_le_bytes()
    };
    (0..len).map(|i| word(i / 8)[i % 8]).collect()
}
