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

/// The budgets: what was measured when the parts were complete, and a few percent. They keep the parts from growing unnoticed; together
/// they leave three fifths of the look-up tables to the MAC, the PCIe endpoint and what comes later. Why the parts are as large:
/// - adapter: 142 bits of write channel held twice at its boundary, three TLP headers with 64-bit addresses, 16 read tags.
/// - tx: seven FIFOs of 16 records, 70 to 150 bits wide, in distributed RAM (4 per 4 bits); two barrel rotators' worth of alignment and
///   two checksum units at 64 bits a cycle.
/// - rx: nine 48-bit address comparisons, three checksum units, a parser that sees every alignment of layer 3. Of its block RAMs eight
///   are the 16 KiB of frames, two what is said of them, three the descriptors held.
pub(crate) const BUDGETS: &[Budget] = &[
    Budget {
        module: "nic",
        lut4: 17_600,
        ff: 11_300,
        bram: 44,
    },
    Budget {
        module: "nic$adapter",
        lut4: 2_700,
        ff: 2_100,
        bram: 6,
    },
    // Set by what was built (4,922 LUT4, 3,573 FF), not by the first estimate of 2,800: each queue pair has its own doorbell check, promises,
    // indexes and two 128-bit descriptors on offer, and every counter may count in every cycle. Descriptors and completions are 128 bit wide:
    // four block RAMs for each of the three memories, however few entries they have.
    Budget {
        module: "nic$core$queues",
        lut4: 5_000,
        ff: 3_600,
        bram: 15,
    },
    Budget {
        module: "nic$core$tx",
        lut4: 5_150,
        ff: 2_500,
        bram: 10,
    },
    Budget {
        module: "nic$core$rx",
        lut4: 3_550,
        ff: 2_000,
        bram: 13,
    },
];
