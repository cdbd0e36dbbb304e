//! The NIC in either of its forms.

use crate::cli::NicForm;
use anyhow::Result;
use longshore_device::{IrqSink, LocalNic};
use longshore_dma::HostMemory;
use sim_wire::{Picos, Station, Wire};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Any wire.
pub(super) type BoxedWire = Box<dyn Wire>;

/// What both forms can do.
trait Form: LocalNic + Station {
    fn wire(&self) -> &BoxedWire;

    /// Looks at the wire although nothing was due: frames came from outside the simulation.
    fn wake(&mut self) {}
}

impl Form for nic_model::Model<BoxedWire> {
    fn wire(&self) -> &BoxedWire {
        Self::wire(self)
    }
}

#[cfg(feature = "rtl")]
impl Form for sim_verilator::nic::SimulatedNic<BoxedWire> {
    fn wire(&self) -> &BoxedWire {
        Self::wire(self)
    }

    fn wake(&mut self) {
        Self::wake(self);
    }
}

/// A NIC at the end of a wire.
pub(super) struct AnyNic(Box<dyn Form>);

impl AnyNic {
    /// A NIC after power-on.
    pub(super) fn new(form: NicForm, wire: BoxedWire) -> Result<Self> {
        Ok(Self(match form {
            NicForm::Model => Box::new(nic_model::Model::new(nic_model::Config::default(), wire)),
            #[cfg(feature = "rtl")]
            NicForm::Rtl => {
                let config = sim_verilator::nic::SimConfig::default();
                Box::new(sim_verilator::nic::SimulatedNic::new(config, wire)?)
            }
            #[cfg(not(feature = "rtl"))]
            NicForm::Rtl => anyhow::bail!(
                "this `longshore` was built without the gateware: build it with `cargo build -p longshore --features rtl` (needs Verilator)"
            ),
        }))
    }

    /// Something that becomes readable when frames come from outside the simulation.
    pub(super) fn outside(&self) -> std::io::Result<Option<OwnedFd>> {
        self.0
            .wire()
            .poll_fd()
            .map(|fd| fd.try_clone_to_owned())
            .transpose()
    }

    /// Looks at the wire although nothing was due.
    pub(super) fn wake(&mut self) {
        self.0.wake();
    }
}

impl LocalNic for AnyNic {
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>) {
        self.0.attach(memory, interrupts);
    }

    fn mmio_read(&mut self, offset: u32) -> u32 {
        self.0.mmio_read(offset)
    }

    fn mmio_write(&mut self, offset: u32, value: u32) {
        self.0.mmio_write(offset, value);
    }

    fn flr(&mut self) {
        self.0.flr();
    }
}

impl Station for AnyNic {
    fn now(&self) -> Picos {
        self.0.now()
    }

    fn run_until(&mut self, until: Picos) {
        self.0.run_until(until);
    }

    fn next_event(&self) -> Option<Picos> {
        self.0.next_event()
    }
}
