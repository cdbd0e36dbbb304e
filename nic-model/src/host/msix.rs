//! The MSI-X table and its pending bits (PCI Express Base 5.0, sections 6.1.4 and 7.7.2).

use longshore_device::{IrqSink, message_vector};
use longshore_dma::HostMemory;
use nic_abi::block::{MSIX_PBA, MSIX_TABLE, msix};

/// One entry of the table.
#[derive(Debug, Clone, Copy)]
struct Entry {
    words: [u32; 4],
    pending: bool,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Msix {
    entries: Vec<Entry>,
}

/// What a vector does when it is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// The message went out.
    Sent,
    /// The vector is masked: the event is kept.
    Pending,
}

impl Msix {
    /// A table of `vectors` entries after reset: all masked.
    pub fn new(vectors: u16) -> Self {
        let masked = Entry {
            words: [0, 0, 0, msix::VECTOR_CONTROL.reset],
            pending: false,
        };
        Self {
            entries: vec![masked; vectors.into()],
        }
    }

    /// The word at BAR0 offset `offset`, if it belongs to the table or the pending bits.
    pub fn read(&self, offset: u32) -> Option<u32> {
        if let Some((entry, word)) = self.locate(offset) {
            return Some(self.entries.get(entry).map_or(0, |e| e.words[word]));
        }
        let bit = offset.checked_sub(MSIX_PBA.base)?;
        match bit {
            0 => Some(
                self.entries
                    .iter()
                    .enumerate()
                    .fold(0, |bits, (i, e)| bits | u32::from(e.pending) << i),
            ),
            _ => None,
        }
    }

    /// Writes the word at BAR0 offset `offset`; returns the vector whose kept event is now free to go.
    pub fn write(&mut self, offset: u32, value: u32) -> Option<u16> {
        let (entry, word) = self.locate(offset)?;
        let e = self.entries.get_mut(entry)?;
        e.words[word] = if offset % MSIX_TABLE.stride == msix::VECTOR_CONTROL.offset {
            value & msix::VECTOR_CONTROL.writable()
        } else {
            value
        };
        (e.pending && !e.masked()).then_some(entry as u16)
    }

    /// Sends the message of `vector`, or keeps the event while it is masked.
    pub fn raise(
        &mut self,
        vector: u16,
        memory: &dyn HostMemory,
        interrupts: &dyn IrqSink,
    ) -> Raised {
        let Some(e) = self.entries.get_mut(usize::from(vector)) else {
            return Raised::Pending;
        };
        e.pending = e.masked();
        if e.pending {
            return Raised::Pending;
        }
        let address = u64::from(e.words[0]) | u64::from(e.words[1]) << 32;
        let data = e.words[2].to_le_bytes();
        match message_vector(address, &data) {
            Some(to) => interrupts.raise(to),
            // A message to unmapped memory is lost, as any posted write.
            None => drop(memory.write(address, &data)),
        }
        Raised::Sent
    }

    fn locate(&self, offset: u32) -> Option<(usize, usize)> {
        let inside = offset.checked_sub(MSIX_TABLE.base)?;
        let entry = inside / MSIX_TABLE.stride;
        (entry < MSIX_TABLE.count)
            .then_some((entry as usize, (inside % MSIX_TABLE.stride / 4) as usize))
    }
}

impl Entry {
    fn masked(&self) -> bool {
        msix::VECTOR_MASKED.get(self.words[3]) == 1
    }
}
