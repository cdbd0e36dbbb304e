//! The map of BAR0 as data: what lies at each word, made from `nic_abi`'s tables.
//!
//! `queue::csr` looks an access up in a ROM of [`Entry`]s instead of comparing addresses. Words that nothing lies at have
//! an all-zero entry: they read 0 and ignore writes. The ROM holds the lower 1 KiB (device, directory, port) and the first
//! 128 B of each queue pair's page; statistics are elsewhere ([`super::stats`]), MSI-X is in the host adapter.

use nic_abi::block::{self, BASE_DIRECTORY, DEVICE, DIRECTORY, PORT, QUEUE, device, port, queue};
use nic_abi::register::{Access, Block as RegisterBlock, Register};
use rust_hdl_core::prelude::*;

/// Address bits of the ROM.
pub const WORD_BITS: usize = 9;

/// What an access does beyond the stored word.
#[derive(Copy, Clone, PartialEq, Eq, Debug, LogicState)]
pub enum Target {
    /// Nothing: a stored word or a constant.
    Plain,
    /// Device control.
    DeviceControl,
    /// Epoch, from outside of the reset.
    Epoch,
    /// Quiesced.
    Quiesced,
    /// Station address, bytes 0 to 3.
    MacLow,
    /// Station address, bytes 4 and 5.
    MacHigh,
    /// Reception.
    RxControl,
    /// Longest frame received.
    MaxFrame,
    /// Queue pair of last resort.
    RxQueue,
    /// State of the link.
    Link,
    /// Rate of the link.
    Rate,
    /// Multicast address, bytes 0 to 3; the instance is the entry.
    MulticastLow,
    /// Multicast address, bytes 4 and 5, valid bit.
    MulticastHigh,
    /// Queue pair control; here and below the instance is the queue pair.
    Control,
    /// State of the queue pair.
    Status,
    /// Submission ring, lower half.
    SqBaseLow,
    /// Submission ring, upper half.
    SqBaseHigh,
    /// Receive ring, lower half.
    RqBaseLow,
    /// Receive ring, upper half.
    RqBaseHigh,
    /// Completion ring, lower half.
    CqBaseLow,
    /// Completion ring, upper half.
    CqBaseHigh,
    /// Ring sizes.
    Sizes,
    /// Vector and moderation.
    Interrupt,
    /// Submission tail.
    SqDoorbell,
    /// Receive tail.
    RqDoorbell,
    /// Consumer index and arming.
    CqDoorbell,
    /// Indexes of the submission queue.
    SqState,
    /// Indexes of the receive queue.
    RqState,
    /// Indexes of the completion queue.
    CqState,
}

/// What lies at a word (72 bits: two block RAMs of 512 words).
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Entry {
    /// Bits that a write changes.
    pub mask: Bits<32>,
    /// Value after reset; of constants, the constant.
    pub value: Bits<32>,
    /// Who else hears of it.
    pub target: Target,
    /// Queue pair or multicast entry.
    pub number: Bits<3>,
}

/// What the NIC tells of itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// MSI-X vectors.
    pub vectors: u32,
    /// Clock of the core in kHz.
    pub core_clock_khz: u32,
    /// Longest frame that the buffers hold, in bytes.
    pub frame_limit: u32,
}

impl Default for Identity {
    /// The simulated reference configuration.
    fn default() -> Self {
        Self {
            vectors: 16,
            core_clock_khz: 250_000,
            frame_limit: 1_518,
        }
    }
}

// The bit slices by which `queue::csr` turns an offset into a word of the ROM rest on these.
const _: () = assert!(
    QUEUE.base == 0x8000
        && QUEUE.stride == 0x1000
        && QUEUE.count == 8
        && DEVICE.base + DEVICE.stride <= 0x400
        && DIRECTORY.base + DIRECTORY.stride * DIRECTORY.count <= 0x400
        && PORT.base + PORT.stride <= 0x400
        && block::STATS.base.is_multiple_of(0x200)
        && block::STATS.stride * block::STATS.count == 0x200
);

/// The word of the ROM that belongs to BAR0 offset `offset`, if one does.
#[must_use]
pub fn word(offset: u32) -> Option<usize> {
    if offset < 0x400 {
        Some(offset as usize / 4)
    } else if offset >= QUEUE.base && offset & 0xf80 == 0 && offset < 0x1_0000 {
        Some((256 + ((offset >> 12 & 7) << 5) + (offset >> 2 & 31)) as usize)
    } else {
        None
    }
}

