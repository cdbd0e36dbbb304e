//! Passive opens: from a SYN to a child in a listener's queue.

use std::sync::Arc;
use std::time::Duration;

use longshore_refs::accept::Place;
use longshore_refs::{Handle, holder};
use nic_abi::FlowHandle;
use tcp_core::{Connection, Events, Flags, HalfOpen, Initial, Segment, SeqNumber, SynCookies};

use crate::broken::{Rule, keeps};
use crate::config::Own;
use crate::counters::count;
use crate::failure::Failure;
use crate::input::Arrived;
use crate::listener::{Child, Listener, Origin, State};
use crate::lock::{Outermost, Token};
use crate::pcb::{Live, Pcb, Route, narrow};
use crate::receive_buffer::ReceiveBuffer;
use crate::records::{Entry, SynEntry};
use crate::send_buffer::SendBuffer;
use crate::shared::Shared;
use crate::socket::{Socket, SocketRef};
use crate::tuple::Tuple;
use crate::urgent::Urgent;

impl Shared {
    /// A segment for a listener: a SYN makes a half-open entry, anything else is nobody's.
    pub(crate) fn on_listener(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        handle: Handle,
        arrived: &Arrived<'_>,
        after: Option<SeqNumber>,
    ) {
        let Arrived { tuple, segment, .. } = arrived;
        let mut initial = self.isns.initial(now, tuple.local, tuple.remote);
        if let Some(iss) = after {
            initial = Initial { iss, ..initial };
        }
        let Some(listener) = self.listeners.get(handle) else {
            return self.refuse(held, now, tuple, segment);
        };
        let Some(origin) = listener.with(held, |state| state.origin.clone()) else {
            return self.refuse(held, now, tuple, segment);
        };
        let settings = origin.settings.as_ref();
        let config = self.config.tcp_for(tuple.local.ip(), settings);
        let marks = self.config.marks_for(settings);
        let Some((half_open, syn_ack)) = HalfOpen::new(now, &config, initial, segment) else {
            let cookies = now < listener.with(held, |state| state.cookies_until);
            if cookies && self.on_cookie(held, now, tuple, handle, segment) {
                return self.promote(held, now, arrived);
            }
            return self.refuse(held, now, tuple, segment);
        };
        {
            let (mut state, under) = listener.lock(held);
            if !state.queue.is_open() {
                drop((state, under));
                return self.refuse(held, now, tuple, segment);
            }
            if state.queue.half_open() >= self.config.half_open {
                if state.queue.is_full() {
                    // A handshake could not be completed anyway.
                    count(&self.counters.syns_dropped);
                    return;
                }
                state.cookies_until = now + SynCookies::LIFETIME;
                drop((state, under));
                let Tuple { local, remote } = *tuple;
                if let Some(syn_ack) = self.cookies.answer(now, &config, local, remote, segment) {
                    count(&self.counters.syn_cookies_out);
                    self.send_bare(held, now, tuple, &syn_ack, marks);
                }
                return;
            }
            state.begin_half_open(self.table.shard_number(tuple));
        }
        match self.enter_half_open(held, tuple, half_open, Arc::clone(&origin)) {
            Some(serial) => {
                if self.withdraw_if_closed(held, tuple, &listener, serial) {
                    return self.refuse(held, now, tuple, segment);
                }
                self.send_bare(held, now, tuple, &syn_ack, marks);
            }
            // Another queue pair's owner was faster with a copy of the SYN.
            None => listener.with(held, State::end_half_open),
        }
    }

    /// Enters a half-open connection unless the tuple is taken. Returns what tells it from others of the tuple.
    fn enter_half_open(
        &self,
        held: &mut Token<'_, impl Outermost>,
        tuple: &Tuple,
        half_open: HalfOpen,
        origin: Arc<Origin>,
    ) -> Option<u32> {
        self.in_shard(held, tuple, |records| {
            let serial = records.next_serial();
            let entry = SynEntry {
                half_open,
                origin,
                serial,
            };
            let is_new = records.insert_new(tuple, Entry::HalfOpen(entry));
            is_new.then_some(serial)
        })
    }

    /// An ACK without a half-open entry: if it acknowledges a cookie, the entry is made now. For as long as it takes to
    /// promote it: the limit is not asked again.
    fn on_cookie(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        tuple: &Tuple,
        handle: Handle,
        segment: &Segment,
    ) -> bool {
        let Some(listener) = self.listeners.get(handle) else {
            return false;
        };
        let Some(origin) = listener.with(held, |state| state.origin.clone()) else {
            return false;
        };
        let config = self
            .config
            .tcp_for(tuple.local.ip(), origin.settings.as_ref());
        let Tuple { local, remote } = *tuple;
        let Some(half_open) = self.cookies.accept(now, &config, local, remote, segment) else {
            // A reset, or what acknowledges nothing, was never meant to be one.
            let flags = segment.flags;
            if flags.contains(Flags::ACK) && !flags.contains(Flags::RST) {
                count(&self.counters.syn_cookies_failed);
            }
            return false;
        };
        {
            let (mut state, _) = listener.lock(held);
            if !state.queue.is_open() || state.queue.is_full() {
                return false;
            }
            state.begin_half_open(self.table.shard_number(tuple));
        }
        count(&self.counters.syn_cookies_in);
        let Some(serial) = self.enter_half_open(held, tuple, half_open, origin) else {
            listener.with(held, State::end_half_open);
            return false;
        };
        !self.withdraw_if_closed(held, tuple, &listener, serial)
    }

