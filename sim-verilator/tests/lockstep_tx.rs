//! The transmit datapath in lock step with its Verilog, and its frames against the reference.

mod tx_bench;

use longshore_hdl::tx;
use rand::Rng as _;
use sim_lockstep::{Lockstep, Pace};
use tx_bench::{host::Host, judge::judge, pins, traffic};

#[test]
fn tx() {
    let mut host = Host::new(Pace::default, 60);
    let report = Lockstep::new("tx", tx::tx())
        .clock("clock", 4_000, |dut, level| dut.clock.next = level.into())
        .run(10_000, |dut, step| {
            dut.reset.next = step.reset();
            if step.in_reset() {
                return;
            }
            if host.waiting() < 40 && step.cycle < 7_000 {
                if step.rng.next_u32() % 8 == 0 {
                    traffic::bent(&mut step.rng, &mut host, false);
                } else {
                    traffic::good(&mut step.rng, &mut host, 3_000, 1_518);
                }
            }
            if step.cycle == 9_000 {
                traffic::bent(&mut step.rng, &mut host, true);
            }
            let inputs = host.drive(&mut step.rng);
            pins::set(dut, &inputs);
            step.settle(dut);
            host.observe(&pins::get(dut), &mut step.rng);
        });
    println!("{} frames", host.frames.len());
    assert!(host.frames.len() > 15);
    report.assert_outputs_moved_except(&[
        "rd_req$tag",
        "rd_rsp$ready",
        "fault$queue",
        "fault$cause",
        "fault$index",
        "fault$valid",
    ]);
    if host.idle() {
        judge(&host, 1_518, 1_024);
    }
}
