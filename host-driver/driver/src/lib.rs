//! Rings, queue pairs and completions of the Longshore NIC.
//!
//! - [`Nic`]: opens a device, checks the contract, sets up the port, reads statistics, resets
//! - [`QueuePair`]: posts transmit requests, receives frames, polls completions; owned by one thread
//! - [`Received`]: a frame, in the buffers that the NIC wrote
//!
//! Registers and layouts come from `nic-abi` and from nowhere else. The driver is generic over the *owner* of a
//! transmit request: whatever the layer above wants back when the request is done.
//!
//! # A transfer
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use longshore_driver::*;
//! # use longshore_dma::Chunk;
//! # use longshore_refs::holder::Own;
//! # fn example(device: Arc<dyn longshore_device::Device>) -> Result<(), DriverError> {
//! let nic = Nic::open(device)?;
//! nic.set_mac([2, 0, 0, 0, 0, 1])?;
//! let buffers = Arc::new(nic.pool("rx", 1024, 2048)?);
//! let headers = nic.pool("tx headers", 256, 256)?;
//! let mut queue: QueuePair<&str> = nic.queue_pair(0, QueueConfig::default(), buffers)?;
//! nic.set_reception(Reception { enable: true, ..Reception::default() })?;
//!
//! let chunk: Chunk<Own> = headers.take().expect("a fresh pool has chunks");
//! chunk.write(0, &[0xff; 60]).expect("60 bytes fit");
//! let mut pieces = vec![Piece { chunk: chunk.duplicate(), offset: 0, len: 60 }];
//! queue.post(FRAME_AS_IT_IS, &mut pieces, "broadcast").expect("the ring is empty");
//! queue.ring()?;
//!
//! let mut done = Vec::new();
//! queue.poll(64, &mut done)?;
//! for completed in done.drain(..) {
//!     match completed {
//!         Completed::Sent { owner, outcome } => println!("{owner}: {outcome:?}"),
//!         Completed::Received(frame) => queue.recycle(frame),
//!         Completed::Quarantined { fault, .. } => eprintln!("{fault:?}"),
//!     }
//! }
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod error;
mod frame;
mod mapping;
mod nic;
mod queue;
mod request;

pub use error::DriverError;
pub use frame::Received;
pub use nic::{Features, Identity, Link, Nic, Reception, Statistics};
pub use queue::{
    Completed, Counters, Health, Moderation, QueueConfig, QueuePair, Submitter, TxOutcome, Waiting,
};
pub use request::{FRAME_AS_IT_IS, Piece, PostError, Refusal};
