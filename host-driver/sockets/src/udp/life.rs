//! What happens to sockets from outside of their program's calls: changes that wake it, and the end.

use longshore_refs::Handle;
use longshore_refs::sync::atomic::Ordering;

use crate::failure::Failure;
use crate::lock::{Outermost, Token, UnderPcb};
use crate::pcb::Pcb;
use crate::protocol::Afterwards as _;
use crate::shared::Shared;

use super::block::Block;
use super::{Told, Udp};

impl Shared {
    /// Changes a socket under its lock; with true, wakes who waits and tells who wants to know.
    pub(super) fn update_udp<R>(
        &self,
        held: &mut Token<'_, impl Outermost>,
        pcb: &Pcb<Udp>,
        change: impl FnOnce(&mut Block, &mut UnderPcb<'_>) -> (R, bool),
    ) -> R {
        let (result, told) = {
            let (mut block, mut under) = pcb.lock(held);
            let (result, changed) = change(&mut block, &mut under);
            let notify = if changed { block.notify.clone() } else { None };
            if changed {
                pcb.wake();
            }
            (result, Told(notify))
        };
        told.run(held);
        result
    }

    /// Takes a socket out of the table, for good. Cannot fail; the second time it does nothing.
    pub(super) fn end_udp(
        &self,
        held: &mut Token<'_, impl Outermost>,
        pcb: &Pcb<Udp>,
        why: Option<Failure>,
    ) {
        self.update_udp(held, pcb, |block, under| {
            if block.dropped {
                return ((), false);
            }
            self.udp.ports.remove(under, block.handle, block.name);
            block.end(why);
            ((), true)
        });
    }

    /// The stack goes down: all sockets end.
    pub(crate) fn end_udp_sockets(&self, held: &mut Token<'_, impl Outermost>) {
        for handle in self.udp.ports.all(held) {
            if let Some(pcb) = self.udp.pcbs.get(handle) {
                self.end_udp(held, &pcb, Some(Failure::DeviceGone));
            }
        }
    }

    /// Wakes those who waited for room in the ring or for send memory, if there is some.
    pub(crate) fn serve_parked_udp(&self, held: &mut Token<'_, impl Outermost>, queue: usize) {
        if !self.udp.has_parked.load(Ordering::Acquire)
            || self.nic.send_pool().is_dry()
            || !self.nic.tx(held, queue).has_room()
        {
            return;
        }
        let waiting = held.with(&self.udp.parked, |list| {
            let of_queue = |(of, _): &mut (usize, Handle)| *of == queue;
            let waiting: Vec<_> = list.extract_if(.., of_queue).collect();
            let others = !list.is_empty();
            self.udp.has_parked.store(others, Ordering::Release);
            waiting
        });
        for (_, handle) in waiting {
            if let Some(pcb) = self.udp.pcbs.get(handle) {
                self.update_udp(held, &pcb, |block, _| {
                    block.parked = false;
                    ((), true)
                });
            }
        }
    }
}
