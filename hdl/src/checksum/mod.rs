//! Ones' complement sums (RFC 1071), for both directions.
//!
//! All sums are of 16-bit words as they lie in `tdata`, that is little-endian. RFC 1071 §2(B): the sum of byte-swapped
//! words is the byte-swapped sum, so a result goes back into a lane of `tdata` as it is, and is swapped only where a
//! number is wanted.
//!
//! - [`beat_sum`]: the sum of one beat's chosen bytes.
//! - [`fold`]: a long sum folded to 16 bits with end-around carry.
//! - [`sum_unit`]: both with an accumulator between: the sum of a frame's chosen bytes.

pub mod beat_sum;
pub mod fold;
pub mod sum_unit;

crate::catalogue! {
    /// The sum of the chosen bytes of one beat.
    checksum_beat_sum: beat_sum::BeatSum = beat_sum::BeatSum::default();
    /// A 32-bit sum folded to 16 bits.
    checksum_fold: fold::Fold = fold::Fold::default();
    /// The sum of the chosen bytes of a frame.
    checksum_sum_unit: sum_unit::SumUnit = sum_unit::SumUnit::default();
}
