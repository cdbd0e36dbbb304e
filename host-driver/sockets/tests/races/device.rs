//! Races with the end or a reset of the device.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use longshore_refs::sync::thread;

use crate::common::data;
use crate::race::{Race, STEP, STEPS, connected, explore};
use crate::slots;
use crate::steered::Steered;

/// Looks for D, B or H that nobody gives back when the stack ends under its connections.
#[test]
fn race_21_shutdown_with_requests_outstanding() {
    explore(|| {
        let (world, stream, child) = connected();
        (&stream).write_all(&[1; 5000]).unwrap();
        let mut race = Race::start(world, STEP);
        race.program(|hosts| hosts[0].stack.shutdown());
        race.program(move |_| drop((stream, child)));
        race.join().assert_nothing_lives();
    });
}

/// Looks for memory recycled while the device still reads it, requests that come back twice or never, and bytes that are
/// lost with the reset.
#[test]
fn race_21_device_reset_with_tx_descriptors_and_flow_add_outstanding() {
    explore(|| {
        let (hosts, stream, child) = slots::connected_once(1);
        let out = data(5000, 21);
        (&child).write_all(&out).unwrap();
        let mut race = hosts.start(STEP);
        let steering = Arc::clone(&race.steering);
        let other = child.try_clone().unwrap();
        race.program(move |_| steering.slots[Steered::queues(&other).0].enter(&other));
        let steering = Arc::clone(&race.steering);
        race.program(move |hosts| {
            hosts[1].stack.nic().reset().unwrap();
            steering.reset();
        });
        race.program(|hosts| {
            for _ in 0..STEPS {
                hosts[1].stack.poll(Duration::ZERO);
                thread::yield_now();
            }
        });
        let mut hosts = race.join();
        let (mut heard, mut buf) = (Vec::new(), [0; 4096]);
        let whole = hosts.run(Duration::from_secs(100), || {
            while let Ok(n @ 1..) = (&stream).read(&mut buf) {
                heard.extend_from_slice(&buf[..n]);
            }
            heard.len() >= out.len()
        });
        assert!(whole && heard == out, "{} of {}", heard.len(), out.len());
        drop((stream, child));
        hosts.assert_nothing_lives();
    });
}
