//! Pools of equal chunks of DMA memory, and counted references to them.

use std::{any::Any, fmt, sync::Arc};

use longshore_refs::{
    Recycle, Ref, Slab, Tally,
    holder::{Holder, Own},
};

use crate::{DmaRegion, OutOfRange};

/// Chunks of a pool are multiples of this many bytes and aligned to it.
pub const CHUNK_ALIGN: usize = 64;

/// The memory behind a pool; the last chunk lets go of it.
struct Backing {
    region: Arc<DmaRegion>,
    iova: u64,
    /// Whatever keeps the region mapped at `iova`.
    _mapping: Box<dyn Any + Send + Sync>,
}

/// A piece of a pool: what a chunk reference refers to.
pub struct Span {
    backing: Arc<Backing>,
    offset: usize,
    len: usize,
}

impl Recycle for Span {
    /// Bytes stay as they are: the next owner writes before it hands them on, the device before it tells.
    fn recycle(&self) {}
}

/// Cannot cut a region into chunks like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "chunks of {chunk} B in a region of {region} B at IOVA {iova:#x}: a chunk must be a multiple of {CHUNK_ALIGN} B, fit, and be aligned"
)]
pub struct BadPool {
    /// Bytes of a chunk.
    pub chunk: usize,
    /// Bytes of the region.
    pub region: usize,
    /// Bus address of the region.
    pub iova: u64,
}

/// A region cut into equal chunks.
///
/// A chunk is free again when the last reference to it is dropped, whoever holds that. The region stays mapped
/// until pool and chunks are gone.
pub struct Pool {
    slab: Slab<Span>,
    chunk_len: usize,
}

impl Pool {
    /// Cuts `region`, mapped at `iova`, into chunks of `chunk_len` bytes (a multiple of [`CHUNK_ALIGN`]).
    /// `mapping` is dropped with the last chunk: let its drop take the mapping away.
    ///
    /// # Errors
    /// [`BadPool`].
    pub fn new(
        name: &'static str,
        region: Arc<DmaRegion>,
        iova: u64,
        chunk_len: usize,
        mapping: impl Any + Send + Sync,
    ) -> Result<Self, BadPool> {
        let fits = chunk_len > 0
            && chunk_len.is_multiple_of(CHUNK_ALIGN)
            && chunk_len <= region.len()
            && iova.is_multiple_of(CHUNK_ALIGN as u64);
        let count = if fits { region.len() / chunk_len } else { 0 };
        let capacity = u32::try_from(count)
            .ok()
            .filter(|&n| n > 0)
            .ok_or(BadPool {
                chunk: chunk_len,
                region: region.len(),
                iova,
            })?;
        let backing = Arc::new(Backing {
            region,
            iova,
            _mapping: Box::new(mapping),
        });
        let slab = Slab::new(name, capacity, move |index| Span {
            backing: backing.clone(),
            offset: index as usize * chunk_len,
            len: chunk_len,
        });
        Ok(Self { slab, chunk_len })
    }

    /// Takes a free chunk; `None` if there is none.
    pub fn take<N: Holder>(&self) -> Option<Chunk<N>> {
        self.slab.insert(|_, _| ()).map(|span| Chunk { span })
    }

    /// Takes up to `n` free chunks at once and hands them to `each`. Returns how many.
    pub fn take_many<N: Holder>(&self, n: usize, mut each: impl FnMut(Chunk<N>)) -> usize {
        self.slab.insert_many(n, |span| each(Chunk { span }))
    }

    /// True if `chunk` is one of this pool's.
    pub fn owns<N: Holder>(&self, chunk: &Chunk<N>) -> bool {
        self.slab.owns(&chunk.span)
    }

    /// Bytes of a chunk.
    pub fn chunk_len(&self) -> usize {
        self.chunk_len
    }

    /// Number of chunks.
    pub fn capacity(&self) -> usize {
        self.slab.capacity() as usize
    }

    /// Whether somebody holds every chunk, now. Cheap, unlike [`Pool::taken`].
    pub fn is_dry(&self) -> bool {
        self.slab.is_full()
    }

    /// Chunks that somebody holds; looks at each one.
    pub fn taken(&self) -> usize {
        self.slab.live()
    }

    /// References by holder (debug builds).
    pub fn tally(&self) -> Tally {
        self.slab.tally()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("chunk_len", &self.chunk_len)
            .field("slab", &self.slab)
            .finish()
    }
}

/// A counted reference of holder `N` to a chunk of DMA memory.
///
/// Only its owner ([`Own`]) writes. References D (the NIC reads it) and B (the NIC wrote it) give read access:
///
/// ```compile_fail,E0599
/// # use longshore_dma::Chunk;
/// # use longshore_refs::holder::B;
/// fn scribble(received: &Chunk<B>) {
///     received.write(0, &[1]); // no such method: what was received is read-only
/// }
/// ```
pub struct Chunk<N: Holder> {
    span: Ref<N, Span>,
}

