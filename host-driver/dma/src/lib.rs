//! DMA memory, chunks and IOVAs.
//!
//! - [`DmaRegion`]: page-aligned memory that a device may reach; every access is a copy or an atomic,
//!   because the device may touch the memory at the same time
//! - [`Backing`] and [`Pages`]: where that memory comes from
//! - [`HostMemory`] and [`IovaTable`]: how a simulated device reaches memory by bus address
//! - [`IovaAllocator`]: which bus address a region gets
//! - [`Pool`] and [`Chunk`]: equal pieces of a region, given back by counted reference: the target of the
//!   references D and B
//!
//! An *IOVA* is the address that a device puts on the bus; the IOMMU (or [`IovaTable`]) turns it into
//! memory.
#![deny(unsafe_code)]

mod allocate;
mod foreign;
mod host;
mod iova;
#[allow(
    unsafe_code,
    reason = "raw access to shared memory is this module's purpose"
)]
mod memory;
mod pool;

pub use allocate::{Backing, HUGE_PAGE_SIZE, Pages};
pub use host::{DmaFault, FaultCause, HostMemory, IovaTable, MapError};
pub use iova::{IovaAllocator, IovaExhausted};
pub use memory::{DmaRegion, OutOfRange, PAGE_SIZE};
pub use pool::{BadPool, CHUNK_ALIGN, Chunk, Pool, Span};
