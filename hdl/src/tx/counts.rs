//! The bits of the transmit statistics, each at the place of its counter. Combinational.

use nic_abi::{field::Field, stats::Stat};
use rust_hdl_core::prelude::*;

const fn at(stat: Stat) -> Field {
    Field::new(stat.name(), stat as u32, 1)
}

crate::layout_encoder! {
    /// Pulses by counter.
    pub struct Counts: 32 {
        /// See nic-abi.
        requests: Bit = at(Stat::TxRequests),
        /// See nic-abi.
        sent: Bit = at(Stat::TxSent),
        /// See nic-abi.
        rejected: Bit = at(Stat::TxRejected),
        /// See nic-abi.
        cancelled: Bit = at(Stat::TxCancelled),
        /// See nic-abi.
        read_failed: Bit = at(Stat::TxReadFailed),
        /// See nic-abi.
        tso_requests: Bit = at(Stat::TxTsoRequests),
        /// See nic-abi.
        segments: Bit = at(Stat::TxSegments),
        /// See nic-abi.
        l3_checksums: Bit = at(Stat::TxL3Checksums),
        /// See nic-abi.
        l4_checksums: Bit = at(Stat::TxL4Checksums),
        /// See nic-abi.
        frames: Bit = at(Stat::TxFrames),
        /// See nic-abi.
        bytes: Bit = at(Stat::TxBytes),
        /// See nic-abi.
        bubbles: Bit = at(Stat::TxBubbles),
    }
}
