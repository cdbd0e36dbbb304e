//! Long random runs of tests that run shortly in every other test run.

use crate::process::{cargo, run as spawn};
use anyhow::Result;

/// Options of `cargo xtask campaign`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to run.
    what: What,
    /// How many times, each with other seeds.
    #[arg(long, default_value_t = 20)]
    times: u32,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// tcp-core over the matrix of networks, and its properties with many more cases.
    Tcp,
    /// The races of sockets, in a thousand schedules each, so many times.
    Races,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let times = args.times.max(1);
    match args.what {
        What::Tcp => tcp(times),
        What::Races => crate::checked::shuttle(Some(1000 * u64::from(times))),
    }
}

fn tcp(times: u32) -> Result<()> {
    spawn(
        cargo()
            .args([
                "test",
                "--package",
                "tcp-core",
                "--test",
                "networks",
                "--",
                "matrix",
                "--nocapture",
            ])
            .env("LONGSHORE_CAMPAIGN", times.to_string()),
    )?;
    spawn(
        cargo()
            .args([
                "test",
                "--package",
                "tcp-core",
                "--test",
                "random",
                "--test",
                "fuzz",
            ])
            .env("PROPTEST_CASES", (1000 * times).to_string()),
    )
}
