//! The driver in a guest, against the kernel's VFIO and a real IOMMU; docs/GUEST.md tells how it works.
//!
//! - [`packages`]: QEMU and a kernel out of Debian packages, cached
//! - [`kernel`]: the kernel unpacked, for a faster boot
//! - [`cdev`]: another kernel, with what Debian's leaves out
//! - [`initramfs`]: the guest's only program and the modules of VFIO
//! - [`process`]: children that cannot stay behind
//! - [`outside`]: a Linux and a simulated NIC per card of the guest
//! - [`file_server`]: a file for the guest to fetch
//! - [`machine`]: the QEMU that is the guest
//! - [`session`]: what the guest says, and what it asks for

mod cdev;
mod file_server;
mod initramfs;
mod kernel;
mod machine;
mod outside;
pub(crate) mod packages;
mod process;
mod session;

use crate::process::{WHOLE, cargo, root, run as spawn};
use crate::setup::{CURL, IP, SIMULATION, ensure};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Options of `cargo xtask guest`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The executable model behind, instead of the gateware in Verilator.
    #[arg(long)]
    model: bool,
    /// The kernel: Debian's, or one built here that has VFIO's other interface.
    #[arg(long, value_enum, default_value_t = Kernel::Debian)]
    kernel: Kernel,
    /// Cards in the guest.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    nics: u8,
    /// Runs, one after the other.
    #[arg(long, default_value_t = 1)]
    repeat: u32,
    /// Only these tests (comma-separated).
    #[arg(long, value_delimiter = ',')]
    tests: Vec<String>,
    /// Keep the logs of runs that passed too.
    #[arg(long)]
    keep: bool,
    /// A run that takes longer is stopped.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    limit: u64,
}

/// The guest's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kernel {
    /// Debian's for clouds: containers and groups.
    Debian,
    /// Built here once, in some minutes: devices of their own, with iommufd.
    Cdev,
}

/// What a run needs.
struct Kit {
    qemu: packages::Qemu,
    kernel: PathBuf,
    initramfs: PathBuf,
    simulator: PathBuf,
}

/// Gets everything ready, then boots the guest as often as asked for.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure(SIMULATION)?;
    ensure(&[IP, CURL])?;
    let started = Instant::now();
    let kit = prepare(args.kernel)?;
    println!("ready after {:.1} s", started.elapsed().as_secs_f64());
    let mut failed = 0;
    for round in 1..=args.repeat {
        let logs = logs(round)?;
        let started = Instant::now();
        let result = boot(args, &kit, &logs);
        let took = started.elapsed().as_secs_f64();
        match result {
            Ok(passed) => {
                println!(
                    "guest run {round} of {}: {passed} tests passed in {took:.1} s",
                    args.repeat
                );
                if args.keep {
                    println!("logs: {}", logs.display());
                } else {
                    std::fs::remove_dir_all(&logs)?;
                }
            }
            Err(error) => {
                failed += 1;
                println!(
                    "guest run {round} of {}: FAILED after {took:.1} s: {error:#}",
                    args.repeat
                );
                println!("logs: {}", logs.display());
                show_tail(&logs.join("console.log"));
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} guest runs failed", args.repeat);
    }
    Ok(())
}

/// Where everything is kept.
fn cache() -> PathBuf {
    root().join("target/guest")
}

fn prepare(kernel: Kernel) -> Result<Kit> {
    let cache = cache();
    std::fs::create_dir_all(&cache)?;
    let parts = packages::fetch(&cache)?;
    let (kernel, modules) = match kernel {
        Kernel::Debian => (kernel::unpack(&parts.vmlinuz, &cache)?, parts.modules),
        // It has no modules.
        Kernel::Cdev => (cdev::kernel(&cache)?, Vec::new()),
    };
    // As `cargo xtask test` builds it: with the features that all packages and their tests together want (a selection of
    // one package has others, and everything down to the gateware would be built again), and with the gateware's own
    // tests among them (without, its generator is built without line numbers). All of it is what the tests need too.
    let simulator = ["--bin", "longshore-sim", "--test", "kernels"];
    build(&[&["build", "--quiet"], &WHOLE[..], &simulator].concat())?;
    // Linked statically: the guest has no libraries. Without the gateware, which they do not simulate.
    let link = |package: &str, bin: &str| {
        let flags = ["-C", "target-feature=+crt-static", "-C", "strip=debuginfo"];
        let what = ["rustc", "--quiet", "--package", package, "--bin", bin, "--"];
        build(&[&what[..], &flags].concat())
    };
    link("longshore-guest", "longshore-guest")?;
    link("longshore", "longshore")?;
    let built = root().join("target/debug");
    let initramfs = cache.join("initramfs");
    let programs = [
        ("init", built.join("longshore-guest")),
        ("bin/longshore", built.join("longshore")),
    ];
    initramfs::write(&initramfs, &programs, &modules)?;
    Ok(Kit {
        qemu: parts.qemu,
        kernel,
        initramfs,
        simulator: built.join("longshore-sim"),
    })
}

fn build(arguments: &[&str]) -> Result<()> {
    // The output is looked for where the workspace puts it.
    spawn(
        cargo()
            .args(arguments)
            .env("CARGO_TARGET_DIR", root().join("target")),
    )
}

fn logs(round: u32) -> Result<PathBuf> {
    let dir = cache().join(format!("run-{}-{round}", std::process::id()));
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// One run: outside, guest, verdict. Everything it started has ended when this returns.
fn boot(args: &Args, kit: &Kit, logs: &Path) -> Result<usize> {
    let limit = Duration::from_secs(args.limit);
    let outsides = (0..args.nics)
        .map(|number| outside::Outside::start(&kit.simulator, number, args.model, logs, limit))
        .collect::<Result<Vec<_>>>()?;
    let sockets: Vec<_> = outsides.iter().map(outside::Outside::socket).collect();
    let guest = machine::start(kit, &sockets, args, logs, limit)?;
    let passed = session::run(guest, &outsides, limit)?;
    for outside in outsides {
        outside.finish()?;
    }
    Ok(passed)
}

/// The last lines of a log, for whoever reads only the output of CI.
fn show_tail(log: &Path) {
    let Ok(bytes) = std::fs::read(log) else {
        return;
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(30)..] {
        println!("  | {line}");
    }
}
