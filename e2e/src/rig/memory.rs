//! Host memory in which every byte is accounted for.

use longshore_dma::{DmaRegion, IovaTable, PAGE_SIZE};
use std::ops::Range;
use std::sync::Arc;

/// A bus address that is never mapped, nor are the 16 MiB behind it.
pub const HOLE: u64 = 0x5000_0000;

/// Bytes of a chunk, unless one buffer needs more.
const CHUNK: usize = 1 << 20;
/// Bytes between two buffers that belong to nobody.
const GAP: usize = 64;

/// A piece of host memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Bus address of its first byte.
    pub iova: u64,
    /// Bytes.
    pub len: usize,
    chunk: usize,
    offset: usize,
}

struct Chunk {
    region: Arc<DmaRegion>,
    iova: u64,
    used: usize,
    /// What the host knows to be there.
    shadow: Vec<u8>,
    /// Where the NIC may write.
    writable: Vec<Range<usize>>,
}

/// Host memory from which buffers are cut and never given back: what was nobody's stays nobody's.
pub struct Arena {
    table: Arc<IovaTable>,
    chunks: Vec<Chunk>,
    next: u64,
}

impl Arena {
    /// Memory whose bus addresses start at `base`, a multiple of the page size.
    #[must_use]
    pub fn new(base: u64) -> Self {
        Self {
            table: Arc::new(IovaTable::new()),
            chunks: Vec::new(),
            next: base,
        }
    }

    /// What the NIC reaches memory by.
    #[must_use]
    pub fn table(&self) -> Arc<IovaTable> {
        Arc::clone(&self.table)
    }

    /// `len` bytes whose bus address is `skew` behind a multiple of `align`.
    ///
    /// # Panics
    /// If the operating system has no memory.
    pub fn allocate(&mut self, len: usize, align: usize, skew: usize) -> Buffer {
        let fits = |c: &Chunk| place(c.iova, c.used, align, skew) + len + GAP <= c.region.len();
        if !self.chunks.last().is_some_and(fits) {
            self.grow(CHUNK.max(len + align + skew + 2 * GAP));
        }
        let chunk = self.chunks.len() - 1;
        let c = &mut self.chunks[chunk];
        let offset = place(c.iova, c.used, align, skew);
        c.used = offset + len;
        Buffer {
            iova: c.iova + offset as u64,
            len,
            chunk,
            offset,
        }
    }

    /// A buffer of which only the first `inside` bytes are mapped; what follows is a hole of at least a page.
    ///
    /// # Panics
    /// If the operating system has no memory.
    pub fn allocate_at_edge(&mut self, inside: usize) -> Buffer {
        self.grow(inside + GAP);
        let chunk = self.chunks.len() - 1;
        let c = &mut self.chunks[chunk];
        c.used = c.region.len();
        let offset = c.used - inside;
        Buffer {
            iova: c.iova + offset as u64,
            len: inside,
            chunk,
            offset,
        }
    }

    fn grow(&mut self, len: usize) {
        let region = Arc::new(DmaRegion::anonymous(len).expect("memory for a test"));
        let (iova, len) = (self.next, region.len());
        // A hole behind each chunk.
        self.next += (len + 16 * PAGE_SIZE) as u64;
        let shadow: Vec<u8> = (0..len).map(|i| canary(iova, i)).collect();
        region.write(0, &shadow).expect("the region is that long");
        self.table
            .map(Arc::clone(&region), iova)
            .expect("chunks do not overlap");
        self.chunks.push(Chunk {
            region,
            iova,
            used: GAP,
            shadow,
            writable: Vec::new(),
        });
    }

    /// Maps everything again after the table was cleared.
    ///
    /// # Panics
    /// If some of it is mapped.
    pub fn map_again(&self) {
        for c in &self.chunks {
            let again = self.table.map(Arc::clone(&c.region), c.iova);
            again.expect("the table was cleared");
        }
    }

