//! Work for `valgrind --tool=callgrind`: `instructions connect 1000` or `instructions request 1000`.
//!
//! Run each with two counts and divide the difference of the instruction totals by that of the counts: start and end of
//! the process fall out.

use std::net::SocketAddr;
use std::time::Duration;
use tcp_core::{Config, Connection, HalfOpen, IsnGenerator, Ports, Segment, Transmit};

const CLIENT: Ports = Ports {
    source: 40_000,
    destination: 80,
};

/// The segment as the peer parses it.
fn pass(transmit: &Transmit, ports: Ports, wire: &mut [u8]) -> Segment {
    let header = transmit.emit(ports, wire).expect("room for a header");
    let payload = transmit.payload_len() as usize;
    wire[header..header + payload].fill(0x5a);
    Segment::parse_whole(&wire[..header + payload])
        .expect("our own header")
        .0
}

struct Pair {
    ends: [Connection; 2],
    now: Duration,
    wire: Vec<u8>,
}

impl Pair {
    fn connect() -> Self {
        let config = Config::ipv4(1500);
        let isns = IsnGenerator::new([7; 16]);
        let now = Duration::from_secs(1);
        let client: SocketAddr = ([192, 0, 2, 1], CLIENT.source).into();
        let server: SocketAddr = ([192, 0, 2, 2], CLIENT.destination).into();
        let mut wire = vec![0; 2048];
        let mut active = Connection::connect(&config, isns.initial(now, client, server));
        let syn = active.poll_transmit(now).expect("a SYN");
        let syn = pass(&syn, CLIENT, &mut wire);
        let initial = isns.initial(now, server, client);
        let (mut half, syn_ack) = HalfOpen::new(now, &config, initial, &syn).expect("a SYN opens");
        let syn_ack = pass(&syn_ack, CLIENT.reversed(), &mut wire);
        active.on_segment(now, &syn_ack);
        let ack = active.poll_transmit(now).expect("an ACK");
        let ack = pass(&ack, CLIENT, &mut wire);
        half.on_segment(now, &config, &ack);
        let (passive, _) = Connection::from_half_open(now, &config, &half, &ack);
        Self {
            ends: [active, passive],
            now,
            wire,
        }
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

    fn round_trip(&mut self, len: u64) {
        for end in [0, 1] {
            self.ends[end].write(len).expect("established");
            self.exchange();
            let peer = &mut self.ends[1 - end];
            assert_eq!(peer.available(), len);
            peer.consume(len);
        }
        self.now += Duration::from_micros(10);
    }

    fn close(mut self) {
        for end in [0, 1] {
            self.ends[end].close(self.now);
            self.exchange();
        }
        assert!(self.ends[0].time_wait().is_some());
    }
}

fn main() {
    let usage = "connect|request COUNT";
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().expect(usage);
    let count: u32 = arguments
        .next()
        .and_then(|count| count.parse().ok())
        .expect(usage);
    match what.as_str() {
        "connect" => (0..count).for_each(|_| Pair::connect().close()),
        "request" => {
            let mut pair = Pair::connect();
            (0..count).for_each(|_| pair.round_trip(64));
        }
        _ => panic!("{usage}"),
    }
}
