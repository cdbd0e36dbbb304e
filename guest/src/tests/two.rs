//! Two NICs in one machine.

use anyhow::{Result, anyhow};

use longshore_driver::Waiting;

use super::Guest;
use crate::{card, station::Station};

/// Both work at once; one's reset, fault and end do not touch the other.
pub(super) fn at_once(guest: &Guest) -> Result<String> {
    let [first, second, ..] = guest.nics[..] else {
        return Ok("only one NIC in this guest: boot with --nics 2".into());
    };
    let mut a = Station::open(card::open(first)?, 0)?;
    let mut b = Station::open(card::open(second)?, 1)?;
    std::thread::scope(|s| {
        let other = s.spawn(|| b.echo(0, 128, 1000, Waiting::Interrupt));
        a.echo(0, 128, 1000, Waiting::Interrupt)?;
        other
            .join()
            .map_err(|_| anyhow!("the second NIC's thread panicked"))?
    })?;
    std::thread::scope(|s| {
        let other = s.spawn(|| b.echo(1, 128, 1000, Waiting::Interrupt));
        a.nic.reset()?;
        a.recover()?;
        a.check()?;
        other
            .join()
            .map_err(|_| anyhow!("the second NIC's thread panicked"))?
    })?;
    a.close()?;
    b.check()?;
    b.close()?;
    Ok(format!("{first} and {second}"))
}