    /// A listener that closes takes its half-open entries along. One that was entered too late for that goes here.
    fn withdraw_if_closed(
        &self,
        held: &mut Token<'_, impl Outermost>,
        tuple: &Tuple,
        listener: &Listener,
        serial: u32,
    ) -> bool {
        if listener.with(held, |state| state.queue.is_open()) || !keeps(Rule::WithdrawLateHalfOpen)
        {
            return false;
        }
        let gone = self.take_half_open(held, tuple, serial);
        self.forget(held, gone);
        true
    }

    /// Takes a half-open entry out of the table, unless the tuple is another's by now.
    fn take_half_open(
        &self,
        held: &mut Token<'_, impl Outermost>,
        tuple: &Tuple,
        serial: u32,
    ) -> Option<Entry> {
        self.in_shard(held, tuple, |records| {
            let ours = records
                .half_open(tuple)
                .is_some_and(|entry| entry.serial == serial);
            if ours { records.remove(tuple) } else { None }
        })
    }

    /// A handshake is over: the half-open entry becomes a connection with a socket in the listener's queue.
    pub(crate) fn promote(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        arrived: &Arrived<'_>,
    ) {
        let Arrived {
            tuple,
            segment,
            payload,
        } = arrived;
        let found = self.table.with(held, tuple, |records| {
            let entry = records.half_open(tuple)?;
            let origin = Arc::clone(&entry.origin);
            Some((entry.half_open.clone(), origin, entry.serial))
        });
        let Some((half_open, origin, serial)) = found else {
            return;
        };
        let settings = origin.settings.as_ref();
        let Some(listener) = self.listeners.acquire::<holder::L>(origin.listener) else {
            // The listener went away, and this one may be another on the same port.
            let gone = self.take_half_open(held, tuple, serial);
            self.forget(held, gone);
            return self.refuse(held, now, tuple, segment);
        };
        match listener.with(held, |state| state.queue.reserve()) {
            Place::Reserved => {}
            Place::Closed => return self.refuse(held, now, tuple, segment),
            Place::Full => {
                // The entry stays: the peer's next segment completes it again.
                count(&self.counters.accept_queue_full);
                return;
            }
        }
        let config = self.config.tcp_for(tuple.local.ip(), settings);
        let (connection, received) = Connection::from_half_open(now, &config, &half_open, segment);
        let pcb = self.pcbs.insert::<holder::P>(|handle, pcb: &Pcb| {
            let mut live = self.live(handle, *tuple, connection, settings);
            if let Some(place) = received.placement {
                let start = place.skip as usize;
                if let Some(bytes) = payload.get(start..start + place.len as usize) {
                    live.receive.put(place.offset, bytes);
                }
            }
            pcb.occupy(live);
        });
        let Some(pcb) = pcb else {
            count(&self.counters.no_memory);
            listener.with(held, |state| state.queue.release());
            return;
        };
        let swapped = self.in_shard(held, tuple, |records| {
            let ours = records
                .half_open(tuple)
                .is_some_and(|entry| entry.serial == serial);
            (ours || !keeps(Rule::PromoteOnce))
                && records.remove(tuple).is_some()
                && records.insert_new(tuple, Entry::Pcb(pcb.handle()))
        });
        if !swapped {
            // Closed or promoted by somebody else meanwhile: this connection never was.
            pcb.lock(held).0.dropped = true;
            listener.with(held, |state| state.queue.release());
            return;
        }
        count(&self.counters.passive_opens);
        let socket: SocketRef<holder::Q> = Socket::attach(pcb, &self.sockets);
        self.update_in(held, socket.pcb(), |_, _, _| ((), received.events));
        let child = Child {
            socket,
            listener,
            peer: tuple.remote,
        };
        self.enqueue(held, child);
    }

    fn enqueue(&self, held: &mut Token<'_, impl Outermost>, child: Child) {
        let listener = child.listener.duplicate::<holder::X>();
        let (mut state, under) = listener.lock(held);
        state.end_half_open();
        let open = state.queue.is_open() || !keeps(Rule::RecheckOpen);
        let entered = state.queue.enter_if(open, child);
        let notify = state.notify.clone();
        drop((state, under));
        if let Err(child) = entered {
            return self.abort_child(held, child);
        }
        listener.wake();
        if let Some(notify) = notify {
            held.outside(move || notify.notify());
        }
    }

    /// Aborts a child that is in no queue any more.
    pub(crate) fn abort_child(&self, held: &mut Token<'_, impl Outermost>, child: Child) {
        let Child {
            socket, listener, ..
        } = child;
        drop(listener);
        self.abort(held, &socket, Failure::Aborted);
    }

    /// Ends a socket's connection at once. Cannot fail.
    pub(crate) fn abort(
        &self,
        held: &mut Token<'_, impl Outermost>,
        socket: &Socket,
        why: Failure,
    ) {
        self.update_in(held, socket.pcb(), |live, _, under| {
            if !live.dropped {
                self.fail(under, live, why);
            }
            ((), Events::empty())
        });
    }

    /// A connection block for a slot.
    pub(crate) fn live(
        &self,
        handle: Handle,
        tuple: Tuple,
        connection: Connection,
        own: Own<'_>,
    ) -> Live {
        let config = self.config.tcp_for(tuple.local.ip(), own);
        Live {
            handle,
            tuple: (&tuple).into(),
            queue: narrow(self.queue_of(&tuple)),
            connection,
            send: SendBuffer::new(self.config.send_buffer_for(own)),
            receive: ReceiveBuffer::new(config.receive_buffer as usize),
            dropped: false,
            write_blocked: false,
            failure: None,
            urgent: Urgent::default(),
            read_shut: false,
            route: Route::default(),
            syn: None,
            soft: None,
            marks: self.config.marks_for(own),
            // RFC 6864 §4.1: anything will do for packets that may not be fragmented.
            identification: handle.index as u16,
            timer: None,
            flow: FlowHandle::NONE,
            lingering: None,
            parked: false,
            notify: None,
        }
    }
}
