//! DMA memory, chunks and IOVAs.
