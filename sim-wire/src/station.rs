//! What the loop of a simulation steps: a NIC with one wire, in simulated time.

use crate::time::Picos;

/// A simulated NIC that lives in simulated time at the end of a wire.
///
/// The loop of a simulation takes the earliest [`next_event`](Self::next_event) of all stations and runs every
/// station up to it; between events nothing happens but for register accesses from outside, after which the
/// loop asks again.
pub trait Station: Send {
    /// The time up to which the station has been simulated.
    fn now(&self) -> Picos;

    /// Simulates up to and including `until`; does nothing if that is not ahead.
    fn run_until(&mut self, until: Picos);

    /// The earliest time, not before [`now`](Self::now), at which the station has something to do; `None` while
    /// it is idle until a register access or a frame from outside the simulation.
    fn next_event(&self) -> Option<Picos>;
}
