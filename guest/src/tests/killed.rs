//! A driver that dies without a word.

use anyhow::{Context, Result};

use super::Guest;
use crate::{card, station::Station, victim};

/// The kernel silences the card when its owner dies amid DMA, and the next owner finds it usable.
pub(super) fn mid_dma(guest: &Guest) -> Result<String> {
    let address = guest.nics[0];
    for round in 0..2 {
        victim::kill_one(address)?;
        let mut station = Station::open(card::open(address)?, 0)
            .with_context(|| format!("after kill {round}"))?;
        station.check()?;
        station.close()?;
    }
    Ok("killed twice amid traffic, opened again each time".into())
}