    /// Writes `bytes` at offset `at` of `buffer`.
    ///
    /// # Panics
    /// Beyond the buffer's end.
    pub fn write(&mut self, buffer: &Buffer, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= buffer.len, "a write beyond the buffer");
        let c = &mut self.chunks[buffer.chunk];
        let from = buffer.offset + at;
        c.shadow[from..from + bytes.len()].copy_from_slice(bytes);
        c.region.write(from, bytes).expect("inside the region");
    }

    /// `len` bytes at offset `at` of `buffer`.
    ///
    /// # Panics
    /// Beyond the buffer's end.
    #[must_use]
    pub fn read(&self, buffer: &Buffer, at: usize, len: usize) -> Vec<u8> {
        assert!(at + len <= buffer.len, "a read beyond the buffer");
        let mut bytes = vec![0; len];
        self.chunks[buffer.chunk]
            .region
            .read(buffer.offset + at, &mut bytes)
            .expect("inside the region");
        bytes
    }

    /// Allows the NIC to write to all of `buffer`.
    pub fn allow(&mut self, buffer: &Buffer) {
        let range = buffer.offset..buffer.offset + buffer.len;
        self.chunks[buffer.chunk].writable.push(range);
    }

    /// True if nothing was written behind the first `from` bytes of `buffer`.
    #[must_use]
    pub fn is_untouched(&self, buffer: &Buffer, from: usize) -> bool {
        let range = buffer.offset + from..buffer.offset + buffer.len;
        self.read(buffer, from, buffer.len - from) == self.chunks[buffer.chunk].shadow[range]
    }

    /// Checks that the NIC wrote only where it may.
    ///
    /// # Errors
    /// The first byte that it should not have touched.
    pub fn check(&self) -> Result<(), String> {
        for c in &self.chunks {
            let mut bytes = vec![0; c.region.len()];
            c.region.read(0, &mut bytes).map_err(|e| e.to_string())?;
            for range in &c.writable {
                bytes[range.clone()].copy_from_slice(&c.shadow[range.clone()]);
            }
            if let Some(at) = (0..bytes.len()).find(|i| bytes[*i] != c.shadow[*i]) {
                return Err(format!(
                    "the NIC wrote {:#04x} over {:#04x} at bus address {:#x}, which is not its own",
                    bytes[at],
                    c.shadow[at],
                    c.iova + at as u64
                ));
            }
        }
        Ok(())
    }
}

/// The first offset from `used` and a gap on at which a buffer may start.
fn place(iova: u64, used: usize, align: usize, skew: usize) -> usize {
    let first = iova + (used + GAP) as u64;
    (first.next_multiple_of(align as u64) - iova) as usize + skew
}

/// What is in memory that belongs to nobody: different at every address, so that a shifted copy shows.
fn canary(iova: u64, at: usize) -> u8 {
    let address = iova as usize + at;
    (address ^ (address >> 8).wrapping_mul(0x3b) ^ 0xc5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_dma::HostMemory;

    #[test]
    fn a_stray_write_is_found_and_an_allowed_one_is_not() {
        let mut arena = Arena::new(0x10_0000);
        let (a, b) = (arena.allocate(100, 64, 3), arena.allocate(64, 64, 0));
        assert_eq!((a.iova % 64, b.iova % 64), (3, 0));
        arena.allow(&a);
        arena.table().write(a.iova, &[1; 100]).unwrap();
        assert_eq!(arena.check(), Ok(()));
        assert!(!arena.is_untouched(&a, 99));
        arena.table().write(a.iova + 100, &[1]).unwrap();
        assert!(arena.check().unwrap_err().contains("is not its own"));
    }

    #[test]
    fn what_lies_behind_an_edge_is_not_mapped() {
        let mut arena = Arena::new(0xffff_f000);
        let edge = arena.allocate_at_edge(10);
        let table = arena.table();
        assert!(table.read(edge.iova, &mut [0; 10]).is_ok());
        assert!(table.read(edge.iova, &mut [0; 11]).is_err());
        assert!(table.read(HOLE, &mut [0]).is_err());
        let next = arena.allocate(10, 1, 0);
        arena.write(&next, 0, &[7; 10]);
        assert_eq!(arena.read(&next, 0, 10), [7; 10]);
        assert_eq!(arena.check(), Ok(()));
    }
}
