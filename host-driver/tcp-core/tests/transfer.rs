//! Whole connections over a link in virtual time: the bytes arrive, whatever the link does.

use std::time::Duration;

use tcp_core::testing::{Faults, Pair, Reader, pattern, seed};
use tcp_core::{Config, ConnectionError, State};

const HOUR: Duration = Duration::from_secs(3600);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Transfers both ways and compares.
fn check(mut pair: Pair, forth: usize, back: usize, what: &str) -> Pair {
    let (forth, back) = (pattern(forth, 1), pattern(back, 2));
    if let Err(stuck) = pair.transfer(&forth, &back, HOUR) {
        panic!("{what}: {stuck}");
    }
    assert!(pair.b.received == forth, "{what}: a to b differs");
    assert!(pair.a.received == back, "{what}: b to a differs");
    assert_eq!(pair.a.error, None, "{what}");
    assert_eq!(pair.b.error, None, "{what}");
    pair
}

#[test]
fn a_transfer_both_ways_arrives_and_both_ends_close() {
    let faults = Faults {
        delay: ms(5),
        ..Faults::default()
    };
    let config = Config::default();
    let pair = check(
        Pair::new(&config, &config, 100_000, faults, seed(1)),
        1_000_000,
        300_000,
        "clean link",
    );
    let a = pair.a.connection().unwrap();
    assert_eq!(a.counters().retransmitted, 0);
    assert_eq!(a.counters().timeouts, 0);
    // The end that closed first keeps the connection in mind; here it had less to send.
    assert_eq!(a.state(), State::Closed);
    let b = pair.b.connection().unwrap();
    assert_eq!(b.state(), State::TimeWait);
}

#[test]
fn a_transfer_over_twenty_percent_loss_completes() {
    let faults = Faults {
        delay: ms(10),
        loss: 0.2,
        ..Faults::default()
    };
    let seed = seed(2);
    for i in 0..5 {
        let config = Config::default();
        let pair = Pair::new(&config, &config, 64 * 1024, faults, seed + i);
        check(pair, 200_000, 50_000, &format!("seed {}", seed + i));
    }
}

#[test]
fn a_matrix_of_networks_and_buffers_delivers_every_byte() {
    let seed = seed(3);
    let mut cell = 0;
    for delay in [Duration::from_micros(5), ms(1), ms(25), ms(150)] {
        for loss in [0.0, 0.01, 0.05] {
            for (send, receive) in [(3_000, 2_000), (65_536, 65_536), (400_000, 1_000_000)] {
                for mtu in [576, 1500, 9000] {
                    cell += 1;
                    let faults = Faults {
                        delay,
                        loss,
                        corruption: loss / 4.0,
                        duplication: loss,
                        reordering: loss * 2.0,
                        ..Faults::default()
                    };
                    let config = Config {
                        receive_buffer: receive,
                        timestamps: cell % 2 == 0,
                        window_scaling: cell % 3 != 0,
                        nagle: cell % 5 != 0,
                        ..Config::ipv4(mtu)
                    };
                    let what = format!(
                        "LONGSHORE_SEED={seed}, cell {cell}: {delay:?}, loss {loss}, buffers {send}/{receive}, MTU {mtu}"
                    );
                    let pair = Pair::new(&config, &config, send, faults, seed + cell);
                    check(pair, 120_000, 30_000, &what);
                }
            }
        }
    }
}

#[test]
fn a_slow_reader_closes_and_opens_the_window_and_loses_nothing() {
    let faults = Faults {
        delay: ms(2),
        ..Faults::default()
    };
    let config = Config {
        receive_buffer: 20_000,
        ..Config::default()
    };
    let mut pair = Pair::new(&config, &config, 64 * 1024, faults, seed(4));
    pair.b.reader = Reader {
        chunk: 7_000,
        every: ms(300),
    };
    let pair = check(pair, 200_000, 0, "slow reader");
    assert_eq!(pair.a.connection().unwrap().counters().timeouts, 0);
}

#[test]
fn ends_with_different_settings_agree() {
    let faults = Faults {
        delay: ms(3),
        loss: 0.02,
        ..Faults::default()
    };
    let a = Config {
        timestamps: false,
        receive_buffer: 4 << 20,
        ..Config::ipv4(9000)
    };
    let b = Config {
        window_scaling: false,
        ..Config::ipv4(1500)
    };
    let pair = check(
        Pair::new(&a, &b, 300_000, faults, seed(5)),
        400_000,
        400_000,
        "mixed",
    );
    let info = pair.a.connection().unwrap().info();
    assert_eq!(info.mss, 1460);
    assert!(!info.timestamps);
    assert_eq!(info.window_shifts, (0, 0));
}

