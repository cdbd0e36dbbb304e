//! Two connections of tcp-core that exchange bytes.

use crate::ring::Ring;
use crate::{BUFFER, CHUNK, MTU};
use std::net::SocketAddr;
use std::time::Duration;
use tcp_core::{
    Config, Connection, HalfOpen, HalfOpenOutcome, IsnGenerator, MAX_HEADER_LEN, Placement, Ports,
    Segment, Transmit,
};

const CLIENT: Ports = Ports {
    source: 40_000,
    destination: 80,
};

/// Of what each end sends.
const PORTS: [Ports; 2] = [CLIENT, CLIENT.reversed()];

/// Who cuts what is sent into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// tcp-core: every segment has a header of its own.
    Software,
    /// The NIC: one header for up to a buffer's worth. The peer still takes segment by segment.
    Nic,
}

/// What connections leave behind for the next ones: buffers.
pub struct Memory {
    send: [Ring; 2],
    receive: [Ring; 2],
    wire: Vec<u8>,
}

impl Default for Memory {
    fn default() -> Self {
        let ring = || Ring::new(BUFFER);
        Self {
            send: [ring(), ring()],
            receive: [ring(), ring()],
            wire: vec![0; MAX_HEADER_LEN + usize::from(MTU)],
        }
    }
}

/// Client and server.
pub struct Pair {
    ends: [Connection; 2],
    now: Duration,
    memory: Memory,
}

impl Pair {
    /// Two established connections.
    ///
    /// # Panics
    /// If they do not come to be.
    pub fn connect(mut memory: Memory, cut: Cut) -> Self {
        let config = Config {
            receive_buffer: BUFFER as u32,
            max_transmit: match cut {
                Cut::Software => 0,
                Cut::Nic => BUFFER as u32,
            },
            ..Config::ipv4(MTU)
        };
        let isns = IsnGenerator::new([7; 16]);
        let now = Duration::from_secs(1);
        let client: SocketAddr = ([192, 0, 2, 1], CLIENT.source).into();
        let server: SocketAddr = ([192, 0, 2, 2], CLIENT.destination).into();
        let wire = &mut memory.wire;
        let mut active = Connection::connect(&config, isns.initial(now, client, server));
        let syn = active.poll_transmit(now).expect("a SYN");
        let syn = pass(&syn, CLIENT, wire);
        let (mut half, syn_ack) =
            HalfOpen::new(now, &config, isns.initial(now, server, client), &syn)
                .expect("a SYN opens");
        let syn_ack = pass(&syn_ack, CLIENT.reversed(), wire);
        active.on_segment(now, &syn_ack);
        let ack = active.poll_transmit(now).expect("an ACK");
        let ack = pass(&ack, CLIENT, wire);
        assert_eq!(
            half.on_segment(now, &config, &ack),
            HalfOpenOutcome::Complete
        );
        let (passive, _) = Connection::from_half_open(now, &config, &half, &ack);
        Self {
            ends: [active, passive],
            now,
            memory,
        }
    }

    /// A request of `len` bytes and an answer of as many.
    ///
    /// # Panics
    /// If they do not arrive.
    pub fn round_trip(&mut self, len: usize) {
        let mut data = [0x5a; 64];
        for end in [0, 1] {
            assert_eq!(self.write(end, &data[..len]), len);
            self.exchange(end);
            assert_eq!(self.read(1 - end, &mut data), len);
        }
        // A delayed ACK would be sent with the next data.
        self.now += Duration::from_micros(10);
    }

    /// Sends `len` bytes one way.
    ///
    /// # Panics
    /// If they do not arrive.
    pub fn bulk(&mut self, len: usize) {
        let mut chunk = [0x5a; CHUNK];
        let (mut sent, mut got) = (0, 0);
        while got < len {
            sent += self.write(0, &chunk[..CHUNK.min(len - sent)]);
            self.exchange(0);
            got += self.read(1, &mut chunk);
            // The window may have opened.
            self.exchange(1);
            self.now += Duration::from_micros(10);
        }
    }

    /// Both sides close; the client ends in TIME-WAIT.
    ///
    /// # Panics
    /// If it does not.
    pub fn close(mut self) -> Memory {
        for end in [0, 1] {
            self.ends[end].close(self.now);
            self.exchange(end);
        }
        assert!(self.ends[0].time_wait().is_some());
        self.memory
    }

    /// Writes as much of `data` as there is room for.
    fn write(&mut self, end: usize, data: &[u8]) -> usize {
        let connection = &mut self.ends[end];
        let written = connection.written_offset();
        let room = BUFFER as u64 - (written - connection.acked_offset());
        let len = data.len().min(room as usize);
        if len > 0 {
            self.memory.send[end].put(written, &data[..len]);
            connection.write(len as u64).expect("established");
        }
        len
    }

    /// Reads what has come, as far as `buf` reaches.
    fn read(&mut self, end: usize, buf: &mut [u8]) -> usize {
        let connection = &mut self.ends[end];
        let len = connection.available().min(buf.len() as u64);
        let from = connection.consumed_offset();
        self.memory.receive[end].get(from..from + len, buf);
        connection.consume(len);
        len as usize
    }

    /// Lets the ends send in turn, `from` first, until one has nothing to say.
    fn exchange(&mut self, mut from: usize) {
        while self.speak(from) {
            from = 1 - from;
        }
    }

    /// Carries all that an end has to send; true if that was something.
    fn speak(&mut self, from: usize) -> bool {
        let mut spoke = false;
        while let Some(transmit) = self.ends[from].poll_transmit(self.now) {
            spoke = true;
            self.carry(from, &transmit);
        }
        spoke
    }

    fn carry(&mut self, from: usize, transmit: &Transmit) {
        if transmit.segment_count() > 1 {
            transmit
                .split()
                .for_each(|segment| self.carry_one(from, &segment));
        } else {
            self.carry_one(from, transmit);
        }
    }

    fn carry_one(&mut self, from: usize, transmit: &Transmit) {
        let Memory {
            send,
            receive,
            wire,
        } = &mut self.memory;
        let header = transmit.emit(PORTS[from], wire).expect("a whole buffer");
        // One copy to the wire and one from there, as smoltcp does.
        send[from].get(transmit.payload.clone(), &mut wire[header..]);
        let end = header + transmit.payload_len() as usize;
        let (segment, header) = Segment::parse_whole(&wire[..end]).expect("our own header");
        let to = 1 - from;
        let received = self.ends[to].on_segment(self.now, &segment);
        if let Some(Placement { skip, len, offset }) = received.placement {
            let payload = &wire[header + skip as usize..][..len as usize];
            receive[to].put(offset, payload);
        }
    }
}

/// A segment without payload as the peer parses it.
fn pass(transmit: &Transmit, ports: Ports, wire: &mut [u8]) -> Segment {
    let header = transmit.emit(ports, wire).expect("a whole buffer");
    let (segment, _) = Segment::parse_whole(&wire[..header]).expect("our own header");
    segment
}
