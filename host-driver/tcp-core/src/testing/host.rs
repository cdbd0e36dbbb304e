//! One end: a connection, its two buffers and a program that writes and reads.

use core::time::Duration;

use super::link::Packet;
use super::ring::Ring;
use crate::{
    Config, Connection, ConnectionError, Events, HalfOpen, HalfOpenExpiry, HalfOpenOutcome,
    Initial, MAX_HEADER_LEN, Ports, Segment, State, Transmit, reset_for,
};

/// How the program reads.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// At most this many bytes at a time.
    pub chunk: u64,
    /// And then not again for so long; zero reads everything at once.
    pub every: Duration,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            chunk: u64::MAX,
            every: Duration::ZERO,
        }
    }
}

#[derive(Debug)]
enum Endpoint {
    Listening,
    HalfOpen(HalfOpen),
    Open(Box<Connection>),
}

/// One end of a [`Pair`](super::Pair).
#[derive(Debug)]
pub struct Host {
    config: Config,
    initial: Initial,
    ports: Ports,
    endpoint: Endpoint,
    send: Ring,
    receive: Ring,
    /// How its program reads.
    pub reader: Reader,
    next_read: Duration,
    to_send: Vec<u8>,
    written: usize,
    /// Close the write side once everything is written.
    pub close_when_written: bool,
    /// What its program has read.
    pub received: Vec<u8>,
    /// Super-segments sent so far, one for all segments of it.
    pub transmits: u64,
    /// All events so far.
    pub events: Events,
    /// The error it was told, if any.
    pub error: Option<ConnectionError>,
}

impl Host {
    fn new(config: &Config, initial: Initial, ports: Ports, send_buffer: usize) -> Self {
        Self {
            config: *config,
            initial,
            ports,
            endpoint: Endpoint::Listening,
            send: Ring::new(send_buffer),
            receive: Ring::new(config.receive_buffer as usize),
            reader: Reader::default(),
            next_read: Duration::ZERO,
            to_send: Vec::new(),
            written: 0,
            close_when_written: true,
            received: Vec::new(),
            transmits: 0,
            events: Events::empty(),
            error: None,
        }
    }

    /// A host that connects.
    #[must_use]
    pub fn connecting(config: &Config, initial: Initial, ports: Ports, send_buffer: usize) -> Self {
        let mut host = Self::new(config, initial, ports, send_buffer);
        host.endpoint = Endpoint::Open(Box::new(Connection::connect(config, initial)));
        host
    }

    /// A host that listens, for one connection.
    #[must_use]
    pub fn listening(config: &Config, initial: Initial, ports: Ports, send_buffer: usize) -> Self {
        Self::new(config, initial, ports, send_buffer)
    }

    /// What its program is to write.
    pub fn send(&mut self, data: &[u8]) {
        self.to_send.extend_from_slice(data);
    }

