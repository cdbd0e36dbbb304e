//! The Verilog of every module.

use crate::process::{cargo, run as spawn};
use anyhow::Result;
use std::path::PathBuf;

/// Options of `cargo xtask verilog`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write to.
    #[arg(long, default_value = "target/verilog")]
    out: PathBuf,
}

/// Writes one file per module of the catalogue.
pub(crate) fn run(args: &Args) -> Result<()> {
    write(&args.out)?;
    println!("wrote {}", args.out.display());
    Ok(())
}

/// Writes one file per module into `out`.
pub(crate) fn write(out: &std::path::Path) -> Result<()> {
    spawn(
        cargo()
            .args([
                "run",
                "--quiet",
                "--package",
                "longshore-hdl",
                "--bin",
                "emit-verilog",
                "--",
            ])
            .arg(out),
    )
}
