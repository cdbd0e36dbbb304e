//! One page on what happened.

use crate::world::host::Host;
use longshore_device::MmioCounts;
use nic_abi::stats::Stat;
use sim_wire::Picos;
use std::fmt;
use std::time::Duration;

/// What one NIC did, and what its host did for it.
#[derive(Debug, Clone)]
pub struct NicReport {
    /// Name.
    pub name: String,
    stats: Vec<(Stat, u64)>,
    cycles: u64,
    mmio: MmioCounts,
    violations: Vec<String>,
}

impl NicReport {
    /// Of a host, from registers and counters; `since` is subtracted from the counts of register accesses.
    ///
    /// # Errors
    /// The device is gone.
    pub fn of(name: &str, host: &Host, since: MmioCounts) -> anyhow::Result<Self> {
        // First the register accesses, which reading the statistics would add to.
        let mmio = host.mmio().since(&since);
        let stats = host.statistics()?;
        let nic = host.nic.lock();
        Ok(Self {
            name: name.to_owned(),
            stats: stats.iter().collect(),
            cycles: nic.cycles(),
            mmio,
            violations: nic.violations(),
        })
    }

    /// A counter.
    pub fn stat(&self, stat: Stat) -> u64 {
        self.stats
            .iter()
            .find(|(s, _)| *s == stat)
            .map_or(0, |(_, n)| *n)
    }

    /// Core cycles that were simulated.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Register reads of the driver.
    pub fn mmio_reads(&self) -> u64 {
        self.mmio.reads
    }

    /// Rules of link and streams that the NIC broke.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Segmenter's idle cycles per segment.
    pub fn bubbles_per_segment(&self) -> f64 {
        ratio(self.stat(Stat::TxBubbles), self.stat(Stat::TxSegments))
    }

    /// Doorbells per frame in either direction.
    pub fn doorbells_per_frame(&self) -> f64 {
        ratio(
            self.mmio.doorbells(),
            self.stat(Stat::TxFrames) + self.stat(Stat::RxDelivered),
        )
    }
}

fn ratio(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

impl fmt::Display for NicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |stat| self.stat(stat);
        let dropped: u64 = nic_abi::stats::RX_OUTCOMES
            .iter()
            .filter(|o| **o != Stat::RxDelivered)
            .map(|o| s(*o))
            .sum();
        writeln!(f, "{}", self.name)?;
        writeln!(
            f,
            "  sent       {} frames, {} bytes; {} requests, of them {} TSO; {} segments",
            s(Stat::TxFrames),
            s(Stat::TxBytes),
            s(Stat::TxRequests),
            s(Stat::TxTsoRequests),
            s(Stat::TxSegments)
        )?;
        writeln!(
            f,
            "  received   {} frames, {} bytes; {} delivered, {dropped} dropped",
            s(Stat::RxFrames),
            s(Stat::RxBytes),
            s(Stat::RxDelivered)
        )?;
        writeln!(
            f,
            "  checksums  {} IPv4 and {} TCP/UDP inserted; {} TCP/UDP found good, {} bad",
            s(Stat::TxL3Checksums),
            s(Stat::TxL4Checksums),
            s(Stat::RxL4Ok),
            s(Stat::RxL4Bad)
        )?;
        writeln!(
            f,
            "  segmenter  {:.3} bubbles per segment",
            self.bubbles_per_segment()
        )?;
        writeln!(
            f,
            "  host link  {} reads, {} writes, {} interrupts; by the driver {}; {:.3} doorbells per frame",
            s(Stat::BusReads),
            s(Stat::BusWrites),
            s(Stat::Interrupts),
            self.mmio,
            self.doorbells_per_frame()
        )?;
        if self.cycles > 0 {
            writeln!(f, "  simulated  {} core cycles", self.cycles)?;
        }
        for violation in &self.violations {
            writeln!(f, "  VIOLATION  {violation}")?;
        }
        Ok(())
    }
}

/// A transfer in one direction.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// What was done.
    pub what: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Whether they arrived as they were.
    pub equal: bool,
    /// Simulated time, if time was virtual.
    pub simulated: Option<Picos>,
    /// Wall time.
    pub wall: Duration,
}

impl Transfer {
    /// Goodput in Gb/s of simulated time.
    pub fn gbps(&self) -> Option<f64> {
        let time = self.simulated?.as_secs_f64();
        (time > 0.0).then(|| self.bytes as f64 * 8.0 / time / 1e9)
    }
}

/// Goodput limit in Gb/s of a line of `gbps` with full segments of `mss` bytes under a header of `header` bytes:
/// preamble, FCS and gap are 24 bytes a frame.
pub fn goodput_limit(gbps: f64, mss: u32, header: u32) -> f64 {
    gbps * f64::from(mss) / f64::from(mss + header + 24)
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.equal {
            "SHA-256 equal"
        } else {
            "SHA-256 DIFFERS"
        };
        write!(
            f,
            "{}: {} bytes, {verdict}, {:.1} s of wall time",
            self.what,
            self.bytes,
            self.wall.as_secs_f64()
        )?;
        if let (Some(time), Some(gbps)) = (self.simulated, self.gbps()) {
            write!(
                f,
                ", {:.3} ms simulated = {gbps:.3} Gb/s",
                time.as_secs_f64() * 1e3
            )?;
        }
        Ok(())
    }
}
