//! Throughput against the models of the RFCs.

use std::time::Duration;

use tcp_core::Config;
use tcp_core::congestion::Algorithm;
use tcp_core::testing::{Faults, Pair, pattern, seed};

/// Average window in segments that a run over a path with random loss comes to: bytes × RTT / time / MSS.
fn average_window(algorithm: Algorithm, loss: f64, round_trip: Duration, seed: u64) -> f64 {
    let config = Config {
        congestion: algorithm,
        receive_buffer: 4 << 20,
        ..Config::default()
    };
    let faults = Faults {
        delay: round_trip / 2,
        // Segments come one after another, as from any link.
        rate: 100_000_000,
        ..Faults::default()
    };
    let mut pair = Pair::new(&config, &config, 4 << 20, faults, seed);
    pair.ab.faults.loss = loss;
    pair.a.send(&pattern(30_000_000, 1));
    let run = |pair: &mut Pair, time: Duration| {
        let end = pair.now + time;
        pair.run_until(Duration::from_secs(3600), |pair| pair.now >= end)
            .unwrap_or_else(|stuck| panic!("{stuck}"));
        (pair.b.received.len(), pair.now)
    };
    // First slow start, and what its overshoot leaves behind.
    let (skipped, start) = run(&mut pair, Duration::from_secs(10));
    let (received, end) = run(&mut pair, Duration::from_secs(60));
    let connection = pair.a.connection().expect("established");
    assert_eq!(connection.counters().timeouts, 0);
    let bytes = (received - skipped) as f64;
    let mss = f64::from(connection.info().mss);
    bytes / (end - start).as_secs_f64() * round_trip.as_secs_f64() / mss
}

/// RFC 9438 §5.1 and §5.2: the larger of figure 6 (AIMD with CUBIC's α and β) and figure 7's formula.
fn model(loss: f64, round_trip: Duration) -> f64 {
    let beta = 0.7;
    let alpha = 3.0 * (1.0 - beta) / (1.0 + beta);
    let aimd = (alpha * (1.0 + beta) / (2.0 * (1.0 - beta) * loss)).sqrt();
    let c = 0.4;
    let cubic = (c * (3.0 + beta) / (4.0 * (1.0 - beta))
        * (round_trip.as_secs_f64() / loss).powi(3))
    .powf(0.25);
    f64::max(aimd, cubic)
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//= type=test
//# An endpoint MAY implement such alternative algorithms provided that the algorithms are conformant with the TCP
//# specifications from the IETF Standards Track as described in RFC 2914, RFC 5033 [7], and RFC 8961 [15] (MAY-18).
#[test]
fn cubic_reaches_the_model_of_its_rfc_at_one_percent_loss_and_50_ms() {
    let (loss, round_trip) = (0.01, Duration::from_millis(50));
    let seed = seed(42);
    let runs = 4;
    let sum: f64 = (0..runs)
        .map(|i| average_window(Algorithm::Cubic, loss, round_trip, seed + i))
        .sum();
    let (measured, model) = (sum / runs as f64, model(loss, round_trip));
    println!("{measured:.2} segments on average, the model says {model:.2}");
    assert!(
        (measured / model - 1.0).abs() < 0.1,
        "{measured:.2} against {model:.2}"
    );
}