/// The contents of the ROM for a NIC of `pairs` queue pairs.
#[must_use]
pub fn entries(pairs: usize, identity: &Identity) -> Vec<Entry> {
    let mut map = vec![Entry::default(); 1 << WORD_BITS];
    let mut put = |offset: u32, entry: Entry| {
        if let Some(word) = word(offset) {
            map[word] = entry;
        }
    };
    for (at, register, target, instance) in registers(pairs) {
        let initial = match (register.name, register.offset) {
            ("QUEUE_PAIRS", _) => pairs as u32,
            ("VECTORS", _) => identity.vectors,
            ("CORE_CLOCK", _) => identity.core_clock_khz,
            ("FRAME_LIMIT", _) => identity.frame_limit,
            _ => register.reset,
        };
        put(
            at,
            Entry {
                mask: u64::from(register.writable()).into(),
                value: u64::from(initial).into(),
                target,
                number: u64::from(instance).into(),
            },
        );
    }
    for (i, &(feature, version, offset)) in BASE_DIRECTORY.iter().enumerate() {
        let at = DIRECTORY.base + DIRECTORY.stride * i as u32;
        for (at, value) in [(at, feature.entry(version)), (at + 4, offset)] {
            put(
                at,
                Entry {
                    value: u64::from(value).into(),
                    ..Entry::default()
                },
            );
        }
    }
    map
}

/// Every register with its offset in BAR0, target and instance.
fn registers(pairs: usize) -> Vec<(u32, Register, Target, u32)> {
    let mut list = Vec::new();
    let mut add = |block: &RegisterBlock, instance: u32| {
        for &register in block.registers {
            let at = block.at(instance, register);
            list.push((at, register, target(block, register), instance));
        }
    };
    add(&DEVICE, 0);
    add(&PORT, 0);
    for pair in 0..pairs as u32 {
        add(&QUEUE, pair);
    }
    for entry in 1..port::MULTICAST_ENTRIES {
        for (register, target) in [
            (port::MULTICAST_LOW, Target::MulticastLow),
            (port::MULTICAST_HIGH, Target::MulticastHigh),
        ] {
            let at = PORT.at(0, register) + entry * port::MULTICAST_STRIDE;
            list.push((at, register, target, entry));
        }
    }
    list
}

/// The target of a register; by block and offset, for names repeat.
fn target(block: &RegisterBlock, register: Register) -> Target {
    let list: &[(Register, Target)] = match block.base {
        base if base == DEVICE.base => &[
            (device::CONTROL, Target::DeviceControl),
            (device::EPOCH, Target::Epoch),
            (device::QUIESCED, Target::Quiesced),
        ],
        base if base == PORT.base => &[
            (port::MAC_LOW, Target::MacLow),
            (port::MAC_HIGH, Target::MacHigh),
            (port::RX_CONTROL, Target::RxControl),
            (port::MAX_FRAME, Target::MaxFrame),
            (port::RX_QUEUE, Target::RxQueue),
            (port::LINK, Target::Link),
            (port::RATE, Target::Rate),
            (port::MULTICAST_LOW, Target::MulticastLow),
            (port::MULTICAST_HIGH, Target::MulticastHigh),
        ],
        _ => &[
            (queue::CONTROL, Target::Control),
            (queue::STATUS, Target::Status),
            (queue::SQ_BASE_LOW, Target::SqBaseLow),
            (queue::SQ_BASE_HIGH, Target::SqBaseHigh),
            (queue::RQ_BASE_LOW, Target::RqBaseLow),
            (queue::RQ_BASE_HIGH, Target::RqBaseHigh),
            (queue::CQ_BASE_LOW, Target::CqBaseLow),
            (queue::CQ_BASE_HIGH, Target::CqBaseHigh),
            (queue::SIZES, Target::Sizes),
            (queue::INTERRUPT, Target::Interrupt),
            (queue::SQ_DOORBELL, Target::SqDoorbell),
            (queue::RQ_DOORBELL, Target::RqDoorbell),
            (queue::CQ_DOORBELL, Target::CqDoorbell),
            (queue::SQ_STATE, Target::SqState),
            (queue::RQ_STATE, Target::RqState),
            (queue::CQ_STATE, Target::CqState),
        ],
    };
    let found = list.iter().find(|(r, _)| r.offset == register.offset);
    match (found, register.access) {
        (Some((_, target)), _) => *target,
        (None, Access::ReadOnly) => Target::Plain,
        // SCRATCH: a word that nobody but the driver looks at.
        (None, _) => Target::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_of_the_base_nic_has_a_word_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for (at, register, ..) in registers(8) {
            let word = word(at).unwrap_or_else(|| panic!("{} has no word", register.name));
            assert!(seen.insert(word), "{} shares word {word}", register.name);
        }
    }

    #[test]
    fn queue_pairs_that_are_not_built_have_no_registers() {
        let map = entries(2, &Identity::default());
        let third = word(QUEUE.at(2, queue::CONTROL)).unwrap();
        assert_eq!(map[third], Entry::default());
    }
}