#[test]
fn a_bottleneck_with_a_short_queue_is_shared_out_by_congestion_control() {
    let faults = Faults {
        delay: ms(10),
        rate: 20_000_000,
        queue: 30,
        ..Faults::default()
    };
    let config = Config {
        receive_buffer: 1 << 20,
        ..Config::default()
    };
    let len = 5_000_000;
    let mut pair = Pair::new(&config, &config, 1 << 20, faults, seed(6));
    let data = pattern(len, 1);
    let outcome = pair
        .transfer(&data, &[], HOUR)
        .unwrap_or_else(|stuck| panic!("{stuck}"));
    assert!(pair.b.received == data);
    let ideal = len as f64 * 8.0 / 20e6;
    let used = ideal / outcome.elapsed.as_secs_f64();
    println!(
        "{:?} {:?}",
        pair.a.connection().unwrap().info(),
        pair.a.connection().unwrap().counters()
    );
    assert!(used > 0.5, "only {used:.2} of the bottleneck was used");
}

#[test]
fn a_fast_clean_link_is_filled_with_large_super_segments() {
    let faults = Faults {
        delay: Duration::from_micros(20),
        rate: 10_000_000_000,
        ..Faults::default()
    };
    // Limited by the send buffer, and by the peer's window.
    for receive_buffer in [2 << 20, 128 << 10] {
        let config = Config {
            receive_buffer,
            timestamps: false,
            ..Config::default()
        };
        let len = 10_000_000;
        let mut pair = Pair::new(&config, &config, 1 << 20, faults, seed(7));
        let data = pattern(len, 1);
        let outcome = pair
            .transfer(&data, &[], HOUR)
            .unwrap_or_else(|stuck| panic!("{stuck}"));
        assert!(pair.b.received == data);
        let ideal = len as f64 * 8.0 / 10e9;
        let used = ideal / outcome.elapsed.as_secs_f64();
        let mean = len as u64 / pair.a.transmits;
        println!("{used:.3} of the link, {mean} bytes a super-segment");
        assert!(used > 0.85, "only {used:.3} of the link was used");
        assert!(mean > 16 * 1460, "only {mean} bytes a super-segment");
        let counters = pair.a.connection().unwrap().counters();
        assert_eq!(counters.retransmitted, 0);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# For example, if the TCP endpoint is processing a series of queued segments, it MUST process them all before
//# sending any ACK segments (MUST-59).
#[test]
fn coalesced_segments_carry_the_same_bytes() {
    let faults = Faults {
        delay: ms(5),
        loss: 0.02,
        reordering: 0.02,
        ..Faults::default()
    };
    let config = Config::default();
    for i in 0..5 {
        let seed = seed(8) + i;
        let mut pair = Pair::new(&config, &config, 500_000, faults, seed);
        pair.coalesce = true;
        let pair = check(pair, 2_000_000, 10_000, &format!("seed {seed}"));
        let (a, b) = (pair.a.connection().unwrap(), pair.b.connection().unwrap());
        let (data, acks) = (b.counters().segs_in, a.counters().segs_in);
        assert!(acks < data, "{acks} ACKs of {data} segments");
    }
}

#[test]
fn a_lost_tail_is_made_good_without_a_time_out() {
    let faults = Faults {
        delay: ms(5),
        ..Faults::default()
    };
    let config = Config::default();
    let mut pair = Pair::new(&config, &config, 100_000, faults, seed(9));
    pair.a.close_when_written = false;
    let data = pattern(10_000, 1);
    pair.a.send(&data[..5000]);
    let acknowledged = |pair: &Pair| {
        pair.a
            .connection()
            .is_some_and(|a| a.acked_offset() == 5000)
    };
    pair.run_until(ms(1000), acknowledged)
        .unwrap_or_else(|stuck| panic!("{stuck}"));
    pair.ab.faults.loss = 1.0;
    pair.a.send(&data[5000..]);
    pair.settle();
    pair.ab.faults.loss = 0.0;
    pair.run_until(ms(5000), |pair| pair.b.received.len() == 10_000)
        .unwrap_or_else(|stuck| panic!("{stuck}"));
    assert!(pair.b.received == data);
    let counters = pair.a.connection().unwrap().counters();
    assert_eq!(
        (counters.timeouts, counters.tail_probes),
        (0, 1),
        "{}",
        pair.trace()
    );
}

#[test]
fn a_dead_link_ends_the_connection_with_an_error_told_once() {
    let faults = Faults {
        delay: ms(5),
        ..Faults::default()
    };
    let config = Config::default();
    let mut pair = Pair::new(&config, &config, 100_000, faults, seed(10));
    pair.a.send(&pattern(1_000_000, 1));
    pair.run_until(ms(1000), |pair| pair.b.received.len() > 100_000)
        .unwrap_or_else(|stuck| panic!("{stuck}"));
    pair.ab.faults.loss = 1.0;
    pair.ba.faults.loss = 1.0;
    pair.run_until(HOUR, |pair| pair.a.error.is_some())
        .unwrap_or_else(|stuck| panic!("{stuck}"));
    assert_eq!(pair.a.error, Some(ConnectionError::TimedOut));
    assert_eq!(pair.a.connection().unwrap().state(), State::Closed);
}
