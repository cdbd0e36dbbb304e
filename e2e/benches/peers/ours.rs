//! Two connections of tcp-core that exchange bytes.

use std::net::SocketAddr;
use std::time::Duration;
use tcp_core::{
    Config, Connection, HalfOpen, HalfOpenOutcome, IsnGenerator, Ports, Segment, Transmit,
};

const CLIENT: Ports = Ports {
    source: 40_000,
    destination: 80,
};

/// Client and server.
pub(crate) struct Pair {
    ends: [Connection; 2],
    now: Duration,
    wire: Vec<u8>,
}

impl Pair {
    /// Two established connections.
    pub(crate) fn connect() -> Self {
        let config = Config::ipv4(1_500);
        let isns = IsnGenerator::new([7; 16]);
        let now = Duration::from_secs(1);
        let client: SocketAddr = ([192, 0, 2, 1], CLIENT.source).into();
        let server: SocketAddr = ([192, 0, 2, 2], CLIENT.destination).into();
        let mut wire = vec![0; 2_048];
        let mut active = Connection::connect(&config, isns.initial(now, client, server));
        let syn = active.poll_transmit(now).expect("a SYN");
        let syn = pass(&syn, CLIENT, &mut wire);
        let (mut half, syn_ack) =
            HalfOpen::new(now, &config, isns.initial(now, server, client), &syn)
                .expect("a SYN opens");
        let syn_ack = pass(&syn_ack, CLIENT.reversed(), &mut wire);
        active.on_segment(now, &syn_ack);
        let ack = active.poll_transmit(now).expect("an ACK");
        let ack = pass(&ack, CLIENT, &mut wire);
        assert_eq!(
            half.on_segment(now, &config, &ack),
            HalfOpenOutcome::Complete
        );
        let (passive, _) = Connection::from_half_open(now, &config, &half, &ack);
        Self {
            ends: [active, passive],
            now,
            wire,
        }
    }

    /// A request of `len` bytes and an answer of as many.
    pub(crate) fn round_trip(&mut self, len: u64) {
        for end in [0, 1] {
            self.ends[end].write(len).expect("established");
            self.exchange();
            let peer = &mut self.ends[1 - end];
            assert_eq!(peer.available(), len);
            peer.consume(len);
        }
        // A delayed ACK would be sent with the next data.
        self.now += Duration::from_micros(10);
    }

    /// Both sides close; the client ends in TIME-WAIT.
    pub(crate) fn close(mut self) {
        for end in [0, 1] {
            self.ends[end].close(self.now);
            self.exchange();
        }
        assert!(self.ends[0].time_wait().is_some());
    }

    fn exchange(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for end in [0, 1] {
                let ports = if end == 0 { CLIENT } else { CLIENT.reversed() };
                while let Some(transmit) = self.ends[end].poll_transmit(self.now) {
                    moved = true;
                    let segment = pass(&transmit, ports, &mut self.wire);
                    self.ends[1 - end].on_segment(self.now, &segment);
                }
            }
        }
    }
}

/// The segment as the peer parses it.
fn pass(transmit: &Transmit, ports: Ports, wire: &mut [u8]) -> Segment {
    let header = transmit
        .emit(ports, wire)
        .expect("the buffer is long enough");
    let payload = transmit.payload_len() as usize;
    // The bytes are copied once, as smoltcp does.
    wire[header..header + payload].fill(0x5a);
    let (segment, _) = Segment::parse_whole(&wire[..header + payload]).expect("our own header");
    segment
}
