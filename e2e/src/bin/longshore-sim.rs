//! The simulator with all its knobs.

use anyhow::Result;
use clap::{Parser, Subcommand};
use longshore_e2e::job::page::Run;
use longshore_e2e::job::{run, sample::Sample};
use longshore_e2e::options::Setup;
use longshore_e2e::serve::{self, Sockets};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Simulates the Longshore NIC between a host with its driver and sockets and a wire.
///
/// The NIC is the gateware's own Verilog (or the executable model); the host is the real driver and TCP; the
/// wire leads to a second such NIC in virtual time, or to the Linux kernel through a TAP in real time.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
        longshore-sim stream --bytes 16777216\n      \
            one connection between two NICs: throughput in simulated time\n  \
        longshore-sim files --faults loss=1%,reorder=2% --capture faults.pcapng\n      \
            a file down and up between two NICs over a bad wire\n  \
        longshore-sim curl --repeat 10 --ipv6\n      \
            an unmodified curl in a namespace, ten times (needs root)\n  \
        longshore-sim serve --socket nic.sock --tap lstap0\n      \
            a device for QEMU (-device vfio-user-pci) and for `longshore --vfio-user nic.sock`\n\n\
        LONGSHORE_LOG=debug shows what the stack does; LONGSHORE_SEED=n replays what was random."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Two NICs in virtual time: one stream of random bytes, for figures.
    Stream {
        /// Bytes to send.
        #[arg(long, default_value_t = 4 << 20)]
        bytes: usize,
        /// Use IPv6.
        #[arg(long)]
        ipv6: bool,
        #[command(flatten)]
        setup: Setup,
    },
    /// Two NICs in virtual time: an HTTP download, then an upload.
    Files {
        #[command(flatten)]
        job: Job,
    },
    /// A Linux kernel in real time: curl downloads, then uploads.
    Curl {
        /// How many times.
        #[arg(long, default_value_t = 1)]
        repeat: u32,
        #[command(flatten)]
        job: Job,
    },
    /// NICs as vfio-user devices for other programs, until SIGINT or SIGTERM.
    Serve {
        #[command(flatten)]
        serve: Sockets,
        #[command(flatten)]
        setup: Setup,
    },
}

#[derive(clap::Args)]
struct Job {
    /// The file (default: random bytes).
    #[arg(long)]
    file: Option<PathBuf>,
    /// Length of the random bytes.
    #[arg(long, default_value_t = 2_000_000, conflicts_with = "file")]
    bytes: usize,
    /// Use IPv6.
    #[arg(long)]
    ipv6: bool,
    #[command(flatten)]
    setup: Setup,
}

fn main() -> ExitCode {
    longshore_e2e::options::log();
    match simulate(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn simulate(command: Command) -> Result<()> {
    let started = Instant::now();
    let scratch = tempfile::tempdir()?;
    let sample = |job: &Job| match &job.file {
        Some(path) => Sample::given(path),
        None => Sample::generate(scratch.path(), job.bytes, job.setup.seed.unwrap_or(1)),
    };
    let run = match command {
        Command::Stream { bytes, ipv6, setup } => {
            let result = run::stream(&setup, bytes, ipv6)?;
            println!("steady: {:.3} Gb/s", result.steady_gbps);
            Run {
                transfers: vec![result.transfer],
                nics: result.nics.into(),
            }
        }
        Command::Files { job } => run::back_to_back(&job.setup, &sample(&job)?, job.ipv6)?,
        Command::Curl { repeat, job } => {
            run::with_curl(&job.setup, &sample(&job)?, scratch.path(), job.ipv6, repeat)?
        }
        Command::Serve { serve, setup } => return serve::until_told_to_stop(&serve, &setup),
    };
    run.print(started);
    run.judge()
}
