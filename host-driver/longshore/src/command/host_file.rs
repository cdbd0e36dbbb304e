//! `longshore host-file`

use crate::cli::HostFile;
use crate::outcome::Outcome;
use anyhow::Result;
use std::io::Write as _;

/// The files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HostFiles {
    /// /etc/udev/rules.d/60-longshore.rules: NICs for the group `longshore`
    Udev,
    /// /etc/security/limits.d/60-longshore.conf: memory that this group may lock
    Limits,
}

const UDEV: &str = include_str!("../../files/60-longshore.rules");
const LIMITS: &str = include_str!("../../files/60-longshore.conf");

pub(super) fn run(args: &HostFile) -> Result<Outcome> {
    let text = match args.file {
        HostFiles::Udev => UDEV,
        HostFiles::Limits => LIMITS,
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nic_abi::pci;

    #[test]
    fn the_rule_is_for_the_contracts_identity() {
        for (attribute, id) in [("vendor", pci::VENDOR_ID), ("device", pci::DEVICE_ID)] {
            let term = format!("ATTR{{{attribute}}}==\"{id:#06x}\"");
            assert!(UDEV.contains(&term), "{term}");
        }
    }

    #[test]
    fn the_limit_is_more_than_a_stack_locks() {
        let kib = LIMITS
            .split_whitespace()
            .filter_map(|w| w.parse::<u64>().ok());
        assert!(kib.clone().count() == 2 && kib.clone().all(|k| k * 1024 >= 128 << 20));
    }
}
