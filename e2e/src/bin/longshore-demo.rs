//! The main job: a file goes down to curl and up again through sockets, driver, PCIe, gateware and Ethernet.

use anyhow::{Context, Result, bail};
use clap::Parser;
use longshore_e2e::job::summary::{NicReport, Transfer, goodput_limit};
use longshore_e2e::job::{linux, pair, sample::Sample};
use longshore_e2e::world::any_nic::{BoxedWire, NicKind};
use longshore_e2e::world::linux::LinuxPeer;
use longshore_e2e::world::pair::{Pair, PairConfig};
use sim_wire::capture::{Capture, Epoch};
use sim_wire::{LineConfig, Rate};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

/// The main job of Longshore.
#[derive(Parser)]
struct Args {
    /// The file that is served (default: a program of this machine of a few MB).
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
    /// The executable model instead of the RTL: says nothing of the gateware.
    #[arg(long)]
    model: bool,
    /// Where the capture and the waveform go.
    #[arg(long, default_value = "target/demo")]
    out: PathBuf,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("LONGSHORE_LOG")
                .unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    let scratch = tempfile::tempdir()?;
    let sample = match &args.file {
        Some(path) => Sample::given(path)?,
        None => Sample::find(scratch.path())?,
    };
    let kind = if args.model {
        NicKind::model()
    } else {
        NicKind::rtl()
    };
    println!("serving {} ({} bytes)", sample.about, sample.len);
    let with_linux = !args.pair
        && match sim_wire::privileges::probe() {
            Ok(()) => true,
            Err(why) => {
                println!(
                    "no Linux peer: {why}\nfalling back to two NICs back to back in virtual time"
                );
                false
            }
        };
    let (transfers, nics) = if with_linux {
        over_tap(args, &kind, &sample, scratch.path())?
    } else {
        back_to_back(args, &kind, &sample)?
    };
    println!();
    for transfer in &transfers {
        println!("{transfer}");
    }
    println!();
    for nic in &nics {
        print!("{nic}");
    }
    report_speed(&transfers, &nics, start);
    println!(
        "capture: {} (Wireshark opens it)",
        capture_path(&args.out).display()
    );
    if args.wave {
        println!("waveform: {}", wave_path(&args.out).display());
    }
    if let Some(bad) = transfers.iter().find(|t| !t.equal) {
        bail!("{}: the file did not arrive as it was sent", bad.what);
    }
    if let Some(bad) = nics.iter().find(|n| !n.violations().is_empty()) {
        bail!(
            "{} broke rules of its interfaces: a bug of the gateware",
            bad.name
        );
    }
    Ok(())
}

fn report_speed(transfers: &[Transfer], nics: &[NicReport], start: Instant) {
    if transfers.iter().all(|t| t.simulated.is_some()) {
        let limit = goodput_limit(10.0, 1_460, 54);
        for t in transfers {
            let gbps = t.gbps().unwrap_or(0.0);
            println!(
                "{}: {gbps:.3} Gb/s of simulated time, {:.1} % of the {limit:.3} Gb/s that a 10 Gb/s line with 1460 B segments carries",
                t.what,
                100.0 * gbps / limit
            );
        }
    }
    let wall: f64 = transfers.iter().map(|t| t.wall.as_secs_f64()).sum();
    let cycles: u64 = nics.iter().map(NicReport::cycles).sum();
    if cycles > 0 && wall > 0.0 {
        println!(
            "simulator: {:.0} core cycles a second over {} NIC(s)",
            cycles as f64 / wall,
            nics.len()
        );
    }
    println!("wall time: {:.1} s", start.elapsed().as_secs_f64());
}

fn capture_path(out: &Path) -> PathBuf {
    out.join("demo.pcapng")
}

fn wave_path(out: &Path) -> PathBuf {
    out.join("demo.fst")
}

fn over_tap(
    args: &Args,
    kind: &NicKind,
    sample: &Sample,
    scratch: &Path,
) -> Result<(Vec<Transfer>, Vec<NicReport>)> {
    println!("a Linux kernel behind a TAP, the NIC's RTL in Verilator in between");
    let capture = Capture::create(capture_path(&args.out), Epoch::Real(SystemTime::now()))?;
    let line = LineConfig::default();
    let peer = LinuxPeer::new(
        kind,
        line,
        |wire| Ok(Box::new(capture.attach("nic0", line.rate, wire)) as BoxedWire),
        |_| {},
    )?;
    if args.wave {
        peer.host.nic.lock().trace(&wave_path(&args.out))?;
    }
    let outcome = linux::run(&peer, sample, scratch, args.ipv6)?;
    drop(peer);
    capture.finish()?;
    Ok((outcome.transfers.into(), vec![outcome.nic]))
}

fn back_to_back(
    args: &Args,
    kind: &NicKind,
    sample: &Sample,
) -> Result<(Vec<Transfer>, Vec<NicReport>)> {
    println!("two NICs back to back in virtual time");
    let capture = Capture::create(capture_path(&args.out), Epoch::Virtual)?;
    let attached = capture.clone();
    let mut config = PairConfig::new(kind.clone());
    // Both ends see the same frames: one is captured.
    config.wrap = Box::new(move |name, wire| {
        Ok(if name == "nic0" {
            Box::new(attached.attach(name, Rate::GBPS_10, wire))
        } else {
            wire
        })
    });
    config.adjust = |stack| stack.tcp.timestamps = false;
    let world = Pair::new(config)?;
    if args.wave {
        world.hosts[0].nic.lock().trace(&wave_path(&args.out))?;
    }
    let outcome = pair::run(world, sample, args.ipv6)?;
    capture.finish()?;
    Ok((outcome.transfers.into(), outcome.nics.into()))
}
