//! Simulated transfers between two NICs as a table: the figures of docs/PERFORMANCE.md.

use anyhow::Result;
use longshore_e2e::job::run;
use longshore_e2e::job::summary::goodput_limit;
use longshore_e2e::options::Setup;
use longshore_e2e::world::cost::HostCost;
use std::process::ExitCode;

/// Bytes of each transfer.
const LEN: usize = 16 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let cost = HostCost::default();
    println!(
        "One connection, {} MiB, 10 Gb/s wire, core and TLP64 at 250 MHz, 0.5 µs host read latency, MPS 256, MRRS 512.\n\
         Host: {} ps a poll, {} ps a doorbell, {} ps a segment or request.\n",
        LEN >> 20,
        cost.poll.0,
        cost.doorbell.0,
        cost.segment.0
    );
    println!(
        "| transfer | Gb/s | of the limit | steady Gb/s | of the limit | bubbles per segment | doorbells per frame | TSO requests | segments |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let setup = Setup::reference()?;
    for (name, ipv6, mss, header) in [
        ("IPv4, MSS 1460", false, 1_460, 54),
        ("IPv6, MSS 1440", true, 1_440, 74),
    ] {
        let result = run::stream(&setup, LEN, ipv6)?;
        let limit = goodput_limit(10.0, mss, header);
        let gbps = result.transfer.gbps().unwrap_or(0.0);
        let sender = &result.nics[0];
        println!(
            "| {name} | {gbps:.3} | {:.1} % | {:.3} | {:.1} % | {:.3} | {:.3} | {} | {} |",
            100.0 * gbps / limit,
            result.steady_gbps,
            100.0 * result.steady_gbps / limit,
            sender.bubbles_per_segment(),
            sender.doorbells_per_frame(),
            sender.stat(nic_abi::stats::Stat::TxTsoRequests),
            sender.stat(nic_abi::stats::Stat::TxSegments),
        );
    }
    Ok(())
}
