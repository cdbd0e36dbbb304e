//! `longshore queues`

use super::inspect::{Inspection, Which};
use super::table::Table;
use crate::cli::Queues;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use anyhow::Result;
use nic_abi::block::{Feature, QUEUE, queue};
use nic_abi::fault::QueueFault;
use nic_abi::register::Bits;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// The queue pairs of a NIC.
#[derive(Debug, Serialize)]
struct Pairs {
    device: Which,
    queue_pairs: Vec<Pair>,
}

#[derive(Debug, Serialize)]
struct Pair {
    index: u32,
    enabled: bool,
    /// Something may still move on the bus.
    active: bool,
    quarantine: Option<Quarantine>,
    sq: Ring,
    rq: Ring,
    cq: Ring,
    vector: u32,
    /// Least time from completion to interrupt, in units of 256 core cycles.
    interrupt_delay: u32,
    /// Completions that cut the delay short; 0: none do.
    interrupt_count: u32,
}

#[derive(Debug, Serialize)]
struct Quarantine {
    cause: String,
    descriptor: u32,
}

#[derive(Debug, Serialize)]
struct Ring {
    /// Bus address.
    base: u64,
    /// 0 while it was never set up.
    entries: u32,
    /// Free-running index of the next entry to be taken.
    head: u32,
    /// Free-running index behind the last entry.
    tail: u32,
}

impl Report for Pairs {
    const SCHEMA: &'static str = "longshore/queues/1";
}

pub(super) fn run(args: &Queues, root: &Path, output: &mut Output) -> Result<Outcome> {
    let nic = Inspection::open(&args.transport, root)?;
    output.show(&pairs(&nic)?)?;
    Ok(Outcome::Done)
}

fn pairs(nic: &Inspection) -> Result<Pairs> {
    let all = 0..nic.identity.queue_pairs;
    Ok(Pairs {
        device: nic.which(),
        queue_pairs: all.map(|index| pair(nic, index)).collect::<Result<_>>()?,
    })
}

fn pair(nic: &Inspection, index: u32) -> Result<Pair> {
    let block = nic.place(Feature::Queues, QUEUE).unwrap_or(QUEUE);
    let read = |register| nic.read(block, index, register);
    let status = read(queue::STATUS)?;
    let sizes = read(queue::SIZES)?;
    let interrupt = read(queue::INTERRUPT)?;
    let ring = |low, high, size: Bits, state, head: Bits, tail: Bits| {
        let state = read(state)?;
        let log2 = size.get(sizes);
        anyhow::Ok(Ring {
            base: u64::from(read(high)?) << 32 | u64::from(read(low)?),
            entries: if log2 == 0 { 0 } else { 1 << log2 },
            head: head.get(state),
            tail: tail.get(state),
        })
    };
    let quarantine = (queue::STATUS_QUARANTINE.get(status) == 1).then(|| {
        let code = queue::STATUS_CAUSE.get(status) as u8;
        let known = QueueFault::ALL.iter().find(|(f, ..)| *f as u8 == code);
        Quarantine {
            cause: known.map_or_else(|| format!("unknown cause {code}"), |f| f.1.to_owned()),
            descriptor: queue::STATUS_INDEX.get(status),
        }
    });
    Ok(Pair {
        index,
        enabled: queue::CONTROL_ENABLE.get(read(queue::CONTROL)?) == 1,
        active: queue::STATUS_ACTIVE.get(status) == 1,
        quarantine,
        sq: ring(
            queue::SQ_BASE_LOW,
            queue::SQ_BASE_HIGH,
            queue::SIZES_SQ,
            queue::SQ_STATE,
            queue::SQ_STATE_HEAD,
            queue::SQ_STATE_TAIL,
        )?,
        rq: ring(
            queue::RQ_BASE_LOW,
            queue::RQ_BASE_HIGH,
            queue::SIZES_RQ,
            queue::RQ_STATE,
            queue::RQ_STATE_HEAD,
            queue::RQ_STATE_TAIL,
        )?,
        cq: ring(
            queue::CQ_BASE_LOW,
            queue::CQ_BASE_HIGH,
            queue::SIZES_CQ,
            queue::CQ_STATE,
            queue::CQ_STATE_HEAD,
            queue::CQ_STATE_TAIL,
        )?,
        vector: queue::INTERRUPT_VECTOR.get(interrupt),
        interrupt_delay: queue::INTERRUPT_DELAY.get(interrupt),
        interrupt_count: queue::INTERRUPT_COUNT.get(interrupt),
    })
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["PAIR", "STATE", "SQ", "RQ", "CQ", "VECTOR"]);
        for pair in &self.queue_pairs {
            let state = match (&pair.quarantine, pair.enabled, pair.active) {
                (Some(q), ..) => format!("quarantine: {} at {}", q.cause, q.descriptor),
                (None, true, true) => "enabled, active".into(),
                (None, true, false) => "enabled".into(),
                (None, false, true) => "stopping".into(),
                (None, false, false) => "off".into(),
            };
            let ring = |r: &Ring| match r.entries {
                0 => "-".into(),
                n => format!("{}..{} of {n}", r.head, r.tail),
            };
            table.row([
                pair.index.to_string(),
                state,
                ring(&pair.sq),
                ring(&pair.rq),
                ring(&pair.cq),
                pair.vector.to_string(),
            ]);
        }
        write!(f, "{table}")
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::super::inspect::testing::nic;
    use super::*;
    use longshore_driver::{Nic, QueueConfig, QueuePair};
    use std::sync::Arc;

    #[test]
    fn a_queue_pair_in_use_and_one_in_quarantine_are_shown_as_they_are() {
        let nic = nic();
        let driver = Nic::open(nic.device.clone()).unwrap();
        let buffers = Arc::new(driver.pool("receive", 64, 2048).unwrap());
        let config = QueueConfig {
            sq_log2: 4,
            rq_log2: 5,
            cq_log2: 6,
            vector: 1,
            ..QueueConfig::default()
        };
        let _owner: QueuePair<()> = driver.queue_pair(1, config, buffers).unwrap();
        let shown = pairs(&nic).unwrap();
        let [off, on] = &shown.queue_pairs[..] else {
            panic!("{shown:?}");
        };
        assert!(!off.enabled && on.enabled);
        assert_eq!((on.sq.entries, on.rq.entries, on.cq.entries), (16, 32, 64));
        // All receive descriptors are posted, and none is taken up before a frame comes.
        assert_eq!((on.rq.head, on.rq.tail), (0, 32));
        assert!(on.sq.base != 0 && on.vector == 1);
        assert!(shown.to_string().contains("1     enabled"), "{shown}");

        // A tail further on than the ring is long.
        let bell = QUEUE.at(1, queue::SQ_DOORBELL);
        nic.device.write32(bell, queue::SQ_TAIL.of(17)).unwrap();
        let shown = pairs(&nic).unwrap();
        let fault = shown.queue_pairs[1].quarantine.as_ref().unwrap();
        assert_eq!(fault.cause, "BadIndex");
        assert!(
            shown.to_string().contains("quarantine: BadIndex"),
            "{shown}"
        );
    }
}
