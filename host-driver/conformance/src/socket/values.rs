//! Values of options, as bytes.

use std::time::Duration;

use crate::errno::{Errno, Result};

/// The int that an option's value is.
pub(super) fn int(value: &[u8]) -> Result<i32> {
    let bytes = value.first_chunk().ok_or(Errno::EINVAL)?;
    Ok(i32::from_ne_bytes(*bytes))
}

pub(super) fn flag(value: &[u8]) -> Result<bool> {
    Ok(int(value)? != 0)
}

/// A `struct timeval`; 0 is without end, a negative one no time at all.
pub(super) fn timeout(value: &[u8]) -> Result<Option<Duration>> {
    let word = |at: usize| -> Result<i64> {
        let bytes = value.get(at..at + 8).ok_or(Errno::EINVAL)?;
        Ok(i64::from_ne_bytes(
            bytes.try_into().map_err(|_| Errno::EINVAL)?,
        ))
    };
    let (secs, micros) = (word(0)?, word(8)?);
    if !(0..1_000_000).contains(&micros) {
        return Err(Errno::EDOM);
    }
    let Ok(secs) = u64::try_from(secs) else {
        return Ok(Some(Duration::ZERO));
    };
    let micros = u64::try_from(micros).unwrap_or(0);
    let time = Duration::from_secs(secs) + Duration::from_micros(micros);
    Ok((!time.is_zero()).then_some(time))
}

pub(super) fn timeval(time: Option<Duration>) -> Vec<u8> {
    let time = time.unwrap_or_default();
    let mut bytes = time.as_secs().to_ne_bytes().to_vec();
    bytes.extend(u64::from(time.subsec_micros()).to_ne_bytes());
    bytes
}

pub(super) fn bytes(value: i32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}
