//! From a transport's name to an open device.

#[cfg(feature = "sim")]
mod sim;

use crate::cli::Transport;
use anyhow::Result;
use ip_core::Cidr;
use longshore_device::{Counting, Device, MmioCounts};
use longshore_device_vfio::{Interface, Vfio};
use longshore_device_vfio_user::VfioUser;
use longshore_sysfs::{Address, Sysfs};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "sim")]
use sim::Simulation;

/// How a NIC is reached.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A card behind the kernel's VFIO, on the host whose `/sys` and `/dev` are given.
    Vfio(Sysfs, Address),
    /// The device of another process.
    VfioUser(PathBuf),
    /// A simulated NIC in this process.
    #[cfg(feature = "sim")]
    Sim(sim::SimConfig),
}

/// What shall be at the other end of a simulated wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nobody: the NIC is only looked at.
    None,
    /// Somebody who answers.
    Peer,
}

/// An open device. Dropped after everything that uses it.
pub(crate) struct Connection {
    device: Arc<Counting<Arc<dyn Device>>>,
    #[cfg(feature = "sim")]
    simulation: Option<Simulation>,
}

impl Target {
    /// What was typed; `root` is where the host's folders are.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub(crate) fn new(transport: &Transport, root: &Path) -> Result<Self> {
        if let Some(address) = transport.which.vfio {
            return Ok(Self::Vfio(Sysfs::at(root), address));
        }
        if let Some(socket) = &transport.which.vfio_user {
            return Ok(Self::VfioUser(socket.clone()));
        }
        #[cfg(feature = "sim")]
        if transport.which.sim {
            return Ok(Self::Sim(sim::SimConfig::new(&transport.sim)?));
        }
        // The parser lets nothing else through.
        anyhow::bail!("no NIC was named")
    }

    /// Opens the device.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(crate) fn open(self, company: Company) -> Result<Connection> {
        // Only a simulated wire's other end is ours to choose.
        let _ = company;
        match self {
            Self::Vfio(sysfs, address) => {
                let device = Vfio::open_by(&sysfs, address, Interface::Best)?;
                Ok(Connection::to(Arc::new(device)))
            }
            Self::VfioUser(socket) => {
                let device = VfioUser::connect(&socket)?;
                Ok(Connection::to(Arc::new(device)))
            }
            #[cfg(feature = "sim")]
            Self::Sim(config) => {
                let (device, simulation) = Simulation::start(&config, company)?;
                Ok(Connection {
                    simulation: Some(simulation),
                    ..Connection::to(device)
                })
            }
        }
    }
}

impl Connection {
    fn to(device: Arc<dyn Device>) -> Self {
        Self {
            device: Arc::new(Counting::new(device)),
            #[cfg(feature = "sim")]
            simulation: None,
        }
    }

    /// The device, as the driver wants it.
    pub(crate) fn device(&self) -> Arc<dyn Device> {
        self.device.clone()
    }

    /// Register accesses so far.
    pub(crate) fn mmio(&self) -> MmioCounts {
        self.device.counts()
    }

    /// Our addresses if none are given: a simulated wire has its own.
    pub(crate) fn fallback_addresses(&self) -> Vec<Cidr> {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            return simulation.our_addresses();
        }
        Vec::new()
    }

    /// Lets the other end of a pair fetch `path` from `server` and keeps what became of it; nothing where there is no
    /// such end.
    pub(crate) fn let_peer_fetch(&self, server: SocketAddr, path: &str) -> Option<PeerFetch> {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            return simulation.let_peer_fetch(server, path);
        }
        let _ = (server, path);
        None
    }

    /// The network namespace of a Linux peer.
    pub(crate) fn namespace(&self) -> Option<&str> {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            return simulation.namespace();
        }
        None
    }
}

/// A fetch by the second NIC of a pair: its end, when it comes.
pub(crate) type PeerFetch =
    std::sync::mpsc::Receiver<Result<longshore_http::client::Moved, String>>;

/// Where a state of ours is kept over calls, below the host's root.
pub(crate) fn run_folder(host_root: &Path) -> PathBuf {
    host_root.join("run/longshore")
}
