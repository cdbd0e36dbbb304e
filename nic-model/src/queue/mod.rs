//! The queue pairs: registers, descriptor fetch, completion queues, statistics.

pub mod completion_queue;
pub mod csr;
pub mod descriptor_fetch;
pub mod pair;
pub mod stats;
