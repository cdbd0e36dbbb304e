//! The file that is served.

use anyhow::{Context, Result, bail};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A file of a few MB.
const SIZES: std::ops::RangeInclusive<u64> = 1_500_000..=8_000_000;
/// Programs that most machines have, and that are of such a size.
const CANDIDATES: [&str; 5] = ["git", "gdb", "python3", "openssl", "perl"];
/// Bytes of a generated file.
const GENERATED: usize = 2_000_000;

/// A file with its contents' hash.
pub struct Sample {
    /// Where it lies.
    pub path: PathBuf,
    /// Bytes.
    pub len: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// What it is, for people.
    pub about: String,
}

impl Sample {
    /// The file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is a directory.
    pub fn given(path: &Path) -> Result<Self> {
        let about = path.display().to_string();
        Self::read(path, about)
    }

    /// A program of this machine of a few MB, or a generated file in `scratch`.
    ///
    /// # Errors
    /// `scratch` cannot be written.
    pub fn find(scratch: &Path) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        for name in CANDIDATES {
            for folder in &folders {
                let candidate = folder.join(name);
                let fits = std::fs::metadata(&candidate)
                    .is_ok_and(|m| m.is_file() && SIZES.contains(&m.len()));
                if fits && let Ok(sample) = Self::read(&candidate, format!("the program {name}")) {
                    return Ok(sample);
                }
            }
        }
        Self::generate(scratch, GENERATED, 1)
    }

    /// `len` pseudo-random bytes in `scratch`.
    ///
    /// # Errors
    /// `scratch` cannot be written.
    pub fn generate(scratch: &Path, len: usize, seed: u64) -> Result<Self> {
        let mut bytes = vec![0; len];
        ChaCha8Rng::seed_from_u64(seed).fill(&mut bytes[..]);
        let path = scratch.join(format!("random-{seed}-{len}.bin"));
        std::fs::write(&path, &bytes)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Self::read(&path, format!("{len} random bytes"))
    }

    fn read(path: &Path, about: String) -> Result<Self> {
        if path.is_dir() {
            bail!("{} is a directory: name a file", path.display());
        }
        let bytes = std::fs::read(path).with_context(|| {
            format!(
                "cannot read {}: name a file that you may read",
                path.display()
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            len: bytes.len() as u64,
            sha256: Sha256::digest(&bytes).into(),
            about,
        })
    }

    /// Its name below its folder, as it stands in a URL.
    ///
    /// # Errors
    /// The name is none that a URL holds without encoding.
    pub fn name(&self) -> Result<&str> {
        let name = self.path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~+".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            bail!(
                "the file's name {name:?} has characters that a URL cannot hold as they are: copy it to a plain name"
            );
        }
        Ok(name)
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("."))
    }
}
