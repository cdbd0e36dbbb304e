//! What SACK and RACK-TLP are for: no time-out, whichever segment is lost.

use std::time::Duration;

use tcp_core::Config;
use tcp_core::testing::{Faults, Pair, pattern, seed};

const LEN: usize = 60_000;

/// A path and a connection over it.
#[derive(Clone, Copy, Debug)]
struct Case {
    round_trip: Duration,
    timestamps: bool,
    v6: bool,
}

/// Round trips from a rack's to a satellite's, options and families.
fn cases() -> impl Iterator<Item = Case> {
    let round_trips = [10, 200, 5_000, 20_000, 100_000, 300_000].map(Duration::from_micros);
    round_trips.into_iter().flat_map(|round_trip| {
        [(true, false), (false, false), (true, true), (false, true)].map(|(timestamps, v6)| Case {
            round_trip,
            timestamps,
            v6,
        })
    })
}

/// A transfer of which these packets are lost, by number: from the sender, and from the receiver.
fn transfer(case: Case, forth: &[u64], back: &[u64]) -> Pair {
    let family = if case.v6 {
        Config::ipv6(1500)
    } else {
        Config::ipv4(1500)
    };
    let config = Config {
        timestamps: case.timestamps,
        ..family
    };
    let faults = Faults {
        delay: case.round_trip / 2,
        // Segments come one after another, as from any link.
        rate: 100_000_000,
        ..Faults::default()
    };
    let mut pair = Pair::new(&config, &config, 1 << 20, faults, seed(1));
    pair.ab.doomed.extend(forth);
    pair.ba.doomed.extend(back);
    let data = pattern(LEN, 1);
    if let Err(stuck) = pair.transfer(&data, &[], Duration::from_secs(60)) {
        panic!("{case:?} without {forth:?} and {back:?}: {stuck}");
    }
    assert!(
        pair.b.received == data,
        "{case:?} without {forth:?} and {back:?}"
    );
    pair
}

fn timeouts(pair: &Pair) -> [u32; 2] {
    [&pair.a, &pair.b].map(|host| host.connection().map_or(0, |c| c.counters().timeouts))
}

/// Nobody waited for the retransmission timer.
fn assert_no_timeout(case: Case, forth: &[u64], back: &[u64]) {
    let pair = transfer(case, forth, back);
    let trace = pair.trace();
    assert_eq!(
        timeouts(&pair),
        [0, 0],
        "{case:?} {forth:?} {back:?}\n{trace}"
    );
}

/// How many packets the sender sends, and the receiver, if none is lost.
fn counts(case: Case) -> (u64, u64) {
    let pair = transfer(case, &[], &[]);
    (pair.ab.offered, pair.ba.offered)
}

#[test]
fn any_single_data_segment_that_is_lost_is_made_good_without_a_time_out() {
    for case in cases() {
        // The SYN and the ACK of the SYN-ACK aside.
        for lost in 2..counts(case).0 {
            assert_no_timeout(case, &[lost], &[]);
        }
    }
}

#[test]
fn any_single_acknowledgement_that_is_lost_costs_no_time_out() {
    for case in cases() {
        for lost in 1..counts(case).1 {
            assert_no_timeout(case, &[], &[lost]);
        }
    }
}

#[test]
fn any_pair_of_segments_that_is_lost_is_made_good_without_a_time_out() {
    for case in cases() {
        let (sent, _) = counts(case);
        for first in 2..sent {
            // Not a retransmission with nothing after it: only a time-out can tell of its loss.
            for second in [first + 1, first + 2, first + 5]
                .into_iter()
                .filter(|n| *n < sent - 1)
            {
                assert_no_timeout(case, &[first, second], &[]);
            }
        }
    }
}

#[test]
fn a_lost_tail_of_any_length_is_made_good_without_a_time_out() {
    for case in cases() {
        let (sent, _) = counts(case);
        for tail in 1..=10 {
            let lost: Vec<u64> = (sent - tail - 1..sent - 1).collect();
            assert_no_timeout(case, &lost, &[]);
        }
    }
}
