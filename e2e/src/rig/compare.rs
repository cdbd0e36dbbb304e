//! One scenario on two NICs: the first difference, told so that it can be found and replayed.

use super::bench::{Rig, RigConfig};
use super::describe;
use super::nics::Nic;
use super::outcome::{Outcome, QueueOutcome, begin, perform};
use super::scenario::Scenario;
use sim_wire::seed::SEED_VAR;
use std::fmt::Debug;

/// Two NICs did different things.
#[derive(Debug, Clone, thiserror::Error)]
#[error("step {step}, {what}\n  {left}\n  {right}\nin {during}\nreplay with {SEED_VAR}={seed}")]
pub struct Mismatch {
    /// Number of the step, from 0.
    pub step: usize,
    /// What differs.
    pub what: String,
    /// What the first NIC did.
    pub left: String,
    /// What the second one did.
    pub right: String,
    /// The step.
    pub during: String,
    /// The scenario's seed.
    pub seed: sim_wire::Seed,
}

/// Runs `scenario` on both NICs; checks at the end what must hold of each.
///
/// # Errors
/// [`Mismatch`]: the first difference.
///
/// # Panics
/// If one NIC breaks a rule that [`Rig::check`] checks.
pub fn compare<A: Nic, B: Nic>(
    config: &RigConfig,
    scenario: &Scenario,
) -> Result<(), Box<Mismatch>> {
    let (mut left, mut right) = (Rig::<A>::new(config), Rig::<B>::new(config));
    begin(&mut left, scenario);
    begin(&mut right, scenario);
    for (number, step) in scenario.steps.iter().enumerate() {
        let (a, b) = (perform(&mut left, step), perform(&mut right, step));
        if let Some((what, a, b)) = difference(&a, &b) {
            return Err(Box::new(Mismatch {
                step: number,
                what,
                left: format!("{}: {a}", A::NAME),
                right: format!("{}: {b}", B::NAME),
                during: describe::step(step),
                seed: scenario.seed,
            }));
        }
    }
    left.check();
    right.check();
    Ok(())
}

type Difference = (String, String, String);

fn difference(a: &Outcome, b: &Outcome) -> Option<Difference> {
    for (q, (a, b)) in a.queues.iter().zip(&b.queues).enumerate() {
        let found = queue_difference(a, b);
        if let Some((what, a, b)) = found {
            return Some((format!("queue pair {q}, {what}"), a, b));
        }
    }
    lists("stray frame", &a.strays, &b.strays, |f| describe::frame(f)).or_else(|| {
        lists("counter", &a.counters, &b.counters, |(stat, n)| {
            format!("{} {n}", stat.name())
        })
    })
}

fn queue_difference(a: &QueueOutcome, b: &QueueOutcome) -> Option<Difference> {
    let (ca, cb) = (&a.collected, &b.collected);
    lists("frame", &a.sent, &b.sent, |f| describe::frame(f))
        .or_else(|| lists("transmit completion", &ca.tx, &cb.tx, debug))
        .or_else(|| {
            lists("receive completion", &ca.rx, &cb.rx, |r| {
                format!("{:?} {}", r.completion, describe::bytes(&r.bytes))
            })
        })
        .or_else(|| lists("event", &ca.events, &cb.events, debug))
        .or_else(|| {
            let words = |q: &QueueOutcome| [q.status, q.state[0], q.state[1]];
            lists("STATUS, SQ_STATE, CQ_STATE", &words(a), &words(b), |w| {
                format!("{w:#010x}")
            })
        })
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// The first place at which two lists differ.
fn lists<T: PartialEq>(
    what: &str,
    a: &[T],
    b: &[T],
    show: impl Fn(&T) -> String,
) -> Option<Difference> {
    let at = (0..a.len().max(b.len())).find(|i| a.get(*i) != b.get(*i))?;
    let show = |list: &[T]| list.get(at).map_or("nothing".to_owned(), &show);
    let counts = format!("{what} {at} of {} and {}", a.len(), b.len());
    Some((counts, show(a), show(b)))
}
