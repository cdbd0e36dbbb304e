//! From a received frame to a connection.

use std::ops::Range;
use std::time::Duration;

use ip_core::{Content, Discard, IpNumber, IpPacket, Packet, Verdicts};
use longshore_refs::Handle;
use tcp_core::{Events, HalfOpenOutcome, Segment, SeqNumber, TimeWaitOutcome, Transmit, reset_for};

use crate::batch::{Arrival, Batch, Hints};
use crate::counters::count;
use crate::listener::State;
use crate::lock::{Outermost, Token};
use crate::output::Doorbell;
use crate::pcb::{Live, Marks};
use crate::protocol::Afterwards as _;
use crate::records::{Entry, Found};
use crate::shared::Shared;
use crate::tuple::Tuple;

/// Congestion experienced (RFC 3168 §5).
const CE: u8 = 0b11;

/// A segment that has arrived.
pub(crate) struct Arrived<'f> {
    pub(crate) tuple: Tuple,
    pub(crate) segment: Segment,
    pub(crate) payload: &'f [u8],
}

/// Where a segment belongs that no connection took.
enum Elsewhere {
    /// It was dealt with.
    Done,
    /// To a half-open entry whose handshake it completes.
    Complete,
    /// To a listener, or to nobody. An old connection of the tuple, if any, wants later sequence numbers.
    Listener(Option<SeqNumber>),
}

/// What a record says to a segment.
enum Says {
    /// The record stays, the segment belongs elsewhere.
    Stays(Elsewhere),
    /// The record stays, and answers.
    Answer(Transmit, Marks),
    /// The record is over.
    Gone(Elsewhere),
}

impl Shared {
    /// A frame has arrived: `place` among the bytes of its batch. TCP's segments wait in the batch for the others of
    /// their connections. `flow` is the connection whose slot of the flow table the NIC found for it.
    pub(crate) fn on_frame(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        flow: Option<Handle>,
        batch: &mut Batch,
        place: Range<usize>,
        verdicts: Verdicts,
    ) {
        let Batch { bytes, arrivals } = batch;
        let start = place.start;
        let frame = &bytes[place];
        let result = ip_core::parse(frame, verdicts).and_then(|packet| match &packet.content {
            Content::Ip(ip) if ip.protocol == IpNumber::TCP => {
                if let Some(arrived) = self.on_tcp_packet(&packet, ip)? {
                    let Arrived {
                        tuple,
                        segment,
                        payload,
                    } = arrived;
                    // A part of the frame: so much behind its first byte.
                    let at = start + (payload.as_ptr().addr() - frame.as_ptr().addr());
                    let hash = match arrivals.last() {
                        Some(last) if last.tuple == tuple => last.hash,
                        _ => self.table.hash(&tuple),
                    };
                    arrivals.push(Arrival {
                        tuple,
                        hash,
                        flow,
                        segment,
                        traffic_class: ip.traffic_class,
                        payload: at..at + payload.len(),
                        next: None,
                        is_first: false,
                    });
                }
                Ok(())
            }
            Content::Ip(ip) if ip.protocol == IpNumber::UDP => {
                self.on_udp_packet(held, now, &packet, ip, frame)
            }
            _ => self
                .neighbours
                .with(held, |interface| interface.on_packet(now, &packet)),
        });
        if let Err(reason) = result {
            self.discards.count(reason);
            tracing::trace!(%reason, len = frame.len(), "frame discarded");
        }
    }

