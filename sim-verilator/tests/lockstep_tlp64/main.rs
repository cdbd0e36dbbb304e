//! The PCIe adapter between a root complex and a core, in lock step.

mod dma;
mod engines;
mod root_complex;
mod tlp;

use engines::{Core, Load};
use longshore_hdl::host::tlp64;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use root_complex::{Config, DEVICE, Fate, MEMORY, RootComplex};
use sim_lockstep::{Lockstep, Report};

/// As the catalogue builds the adapter.
const TIMEOUT: u64 = 2_000;

fn config() -> Config {
    Config {
        mps: 256,
        mrrs: 512,
        rcb: 64,
        latency: 300,
        timeout: TIMEOUT,
        faults: Vec::new(),
        fault_of: 1,
        retire: 0,
        bus_master: true,
        masked_until: 0,
        gaps: true,
    }
}

/// Runs `busy` cycles of traffic, and `drain` more for all of it to end.
fn run(busy: u64, drain: u64, config: Config, load: Load) -> (Report, Core, RootComplex) {
    let memory = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..MEMORY).map(|_| rng.random()).collect()
    };
    let mut rc = RootComplex::new(config, memory(1));
    let mut core = Core::new(load, &rc);
    let report = Lockstep::new("tlp64", tlp64::tlp64())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(busy + drain, |dut, step| {
            dut.reset.next = step.reset();
            dut.requester_id.next = u64::from(DEVICE).into();
            dut.mps.next = u64::from((rc.config.mps / 128).ilog2()).into();
            dut.mrrs.next = u64::from((rc.config.mrrs / 128).ilog2()).into();
            dut.bus_master.next = rc.config.bus_master;
            dut.msix_enable.next = true;
            dut.msix_mask.next = step.cycle < rc.config.masked_until;
            assert!(
                step.cycle > rc.config.masked_until || rc.counts.interrupts == 0,
                "a message while the function is masked"
            );
            if step.cycle == 3 && core.load.interrupts {
                core.fill_table(&mut rc, &mut step.rng);
            }
            if step.cycle < 4 {
                return;
            }
            if step.cycle >= busy {
                core.load = Load::default();
            }
            core.host(&mut rc, &mut step.rng);
            let (beat, ready) = rc.drive(step.cycle, &mut step.rng);
            if let Some(beat) = beat {
                dut.tlp_rx.tdata.next = beat.tdata.into();
                dut.tlp_rx.tkeep.next = u64::from(beat.tkeep).into();
                dut.tlp_rx.tlast.next = beat.tlast;
            }
            dut.tlp_rx.tvalid.next = beat.is_some();
            dut.tlp_tx.tready.next = ready;
            core.drive(dut, step);
            step.settle(dut);
            if beat.is_some() && dut.tlp_rx.tready.val() {
                rc.sent();
            }
            let out = sim_lockstep::sample_source(&dut.tlp_tx);
            if out.moves() {
                rc.receive(&out, step.cycle, &mut step.rng);
            }
            core.observe(dut, &mut rc, step);
            if step.cycle + 1 == busy + drain {
                assert!(core.is_quiet() && rc.is_quiet(), "something hangs");
                assert!(dut.idle.val(), "idle at the end");
            }
        });
    core.check(&rc);
    (report, core, rc)
}

#[test]
fn reads_of_all_lengths_come_back_in_order() {
    let load = Load {
        reads: true,
        ..Load::default()
    };
    let (_, core, rc) = run(8_000, 6_000, config(), load);
    println!("{} reads, {:?}", core.good, rc.counts);
    assert!(core.good > 15 && core.bad == 0);
}

#[test]
fn writes_of_all_lengths_arrive() {
    let load = Load {
        writes: true,
        ..Load::default()
    };
    let (_, core, rc) = run(6_000, 3_000, config(), load);
    println!("{} bytes, {:?}", core.taken, rc.counts);
    assert!(rc.counts.writes > 50);
}

#[test]
fn everything_at_once_with_nonsense_in_between() {
    let load = Load {
        reads: true,
        writes: true,
        registers: true,
        interrupts: true,
        nonsense: true,
    };
    let config = Config {
        faults: vec![Fate::Status(1)],
        fault_of: 10,
        ..config()
    };
    let (report, core, rc) = run(12_000, 8_000, config, load);
    println!("{} reads, {:?}", core.good, rc.counts);
    assert!(core.good > 5 && rc.counts.interrupts > 20 && rc.answered > 30);
    assert!(rc.counts.unsupported > 0 && rc.counts.writes > 50);
    let still: Vec<_> = report.changes.iter().filter(|c| c.1 == 0).collect();
    assert!(still.is_empty(), "outputs that never changed: {still:?}");
}

#[test]
fn failed_reads_are_errors_and_nothing_else_is_lost() {
    use Fate::{CutShort, Late, Lost, Poisoned, Status, WrongCount};
    let faults = vec![
        Status(1),
        Status(2),
        Status(4),
        Poisoned,
        WrongCount,
        CutShort,
        Lost,
        Late,
    ];
    let config = Config {
        faults,
        fault_of: 6,
        retire: 5,
        ..config()
    };
    let load = Load {
        reads: true,
        writes: true,
        registers: true,
        ..Load::default()
    };
    let (_, core, rc) = run(10_000, 30_000, config, load);
    println!("{} good, {} bad, {:?}", core.good, core.bad, rc.counts);
    assert!(core.bad > 2 && core.good > 5);
}

#[test]
fn small_sizes_and_large_boundary() {
    let config = Config {
        mps: 128,
        mrrs: 128,
        rcb: 128,
        latency: 40,
        ..config()
    };
    let load = Load {
        reads: true,
        writes: true,
        ..Load::default()
    };
    let (_, core, rc) = run(6_000, 8_000, config, load);
    println!("{} reads, {:?}", core.good, rc.counts);
}

#[test]
fn interrupts_wait_while_the_function_is_masked() {
    let config = Config {
        masked_until: 3_000,
        ..config()
    };
    let load = Load {
        interrupts: true,
        writes: true,
        ..Load::default()
    };
    let (_, _, rc) = run(5_000, 3_000, config, load);
    assert!(rc.counts.interrupts >= 10, "{:?}", rc.counts);
}

#[test]
fn without_bus_mastering_reads_fail_and_writes_are_dropped() {
    let config = Config {
        bus_master: false,
        ..config()
    };
    let load = Load {
        reads: true,
        writes: true,
        registers: true,
        ..Load::default()
    };
    let (_, core, rc) = run(4_000, 4_000, config, load);
    assert!(core.bad > 10 && core.good == 0 && rc.counts.reads + rc.counts.writes == 0);
}

#[test]
fn with_all_tags_lost_reads_fail_and_nothing_hangs() {
    let config = Config {
        faults: vec![Fate::Lost],
        fault_of: 1,
        retire: 16,
        ..config()
    };
    let load = Load {
        reads: true,
        registers: true,
        ..Load::default()
    };
    let (_, core, rc) = run(36_000, 6_000, config, load);
    assert!(core.bad > 16 && rc.counts.timeouts == 16, "{:?}", rc.counts);
}

#[test]
fn requests_that_are_not_served_are_refused_or_dropped() {
    let load = Load {
        registers: true,
        nonsense: true,
        ..Load::default()
    };
    let (_, _, rc) = run(9_000, 2_000, config(), load);
    println!("{} answers, {:?}", rc.answered, rc.counts);
    assert!(rc.counts.unsupported > 40 && rc.counts.unexpected > 3);
}
