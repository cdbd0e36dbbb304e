//! Active opens.

use longshore_refs::sync::atomic::Ordering;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longshore_refs::holder;
use tcp_core::{Connection, Events};

use crate::config::Own;
use crate::counters::count;
use crate::failure::Failure;
use crate::lock::Token;
use crate::pcb::Pcb;
use crate::shared::Shared;
use crate::socket::{Socket, SocketRef};
use crate::tuple::Tuple;

/// Ephemeral ports (RFC 6335 §6: the dynamic range).
const PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// All ephemeral ports, from one of them on.
pub(crate) fn ports_from(first: u16) -> impl Iterator<Item = u16> {
    (first..=*PORTS.end()).chain(*PORTS.start()..first)
}

impl Shared {
    /// Makes a socket and sends its SYN: from a local address if one is given (an unspecified one, and port 0, leave that
    /// open).
    pub(crate) fn connect(
        self: &Arc<Self>,
        from: Option<SocketAddr>,
        remote: SocketAddr,
        own: Own<'_>,
    ) -> io::Result<SocketRef<holder::F>> {
        if self.is_down() {
            return Err(Failure::DeviceGone.into());
        }
        let config = self.neighbours.config();
        let ip = remote.ip();
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
        //# A TCP implementation MUST reject as an error a local OPEN call for an invalid remote IP address (e.g., a
        //# broadcast or multicast address) (MUST-46).
        let broadcast = matches!(ip, std::net::IpAddr::V4(v4) if config.is_broadcast(v4));
        if remote.port() == 0 || ip.is_unspecified() || ip.is_multicast() || broadcast {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{remote} is no host's address with a port"),
            ));
        }
        if config.is_own(ip) {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "connecting to an own address: this stack has no loopback",
            ));
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
        //# If an application on a multihomed host does not specify the local IP address when actively opening a TCP
        //# connection, then the TCP implementation MUST ask the IP layer to select a local IP address before
        //# sending the (first) SYN (MUST-44).
        let Some(source) = config.source_for(ip) else {
            return Err(Failure::NetworkUnreachable.into());
        };
        let local = match from.map(|from| from.ip()) {
            Some(from) if from.is_ipv4() != ip.is_ipv4() => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{from} and {ip} are of different families"),
                ));
            }
            Some(from) if !from.is_unspecified() && !config.is_own(from) => {
                return Err(io::Error::new(
                    io::ErrorKind::AddrNotAvailable,
                    format!("{from} is none of the stack's addresses"),
                ));
            }
            Some(from) if !from.is_unspecified() => from,
            _ => source,
        };
        let wanted = from.map(|from| from.port()).filter(|&port| port != 0);
        let held = &mut Token::root();
        let now = self.now();
        let tcp = self.config.tcp_for(local, own);
        let connection = |tuple: &Tuple| {
            Connection::connect(&tcp, self.isns.initial(now, tuple.local, tuple.remote))
        };
        let tuple = |port| Tuple::new((local, port), (ip, remote.port()));
        let mut port = wanted.unwrap_or_else(|| self.first_port(&tuple(0)));
        let pcb = self.pcbs.insert::<holder::P>(|handle, pcb: &Pcb| {
            let tuple = tuple(port);
            pcb.occupy(self.live(handle, tuple, connection(&tuple), own));
        });
        let Some(pcb) = pcb else {
            count(&self.counters.no_memory);
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "as many connections as the stack was configured for",
            ));
        };
        let ports = match wanted {
            Some(_) => 1,
            None => usize::from(PORTS.end() - PORTS.start()) + 1,
        };
        for _ in 0..ports {
            let tuple = tuple(port);
            let taken = self.addresses.find(held, local, port).is_some();
            if !taken && self.table.insert_pcb(held, &tuple, pcb.handle()) {
                count(&self.counters.active_opens);
                let socket = Socket::attach(pcb, &self.sockets);
                self.update_in(held, socket.pcb(), |_, _, _| ((), Events::empty()));
                return Ok(socket);
            }
            port = if port < *PORTS.end() {
                port + 1
            } else {
                *PORTS.start()
            };
            // Nobody can find it yet.
            let (mut live, _) = pcb.lock(held);
            let tuple = self::Tuple::new((local, port), (ip, remote.port()));
            live.tuple = (&tuple).into();
            let queue = self.queue_of(&tuple);
            live.set_queue(queue);
            live.connection = connection(&tuple);
        }
        pcb.lock(held).0.dropped = true;
        if let Some(port) = wanted {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("port {port} is taken by a listener, or by another connection to {remote}"),
            ));
        }
        Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("no local port is free for a connection to {remote}"),
        ))
    }

    /// Where to begin looking for a free port: differs by peer, unpredictable from outside, and moves on
    /// (RFC 6056 §3.3.3).
    pub(crate) fn first_port(&self, tuple: &Tuple) -> u16 {
        let count = u64::from(PORTS.end() - PORTS.start()) + 1;
        let step = self.port.fetch_add(1, Ordering::Relaxed);
        let hash = self.isns.initial(Duration::ZERO, tuple.local, tuple.remote);
        let offset = u64::from(hash.iss.0).wrapping_add(step) % count;
        // Less than 2^16.
        #[expect(clippy::cast_possible_truncation)]
        let offset = offset as u16;
        PORTS.start() + offset
    }
}
