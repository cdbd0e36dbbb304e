//! When the NIC fails: start over, or tell everybody.

use longshore_refs::sync::atomic::Ordering;
use std::time::Duration;

use tcp_core::Events;

use crate::counters::count;
use crate::failure::Failure;
use crate::lock::{Outermost, Precedes, Ring, Root, Token};
use crate::nic::{Nic, Pair};
use crate::owner::Workspace;
use crate::shared::Shared;

/// How long requests may be outstanding without a single completion before the NIC is asked how it is. A
/// posted write that was lost on the bus shows itself in no other way.
const PATIENCE: Duration = Duration::from_secs(2);

impl Shared {
    /// Something is wrong with a queue pair.
    pub(crate) fn note_trouble(&self, queue: usize) {
        count(&self.counters.device_errors);
        self.queues[queue].trouble.store(true, Ordering::Relaxed);
    }

    /// Somebody has found no room to post: if that is because the queue pair is down, its owner is told.
    pub(crate) fn note_if_down(&self, held: &mut Token<'_, impl Precedes<Ring>>, queue: usize) {
        if self.nic.tx(held, queue).is_down() {
            self.note_trouble(queue);
            self.nic.wake(queue);
        }
    }

    /// Looks whether the NIC has fallen silent.
    pub(crate) fn watch(
        &self,
        now: Duration,
        queue: usize,
        completions: usize,
        pair: Option<&Pair>,
    ) {
        let cell = &self.queues[queue].quiet_since;
        let Some(pair) = pair.filter(|pair| completions == 0 && pair.is_sending()) else {
            return cell.store(0, Ordering::Relaxed);
        };
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
            if !Nic::is_well(pair) {
                tracing::error!(queue, "the NIC is silent and not well");
                self.note_trouble(queue);
            }
        }
    }

    /// Acts on trouble, if there is some: the queue pair starts over, what was posted comes back as aborted, and TCP
    /// sends it again. If the NIC is past help, everything ends.
    pub(crate) fn rescue(
        &self,
        held: &mut Token<'_, impl Outermost>,
        queue: usize,
        work: &mut Workspace,
    ) {
        let trouble = &self.queues[queue].trouble;
        // A look first: it costs less than an exchange, and usually there is none.
        if !trouble.load(Ordering::Relaxed)
            || !trouble.swap(false, Ordering::Relaxed)
            || self.is_down()
        {
            return;
        }
        let Workspace {
            pair: Some(pair),
            done,
            ..
        } = work
        else {
            return;
        };
        match self.nic.recover(held, queue, pair, &self.config, done) {
            Ok(reset) => {
                tracing::info!(queue, "queue pair recovered");
                if reset {
                    self.alarm_others(queue);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the NIC is lost");
                self.end(held);
            }
        }
    }

    /// The device was reset for the sake of one queue pair: the owners of the others start theirs over.
    fn alarm_others(&self, queue: usize) {
        for other in (0..self.queues.len()).filter(|other| *other != queue) {
            self.queues[other].trouble.store(true, Ordering::Relaxed);
            self.nic.wake(other);
        }
    }

    /// Closes all queue pairs. Cannot fail.
    pub(crate) fn close_queues(&self, root: &mut Token<'_, Root>) {
        self.nic.end_reception();
        for (number, queue) in self.queues.iter().enumerate() {
            let (mut work, mut held) = root.lock(&queue.workspace);
            if let Some(pair) = work.pair.take() {
                self.nic.close(&mut held, number, pair);
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
        for (_, entry) in self.take_if(held, u64::MAX, |_| true) {
            self.forget(held, Some(entry));
        }
        self.end_udp_sockets(held);
        self.end_echoes(held);
        for queue in 0..self.queues.len() {
            self.nic.wake(queue);
        }
    }
}
