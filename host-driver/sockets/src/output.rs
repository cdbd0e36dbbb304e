//! From a connection to the NIC: everything that changes a connection ends here.

use std::sync::Arc;
use std::time::Duration;

use ip_core::IpNumber;
use longshore_refs::sync::atomic::Ordering;
use longshore_refs::{Handle, holder};
use nic_abi::FlowHandle;
use tcp_core::{Connection, Events, Flags, MAX_HEADER_LEN, Ports, State, TimeWait, Transmit};

use crate::broken::{Rule, keeps};
use crate::counters::{count, note};
use crate::failure::Failure;
use crate::lock::{Outermost, PcbLevel, Token, UnderPcb};
use crate::nic::TxGuard;
use crate::pcb::{Live, Pcb};
use crate::protocol::Afterwards;
use crate::ready::Notify;
use crate::shared::Shared;
use crate::socket::SocketRef;
use crate::timers::Due;
use crate::tuple::Tuple;

/// ECN-capable transport, ECT(0) (RFC 3168 §5).
const ECT0: u8 = 0b10;

/// When the NIC is told of what is posted: at once, or by whoever drives a queue pair at the end of a batch.
#[derive(Debug, Default)]
pub(crate) struct Doorbell {
    /// Nothing is told on this queue pair yet.
    held_back: Option<usize>,
    /// Where something was posted that the NIC was not told of.
    owed: Option<usize>,
}

impl Doorbell {
    /// From now on the doorbell of `queue` is held back, or none is.
    pub(crate) fn hold_back(&mut self, queue: Option<usize>) {
        self.held_back = queue;
    }

    /// Whether something was posted that the NIC was not told of.
    pub(crate) fn is_owed(&self) -> bool {
        self.owed.is_some()
    }
}

/// What is left to do when the Pcb's lock is free again.
#[must_use]
#[derive(Debug, Default)]
pub(crate) struct After {
    /// S, released once the connection has ended. It may be the socket's last reference.
    lingering: Option<SocketRef<holder::S>>,
    notify: Option<Arc<dyn Notify>>,
}

impl Afterwards for After {
    fn is_empty(&self) -> bool {
        self.lingering.is_none() && self.notify.is_none()
    }

    /// After this neither Socket nor Pcb is touched on behalf of S.
    fn run(self, held: &mut Token<'_, impl Outermost>) {
        drop(self.lingering);
        if let Some(notify) = self.notify {
            held.outside(move || notify.notify());
        }
    }
}

impl Shared {
    /// As [`Shared::update_in`], for a call from outside: its thread holds nothing.
    pub(crate) fn update<R>(
        &self,
        pcb: &Pcb,
        change: impl FnOnce(&mut Live, Duration) -> (R, Events),
    ) -> R {
        self.update_in(&mut Token::root(), pcb, |live, now, _| change(live, now))
    }