impl<N: Holder> Chunk<N> {
    /// Bus address of the first byte.
    pub fn iova(&self) -> u64 {
        let span: &Span = &self.span;
        span.backing.iova + span.offset as u64
    }

    /// Bytes.
    #[allow(clippy::len_without_is_empty, reason = "a chunk is never empty")]
    pub fn len(&self) -> usize {
        self.span.len
    }

    /// Copies bytes from `offset` on to `buf`.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond the chunk.
    pub fn read(&self, offset: usize, buf: &mut [u8]) -> Result<(), OutOfRange> {
        let (region, at) = self.locate(offset, buf.len())?;
        region.read(at, buf)
    }

    fn locate(&self, offset: usize, len: usize) -> Result<(&DmaRegion, usize), OutOfRange> {
        let span: &Span = &self.span;
        match offset.checked_add(len) {
            Some(end) if end <= span.len => Ok((&span.backing.region, span.offset + offset)),
            _ => Err(OutOfRange {
                offset,
                len,
                region: span.len,
            }),
        }
    }

    /// Another reference to the chunk, for holder `M`.
    pub fn duplicate<M: Holder>(&self) -> Chunk<M> {
        Chunk {
            span: self.span.duplicate(),
        }
    }

    /// Hands this reference on to holder `M`.
    pub fn transfer<M: Holder>(self) -> Chunk<M> {
        Chunk {
            span: self.span.transfer(),
        }
    }

    /// True if this is the only reference.
    pub fn is_unique(&self) -> bool {
        self.span.count() == 1
    }
}

impl Chunk<Own> {
    /// Copies `data` to the bytes from `offset` on. A request that was posted with these bytes and is not yet
    /// complete may send old and new ones mixed.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond the chunk.
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        let (region, at) = self.locate(offset, data.len())?;
        region.write(at, data)
    }
}

impl<N: Holder> fmt::Debug for Chunk<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:#x}+{:#x}", self.span, self.iova(), self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PAGE_SIZE;
    use longshore_refs::{
        Census,
        holder::{B, D},
    };

    fn pool(chunk: usize) -> Pool {
        let region = Arc::new(DmaRegion::anonymous(2 * PAGE_SIZE).unwrap());
        Pool::new("test", region, 0x10_0000, chunk, ()).unwrap()
    }

    #[test]
    fn chunks_lie_side_by_side_and_do_not_reach_into_each_other() {
        let pool = pool(2048);
        let chunks: Vec<Chunk<Own>> = std::iter::from_fn(|| pool.take()).collect();
        let iovas: Vec<_> = chunks.iter().map(Chunk::iova).collect();
        assert_eq!(iovas, [0x10_0000, 0x10_0800, 0x10_1000, 0x10_1800]);
        chunks[1].write(0, &[7; 2048]).unwrap();
        assert!(chunks[1].write(1, &[7; 2048]).is_err());
        let mut neighbour = [1; 2048];
        chunks[2].read(0, &mut neighbour).unwrap();
        assert_eq!(neighbour, [0; 2048]);
    }

    #[test]
    fn a_chunk_is_free_when_its_last_reference_is_gone() {
        let pool = pool(PAGE_SIZE);
        let own: Chunk<Own> = pool.take().unwrap();
        let posted: Chunk<D> = own.duplicate();
        drop(own);
        assert_eq!(pool.taken(), 1);
        assert!(posted.is_unique());
        if Census::COUNTS {
            assert_eq!(pool.tally().to_string(), "D 1");
        }
        drop(posted);
        assert_eq!(pool.taken(), 0);
        let mut held = Vec::new();
        assert_eq!(pool.take_many::<B>(5, |c| held.push(c)), 2);
        assert!(pool.take::<B>().is_none());
    }

    #[test]
    fn the_mapping_is_let_go_with_the_last_chunk() {
        let witness = Arc::new(());
        let region = Arc::new(DmaRegion::anonymous(1).unwrap());
        let pool = Pool::new("test", region, 0, 64, witness.clone()).unwrap();
        let chunk: Chunk<B> = pool.take().unwrap();
        drop(pool);
        assert_eq!(Arc::strong_count(&witness), 2);
        drop(chunk);
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn odd_chunks_are_refused() {
        let region = Arc::new(DmaRegion::anonymous(1).unwrap());
        for (chunk, iova) in [(0, 0), (63, 0), (PAGE_SIZE + 64, 0), (64, 1)] {
            assert!(Pool::new("test", region.clone(), iova, chunk, ()).is_err());
        }
    }
}
