//! `longshore reset`

use super::inspect::{Inspection, Which};
use crate::cli::Reset;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use anyhow::{Context as _, Result, bail};
use longshore_device::Patience;
use nic_abi::block::{DEVICE, device};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// A reset that was done.
#[derive(Debug, Serialize)]
struct Done {
    device: Which,
    /// Resets since power-on, before and after.
    epoch_before: u32,
    epoch_after: u32,
}

impl Report for Done {
    const SCHEMA: &'static str = "longshore/reset/1";
}

pub(super) fn run(args: &Reset, root: &Path, output: &mut Output) -> Result<Outcome> {
    let nic = Inspection::open(&args.transport, root)?;
    let epoch_before = nic.read(DEVICE, 0, device::EPOCH)?;
    nic.device.reset().context("resetting the NIC")?;
    Patience::default().poll("alive after reset", || {
        let magic = nic.device.read32(DEVICE.at(0, device::MAGIC))?;
        Ok((magic == nic_abi::MAGIC).then_some(()))
    })?;
    let epoch_after = nic.read(DEVICE, 0, device::EPOCH)?;
    if epoch_after == epoch_before {
        bail!(
            "the NIC took the reset and did not do it: its epoch is still {epoch_after}; cut its power, and tell its gateware's author"
        );
    }
    output.show(&Done {
        device: nic.which(),
        epoch_before,
        epoch_after,
    })?;
    Ok(Outcome::Done)
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} is reset: epoch {} -> {}",
            self.device, self.epoch_before, self.epoch_after
        )
    }
}
