//! Long random runs of tests that run shortly in every other test run.

mod drill;
mod fuzz;
mod tcp;

use crate::process::{cargo, run as spawn};
use crate::setup::{SIMULATION, ensure};
use anyhow::Result;

/// Options of `cargo xtask campaign`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// tcp-core over the matrix of networks, and its properties with many more cases.
    Tcp(Times),
    /// Files over wires of every kind, between two model NICs in virtual time.
    Wires(Times),
    /// The races of sockets, in a thousand schedules each, so many times.
    Races(Times),
    /// A million SYNs from strangers while a hundred clients connect.
    Flood,
    /// The fuzz targets under libFuzzer, one after another.
    Fuzz(fuzz::Args),
    /// The kernel's own packetdrill scripts against the stack, in virtual time.
    Drill(drill::Args),
}

#[derive(clap::Args)]
struct Times {
    /// How many times, each with other seeds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Tcp(Times { times }) => tcp::run(*times),
        What::Wires(Times { times }) => wires(*times),
        What::Races(Times { times }) => crate::checked::shuttle(Some(1000 * u64::from(*times))),
        What::Flood => tcp::flood(),
        What::Fuzz(args) => fuzz::run(args),
        What::Drill(args) => drill::run(args),
    }
}

fn wires(times: u32) -> Result<()> {
    ensure(SIMULATION)?;
    spawn(
        cargo()
            .args(["test", "--package", "longshore-e2e", "--test", "wires"])
            .env("LONGSHORE_CAMPAIGN", times.to_string()),
    )
}
