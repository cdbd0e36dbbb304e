//! The way to a peer: for a connection, and for segments that belong to none.

use longshore_refs::sync::atomic::Ordering;
use std::net::IpAddr;
use std::time::Duration;

use ip_core::{IpNumber, MacAddr, Path};
use tcp_core::{Events, MAX_HEADER_LEN, State, Transmit};

use crate::counters::count;
use crate::failure::Failure;
use crate::lock::{Leaf, Outermost, Precedes, Token, UnderPcb};
use crate::neighbours::Way;
use crate::output::ports;
use crate::pcb::{Live, Marks, Route};
use crate::protocol::Afterwards as _;
use crate::shared::Shared;
use crate::tuple::Tuple;

impl Shared {
    /// The way to a host. Wakes the owner that speaks for the IP layer if that has something to do now.
    pub(crate) fn resolve(
        &self,
        held: &mut Token<'_, impl Precedes<Leaf>>,
        now: Duration,
        local: IpAddr,
        remote: IpAddr,
        progress: bool,
    ) -> Way {
        let (way, asked) = self.neighbours.resolve(held, now, local, remote, progress);
        if asked {
            self.wake_ip_layer();
        }
        way
    }

    /// Wakes the owner that speaks for the IP layer, if it sleeps.
    pub(crate) fn wake_ip_layer(&self) {
        if self.queues[0].sleeps_until.load(Ordering::SeqCst) != 0 {
            self.nic.wake(0);
        }
    }

    /// Makes sure that the connection's path is known and fresh.
    pub(crate) fn find_way(
        &self,
        under: &mut UnderPcb<'_>,
        now: Duration,
        live: &mut Live,
    ) -> bool {
        let route = &mut live.route;
        if route.is_fresh(now) && route.epoch == self.neighbours.epoch() {
            return true;
        }
        let acked = live.connection.acked_offset();
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
        //# The following procedure MUST be used to handle excessive retransmissions of data segments (MUST-20):
        let progress = acked > route.acked;
        route.acked = acked;
        let Tuple { local, remote } = live.tuple();
        let mut way = self.resolve(under, now, local.ip(), remote.ip(), progress);
        if way == Way::Pending && !live.parked {
            live.parked = true;
            under.with(&self.unresolved, |list| list.push(live.handle));
            // The answer may have come between the question and our name on the list.
            way = self.resolve(under, now, local.ip(), remote.ip(), false);
            // A name that stays on the list does no harm.
            live.parked = way == Way::Pending;
        }
        match way {
            Way::Ready { path, until, epoch } => {
                live.route = Route::new(path.destination_mac, until, epoch, acked);
                true
            }
            Way::Pending => false,
            Way::NoRoute => {
                // Routes are fixed: there will never be one.
                self.fail(under, live, Failure::NetworkUnreachable);
                false
            }
        }
    }

    /// Whether there is a path for the last that a connection has to send, which waits for none.
    pub(crate) fn has_way(&self, under: &mut UnderPcb<'_>, live: &mut Live) -> bool {
        if live.route.hop.is_none() {
            let Tuple { local, remote } = live.tuple();
            let way = self.resolve(under, self.now(), local.ip(), remote.ip(), false);
            if let Way::Ready { path, .. } = way {
                live.route.hop = Some(path.destination_mac);
            }
        }
        live.route.hop.is_some()
    }

    /// A neighbour does not answer. That ends attempts to connect over it; for other connections it is as if what they
    /// had to send was lost on the wire: their timers run, ask again, and give up in the end.
    pub(crate) fn on_neighbour_lost(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        hop: IpAddr,
    ) {
        let waiting = held.with(&self.unresolved, std::mem::take);
        for pcb in waiting.into_iter().filter_map(|h| self.pcbs.get(h)) {
            let (mut live, mut under) = pcb.lock(held);
            live.parked = false;
            let lost = self.neighbours.config().next_hop(live.tuple().remote.ip()) == Some(hop);
            if lost && !live.dropped && live.connection.state() != State::SynSent {
                live.soft = Some(Failure::HostUnreachable);
                while live.connection.poll_transmit(now).is_some() {}
                self.rearm(&mut under, &mut live);
                continue;
            }
            if lost && !live.dropped {
                self.fail(&mut under, &mut live, Failure::HostUnreachable);
            }
            let after = self.drive(&mut under, now, &pcb, &mut live, Events::empty());
            drop((live, under));
            after.run(held);
        }
    }

    /// Sends a segment that belongs to no connection block: SYN-ACKs, resets, ACKs in TIME-WAIT.
    pub(crate) fn send_bare(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        tuple: &Tuple,
        transmit: &Transmit,
        marks: Marks,
    ) {
        let marked = |path| Path {
            hop_limit: marks.hop_limit,
            traffic_class: marks.traffic_class,
            ..path
        };
        let mut header = [0; MAX_HEADER_LEN];
        let len = transmit
            .emit(ports(tuple), &mut header)
            .expect("the longest header fits");
        let (local, remote) = (tuple.local.ip(), tuple.remote.ip());
        count(&self.counters.bare_out);
        match self.resolve(held, now, local, remote, false) {
            Way::Ready { path, .. } => {
                let header = marked(path).header(IpNumber::TCP, 0, &header[..len], 0);
                let mut tx = self.nic.tx(held, self.queue_of(tuple));
                // Without room it is lost, as it may be on the wire.
                if tx.has_room() {
                    if let Err(error) = tx.post_tcp(&header, std::iter::empty(), None) {
                        count(&self.counters.device_errors);
                        tracing::warn!(%error, ?tuple, "transmit request not posted");
                    }
                    tx.commit();
                }
            }
            Way::Pending => {
                let path = Path {
                    local,
                    remote,
                    source_mac: self.config.ip.mac,
                    destination_mac: MacAddr::default(),
                    hop_limit: 0,
                    traffic_class: 0,
                };
                let frame = marked(path)
                    .header(IpNumber::TCP, 0, &header[..len], 0)
                    .into_frame(&[]);
                self.neighbours
                    .with(held, |interface| interface.send(now, remote, frame));
            }
            Way::NoRoute => {}
        }
    }
}
