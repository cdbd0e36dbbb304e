//! Two drivers, each over the executable model of the NIC, back to back in simulated time.

mod faults;
mod support;
mod traffic;
