//! How the NIC is reached.

use clap::{Args, ValueHint};
#[cfg(feature = "sim")]
use ip_core::Cidr;
use longshore_sysfs::Address;
use std::path::PathBuf;

/// Which NIC, and how it is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "NIC")]
pub(crate) struct Transport {
    #[command(flatten)]
    pub(crate) which: Which,
    #[cfg(feature = "sim")]
    #[command(flatten)]
    pub(crate) sim: Sim,
}

/// One of them.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
#[command(next_help_heading = "NIC")]
pub(crate) struct Which {
    /// The card at this address, bound to vfio-pci: 0000:03:00.0
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) vfio: Option<Address>,
    /// The NIC of another process, behind this vfio-user socket: `longshore-sim serve`, QEMU's peers
    #[arg(long, value_name = "SOCKET", value_hint = ValueHint::FilePath)]
    pub(crate) vfio_user: Option<PathBuf>,
    /// A simulated NIC in this process
    #[cfg(feature = "sim")]
    #[arg(long)]
    pub(crate) sim: bool,
}

/// The simulated NIC and what it is plugged into.
#[cfg(feature = "sim")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Simulated NIC")]
pub(crate) struct Sim {
    /// Which description of the NIC is simulated
    #[arg(long, value_enum, default_value = "model", requires = "sim")]
    pub(crate) nic: NicForm,
    /// What is at the other end of its wire
    #[arg(long, value_enum, default_value = "pair", requires = "sim")]
    pub(crate) wire: SimWire,
    /// Address of the other end with its network's prefix; may be repeated (default: 192.0.2.2/24, 2001:db8::2/64)
    #[arg(long, value_name = "ADDRESS/PREFIX", requires = "sim")]
    pub(crate) peer: Vec<Cidr>,
    /// The folder whose files the second NIC of a pair serves on port 80 (default: none)
    #[arg(long, value_name = "FOLDER", requires = "sim")]
    pub(crate) peer_files: Option<PathBuf>,
}

/// The forms that a NIC has.
#[cfg(feature = "sim")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum NicForm {
    /// The executable model: fast, frame by frame
    Model,
    /// The gateware's Verilog in Verilator (in builds with the feature `rtl`)
    Rtl,
}

/// The wires that a simulated NIC is plugged into.
#[cfg(feature = "sim")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SimWire {
    /// A second simulated NIC with a stack of its own
    Pair,
    /// A Linux kernel: a TAP in a network namespace of its own (root)
    Tap,
}
