//! A Linux kernel as the peer: a TAP in a network namespace of its own.

use super::any_nic::{BoxedWire, NicKind};
use super::host::{Host, Time};
use super::runner::Runner;
use anyhow::Result;
use longshore_sockets::StackConfig;
use sim_wire::LineConfig;
use sim_wire::netns::{Cidr, InterfaceConfig, Netns};
use sim_wire::tap::{Tap, TapWire};
use std::net::IpAddr;

/// A host whose NIC is wired to a kernel.
///
/// Fields are dropped in order: the stack goes before its clocks stop, and they before the interface that they read.
pub struct LinuxPeer {
    /// Our host.
    pub host: Host,
    _runner: Runner,
    /// The kernel's namespace.
    pub namespace: Netns,
}

/// Our addresses: those of end 0 of a pair.
pub fn our_addresses() -> [IpAddr; 2] {
    super::pair::addresses(0)
}

impl LinuxPeer {
    /// Sets up namespace, TAP, NIC and stack, and starts the clocks.
    ///
    /// `wrap` may stack faults or a capture on the wire.
    ///
    /// # Errors
    /// Privileges or tools are missing (with the remedy), or the NIC cannot be set up.
    pub fn new(
        kind: &NicKind,
        line: LineConfig,
        wrap: impl FnOnce(BoxedWire) -> Result<BoxedWire>,
        adjust: impl FnOnce(&mut StackConfig),
    ) -> Result<Self> {
        let namespace = Netns::create()?;
        let tap = Tap::create()?;
        let [v4, v6] = super::pair::addresses(1);
        namespace.adopt(
            &tap,
            &InterfaceConfig {
                addresses: vec![Cidr::new(v4, 24), Cidr::new(v6, 64)],
                ..InterfaceConfig::default()
            },
        )?;
        let wire = wrap(Box::new(TapWire::new(tap, line)))?;
        let [v4, v6] = our_addresses();
        let host = Host::new(kind, wire, 1, &[(v4, 24), (v6, 64)], Time::Real, adjust)?;
        let runner = Runner::start(host.nic.clone())?;
        host.stack.start()?;
        Ok(Self {
            host,
            _runner: runner,
            namespace,
        })
    }
}
