//! The PCIe adapter between a root complex and a core, in lock step.

mod dma;
mod engines;
mod root_complex;
mod tlp;

use engines::{Core, Load, PENDING_BITS};
use longshore_hdl::host::tlp64;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use root_complex::{Config, DEVICE, Fate, MEMORY, RootComplex};
use sim_lockstep::{Lockstep, Report};

/// As the catalogue builds the adapter.
const TIMEOUT: u64 = 2_000;
/// Length of a reset in mid-traffic.
const RESET_CYCLES: u64 = 5;

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
        msix_enable: true,
        masked_until: 0,
        gaps: true,
    }
}

/// What a test changes while it runs: called before each cycle.
type Script<'a> = &'a mut dyn FnMut(u64, &mut Core, &mut RootComplex, &mut ChaCha8Rng);

/// Runs `busy` cycles of traffic, and `drain` more for all of it to end.
fn run(busy: u64, drain: u64, config: Config, load: Load) -> (Report, Core, RootComplex) {
    run_with(busy, drain, config, load, 0, &mut |_, _, _, _| {})
}

/// As [`run`], with `script`; in cycle `reset_at`, if it is not 0, the adapter is reset, and core and root complex begin anew.
fn run_with(
    busy: u64,
    drain: u64,
    config: Config,
    load: Load,
    reset_at: u64,
    script: Script<'_>,
) -> (Report, Core, RootComplex) {
    let memory = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..MEMORY).map(|_| rng.random()).collect()
    };
    let mut rc = RootComplex::new(config.clone(), memory(1));
    let mut core = Core::new(load.clone(), &rc);
    let report = Lockstep::new("tlp64", tlp64::tlp64())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(busy + drain, |dut, step| {
            let reset = (reset_at..reset_at + RESET_CYCLES).contains(&step.cycle) && reset_at > 0;
            dut.reset.next = step.reset() || reset;
            dut.requester_id.next = u64::from(DEVICE).into();
            dut.mps.next = u64::from((rc.config.mps / 128).ilog2()).into();
            dut.mrrs.next = u64::from((rc.config.mrrs / 128).ilog2()).into();
            dut.bus_master.next = rc.config.bus_master;
            dut.msix_enable.next = rc.config.msix_enable;
            dut.msix_mask.next = step.cycle < rc.config.masked_until;
            assert!(
                step.cycle > rc.config.masked_until || rc.counts.interrupts == 0,
                "a message while the function is masked"
            );
            // Nothing is offered in the first cycle after it.
            let begins_anew = reset_at > 0 && step.cycle == reset_at + RESET_CYCLES;
            if reset || begins_anew {
                if step.cycle == reset_at {
                    assert!(!core.is_quiet(), "the reset comes in mid-traffic");
                    rc = RootComplex::new(config.clone(), memory(2));
                    core = Core::new(load.clone(), &rc);
                }
                dut.tlp_rx.tvalid.next = false;
                dut.tlp_tx.tready.next = false;
                dut.rd_req.valid.next = false;
                dut.wr.valid.next = false;
                dut.irq.valid.next = false;
                dut.regs.ready.next = false;
                dut.regs.done.next = false;
                return;
            }
            let begins =
                step.cycle == 3 || (reset_at > 0 && step.cycle == reset_at + RESET_CYCLES + 1);
            if begins && core.load.interrupts {
                core.fill_table(&mut rc, &mut step.rng);
            }
            if step.cycle < 4 {
                return;
            }
            if step.cycle >= busy {
                core.load = Load::default();
            }
            script(step.cycle, &mut core, &mut rc, &mut step.rng);
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

#[test]
fn large_packets_are_used_up_to_512_bytes() {
    let config = Config {
        mps: 512,
        ..config()
    };
    let load = Load {
        reads: true,
        writes: true,
        ..Load::default()
    };
    let (_, core, rc) = run(6_000, 8_000, config, load);
    assert!(core.good > 5 && rc.largest_write == 512, "{:?}", rc.counts);
}

/// The processor reads the pending bits while vectors wait for three different reasons; writing to them changes nothing.
#[test]
fn pending_bits_tell_which_vectors_wait() {
    let load = Load {
        interrupts: true,
        ..Load::default()
    };
    for reason in ["function mask", "MSI-X disabled", "no bus mastering"] {
        let mut seen = 0;
        let off = |rc: &mut RootComplex, off: bool| match reason {
            "function mask" => rc.config.masked_until = if off { 5_000 } else { 0 },
            "MSI-X disabled" => rc.config.msix_enable = !off,
            _ => rc.config.bus_master = !off,
        };
        let (_, _, rc) = run_with(
            6_000,
            3_000,
            config(),
            load.clone(),
            0,
            &mut |cycle, core, rc, rng| {
                match cycle {
                    4 => {
                        core.still = true;
                        off(rc, true);
                    }
                    // The table is filled; interrupts are raised, and nobody masks single vectors.
                    2_000 => {
                        seen = core.pending();
                        assert!(seen != 0 && rc.counts.interrupts == 0, "{reason}");
                        core.load.interrupts = false;
                    }
                    2_100 => {
                        let [low, high] = PENDING_BITS;
                        seen = core.pending();
                        rc.host_read(low, seen, rng);
                        rc.host_read(high, 0, rng);
                        rc.host_write(low, !seen, rng);
                        rc.host_read(low, seen, rng);
                    }
                    2_400 => {
                        assert!(rc.expected.is_empty(), "{reason}: no answer");
                        assert_eq!(rc.counts.interrupts, 0, "{reason}");
                        off(rc, false);
                    }
                    3_400 => {
                        assert_eq!(core.pending(), 0, "{reason}: a vector was not sent");
                        rc.host_read(PENDING_BITS[0], 0, rng);
                        core.load.interrupts = true;
                        core.still = false;
                    }
                    _ => {}
                }
            },
        );
        assert!(
            rc.counts.interrupts >= u64::from(seen.count_ones()),
            "{reason}"
        );
    }
}

/// Bus mastering is taken away in the middle of a write and of many reads, and given back.
#[test]
fn bus_mastering_may_change_in_mid_traffic() {
    let load = Load {
        reads: true,
        writes: true,
        registers: true,
        interrupts: true,
        ..Load::default()
    };
    let (mut switched, mut since, mut on_again, mut still) = (0, 0, 0, 0);
    let (_, core, rc) = run_with(
        24_000,
        8_000,
        config(),
        load,
        0,
        &mut |cycle, core, rc, _| {
            still = if core.no_burst() { still + 1 } else { 0 };
            if rc.config.bus_master
                && cycle > on_again
                && core.is_deep_in_a_burst()
                && core.reads_wait()
            {
                // Begun, so it goes on to its end; what begins from now on is dropped.
                rc.config.bus_master = false;
                (switched, since) = (switched + 1, cycle);
            } else if !rc.config.bus_master && cycle == since + 600 {
                core.load.writes = false;
            } else if !rc.config.bus_master && still > 40 && cycle > since + 600 {
                rc.config.bus_master = true;
                core.load.writes = true;
                on_again = cycle + 1_500;
            }
        },
    );
    assert!(
        switched > 2 && core.bad > 2 && core.good > 5,
        "{switched} times"
    );
    assert!(
        rc.counts.unsupported > 2 && rc.counts.interrupts > 10,
        "{:?}",
        rc.counts
    );
}

#[test]
fn a_reset_in_mid_traffic_forgets_everything() {
    let load = Load {
        reads: true,
        writes: true,
        registers: true,
        interrupts: true,
        nonsense: true,
    };
    // Some cycles of a burst, of a completion, of a TLP to the link.
    for reset_at in [3_001, 3_502, 4_003] {
        let (_, core, rc) = run_with(
            9_000,
            8_000,
            config(),
            load.clone(),
            reset_at,
            &mut |_, _, _, _| {},
        );
        assert!(core.good > 2 && rc.counts.writes > 10, "{:?}", rc.counts);
        assert!(rc.counts.interrupts > 5 && rc.answered > 10);
    }
}
