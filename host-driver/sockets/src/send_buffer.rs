//! Bytes to send, in DMA memory, so that descriptors point at them.

use std::collections::VecDeque;
use std::ops::Range;

use longshore_dma::{Chunk, Pool};
use longshore_driver::Piece;
use longshore_refs::holder::Own;

/// A stretch of the stream in one chunk.
#[derive(Debug)]
struct Stretch {
    chunk: Chunk<Own>,
    /// Stream offset of the chunk's first byte.
    start: u64,
    /// Bytes that are filled.
    len: usize,
}

/// The bytes from the first unacknowledged one to the last written one.
///
/// A chunk is given back when all of it is acknowledged *and* the NIC has let go of it: the latter is what
/// reference D of each posted piece is for.
#[derive(Debug)]
pub(crate) struct SendBuffer {
    /// Made when the first byte comes, and kept: then nothing is allocated any more. A pointer for those who never write.
    #[expect(
        clippy::box_collection,
        reason = "most connections of a server that waits have written nothing"
    )]
    stretches: Option<Box<VecDeque<Stretch>>>,
    capacity: u32,
    /// TCP_NOTSENT_LOWAT.
    unsent_low_water: u32,
}

/// Sizes beyond 32 bits are as good as 32 bits.
fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).max(1)
}

