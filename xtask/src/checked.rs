//! The model checkers: what is shared and locked, with `loom` and `shuttle` behind `longshore_refs::sync`.
//!
//! Each has a target folder of its own, because everything is built for it anew.

use crate::process::{cargo, run as spawn};
use anyhow::Result;

/// Every interleaving of a few operations: counts, look-up, free slots, flow slots, the accept queue, timers.
pub(crate) fn loom() -> Result<()> {
    let refs = ["--package", "longshore-refs", "--test", "loom"];
    let timers = [
        "--package",
        "longshore-sockets",
        "--lib",
        "timers::exhausted",
    ];
    for tests in [&refs[..], &timers[..]] {
        spawn(&mut build("loom", tests))?;
    }
    Ok(())
}

/// The races by name and whole lives of references, in `schedules` schedules each (as many as the tests say with
/// `None`).
pub(crate) fn shuttle(schedules: Option<u64>) -> Result<()> {
    let refs = ["--package", "longshore-refs", "--test", "shuttle"];
    let races = ["--package", "longshore-sockets", "--test", "races"];
    let udp = ["--package", "longshore-sockets", "--test", "udp_races"];
    for tests in [refs, races, udp] {
        let mut command = build("shuttle", &tests);
        if let Some(schedules) = schedules {
            command.env("LONGSHORE_SCHEDULES", schedules.to_string());
        }
        spawn(&mut command)?;
    }
    Ok(())
}

fn build(checker: &str, tests: &[&str]) -> std::process::Command {
    let mut command = cargo();
    command
        .arg("test")
        .args(tests)
        .args(["--target-dir", &format!("target/{checker}")])
        .env("RUSTFLAGS", format!("--cfg {checker}"));
    command
}
