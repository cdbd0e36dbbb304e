//! The host's end of the PCI Express link, at the level of transaction-layer packets.

pub mod root_complex;
pub mod tlp;

pub use root_complex::{HostConfig, LinkCounts, ReadFault, RootComplex};
pub use tlp::{BadTlp, CompletionStatus, Tlp};
