//! What became of uploads.

use sha2::{Digest, Sha256};

/// A body that was received whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Path of the request, percent-encoded.
    pub path: String,
    /// Bytes.
    pub len: u64,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
}

/// Adds up an upload as it arrives.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    hash: Sha256,
    len: u64,
}

impl Sink {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
    }

    pub(crate) fn finish(self, path: String) -> Upload {
        Upload {
            path,
            len: self.len,
            sha256: self.hash.finalize().into(),
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
