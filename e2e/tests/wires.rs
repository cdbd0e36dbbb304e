//! Files over wires of every kind, in virtual time, over the executable model: what takes too long over the RTL.
//!
//! The whole matrix runs once; `cargo xtask campaign wires` (or LONGSHORE_CAMPAIGN=n) runs it n times, each time with
//! other seeds.

use longshore_e2e::job::{run, sample::Sample};
use longshore_e2e::options::{Form, Setup};
use sim_wire::Seed;

/// Large enough for a window to open and for losses to fall everywhere in it.
const BYTES: usize = 200_000;

/// From two hosts in one rack to the other side of a country, one way.
const DELAYS: [&str; 4] = ["0us", "10us", "1ms", "20ms"];

/// Moves a file each way over a wire with each of these faults and every delay, over IPv4 and IPv6; the bytes are
/// compared by SHA-256.
fn moves(faults: &[&str]) {
    let scratch = tempfile::tempdir().unwrap();
    let sample = Sample::generate(scratch.path(), BYTES, 10).unwrap();
    let first = Seed::from_env_or_random().unwrap().0;
    let times = std::env::var("LONGSHORE_CAMPAIGN").map_or(1, |times| {
        times.parse().expect("LONGSHORE_CAMPAIGN is a number")
    });
    let cells = (0..times).flat_map(|time| {
        faults.iter().flat_map(move |faults| {
            DELAYS.iter().flat_map(move |delay| {
                [false, true].map(|ipv6| (time, format!("{faults},delay={delay}"), ipv6))
            })
        })
    });
    for (time, faults, ipv6) in cells {
        let mut setup = Setup::reference().unwrap();
        setup.nic = Form::Model;
        setup.faults = Some(faults.parse().unwrap());
        // Replayed by this seed as LONGSHORE_SEED: then it is that of the first time.
        let seed = first.wrapping_add(time);
        setup.seed = Some(seed);
        let about = format!("LONGSHORE_SEED={seed:#x}, {faults}, IPv6: {ipv6}");
        run::back_to_back(&setup, &sample, ipv6)
            .unwrap_or_else(|error| panic!("{about}: {error:#}"))
            .judge()
            .unwrap_or_else(|error| panic!("{about}: {error:#}"));
    }
}

#[test]
fn any_loss_up_to_a_fifth() {
    moves(&[
        "loss=0%",
        "loss=0.1%",
        "loss=1%",
        "loss=5%",
        "loss=10%",
        "loss=20%",
    ]);
}

#[test]
fn any_reordering_up_to_a_half() {
    moves(&[
        "reorder=1%",
        "reorder=10%",
        "reorder=50%",
        "reorder=10%,jitter=50us",
        "reorder=50%,jitter=1ms",
    ]);
}

#[test]
fn any_duplication_corruption_and_truncation() {
    moves(&[
        "duplicate=0.5%",
        "duplicate=20%",
        "corrupt=0.5%",
        "corrupt=10%",
        "truncate=0.5%",
        "truncate=10%",
    ]);
}

#[test]
fn all_faults_at_once() {
    moves(&[
        "loss=0.2%,reorder=0.2%,duplicate=0.2%,corrupt=0.2%,truncate=0.2%,jitter=20us",
        "loss=1%,reorder=1%,duplicate=1%,corrupt=1%,truncate=1%,jitter=20us",
        "loss=5%,reorder=5%,duplicate=5%,corrupt=5%,truncate=5%,jitter=200us",
    ]);
}
