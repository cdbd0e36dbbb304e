//! The page that ends a run: transfers, NICs, figures.

use super::summary::{NicReport, Transfer, goodput_limit};
use anyhow::{Result, bail};
use std::time::Instant;

/// What a run gave.
pub struct Run {
    /// Its transfers.
    pub transfers: Vec<Transfer>,
    /// Its NICs.
    pub nics: Vec<NicReport>,
}

impl Run {
    /// Prints the page.
    pub fn print(&self, started: Instant) {
        println!();
        for transfer in &self.transfers {
            println!("{transfer}");
        }
        println!();
        for nic in &self.nics {
            print!("{nic}");
        }
        self.print_speed();
        println!("wall time: {:.1} s", started.elapsed().as_secs_f64());
    }

    fn print_speed(&self) {
        // Ethernet, IPv4 and TCP header around the MSS of an MTU of 1,500.
        let limit = goodput_limit(10.0, 1_460, 54);
        for t in &self.transfers {
            if let Some(gbps) = t.gbps() {
                println!(
                    "{}: {gbps:.3} Gb/s of simulated time, {:.1} % of the {limit:.3} Gb/s that a 10 Gb/s line carries in segments of 1,460 B",
                    t.what,
                    100.0 * gbps / limit
                );
            }
        }
        let wall: f64 = self.transfers.iter().map(|t| t.wall.as_secs_f64()).sum();
        let cycles: u64 = self.nics.iter().map(NicReport::cycles).sum();
        if cycles > 0 && wall > 0.0 {
            println!(
                "simulator: {:.0} core cycles a second over {} NIC(s)",
                cycles as f64 / wall,
                self.nics.len()
            );
        }
    }

    /// Fails if a file did not arrive as it was sent, or a NIC broke rules.
    ///
    /// # Errors
    /// Which.
    pub fn judge(&self) -> Result<()> {
        if let Some(bad) = self.transfers.iter().find(|t| !t.equal) {
            bail!("{}: the file did not arrive as it was sent", bad.what);
        }
        if let Some(bad) = self.nics.iter().find(|n| !n.violations().is_empty()) {
            bail!(
                "{} broke rules of its interfaces: a bug of the gateware",
                bad.name
            );
        }
        Ok(())
    }
}
