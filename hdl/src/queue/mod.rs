//! The queue pairs: registers and doorbells, descriptor fetch, completion queues, statistics.

pub mod access;
pub mod completion_lane;
pub mod completion_queue;
pub mod csr;
pub mod descriptor_fetch;
pub mod fetch_lane;
pub mod pair;
pub mod ports;
pub mod register_map;
