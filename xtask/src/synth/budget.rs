//! What each part of the NIC may take of the LFE5UM5G-45F (43,848 LUT4, 108 block RAMs of 18 kbit).

/// The whole NIC in the catalogue.
pub(crate) const TOP: &str = "nic";

/// Budget of one part.
pub(crate) struct Budget {
    /// Path of the instance below the top, as the catalogue's Verilog names the module.
    pub(crate) module: &'static str,
    /// 4-input look-up tables, carry chains (2 each) and distributed RAM (4 each) included.
    pub(crate) lut4: u64,
    /// Flip-flops.
    pub(crate) ff: u64,
    /// Block RAMs of 18 kbit.
    pub(crate) bram: u64,
}

/// The budgets; their sum leaves half of the part to the MAC, the PCIe endpoint and what comes later.
pub(crate) const BUDGETS: &[Budget] = &[
    Budget {
        module: "nic",
        lut4: 14_000,
        ff: 12_000,
        bram: 48,
    },
    Budget {
        module: "nic$adapter",
        lut4: 2_500,
        ff: 2_000,
        bram: 8,
    },
    // Set by what was built (5,095 LUT4, 3,630 FF), not by the first estimate of 2,800: each queue pair has its own doorbell check, promises,
    // indexes and two 128-bit descriptors on offer, and every counter may count in every cycle. Descriptors and completions are 128 bit wide:
    // four block RAMs for each of the three memories, however few entries they have.
    Budget {
        module: "nic$core$queues",
        lut4: 5_200,
        ff: 3_700,
        bram: 15,
    },
    Budget {
        module: "nic$core$tx",
        lut4: 4_500,
        ff: 3_500,
        bram: 12,
    },
    Budget {
        module: "nic$core$rx",
        lut4: 3_000,
        ff: 2_500,
        bram: 12,
    },
];
