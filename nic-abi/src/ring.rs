//! Rings: free-running 16-bit indexes, power-of-two sizes, phase.
//!
//! A ring of `1 << log2` entries is addressed by the lower `log2` bits of an index that counts to
//! 65,535 and wraps. `tail - head` (wrapping) is the number of entries that belong to the NIC.
//! Ownership passes by doorbell: the driver writes the new tail; there is no ownership bit.
//!
//! Completion entries carry a phase bit instead. The NIC writes phase 1 on its first pass over the
//! ring, 0 on the second, and so on; the driver zeroes the ring before it enables the queue.

/// Bytes of a descriptor and of a completion.
pub const ENTRY_BYTES: u32 = 16;
/// Bytes of a command (two entries).
pub const COMMAND_BYTES: u32 = 32;
/// Alignment of a ring's base in bytes.
pub const BASE_ALIGN: u64 = 64;
/// Smallest ring: `1 << 4` entries.
pub const LOG2_MIN: u32 = 4;
/// Largest ring: `1 << 15` entries, so that a full ring and an empty one differ.
pub const LOG2_MAX: u32 = 15;
/// Completions that fill one 64 B line: a write never crosses a line.
pub const COMPLETIONS_PER_LINE: u32 = 4;
/// Entries of a completion ring that no work is begun for: a request is taken up, and a receive descriptor used, only while more than
/// these are neither written nor promised to work under way, as far as the consumer index tells. One is the event's, which so
/// always finds room; the other is there because transmit and receive may decide at the same moment.
pub const COMPLETIONS_KEPT: u32 = 2;
/// Bytes of a header slot: metadata, then header (split receive).
pub const HEADER_SLOT_BYTES: u32 = 256;

/// Entries that lie between `head` and `tail`.
pub const fn distance(head: u16, tail: u16) -> u16 {
    tail.wrapping_sub(head)
}

/// Byte offset of entry `index` in a ring of `1 << log2` entries of 16 bytes.
pub const fn entry_offset(index: u16, log2: u32) -> u32 {
    (index as u32 & ((1 << log2) - 1)) * ENTRY_BYTES
}

/// The phase bit that the NIC writes with the completion at the free-running index `index`.
pub const fn phase(index: u32, log2: u32) -> bool {
    index >> log2 & 1 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_turns_with_every_pass() {
        assert!(phase(0, 4) && phase(15, 4) && !phase(16, 4) && !phase(31, 4) && phase(32, 4));
    }

    #[test]
    fn distance_survives_the_wrap() {
        assert_eq!(distance(0xfffe, 3), 5);
        assert_eq!(entry_offset(17, 4), 16);
    }
}
