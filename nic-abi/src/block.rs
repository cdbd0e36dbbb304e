//! The blocks of BAR0 and the feature directory.
//!
//! A driver finds everything but the device block and the directory through the directory: entries
//! of two words `{version16, type16}`, `{BAR0 offset}`, ended by type 0. A NIC lists what it has; a
//! driver works with any NIC that lacks a feature block.

use crate::register::{Block, Register, registers};

/// Registers of the device block.
pub mod device {
    use super::registers;

    registers! {
        MAGIC @ 0x00 ReadOnly = crate::MAGIC, "Proof of a live device: `LONG`." {};
        VERSION @ 0x04 ReadOnly = crate::ABI_VERSION, "Version of the contract." { VERSION_MINOR[0;16] "Minor version.", VERSION_MAJOR[16;16] "Major version." };
        EPOCH @ 0x08 ReadOnly = 0, "Number of function-level resets since power-on; kept over them." {};
        CONTROL @ 0x0c ReadWrite = 0, "Device control." {
            CONTROL_ENABLE[0;1] "Queue pairs may use the bus, frames are received.",
            CONTROL_QUIESCE[1;1] "Stop issuing reads and writes; QUIESCED tells when the last is over.",
        };
        QUIESCED @ 0x10 ReadOnly = 0, "QUIESCED_MAGIC once CONTROL_QUIESCE is set and nothing is outstanding on the bus, 0 otherwise." {};
        SCRATCH @ 0x14 ReadWrite = 0, "For the driver's own tests of register access." {};
        QUEUE_PAIRS @ 0x18 ReadOnly = 0, "Number of queue pairs." {};
        VECTORS @ 0x1c ReadOnly = 0, "Number of MSI-X vectors." {};
        CORE_CLOCK @ 0x20 ReadOnly = 0, "Clock of the core in kHz." {};
        DIRECTORY @ 0x24 ReadOnly = super::DIRECTORY.base, "BAR0 offset of the feature directory." {};
    }

    /// Value of QUIESCED when the device is quiet.
    pub const QUIESCED_MAGIC: u32 = u32::from_le_bytes(*b"CALM");
}

/// Registers of the port block.
pub mod port {
    use super::registers;

    registers! {
        MAC_LOW @ 0x00 ReadWrite = 0, "Station address, bytes 0 to 3, first byte lowest." {};
        MAC_HIGH @ 0x04 ReadWrite = 0, "Station address, bytes 4 and 5." { MAC_HIGH_BYTES[0;16] "Bytes 4 and 5, byte 4 lowest." };
        RX_CONTROL @ 0x08 ReadWrite = 0, "Reception." {
            RX_ENABLE[0;1] "Receive frames.",
            RX_PROMISCUOUS[1;1] "Take frames for any station.",
            RX_BROADCAST[2;1] "Take broadcasts.",
            RX_ALL_MULTICAST[3;1] "Take all multicasts.",
        };
        MAX_FRAME @ 0x0c ReadWrite = 1518, "Longest frame received, in bytes without FCS (a VLAN tag counts). Above FRAME_LIMIT the register keeps the value and FRAME_LIMIT rules." { MAX_FRAME_BYTES[0;14] "Bytes." };
        RX_QUEUE @ 0x10 ReadWrite = 0, "Queue pair for frames that no flow table and no RSS place." { RX_QUEUE_INDEX[0;4] "Queue pair." };
        LINK @ 0x14 ReadOnly = 0, "State of the link." { LINK_UP[0;1] "Link is up." };
        RATE @ 0x18 ReadOnly = 0, "Rate of the link in Mb/s." {};
        FRAME_LIMIT @ 0x1c ReadOnly = 0, "Longest frame that the NIC's buffers hold, either direction, in bytes." {};
        MULTICAST_LOW @ 0x40 ReadWrite = 0, "First of eight multicast addresses: bytes 0 to 3. Entry i lies 8 × i further on." {};
        MULTICAST_HIGH @ 0x44 ReadWrite = 0, "First of eight multicast addresses: bytes 4 and 5, and whether the entry is used." {
            MULTICAST_BYTES[0;16] "Bytes 4 and 5, byte 4 lowest.",
            MULTICAST_VALID[31;1] "Entry is used.",
        };
    }

