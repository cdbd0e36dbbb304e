//! What came of a step, in a form that does not depend on time.

use super::bench::Rig;
use super::nics::Nic;
use super::rings::Collected;
use super::scenario::{QUEUE_PAIRS, Scenario, Step, Traffic};
use nic_abi::block::{PORT, port, queue};
use nic_abi::stats::Stat;
use sim_wire::Picos;

/// Counters of cycles, packets and messages: they depend on time and on the bus, and the contract leaves them open.
pub const TIMED: &[Stat] = &[
    Stat::TxBubbles,
    Stat::BusReads,
    Stat::BusWrites,
    Stat::BusReadErrors,
    Stat::BusReadTimeouts,
    Stat::BusUnexpected,
    Stat::BusUnsupported,
    Stat::Interrupts,
];

/// What one queue pair shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueOutcome {
    /// Its completions, each kind in its order.
    pub collected: Collected,
    /// Frames that it sent, in order.
    pub sent: Vec<Vec<u8>>,
    /// Register STATUS without activity.
    pub status: u32,
    /// Registers SQ_STATE and CQ_STATE; 0 in quarantine, where it is left open how far it got.
    pub state: [u32; 2],
}

/// What a NIC shows after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its queue pairs.
    pub queues: Vec<QueueOutcome>,
    /// Frames that no queue pair owns.
    pub strays: Vec<Vec<u8>>,
    /// All counters but those in [`TIMED`].
    pub counters: Vec<(Stat, u64)>,
}

/// Puts a fresh bench into the state in which `scenario` begins.
pub fn begin<N: Nic>(rig: &mut Rig<N>, scenario: &Scenario) {
    for (q, config) in (0..).zip(&scenario.queues) {
        rig.enable(q, *config);
    }
    rig.settle();
}

/// Does one step and waits until the NIC is at rest.
pub fn perform<N: Nic>(rig: &mut Rig<N>, step: &Step) -> Outcome {
    match step {
        Step::Port {
            control,
            max_frame,
            queue,
            multicast,
        } => {
            let word = |b: &[u8]| b.iter().rev().fold(0, |w, b| w << 8 | u32::from(*b));
            let (low, high) = (word(&multicast[..4]), word(&multicast[4..]));
            for (register, value) in [
                (port::RX_CONTROL, *control),
                (port::MAX_FRAME, *max_frame),
                (port::RX_QUEUE, *queue),
                (port::MULTICAST_LOW, low),
                (port::MULTICAST_HIGH, high | port::MULTICAST_VALID.of(1)),
            ] {
                rig.write(PORT.at(0, register), value);
            }
        }
        Step::Traffic(traffic) => run_traffic(rig, traffic),
        Step::Fault {
            queue,
            fault,
            frame,
        } => {
            fault.strike(rig, *queue);
            rig.settle();
            rig.inject(frame);
        }
        Step::Restart { queue, config } => {
            rig.disable(*queue);
            rig.enable(*queue, *config);
        }
    }
    rig.settle();
    observe(rig)
}

fn run_traffic<N: Nic>(rig: &mut Rig<N>, traffic: &Traffic) {
    for (queue, len) in &traffic.buffers {
        // How many buffers are left from before is the NIC's matter.
        let rings = rig.rings(*queue);
        if rings.posted() < 1 << rings.config.rq {
            rig.provide(*queue, *len);
        }
    }
    for q in 0..QUEUE_PAIRS {
        rig.ring_rq(q);
    }
    // Buffers are there before the first frame needs them.
    rig.run(Picos::from_micros(2));
    for frame in &traffic.frames {
        rig.inject(frame);
    }
    for (queue, batch, pause) in &traffic.requests {
        for request in batch {
            rig.post(*queue, request);
        }
        rig.ring_sq(*queue);
        rig.run(*pause);
    }
}

fn observe<N: Nic>(rig: &mut Rig<N>) -> Outcome {
    let mut queues: Vec<QueueOutcome> = (0..QUEUE_PAIRS).map(|q| queue_outcome(rig, q)).collect();
    let mut strays = Vec::new();
    for frame in std::mem::take(&mut rig.sent) {
        let owner = frame.get(11).and_then(|q| queues.get_mut(usize::from(*q)));
        match owner {
            Some(queue) => queue.sent.push(frame),
            None => strays.push(frame),
        }
    }
    let counters = Stat::ALL
        .iter()
        .filter(|s| !TIMED.contains(s))
        .map(|s| (*s, rig.stat(*s)))
        .collect();
    Outcome {
        queues,
        strays,
        counters,
    }
}

fn queue_outcome<N: Nic>(rig: &mut Rig<N>, q: u32) -> QueueOutcome {
    let status = rig.queue_read(q, queue::STATUS) & !queue::STATUS_ACTIVE.mask();
    let quarantine = queue::STATUS_QUARANTINE.get(status) == 1;
    let collected = rig.peek(q, usize::MAX);
    if !quarantine {
        rig.ring_cq(q, false);
    }
    let state = [queue::SQ_STATE, queue::CQ_STATE];
    QueueOutcome {
        collected,
        sent: Vec::new(),
        status,
        state: state.map(|r| if quarantine { 0 } else { rig.queue_read(q, r) }),
    }
}
