//! What a program holds: the file behind `TcpStream`, `UdpSocket` and their clones.

use longshore_refs::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_refs::holder;
use tcp_core::Events;

use crate::lock::Token;
use crate::output::is_connecting;
use crate::pcb::Live;
pub(crate) use crate::protocol::Attempt;
use crate::protocol::{Afterwards as _, Call, Protocol};
use crate::ready::{Notify, Readiness};
use crate::shared::Shared;
use crate::socket::SocketRef;
use crate::tcp::{self, Tcp};
use crate::tuple::Tuple;

/// An open file: reference F to a socket, and the settings that all clones of the file share.
#[derive(Debug)]
pub(crate) struct File<P: Protocol = Tcp> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: SocketRef<holder::F, P>,
    pub(crate) nonblocking: AtomicBool,
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    /// What only files of this protocol can be told.
    pub(crate) manner: P::Manner,
}

/// A call that is tried until it is done: what came of a try, and what is left to do after it.
type Try<'f, P, T> =
    dyn FnMut(&mut Call<'_, '_, P>, &mut <P as Protocol>::Block) -> Outcome<P, T> + 'f;

type Outcome<P, T> = (Attempt<T>, <P as Protocol>::After);

/// Which of the time-outs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Read,
    Write,
}

impl<P: Protocol> File<P> {
    pub(crate) fn new(shared: Arc<Shared>, socket: SocketRef<holder::F, P>) -> Self {
        Self {
            shared,
            socket,
            nonblocking: AtomicBool::new(false),
            read_timeout: AtomicU64::new(0),
            write_timeout: AtomicU64::new(0),
            manner: P::Manner::default(),
        }
    }

    fn timeout_cell(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Read => &self.read_timeout,
            Side::Write => &self.write_timeout,
        }
    }

    pub(crate) fn timeout(&self, side: Side) -> Option<Duration> {
        match self.timeout_cell(side).load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    pub(crate) fn set_timeout(&self, side: Side, timeout: Option<Duration>) -> io::Result<()> {
        let nanos = match timeout {
            None => 0,
            Some(Duration::ZERO) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a time-out of 0 would never wait: use set_nonblocking, or None to wait without end",
                ));
            }
            Some(timeout) => u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        };
        self.timeout_cell(side).store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// Tries until done; waits between tries as the file's settings say.
    pub(crate) fn call<T>(
        &self,
        side: Side,
        mut attempt: impl FnMut(&mut Call<'_, '_, P>, &mut P::Block) -> Outcome<P, T>,
    ) -> io::Result<T> {
        let nonblocking = self.nonblocking.load(Ordering::Relaxed);
        let timeout = self.timeout(side);
        let late = io::ErrorKind::WouldBlock;
        self.try_for(nonblocking, timeout, late, &mut attempt)
    }

    /// Tries until done, for at most `timeout`; then an error of kind `late`.
    pub(crate) fn try_for<T>(
        &self,
        nonblocking: bool,
        timeout: Option<Duration>,
        late: io::ErrorKind,
        attempt: &mut Try<'_, P, T>,
    ) -> io::Result<T> {
        let shared = &self.shared;
        let pcb = self.socket.pcb();
        let deadline = timeout.and_then(|t| shared.now().checked_add(t));
        let mut root = Token::root();
        let (mut live, mut under) = pcb.lock(&mut root);
        loop {
            let now = shared.now();
            let mut call = Call {
                shared,
                pcb,
                under: &mut under,
                now,
            };
            // Whatever the attempt changed is acted upon before anybody waits.
            let (outcome, after) = attempt(&mut call, &mut live);
            let done = match outcome {
                Attempt::Done(result) => Some(result),
                _ if nonblocking => Some(Err(io::ErrorKind::WouldBlock.into())),
                _ if deadline.is_some_and(|d| now >= d) => Some(Err(late.into())),
                Attempt::Wait | Attempt::WaitForMemory => None,
            };
            if done.is_some() || !after.is_empty() {
                drop((live, under));
                after.run(&mut root);
                if let Some(result) = done {
                    return result;
                }
                (live, under) = pcb.lock(&mut root);
                continue;
            }
            let until = deadline.map(|deadline| {
                // Stepped time passes unseen from here: look again soon.
                let left = deadline.saturating_sub(now);
                let nap = if shared.clock.is_real() {
                    left
                } else {
                    left.min(Duration::from_millis(1))
                };
                Instant::now() + nap
            });
            pcb.wait(&mut live, &mut under, until);
        }
    }

    pub(crate) fn send(&self, message: P::Message<'_>) -> io::Result<usize> {
        self.call(Side::Write, |call, block| P::send(call, block, message))
    }

    /// With `take` false the same comes again.
    pub(crate) fn receive(&self, buf: &mut [u8], take: bool) -> io::Result<P::Received> {
        self.call(Side::Read, |call, block| P::receive(call, block, buf, take))
    }

    /// Looks at the block, or changes what nobody has to be told of.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut P::Block) -> R) -> R {
        let mut root = Token::root();
        let (mut live, _) = self.socket.pcb().lock(&mut root);
        work(&mut live)
    }

    pub(crate) fn readiness(&self) -> Readiness {
        self.with(|block| P::readiness(block))
    }

    /// Whom to tell when the readiness may have changed; replaces an earlier one.
    pub(crate) fn set_notify(&self, notify: Option<Arc<dyn Notify>>) {
        // The earlier one's drop is a program's code, and runs without a lock.
        let earlier = self.with(|block| std::mem::replace(P::notify(block), notify));
        drop(earlier);
    }

    /// The error that nobody was told of yet.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        let failure = self.with(|block| P::failure(block).take());
        failure.map(io::Error::from)
    }
}

