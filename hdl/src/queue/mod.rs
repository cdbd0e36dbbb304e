//! The queue pairs: registers and doorbells, descriptor fetch, completion queues, statistics.
//!
//! - [`mod@queues`]: all of it, assembled.
//! - [`csr`], [`register_map`], [`access`]: the register target and what it hands out.
//! - [`device`], [`port`], [`pair`]: who holds the state behind the registers.
//! - [`descriptor_fetch`], [`fetch_lane`]: rings to descriptors.
//! - [`completion_queue`], [`completion_lane`]: completions to rings, interrupts.
//! - [`faults`]: quarantine and events. [`stats`]: counters.

pub mod access;
pub mod completion_lane;
pub mod completion_queue;
pub mod csr;
pub mod descriptor_fetch;
pub mod device;
pub mod faults;
pub mod fetch_lane;
pub mod pair;
pub mod port;
pub mod ports;
pub mod queues;
pub mod register_map;
pub mod stats;

use register_map::Identity;

crate::catalogue! {
    /// The register target of BAR0.
    queue_csr: csr::Csr = csr::Csr::new(2, &Identity::default());
    /// Device control.
    queue_device: device::Device = device::Device::default();
    /// The port's configuration.
    queue_port: port::Port = port::Port::new(&Identity::default());
    /// Control of one queue pair.
    queue_pair: pair::Pair = pair::Pair::new(1);
    /// One queue of the descriptor fetch.
    queue_fetch_lane: fetch_lane::FetchLane = fetch_lane::FetchLane::default();
    /// Prefetch of receive descriptors for two queue pairs.
    queue_descriptor_fetch: descriptor_fetch::DescriptorFetch<2> = descriptor_fetch::DescriptorFetch::new(descriptor_fetch::Ring::Receive);
    /// One completion queue's indexes, batching and interrupt.
    queue_completion_lane: completion_lane::CompletionLane = completion_lane::CompletionLane::default();
    /// The completion queues of two queue pairs.
    queue_completion_queue: completion_queue::CompletionQueue<2> = completion_queue::CompletionQueue::default();
    /// Faults and events of two queue pairs.
    queue_faults: faults::Faults<2> = faults::Faults::default();
    /// The counters.
    queue_stats: stats::Stats = stats::Stats::default();
    /// Two queue pairs.
    queues: queues::Queues<2> = queues::Queues::new(&Identity::default());
}
