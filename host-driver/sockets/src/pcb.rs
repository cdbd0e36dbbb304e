//! The protocol control block: what a socket's end of a conversation is, behind its one lock; and what it is in TCP, a
//! connection.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ip_core::{MacAddr, Path};
use longshore_refs::sync::Condvar;
use longshore_refs::{Handle, Recycle, holder};
use nic_abi::FlowHandle;
use tcp_core::{Connection, SeqNumber};

use crate::failure::Failure;
use crate::lock::{Guard, Ordered, PcbLevel, Precedes, Root, Token, UnderPcb};
use crate::protocol::Protocol;
use crate::ready::Notify;
use crate::receive_buffer::ReceiveBuffer;
use crate::send_buffer::SendBuffer;
use crate::socket::SocketRef;
use crate::tcp::Tcp;
use crate::timers::Key;
use crate::tuple::{Packed, Tuple};
use crate::urgent::Urgent;

/// A slot of the slab of Pcbs.
#[derive(Debug)]
pub(crate) struct Pcb<P: Protocol = Tcp> {
    state: Ordered<PcbLevel, Slot<P::Block>>,
    changed: Condvar,
}

impl<P: Protocol> Default for Pcb<P> {
    fn default() -> Self {
        Self {
            state: Ordered::default(),
            changed: Condvar::default(),
        }
    }
}

/// What a slot holds. While anybody has a counted reference it is `Live`: that is what the count means.
#[derive(Debug, Default)]
enum Slot<B> {
    #[default]
    Vacant,
    Live(Box<B>),
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) handle: Handle,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# At all other times, a previous segment has either been sent or received on this connection, and TCP
    //# implementations MUST use the same local address that was used in those previous segments (MUST-45).
    pub(crate) tuple: Packed,
    /// Queue pair on which it sends and whose owner runs its timers.
    pub(crate) queue: u16,
    pub(crate) connection: Connection,
    pub(crate) send: SendBuffer,
    pub(crate) receive: ReceiveBuffer,
    /// The connection is over: in no table, no timer armed. The socket can still be read.
    pub(crate) dropped: bool,
    /// A writer found the send buffer full; it is told again when that is roomy.
    pub(crate) write_blocked: bool,
    /// Why it ended, until somebody was told.
    pub(crate) failure: Option<Failure>,
    /// Urgent data that came.
    pub(crate) urgent: Urgent,
    /// The program wants no more data.
    pub(crate) read_shut: bool,
    pub(crate) route: Route,
    /// Sequence number of the SYN that was sent: an ICMP error has to quote it (RFC 5927 §4).
    pub(crate) syn: Option<SeqNumber>,
    /// What was told that may pass, and has not: nothing was acknowledged since (Linux: `sk_err_soft`).
    pub(crate) soft: Option<Failure>,
    pub(crate) marks: Marks,
    /// IPv4 identification of the next packet.
    pub(crate) identification: u16,
    pub(crate) timer: Option<Key>,
    /// Its slot of the NIC's flow table, whose reference H keeps the Pcb; or NONE.
    pub(crate) flow: FlowHandle,
    /// Reference S: the program has closed the socket, data are still to be sent.
    pub(crate) lingering: Option<SocketRef<holder::S>>,
    /// In a list of those who wait for a neighbour, for room in a ring, or for memory.
    pub(crate) parked: bool,
    pub(crate) notify: Option<Arc<dyn Notify>>,
}

/// What its packets bear besides addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    /// TTL or hop limit of what is sent.
    pub(crate) hop_limit: u8,
    /// TOS or traffic class of what is sent; its ECN bits, which TCP sets, are 0.
    pub(crate) traffic_class: u8,
    /// That of the last packet that came, ECN included.
    pub(crate) received: u8,
}

/// The way to the peer, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Route {
    /// Station address of the next hop.
    pub(crate) hop: Option<MacAddr>,
    /// In nanoseconds.
    until: u64,
    pub(crate) epoch: u64,
    /// `acked_offset` when the way was last asked for: if it moved, the peer is there.
    pub(crate) acked: u64,
}

impl Route {
    /// Known for as long as that; `acked` is where the peer's acknowledgements are.
    pub(crate) fn new(hop: MacAddr, until: Duration, epoch: u64, acked: u64) -> Self {
        Self {
            hop: Some(hop),
            until: u64::try_from(until.as_nanos()).unwrap_or(u64::MAX),
            epoch,
            acked,
        }
    }

    /// Whether the next hop is known, and what is known is not too old.
    pub(crate) fn is_fresh(&self, now: Duration) -> bool {
        self.hop.is_some() && now < Duration::from_nanos(self.until)
    }
}

/// Number of a queue pair, as a connection keeps it: there are a few at most.
#[expect(clippy::cast_possible_truncation)]
pub(crate) fn narrow(queue: usize) -> u16 {
    queue as u16
}

impl Live {
    /// The two ends of the connection.
    pub(crate) fn tuple(&self) -> Tuple {
        self.tuple.into()
    }

    /// Queue pair on which it sends and whose owner runs its timers.
    pub(crate) fn queue(&self) -> usize {
        self.queue.into()
    }

    /// It belongs to another queue pair from now on: nothing of it is on one yet.
    pub(crate) fn set_queue(&mut self, queue: usize) {
        self.queue = narrow(queue);
    }

