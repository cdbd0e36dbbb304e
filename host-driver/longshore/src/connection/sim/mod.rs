//! A simulated NIC in this process: model or gateware, on a wire to a second one or to a Linux kernel.

mod clocks;
mod nic;
mod peer;

use super::{Company, PeerFetch};
use crate::cli::{NicForm, SimWire};
use anyhow::{Context as _, Result, bail};
use clocks::Clocks;
use ip_core::Cidr;
use longshore_device::{Device, InProcess};
use nic::{AnyNic, BoxedWire};
use parking_lot::Mutex;
use peer::Peer;
use sim_wire::LineConfig;
use sim_wire::netns::{self, InterfaceConfig, Netns};
use sim_wire::tap::{Tap, TapWire};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Our end's addresses if none are given, and the other end's (RFC 5737, RFC 3849: documentation).
const OURS: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
const PEERS: [&str; 2] = ["192.0.2.2/24", "2001:db8::2/64"];

/// What is simulated.
#[derive(Debug, Clone)]
pub(crate) struct SimConfig {
    form: NicForm,
    wire: SimWire,
    peer: Vec<Cidr>,
    peer_files: Option<PathBuf>,
}

impl SimConfig {
    /// What was typed.
    pub(crate) fn new(typed: &crate::cli::Sim) -> Result<Self> {
        let peer = if typed.peer.is_empty() {
            parse(PEERS)
        } else {
            typed.peer.clone()
        };
        if let Some(folder) = &typed.peer_files {
            if typed.wire != SimWire::Pair {
                bail!(
                    "--peer-files is for --wire pair: the Linux kernel at the end of a TAP serves nothing by itself"
                );
            }
            if !folder.is_dir() {
                bail!("--peer-files: {} is no folder", folder.display());
            }
        }
        Ok(Self {
            form: typed.nic,
            wire: typed.wire,
            peer,
            peer_files: typed.peer_files.clone(),
        })
    }
}

/// What runs behind the device. Dropped in this order: the peer's stack, the clocks, the namespace.
pub(crate) struct Simulation {
    peer: Option<Arc<Peer>>,
    _clocks: Clocks,
    namespace: Option<Netns>,
}

impl Simulation {
    /// Powers a NIC on, and what is at the other end of its wire.
    ///
    /// # Errors
    /// Privileges for a TAP are missing, the form is not built in, no thread is to be had.
    pub(crate) fn start(config: &SimConfig, company: Company) -> Result<(Arc<dyn Device>, Self)> {
        match config.wire {
            SimWire::Pair => {
                let (near, far) = sim_wire::pair::pair(LineConfig::default());
                let (device, nic) = power_on(config.form, Box::new(near))?;
                let mut nics = vec![nic];
                let far = match company {
                    Company::None => None,
                    Company::Peer => {
                        let (device, nic) = power_on(config.form, Box::new(far))?;
                        nics.push(nic);
                        Some(device)
                    }
                };
                let clocks = Clocks::start(nics)?;
                let files = config.peer_files.as_deref();
                let peer = far
                    .map(|device| Peer::start(device, &config.peer, files))
                    .transpose()
                    .context("the second NIC")?
                    .map(Arc::new);
                let simulation = Self {
                    peer,
                    _clocks: clocks,
                    namespace: None,
                };
                Ok((device, simulation))
            }
            SimWire::Tap => {
                let namespace = Netns::create()?;
                let tap = Tap::create()?;
                let addresses = config.peer.iter();
                let interface = InterfaceConfig {
                    addresses: addresses
                        .map(|c| netns::Cidr::new(c.address(), c.prefix()))
                        .collect(),
                    ..InterfaceConfig::default()
                };
                namespace.adopt(&tap, &interface)?;
                let wire = TapWire::new(tap, LineConfig::default());
                let (device, nic) = power_on(config.form, Box::new(wire))?;
                let simulation = Self {
                    peer: None,
                    _clocks: Clocks::start(vec![nic])?,
                    namespace: Some(namespace),
                };
                Ok((device, simulation))
            }
        }
    }

    /// Our addresses on the simulated network.
    pub(crate) fn our_addresses(&self) -> Vec<Cidr> {
        parse(OURS)
    }

    /// The namespace of the Linux peer.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_ref().map(Netns::name)
    }

    /// Lets the second NIC fetch a file.
    pub(crate) fn let_peer_fetch(&self, server: SocketAddr, path: &str) -> Option<PeerFetch> {
        self.peer
            .as_ref()
            .map(|peer| Peer::fetch(peer, server, path))
    }
}

/// A NIC as the driver sees it, and for whoever runs its clocks.
type Powered = (Arc<dyn Device>, Arc<Mutex<AnyNic>>);

fn power_on(form: NicForm, wire: BoxedWire) -> Result<Powered> {
    let nic = Arc::new(Mutex::new(AnyNic::new(form, wire)?));
    let device = InProcess::new(Arc::clone(&nic)).context("attaching the simulated NIC")?;
    Ok((Arc::new(device), nic))
}

fn parse(texts: [&str; 2]) -> Vec<Cidr> {
    // The constants above parse: a test says so.
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_have_an_address_of_each_family_on_one_network() {
        let (ours, peers) = (parse(OURS), parse(PEERS));
        assert_eq!((ours.len(), peers.len()), (2, 2));
        for (our, peer) in ours.iter().zip(&peers) {
            assert!(our.contains(peer.address()) && our.address() != peer.address());
        }
    }
}
