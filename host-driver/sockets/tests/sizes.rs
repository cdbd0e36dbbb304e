//! How much memory each connection takes: what B has allocated for ten thousand of them, for whatever purpose. It may only
//! get less. docs/DECISIONS.md says where it goes.
#![cfg(not(any(loom, shuttle)))]

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{B4, Plan, World, at};
use longshore_sockets::{StackConfig, TcpListener, TcpStream};
use sim_wire::fault::{Action, Script};
use sim_wire::{Picos, Station};

const MANY: usize = 10_000;

/// Record, its place in the table and its deadline, of a half-open connection.
const HALF_OPEN: i64 = 128;
/// Control block, slot, socket, file, table, and place in the listener's queue.
const IDLE: i64 = 1_024;
/// The same in TIME-WAIT, and the slot that the slab keeps for the next connection.
const TIME_WAIT: i64 = 128;

/// Bytes that B has allocated.
#[derive(Default)]
struct Heap(i64);

impl Heap {
    /// Runs a part of B, and notes what it leaves allocated.
    fn note<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let mut result = None;
        let info = allocation_counter::measure(|| result = Some(work()));
        self.0 += info.bytes_current;
        result.unwrap()
    }

    fn each(&self) -> i64 {
        self.0 / MANY as i64
    }
}

fn many(config: &mut StackConfig) {
    config.half_open = 2 * MANY;
    config.backlog = 2 * MANY;
}

/// Lets some time pass, in steps that a burst of small frames fits in.
fn pass(world: &mut World, heap: &mut Heap, steps: usize) {
    for _ in 0..steps {
        world.now += Picos::from_nanos(5_000);
        let now = world.now;
        world.a.stack.poll(now.into());
        heap.note(|| world.b.stack.poll(now.into()));
        world.a.model.lock().run_until(now);
        world.b.model.lock().run_until(now);
    }
}

/// A listener at B, and connections from A to it, begun a few at a time.
fn begin(world: &mut World, heap: &mut Heap) -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    // Whatever is made once and for all is made before.
    let first = TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap();
    pass(world, &mut Heap::default(), 50);
    let mut streams = vec![first];
    while streams.len() < MANY {
        for _ in 0..25 {
            streams.push(TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap());
        }
        pass(world, heap, 6);
    }
    pass(world, heap, 50);
    (listener, streams)
}

#[test]
fn a_half_open_connection_takes_no_more_than_it_did() {
    // Pure ACKs are lost: no handshake is ever over.
    let acks = |_, frame: &[u8]| {
        let ack = frame.get(23) == Some(&6) && frame.get(47) == Some(&0x10);
        ack.then_some(Action::Drop)
    };
    let plan = Plan {
        tune_b: many,
        script_to_b: Script::new().when(acks),
        ..Plan::default()
    };
    let mut world = plan.build();
    let mut heap = Heap::default();
    let (listener, streams) = begin(&mut world, &mut heap);
    assert!(world.b.stack.living().half_open >= MANY);
    println!("{} bytes per half-open connection", heap.each());
    assert!(heap.each() <= HALF_OPEN);
    drop((listener, streams));
}

#[test]
fn an_idle_connection_and_one_in_time_wait_take_no_more_than_they_did() {
    let plan = Plan {
        tune_b: many,
        ..Plan::default()
    };
    let mut world = plan.build();
    let mut heap = Heap::default();
    let (listener, streams) = begin(&mut world, &mut heap);
    let mut children: Vec<TcpStream> = Vec::with_capacity(2 * MANY);
    heap.note(|| children.extend(std::iter::from_fn(|| listener.accept().ok()).map(|(c, _)| c)));
    assert!(children.len() >= MANY);
    println!("{} bytes per idle connection", heap.each());
    assert!(heap.each() <= IDLE);
    // B closes first.
    let (mut rest, mut byte) = (streams.into_iter(), [0]);
    for child in children {
        heap.note(|| drop(child));
        pass(&mut world, &mut heap, 1);
    }
    pass(&mut world, &mut heap, 10);
    for mut stream in rest.by_ref() {
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.read(&mut byte).unwrap(), 0);
        let _ = stream.flush();
        drop(stream);
        pass(&mut world, &mut heap, 1);
    }
    pass(&mut world, &mut heap, 50);
    let living = world.b.stack.living();
    assert!(living.time_wait >= MANY, "{living:?}");
    println!("{} bytes per connection in TIME-WAIT", heap.each());
    assert!(heap.each() <= TIME_WAIT);
    drop(listener);
    world.pass(Duration::from_millis(1));
}
