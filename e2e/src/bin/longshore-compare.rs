//! Long campaigns of the comparison between the executable model and the gateware.

use clap::Parser;
use longshore_e2e::rig::compare::compare;
use longshore_e2e::rig::hosts::host;
use longshore_e2e::rig::nics::{GatewareNic, ModelNic};
use longshore_e2e::rig::scenario::Scenario;
use sim_wire::Seed;
use std::process::ExitCode;

/// Runs random scenarios on the executable model and on the gateware in Verilator, and stops at the first difference.
///
/// A scenario is requests, frames, faults and restarts on two queue pairs; what both NICs send, write, complete and count must be
/// equal. Seeds count up from the first one; each runs in each of four hosts (packet sizes, latency, reordering, addresses).
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Number of seeds.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// The first seed: a random one, or LONGSHORE_SEED.
    #[arg(long)]
    first: Option<Seed>,
    /// Steps of each scenario.
    #[arg(long, default_value_t = 12)]
    steps: usize,
    /// Only in this host, 0 to 3.
    #[arg(long)]
    host: Option<usize>,
    /// Go on after a difference.
    #[arg(long)]
    keep_going: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let first = match options.first.map_or_else(Seed::from_env_or_random, Ok) {
        Ok(seed) => seed,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let hosts = options.host.map_or(0..4, |h| h..h + 1);
    let mut bad = 0;
    for i in 0..options.seeds {
        let seed = Seed(first.0.wrapping_add(i));
        let scenario = Scenario::random(seed, options.steps);
        for n in hosts.clone() {
            match compare::<ModelNic, GatewareNic>(&host(n, seed.0), &scenario) {
                Ok(()) => println!("{seed} host {n}: equal"),
                Err(mismatch) => {
                    println!("{seed} host {n}: {mismatch}");
                    bad += 1;
                    if !options.keep_going {
                        return ExitCode::FAILURE;
                    }
                }
            }
        }
    }
    println!("{} scenarios, {bad} with a difference", options.seeds);
    if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