    /// Its connection, once there is one.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.endpoint {
            Endpoint::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// Its connection, once there is one.
    pub fn connection_mut(&mut self) -> Option<&mut Connection> {
        match &mut self.endpoint {
            Endpoint::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// Whether its connection has come to TIME-WAIT or CLOSED, and its program has read everything.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.connection().is_some_and(|connection| {
            let over = matches!(connection.state(), State::TimeWait | State::Closed);
            over && connection.available() == 0
        })
    }

    fn note(&mut self, events: Events) {
        self.events |= events;
        if events.contains(Events::ERROR) {
            self.error = self.connection_mut().and_then(Connection::take_error);
        }
    }

    /// The program writes and reads what it can.
    pub fn run_program(&mut self, now: Duration) {
        let Endpoint::Open(connection) = &mut self.endpoint else {
            return;
        };
        let room = self.send.size() - (connection.written_offset() - connection.acked_offset());
        let rest = &self.to_send[self.written..];
        let len = rest.len().min(room as usize);
        // Like a program that is woken only when a third of the buffer is free.
        if len > 0 && room >= self.send.size() / 3 && connection.can_write() {
            self.send.put(connection.written_offset(), &rest[..len]);
            connection.write(len as u64).expect("it can write");
            self.written += len;
        }
        if self.close_when_written && self.written == self.to_send.len() && connection.can_write() {
            connection.shutdown_write();
        }
        if now >= self.next_read && connection.available() > 0 {
            let start = connection.consumed_offset();
            let len = connection.available().min(self.reader.chunk);
            self.receive.get(start..start + len, &mut self.received);
            connection.consume(len);
            self.next_read = now + self.reader.every;
        }
    }

    /// When the program wants to read again, if it has a reason to.
    fn program_timeout(&self, now: Duration) -> Option<Duration> {
        let waiting = self.connection()?.available() > 0 && self.next_read > now;
        waiting.then_some(self.next_read)
    }

    /// When [`Host::on_timeout`] or [`Host::run_program`] has something to do.
    #[must_use]
    pub fn next_timeout(&self, now: Duration) -> Option<Duration> {
        let endpoint = match &self.endpoint {
            Endpoint::Listening => None,
            Endpoint::HalfOpen(half_open) => Some(half_open.next_timeout()),
            Endpoint::Open(connection) => connection.next_timeout(),
        };
        endpoint.into_iter().chain(self.program_timeout(now)).min()
    }

    /// Time has come to `now`. Returns packets to send.
    pub fn on_timeout(&mut self, now: Duration) -> Vec<Packet> {
        match &mut self.endpoint {
            Endpoint::Listening => {}
            Endpoint::HalfOpen(half_open) => match half_open.on_timeout(now, &self.config) {
                HalfOpenExpiry::Wait => {}
                HalfOpenExpiry::Retransmit(syn_ack) => return self.packets(&syn_ack),
                HalfOpenExpiry::Expired => self.endpoint = Endpoint::Listening,
            },
            Endpoint::Open(connection) => {
                let events = connection.on_timeout(now);
                self.note(events);
            }
        }
        Vec::new()
    }

    /// A segment has arrived. Returns packets to send at once.
    ///
    /// # Panics
    /// If the connection wants the payload outside its receive buffer.
    pub fn on_segment(&mut self, now: Duration, segment: &Segment, payload: &[u8]) -> Vec<Packet> {
        let reply = match &mut self.endpoint {
            Endpoint::Listening => match HalfOpen::new(now, &self.config, self.initial, segment) {
                Some((half_open, syn_ack)) => {
                    self.endpoint = Endpoint::HalfOpen(half_open);
                    Some(syn_ack)
                }
                None => reset_for(segment),
            },
            Endpoint::HalfOpen(half_open) => {
                match half_open.on_segment(now, &self.config, segment) {
                    HalfOpenOutcome::Ignore => None,
                    HalfOpenOutcome::Reply(reply) => Some(reply),
                    HalfOpenOutcome::Remove => {
                        self.endpoint = Endpoint::Listening;
                        None
                    }
                    HalfOpenOutcome::Complete => {
                        let (connection, received) =
                            Connection::from_half_open(now, &self.config, half_open, segment);
                        self.endpoint = Endpoint::Open(Box::new(connection));
                        self.take(received, payload);
                        None
                    }
                }
            }
            Endpoint::Open(connection) if connection.state() == State::Closed => reset_for(segment),
            Endpoint::Open(connection) => {
                let received = connection.on_segment(now, segment);
                self.take(received, payload);
                None
            }
        };
        reply.map_or_else(Vec::new, |reply| self.packets(&reply))
    }

    fn take(&mut self, received: crate::Received, payload: &[u8]) {
        if let Some(place) = received.placement {
            let connection = self.connection().expect("it took bytes");
            let end = place.offset + u64::from(place.len);
            assert!(place.offset >= connection.consumed_offset(), "{place:?}");
            assert!(
                end <= connection.consumed_offset() + self.receive.size(),
                "{place:?} is outside the receive buffer"
            );
            let skip = place.skip as usize;
            let bytes = &payload[skip..skip + place.len as usize];
            self.receive.put(place.offset, bytes);
        }
        self.note(received.events);
    }

    /// Everything that is to be sent now, as packets.
    pub fn poll(&mut self, now: Duration) -> Vec<Packet> {
        let mut packets = Vec::new();
        let Endpoint::Open(connection) = &mut self.endpoint else {
            return packets;
        };
        let mut transmits = Vec::new();
        while let Some(transmit) = connection.poll_transmit(now) {
            transmits.push(transmit);
            assert!(transmits.len() < 100_000, "poll_transmit does not end");
        }
        self.transmits += transmits.len() as u64;
        for transmit in &transmits {
            packets.extend(self.packets(transmit));
        }
        packets
    }

    fn packets(&self, transmit: &Transmit) -> Vec<Packet> {
        transmit
            .split()
            .map(|segment| {
                let mut packet = vec![0; MAX_HEADER_LEN];
                let len = segment
                    .emit(self.ports, &mut packet)
                    .expect("the longest header fits");
                packet.truncate(len);
                let ect = segment.ect;
                self.send.get(segment.payload, &mut packet);
                Packet {
                    bytes: packet,
                    ect,
                    ce: false,
                }
            })
            .collect()
    }
}
