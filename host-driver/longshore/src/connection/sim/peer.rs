//! Who is at the other end of a pair: a second NIC with a stack that answers, serves files and fetches.

use super::super::PeerFetch;
use crate::cli::Addressing;
use anyhow::{Context as _, Result};
use ip_core::Cidr;
use longshore_device::Device;
use longshore_driver::Nic;
use longshore_http::{Server, client};
use longshore_sockets::{Stack, StackConfig, TcpListener, TcpStream};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Where files are served.
const PORT: u16 = 80;
/// How long the peer waits for us.
const PATIENCE: Duration = Duration::from_secs(30);

/// The other end.
pub(super) struct Peer {
    stack: Stack,
}

impl Peer {
    /// Brings the second NIC up with `addresses`; serves the files of `folder`.
    ///
    /// # Errors
    /// The addresses cannot be; no thread is to be had.
    pub(super) fn start(
        device: Arc<dyn Device>,
        addresses: &[Cidr],
        folder: Option<&Path>,
    ) -> Result<Self> {
        let nic = Nic::open(device)?;
        let addressing = Addressing {
            mtu: 1500,
            ..Addressing::default()
        };
        let stack = Stack::new(nic, StackConfig::new(addressing.config(addresses)?))?;
        stack.start()?;
        if let Some(folder) = folder {
            let server = Arc::new(Server::new(folder));
            for any in [
                IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                Ipv6Addr::UNSPECIFIED.into(),
            ] {
                let listener = TcpListener::bind(&stack, SocketAddr::new(any, PORT))?;
                let server = Arc::clone(&server);
                std::thread::Builder::new()
                    .name("peer http".into())
                    // Ends with the stack.
                    .spawn(move || server.run(&listener))
                    .context("starting the peer's server")?;
            }
        }
        Ok(Self { stack })
    }

    /// Fetches `path` from `server` on a thread of its own.
    pub(super) fn fetch(this: &Arc<Self>, server: SocketAddr, path: &str) -> PeerFetch {
        let (done, end) = mpsc::channel();
        let (peer, path) = (Arc::downgrade(this), path.to_owned());
        std::thread::spawn(move || {
            let fetch = || {
                let peer = peer.upgrade().context("the second NIC is gone")?;
                let stream = TcpStream::connect_timeout(&peer.stack, &server, PATIENCE)?;
                drop(peer);
                stream.set_read_timeout(Some(PATIENCE))?;
                anyhow::Ok(client::get(
                    stream,
                    &server.to_string(),
                    &path,
                    std::io::sink(),
                )?)
            };
            // Nobody listens any more: nobody wants to know.
            let _ = done.send(fetch().map_err(|error| format!("{error:#}")));
        });
        end
    }
}
