//! The configuration space of a served NIC, in software (PCI Express Base 5.0, section 7.5).
//!
//! A host reads it some hundred times before it uses the device, so it does not go to the gateware. What a host writes has
//! two effects: bus mastering on or off, and the function-level reset.

use longshore_device::config;
use nic_abi::pci::BAR0_SIZE;

/// Bytes of the extended configuration space: a device with 256 is taken for one of conventional PCI.
pub(crate) const BYTES: usize = 4096;

const COMMAND: usize = 0x04;
const CACHE_LINE: usize = 0x0c;
const BAR0: usize = 0x10;
const CAPABILITIES: usize = 0x34;
const INTERRUPT_LINE: usize = 0x3c;
const BUS_MASTER: u8 = 1 << 2;
/// Memory space, bus master, parity error response, SERR#, INTx disable.
const COMMAND_WRITABLE: u16 = 0x0546;

/// Registers of the PCI Express capability, from its start (section 7.5.3).
mod pcie {
    pub(super) const ID: u8 = 0x10;
    pub(super) const DEVICE_CAPABILITIES: usize = 0x04;
    pub(super) const DEVICE_CONTROL: usize = 0x08;
    pub(super) const LINK_CAPABILITIES: usize = 0x0c;
    pub(super) const LINK_CONTROL: usize = 0x10;
    pub(super) const LINK_STATUS: usize = 0x12;
    /// Payload of 256 B, role-based error reporting.
    pub(super) const DEVICE_CAPABILITIES_SET: u32 = 1 | 1 << 15;
    /// Relaxed ordering, no snoop, read requests of 512 B.
    pub(super) const DEVICE_CONTROL_RESET: u16 = 1 << 4 | 1 << 11 | 2 << 12;
    /// Initiate function-level reset, in the upper byte.
    pub(super) const INITIATE_FLR: u8 = 1 << 7;
    /// 2.5 GT/s, four lanes: the reference board's.
    pub(super) const LINK: u16 = 1 | 4 << 4;
}

/// Registers of the MSI-X capability, from its start (section 7.7.2).
mod msix {
    pub(super) const ID: u8 = 0x11;
    pub(super) const CONTROL: usize = 0x02;
    /// Enable, function mask.
    pub(super) const CONTROL_WRITABLE: u16 = 0xc000;
}

/// What a write did beyond changing bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// The host asks for a function-level reset.
    FunctionReset,
}

/// The configuration space.
pub(crate) struct ConfigSpace {
    bytes: Vec<u8>,
    writable: Vec<u8>,
    reset: Vec<u8>,
    /// Where the byte with "initiate function-level reset" lies.
    flr_at: usize,
}

impl ConfigSpace {
    /// That of a NIC with `vectors` vectors after reset.
    pub(crate) fn new(vectors: u16) -> Self {
        let mut c = config::space(vectors);
        c.resize(BYTES, 0);
        let mut w = vec![0; BYTES];
        let (pcie_at, msix_at) = (find(&c, pcie::ID), find(&c, msix::ID));
        // A device after reset decodes nothing and masters nothing.
        put16(&mut c, COMMAND, 0);
        put16(&mut w, COMMAND, COMMAND_WRITABLE);
        w[CACHE_LINE] = 0xff;
        w[BAR0..BAR0 + 4].copy_from_slice(&(!(BAR0_SIZE - 1)).to_le_bytes());
        w[INTERRUPT_LINE] = 0xff;
        let at = pcie_at + pcie::DEVICE_CAPABILITIES;
        let capabilities = u32::from_le_bytes([c[at], c[at + 1], c[at + 2], c[at + 3]]);
        let capabilities = capabilities | pcie::DEVICE_CAPABILITIES_SET;
        c[at..at + 4].copy_from_slice(&capabilities.to_le_bytes());
        let control = pcie_at + pcie::DEVICE_CONTROL;
        put16(&mut c, control, pcie::DEVICE_CONTROL_RESET);
        put16(&mut w, control, 0x7fff);
        put16(&mut c, pcie_at + pcie::LINK_CAPABILITIES, pcie::LINK);
        put16(&mut c, pcie_at + pcie::LINK_STATUS, pcie::LINK);
        // ASPM control, common clock, extended synch.
        put16(&mut w, pcie_at + pcie::LINK_CONTROL, 0x00c3);
        let enabled = c[msix_at + msix::CONTROL + 1];
        c[msix_at + msix::CONTROL + 1] = enabled & !(msix::CONTROL_WRITABLE >> 8) as u8;
        put16(&mut w, msix_at + msix::CONTROL, msix::CONTROL_WRITABLE);
        Self {
            reset: c.clone(),
            bytes: c,
            writable: w,
            flr_at: control + 1,
        }
    }