impl File {
    /// Ends the connection as a close does; the drop follows.
    pub(crate) fn begin_close(&self) {
        self.shared.update(self.socket.pcb(), |live, now| {
            if !live.dropped {
                live.connection.close(now);
            }
            ((), Events::empty())
        });
    }
}

/// The last clone of the program's handle is gone. Cannot fail.
impl<P: Protocol> Drop for File<P> {
    fn drop(&mut self) {
        P::close(&self.shared, &self.socket, &self.manner);
    }
}

impl File {
    /// As [`File::try_for`], for a connection, which is driven after each try.
    pub(crate) fn wait<T>(
        &self,
        nonblocking: bool,
        timeout: Option<Duration>,
        late: io::ErrorKind,
        attempt: &mut dyn FnMut(&Shared, &mut Live, Duration) -> Attempt<T>,
    ) -> io::Result<T> {
        self.try_for(nonblocking, timeout, late, &mut |call, live| {
            let outcome = attempt(call.shared, live, call.now);
            tcp::act_upon(call, live, outcome)
        })
    }

    /// Both ends.
    pub(crate) fn ends(&self) -> (SocketAddr, SocketAddr) {
        self.with(|live| {
            let Tuple { local, remote } = live.tuple();
            (local, remote)
        })
    }
}

/// Reads what there is.
pub(crate) fn read(live: &mut Live, buf: &mut [u8], consume: bool) -> Attempt<usize> {
    if buf.is_empty() || live.read_shut {
        return Attempt::Done(Ok(0));
    }
    let (skip, most) = live.urgent.before_mark(&live.connection);
    let connection = &mut live.connection;
    let available = usize::try_from(connection.available() - skip).unwrap_or(usize::MAX);
    if available > 0 {
        let n = available
            .min(buf.len())
            .min(usize::try_from(most).unwrap_or(usize::MAX));
        live.receive
            .get(connection.consumed_offset() + skip, &mut buf[..n]);
        if consume {
            connection.consume(skip + n as u64);
            if live.dropped && n == available {
                live.receive.shrink();
            }
        }
        return Attempt::Done(Ok(n));
    }
    if let Some(failure) = live.failure.take() {
        return Attempt::Done(Err(failure.into()));
    }
    if connection.is_peer_closed() || live.dropped {
        return Attempt::Done(Ok(0));
    }
    Attempt::Wait
}

/// Takes as many bytes as there is room for.
pub(crate) fn write(shared: &Shared, live: &mut Live, buf: &[u8]) -> Attempt<usize> {
    put(shared, live, buf, false)
}

/// As [`write()`]; if all of them are taken, the last byte is urgent if so told.
pub(crate) fn put(shared: &Shared, live: &mut Live, buf: &[u8], urgent: bool) -> Attempt<usize> {
    if let Some(failure) = live.failure.take() {
        return Attempt::Done(Err(failure.into()));
    }
    let connection = &mut live.connection;
    if live.dropped || !connection.can_write() {
        return Attempt::Done(Err(io::ErrorKind::BrokenPipe.into()));
    }
    if buf.is_empty() {
        return Attempt::Done(Ok(0));
    }
    if is_connecting(connection) {
        return Attempt::Wait;
    }
    let offset = connection.written_offset();
    if !live.has_room() {
        live.write_blocked = true;
        return Attempt::Wait;
    }
    live.write_blocked = false;
    let unsent = live.connection.unsent();
    let low_water = live.send.unsent_low_water().saturating_sub(unsent);
    let room = live
        .send
        .room(live.held())
        .min(usize::try_from(low_water).unwrap_or(usize::MAX));
    let n = live.send.append(shared.nic.send_pool(), offset, buf, room);
    if n == 0 {
        return Attempt::WaitForMemory;
    }
    let written = if urgent && n == buf.len() {
        live.connection.write_urgent(n as u64)
    } else {
        live.connection.write(n as u64)
    };
    match written {
        Ok(()) => Attempt::Done(Ok(n)),
        Err(_) => Attempt::Done(Err(io::ErrorKind::BrokenPipe.into())),
    }
}