    /// Number of multicast entries.
    pub const MULTICAST_ENTRIES: u32 = 8;
    /// Bytes from one multicast entry to the next.
    pub const MULTICAST_STRIDE: u32 = 8;
}

/// Registers of a queue pair. Bases and sizes are taken over when the queue pair is enabled; they
/// must not change while it is.
pub mod queue {
    use super::registers;

    registers! {
        CONTROL @ 0x00 ReadWrite = 0, "Queue pair control. Setting ENABLE resets all indexes to 0 and checks the configuration; clearing it stops the queue pair at the next frame boundary (STATUS_ACTIVE tells when)." {
            CONTROL_ENABLE[0;1] "Queue pair is enabled.",
        };
        STATUS @ 0x04 ReadOnly = 0, "State of the queue pair." {
            STATUS_ACTIVE[0;1] "Descriptors, data or completions of this queue pair may still move on the bus.",
            STATUS_QUARANTINE[1;1] "In quarantine: nothing moves until it is disabled and enabled again.",
            STATUS_CAUSE[8;8] "Queue fault that led to the quarantine.",
            STATUS_INDEX[16;16] "Index of the descriptor at fault.",
        };
        SQ_BASE_LOW @ 0x10 ReadWrite = 0, "Bus address of the submission ring, lower half; 64 B aligned." {};
        SQ_BASE_HIGH @ 0x14 ReadWrite = 0, "Upper half." {};
        RQ_BASE_LOW @ 0x18 ReadWrite = 0, "Bus address of the receive ring, lower half; 64 B aligned." {};
        RQ_BASE_HIGH @ 0x1c ReadWrite = 0, "Upper half." {};
        CQ_BASE_LOW @ 0x20 ReadWrite = 0, "Bus address of the completion ring, lower half; 64 B aligned." {};
        CQ_BASE_HIGH @ 0x24 ReadWrite = 0, "Upper half." {};
        SIZES @ 0x28 ReadWrite = 0, "Ring sizes as powers of two: 4..=15 each, CQ ≥ SQ + RQ." {
            SIZES_SQ[0;4] "log2 of the submission ring's entries.",
            SIZES_RQ[8;4] "log2 of the receive ring's entries.",
            SIZES_CQ[16;4] "log2 of the completion ring's entries.",
        };
        INTERRUPT @ 0x2c ReadWrite = 0, "Vector and moderation of the completion queue." {
            INTERRUPT_VECTOR[0;4] "MSI-X vector.",
            INTERRUPT_DELAY[8;8] "Least time from the first waiting completion to the interrupt, in units of 256 core cycles.",
            INTERRUPT_COUNT[16;8] "Waiting completions that cut the delay short; 0: none do.",
        };
        SQ_DOORBELL @ 0x40 WriteOnly = 0, "New tail of the submission queue." { SQ_TAIL[0;16] "Free-running index behind the last descriptor." };
        RQ_DOORBELL @ 0x44 WriteOnly = 0, "New tail of the receive queue." { RQ_TAIL[0;16] "Free-running index behind the last descriptor." };
        CQ_DOORBELL @ 0x48 WriteOnly = 0, "Consumer index, and whether to interrupt. Arming fires at once if completions lie beyond the index; an interrupt disarms." {
            CQ_HEAD[0;16] "Free-running index of the next completion to be read.",
            CQ_ARM[31;1] "Raise the vector at the next completion.",
        };
        SQ_STATE @ 0x50 ReadOnly = 0, "Indexes of the submission queue." { SQ_STATE_HEAD[0;16] "Next descriptor to be taken up.", SQ_STATE_TAIL[16;16] "Tail." };
        RQ_STATE @ 0x54 ReadOnly = 0, "Indexes of the receive queue." { RQ_STATE_HEAD[0;16] "Next descriptor to be taken up.", RQ_STATE_TAIL[16;16] "Tail." };
        CQ_STATE @ 0x58 ReadOnly = 0, "Indexes of the completion queue." { CQ_STATE_HEAD[0;16] "Consumer index.", CQ_STATE_TAIL[16;16] "Producer index." };
    }
}

/// Registers that the feature FLOW_TABLE adds to each queue pair, at the offset FLOW_QUEUE.
pub mod flow_queue {
    use super::registers;

