//! The register file: storage, access rights and reset values from the tables of nic-abi.

use nic_abi::block::{DEVICE, PORT, QUEUE, port};
use nic_abi::pci::BAR0_SIZE;
use nic_abi::register::{Access, Block};

/// The words of BAR0 that keep what is written, or a constant.
#[derive(Debug, Clone)]
pub struct Registers {
    value: Vec<u32>,
    writable: Vec<u32>,
}

impl Registers {
    /// All registers of a NIC with `queue_pairs` queue pairs at their reset values.
    pub fn new(queue_pairs: u32) -> Self {
        let words = BAR0_SIZE as usize / 4;
        let mut file = Self {
            value: vec![0; words],
            writable: vec![0; words],
        };
        file.lay_out(&DEVICE, 1);
        file.lay_out(&PORT, 1);
        file.lay_out(&QUEUE, queue_pairs);
        for entry in 1..port::MULTICAST_ENTRIES {
            for register in [port::MULTICAST_LOW, port::MULTICAST_HIGH] {
                let at = PORT.at(0, register) + entry * port::MULTICAST_STRIDE;
                file.writable[at as usize / 4] = register.writable();
            }
        }
        file
    }

    fn lay_out(&mut self, block: &Block, instances: u32) {
        for instance in 0..instances {
            for register in block.registers {
                let word = block.at(instance, *register) as usize / 4;
                self.value[word] = register.reset;
                if register.access == Access::ReadWrite {
                    self.writable[word] = register.writable();
                }
            }
        }
    }

    /// The word at `offset`; 0 where there is no register.
    pub fn get(&self, offset: u32) -> u32 {
        self.value.get(offset as usize / 4).copied().unwrap_or(0)
    }

    /// Sets a register that tells something, whatever its access rights.
    pub fn set(&mut self, offset: u32, value: u32) {
        if let Some(word) = self.value.get_mut(offset as usize / 4) {
            *word = value;
        }
    }

    /// A write from the bus: changes the writable bits only.
    pub fn write(&mut self, offset: u32, value: u32) {
        let word = offset as usize / 4;
        if let (Some(v), Some(w)) = (self.value.get_mut(word), self.writable.get(word)) {
            *v = (*v & !w) | (value & w);
        }
    }
}
