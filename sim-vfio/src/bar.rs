//! BAR0: the NIC's registers, with MSI-X table and pending bits in front of the gateware's own.
//!
//! The gateware's table is programmed by the server: every message goes to one address, where it becomes an eventfd. The
//! table that a client sees is memory: where interrupts go is said by `SET_IRQS`, as with the kernel's VFIO.

use longshore_device::LocalNic;
use longshore_vfio_user::Errno;
use nic_abi::{
    block::{MSIX_PBA, MSIX_TABLE, msix},
    pci::BAR0_SIZE,
};

use crate::vectors::Vectors;

/// The table that a client sees.
pub(crate) struct Table(Vec<u8>);

impl Table {
    /// Of `vectors` vectors, all masked, as after reset.
    pub(crate) fn new(vectors: u32) -> Self {
        let mut bytes = vec![0; (vectors * MSIX_TABLE.stride) as usize];
        for entry in bytes.chunks_exact_mut(MSIX_TABLE.stride as usize) {
            let at = msix::VECTOR_CONTROL.offset as usize;
            entry[at..at + 4].copy_from_slice(&msix::VECTOR_CONTROL.reset.to_le_bytes());
        }
        Self(bytes)
    }

    fn word(&mut self, offset: u32) -> Option<&mut [u8]> {
        let at = offset.checked_sub(MSIX_TABLE.base)? as usize;
        self.0.get_mut(at..at + 4)
    }
}

/// True for the words that belong to the server, whether there are so many vectors or not.
fn is_shadowed(offset: u32) -> bool {
    [MSIX_TABLE, MSIX_PBA].iter().any(|block| {
        let end = block.base + block.stride * block.count;
        (block.base..end).contains(&offset)
    })
}

fn check(offset: u64, len: usize) -> Result<u32, Errno> {
    let end = offset.checked_add(len as u64).ok_or(Errno::INVAL)?;
    if end > u64::from(BAR0_SIZE) {
        return Err(Errno::INVAL);
    }
    Ok(offset as u32)
}

/// Reads from `offset` on, word by word. A part of a word is read by reading the word.
pub(crate) fn read(
    nic: &mut impl LocalNic,
    table: &mut Table,
    vectors: &Vectors,
    offset: u64,
    to: &mut [u8],
) -> Result<(), Errno> {
    let start = check(offset, to.len())?;
    let mut done = 0;
    while done < to.len() {
        let at = start + done as u32;
        let word = at & !3;
        let bytes = read_word(nic, table, vectors, word).to_le_bytes();
        let skip = (at - word) as usize;
        let n = (4 - skip).min(to.len() - done);
        to[done..done + n].copy_from_slice(&bytes[skip..skip + n]);
        done += n;
    }
    Ok(())
}

fn read_word(nic: &mut impl LocalNic, table: &mut Table, vectors: &Vectors, word: u32) -> u32 {
    if !is_shadowed(word) {
        return nic.mmio_read(word);
    }
    if word == MSIX_PBA.base {
        return vectors.pending() as u32;
    }
    match table.word(word) {
        Some(&mut [a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// Writes from `offset` on. Registers are whole words: anything else is refused before the first is written.
pub(crate) fn write(
    nic: &mut impl LocalNic,
    table: &mut Table,
    offset: u64,
    data: &[u8],
) -> Result<(), Errno> {
    let start = check(offset, data.len())?;
    let (words, rest) = data.as_chunks::<4>();
    if !start.is_multiple_of(4) || !rest.is_empty() {
        return Err(Errno::INVAL);
    }
    for (at, bytes) in (start..).step_by(4).zip(words) {
        if !is_shadowed(at) {
            nic.mmio_write(at, u32::from_le_bytes(*bytes));
        } else if let Some(word) = table.word(at) {
            word.copy_from_slice(bytes);
        }
    }
    Ok(())
}
