//! Campaigns over the TCP of the host driver.

use crate::process::{cargo, run as spawn};
use anyhow::Result;

/// The matrix of networks `times` times with long transfers, and the properties of tcp-core with many cases.
pub(super) fn run(times: u32) -> Result<()> {
    spawn(
        cargo()
            .args(["test", "--package", "tcp-core", "--test", "networks"])
            .args(["--", "matrix", "--nocapture"])
            .env("LONGSHORE_CAMPAIGN", times.to_string()),
    )?;
    spawn(
        cargo()
            .args(["test", "--package", "tcp-core"])
            .args(["--test", "random", "--test", "fuzz"])
            .env("PROPTEST_CASES", (1000 * times).to_string()),
    )
}

/// A million SYNs at a listener.
pub(super) fn flood() -> Result<()> {
    spawn(
        cargo()
            .args(["test", "--package", "longshore-sockets", "--test", "flood"])
            .args(["--", "--nocapture"])
            .env("LONGSHORE_FLOOD", "1000000"),
    )
}
