//! A stream longer than the sequence space.

use std::time::Duration;

use tcp_core::{Config, Connection, HalfOpen, Initial, Ports, SeqNumber, State};

const PORTS: Ports = Ports {
    source: 4000,
    destination: 80,
};

#[test]
fn stream_offsets_go_on_where_sequence_numbers_wrap() {
    let config = Config {
        receive_buffer: 4 << 20,
        // Fewer and larger segments: it is the numbers that are tested.
        mss: 60_000,
        ..Config::default()
    };
    let mut now = Duration::from_secs(1);
    let initial = |iss| Initial {
        iss: SeqNumber(iss),
        timestamp_offset: 0,
    };
    let mut a = Connection::connect(&config, initial(u32::MAX - 10));
    let syn = a.poll_transmit(now).unwrap().to_segment(PORTS);
    let (entry, syn_ack) = HalfOpen::new(now, &config, initial(5), &syn).unwrap();
    a.on_segment(now, &syn_ack.to_segment(PORTS));
    let ack = a.poll_transmit(now).unwrap().to_segment(PORTS);
    let (mut b, _) = Connection::from_half_open(now, &config, &entry, &ack);

    let total = (9 << 30) + 12_345;
    let mut placed = 0;
    while b.state() != State::CloseWait {
        let room = (1 << 20) - (a.written_offset() - a.acked_offset());
        let len = room.min(total - a.written_offset());
        if len > 0 {
            a.write(len).unwrap();
        } else if a.written_offset() == total {
            a.shutdown_write();
        }
        while let Some(transmit) = a.poll_transmit(now) {
            let received = b.on_segment(now, &transmit.to_segment(PORTS));
            if let Some(place) = received.placement {
                assert_eq!(place.offset, transmit.payload.start + u64::from(place.skip));
                assert_eq!(place.offset, placed);
                placed += u64::from(place.len);
            }
            b.consume(b.available());
        }
        while let Some(transmit) = b.poll_transmit(now) {
            a.on_segment(now, &transmit.to_segment(PORTS));
        }
        now += Duration::from_micros(100);
        a.on_timeout(now);
        b.on_timeout(now);
    }
    // The ACK of the FIN is delayed.
    now += Duration::from_millis(40);
    b.on_timeout(now);
    while let Some(transmit) = b.poll_transmit(now) {
        a.on_segment(now, &transmit.to_segment(PORTS));
    }
    assert_eq!(placed, total);
    assert_eq!(a.acked_offset(), total);
    assert_eq!(a.state(), State::FinWait2);
    assert_eq!(a.counters().retransmitted, 0);
}
