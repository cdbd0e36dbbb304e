//! An established connection allocates nothing, in disorder neither.

use std::time::Duration;

use tcp_core::{Config, Connection, HalfOpen, Initial, Ports, SeqNumber, Transmit};

const PORTS: Ports = Ports {
    source: 4000,
    destination: 80,
};

fn initial(iss: u32) -> Initial {
    Initial {
        iss: SeqNumber(iss),
        timestamp_offset: iss,
    }
}

fn established(now: Duration, config: &Config) -> (Connection, Connection) {
    let mut a = Connection::connect(config, initial(1));
    let syn = a.poll_transmit(now).unwrap().to_segment(PORTS);
    let (entry, syn_ack) = HalfOpen::new(now, config, initial(2), &syn).unwrap();
    a.on_segment(now, &syn_ack.to_segment(PORTS));
    let ack = a.poll_transmit(now).unwrap().to_segment(PORTS);
    let (b, _) = Connection::from_half_open(now, config, &entry, &ack);
    (a, b)
}

/// Everything that `from` has to send goes to `to`, cut into segments, every seventh of them lost.
fn deliver(now: Duration, from: &mut Connection, to: &mut Connection, count: &mut u32) {
    while let Some(transmit) = from.poll_transmit(now) {
        let mut header = [0; 60];
        let _ = transmit.emit(PORTS, &mut header);
        transmit.split().for_each(|part: Transmit| {
            *count += 1;
            if !count.is_multiple_of(7) {
                to.on_segment(now, &part.to_segment(PORTS));
            }
        });
    }
}

#[test]
fn data_losses_and_timeouts_allocate_nothing() {
    tcp_core::preallocate(2);
    let config = Config::default();
    let mut now = Duration::from_secs(1);
    let (mut a, mut b) = established(now, &config);
    let mut count = 0;
    let allocations = allocation_counter::measure(|| {
        for _ in 0..2000 {
            if a.written_offset() - a.acked_offset() < 100_000 {
                a.write(20_000).unwrap();
            }
            deliver(now, &mut a, &mut b, &mut count);
            b.consume(b.available());
            deliver(now, &mut b, &mut a, &mut count);
            now += Duration::from_millis(10);
            a.on_timeout(now);
            b.on_timeout(now);
        }
    });
    assert!(b.consumed_offset() > 100_000);
    assert!(a.counters().retransmitted > 0 && b.counters().out_of_order > 0);
    assert_eq!(allocations.count_total, 0);
}
