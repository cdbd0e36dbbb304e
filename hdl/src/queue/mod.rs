//! The queue pairs: registers and doorbells, descriptor fetch, completion queues, statistics.

pub mod ports;
