//! The same scenarios on the model and on another NIC.

use longshore_e2e::rig::compare::compare;
use longshore_e2e::rig::hosts::host;
use longshore_e2e::rig::nics::{GatewareNic, ModelNic};
use longshore_e2e::rig::outcome::{Outcome, TIMED, begin, perform};
use longshore_e2e::rig::scenario::Scenario;
use longshore_e2e::rig::{Rig, RigConfig};
use nic_abi::completion::Completion;
use nic_abi::fault::QueueFault;
use nic_abi::stats::Stat;
use sim_wire::Seed;
use std::collections::HashSet;

/// The seeds of a test: the one to be replayed, or `count` random ones.
fn seeds(count: usize) -> Vec<Seed> {
    let first = Seed::from_env_or_random().unwrap_or_else(|e| panic!("{e}"));
    if std::env::var_os(sim_wire::seed::SEED_VAR).is_some() {
        return vec![first];
    }
    (0..count as u64)
        .map(|i| Seed(first.0.wrapping_add(i)))
        .collect()
}

/// Where memory lies is no matter of the outcome: this also shows that scenarios are deterministic.
#[test]
fn the_model_agrees_with_itself() {
    for seed in seeds(20) {
        let scenario = Scenario::random(seed, 12);
        compare::<ModelNic, ModelNic>(&RigConfig::default(), &scenario)
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

/// One test per host, so that they run side by side.
fn the_gateware_agrees_in_host(n: usize) {
    for seed in seeds(4) {
        let scenario = Scenario::random(seed, 10);
        compare::<ModelNic, GatewareNic>(&host(n, seed.0), &scenario)
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn the_gateware_agrees_with_the_model() {
    the_gateware_agrees_in_host(0);
}

#[test]
fn the_gateware_agrees_with_small_packets_and_high_addresses() {
    the_gateware_agrees_in_host(1);
}

#[test]
fn the_gateware_agrees_when_completions_are_split_and_out_of_order() {
    the_gateware_agrees_in_host(2);
}

#[test]
fn the_gateware_agrees_across_the_4_gib_line_with_slow_reads() {
    the_gateware_agrees_in_host(3);
}

/// A generator that never gets anywhere would make every comparison pass.
#[test]
fn scenarios_reach_every_outcome() {
    // What no scenario may contain, because its outcome depends on time.
    let unreached = [Stat::RxOverflow, Stat::TxCancelled];
    let mut reached = HashSet::new();
    let mut faults = HashSet::new();
    for seed in 0..40 {
        let scenario = Scenario::random(Seed(seed), 12);
        let mut rig = Rig::<ModelNic>::new(&RigConfig::default());
        begin(&mut rig, &scenario);
        let outcomes: Vec<Outcome> = scenario
            .steps
            .iter()
            .map(|s| perform(&mut rig, s))
            .collect();
        let last = outcomes.last().expect("a scenario has steps");
        reached.extend(
            last.counters
                .iter()
                .filter(|(_, n)| *n > 0)
                .map(|(s, _)| *s),
        );
        let queues = outcomes.iter().flat_map(|o| &o.queues);
        faults.extend(queues.flat_map(|q| &q.collected.events).map(|e| match e {
            Completion::Event { fault, .. } => *fault as u8,
            other => panic!("{other:?} is no event"),
        }));
        rig.check();
    }
    for stat in Stat::ALL
        .iter()
        .filter(|s| !TIMED.contains(s) && !unreached.contains(s))
    {
        assert!(reached.contains(stat), "{} was never counted", stat.name());
    }
    for (fault, name, _) in QueueFault::ALL {
        // A queue pair that was configured wrongly has no ring to tell so.
        let told = !matches!(fault, QueueFault::None | QueueFault::BadConfiguration);
        assert_eq!(faults.contains(&(*fault as u8)), told, "{name}");
    }
}
