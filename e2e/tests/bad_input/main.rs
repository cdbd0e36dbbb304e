//! Bad input at the level of the NIC: each ends in a counter, an error completion, or a quarantine of its own queue pair.
//! The other queue pair goes on, and nothing hangs.

mod descriptors;
mod frames;
mod isolation;
mod memory;
mod reads;
