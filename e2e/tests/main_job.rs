//! The main job over the RTL: curl against our server, and two NICs back to back; bytes compared by SHA-256.

use longshore_e2e::job::{page::Run, run, sample::Sample};
use longshore_e2e::options::Setup;
use nic_abi::stats::Stat;
use sim_wire::privileges::probe_or_skip;

const CLEAN: usize = 2_000_000;
const LOSSY: usize = 256 * 1024;

fn setup(faults: &str) -> Setup {
    let mut setup = Setup::reference().unwrap();
    if !faults.is_empty() {
        setup.faults = Some(faults.parse().unwrap());
    }
    setup
}

/// Every byte arrived, no rule was broken, every frame is accounted for.
fn assert_sound(run: &Run) {
    run.judge().unwrap();
    for nic in &run.nics {
        let sum = |outcomes: &[Stat]| outcomes.iter().map(|o| nic.stat(*o)).sum::<u64>();
        let received = sum(nic_abi::stats::RX_OUTCOMES);
        let sent = sum(nic_abi::stats::TX_OUTCOMES);
        // Counters are read one after the other while frames may still come.
        assert!(nic.stat(Stat::RxFrames).abs_diff(received) <= 2, "{nic}");
        assert!(nic.stat(Stat::TxRequests).abs_diff(sent) <= 2, "{nic}");
        assert!(nic.stat(Stat::TxTsoRequests) > 0, "{nic}");
        assert!(nic.stat(Stat::TxL4Checksums) > 0, "{nic}");
        assert!(nic.stat(Stat::RxL4Ok) > 0, "{nic}");
    }
}

fn curl(test: &str, bytes: usize, ipv6: bool, faults: &str) {
    if !probe_or_skip(test) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let sample = Sample::generate(scratch.path(), bytes, 7).unwrap();
    let run = run::with_curl(&setup(faults), &sample, scratch.path(), ipv6, 1).unwrap();
    assert_sound(&run);
}

#[test]
fn curl_moves_two_megabytes_each_way_over_ipv4() {
    curl("curl over IPv4", CLEAN, false, "");
}

#[test]
fn curl_moves_two_megabytes_each_way_over_ipv6() {
    curl("curl over IPv6", CLEAN, true, "");
}

#[test]
fn curl_survives_one_percent_of_loss_and_reordering() {
    curl("curl with 1 % loss", LOSSY, false, "loss=1%,reorder=2%");
}

#[test]
fn curl_survives_five_percent_of_loss_and_reordering_over_ipv6() {
    curl("curl with 5 % loss", LOSSY, true, "loss=5%,reorder=5%");
}

#[test]
fn two_nics_move_a_file_each_way() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = Sample::generate(scratch.path(), 1_000_000, 8).unwrap();
    for ipv6 in [false, true] {
        assert_sound(&run::back_to_back(&setup(""), &sample, ipv6).unwrap());
    }
}

#[test]
fn two_nics_survive_a_wire_with_every_fault() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = Sample::generate(scratch.path(), LOSSY, 9).unwrap();
    let faults = "loss=1%,reorder=2%,duplicate=1%,corrupt=1%,truncate=0.5%,jitter=5us";
    assert_sound(&run::back_to_back(&setup(faults), &sample, false).unwrap());
}

#[test]
fn one_connection_fills_nine_tenths_of_the_line() {
    let result = run::stream(&setup(""), 8 << 20, false).unwrap();
    let limit = longshore_e2e::job::summary::goodput_limit(10.0, 1_460, 54);
    let gbps = result.transfer.gbps().unwrap();
    println!(
        "{gbps:.3} Gb/s of {limit:.3}, {:.3} bubbles per segment",
        result.nics[0].bubbles_per_segment()
    );
    // Simulated time: the same on every machine.
    assert!(
        gbps >= 0.9 * limit,
        "{gbps:.3} Gb/s of {limit:.3}\n{}{}",
        result.nics[0],
        result.nics[1]
    );
    for nic in &result.nics {
        assert_eq!(nic.violations(), [] as [String; 0]);
        assert_eq!(nic.mmio_reads(), 0, "a register read on the data path");
    }
}
