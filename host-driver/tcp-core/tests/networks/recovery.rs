//! What SACK and RACK-TLP are for: no time-out, whichever segment is lost.

use std::time::Duration;

use tcp_core::Config;
use tcp_core::testing::{Faults, Pair, pattern, seed};

const LEN: usize = 60_000;

/// A transfer of which these packets are lost, by number: from the sender, and from the receiver.
fn transfer(forth: &[u64], back: &[u64], timestamps: bool) -> Pair {
    let config = Config {
        timestamps,
        ..Config::default()
    };
    let faults = Faults {
        delay: Duration::from_millis(10),
        // Segments come one after another, as from any link.
        rate: 100_000_000,
        ..Faults::default()
    };
    let mut pair = Pair::new(&config, &config, 1 << 20, faults, seed(1));
    pair.ab.doomed.extend(forth);
    pair.ba.doomed.extend(back);
    let data = pattern(LEN, 1);
    if let Err(stuck) = pair.transfer(&data, &[], Duration::from_secs(60)) {
        panic!("without {forth:?} and {back:?}: {stuck}");
    }
    assert!(pair.b.received == data, "without {forth:?} and {back:?}");
    pair
}

fn timeouts(pair: &Pair) -> [u32; 2] {
    [&pair.a, &pair.b].map(|host| host.connection().map_or(0, |c| c.counters().timeouts))
}

/// How many packets the sender sends, and the receiver, if none is lost.
fn counts() -> (u64, u64) {
    let pair = transfer(&[], &[], true);
    (pair.ab.offered, pair.ba.offered)
}

#[test]
fn any_single_data_segment_that_is_lost_is_made_good_without_a_time_out() {
    let (sent, _) = counts();
    // The SYN and the ACK of the SYN-ACK aside.
    for lost in 2..sent {
        for timestamps in [true, false] {
            let pair = transfer(&[lost], &[], timestamps);
            assert_eq!(timeouts(&pair), [0, 0], "packet {lost}\n{}", pair.trace());
        }
    }
}

#[test]
fn any_single_acknowledgement_that_is_lost_costs_no_time_out() {
    let (_, answered) = counts();
    for lost in 1..answered {
        let pair = transfer(&[], &[lost], true);
        assert_eq!(timeouts(&pair), [0, 0], "packet {lost}\n{}", pair.trace());
    }
}

#[test]
fn any_pair_of_segments_that_is_lost_is_made_good_without_a_time_out() {
    let (sent, _) = counts();
    for first in 2..sent {
        // Not a retransmission with nothing after it: only a time-out can tell of its loss.
        for second in [first + 1, first + 2, first + 5]
            .into_iter()
            .filter(|n| *n < sent - 1)
        {
            let pair = transfer(&[first, second], &[], true);
            assert_eq!(
                timeouts(&pair),
                [0, 0],
                "{first}, {second}\n{}",
                pair.trace()
            );
        }
    }
}

#[test]
fn a_lost_tail_of_any_length_is_made_good_without_a_time_out() {
    let (sent, _) = counts();
    for tail in 1..=10 {
        let lost: Vec<u64> = (sent - tail - 1..sent - 1).collect();
        let pair = transfer(&lost, &[], true);
        assert_eq!(
            timeouts(&pair),
            [0, 0],
            "{tail} of the tail\n{}",
            pair.trace()
        );
    }
}
