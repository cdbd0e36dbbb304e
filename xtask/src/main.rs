//! The project's own commands.
//!
//! Each command installs through the system's package manager what it needs and does not find, and
//! says so. Run `cargo xtask help`.
#![forbid(unsafe_code)]

mod bench;
mod campaign;
mod checked;
mod compliance;
mod demo;
mod document;
mod guest;
mod instructions;
mod links;
mod lint;
mod man;
mod process;
mod registers;
mod setup;
mod synth;
mod test;
mod verilog;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Longshore's own commands: demo, test and the rest",
    version,
    disable_help_subcommand = false
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The main job: curl downloads and uploads a file through the gateware.
    Demo(demo::Args),
    /// All tests.
    Test(test::Args),
    /// The driver in a guest: kernel VFIO, IOMMU and QEMU, the simulated NIC outside.
    Guest(guest::Args),
    /// Formatting, clippy, the kernel lint, contract drift, documents.
    Lint,
    /// Write the Verilog of every module.
    Verilog(verilog::Args),
    /// Write docs/REGISTERS.md from nic-abi.
    Registers(registers::Args),
    /// Long random runs: `campaign tcp`, `races`, `flood`, `fuzz`.
    Campaign(campaign::Args),
    /// Write docs/COMPLIANCE.md from the annotations in the code.
    Compliance(compliance::Args),
    /// Synthesise for the ECP5: area per module against its budget, and with --pnr the clock.
    Synth(synth::Args),
    /// Write the manual pages of the `longshore` command.
    Man(man::Args),
    /// Run the benches and write their tables into docs/PERFORMANCE.md.
    Bench(bench::Args),
    /// Install what the other commands need.
    Setup,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Guest(args) => guest::run(&args),
        Command::Lint => lint::run(),
        Command::Verilog(args) => verilog::run(&args),
        Command::Registers(args) => registers::run(&args),
        Command::Campaign(args) => campaign::run(&args),
        Command::Compliance(args) => compliance::run(&args),
        Command::Synth(args) => synth::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Setup => setup::everything(),
    }
}
