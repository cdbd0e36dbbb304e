//! Two hosts back to back in virtual time.
//!
//! One clock for RTL, stacks and wire; one thread; so a run is a function of its configuration and seeds. A step
//! simulates both NICs for a quantum that is shorter than a frame on the wire, and then lets each host's
//! processor work if it is free.

use super::any_nic::{BoxedWire, NicKind};
use super::cost::HostCost;
use super::host::{Host, Time};
use anyhow::{Result, bail};
use longshore_sockets::StackConfig;
use sim_wire::{LineConfig, Picos, Station, Wire, pair::pair};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Stacks something on an end of the wire, given the end's name.
pub type Wrap = Box<dyn FnMut(&str, BoxedWire) -> Result<BoxedWire>>;

/// How the pair is made.
pub struct PairConfig {
    /// Both NICs.
    pub nic: NicKind,
    /// The wire between them.
    pub line: LineConfig,
    /// The hosts' processors.
    pub cost: HostCost,
    /// Stacks something on each end of the wire, by the end's name: faults, a capture.
    pub wrap: Wrap,
    /// Changes the stacks' settings.
    pub adjust: fn(&mut StackConfig),
}

impl PairConfig {
    /// A pair of such NICs in the reference configuration, with nothing on the wire.
    pub fn new(nic: NicKind) -> Self {
        Self {
            nic,
            line: LineConfig::default(),
            cost: HostCost::default(),
            wrap: Box::new(|_, wire| Ok(wire)),
            adjust: |_| {},
        }
    }
}

/// Names of the two ends.
pub const ENDS: [&str; 2] = ["nic0", "nic1"];

/// The two hosts and their time.
pub struct Pair {
    /// Both hosts.
    pub hosts: [Host; 2],
    now: Picos,
    free_at: [Picos; 2],
    deadline: [Option<Picos>; 2],
    cost: HostCost,
}

/// Simulated at once before the hosts are looked at.
const QUANTUM: Picos = Picos(40_000);
/// A host without work looks at its NIC this often: a busy poller.
const POLL_INTERVAL: Picos = Picos(100_000);

/// IPv4 and IPv6 address of end `end` (RFC 5737, RFC 3849: documentation).
pub fn addresses(end: u8) -> [IpAddr; 2] {
    [
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1 + end)),
        IpAddr::V6(Ipv6Addr::new(
            0x2001,
            0xdb8,
            0,
            0,
            0,
            0,
            0,
            1 + u16::from(end),
        )),
    ]
}

impl Pair {
    /// Two hosts, set up and connected.
    ///
    /// # Errors
    /// A NIC or a stack cannot be set up.
    pub fn new(mut config: PairConfig) -> Result<Self> {
        let (a, b) = pair(config.line);
        let mut hosts = Vec::new();
        for (end, wire) in [Box::new(a) as Box<dyn Wire>, Box::new(b)]
            .into_iter()
            .enumerate()
        {
            let wire = (config.wrap)(ENDS[end], wire)?;
            let [v4, v6] = addresses(end as u8);
            let on_link = [(v4, 24), (v6, 64)];
            hosts.push(Host::new(
                &config.nic,
                wire,
                1 + end as u8,
                &on_link,
                Time::Virtual,
                config.adjust,
            )?);
        }
        let Ok(hosts) = <[Host; 2]>::try_from(hosts) else {
            bail!("a pair has two hosts");
        };
        // Setting up reads registers, which takes each NIC some time of its own.
        let now = hosts
            .each_ref()
            .map(|h| h.nic.lock().now())
            .into_iter()
            .max();
        let now = now.unwrap_or(Picos::ZERO);
        Ok(Self {
            hosts,
            now,
            free_at: [now; 2],
            deadline: [Some(now); 2],
            cost: config.cost,
        })
    }

    /// Virtual time.
    pub fn now(&self) -> Picos {
        self.now
    }

    /// Goes one quantum on, or to the next event if nothing is going on before it.
    ///
    /// # Errors
    /// If nothing will ever happen again.
    pub fn step(&mut self) -> Result<()> {
        let next = self.next_event()?;
        self.now = next.max(Picos(self.now.0 + QUANTUM.0));
        for end in 0..2 {
            let stirs = {
                let mut nic = self.hosts[end].nic.lock();
                let due = nic.next_event();
                nic.run_until(self.now);
                due.is_some_and(|due| due <= self.now)
            };
            self.attend(end, stirs);
        }
        Ok(())
    }

    /// Lets a host work if its processor is free; if not, then as soon as it is, in case its NIC has stirred.
    fn attend(&mut self, end: usize, stirs: bool) {
        if self.free_at[end] > self.now {
            if stirs {
                self.deadline[end] = Some(self.free_at[end]);
            }
            return;
        }
        let host = &self.hosts[end];
        let before = host.work();
        let next = host.stack.poll(Duration::from_nanos(self.now.0 / 1000));
        let after = host.work();
        let busy = self.cost.of(&before, &after);
        self.free_at[end] = Picos(self.now.0 + busy.0.max(POLL_INTERVAL.0));
        // A host that had work looks once more: its NIC may answer without an event of its own.
        self.deadline[end] = if after == before {
            next.map(|at| Picos::from_nanos(at.as_nanos() as u64))
        } else {
            Some(self.free_at[end])
        };
    }

    fn next_event(&self) -> Result<Picos> {
        let nics = self.hosts.iter().filter_map(|h| h.nic.lock().next_event());
        let hosts = (0..2).filter_map(|end| Some(self.deadline[end]?.max(self.free_at[end])));
        match nics.chain(hosts).min() {
            Some(next) => Ok(next),
            None => bail!("nothing will happen any more at {}", self.now),
        }
    }

    /// A program has called into a stack: its host has something to do now.
    pub fn called(&mut self, end: usize) {
        self.deadline[end] = Some(self.now);
    }
}