impl SendBuffer {
    /// Room for `capacity` unacknowledged bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            stretches: None,
            capacity: narrow(capacity),
            unsent_low_water: u32::MAX,
        }
    }

    /// Room for `capacity` unacknowledged bytes from now on; what is there stays.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = narrow(capacity);
    }

    /// How many bytes may be unsent: no more are taken then.
    pub(crate) fn unsent_low_water(&self) -> u64 {
        self.unsent_low_water.into()
    }

    pub(crate) fn set_unsent_low_water(&mut self, bytes: u32) {
        self.unsent_low_water = bytes;
    }

    /// Bytes that may be written now, with `held` written and not acknowledged.
    pub(crate) fn room(&self, held: u64) -> usize {
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        (self.capacity as usize).saturating_sub(held)
    }

    /// Whether a third of the buffer is free: what a writer that found it full waits for (as Linux), so that it
    /// hands over enough for a super-segment and is not woken by every ACK.
    pub(crate) fn is_roomy(&self, held: u64) -> bool {
        3 * self.room(held) >= self.capacity as usize
    }

    /// Stores up to `room` bytes of `data` at stream offset `offset`, behind what was stored before. Returns how
    /// many; fewer if `pool` runs dry.
    pub(crate) fn append(&mut self, pool: &Pool, offset: u64, data: &[u8], room: usize) -> usize {
        let mut left = &data[..data.len().min(room)];
        let mut done = 0;
        let stretches = self.stretches.get_or_insert_default();
        while !left.is_empty() {
            let full = |stretch: &Stretch| stretch.len == stretch.chunk.len();
            if stretches.back().is_none_or(full) {
                let Some(chunk) = pool.take() else {
                    break;
                };
                stretches.push_back(Stretch {
                    chunk,
                    start: offset + done as u64,
                    len: 0,
                });
            }
            let Some(stretch) = stretches.back_mut() else {
                break;
            };
            let n = left.len().min(stretch.chunk.len() - stretch.len);
            if stretch.chunk.write(stretch.len, &left[..n]).is_err() {
                debug_assert!(false, "inside the chunk");
                break;
            }
            stretch.len += n;
            done += n;
            left = &left[n..];
        }
        done
    }

    /// Lets go of chunks that are acknowledged whole, up to stream offset `acked`.
    pub(crate) fn release(&mut self, acked: u64) {
        let Some(stretches) = &mut self.stretches else {
            return;
        };
        while let Some(first) = stretches.front() {
            let end = first.start + first.len as u64;
            // A chunk with room left is filled further, unless nothing in it is wanted any more and more
            // chunks follow (never: only the last has room).
            let full = first.len == first.chunk.len();
            if end > acked || !full {
                break;
            }
            stretches.pop_front();
        }
        // Everything acknowledged: an idle connection holds no memory.
        if let [only] = stretches.make_contiguous()
            && only.start + only.len as u64 <= acked
        {
            stretches.clear();
        }
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        if let Some(stretches) = &mut self.stretches {
            stretches.clear();
        }
    }

    /// The pieces that hold `range`, which was written and is not released, with a reference D each.
    pub(crate) fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Piece> + '_ {
        let written = self.stretches.as_deref().map(|stretches| {
            let first = stretches.partition_point(|s| s.start + s.len as u64 <= range.start);
            stretches.range(first..)
        });
        written.into_iter().flatten().map_while(move |stretch| {
            let from = range.start.max(stretch.start);
            let to = range.end.min(stretch.start + stretch.len as u64);
            (from < to).then(|| {
                // Within a chunk, so within 32 bits.
                #[expect(clippy::cast_possible_truncation)]
                Piece {
                    chunk: stretch.chunk.duplicate(),
                    offset: (from - stretch.start) as u32,
                    len: (to - from) as u32,
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use longshore_dma::{DmaRegion, PAGE_SIZE};
    use longshore_refs::holder::{D, Holder};
    use proptest::prelude::*;

    use super::*;

    fn pool(chunks: usize) -> Pool {
        let region = Arc::new(DmaRegion::anonymous(PAGE_SIZE).unwrap());
        assert!(chunks <= PAGE_SIZE / 64);
        Pool::new("send", region, 0, 64, ()).unwrap()
    }

    fn bytes(pieces: impl Iterator<Item = Piece>) -> Vec<u8> {
        let mut all = Vec::new();
        for piece in pieces {
            let mut part = vec![0; piece.len as usize];
            piece.chunk.read(piece.offset as usize, &mut part).unwrap();
            all.extend(part);
        }
        all
    }

    proptest! {
        #[test]
        fn any_range_between_acknowledged_and_written_is_there(
            steps in proptest::collection::vec((0usize..300, 0u64..300), 1..40),
        ) {
            let pool = pool(64);
            let mut buffer = SendBuffer::new(1000);
            let (mut written, mut acked) = (0u64, 0u64);
            for (write, ack) in steps {
                let data: Vec<u8> = (0..write as u64).map(|n| ((written + n) % 251) as u8).collect();
                let room = buffer.room(written - acked);
                let n = buffer.append(&pool, written, &data, room);
                prop_assert_eq!(n, write.min(room));
                written += n as u64;
                let seen = bytes(buffer.pieces(acked..written));
                let expected: Vec<u8> = (acked..written).map(|n| (n % 251) as u8).collect();
                prop_assert_eq!(seen, expected);
                acked = (acked + ack).min(written);
                buffer.release(acked);
            }
            buffer.release(written);
            prop_assert_eq!(pool.taken(), 0);
        }
    }

    #[test]
    fn a_chunk_stays_while_the_nic_has_it() {
        let pool = pool(64);
        let mut buffer = SendBuffer::new(1000);
        assert_eq!(buffer.append(&pool, 0, &[1; 100], 1000), 100);
        let posted: Vec<Piece> = buffer.pieces(0..100).collect();
        assert_eq!(posted.len(), 2);
        buffer.release(100);
        assert_eq!(pool.taken(), 2, "reference {} keeps them", D::NAME);
        drop(posted);
        assert_eq!(pool.taken(), 0);
    }

    #[test]
    fn a_dry_pool_takes_less() {
        let pool = pool(64);
        let mut buffer = SendBuffer::new(1 << 20);
        assert_eq!(buffer.append(&pool, 0, &[1; 8192], 8192), PAGE_SIZE);
        assert_eq!(buffer.append(&pool, 4096, &[1; 1], 1), 0);
    }
}
