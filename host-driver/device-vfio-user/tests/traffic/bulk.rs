//! Many frames.

use rand::{RngExt, SeedableRng};
use sim_wire::Seed;

use crate::support::{Host, Servers, frame, mac, poll_until};

/// Frames of a batch: one doorbell.
const BATCH: usize = 64;

#[test]
fn bulk_traffic_costs_no_register_read_and_less_than_a_tenth_of_a_doorbell_per_frame() {
    const FRAMES: usize = 8192;
    let world = Servers::new();
    let [mut a, mut b] = [0, 1].map(|i| Host::new(&world.paths[i], 1 + i as u8));
    let body = [0x5a; 1000];
    let before = [&a, &b].map(|h| h.card.inner().counts());
    while (a.posted as usize) < FRAMES {
        for _ in 0..BATCH {
            assert!(a.post(&frame(mac(2), mac(1), &body)));
        }
        a.queue.ring().unwrap();
        let posted = a.posted as usize;
        // The receiver busy-polls, as one under load does.
        while b.received.len() < posted {
            b.poll();
        }
        while a.sent.is_empty() || a.tx.taken() > 0 {
            a.poll();
        }
    }
    let costs = [&a, &b].map(|h| h.card.inner().counts());
    for (name, (now, before)) in ["sender", "receiver"].iter().zip(costs.iter().zip(&before)) {
        let cost = now.since(before);
        let per_frame = cost.doorbells() as f64 / FRAMES as f64;
        println!(
            "{name}: {FRAMES} frames, {} register reads, {} doorbells, {per_frame:.4} per frame",
            cost.reads,
            cost.doorbells()
        );
        assert_eq!(cost.reads, 0, "{name}");
        assert!(cost.doorbells() as usize * 10 <= FRAMES, "{name}");
    }
    assert_eq!(b.received.len(), FRAMES);
    assert_eq!(a.card.spoilt() + b.card.spoilt(), 0);
}

#[test]
fn random_frames_both_ways_arrive_in_order_and_unchanged() {
    let seed = Seed::from_env_or_random().unwrap();
    println!("LONGSHORE_SEED={seed}");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed.0);
    let world = Servers::new();
    let mut hosts = [0, 1].map(|i| Host::new(&world.paths[i], 1 + i as u8));
    let mut expected = [Vec::new(), Vec::new()];
    for _ in 0..100 {
        for side in 0..2 {
            let (me, you) = (1 + side as u8, 2 - side as u8);
            for _ in 0..rng.random_range(0..20) {
                let body: Vec<u8> = (0..rng.random_range(0..1500))
                    .map(|_| rng.random())
                    .collect();
                let mut bytes = frame(mac(you), mac(me), &body);
                assert!(hosts[side].post(&bytes));
                // As it arrives: padded.
                bytes.resize(bytes.len().max(60), 0);
                expected[1 - side].push(bytes);
            }
            hosts[side].queue.ring().unwrap();
        }
        for (host, expected) in hosts.iter_mut().zip(&expected) {
            poll_until(host, |h| {
                h.received.len() >= expected.len() && h.tx.taken() == 0
            });
        }
    }
    for (host, expected) in hosts.iter().zip(&expected) {
        assert!(host.received == *expected, "frames differ");
        assert_eq!(host.queue.counters().bad_completions(), 0);
        let statistics = host.nic.statistics().unwrap();
        assert_eq!(statistics.rx_outcomes(), expected.len() as u64);
        assert_eq!(host.card.spoilt(), 0);
    }
    for server in &world.servers {
        let counts = server.counts();
        println!("{counts:?}");
        assert_eq!((counts.dma_faults, counts.dma_messages), (0, 0));
    }
}