    /// Changes a connection under its lock, sends what is due, arms its timer, and wakes who waits. The caller
    /// has a counted reference to the Pcb.
    pub(crate) fn update_in<R>(
        &self,
        held: &mut Token<'_, impl Outermost>,
        pcb: &Pcb,
        change: impl FnOnce(&mut Live, Duration, &mut UnderPcb<'_>) -> (R, Events),
    ) -> R {
        let now = self.now();
        let (mut live, mut under) = pcb.lock(held);
        let (result, events) = change(&mut live, now, &mut under);
        let after = self.drive(&mut under, now, pcb, &mut live, events);
        drop((live, under));
        after.run(held);
        result
    }

    /// Brings the world in line with a connection that has changed.
    pub(crate) fn drive(
        &self,
        under: &mut UnderPcb<'_>,
        now: Duration,
        pcb: &Pcb,
        live: &mut Live,
        events: Events,
    ) -> After {
        self.drive_with(under, now, pcb, live, events, &mut Doorbell::default())
    }

    /// As [`Shared::drive`], with the doorbell perhaps held back.
    pub(crate) fn drive_with(
        &self,
        under: &mut UnderPcb<'_>,
        now: Duration,
        pcb: &Pcb,
        live: &mut Live,
        events: Events,
        doorbell: &mut Doorbell,
    ) -> After {
        let mut after = After::default();
        if live.dropped {
            return after;
        }
        if let Some(error) = live.connection.take_error() {
            live.failure = Some(live.reason(error));
        }
        let drained = self.transmit(under, now, live, doorbell);
        live.send.release(live.connection.acked_offset());
        match live.connection.state() {
            // A reset that found no room or no way is lost, as it may be on the wire.
            State::Closed => self.retire(under, live, None),
            State::TimeWait if drained => {
                let record = live.connection.time_wait();
                self.retire(under, live, record);
            }
            _ => self.rearm(under, live),
        }
        if live.dropped {
            after.lingering = live.lingering.take();
        }
        let in_vain = events == Events::WRITABLE && live.write_blocked && !live.has_room();
        if live.dropped || (!events.is_empty() && !in_vain) {
            pcb.wake();
            after.notify = live.notify.clone();
        }
        after
    }

    /// Sends what is due. False if it could not all be sent: then the connection is parked.
    fn transmit(
        &self,
        under: &mut UnderPcb<'_>,
        now: Duration,
        live: &mut Live,
        doorbell: &mut Doorbell,
    ) -> bool {
        if !live.connection.may_transmit() {
            // No ring for nothing. The call settles timers.
            let nothing = live.connection.poll_transmit(now);
            debug_assert!(nothing.is_none());
            return true;
        }
        if !self.find_way(under, now, live) {
            return false;
        }
        let mut tx = self.nic.tx(under, live.queue());
        let drained = loop {
            if !tx.has_room() {
                note(&self.queues[live.queue()].counters.ring_full, 1);
                break false;
            }
            match live.connection.poll_transmit(now) {
                Some(transmit) => self.post(&mut tx, live, &transmit),
                None => break true,
            }
        };
        if doorbell.held_back == Some(live.queue()) {
            doorbell.owed = Some(live.queue());
        } else {
            tx.commit();
            // And of what was held back before.
            doorbell.owed.take_if(|queue| *queue == live.queue());
        }
        drop(tx);
        if !drained {
            self.park(under, live);
            // If there is room by now, its owner has looked for those who wait already, and no completion is to come.
            if self.nic.tx(under, live.queue()).has_room() {
                self.nic.wake(live.queue());
            }
        }
        drained
    }

    /// Ends a connection for a reason that TCP does not know of.
    pub(crate) fn fail(&self, under: &mut UnderPcb<'_>, live: &mut Live, failure: Failure) {
        live.failure = Some(failure);
        if let Some(reset) = live.connection.abort(self.now())
            && self.has_way(under, live)
        {
            let mut tx = self.nic.tx(under, live.queue());
            if tx.has_room() {
                self.post(&mut tx, live, &reset);
                tx.commit();
            }
        }
    }

    /// Puts a connection on the list of those who wait for room in the ring, or for send memory.
    pub(crate) fn park(&self, under: &mut UnderPcb<'_>, live: &mut Live) {
        if !live.parked {
            live.parked = true;
            under.with(&self.queues[live.queue()].parked, |list| {
                list.push(live.handle);
                self.queues[live.queue()]
                    .has_parked
                    .store(true, Ordering::Release);
            });
        }
    }

    fn post(&self, tx: &mut TxGuard<'_, PcbLevel>, live: &mut Live, transmit: &Transmit) {
        let Some(mut path) = live.path(self.config.ip.mac) else {
            return;
        };
        if transmit.ect {
            path.traffic_class |= ECT0;
        }
        let mut header = [0; MAX_HEADER_LEN];
        let len = transmit
            .emit(ports(&live.tuple()), &mut header)
            .expect("the longest header fits");
        // At most 64 KiB and a header.
        #[expect(clippy::cast_possible_truncation)]
        let payload = transmit.payload_len() as usize;
        let header = path.header(IpNumber::TCP, live.identification, &header[..len], payload);
        #[expect(clippy::cast_possible_truncation)]
        let segments = transmit.segment_count() as u16;
        live.identification = live.identification.wrapping_add(segments);
        if transmit.flags.contains(Flags::SYN) {
            live.syn = Some(transmit.seq);
        }
        // Under the ring's lock.
        let counters = &self.queues[live.queue()].counters;
        note(&counters.transmits, 1);
        let mss = (payload > usize::from(transmit.mss)).then_some(transmit.mss);
        if transmit.flags.contains(Flags::RST) {
            note(&counters.aborts_out, 1);
        }
        if mss.is_some() {
            note(&counters.super_segments, 1);
        }
        let pieces = live.send.pieces(transmit.payload.clone());
        if let Err(error) = tx.post_tcp(&header, pieces, mss) {
            // As good as lost on the wire: TCP sends it again.
            count(&self.counters.device_errors);
            tracing::warn!(%error, tuple = ?live.tuple(), "transmit request not posted");
        }
    }

    /// The connection is over: out of the table (or replaced by its TIME-WAIT record), timer stopped. The Pcb
    /// lives on until its socket is gone.
    fn retire(&self, under: &mut UnderPcb<'_>, live: &mut Live, record: Option<TimeWait>) {
        let time_wait = record.is_some();
        self.unhash(under, &live.tuple(), live.handle, record);
        if let Some(key) = live.timer.take_if(|_| keeps(Rule::StopTimer)) {
            // T is not the last reference: whoever drives has one.
            drop(self.queues[live.queue()].timers.stop(under, key));
        }
        live.dropped = true;
        if live.flow.is_some() && (!time_wait || keeps(Rule::LeaveAtTimeWait)) {
            let flow = std::mem::replace(&mut live.flow, FlowHandle::NONE);
            self.leave_slot(under, live, flow);
        }
        under.with(&self.queues[live.queue()].past, |past| {
            for (name, value) in live.connection.counters().nstat() {
                *past.entry(name).or_default() += value;
            }
        });
        live.send.clear();
        // Somebody may wait for the memory.
        if self.queues[live.queue()].has_parked.load(Ordering::Acquire) {
            self.nic.wake(live.queue());
        }
        tracing::debug!(tuple = ?live.tuple(), failure = ?live.failure, "connection over");
    }

    /// Sees to it that a timer fires no later than the connection's next deadline.
    pub(crate) fn rearm(&self, under: &mut UnderPcb<'_>, live: &mut Live) {
        let Some(at) = live.connection.next_timeout() else {
            // An armed timer that fires for nothing lets go of its T then.
            return;
        };
        let queue = live.queue();
        match live.timer {
            Some(key) if key.at() <= at => {}
            // If it is firing, it waits for our lock, and arms itself again.
            Some(key) => {
                if let Some(key) = self.queues[queue].timers.move_to(under, key, at) {
                    live.timer = Some(key);
                    self.hurry(queue, at);
                }
            }
            None => {
                if let Some(armed) = self.pcbs.acquire(live.handle) {
                    live.timer = Some(self.arm(under, queue, at, Due::Pcb(armed)));
                }
            }
        }
    }

    /// Drives a connection that waited for something which has come.
    pub(crate) fn unpark(&self, held: &mut Token<'_, impl Outermost>, handle: Handle) {
        if let Some(pcb) = self.pcbs.get(handle) {
            self.update_in(held, &pcb, |live, _, _| {
                live.parked = false;
                // Writers may have waited for memory.
                ((), Events::WRITABLE)
            });
        }
    }
}

/// Ports as they stand in our segments.
pub(crate) fn ports(tuple: &Tuple) -> Ports {
    Ports {
        source: tuple.local.port(),
        destination: tuple.remote.port(),
    }
}

/// Whether the handshake is still under way.
pub(crate) fn is_connecting(connection: &Connection) -> bool {
    matches!(connection.state(), State::SynSent | State::SynReceived)
}
