//! Once warm, an established connection allocates nothing: in the sockets, in the driver, in TCP.
#![cfg(not(any(loom, shuttle)))]

mod common;

use std::io::{Read, Write};

use common::{B4, Plan, World};
use longshore_sockets::TcpStream;
use sim_wire::{Picos, Station};

/// Allocations of both stacks and of the programs' calls; what the NICs' model and the wire allocate is theirs.
#[derive(Default)]
struct Allocations(u64);

impl Allocations {
    fn note<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let mut result = None;
        let info = allocation_counter::measure(|| result = Some(work()));
        self.0 += info.count_total;
        result.unwrap()
    }
}

fn step(world: &mut World, allocations: &mut Allocations) {
    world.now += Picos::from_nanos(2_000);
    let now = world.now;
    for host in [&world.a, &world.b] {
        allocations.note(|| host.stack.poll(now.into()));
        host.model.lock().run_until(now);
    }
}

fn request(world: &mut World, allocations: &mut Allocations, a: &TcpStream, b: &TcpStream) {
    for (mut from, mut to) in [(a, b), (b, a)] {
        let mut buf = [0; 64];
        allocations.note(|| from.write_all(&[7; 64])).unwrap();
        while allocations.note(|| to.read(&mut buf)).is_err() {
            step(world, allocations);
        }
        assert_eq!(buf, [7; 64]);
    }
}

#[test]
fn a_thousand_requests_and_responses_allocate_nothing() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    for _ in 0..100 {
        request(&mut world, &mut Allocations::default(), &a, &b);
    }
    let mut allocations = Allocations::default();
    for _ in 0..1000 {
        request(&mut world, &mut allocations, &a, &b);
    }
    assert_eq!(allocations.0, 0);
}

#[test]
fn a_bulk_transfer_allocates_nothing() {
    let mut world = Plan::default().build();
    let (mut a, mut b) = world.connect(B4);
    let (chunk, mut buf) = (vec![7; 65_536], vec![0; 65_536]);
    let mut transfer = |bytes: usize| {
        let (mut allocations, mut received) = (Allocations::default(), 0);
        while received < bytes {
            while allocations.note(|| a.write(&chunk)).is_ok() {}
            while let Ok(n) = allocations.note(|| b.read(&mut buf)) {
                received += n;
            }
            step(&mut world, &mut allocations);
        }
        allocations.0
    };
    // The windows open, queues reach their length.
    transfer(32 << 20);
    assert_eq!(transfer(32 << 20), 0);
}
