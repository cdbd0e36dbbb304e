//! What a socket of any protocol is to the socket layer: one contract, kept by TCP and by UDP.
//!
//! The socket layer's own code is written against [`Protocol`] alone: the slab's slots and their locks
//! ([`Pcb`]), sockets and the references to them ([`Socket`], [`SocketRef`]), files with
//! waiting, time-outs and the way they close ([`File`](crate::file::File)).
//!
//! | call | who | may fail |
//! |---|---|---|
//! | attach | [`Socket::attach`], for every protocol: it takes over the slot's first reference, so once per Pcb | no: what can fail comes before |
//! | bind | [`Protocol::bind`] | yes |
//! | listen, accept | what TCP's bind makes: [`TcpListener`](crate::TcpListener). There is nothing to accept in UDP, so they are not here | yes |
//! | connect | [`Protocol::connect`] | yes |
//! | send, receive | [`Protocol::send`], [`Protocol::receive`] | yes |
//! | shutdown | [`Protocol::shutdown`] | yes |
//! | abort | [`Protocol::abort`] | no |
//! | close | [`Protocol::close`], from the drop of the last clone of a file and from nowhere else | no |
//! | detach | the drop of the last reference to a socket, which lets go of P; no protocol is asked | no |
//! | free | [`Protocol::free`], from the drop of the last reference of any holder | no |

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use longshore_refs::holder;

use crate::failure::Failure;
use crate::lock::{Outermost, Token, UnderPcb};
use crate::pcb::Pcb;
use crate::ready::{Notify, Readiness};
use crate::shared::Shared;
use crate::socket::{Socket, SocketRef};

/// A transport protocol. See the module's table for who calls what.
pub(crate) trait Protocol: fmt::Debug + Send + Sync + Sized + 'static {
    /// A control block: what is in a slot from before attach until the last reference to it is dropped.
    type Block: fmt::Debug + Send;
    /// What is left to do when a block's lock is free again.
    type After: Afterwards;
    /// Settings of a file that are this protocol's alone.
    type Manner: fmt::Debug + Default + Send + Sync;
    /// What bind makes: a socket, or for a protocol with connections a listener.
    type Bound;
    /// What a connection is made from, besides the peer's address.
    type Origin<'a>;
    /// What connect makes of it.
    type Connected;
    /// What is sent by one call.
    type Message<'a>: Copy;
    /// What one call has received into its buffer.
    type Received;

    /// Takes a local address. Port 0 takes a free one.
    fn bind(shared: &Arc<Shared>, local: SocketAddr) -> io::Result<Self::Bound>;

    /// Names the peer, or begins to speak with it. Never waits.
    fn connect(
        shared: &Arc<Shared>,
        origin: Self::Origin<'_>,
        remote: SocketAddr,
    ) -> io::Result<Self::Connected>;

    /// Tries to send, or to take over what is to be sent.
    fn send(
        call: &mut Call<'_, '_, Self>,
        block: &mut Self::Block,
        message: Self::Message<'_>,
    ) -> (Attempt<usize>, Self::After);

    /// Tries to receive; with `take` false the same comes again.
    fn receive(
        call: &mut Call<'_, '_, Self>,
        block: &mut Self::Block,
        buf: &mut [u8],
        take: bool,
    ) -> (Attempt<Self::Received>, Self::After);

    /// Ends receiving, sending or both.
    fn shutdown(shared: &Shared, socket: &Socket<Self>, how: Shutdown) -> io::Result<()>;

    /// Ends what the socket does at once: out of every table, the program is told `why`. Cannot fail.
    fn abort(
        shared: &Shared,
        held: &mut Token<'_, impl Outermost>,
        socket: &Socket<Self>,
        why: Failure,
    );

    /// The program has let go of the socket's last file. Cannot fail.
    fn close(shared: &Shared, socket: &SocketRef<holder::F, Self>, manner: &Self::Manner);

    /// Nobody refers to the block any more. Runs in the last reference's drop, takes no lock, cannot fail.
    fn free(block: Self::Block);

    /// What can be done now without waiting.
    fn readiness(block: &Self::Block) -> Readiness;

    /// An error that nobody was told of yet.
    fn failure(block: &mut Self::Block) -> &mut Option<Failure>;

    /// Whom to tell when the readiness may have changed.
    fn notify(block: &mut Self::Block) -> &mut Option<Arc<dyn Notify>>;
}

/// A program's call at work on a block, under its lock.
#[derive(Debug)]
pub(crate) struct Call<'a, 't, P: Protocol> {
    pub(crate) shared: &'a Shared,
    pub(crate) pcb: &'a Pcb<P>,
    pub(crate) under: &'a mut UnderPcb<'t>,
    pub(crate) now: Duration,
}

/// Outcome of one try.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    Done(io::Result<T>),
    /// Not now: wait for a change.
    Wait,
    /// Not now: wait for send memory.
    WaitForMemory,
}

/// What is left to do when a block's lock is free again.
pub(crate) trait Afterwards {
    /// Nothing is left to do.
    fn is_empty(&self) -> bool;

    /// Does it.
    fn run(self, held: &mut Token<'_, impl Outermost>);
}
