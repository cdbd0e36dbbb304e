//! The host side of the core: its boundary of memory transactions, and the adapters below it.

pub mod mem;
pub mod tlp64;
