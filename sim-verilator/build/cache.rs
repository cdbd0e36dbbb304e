//! Write only what changed; know what an object was made from.

use sha2::{Digest, Sha256};
use std::{fmt::Write as _, fs, io, path::Path};

/// Writes `text` unless the file holds it already.
pub(crate) fn write_if_different(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        Ok(())
    } else {
        fs::write(path, text)
    }
}

/// A hash over all parts, order and boundaries included.
pub(crate) fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Whether `object` was made from `key`.
pub(crate) fn is_fresh(object: &Path, key: &str) -> bool {
    object.exists() && fs::read_to_string(object.with_extension("key")).is_ok_and(|old| old == key)
}

/// Notes that `object` was made from `key`.
pub(crate) fn stamp(object: &Path, key: &str) -> io::Result<()> {
    fs::write(object.with_extension("key"), key)
}