    /// What the headers of its packets are made from, once the next hop is known. `own` is our station.
    pub(crate) fn path(&self, own: MacAddr) -> Option<Path> {
        let Tuple { local, remote } = self.tuple();
        self.route.hop.map(|hop| Path {
            local: local.ip(),
            remote: remote.ip(),
            source_mac: own,
            destination_mac: hop,
            hop_limit: self.marks.hop_limit,
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
            //# TCP implementations SHOULD pass the current Differentiated Services field value without change to
            //# the IP layer, when it sends segments on the connection (SHLD-22).
            traffic_class: self.marks.traffic_class,
        })
    }

    /// Bytes written and not acknowledged.
    pub(crate) fn held(&self) -> u64 {
        self.connection.written_offset() - self.connection.acked_offset()
    }

    /// Whether there is room that a writer is worth being woken for.
    pub(crate) fn is_roomy(&self) -> bool {
        2 * self.connection.unsent() < self.send.unsent_low_water()
            && self.send.is_roomy(self.held())
    }

    /// Whether a write would find room, once the effects of the last full buffer are over.
    pub(crate) fn has_room(&self) -> bool {
        let held = self.held();
        // As Linux: a writer that was stopped by it goes on at half of the low-water mark.
        let factor = if self.write_blocked { 2 } else { 1 };
        let few = factor * self.connection.unsent() < self.send.unsent_low_water();
        few && self.send.room(held) > 0 && (!self.write_blocked || self.send.is_roomy(held))
    }
}

impl<P: Protocol> Pcb<P> {
    /// Fills a vacant slot, before any look-up can see it.
    pub(crate) fn occupy(&self, block: P::Block) {
        *self.state.unreferenced() = Slot::Live(Box::new(block));
    }

    /// Locks the block. The caller has a counted reference.
    pub(crate) fn lock<'t, L: Precedes<PcbLevel>>(
        &'t self,
        held: &'t mut Token<'_, L>,
    ) -> (Locked<'t, L, P>, UnderPcb<'t>) {
        let (guard, under) = held.lock(&self.state);
        (Locked(guard), under)
    }

    /// Waits for a change, at most until `deadline`. False: the deadline has passed.
    pub(crate) fn wait(
        &self,
        locked: &mut Locked<'_, Root, P>,
        under: &mut UnderPcb<'_>,
        deadline: Option<Instant>,
    ) -> bool {
        match deadline {
            None => {
                locked.0.wait(under, &self.changed);
                true
            }
            Some(deadline) => locked.0.wait_until(under, &self.changed, deadline),
        }
    }

    /// Wakes all who wait.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }
}

impl<P: Protocol> Pcb<P> {
    /// Locks what a look-up found, without a reference to it. `None` if it is not `wanted`: that is to say no if the slot
    /// is another's by now, or the block is dropped.
    ///
    /// A block that is not dropped has a socket, whose reference P keeps the slot; and to drop it takes this lock. So
    /// what is found under the lock stays for as long as it is held, and nobody has to count. Who finds nothing lets go
    /// of the lock before he does anything else: whoever frees or fills the slot waits for that.
    pub(crate) fn lock_if<'t, L: Precedes<PcbLevel>>(
        &'t self,
        held: &'t mut Token<'_, L>,
        wanted: impl FnOnce(&P::Block) -> bool,
    ) -> Option<(Locked<'t, L, P>, UnderPcb<'t>)> {
        let (guard, under) = held.lock(&self.state);
        match &*guard {
            Slot::Live(block) if wanted(block) => Some((Locked(guard), under)),
            _ => None,
        }
    }
}

impl Pcb {
    /// Locks the connection that a look-up found under `handle`, as [`Pcb::lock_if`] does.
    pub(crate) fn lock_found<'t, L: Precedes<PcbLevel>>(
        &'t self,
        held: &'t mut Token<'_, L>,
        handle: Handle,
        tuple: &Tuple,
    ) -> Option<(Locked<'t, L>, UnderPcb<'t>)> {
        self.lock_if(held, |live| {
            live.handle == handle && !live.dropped && live.tuple == tuple.into()
        })
    }
}

impl<P: Protocol> Recycle for Pcb<P> {
    fn recycle(&self) {
        let slot = std::mem::take(&mut *self.state.unreferenced());
        // What a panic leaves behind is no second panic.
        if let Slot::Live(block) = slot
            && !std::thread::panicking()
        {
            P::free(*block);
        }
    }
}

/// The right to use a block.
pub(crate) struct Locked<'a, Before, P: Protocol = Tcp>(Guard<'a, Slot<P::Block>, Before>);

impl<Before, P: Protocol> Deref for Locked<'_, Before, P> {
    type Target = P::Block;

    fn deref(&self) -> &P::Block {
        match &*self.0 {
            Slot::Live(block) => block,
            Slot::Vacant => unreachable!("a referenced Pcb is live"),
        }
    }
}

impl<Before, P: Protocol> DerefMut for Locked<'_, Before, P> {
    fn deref_mut(&mut self) -> &mut P::Block {
        match &mut *self.0 {
            Slot::Live(block) => block,
            Slot::Vacant => unreachable!("a referenced Pcb is live"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_block_fits_in_792_bytes() {
        // What else an idle connection takes, tests/sizes.rs counts.
        let size = size_of::<Live>();
        assert!(size <= 792, "{size} bytes");
    }

    #[test]
    fn a_slot_of_the_slab_fits_in_24_bytes() {
        let size = size_of::<Pcb>();
        assert!(size <= 24, "{size} bytes");
    }
}
