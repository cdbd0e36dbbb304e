//! Every kind of network with every kind of connection: the bytes always arrive.
//!
//! The whole matrix runs once, with short transfers. `cargo xtask campaign tcp` (or LONGSHORE_CAMPAIGN=n) runs it n times,
//! each time with another seed and transfers ten times as long.

use std::time::Duration;

use tcp_core::congestion::Algorithm;
use tcp_core::testing::{Faults, Pair, pattern, seed};
use tcp_core::{Config, Ecn};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a network does, beside its delay.
fn networks() -> Vec<(&'static str, Faults)> {
    let loss = |loss| Faults {
        loss,
        ..Faults::default()
    };
    vec![
        ("clean", Faults::default()),
        ("1 % loss", loss(0.01)),
        ("5 % loss", loss(0.05)),
        ("20 % loss", loss(0.2)),
        (
            "reordering",
            Faults {
                reordering: 0.3,
                ..Faults::default()
            },
        ),
        (
            "duplication",
            Faults {
                duplication: 0.2,
                ..Faults::default()
            },
        ),
        (
            "corruption",
            Faults {
                corruption: 0.05,
                ..Faults::default()
            },
        ),
        (
            "marks",
            Faults {
                marking: 0.1,
                ..Faults::default()
            },
        ),
        (
            "a bottleneck that marks early",
            Faults {
                rate: 50_000_000,
                queue: 200,
                mark_above: 10,
                ..Faults::default()
            },
        ),
        (
            "bufferbloat",
            Faults {
                rate: 10_000_000,
                queue: 1000,
                ..Faults::default()
            },
        ),
        (
            "a short queue",
            Faults {
                rate: 20_000_000,
                queue: 10,
                ..Faults::default()
            },
        ),
        (
            "a path that tells its MTU",
            Faults {
                mtu: 1200,
                ..Faults::default()
            },
        ),
        (
            "a black hole for large packets",
            Faults {
                mtu: 1200,
                black_hole: true,
                ..Faults::default()
            },
        ),
        (
            "everything",
            Faults {
                loss: 0.05,
                corruption: 0.02,
                duplication: 0.05,
                reordering: 0.2,
                marking: 0.05,
                rate: 100_000_000,
                queue: 100,
                ..Faults::default()
            },
        ),
    ]
}

fn round_trips() -> [Duration; 5] {
    [10, 200, 5_000, 50_000, 300_000].map(Duration::from_micros)
}

/// IPv4 and IPv6 by turns; another turn of the campaign, the other family in each cell.
fn family(cell: u64) -> Config {
    if (cell / 2).is_multiple_of(2) {
        Config::ipv4(1500)
    } else {
        Config::ipv6(1500)
    }
}

/// Settings that vary from cell to cell, so that everything meets everything.
fn config(cell: u64) -> Config {
    Config {
        congestion: [Algorithm::Cubic, Algorithm::NewReno, Algorithm::Dctcp][(cell % 3) as usize],
        sack: !cell.is_multiple_of(5),
        timestamps: !cell.is_multiple_of(7),
        pacing: cell.is_multiple_of(4),
        ecn: [Ecn::Request, Ecn::Accept][(cell % 2) as usize],
        nagle: !cell.is_multiple_of(11),
        max_transmit: if cell.is_multiple_of(13) { 0 } else { 65_536 },
        receive_buffer: [20_000, 100_000, 1_000_000][(cell / 3 % 3) as usize],
        ..family(cell)
    }
}

fn run(cell: u64, seed: u64, len: usize, name: &str, round_trip: Duration, faults: Faults) {
    let faults = Faults {
        delay: round_trip / 2,
        ..faults
    };
    let what = format!("LONGSHORE_SEED={seed}, cell {cell}: {name}, {round_trip:?}");
    let (forth, back) = (pattern(len, 1), pattern(len / 5, 2));
    let (a, mut b) = (config(cell), config(cell + 1));
    // Both ends are of one family.
    (b.mss, b.default_peer_mss) = (a.mss, a.default_peer_mss);
    let mut pair = Pair::new(&a, &b, 256 << 10, faults, seed + cell);
    pair.coalesce = cell.is_multiple_of(2);
    if let Err(stuck) = pair.transfer(&forth, &back, DAY) {
        panic!("{what}: {stuck}");
    }
    assert!(pair.b.received == forth, "{what}: a to b differs");
    assert!(pair.a.received == back, "{what}: b to a differs");
    assert_eq!((pair.a.error, pair.b.error), (None, None), "{what}");
}

#[test]
fn every_network_delivers_every_byte() {
    let campaign = std::env::var("LONGSHORE_CAMPAIGN").map_or(None, |times| {
        Some(
            times
                .parse::<u64>()
                .expect("LONGSHORE_CAMPAIGN is a number"),
        )
    });
    let len = if campaign.is_some() { 600_000 } else { 60_000 };
    for turn in 0..campaign.unwrap_or(1) {
        let seed = seed(100 + 1000 * turn);
        // Another turn, other settings in each cell.
        let mut cell = turn;
        for round_trip in round_trips() {
            for (name, faults) in networks() {
                run(cell, seed, len, name, round_trip, faults);
                cell += 1;
            }
        }
    }
}

