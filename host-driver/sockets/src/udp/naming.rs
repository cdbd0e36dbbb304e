//! Local addresses and peers: bind and connect.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use longshore_refs::holder;

use crate::failure::Failure;
use crate::lock::Token;
use crate::pcb::Pcb;
use crate::shared::Shared;
use crate::socket::{Socket, SocketRef};
use crate::tuple::Tuple;

use super::block::Block;
use super::ports::Name;
use super::{Udp, send};

/// A socket at a local address. With `reuse` it may share it with others that allow it too.
pub(super) fn bind(
    shared: &Arc<Shared>,
    local: SocketAddr,
    reuse: bool,
) -> io::Result<SocketRef<holder::F, Udp>> {
    if shared.is_down() {
        return Err(Failure::DeviceGone.into());
    }
    let ip = local.ip();
    if !ip.is_unspecified() && !shared.neighbours.config().is_own(ip) {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("{ip} is none of the stack's addresses"),
        ));
    }
    let full = || {
        io::Error::new(
            io::ErrorKind::OutOfMemory,
            "as many UDP sockets as the stack was configured for",
        )
    };
    let pcb = shared
        .udp
        .pcbs
        .insert::<holder::P>(|handle, pcb: &Pcb<Udp>| {
            let queue = handle.index as usize % shared.queues.len();
            pcb.occupy(Block::new(handle, queue, &shared.config));
        });
    let socket = Socket::attach(pcb.ok_or_else(full)?, &shared.sockets);
    let held = &mut Token::root();
    let hashed = {
        let (mut block, mut under) = socket.pcb().lock(held);
        let handle = block.handle;
        let first = shared.first_port(&Tuple::new((ip, 0), (ip, 0)));
        let mut insert = |port| {
            let address = SocketAddr::from((ip, port));
            // Whoever finds it from now on waits for our lock.
            let free = shared.udp.ports.bind(&mut under, address, reuse, handle);
            free.then_some(address)
        };
        let bound = if local.port() == 0 {
            crate::active::ports_from(first).find_map(&mut insert)
        } else {
            insert(local.port())
        };
        if let Some(address) = bound {
            block.bind(address);
        }
        bound.is_some()
    };
    if !hashed {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{local} is another UDP socket's"),
        ));
    }
    if shared.is_down() {
        // The stack went down meanwhile, and may not have seen this one.
        shared.end_udp(held, socket.pcb(), None);
        return Err(Failure::DeviceGone.into());
    }
    Ok(socket)
}

/// Names a socket's only peer.
pub(super) fn connect(shared: &Shared, socket: &Socket<Udp>, remote: SocketAddr) -> io::Result<()> {
    shared.update_udp(&mut Token::root(), socket.pcb(), |block, under| {
        let result = send::source_to(shared, block, remote).and_then(|local| {
            if block.dropped {
                return Err(io::ErrorKind::NotConnected.into());
            }
            let name = Name {
                local: SocketAddr::from((local, block.name.local.port())),
                remote: Some(SocketAddr::from((remote.ip(), remote.port()))),
            };
            if !shared
                .udp
                .ports
                .rename(under, block.handle, block.name, name)
            {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    format!("another socket at {local} has {remote} for its peer"),
                ));
            }
            block.connect(name);
            Ok(())
        });
        // What strangers have sent is gone: nobody is told, but who waits looks again.
        (result, false)
    })
}

/// Undoes a connect: the socket is as it was bound.
pub(super) fn disconnect(shared: &Shared, socket: &Socket<Udp>) -> io::Result<()> {
    shared.update_udp(&mut Token::root(), socket.pcb(), |block, under| {
        if block.dropped || block.name.remote.is_none() {
            return (Err(io::ErrorKind::NotConnected.into()), false);
        }
        let name = Name {
            local: block.bound,
            remote: None,
        };
        // It has its own name: nobody can have taken it away.
        shared
            .udp
            .ports
            .rename(under, block.handle, block.name, name);
        block.connect(name);
        (Ok(()), false)
    })
}
