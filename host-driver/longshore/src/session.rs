//! A stack over an open device.

use crate::cli::{Addressing, Transport};
use crate::connection::{Company, Connection, Target};
use crate::interrupt::Interrupt;
use anyhow::{Context as _, Result};
use ip_core::Cidr;
use longshore_device::MmioCounts;
use longshore_driver::{DriverError, Nic};
use longshore_sockets::{Stack, StackConfig};
use nic_abi::stats::Stat;
use serde::Serialize;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two ends agree on a link well within that time (IEEE 802.3 clause 28: autonegotiation).
const LINK_PATIENCE: Duration = Duration::from_secs(3);

/// Fields are dropped in order: the stack goes before what it stands on.
pub(crate) struct Session {
    pub(crate) stack: Arc<Stack>,
    addresses: Vec<IpAddr>,
    pub(crate) connection: Connection,
}

impl Session {
    /// Opens the NIC and brings a stack up on it.
    ///
    /// # Errors
    /// The device cannot be reached or is no Longshore NIC; the addresses cannot be.
    pub(crate) fn open(
        transport: &Transport,
        addressing: &Addressing,
        root: &Path,
    ) -> Result<Self> {
        let connection = Target::new(transport, root)?.open(Company::Peer)?;
        let ip = addressing.config(&connection.fallback_addresses())?;
        let nic = Nic::open(connection.device()).context("opening the NIC")?;
        let addresses = ip.addresses.iter().map(Cidr::address).collect();
        let stack = Arc::new(Stack::new(nic, StackConfig::new(ip))?);
        stack.start()?;
        Ok(Self {
            stack,
            addresses,
            connection,
        })
    }

    /// Fails unless the link comes up: without it nobody can be reached.
    ///
    /// # Errors
    /// [`DriverError::LinkDown`], or what the transport reports.
    pub(crate) fn require_link(&self) -> Result<()> {
        self.stack.nic().wait_for_link(LINK_PATIENCE)?;
        Ok(())
    }

    /// Says so if the link is down: whoever only waits for others goes on.
    pub(crate) fn warn_of_link(&self) -> Result<()> {
        match self.stack.nic().wait_for_link(LINK_PATIENCE) {
            Err(down @ DriverError::LinkDown) => tracing::warn!("{down}"),
            other => drop(other?),
        }
        Ok(())
    }

    /// Lets Ctrl-C end the stack, and with it whatever blocks on it.
    pub(crate) fn end_on(&self, interrupt: &Interrupt) {
        let stack = Arc::downgrade(&self.stack);
        interrupt.on_raise(move || {
            if let Some(stack) = stack.upgrade() {
                stack.shutdown();
            }
        });
    }

    /// Our addresses, in the order in which they were given.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.addresses.clone()
    }

    /// What was done up to now, to be compared with later. What it takes to find out is not counted.
    pub(crate) fn mark(&self) -> Mark {
        let reached = self.connection.mmio();
        let counters = self.stack.counters();
        Mark {
            at: Instant::now(),
            reached,
            received: counters.frames_in,
            posted: counters.transmits,
            sent: self.stack.nic().statistic(Stat::TxFrames).ok(),
            left: self.connection.mmio(),
        }
    }

    /// Waits until what was written has been acknowledged and all connections are closed, at most for `patience`.
    pub(crate) fn drain(&self, patience: Duration, give_up: impl Fn() -> bool) {
        let deadline = Instant::now() + patience;
        while self.stack.living().connections > 0 && Instant::now() < deadline && !give_up() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Session {
    /// The NIC is quiet before the transport goes, whoever still holds a socket.
    fn drop(&mut self) {
        self.stack.shutdown();
    }
}

/// A moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    at: Instant,
    /// Register accesses before the NIC's own counter was read, and after.
    reached: MmioCounts,
    left: MmioCounts,
    received: u64,
    posted: u64,
    sent: Option<u64>,
}

/// What the host did between two moments.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Work {
    /// Wall time in seconds.
    pub(crate) seconds: f64,
    /// Frames received.
    pub(crate) frames_received: u64,
    /// Frames that the NIC sent; `null` if it does not answer any more.
    pub(crate) frames_sent: Option<u64>,
    /// Transmit requests posted; one may be many segments.
    pub(crate) requests_posted: u64,
    /// Reads of registers.
    pub(crate) register_reads: u64,
    /// Writes to doorbells.
    pub(crate) doorbells: u64,
    /// Of them, to those of submission queues.
    pub(crate) sq_doorbells: u64,
    /// Of receive queues.
    pub(crate) rq_doorbells: u64,
    /// Of completion queues.
    pub(crate) cq_doorbells: u64,
}

impl Mark {
    /// What was done from `self` to `later`.
    pub(crate) fn until(&self, later: &Self) -> Work {
        let mmio = later.reached.since(&self.left);
        Work {
            seconds: (later.at - self.at).as_secs_f64(),
            frames_received: later.received - self.received,
            // Less than before if the NIC was reset meanwhile.
            frames_sent: later
                .sent
                .zip(self.sent)
                .and_then(|(now, then)| now.checked_sub(then)),
            requests_posted: later.posted - self.posted,
            register_reads: mmio.reads,
            doorbells: mmio.doorbells(),
            sq_doorbells: mmio.sq_doorbells,
            rq_doorbells: mmio.rq_doorbells,
            cq_doorbells: mmio.cq_doorbells,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.frames_sent.unwrap_or(0);
        let frames = self.frames_received + sent;
        writeln!(
            f,
            "frames received {}, sent {sent} in {} requests; doorbells {} (SQ {}, RQ {}, CQ {}; {:.3} a frame), register reads {}",
            self.frames_received,
            self.requests_posted,
            self.doorbells,
            self.sq_doorbells,
            self.rq_doorbells,
            self.cq_doorbells,
            self.doorbells as f64 / frames.max(1) as f64,
            self.register_reads
        )
    }
}
