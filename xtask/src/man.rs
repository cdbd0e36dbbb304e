//! The manual pages of the `longshore` command.

use crate::process::{cargo, run as spawn};
use anyhow::Result;
use std::path::PathBuf;

/// Options of `cargo xtask man`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write to.
    #[arg(long, default_value = "target/man/man1")]
    out: PathBuf,
}

/// Writes one page per subcommand: `man -M target/man longshore`.
pub(crate) fn run(args: &Args) -> Result<()> {
    spawn(
        cargo()
            .args(["run", "--quiet", "--package", "longshore", "--", "man"])
            .arg(&args.out),
    )?;
    println!("wrote {}", args.out.display());
    Ok(())
}