    /// A TCP segment and its payload; `None` if it is none.
    fn on_tcp_packet<'f>(
        &self,
        packet: &Packet<'_>,
        ip: &IpPacket<'f>,
    ) -> Result<Option<Arrived<'f>>, Discard> {
        let config = self.neighbours.config();
        if !config.is_own(ip.destination) {
            return Err(if config.accepts(ip.destination) {
                Discard::Broadcast
            } else {
                Discard::NotForUs
            });
        }
        // RFC 9293 §3.9.2.3, MUST-57: also if only the frame went to a group. And nobody is his own peer here.
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
        //# A TCP implementation MUST silently discard an incoming SYN segment that is addressed to a broadcast or
        //# multicast address [(MUST-57)].
        if packet.destination_mac.is_multicast() {
            return Err(Discard::Broadcast);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
        //# An incoming SYN with an invalid source address MUST be ignored either by TCP or by the IP layer
        //# [(MUST-63)]
        if config.is_own(ip.source) {
            return Err(Discard::Source);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
        //# When received options are passed up to TCP from the IP layer, a TCP implementation MUST ignore options
        //# that it does not understand (MUST-50).
        match Segment::parse_whole(ip.payload) {
            Ok((mut segment, header_len)) => {
                segment.ce = ip.traffic_class & CE == CE;
                let tuple = Tuple::new(
                    (ip.destination, segment.ports.destination),
                    (ip.source, segment.ports.source),
                );
                Ok(Some(Arrived {
                    tuple,
                    segment,
                    payload: &ip.payload[header_len..],
                }))
            }
            Err(error) => {
                count(&self.counters.malformed);
                tracing::debug!(%error, from = %ip.source, "malformed segment");
                Ok(None)
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# In general, the processing of received segments MUST be implemented to aggregate ACK segments whenever
    //# possible (MUST-58).
    /// Takes up the segments of a batch, connection by connection: one lock each. What they have to send the NIC is told
    /// of once.
    pub(crate) fn on_batch(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        queue: usize,
        batch: &mut Batch,
        hints: &mut Hints,
    ) {
        let mut left = batch.chain();
        let mut doorbell = Doorbell::default();
        for (at, _) in batch
            .arrivals
            .iter()
            .enumerate()
            .filter(|(_, a)| a.is_first)
        {
            left -= 1;
            doorbell.hold_back((left > 0).then_some(queue));
            self.on_segments(held, now, batch, at, hints, &mut doorbell);
        }
        if doorbell.is_owed() {
            self.nic.tx(held, queue).commit();
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# A TCP implementation that supports multiple concurrent connections MUST provide an OPEN call that will
    //# functionally allow an application to LISTEN on a port while a connection block with the same local port is
    //# in SYN-SENT or SYN-RECEIVED state (MUST-42).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# Every passive OPEN call either creates a new connection record in LISTEN state, or it returns an error; it
    //# MUST NOT affect any previously created connection record (MUST-41).
    /// Takes up the segments of one tuple, from `first` on.
    fn on_segments(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        batch: &Batch,
        first: usize,
        hints: &mut Hints,
        doorbell: &mut Doorbell,
    ) {
        let mut at = Some(first);
        while let Some(arrival) = at.and_then(|at| batch.arrivals.get(at)) {
            // The exact tuple comes first: a reset for a connection is no listener's business. Neither the NIC's word nor
            // a hint is more than that: the connection may be over, and the tuple another's.
            let hint = arrival.flow.or_else(|| hints.get(arrival.hash));
            if hint.is_some_and(|handle| self.deliver(held, now, handle, batch, arrival, doorbell))
            {
                return;
            }
            if let Some(handle) = self.table.pcb(held, &arrival.tuple)
                && Some(handle) != hint
                && self.deliver(held, now, handle, batch, arrival, doorbell)
            {
                hints.put(arrival.hash, handle);
                return;
            }
            // The next one may well find a connection.
            at = arrival.next;
            let arrived = Arrived {
                tuple: arrival.tuple,
                segment: arrival.segment,
                payload: &batch.bytes[arrival.payload.clone()],
            };
            self.on_stray(held, now, &arrived);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# For example, if the TCP endpoint is processing a series of queued segments, it MUST process them all before
    //# sending any ACK segments (MUST-59).
    /// Gives the segments of one tuple, from `first` on, to the connection that a look-up found, and drives it. False if
    /// that is over or another's by now.
    fn deliver(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        handle: Handle,
        batch: &Batch,
        first: &Arrival,
        doorbell: &mut Doorbell,
    ) -> bool {
        let Some(pcb) = self.pcbs.peek(handle) else {
            return false;
        };
        let Some((mut live, mut under)) = pcb.lock_found(held, handle, &first.tuple) else {
            return false;
        };
        let mut events = Events::empty();
        let mut next = Some(first);
        while let Some(Arrival {
            segment,
            traffic_class,
            payload,
            ..
        }) = next
        {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
            //# TCP implementations MAY pass the most recently received Differentiated Services field up to the
            //# application (MAY-9).
            live.marks.received = *traffic_class;
            events |= take(&mut live, now, segment, &batch.bytes[payload.clone()]);
            next = next.and_then(|arrival| batch.arrivals.get(arrival.next?));
        }
        let after = self.drive_with(&mut under, now, pcb, &mut live, events, doorbell);
        drop((live, under));
        after.run(held);
        true
    }

    /// A segment that no connection took.
    fn on_stray(&self, held: &mut Token<'_, impl Outermost>, now: Duration, arrived: &Arrived<'_>) {
        let Arrived { tuple, segment, .. } = arrived;
        match self.on_record(held, now, tuple, segment) {
            Elsewhere::Done => {}
            Elsewhere::Complete => self.promote(held, now, arrived),
            Elsewhere::Listener(after) => {
                match self
                    .addresses
                    .find(held, tuple.local.ip(), tuple.local.port())
                {
                    Some(listener) => {
                        self.on_listener(held, now, listener, arrived, after);
                    }
                    None => self.refuse(held, now, tuple, segment),
                }
            }
        }
    }

    /// What a half-open entry or a TIME-WAIT record says to a segment.
    fn on_record(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        tuple: &Tuple,
        segment: &Segment,
    ) -> Elsewhere {
        let found = self.in_shard(held, tuple, |records| {
            let says = records.with(tuple, |found| self.ask_record(now, tuple, segment, found))?;
            let gone = match says {
                Says::Gone(_) => records.remove(tuple),
                Says::Stays(_) | Says::Answer(..) => None,
            };
            Some((says, gone))
        });
        match found {
            None => Elsewhere::Listener(None),
            Some((Says::Stays(elsewhere) | Says::Gone(elsewhere), gone)) => {
                self.forget(held, gone);
                elsewhere
            }
            Some((Says::Answer(reply, marks), _)) => {
                self.send_bare(held, now, tuple, &reply, marks);
                Elsewhere::Done
            }
        }
    }

    fn ask_record(
        &self,
        now: Duration,
        tuple: &Tuple,
        segment: &Segment,
        found: Found<'_>,
    ) -> Says {
        match found {
            // A connection that is ending on another thread: the segment comes too late.
            Found::Pcb => Says::Stays(Elsewhere::Done),
            Found::HalfOpen(entry) => {
                let own = entry.origin.settings.as_ref();
                let config = self.config.tcp_for(tuple.local.ip(), own);
                match entry.half_open.on_segment(now, &config, segment) {
                    HalfOpenOutcome::Ignore => Says::Stays(Elsewhere::Done),
                    HalfOpenOutcome::Complete => Says::Stays(Elsewhere::Complete),
                    HalfOpenOutcome::Reply(reply) => {
                        Says::Answer(reply, self.config.marks_for(own))
                    }
                    HalfOpenOutcome::Remove => Says::Gone(Elsewhere::Done),
                }
            }
            Found::TimeWait(record) => match record.on_segment(now, segment) {
                TimeWaitOutcome::Ignore => Says::Stays(Elsewhere::Done),
                TimeWaitOutcome::Acknowledge(reply) => {
                    Says::Answer(reply, self.config.marks_for(None))
                }
                TimeWaitOutcome::Closed => Says::Gone(Elsewhere::Done),
                TimeWaitOutcome::Reuse(after) => Says::Gone(Elsewhere::Listener(Some(after))),
            },
        }
    }

    /// Undoes what belongs to an entry that was taken out of the table.
    pub(crate) fn forget(&self, held: &mut Token<'_, impl Outermost>, entry: Option<Entry>) {
        if let Some(Entry::HalfOpen(entry)) = entry
            && let Some(listener) = self.listeners.get(entry.origin.listener)
        {
            listener.with(held, State::end_half_open);
        }
    }

    /// Answers a segment that belongs to nobody.
    pub(crate) fn refuse(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        tuple: &Tuple,
        segment: &Segment,
    ) {
        if let Some(reset) = reset_for(segment) {
            count(&self.counters.resets_out);
            self.send_bare(held, now, tuple, &reset, self.config.marks_for(None));
        }
    }
}

/// Gives a segment and its bytes to a connection.
pub(crate) fn take(live: &mut Live, now: Duration, segment: &Segment, payload: &[u8]) -> Events {
    let acked = live.connection.acked_offset();
    let received = live.connection.on_segment(now, segment);
    if live.connection.acked_offset() > acked {
        live.soft = None;
    }
    if let Some(place) = received.placement {
        let start = place.skip as usize;
        let bytes = payload.get(start..start + place.len as usize);
        debug_assert!(bytes.is_some(), "{place:?} of {} bytes", payload.len());
        if let Some(bytes) = bytes {
            live.receive.put(place.offset, bytes);
        }
    }
    received.events
}
