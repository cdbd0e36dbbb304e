//! A whole stack over the model of the NIC: frames from a peer who keeps no rules, calls of programs, time.
//!
//! The peer knows the numbers of its connections, so that its segments are near enough to matter. What must hold: every
//! frame that the stack sends is well-formed, checksums included; what a program reads is what some peer sent at those
//! sequence numbers; what a peer receives is what the program wrote; a datagram comes once, whole, in order, from whom it is,
//! and to the socket it is for, or not at all if something is wrong with it; when all programs have gone and time has passed,
//! nothing is left.

mod arrival;
mod datagrams;
mod input;
mod peer;
mod program;
mod world;

use arbitrary::{Arbitrary, Unstructured};
use std::time::Duration;

use input::{Input, Step};
use world::World;

/// Steps of an input at most.
const STEPS: usize = 100;
/// Longer than R2 (RFC 9293 §3.8.3) of data and FIN, and 2MSL.
const REST: Duration = Duration::from_secs(3000);

/// Takes the bytes for an `Input` and goes through it.
///
/// # Panics
/// If something does not hold.
pub fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let mut world = World::new(input.v6, input.answers);
    if input.established {
        for step in input::handshake() {
            world.step(&step);
        }
    }
    for step in input.steps.iter().take(STEPS) {
        world.step(step);
    }
    world.step(&Step::Leave);
    world.pass(REST);
    world.assert_nothing_left();
}
