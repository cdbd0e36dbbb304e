//! UDP (RFC 768, RFC 8085) under the contract of all protocols.
//!
//! A socket is attached by its bind, so every socket has a local address; to connect one is to name its only peer. There is no
//! state between datagrams and so neither S (nothing lingers after close) nor T (nothing is timed).

mod block;
mod errors;
mod inbox;
mod input;
mod life;
mod naming;
mod options;
mod path_mtu;
mod ports;
mod send;
mod socket;

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;

use longshore_refs::sync::atomic::AtomicBool;
use longshore_refs::{Handle, Slab, holder};

use crate::config::StackConfig;
use crate::failure::Failure;
use crate::lock::{Leaf, Ordered, Outermost, Token};
use crate::pcb::Pcb;
use crate::protocol::{Afterwards, Attempt, Call, Protocol};
use crate::ready::{Notify, Readiness};
use crate::shared::Shared;
use crate::socket::{Socket, SocketRef};

use block::Block;
use path_mtu::PathMtus;
use ports::Ports;
pub use socket::UdpSocket;

/// UDP.
#[derive(Debug)]
pub(crate) enum Udp {}

/// What belongs to UDP in a stack.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) pcbs: Slab<Pcb<Udp>>,
    pub(crate) ports: Ports,
    mtus: PathMtus,
    /// Connected sockets whose datagrams wait for a neighbour.
    unresolved: Ordered<Leaf, Vec<Handle>>,
    /// Sockets that wait for room in the submission ring of a queue pair, or for send memory.
    parked: Ordered<Leaf, Vec<(usize, Handle)>>,
    /// Whether there are such: for a look without the lock.
    has_parked: AtomicBool,
}

impl Sockets {
    pub(crate) fn new(config: &StackConfig) -> Self {
        Self {
            pcbs: Slab::new("UDP pcbs", config.datagram_sockets, |_| Pcb::default()),
            ports: Ports::default(),
            mtus: PathMtus::default(),
            unresolved: Ordered::default(),
            parked: Ordered::default(),
            has_parked: AtomicBool::new(false),
        }
    }
}

/// What is sent by one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) data: &'a [u8],
    /// `None`: to the peer of a connected socket.
    pub(crate) to: Option<SocketAddr>,
}

/// What one call has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    /// Bytes that fit into the buffer; the rest is lost.
    pub(crate) len: usize,
    pub(crate) from: SocketAddr,
}

/// Whom to tell when the block's lock is free again.
#[must_use]
#[derive(Debug, Default)]
pub(crate) struct Told(Option<Arc<dyn Notify>>);

impl Afterwards for Told {
    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn run(self, held: &mut Token<'_, impl Outermost>) {
        if let Some(notify) = self.0 {
            held.outside(move || notify.notify());
        }
    }
}

impl Protocol for Udp {
    type Block = Block;
    type After = Told;
    /// Nothing but what every file has.
    type Manner = ();
    type Bound = SocketRef<holder::F, Udp>;
    type Origin<'a> = &'a Socket<Udp>;
    type Connected = ();
    type Message<'a> = Outgoing<'a>;
    type Received = Incoming;

    fn bind(shared: &Arc<Shared>, local: SocketAddr) -> io::Result<Self::Bound> {
        naming::bind(shared, local, false)
    }

    fn connect(shared: &Arc<Shared>, socket: &Socket<Self>, remote: SocketAddr) -> io::Result<()> {
        naming::connect(shared, socket, remote)
    }

    fn send(
        call: &mut Call<'_, '_, Self>,
        block: &mut Block,
        message: Outgoing<'_>,
    ) -> (Attempt<usize>, Told) {
        (send::send(call, block, message), Told::default())
    }

    fn receive(
        _call: &mut Call<'_, '_, Self>,
        block: &mut Block,
        buf: &mut [u8],
        take: bool,
    ) -> (Attempt<Incoming>, Told) {
        (block.receive(buf, take), Told::default())
    }

    fn shutdown(shared: &Shared, socket: &Socket<Self>, how: Shutdown) -> io::Result<()> {
        shared.update_udp(&mut Token::root(), socket.pcb(), |block, _| {
            if block.dropped || block.name.remote.is_none() {
                return (Err(io::ErrorKind::NotConnected.into()), false);
            }
            block.read_shut |= how != Shutdown::Write;
            block.write_shut |= how != Shutdown::Read;
            // Whoever waits on the other side of a clone looks again.
            (Ok(()), true)
        })
    }

    fn abort(
        shared: &Shared,
        held: &mut Token<'_, impl Outermost>,
        socket: &Socket<Self>,
        why: Failure,
    ) {
        shared.end_udp(held, socket.pcb(), Some(why));
    }

    fn close(shared: &Shared, socket: &SocketRef<holder::F, Self>, _manner: &()) {
        let root = &mut Token::root();
        // Its drop is a program's code, and runs without a lock.
        let notify = {
            let (mut block, _) = socket.pcb().lock(root);
            block.notify.take()
        };
        shared.end_udp(root, socket.pcb(), None);
        drop(notify);
    }

    fn free(block: Block) {
        debug_assert!(block.dropped, "freed while hashed: {:?}", block.name);
    }

    fn readiness(block: &Block) -> Readiness {
        block.readiness()
    }

    fn failure(block: &mut Block) -> &mut Option<Failure> {
        &mut block.failure
    }

    fn notify(block: &mut Block) -> &mut Option<Arc<dyn Notify>> {
        &mut block.notify
    }
}

/// The unspecified address of a family: from whom the end of the file comes.
fn nobody(like: IpAddr) -> SocketAddr {
    match like {
        IpAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        IpAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
    }
}
