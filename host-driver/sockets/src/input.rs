//! From a received frame to a connection.

use std::time::Duration;

use ip_core::{Content, Discard, IpNumber, IpPacket, Packet, Verdicts};
use longshore_refs::{Handle, Transient};
use tcp_core::{Events, HalfOpenOutcome, Segment, SeqNumber, TimeWaitOutcome, reset_for};

use crate::counters::count;
use crate::listener::State;
use crate::lock::{Outermost, Token};
use crate::pcb::{Live, Pcb};
use crate::protocol::Afterwards as _;
use crate::shared::Shared;
use crate::table::Entry;
use crate::tuple::Tuple;

/// Congestion experienced (RFC 3168 §5).
const CE: u8 = 0b11;

/// Connections that a batch of frames has changed, each with its transient reference X. They are driven once,
/// at the end of the batch.
pub(crate) type Touched<'s> = Vec<(Tuple, Transient<'s, Pcb>, Events)>;

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

impl Shared {
    /// A frame has arrived; `flow` is the connection whose slot of the flow table the NIC found for it.
    pub(crate) fn on_frame<'s>(
        &'s self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        flow: Option<Handle>,
        frame: &[u8],
        verdicts: Verdicts,
        touched: &mut Touched<'s>,
    ) {
        let result = ip_core::parse(frame, verdicts).and_then(|packet| match &packet.content {
            Content::Ip(ip) if ip.protocol == IpNumber::TCP => {
                self.on_tcp_packet(held, now, flow, &packet, ip, touched)
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

    fn on_tcp_packet<'s>(
        &'s self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        flow: Option<Handle>,
        packet: &Packet<'_>,
        ip: &IpPacket<'_>,
        touched: &mut Touched<'s>,
    ) -> Result<(), Discard> {
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
        //# Silently discard a SYN to a broadcast or multicast address (MUST-57)
        if packet.destination_mac.is_multicast() {
            return Err(Discard::Broadcast);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
        //# Ignore a SYN from an invalid source address (MUST-63)
        if config.is_own(ip.source) {
            return Err(Discard::Source);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
        //# Ignore IP options that TCP does not understand (MUST-50)
        match Segment::parse_whole(ip.payload) {
            Ok((mut segment, header_len)) => {
                segment.ce = ip.traffic_class & CE == CE;
                count(&self.counters.segments_in);
                let tuple = Tuple::new(
                    (ip.destination, segment.ports.destination),
                    (ip.source, segment.ports.source),
                );
                let arrived = Arrived {
                    tuple,
                    segment,
                    payload: &ip.payload[header_len..],
                };
                self.on_segment(held, now, flow, &arrived, touched);
                Ok(())
            }
            Err(error) => {
                count(&self.counters.malformed);
                tracing::debug!(%error, from = %ip.source, "malformed segment");
                Ok(())
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# Connections on a port while LISTENing on it (MUST-42)
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# A passive OPEN does not interfere with other connections (MUST-41)
    fn on_segment<'s>(
        &'s self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        flow: Option<Handle>,
        arrived: &Arrived<'_>,
        touched: &mut Touched<'s>,
    ) {
        let Arrived { tuple, segment, .. } = arrived;
        // The exact tuple comes first: a reset for a connection is no listener's business.
        // One look-up and one X per connection and batch.
        let known = touched.iter().rposition(|(known, ..)| known == tuple);
        let at = known.or_else(|| {
            let handle = flow.or_else(|| self.table.pcb(held, tuple))?;
            touched.push((*tuple, self.pcbs.get(handle)?, Events::empty()));
            Some(touched.len() - 1)
        });
        if let Some((_, pcb, events)) = at.and_then(|at| touched.get_mut(at))
            && let Some(changed) = deliver(held, now, pcb, arrived)
        {
            *events |= changed;
            return;
        }
        if flow.is_some() {
            // The slot's connection is over and its FLOW_DEL under way: whoever has the tuple now gets the segment.
            if let Some(at) = at {
                touched.remove(at);
            }
            return self.on_segment(held, now, None, arrived, touched);
        }
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
        let config = self.config.tcp_for(tuple.local.ip());
        let (mut shard, under) = self.table.shard(held, tuple);
        match shard.get_mut(tuple) {
            // A connection that is ending on another thread: the segment comes too late.
            Some(Entry::Pcb(_)) => Elsewhere::Done,
            None => Elsewhere::Listener(None),
            Some(Entry::HalfOpen(entry)) => {
                match entry.half_open.on_segment(now, &config, segment) {
                    HalfOpenOutcome::Ignore => Elsewhere::Done,
                    HalfOpenOutcome::Complete => Elsewhere::Complete,
                    HalfOpenOutcome::Reply(reply) => {
                        drop((shard, under));
                        self.send_bare(held, now, tuple, &reply);
                        Elsewhere::Done
                    }
                    HalfOpenOutcome::Remove => {
                        let gone = shard.remove(tuple);
                        drop((shard, under));
                        self.forget(held, tuple, gone);
                        Elsewhere::Done
                    }
                }
            }
            Some(Entry::TimeWait(entry)) => match entry.record.on_segment(now, segment) {
                TimeWaitOutcome::Ignore => Elsewhere::Done,
                TimeWaitOutcome::Acknowledge(reply) => {
                    drop((shard, under));
                    self.send_bare(held, now, tuple, &reply);
                    Elsewhere::Done
                }
                TimeWaitOutcome::Closed => {
                    let gone = shard.remove(tuple);
                    drop((shard, under));
                    self.forget(held, tuple, gone);
                    Elsewhere::Done
                }
                TimeWaitOutcome::Reuse(after) => {
                    let gone = shard.remove(tuple);
                    drop((shard, under));
                    self.forget(held, tuple, gone);
                    Elsewhere::Listener(Some(after))
                }
            },
        }
    }

    /// Undoes what belongs to an entry that was taken out of the table.
    pub(crate) fn forget(
        &self,
        held: &mut Token<'_, impl Outermost>,
        tuple: &Tuple,
        entry: Option<Entry>,
    ) {
        let timers = &self.queues[self.queue_of(tuple)].timers;
        match entry {
            Some(Entry::HalfOpen(entry)) => {
                timers.stop(held, entry.timer);
                if let Some(listener) = self.listeners.get(entry.listener) {
                    listener.with(held, State::end_half_open);
                }
            }
            Some(Entry::TimeWait(entry)) => {
                timers.stop(held, entry.timer);
            }
            Some(Entry::Pcb(_)) | None => {}
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
            self.send_bare(held, now, tuple, &reset);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# Process all queued segments before an ACK is sent (MUST-59)
    /// Drives the connections that a batch has changed.
    pub(crate) fn finish(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        touched: Touched<'_>,
    ) {
        for (_, x, events) in touched {
            let (mut live, mut under) = x.lock(held);
            let after = self.drive(&mut under, now, &x, &mut live, events);
            drop((live, under));
            after.run(held);
        }
    }
}

/// Gives a segment to the connection that a look-up found; `None` if that is over or another's by now.
fn deliver(
    held: &mut Token<'_, impl Outermost>,
    now: Duration,
    pcb: &Pcb,
    arrived: &Arrived<'_>,
) -> Option<Events> {
    let (mut live, _) = pcb.lock(held);
    if live.dropped || live.tuple != arrived.tuple {
        return None;
    }
    Some(take(&mut live, now, &arrived.segment, arrived.payload))
}

/// Gives a segment and its bytes to a connection.
pub(crate) fn take(live: &mut Live, now: Duration, segment: &Segment, payload: &[u8]) -> Events {
    let received = live.connection.on_segment(now, segment);
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
