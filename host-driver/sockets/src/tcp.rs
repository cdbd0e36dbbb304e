//! TCP under the contract of all protocols.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use longshore_refs::holder;
use longshore_refs::sync::atomic::{AtomicBool, Ordering};
use tcp_core::{Events, State};

use crate::accept::TcpListener;
use crate::broken::{Rule, keeps};
use crate::config::Own;
use crate::failure::Failure;
use crate::file;
use crate::lock::{Outermost, Token};
use crate::output::{After, is_connecting};
use crate::pcb::Live;
use crate::protocol::{Attempt, Call, Protocol};
use crate::ready::{Notify, Readiness};
use crate::shared::Shared;
use crate::socket::{Socket, SocketRef};

/// TCP (RFC 9293).
#[derive(Debug)]
pub(crate) enum Tcp {}

/// What a TCP file can be told.
#[derive(Debug, Default)]
pub(crate) struct Manner {
    /// Closing aborts: SO_LINGER with time-out 0.
    pub(crate) linger_zero: AtomicBool,
}

/// What a connection begins with, besides the peer's address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin<'a> {
    /// The local address; an unspecified one, and port 0, leave the choice to the stack.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) settings: Own<'a>,
}

impl Protocol for Tcp {
    type Block = Live;
    type After = After;
    type Manner = Manner;
    /// Bind and listen are one step.
    type Bound = TcpListener;
    /// Nothing else is there before: connect attaches the socket.
    type Origin<'a> = Origin<'a>;
    type Connected = SocketRef<holder::F>;
    type Message<'a> = &'a [u8];
    type Received = usize;

    fn bind(shared: &Arc<Shared>, local: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::listen(shared, local, None)
    }

    fn connect(
        shared: &Arc<Shared>,
        origin: Origin<'_>,
        remote: SocketAddr,
    ) -> io::Result<SocketRef<holder::F>> {
        shared.connect(origin.local, remote, origin.settings)
    }

    fn send(
        call: &mut Call<'_, '_, Self>,
        live: &mut Live,
        message: &[u8],
    ) -> (Attempt<usize>, After) {
        let outcome = file::write(call.shared, live, message);
        act_upon(call, live, outcome)
    }

    fn receive(
        call: &mut Call<'_, '_, Self>,
        live: &mut Live,
        buf: &mut [u8],
        take: bool,
    ) -> (Attempt<usize>, After) {
        let outcome = file::read(live, buf, take);
        act_upon(call, live, outcome)
    }

    fn shutdown(shared: &Shared, socket: &Socket, how: Shutdown) -> io::Result<()> {
        shared.update(socket.pcb(), |live, _| {
            if live.dropped {
                return (Err(io::ErrorKind::NotConnected.into()), Events::empty());
            }
            if how != Shutdown::Write {
                live.read_shut = true;
            }
            if how != Shutdown::Read {
                live.connection.shutdown_write();
            }
            // Whoever waits on the other side of a clone looks again.
            (Ok(()), Events::READABLE | Events::WRITABLE)
        })
    }

    fn abort(shared: &Shared, held: &mut Token<'_, impl Outermost>, socket: &Socket, why: Failure) {
        shared.abort(held, socket, why);
    }

    fn close(shared: &Shared, socket: &SocketRef<holder::F>, manner: &Manner) {
        if manner.linger_zero.load(Ordering::Relaxed) {
            return Self::abort(shared, &mut Token::root(), socket, Failure::Aborted);
        }
        // Its drop is a program's code, and runs without a lock.
        let _notify = shared.update(socket.pcb(), |live, now| {
            let notify = live.notify.take();
            if !live.dropped {
                // S, for the data that are still to be sent; drive gives it back if there are none.
                live.lingering = keeps(Rule::KeepLingering).then(|| socket.duplicate());
                live.connection.close(now);
            }
            (notify, Events::empty())
        });
    }

    fn free(live: Live) {
        debug_assert!(live.dropped, "freed while hashed: {:?}", live.tuple());
        debug_assert!(live.timer.is_none() && live.lingering.is_none());
    }

    fn readiness(live: &Live) -> Readiness {
        let failed = live.failure.is_some() || live.dropped;
        let connection = &live.connection;
        Readiness {
            readable: connection.available() > 0
                || connection.is_peer_closed()
                || live.read_shut
                || failed,
            writable: failed
                || !connection.can_write()
                || (!is_connecting(connection) && live.has_room()),
            closed: live.dropped || connection.state() == State::Closed,
        }
    }

    fn failure(live: &mut Live) -> &mut Option<Failure> {
        &mut live.failure
    }

    fn notify(live: &mut Live) -> &mut Option<Arc<dyn Notify>> {
        &mut live.notify
    }
}

/// Acts upon what a call has changed.
pub(crate) fn act_upon<T>(
    call: &mut Call<'_, '_, Tcp>,
    live: &mut Live,
    outcome: Attempt<T>,
) -> (Attempt<T>, After) {
    if matches!(outcome, Attempt::WaitForMemory) {
        call.shared.park(call.under, live);
    }
    let after = call
        .shared
        .drive(call.under, call.now, call.pcb, live, Events::empty());
    (outcome, after)
}
