//! A simulator that stands still: nothing for metal, everything for the transport below.

use anyhow::Result;

use super::Guest;
use crate::{card, station::Station};

/// The simulator is stopped for ten seconds amid traffic; nothing is lost.
pub(super) fn ten_seconds(guest: &Guest) -> Result<String> {
    let mut station = Station::open(card::open(guest.nics[0])?, 0)?;
    station.check()?;
    guest.outside.ask("stall 10")?;
    station.check()?;
    station.close()?;
    Ok("stopped for 10 s".into())
}
