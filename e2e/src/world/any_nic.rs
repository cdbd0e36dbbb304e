//! The NIC in either of its forms.

use longshore_device::{IrqSink, LocalNic};
use longshore_dma::HostMemory;
use nic_model::Model;
use sim_verilator::nic::{SimConfig, SimulatedNic};
use sim_verilator::pcie::LinkCounts;
use sim_verilator::verilated::VerilatedError;
use sim_wire::{Picos, Station, Wire};
use std::path::Path;
use std::sync::Arc;

/// Any wire.
pub type BoxedWire = Box<dyn Wire>;

/// Which form the NIC has.
#[derive(Debug, Clone)]
pub enum NicKind {
    /// The gateware's Verilog in Verilator.
    Rtl(SimConfig),
    /// The executable model.
    Model(nic_model::Config),
}

impl NicKind {
    /// The RTL in the reference simulated configuration.
    pub fn rtl() -> Self {
        Self::Rtl(SimConfig::default())
    }

    /// The model in the reference simulated configuration.
    pub fn model() -> Self {
        Self::Model(nic_model::Config::default())
    }
}

/// A NIC at the end of a wire.
pub enum AnyNic {
    /// The gateware's Verilog in Verilator.
    Rtl(Box<SimulatedNic<BoxedWire>>),
    /// The executable model.
    Model(Box<Model<BoxedWire>>),
}

impl AnyNic {
    /// A NIC of that kind.
    ///
    /// # Errors
    /// [`VerilatedError`]: the Verilated library lacks the NIC.
    pub fn new(kind: &NicKind, wire: BoxedWire) -> Result<Self, VerilatedError> {
        Ok(match kind {
            NicKind::Rtl(config) => Self::Rtl(Box::new(SimulatedNic::new(config.clone(), wire)?)),
            NicKind::Model(config) => Self::Model(Box::new(Model::new(config.clone(), wire))),
        })
    }

    /// Core cycles simulated; 0 for the model, which has none.
    pub fn cycles(&self) -> u64 {
        match self {
            Self::Rtl(nic) => nic.cycles(),
            Self::Model(_) => 0,
        }
    }

    /// What passed over the link to the host; nothing for the model, which has none.
    pub fn link_counts(&self) -> LinkCounts {
        match self {
            Self::Rtl(nic) => nic.link_counts(),
            Self::Model(_) => LinkCounts::default(),
        }
    }

    /// Rules of the link or of the streams that the NIC broke.
    pub fn violations(&self) -> Vec<String> {
        match self {
            Self::Rtl(nic) => nic.violations(),
            Self::Model(_) => Vec::new(),
        }
    }

    /// Writes a waveform from here on.
    ///
    /// # Errors
    /// [`VerilatedError::NoWave`] for the model and without the feature `wave`; [`VerilatedError::Trace`].
    pub fn trace(&mut self, path: &Path) -> Result<(), VerilatedError> {
        match self {
            Self::Rtl(nic) => nic.trace(path),
            Self::Model(_) => Err(VerilatedError::NoWave),
        }
    }

    /// The wire.
    pub fn wire(&self) -> &BoxedWire {
        match self {
            Self::Rtl(nic) => nic.wire(),
            Self::Model(nic) => nic.wire(),
        }
    }

    /// Lets the NIC look at its wire although nothing was due: frames came from outside the simulation.
    pub fn wake(&mut self) {
        if let Self::Rtl(nic) = self {
            nic.wake();
        }
    }
}

macro_rules! each {
    ($self:ident, $nic:ident => $call:expr) => {
        match $self {
            AnyNic::Rtl($nic) => $call,
            AnyNic::Model($nic) => $call,
        }
    };
}

impl LocalNic for AnyNic {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        each!(self, nic => nic.attach(memory, interrupts));
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        each!(self, nic => nic.mmio_read(offset))
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        each!(self, nic => nic.mmio_write(offset, value));
    }

    fn flr(&mut self) {
        each!(self, nic => nic.flr());
    }
}

impl Station for AnyNic {
    fn now(&self) -> Picos {
        each!(self, nic => nic.now())
    }

    fn run_until(&mut self, until: Picos) {
        each!(self, nic => nic.run_until(until));
    }

    fn next_event(&self) -> Option<Picos> {
        each!(self, nic => nic.next_event())
    }
}
