//! The main job.

use crate::process::{cargo, run as spawn};
use crate::setup::{PEER, SIMULATION, WAVE, ensure};
use anyhow::Result;
use std::path::PathBuf;

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file that is served (default: something of a few MB that this machine has).
    #[arg(long)]
    file: Option<PathBuf>,
    /// Two NICs back to back in virtual time, instead of a Linux peer over a TAP.
    #[arg(long)]
    pair: bool,
    /// Write an FST waveform.
    #[arg(long)]
    wave: bool,
}

/// Builds the demo and runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure(SIMULATION)?;
    if args.wave {
        ensure(WAVE)?;
    }
    if !args.pair
        && let Err(error) = ensure(PEER)
    {
        // The pair needs no Linux peer; the demo itself falls back to it.
        println!("{error:#}");
    }
    let mut command = cargo();
    // Not --release: the time is Verilator's, whose code is optimised in any profile.
    command.args([
        "run",
        "--quiet",
        "--package",
        "longshore-e2e",
        "--bin",
        "longshore-demo",
    ]);
    if args.wave {
        command.args(["--features", "wave"]);
    }
    command.arg("--");
    if let Some(file) = &args.file {
        // The demo runs in the workspace's root, the user may stand elsewhere.
        command.arg("--file").arg(std::path::absolute(file)?);
    }
    if args.pair {
        command.arg("--pair");
    }
    if args.wave {
        command.arg("--wave");
    }
    spawn(&mut command)
}
