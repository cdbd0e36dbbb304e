//! The table of functions that packetdrill calls, and all that is unsafe about it.
//!
//! The public interface is packetdrill's `packetdrill.h`: `struct packetdrill_interface`, and one exported function that
//! fills it. What comes from C is a number or a pointer. `userdata` is a number here, never followed. Other pointers are
//! only used through `memory`, which asks the kernel to copy, so that a bad one gives EFAULT as it does from a system call.

mod entry;
mod memory;
mod table;

pub use table::{PacketdrillInterface, packetdrill_interface_init};
