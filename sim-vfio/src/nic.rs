//! A NIC that can be served.

use std::os::fd::BorrowedFd;

use longshore_device::LocalNic;
use nic_model::Model;
use sim_wire::{Station, Wire};

/// A NIC with a clock and a wire.
pub trait ServedNic: LocalNic + Station {
    /// A descriptor that becomes readable when frames come from outside the simulation, if there is an outside.
    fn outside(&self) -> Option<BorrowedFd<'_>>;

    /// Lets the NIC look at its wire although nothing was due.
    fn wake(&mut self);
}

impl<W: Wire> ServedNic for Model<W> {
    fn outside(&self) -> Option<BorrowedFd<'_>> {
        self.wire().poll_fd()
    }

    /// The model looks whenever it runs.
    fn wake(&mut self) {}
}