    registers! {
        COMMAND_BASE_LOW @ 0x00 ReadWrite = 0, "Bus address of the command ring, lower half; 64 B aligned." {};
        COMMAND_BASE_HIGH @ 0x04 ReadWrite = 0, "Upper half." {};
        COMMAND_SIZE @ 0x08 ReadWrite = 0, "log2 of the command ring's entries of 32 bytes; CQ ≥ SQ + RQ + commands." { COMMAND_LOG2[0;4] "4..=15." };
        COMMAND_DOORBELL @ 0x0c WriteOnly = 0, "New tail of the command ring." { COMMAND_TAIL[0;16] "Free-running index behind the last command." };
    }
}

/// Registers that the feature HEADER_SPLIT adds to each queue pair.
pub mod split_queue {
    use super::registers;

    registers! {
        SLOTS_BASE_LOW @ 0x00 ReadWrite = 0, "Bus address of the header slots, lower half: one of 256 B per receive descriptor." {};
        SLOTS_BASE_HIGH @ 0x04 ReadWrite = 0, "Upper half." {};
        SPLIT_CONTROL @ 0x08 ReadWrite = 0, "Header split." { SPLIT_ENABLE[0;1] "Split headers from payload." };
    }
}

/// One MSI-X table entry (PCI Express Base 5.0, 7.7.2.5 to 7.7.2.8).
pub mod msix {
    use super::registers;

    registers! {
        ADDRESS_LOW @ 0x00 ReadWrite = 0, "Message address, lower half." {};
        ADDRESS_HIGH @ 0x04 ReadWrite = 0, "Message address, upper half." {};
        DATA @ 0x08 ReadWrite = 0, "Message data." {};
        VECTOR_CONTROL @ 0x0c ReadWrite = 1, "Vector control." { VECTOR_MASKED[0;1] "Vector is masked; a masked event is kept pending." };
    }
}

const NO_REGISTERS: &[Register] = &[];

/// Device block.
pub const DEVICE: Block = Block {
    name: "Device",
    doc: "Identity, life and death.",
    base: 0x0000,
    stride: 0x100,
    count: 1,
    registers: device::ALL,
};
/// Feature directory: up to 16 entries of 8 bytes.
pub const DIRECTORY: Block = Block {
    name: "Feature directory",
    doc: "Entries of two words: type in the lower and version in the upper half of the first, BAR0 offset in the second; ended by type 0.",
    base: 0x0100,
    stride: 8,
    count: 16,
    registers: NO_REGISTERS,
};
/// Port block.
pub const PORT: Block = Block {
    name: "Port",
    doc: "The Ethernet port and what it takes in.",
    base: 0x0200,
    stride: 0x100,
    count: 1,
    registers: port::ALL,
};
/// Statistics: 64 counters of 8 bytes at most.
pub const STATS: Block = Block {
    name: "Statistics",
    doc: "64-bit counters; reading the lower word latches the upper.",
    base: 0x0400,
    stride: 8,
    count: 64,
    registers: NO_REGISTERS,
};
/// MSI-X table.
pub const MSIX_TABLE: Block = Block {
    name: "MSI-X table",
    doc: "One entry per vector.",
    base: 0x1000,
    stride: 16,
    count: 16,
    registers: msix::ALL,
};
/// MSI-X pending bits.
pub const MSIX_PBA: Block = Block {
    name: "MSI-X pending bits",
    doc: "One bit per vector.",
    base: 0x1800,
    stride: 8,
    count: 1,
    registers: NO_REGISTERS,
};
/// Queue pairs.
pub const QUEUE: Block = Block {
    name: "Queue pair",
    doc: "Submission, receive and completion queue; one page each, so that it can be mapped to one program.",
    base: 0x8000,
    stride: 0x1000,
    count: 8,
    registers: queue::ALL,
};
/// Flow-table part of a queue pair (feature FLOW_TABLE).
pub const FLOW_QUEUE: Block = Block {
    name: "Queue pair: flow commands",
    doc: "Feature FLOW_TABLE.",
    base: 0x8100,
    stride: 0x1000,
    count: 8,
    registers: flow_queue::ALL,
};
/// Header-split part of a queue pair (feature HEADER_SPLIT).
pub const SPLIT_QUEUE: Block = Block {
    name: "Queue pair: header split",
    doc: "Feature HEADER_SPLIT.",
    base: 0x8180,
    stride: 0x1000,
    count: 8,
    registers: split_queue::ALL,
};

