//! All tests.

use crate::checked;
use crate::process::{cargo, run as spawn};
use crate::setup::{PEER, SIMULATION, ensure};
use anyhow::Result;

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `cargo test`, for instance `-p tcp-core`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs the tests of the workspace and the model checkers, or what the arguments name.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure(SIMULATION)?;
    ensure(PEER)?;
    let mut command = cargo();
    command.arg("test");
    if args.rest.is_empty() {
        // One failure is not to hide another.
        command.args(crate::process::WHOLE).arg("--no-fail-fast");
    } else {
        command.args(&args.rest);
    }
    spawn(&mut command)?;
    if args.rest.is_empty() {
        checked::loom()?;
        checked::shuttle(None)?;
    }
    Ok(())
}