#[test]
fn a_path_whose_mtu_changes_in_the_middle_loses_nothing() {
    for black_hole in [false, true] {
        let config = Config::default();
        let faults = Faults {
            delay: Duration::from_millis(10),
            ..Faults::default()
        };
        let mut pair = Pair::new(&config, &config, 256 << 10, faults, seed(200));
        let data = pattern(2_000_000, 1);
        pair.a.send(&data);
        pair.run_until(DAY, |pair| pair.b.received.len() > 500_000)
            .unwrap_or_else(|stuck| panic!("{stuck}"));
        pair.ab.faults.mtu = 1100;
        pair.ab.faults.black_hole = black_hole;
        pair.run_until(DAY, |pair| pair.b.received.len() == data.len())
            .unwrap_or_else(|stuck| panic!("{stuck}"));
        assert!(pair.b.received == data);
        let counters = pair.a.connection().unwrap().counters();
        assert_eq!(counters.black_holes, u32::from(black_hole));
        assert_eq!(
            counters.timeouts > 0,
            black_hole,
            "a message spares the time-out"
        );
    }
}

#[test]
fn a_path_whose_mtu_comes_back_is_used_again_and_one_that_does_not_costs_a_segment_in_ten_minutes()
{
    for (black_hole, comes_back) in [(false, true), (true, true), (false, false), (true, false)] {
        let config = Config::default();
        let faults = Faults {
            delay: Duration::from_millis(10),
            rate: 500_000,
            mtu: 1100,
            black_hole,
            ..Faults::default()
        };
        let mut pair = Pair::new(&config, &config, 256 << 10, faults, seed(400));
        let data = pattern(50_000_000, 1);
        pair.a.send(&data);
        pair.a.close_when_written = false;
        let at = |seconds| move |pair: &Pair| pair.now >= Duration::from_secs(seconds);
        pair.run_until(DAY, at(500)).unwrap();
        let connection = pair.a.connection().unwrap();
        assert!(connection.info().mss < 1100);
        let (before, fast) = (
            connection.counters(),
            connection.counters().fast_retransmits,
        );
        if comes_back {
            pair.ab.faults.mtu = 0;
        }
        pair.run_until(DAY, at(700)).unwrap();
        let connection = pair.a.connection().unwrap();
        assert_eq!(
            connection.info().mss == 1448,
            comes_back,
            "{:?}",
            connection.counters()
        );
        let counters = connection.counters();
        let probes = (counters.mtu_probes_answered, counters.mtu_probes_failed);
        assert_eq!(probes, (u32::from(comes_back), u32::from(!comes_back)));
        assert_eq!(counters.timeouts, before.timeouts);
        assert_eq!(counters.fast_retransmits, fast, "{black_hole} {comes_back}");
        assert!(data.starts_with(&pair.b.received));
    }
}

#[test]
fn a_path_whose_mtu_changes_for_hours_while_it_loses_and_reorders_is_used_to_the_full_in_the_end() {
    const MTUS: [usize; 5] = [0, 1100, 700, 1300, 1452];
    for black_hole in [false, true] {
        let config = Config::default();
        let faults = Faults {
            delay: Duration::from_millis(10),
            rate: 100_000,
            queue: 20,
            loss: 0.003,
            reordering: 0.02,
            black_hole,
            ..Faults::default()
        };
        let mut random = seed(500 + u64::from(black_hole));
        let mut pair = Pair::new(&config, &config, 256 << 10, faults, random);
        let data = pattern(140_000_000, 1);
        pair.a.send(&data);
        pair.a.close_when_written = false;
        let mut minutes = 0;
        let mut run_for = |pair: &mut Pair, more| {
            minutes += more;
            let before = pair.b.received.len();
            let end = Duration::from_secs(60 * minutes);
            pair.run_until(DAY, |pair| pair.now >= end)
                .unwrap_or_else(|stuck| panic!("{stuck}"));
            assert!(pair.b.received.len() > before, "minute {minutes}");
            assert!(data.starts_with(&pair.b.received));
            assert!(pair.a.connection().unwrap().info().mss <= 1448);
        };
        for _ in 0..12 {
            // Knuth's generator.
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            pair.ab.faults.mtu = MTUS[(random >> 33) as usize % MTUS.len()];
            run_for(&mut pair, 5 + (random >> 40) % 10);
        }
        pair.ab.faults.mtu = 0;
        pair.ab.faults.loss = 0.0;
        pair.ab.faults.reordering = 0.0;
        // What a queue drops could be a probe.
        pair.ab.faults.queue = 0;
        run_for(&mut pair, 12);
        let connection = pair.a.connection().unwrap();
        assert_eq!(connection.info().mss, 1448, "{:?}", connection.counters());
    }
}

#[test]
fn a_long_loss_of_a_fifth_leaves_the_round_trip_what_it_is() {
    // 200 µs, without SACK and paced: what waits behind holes must not be taken for the path's round trip, or pacing slows
    // the connection to a stop.
    let config = Config {
        sack: false,
        pacing: true,
        ..Config::default()
    };
    let faults = Faults {
        delay: Duration::from_micros(100),
        loss: 0.2,
        ..Faults::default()
    };
    for seed in (0..4).map(|n| seed(300 + n)) {
        let mut pair = Pair::new(&config, &config, 256 << 10, faults, seed);
        let data = pattern(300_000, 1);
        if let Err(stuck) = pair.transfer(&data, &[], DAY) {
            panic!("LONGSHORE_SEED={seed}: {stuck}");
        }
        assert!(pair.b.received == data);
        let srtt = pair.a.connection().and_then(|c| c.info().srtt);
        assert!(srtt < Some(Duration::from_secs(1)), "{seed}: {srtt:?}");
    }
}
