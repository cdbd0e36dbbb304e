//! `longshore stats`

use super::inspect::{Inspection, Which};
use crate::cli::Stats;
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use anyhow::Result;
use longshore_driver::Statistics;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// A NIC's counters, by the names of docs/REGISTERS.md.
#[derive(Debug, Serialize)]
pub(super) struct Counters {
    device: Which,
    counters: BTreeMap<&'static str, u64>,
    #[serde(skip)]
    order: Vec<&'static str>,
    #[serde(skip)]
    zeros: bool,
}

impl Report for Counters {
    const SCHEMA: &'static str = "longshore/stats/1";
}

impl Counters {
    /// `zeros`: text shows the counters that are 0 too; JSON always does.
    pub(super) fn new(device: Which, statistics: &Statistics, zeros: bool) -> Self {
        Self {
            device,
            counters: statistics.iter().map(|(s, v)| (s.name(), v)).collect(),
            order: statistics.iter().map(|(s, _)| s.name()).collect(),
            zeros,
        }
    }
}

pub(super) fn run(args: &Stats, root: &Path, output: &mut Output) -> Result<Outcome> {
    let nic = Inspection::open(&args.transport, root)?;
    let show = |output: &mut Output| {
        let statistics = Statistics::read(&*nic.device, &nic.features)?;
        output.show(&Counters::new(nic.which(), &statistics, args.all))
    };
    let Some(interval) = args.interval else {
        show(output)?;
        return Ok(Outcome::Done);
    };
    let interrupt = Interrupt::listen()?;
    let mut next = Instant::now();
    let mut shown = 0;
    loop {
        show(output)?;
        shown += 1;
        if args.count == Some(shown) {
            return Ok(Outcome::Done);
        }
        next += interval;
        if !interrupt.sleep_until(next) {
            return Ok(Outcome::Interrupted);
        }
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut any = false;
        for name in &self.order {
            let value = self.counters.get(name).copied().unwrap_or(0);
            if value != 0 || self.zeros {
                writeln!(f, "{name:20} {value}")?;
                any = true;
            }
        }
        if !any {
            writeln!(f, "all counters are 0")?;
        }
        Ok(())
    }
}
