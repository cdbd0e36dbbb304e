//! Instructions that TCP takes, ours and a peer's, counted by valgrind's callgrind.

use crate::document::performance;
use crate::process::{cargo, command, root, run as spawn};
use crate::setup::{VALGRIND, ensure};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;

const PACKAGE: &str = "longshore-peers";
const PROGRAM: &str = "longshore-instructions";

/// What is counted, and what the table calls it.
const WORKS: [(&str, &str); 3] = [
    ("connect", "connect+close"),
    ("request", "64 B request+response"),
    ("bulk", "64 KiB in segments of 1460 B"),
];
/// Whose.
const PEERS: [&str; 3] = ["tcp-core", "tcp-core-tso", "smoltcp"];

/// Two counts: start and end of the process fall out of their difference.
const FEW: u64 = 100;
const MANY: u64 = 300;

/// Counts, and writes the table into docs/PERFORMANCE.md.
pub(crate) fn run() -> Result<()> {
    ensure(&[VALGRIND])?;
    spawn(cargo().args(["build", "--release", "--package", PACKAGE, "--bin", PROGRAM]))?;
    let mut table = String::from(
        "| work | tcp-core | with a NIC that cuts | smoltcp |\n|---|---:|---:|---:|\n",
    );
    for (work, name) in WORKS {
        let _ = write!(table, "| {name} |");
        for peer in PEERS {
            let once = (count(peer, work, MANY)? - count(peer, work, FEW)?) / (MANY - FEW);
            let _ = write!(table, " {once} |");
        }
        table.push('\n');
    }
    print!("{table}");
    performance("instructions", &table)
}

/// Instructions of the whole process.
fn count(peer: &str, work: &str, times: u64) -> Result<u64> {
    let program = root().join("target/release").join(PROGRAM);
    let out = command("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([peer, work, &times.to_string()])
        .output()
        .context("cannot start valgrind")?;
    let report = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        bail!(
            "counting {work} of {peer} ended with {}:\n{report}",
            out.status
        );
    }
    collected(&report).with_context(|| format!("no count in what callgrind says:\n{report}"))
}

/// The total in callgrind's report: `==1== Collected : 12345`.
fn collected(report: &str) -> Option<u64> {
    let line = report.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_in_callgrinds_report() {
        let report = "==7== Events    : Ir\n==7== Collected : 4712102\n==7== \n==7== I   refs:      4,712,102\n";
        assert_eq!(collected(report), Some(4_712_102));
        assert_eq!(collected("==7== Command: x\n"), None);
    }
}
