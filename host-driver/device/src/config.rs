//! The configuration space that an in-process NIC shows (PCI Express Base 5.0, sections 7.5 and 7.7.2).

use nic_abi::pci;

/// Bytes of the conventional configuration space.
pub const CONFIG_BYTES: usize = 256;
const PCIE_CAPABILITY: usize = 0x40;
const MSIX_CAPABILITY: usize = 0x80;

/// A type 0 header with BAR0, the PCI Express capability (endpoint, FLR capable) and MSI-X with `vectors`
/// vectors (1..=2048).
pub fn space(vectors: u16) -> Vec<u8> {
    let mut c = vec![0; CONFIG_BYTES];
    put16(&mut c, 0x00, pci::VENDOR_ID);
    put16(&mut c, 0x02, pci::DEVICE_ID);
    // Command: memory space, bus master. Status: capabilities list.
    put16(&mut c, 0x04, 0x0006);
    put16(&mut c, 0x06, 0x0010);
    c[0x08] = pci::REVISION_ID;
    c[0x09] = pci::PROGRAMMING_INTERFACE;
    c[0x0a] = pci::SUB_CLASS;
    c[0x0b] = pci::BASE_CLASS;
    put16(&mut c, 0x2c, pci::SUBSYSTEM_VENDOR_ID);
    put16(&mut c, 0x2e, pci::SUBSYSTEM_ID_SIMULATED);
    c[0x34] = PCIE_CAPABILITY as u8;
    c[PCIE_CAPABILITY] = 0x10;
    c[PCIE_CAPABILITY + 1] = MSIX_CAPABILITY as u8;
    // PCI Express capabilities: version 2, endpoint. Device capabilities: function-level reset.
    put16(&mut c, PCIE_CAPABILITY + 2, 0x0002);
    put16(&mut c, PCIE_CAPABILITY + 6, 0x1000);
    c[MSIX_CAPABILITY] = 0x11;
    // Message control: table size - 1, enabled. Table and pending bits lie in BAR 0.
    put16(
        &mut c,
        MSIX_CAPABILITY + 2,
        0x8000 | vectors.saturating_sub(1) & 0x7ff,
    );
    put32(&mut c, MSIX_CAPABILITY + 4, pci::MSIX_TABLE_OFFSET);
    put32(&mut c, MSIX_CAPABILITY + 8, pci::MSIX_PBA_OFFSET);
    c
}

fn put16(c: &mut [u8], at: usize, value: u16) {
    c[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put32(c: &mut [u8], at: usize, value: u32) {
    c[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_list_ends_and_holds_pcie_and_msix() {
        let c = space(3);
        let mut at = usize::from(c[0x34]);
        let mut seen = Vec::new();
        while at != 0 {
            seen.push(c[at]);
            at = usize::from(c[at + 1]);
        }
        assert_eq!(seen, [0x10, 0x11]);
        assert_eq!(c[MSIX_CAPABILITY + 2], 2);
        assert_eq!(c[PCIE_CAPABILITY + 7] & 0x10, 0x10, "FLR capable");
    }
}
