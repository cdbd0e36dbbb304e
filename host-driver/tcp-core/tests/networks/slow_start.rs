//! The end of slow start in front of a deep queue.

use std::time::Duration;

use tcp_core::Config;
use tcp_core::congestion::Algorithm;
use tcp_core::testing::{Faults, Pair, pattern, seed};

/// What is received before the clock stops: some 30 round trips, and no tail.
const LEN: usize = 11_000_000;

/// Enough for five rounds more, each a queue longer.
const LONG: usize = 22_000_000;

/// How a transfer over a bottleneck went.
#[derive(Debug)]
struct Run {
    lost: u64,
    elapsed: Duration,
    timeouts: u32,
    exits: u32,
}

/// For four times as many segments as are on the way.
const DEEP: usize = 850;

/// 50 Mb/s over 50 ms, 216 segments on the way. Without timestamps there are no samples for HyStart++, and slow start ends
/// with a loss.
fn over_a_queue(algorithm: Algorithm, timestamps: bool, queue: usize, len: usize) -> Run {
    let config = Config {
        congestion: algorithm,
        timestamps,
        receive_buffer: 8 << 20,
        ..Config::default()
    };
    let faults = Faults {
        delay: Duration::from_millis(25),
        ..Faults::default()
    };
    let mut pair = Pair::new(&config, &config, 8 << 20, faults, seed(7));
    pair.ab.faults.rate = 50_000_000;
    pair.ab.faults.queue = queue;
    let data = pattern(len + 3_000_000, 1);
    pair.a.send(&data);
    let start = pair.now;
    pair.run_until(Duration::from_secs(60), |pair| pair.b.received.len() >= len)
        .unwrap_or_else(|stuck| panic!("{stuck}"));
    assert!(data.starts_with(&pair.b.received));
    let counters = pair.a.connection().unwrap().counters();
    Run {
        lost: pair.ab.lost,
        elapsed: pair.now - start,
        timeouts: counters.timeouts,
        exits: counters.hystart_exits,
    }
}

#[test]
fn hystart_ends_slow_start_with_a_quarter_of_the_losses_at_a_deep_queue_and_costs_no_throughput() {
    for algorithm in [Algorithm::Cubic, Algorithm::NewReno] {
        let with = over_a_queue(algorithm, true, DEEP, LEN);
        let without = over_a_queue(algorithm, false, DEEP, LEN);
        println!("{algorithm:?}: with HyStart++ {with:?}, without {without:?}");
        assert!(without.lost > 1000, "{without:?}");
        assert!(4 * with.lost <= without.lost, "{with:?} {without:?}");
        assert_eq!(with.timeouts, 0, "{with:?}");
        // Timestamps alone cost 12 bytes in 1500.
        assert!(with.elapsed < without.elapsed.mul_f64(1.01));
    }
}

#[test]
fn where_nothing_is_lost_the_growth_of_the_round_trip_ends_slow_start_and_that_is_counted_once() {
    for algorithm in [Algorithm::Cubic, Algorithm::NewReno] {
        let with = over_a_queue(algorithm, true, 100_000, LONG);
        assert_eq!((with.lost, with.exits), (0, 1), "{with:?}");
        let without = over_a_queue(algorithm, false, 100_000, LONG);
        assert_eq!((without.lost, without.exits), (0, 0), "{without:?}");
    }
}
