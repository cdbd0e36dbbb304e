//! Hosts that vanish in the middle of a transfer.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
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
fn a_reset_in_the_middle_of_a_transfer_ends_all_dma_and_the_next_driver_gets_going() {
    let world = Servers::new();
    for round in 0..4 {
        let mut a = Host::new(&world.paths[0], 1);
        let mut b = Host::new(&world.paths[1], 2);
        get_going(&mut a, &mut b);
        b.nic.reset().unwrap();
        assert!(b.queue.is_down());
        let writes = world.servers[1].counts().dma_writes;
        // The sender goes on; a NIC after its reset has no place to put anything.
        for _ in 0..8 {
            while a.poll() > 0 {}
            for _ in 0..32 {
                a.post(&frame(mac(2), mac(1), &[9; 1400]));
            }
            a.queue.ring().unwrap();
        }
        poll_until(&mut a, |a| a.tx.taken() == 0);
        let after = world.servers[1].counts();
        assert_eq!(after.dma_writes, writes, "round {round}");
        assert_eq!(after.dma_faults, 0, "what is reset does not even try");
        drop(b);
        let mut b = Host::new(&world.paths[1], 2);
        let body = [0xa0 + round; 200];
        assert!(a.post(&frame(mac(2), mac(1), &body)));
        a.queue.ring().unwrap();
        poll_until(&mut b, |b| {
            b.received.iter().any(|f| f[14..].starts_with(&body))
        });
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

/// The life of a process that is to be killed: it connects to both NICs, keeps sending, and says when it is going.
/// Does nothing unless [`kill_minus_9`] started it.
#[test]
fn a_process_that_sends_until_it_is_killed() {
    let Ok(paths) = std::env::var(VICTIM) else {
        return;
    };
    let paths: Vec<&Path> = paths.split(':').map(Path::new).collect();
    let mut a = Host::new(paths[0], 1);
    let mut b = Host::new(paths[1], 2);
    loop {
        get_going(&mut a, &mut b);
        println!("{GOING}");
    }
}

const VICTIM: &str = "LONGSHORE_TEST_VICTIM";
const GOING: &str = "frames are on their way";

/// Starts a process that sends, and kills it in the middle.
fn kill_minus_9(world: &Servers) {
    let paths = world.paths.each_ref().map(|p| p.to_str().unwrap());
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "death::a_process_that_sends_until_it_is_killed",
            "--nocapture",
        ])
        .env(VICTIM, paths.join(":"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(victim.stdout.take().unwrap()).lines();
    let going = said.by_ref().any(|line| line.unwrap().contains(GOING));
    assert!(going, "it never got going");
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn after_kill_minus_9_the_next_host_connects_at_once_and_gets_going() {
    let world = Servers::new();
    for round in 0..3 {
        kill_minus_9(&world);
        let mut a = Host::new(&world.paths[0], 1);
        let mut b = Host::new(&world.paths[1], 2);
        let body = [0xd0 + round; 200];
        assert!(a.post(&frame(mac(2), mac(1), &body)));
        a.queue.ring().unwrap();
        poll_until(&mut b, |b| {
            b.received.iter().any(|f| f[14..].starts_with(&body))
        });
        assert_eq!(a.card.spoilt() + b.card.spoilt(), 0);
    }
    for server in &world.servers {
        println!("{:?}", server.counts());
        assert_eq!(server.counts().clients, 6);
    }
}