    /// Reads from `offset` on; false if that goes beyond the end.
    pub(crate) fn read(&self, offset: u64, to: &mut [u8]) -> bool {
        let Some(range) = within(offset, to.len()) else {
            return false;
        };
        to.copy_from_slice(&self.bytes[range]);
        true
    }

    /// Writes from `offset` on, as far as bits can be written; `None` if that goes beyond the end.
    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) -> Option<Effect> {
        let mut effect = Effect::None;
        for (at, byte) in within(offset, data.len())?.zip(data) {
            let mask = self.writable[at];
            self.bytes[at] = self.bytes[at] & !mask | byte & mask;
            if at == self.flr_at && byte & pcie::INITIATE_FLR != 0 {
                effect = Effect::FunctionReset;
            }
        }
        Some(effect)
    }

    /// True if the host lets the device use the bus.
    pub(crate) fn is_bus_master(&self) -> bool {
        self.bytes[COMMAND] & BUS_MASTER != 0
    }

    /// What a function-level reset does to it (section 6.6.2): everything as after power-on.
    pub(crate) fn reset(&mut self) {
        self.bytes.copy_from_slice(&self.reset);
    }
}

fn within(offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(len)?;
    (end <= BYTES).then_some(start..end)
}

/// Where the capability `id` begins. [`config::space`] has it: its own test says so.
fn find(c: &[u8], id: u8) -> usize {
    let mut at = usize::from(c[CAPABILITIES]);
    while at != 0 && c[at] != id {
        at = usize::from(c[at + 1]);
    }
    debug_assert!(at != 0, "capability {id:#x}");
    at
}

fn put16(c: &mut [u8], at: usize, value: u16) {
    c[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use nic_abi::pci;
    use proptest::prelude::*;

    fn read<const N: usize>(space: &ConfigSpace, offset: u64) -> [u8; N] {
        let mut bytes = [0; N];
        assert!(space.read(offset, &mut bytes));
        bytes
    }

    #[test]
    fn it_shows_the_identity_of_the_contract() {
        let space = ConfigSpace::new(4);
        assert_eq!(read(&space, 0), pci::VENDOR_ID.to_le_bytes());
        assert_eq!(read(&space, 2), pci::DEVICE_ID.to_le_bytes());
        assert_eq!(read(&space, 4), [0; 2], "nothing decoded, nothing mastered");
        let (express, msix) = (find(&space.bytes, 0x10), find(&space.bytes, 0x11));
        let capabilities = u32::from_le_bytes(read(&space, express as u64 + 4));
        assert_eq!(capabilities >> 28 & 1, 1, "function-level reset");
        assert_eq!(
            u16::from_le_bytes(read(&space, msix as u64 + 2)),
            3,
            "4 vectors, disabled"
        );
    }

    #[test]
    fn the_size_of_bar0_is_found_by_writing_ones() {
        let mut space = ConfigSpace::new(4);
        assert_eq!(space.write(0x10, &[0xff; 24]), Some(Effect::None));
        assert_eq!(
            u32::from_le_bytes(read(&space, 0x10)),
            !(pci::BAR0_SIZE - 1)
        );
        assert_eq!(read(&space, 0x14), [0; 20], "no other BAR");
    }

    #[test]
    fn bit_15_of_device_control_asks_for_a_reset_and_reads_0() {
        let mut space = ConfigSpace::new(4);
        let control = (find(&space.bytes, 0x10) + pcie::DEVICE_CONTROL) as u64;
        assert_eq!(space.write(control, &[0, 0x50]), Some(Effect::None));
        assert_eq!(
            space.write(control, &[0, 0xd0]),
            Some(Effect::FunctionReset)
        );
        assert_eq!(
            space.write(control + 1, &[0x80]),
            Some(Effect::FunctionReset)
        );
        assert_eq!(read::<1>(&space, control + 1)[0] & 0x80, 0);
    }

    #[test]
    fn bus_mastering_is_switched_by_the_host_and_off_after_a_reset() {
        let mut space = ConfigSpace::new(4);
        assert!(!space.is_bus_master());
        space.write(4, &[6, 0]);
        assert!(space.is_bus_master());
        space.reset();
        assert!(!space.is_bus_master());
    }

    proptest! {
        #[test]
        fn writes_change_nothing_but_what_is_writable(writes in prop::collection::vec((0u64..5000, prop::collection::vec(any::<u8>(), 0..9)), 0..50)) {
            let fresh = ConfigSpace::new(4);
            let mut space = ConfigSpace::new(4);
            for (offset, data) in writes {
                let fits = offset + data.len() as u64 <= BYTES as u64;
                prop_assert_eq!(space.write(offset, &data).is_some(), fits);
            }
            for at in 0..BYTES {
                prop_assert_eq!(space.bytes[at] & !space.writable[at], fresh.bytes[at] & !space.writable[at]);
            }
            space.reset();
            prop_assert_eq!(&space.bytes, &fresh.bytes);
        }
    }
}
