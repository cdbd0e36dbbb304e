//! What the tests of the wires share.
#![allow(dead_code, reason = "each test file uses its part")]

use proptest::test_runner::{Config, RngSeed};
use sim_wire::{Frame, FramePool, Picos, Seed, Wire};

/// Property tests print their seed and are replayed with it.
pub(crate) fn seeded(cases: u32) -> Config {
    let seed = Seed::from_env_or_random().unwrap();
    eprintln!("LONGSHORE_SEED={seed}");
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed.0),
        ..Config::default()
    }
}

/// A frame of `len` bytes that starts with its number.
pub(crate) fn numbered(pool: &FramePool, number: u64, len: usize) -> Frame {
    let mut frame = pool.take();
    frame.bytes_mut().resize(len.max(60), number as u8);
    frame[..8].copy_from_slice(&number.to_be_bytes());
    frame
}

/// The number in a frame that was not damaged.
pub(crate) fn number(frame: &[u8]) -> u64 {
    u64::from_be_bytes(frame[..8].try_into().unwrap())
}

/// Receives from `to` until both ends are silent, stepping from event to event.
pub(crate) fn drain(from: &mut impl Wire, to: &mut impl Wire) -> Vec<Frame> {
    let mut received = Vec::new();
    let mut now = Picos::ZERO;
    while let Some(next) = [from.next_event(), to.next_event()]
        .into_iter()
        .flatten()
        .min()
    {
        now = now.max(next);
        assert_eq!(from.receive(now), None, "nothing was sent the other way");
        received.extend(std::iter::from_fn(|| to.receive(now)));
    }
    received
}
