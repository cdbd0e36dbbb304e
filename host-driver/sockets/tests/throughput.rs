//! How much of the wire a connection uses, in simulated time (host costs nothing here).

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{B4, Plan};

#[test]
fn one_connection_without_timestamps_fills_the_wire_with_super_segments() {
    let plan = Plan {
        rings: longshore_driver::QueueConfig {
            sq_log2: 10,
            rq_log2: 10,
            cq_log2: 11,
            ..longshore_driver::QueueConfig::default()
        },
        tune: |config| config.tcp.timestamps = false,
        ..Plan::default()
    };
    let mut world = plan.build();
    let (a, b) = world.connect(B4);
    let (chunk, mut buf) = (vec![7; 65_536], vec![0; 65_536]);
    let mut received = 0u64;
    let mut run = |world: &mut common::World, time: Duration| {
        let before = received;
        world.run(time, || {
            while (&a).write(&chunk).is_ok() {}
            while let Ok(n) = (&b).read(&mut buf) {
                received += n as u64;
            }
            false
        });
        received - before
    };
    // Slow start first.
    run(&mut world, Duration::from_millis(5));
    let time = Duration::from_millis(20);
    let bytes = run(&mut world, time);
    // 1460 of the 1538 bytes that a full frame takes on the wire, at 10 Gb/s.
    let limit = 10e9 * 1460.0 / 1538.0 * time.as_secs_f64() / 8.0;
    let share = bytes as f64 / limit;
    println!("{:.2} % of the limit", 100.0 * share);
    assert!(share > 0.97, "{:.2} %", 100.0 * share);
    let counters = world.a.stack.counters();
    println!("{counters:?}");
    assert!(counters.transmits < 2_000);
}
