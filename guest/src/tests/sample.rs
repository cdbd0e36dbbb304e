//! A file to be moved.

use std::{fs, path::Path};

use anyhow::Result;
use longshore_http::hex;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Its bytes.
pub(super) const LEN: usize = 4 << 20;
/// Where it is.
pub(super) const FOLDER: &str = "/tmp/files";
/// Any: the bytes must only be hard to get right by accident.
const SEED: u64 = 0x4c6f_6e67_7368_6f72;

/// Makes the file `sample` in [`FOLDER`]; its path and its SHA-256.
pub(super) fn make() -> Result<(String, String)> {
    fs::create_dir_all(FOLDER)?;
    let mut bytes = vec![0; LEN];
    ChaCha8Rng::seed_from_u64(SEED).fill(&mut bytes[..]);
    let path = format!("{FOLDER}/sample");
    fs::write(&path, &bytes)?;
    Ok((path, hex(&Sha256::digest(&bytes))))
}

/// The SHA-256 of a file.
pub(super) fn sum(path: &Path) -> Result<String> {
    Ok(hex(&Sha256::digest(fs::read(path)?)))
}
