//! The simulator's knobs, for every program that simulates.

use crate::world::any_nic::{BoxedWire, NicKind};
use anyhow::Result;
use clap::{Args as _, FromArgMatches as _};
use sim_verilator::nic::SimConfig;
use sim_verilator::pcie::HostConfig;
use sim_wire::capture::{Capture, Epoch};
use sim_wire::fault::{FaultConfig, FaultInjector};
use sim_wire::{LineConfig, Picos, Rate, Seed};
use std::path::PathBuf;

/// Which description of the NIC is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// The gateware's Verilog in Verilator, behind a PCIe link of TLPs.
    Rtl,
    /// The executable model: fast, frame by frame, without cycles.
    Model,
}

/// NIC, host, wire.
#[derive(Debug, Clone, clap::Args)]
pub struct Setup {
    /// Which description of the NIC is simulated.
    #[arg(long, value_enum, default_value = "rtl", help_heading = "NIC")]
    pub nic: Form,
    /// Core and TLP clock in MHz.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=1000), help_heading = "NIC")]
    pub core_mhz: u64,
    /// Write an FST waveform of the first NIC (build with --features wave).
    #[arg(long, value_name = "FILE", help_heading = "NIC")]
    pub wave: Option<PathBuf>,

    /// Time from a read request to its first completion: 500ns, 1.2us.
    #[arg(long, default_value = "500ns", help_heading = "Host")]
    pub read_latency: Picos,
    /// Random addition to it, at most.
    #[arg(long, default_value = "0ns", help_heading = "Host")]
    pub jitter: Picos,
    /// Answer reads of different tags out of order, split at random boundaries.
    #[arg(long, help_heading = "Host")]
    pub reorder_reads: bool,
    /// Maximum payload size in bytes.
    #[arg(long, default_value = "256", value_parser = ["128", "256", "512"], help_heading = "Host")]
    pub mps: String,
    /// Maximum read request size in bytes.
    #[arg(long, default_value = "512", value_parser = ["128", "256", "512", "1024", "2048", "4096"], help_heading = "Host")]
    pub mrrs: String,

    /// Line rate: 1G, 10G, unlimited.
    #[arg(long, default_value = "10G", help_heading = "Wire")]
    pub rate: Rate,
    /// Faults in both directions: loss=1%,reorder=2%,duplicate=1%,corrupt=0.1%,delay=10us,jitter=5us.
    #[arg(long, value_name = "LIST", help_heading = "Wire")]
    pub faults: Option<FaultConfig>,
    /// Seed of the faults and of the host's reordering (default: random, printed; or LONGSHORE_SEED).
    #[arg(long, help_heading = "Wire")]
    pub seed: Option<u64>,
    /// Write a pcapng capture of the first NIC's frames; Wireshark shows injected faults as comments.
    #[arg(long, value_name = "FILE", help_heading = "Wire")]
    pub capture: Option<PathBuf>,
}

/// What is stacked on wires, and has to be finished.
pub struct Wires {
    capture: Option<Capture>,
    faults: Option<FaultConfig>,
    rate: Rate,
    seed: Seed,
}

impl Setup {
    /// The reference simulated configuration: every knob where it stands by default.
    ///
    /// # Errors
    /// None: the defaults are sound.
    pub fn reference() -> Result<Self> {
        let command = Self::augment_args(clap::Command::new("reference"));
        Ok(Self::from_arg_matches(
            &command.try_get_matches_from(["reference"])?,
        )?)
    }

    /// The seed of everything random.
    ///
    /// # Errors
    /// LONGSHORE_SEED is no number.
    pub fn seed(&self) -> Result<Seed> {
        Ok(match self.seed {
            Some(seed) => Seed(seed),
            None => Seed::from_env_or_random()?,
        })
    }

    /// The NIC as asked for.
    pub fn kind(&self, seed: Seed) -> NicKind {
        match self.nic {
            Form::Model => NicKind::model(),
            Form::Rtl => {
                let core_period = Picos(1_000_000 / self.core_mhz);
                let reference = SimConfig::default();
                let fits = self.rate.get().is_some_and(|r| r.get() <= 10_000_000_000);
                NicKind::Rtl(SimConfig {
                    core_period,
                    // A line faster than the reference MAC has one that takes a beat in every cycle of the core.
                    mac_period: if fits {
                        reference.mac_period
                    } else {
                        core_period
                    },
                    rate_mbps: self.rate.get().map_or(0, |r| (r.get() / 1_000_000) as u32),
                    host: HostConfig {
                        // The parser admits these sizes only.
                        mps: self.mps.parse().unwrap_or(reference.host.mps),
                        mrrs: self.mrrs.parse().unwrap_or(reference.host.mrrs),
                        read_latency: self.read_latency,
                        jitter: self.jitter,
                        reorder: self.reorder_reads,
                        seed: seed.0,
                        ..reference.host
                    },
                })
            }
        }
    }

    /// The line as asked for.
    pub fn line(&self) -> LineConfig {
        LineConfig {
            rate: self.rate,
            ..LineConfig::default()
        }
    }

    /// What is to be stacked on the wires.
    ///
    /// # Errors
    /// The capture cannot be written.
    pub fn wires(&self, seed: Seed, epoch: Epoch) -> Result<Wires> {
        let capture = self
            .capture
            .as_ref()
            .map(|path| Capture::create(path, epoch))
            .transpose()?;
        if self.faults.is_some() || self.reorder_reads {
            println!("{seed}");
        }
        Ok(Wires {
            capture,
            faults: self.faults.clone(),
            rate: self.rate,
            seed,
        })
    }
}

impl Wires {
    /// Stacks faults and, on the first NIC's end, the capture on `wire`.
    ///
    /// # Errors
    /// The faults are out of range.
    pub fn wrap(&self, name: &str, wire: BoxedWire) -> Result<BoxedWire> {
        let first = name == crate::world::pair::ENDS[0];
        let wire: BoxedWire = match &self.faults {
            // Both directions pass the first end, so faults there meet every frame once.
            Some(faults) if first => Box::new(
                FaultInjector::new(wire, self.seed)
                    .with_tx(faults.clone())?
                    .with_rx(faults.clone())?,
            ),
            _ => wire,
        };
        Ok(match &self.capture {
            Some(capture) if first => Box::new(capture.attach(name, self.rate, wire)),
            _ => wire,
        })
    }

    /// Completes the capture.
    ///
    /// # Errors
    /// It could not be written.
    pub fn finish(&self) -> Result<()> {
        self.capture.as_ref().map_or(Ok(()), |c| Ok(c.finish()?))
    }
}

/// Logs to standard error what LONGSHORE_LOG asks for; warnings if it asks for nothing.
pub fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LONGSHORE_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
}
