//! Hosts that vanish in the middle of a transfer.

use std::sync::Arc;
use std::time::Duration;

use longshore_device::{Device, Stamp};
use longshore_driver::DriverError;

use crate::support::{Host, Servers, frame, mac, poll_until};

/// Sends from `a` to `b` until both NICs are busy.
fn get_going(a: &mut Host, b: &mut Host) {
    for _ in 0..3 {
        for _ in 0..64 {
            if !a.post(&frame(mac(2), mac(1), &[1; 1400])) {
                break;
            }
        }
        a.queue.ring().unwrap();
        a.poll();
        b.poll();
    }
}

#[test]
fn a_receiver_that_is_severed_mid_transfer_is_written_to_no_more() {
    let world = Servers::new();
    for round in 0..5 {
        let mut a = Host::new(&world.paths[0], 1);
        let mut b = Host::new(&world.paths[1], 2);
        get_going(&mut a, &mut b);
        let enabled = Stamp::now();
        let quiet = b.card.sever();
        assert!(quiet.covers(b.card.info().instance, enabled));
        let writes = world.servers[1].counts().dma_writes;
        // The sender goes on; nothing reaches the severed one's memory.
        get_going(&mut a, &mut b);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(
            world.servers[1].counts().dma_writes,
            writes,
            "round {round}"
        );
        assert_eq!(a.card.spoilt() + b.card.spoilt(), 0);
    }
}

#[test]
fn after_the_death_of_either_host_a_new_one_gets_going() {
    let world = Servers::new();
    for round in 0..6 {
        let mut a = Host::new(&world.paths[0], 1);
        let mut b = Host::new(&world.paths[1], 2);
        get_going(&mut a, &mut b);
        // Frames of the dead host's time may still be on the wire: they are not this body.
        let body = [round; 200];
        let fresh = |host: &Host| host.received.iter().any(|f| f[14..].starts_with(&body));
        while !a.post(&frame(mac(2), mac(1), &body)) {
            a.poll();
        }
        a.queue.ring().unwrap();
        if round % 2 == 0 {
            poll_until(&mut b, fresh);
            drop(a);
        } else {
            // The receiver dies with everything under way.
            drop(b);
        }
    }
    let counts = world.servers[1].counts();
    assert_eq!(counts.clients, 6);
    println!("{counts:?}");
}

#[test]
fn a_host_whose_server_dies_is_told_and_frees_its_memory() {
    let mut world = Servers::new();
    let mut a = Host::new(&world.paths[0], 1);
    let mut b = Host::new(&world.paths[1], 2);
    get_going(&mut a, &mut b);
    world.servers.remove(0);
    let rung = (0..10).find_map(|_| {
        a.post(&frame(mac(2), mac(1), &[0; 64]));
        a.queue.ring().err()
    });
    assert!(
        matches!(rung, Some(DriverError::Device(_)) | None),
        "{rung:?}"
    );
    assert!(a.nic.statistics().is_err());
    let card = Arc::clone(&a.card);
    drop(a);
    assert_eq!(card.spoilt(), 0);
    drop(b);
}
