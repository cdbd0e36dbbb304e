//! Bytes arrive as they were sent, whatever the wire does.

mod common;

use std::time::Duration;

use common::{B4, B6, Plan, transfer};
use sim_wire::Picos;
use sim_wire::fault::{Action, FaultConfig, Script};

const LIMIT: Duration = Duration::from_secs(3600);

fn both_families(plan: impl Fn() -> Plan, to_b: usize, to_a: usize) {
    for ip in [B4, B6] {
        let mut world = plan().build();
        transfer(&mut world, ip, to_b, to_a, LIMIT);
        world.assert_nothing_left();
    }
}

#[test]
fn data_flow_both_ways_at_once() {
    both_families(Plan::default, 1_000_000, 700_000);
}

#[test]
fn nothing_at_all_can_be_transferred() {
    both_families(Plan::default, 0, 0);
}

#[test]
fn losing_one_frame_in_a_hundred() {
    both_families(|| Plan::faults(FaultConfig::loss(0.01)), 400_000, 300_000);
}

#[test]
fn losing_one_frame_in_twenty() {
    both_families(|| Plan::faults(FaultConfig::loss(0.05)), 300_000, 200_000);
}

#[test]
fn losing_one_frame_in_five() {
    both_families(|| Plan::faults(FaultConfig::loss(0.2)), 60_000, 40_000);
}

#[test]
fn reordering_and_duplication() {
    let faults = FaultConfig {
        reorder: 0.1,
        duplicate: 0.05,
        ..FaultConfig::default()
    };
    both_families(|| Plan::faults(faults.clone()), 400_000, 300_000);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# the receiver MUST check it (MUST-3).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# The sender MUST generate it (MUST-2)
#[test]
fn corrupted_frames_are_caught_by_checksums() {
    let faults = FaultConfig {
        corrupt: 0.05,
        ..FaultConfig::default()
    };
    both_families(|| Plan::faults(faults.clone()), 300_000, 200_000);
}

#[test]
fn truncated_frames_do_no_harm() {
    let faults = FaultConfig {
        truncate: 0.05,
        ..FaultConfig::default()
    };
    both_families(|| Plan::faults(faults.clone()), 300_000, 200_000);
}

#[test]
fn everything_at_once_over_a_long_way() {
    let faults = FaultConfig {
        loss: 0.02,
        reorder: 0.05,
        duplicate: 0.02,
        corrupt: 0.01,
        truncate: 0.01,
        delay: Picos::from_millis(20),
        jitter: Picos::from_millis(2),
        ..FaultConfig::default()
    };
    both_families(|| Plan::faults(faults.clone()), 200_000, 150_000);
}

#[test]
fn small_rings_and_small_buffers_only_slow_things_down() {
    both_families(
        || Plan {
            rings: longshore_driver::QueueConfig {
                sq_log2: 4,
                rq_log2: 4,
                cq_log2: 5,
                ..longshore_driver::QueueConfig::default()
            },
            tune: |config| {
                config.send_buffer = 5_000;
                config.tcp.receive_buffer = 4_000;
            },
            ..Plan::default()
        },
        100_000,
        80_000,
    );
}

#[test]
fn frames_over_several_receive_buffers() {
    both_families(
        || Plan {
            mtu: 9000,
            ..Plan::faults(FaultConfig::loss(0.01))
        },
        1_000_000,
        700_000,
    );
}

#[test]
fn a_nic_without_checksums_and_segmentation_will_do() {
    for ip in [B4, B6] {
        let plan = Plan {
            plain: true,
            ..Plan::faults(FaultConfig::loss(0.01))
        };
        let mut world = plan.build();
        transfer(&mut world, ip, 300_000, 200_000, LIMIT);
        world.assert_nothing_left();
        assert_eq!(world.a.stack.counters().super_segments, 0);
        let statistics = world.a.stack.nic().statistics().unwrap();
        assert_eq!(statistics.get(nic_abi::stats::Stat::TxL4Checksums), 0);
    }
}

#[test]
fn a_cable_that_is_pulled_and_plugged_in_again() {
    let pulled =
        || Script::new().when(|number, _| (20..45).contains(&number).then_some(Action::Drop));
    both_families(
        || Plan {
            script_to_a: pulled(),
            script_to_b: pulled(),
            ..Plan::default()
        },
        300_000,
        200_000,
    );
}
