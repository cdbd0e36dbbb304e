//! When the NIC fails: start over, or tell everybody.

use longshore_refs::sync::atomic::Ordering;
use std::time::Duration;

use longshore_driver::Completed;
use tcp_core::Events;

use crate::counters::count;
use crate::failure::Failure;
use crate::lock::{Outermost, Token};
use crate::shared::Shared;
use crate::table::Entry;

/// How long requests may be outstanding without a single completion before the NIC is asked how it is. A
/// posted write that was lost on the bus shows itself in no other way.
const PATIENCE: Duration = Duration::from_secs(2);

impl Shared {
    /// Something is wrong with a queue pair.
    pub(crate) fn note_trouble(&self, queue: usize) {
        count(&self.counters.device_errors);
        self.queues[queue].trouble.store(true, Ordering::Relaxed);
    }

    /// Looks whether the NIC has fallen silent.
    pub(crate) fn watch(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        queue: usize,
        completions: usize,
        outstanding: usize,
    ) {
        let cell = &self.queues[queue].quiet_since;
        if completions > 0 || outstanding == 0 {
            return cell.store(0, Ordering::Relaxed);
        }
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).max(1);
        let since = match cell.load(Ordering::Relaxed) {
            0 => {
                cell.store(nanos, Ordering::Relaxed);
                return;
            }
            since => Duration::from_nanos(since),
        };
        if now.saturating_sub(since) >= PATIENCE {
            cell.store(0, Ordering::Relaxed);
            if !self.nic.is_well(held, queue) {
                tracing::error!(queue, "the NIC is silent and not well");
                self.note_trouble(queue);
            }
        }
    }

    /// Acts on trouble, if there is some: what was posted comes back as aborted, and TCP sends it again. If
    /// the NIC is past help, everything ends.
    pub(crate) fn rescue(
        &self,
        held: &mut Token<'_, impl Outermost>,
        queue: usize,
        done: &mut Vec<Completed<()>>,
    ) {
        let trouble = &self.queues[queue].trouble;
        // A look first: it costs less than an exchange, and usually there is none.
        if !trouble.load(Ordering::Relaxed)
            || !trouble.swap(false, Ordering::Relaxed)
            || self.is_down()
        {
            return;
        }
        match self.nic.recover(held, &self.config, done) {
            Ok(()) => tracing::info!(queue, "queue pairs recovered"),
            Err(error) => {
                tracing::error!(%error, "the NIC is lost");
                self.end(held);
            }
        }
    }

    /// Ends everything: listeners close, connections end with ENODEV, nothing new begins. Cannot fail.
    pub(crate) fn end(&self, held: &mut Token<'_, impl Outermost>) {
        if self.down.swap(true, Ordering::AcqRel) {
            return;
        }
        for (address, handle) in self.addresses.all(held) {
            if let Some(listener) = self.listeners.get(handle) {
                self.close_listener(held, &listener, handle, address);
            }
        }
        for handle in self.table.connections(held) {
            if let Some(pcb) = self.pcbs.get(handle) {
                self.update_in(held, &pcb, |live, _, under| {
                    if !live.dropped {
                        self.fail(under, live, Failure::DeviceGone);
                    }
                    ((), Events::ERROR)
                });
            }
        }
        let rest = |entry: &Entry| !matches!(entry, Entry::Pcb(_));
        for (tuple, entry) in self.table.take_if(held, u64::MAX, rest) {
            self.forget(held, &tuple, Some(entry));
        }
        self.end_udp_sockets(held);
        self.end_echoes(held);
        for queue in 0..self.queues.len() {
            self.nic.wake(queue);
        }
    }
}
