//! Fuzz targets for what the host driver reads from the wire.
//!
//! A target is a function from any bytes to nothing, in a module of its name, that panics when something is wrong. Each
//! runs in three ways:
//! * under libFuzzer, coverage-guided: `cargo xtask campaign fuzz --target stack --minutes 60`;
//! * over what is kept, as an ordinary test (`tests/corpus.rs`): `corpus/<target>` reaches all code that fuzzing has reached
//!   so far, `regressions/<target>` once made the target panic;
//! * over one input: `LONGSHORE_INPUT=<file> cargo test -p longshore-fuzz one_input`.
//!
//! | target | input | what must hold |
//! |---|---|---|
//! | [`stack`] | frames, calls and time for a whole stack over the model of the NIC | every frame it sends is well-formed; bytes read are the bytes sent, datagrams too, each to whom it is for; nothing is left behind |
//! | [`connection`] | headers near the numbers of a connection, and calls | its numbers stay in order; it comes to rest |
//! | [`segment`] | a TCP header | what is read is written and read the same |
//! | [`icmp`] | ICMP messages that quote packets of ours | errors are of packets of ours; answers are bounded and well-formed |
//! | [`neighbour`] | ARP and neighbour discovery | the cache and what waits in it are bounded; our own address is never learned |
#![forbid(unsafe_code)]

pub mod connection;
pub mod frame;
pub mod icmp;
pub mod neighbour;
pub mod segment;
pub mod stack;

use std::sync::LazyLock;

/// A target: panics when something is wrong.
pub type Target = fn(&[u8]);

/// Shows what bytes were taken for, if they come from `LONGSHORE_INPUT`.
fn show(input: &impl std::fmt::Debug) {
    static ASKED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("LONGSHORE_INPUT").is_some());
    if *ASKED {
        println!("{input:?}");
    }
}

/// All targets by name.
pub const TARGETS: [(&str, Target); 5] = [
    ("stack", stack::run),
    ("connection", connection::run),
    ("segment", segment::run),
    ("icmp", icmp::run),
    ("neighbour", neighbour::run),
];
