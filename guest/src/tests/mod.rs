//! The tests, each a function that fails or says in a few words what it saw.

mod command;
mod faults;
mod interrupts;
mod killed;
mod memory;
mod open;
mod reset;
mod sample;
mod stall;
mod tcp;
mod two;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, anyhow};
use longshore_sysfs::Address;

use crate::{card, outside::Outside};

/// What a test is given.
pub(crate) struct Guest<'a> {
    pub(crate) outside: &'a Outside,
    /// The NICs.
    pub(crate) nics: Vec<Address>,
    /// The executable model is behind: it does all of a batch before it answers the next register access.
    pub(crate) model: bool,
}

type Test = fn(&Guest) -> Result<String>;

const TESTS: &[(&str, Test)] = &[
    ("bind-and-open", open::bind_and_open),
    ("refusals", open::refusals),
    ("map-bar0", open::map_bar0),
    ("dma-4k-pages", memory::small_pages),
    ("dma-huge-pages", memory::huge_pages),
    ("iova-limits", memory::limits),
    ("locked-memory-limit", memory::locked_memory),
    ("msix-every-queue", interrupts::every_queue),
    ("reset-mid-traffic", reset::mid_traffic),
    ("sever", reset::sever),
    ("faulted-read", faults::read),
    ("faulted-write", faults::write),
    ("driver-killed", killed::mid_dma),
    ("simulator-stall", stall::ten_seconds),
    ("two-nics", two::at_once),
    ("longshore-command", command::longshore),
    ("tcp-both-ways", tcp::both_ways),
];

/// Runs all tests, or those that the kernel's command line names (`longshore.tests=a,b`).
pub(crate) fn run(outside: &Outside) {
    let line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let wanted = option(&line, "tests").map(|list| list.split(',').collect::<Vec<_>>());
    let nics = match card::addresses() {
        Ok(nics) => nics,
        Err(error) => {
            outside.tell(&format!("failed boot {error:#}"));
            outside.tell("end");
            return;
        }
    };
    let model = option(&line, "model").is_some();
    let guest = Guest {
        outside,
        nics,
        model,
    };
    for (name, test) in TESTS {
        if wanted.as_ref().is_some_and(|list| !list.contains(name)) {
            continue;
        }
        outside.tell(&format!("run {name}"));
        let result = catch_unwind(AssertUnwindSafe(|| test(&guest)))
            .unwrap_or_else(|_| Err(anyhow!("panicked: the console tells where")));
        match result {
            Ok(detail) => outside.tell(&format!("ok {name} {detail}")),
            Err(error) => outside.tell(&format!("failed {name} {error:#}")),
        }
    }
    outside.tell("end");
}

/// The option `longshore.NAME=` of the kernel's command line.
fn option<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|word| {
        word.strip_prefix("longshore.")?
            .strip_prefix(name)?
            .strip_prefix('=')
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn options_are_found_by_their_whole_name() {
        let line = "quiet longshore.tests=a,b longshore.model=1";
        assert_eq!(option(line, "tests"), Some("a,b"));
        assert_eq!(option(line, "model"), Some("1"));
        assert_eq!(option(line, "test"), None);
    }
}