/// All blocks, in the order of the documents.
pub const ALL: &[Block] = &[
    DEVICE,
    DIRECTORY,
    PORT,
    STATS,
    MSIX_TABLE,
    MSIX_PBA,
    QUEUE,
    FLOW_QUEUE,
    SPLIT_QUEUE,
];

/// Type of a feature block in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Feature {
    /// Port block: every NIC has it.
    Port = 1,
    /// Statistics block: every NIC has it.
    Stats = 2,
    /// Queue pairs: every NIC has them.
    Queues = 3,
    /// Checksum insertion and verdicts.
    Checksum = 4,
    /// Segmentation; the offset is 0.
    Tso = 5,
    /// MSI-X table in BAR0.
    Msix = 6,
    /// Flow table and commands.
    FlowTable = 7,
    /// Receive-side scaling.
    Rss = 8,
    /// Header split.
    HeaderSplit = 9,
    /// Receive coalescing.
    Coalescing = 10,
    /// VLAN insertion.
    VlanInsert = 11,
}

impl Feature {
    /// All types with their meaning, for documents.
    pub const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Port, "PORT", "the port block"),
        (Self::Stats, "STATS", "the statistics block"),
        (Self::Queues, "QUEUES", "the queue pairs"),
        (
            Self::Checksum,
            "CHECKSUM",
            "checksum insertion and verdicts; no registers, offset 0",
        ),
        (Self::Tso, "TSO", "segmentation; no registers, offset 0"),
        (Self::Msix, "MSIX", "the MSI-X table"),
        (
            Self::FlowTable,
            "FLOW_TABLE",
            "flow commands of each queue pair",
        ),
        (Self::Rss, "RSS", "receive-side scaling"),
        (
            Self::HeaderSplit,
            "HEADER_SPLIT",
            "header slots of each queue pair",
        ),
        (Self::Coalescing, "COALESCING", "receive coalescing"),
        (
            Self::VlanInsert,
            "VLAN_INSERT",
            "VLAN insertion; no registers, offset 0",
        ),
    ];

    /// The type with number `raw`, if this version of the contract knows it.
    pub fn from_raw(raw: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .map(|(f, ..)| *f)
            .find(|f| *f as u16 == raw)
    }

    /// First word of a directory entry: type below, version above.
    pub const fn entry(self, version: u16) -> u32 {
        (version as u32) << 16 | self as u32
    }
}

/// The directory of the NIC without optional features: what the gateware holds and the model answers.
pub const BASE_DIRECTORY: &[(Feature, u16, u32)] = &[
    (Feature::Port, 1, PORT.base),
    (Feature::Stats, 1, STATS.base),
    (Feature::Queues, 1, QUEUE.base),
    (Feature::Checksum, 1, 0),
    (Feature::Tso, 1, 0),
    (Feature::Msix, 1, MSIX_TABLE.base),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_registers_lie_apart_inside_bar0() {
        let mut taken = [false; crate::pci::BAR0_SIZE as usize / 4];
        for block in ALL {
            for instance in 0..block.count {
                for r in block.registers {
                    let word = block.at(instance, *r) as usize / 4;
                    assert!(
                        r.offset.is_multiple_of(4) && r.offset < block.stride,
                        "{}",
                        r.name
                    );
                    assert!(!taken[word], "{} of {} overlaps", r.name, block.name);
                    taken[word] = true;
                }
            }
        }
        let stats = STATS.base / 4..(STATS.base + 8 * crate::stats::COUNTERS.len() as u32) / 4;
        assert!(stats.into_iter().all(|w| !taken[w as usize]));
        assert!(crate::stats::COUNTERS.len() <= STATS.count as usize);
    }

    #[test]
    fn bits_of_a_register_do_not_overlap_and_resets_fit() {
        for r in ALL.iter().flat_map(|b| b.registers) {
            let mut seen = 0;
            for b in r.bits {
                assert_eq!(seen & b.mask(), 0, "{}.{}", r.name, b.name);
                seen |= b.mask();
            }
            if !r.bits.is_empty() {
                assert_eq!(r.reset & !seen, 0, "{}", r.name);
            }
        }
    }
}
