//! The NIC's top: core, function-level reset, everything wired up.

pub mod function_reset;
pub mod parts;
pub mod top;

pub use parts::Core;
pub use top::Nic;

use crate::queue::register_map::Identity;

/// Read time-out of the simulated NIC in cycles: 40 µs at 250 MHz.
pub const SIMULATED_READ_TIMEOUT: u32 = 10_000;

crate::catalogue! {
    /// Function-level reset and epoch.
    nic_function_reset: function_reset::FunctionReset = function_reset::FunctionReset::default();
    /// The NIC of the reference simulated configuration: two queue pairs, frames of up to 1,518 bytes.
    nic: Nic<2> = Nic::new(&Identity::default(), SIMULATED_READ_TIMEOUT);
}
