//! The main job: a file goes down to curl and up again through sockets, driver, PCIe, gateware and Ethernet.

use anyhow::{Context, Result};
use clap::Parser;
use longshore_e2e::job::{run, sample::Sample};
use longshore_e2e::options::Setup;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Bytes served by default when every signal of every cycle is written down: a waveform of some MB, not some GB.
const TRACED: usize = 100_000;

/// The main job of Longshore.
#[derive(Parser)]
struct Args {
    /// The file that is served (default: a program of this machine of a few MB; with --wave 100 KB).
    #[arg(long)]
    file: Option<PathBuf>,
    /// Two NICs back to back in virtual time, instead of a Linux peer over a TAP.
    #[arg(long)]
    pair: bool,
    /// Use IPv6.
    #[arg(long)]
    ipv6: bool,
    /// Write an FST waveform of the first NIC (build with --features wave).
    #[arg(long)]
    wave: bool,
    /// Where the capture and the waveform go.
    #[arg(long, default_value = "target/demo")]
    out: PathBuf,
}

fn main() -> ExitCode {
    longshore_e2e::options::log();
    match demo(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(args: &Args) -> Result<()> {
    let started = Instant::now();
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    let scratch = tempfile::tempdir()?;
    let sample = match &args.file {
        Some(path) => Sample::given(path)?,
        None if args.wave => Sample::generate(scratch.path(), TRACED, 1)?,
        None => Sample::find(scratch.path())?,
    };
    println!("serving {} ({} bytes)", sample.about, sample.len);
    let mut setup = Setup::reference()?;
    let capture = args.out.join("demo.pcapng");
    setup.capture = Some(capture.clone());
    setup.wave = args.wave.then(|| args.out.join("demo.fst"));
    let linux = !args.pair
        && match sim_wire::privileges::probe() {
            Ok(()) => true,
            Err(why) => {
                println!("no Linux peer: {why}");
                false
            }
        };
    let run = if linux {
        println!("to an unmodified curl behind a TAP, through the NIC's RTL in Verilator");
        run::with_curl(&setup, &sample, scratch.path(), args.ipv6, 1)?
    } else {
        println!("between two NICs back to back in virtual time, their RTL in Verilator");
        run::back_to_back(&setup, &sample, args.ipv6)?
    };
    run.print(started);
    println!("capture: {} (Wireshark opens it)", capture.display());
    if let Some(wave) = &setup.wave {
        println!("waveform: {}", wave.display());
    }
    run.judge()
}
