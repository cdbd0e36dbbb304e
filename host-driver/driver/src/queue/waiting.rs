//! How an owner waits for its queue pair.

use std::time::{Duration, Instant};

use super::QueuePair;
use crate::DriverError;

/// How an owner waits for its queue pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Waiting {
    /// Looks at memory all the time, and never asks for an interrupt: no doorbell, least latency, a whole processor.
    Busy,
    /// Asks for an interrupt and sleeps: a doorbell and a wake-up each time.
    #[default]
    Interrupt,
    /// Looks for as long as `spin`, then asks for an interrupt and sleeps: busy under load, asleep without.
    Hybrid {
        /// How long it looks.
        spin: Duration,
    },
}

/// Looks at memory between two looks at the clock: a look costs far less.
const LOOKS: u32 = 64;

impl<T: Send> QueuePair<T> {
    /// As [`QueuePair::wait`], in the way of `waiting`. A busy wait ends with its time or with a completion alone, not by
    /// [`Interrupt::signal`](longshore_device::Interrupt::signal).
    ///
    /// # Errors
    /// What the transport reports.
    pub fn wait_by(
        &mut self,
        waiting: Waiting,
        timeout: Option<Duration>,
    ) -> Result<bool, DriverError> {
        let start = Instant::now();
        let spin = match waiting {
            Waiting::Busy => timeout,
            Waiting::Interrupt => return self.wait(timeout),
            Waiting::Hybrid { spin } => Some(timeout.map_or(spin, |t| t.min(spin))),
        };
        loop {
            for _ in 0..LOOKS {
                if self.has_completions() {
                    return Ok(true);
                }
                std::hint::spin_loop();
            }
            if spin.is_some_and(|spin| start.elapsed() >= spin) {
                break;
            }
            // A simulated NIC may need this very processor to get on.
            std::thread::yield_now();
        }
        match waiting {
            Waiting::Busy => Ok(false),
            _ => self.wait(timeout.map(|t| t.saturating_sub(start.elapsed()))),
        }
    }
}
