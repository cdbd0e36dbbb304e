//! What a program holds: the file behind `TcpStream` and its clones.

use longshore_refs::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_refs::holder;
use tcp_core::{Events, State};

use crate::broken::{Rule, keeps};
use crate::failure::Failure;
use crate::lock::Token;
use crate::output::is_connecting;
use crate::pcb::Live;
use crate::ready::Readiness;
use crate::shared::Shared;
use crate::socket::SocketRef;

/// An open file: reference F to a socket, and the settings that all clones of the file share.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: SocketRef<holder::F>,
    pub(crate) nonblocking: AtomicBool,
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    /// Closing aborts: SO_LINGER with time-out 0.
    pub(crate) linger_zero: AtomicBool,
}

/// Outcome of one try.
pub(crate) enum Attempt<T> {
    Done(io::Result<T>),
    /// Not now: wait for a change.
    Wait,
    /// Not now: wait for send memory.
    WaitForMemory,
}

/// Which of the time-outs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Read,
    Write,
}

impl File {
    pub(crate) fn new(shared: Arc<Shared>, socket: SocketRef<holder::F>) -> Self {
        Self {
            shared,
            socket,
            nonblocking: AtomicBool::new(false),
            read_timeout: AtomicU64::new(0),
            write_timeout: AtomicU64::new(0),
            linger_zero: AtomicBool::new(false),
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
    pub(crate) fn until_done<T>(
        &self,
        side: Side,
        mut attempt: impl FnMut(&Shared, &mut Live, Duration) -> Attempt<T>,
    ) -> io::Result<T> {
        let nonblocking = self.nonblocking.load(Ordering::Relaxed);
        let timeout = self.timeout(side);
        self.wait(
            nonblocking,
            timeout,
            io::ErrorKind::WouldBlock,
            &mut attempt,
        )
    }

    /// Tries until done, for at most `timeout`; then an error of kind `late`.
    pub(crate) fn wait<T>(
        &self,
        nonblocking: bool,
        timeout: Option<Duration>,
        late: io::ErrorKind,
        attempt: &mut dyn FnMut(&Shared, &mut Live, Duration) -> Attempt<T>,
    ) -> io::Result<T> {
        let shared = &self.shared;
        let pcb = self.socket.pcb();
        let deadline = timeout.and_then(|t| shared.now().checked_add(t));
        let mut root = Token::root();
        let (mut live, mut under) = pcb.lock(&mut root);
        loop {
            let now = shared.now();
            let outcome = attempt(shared, &mut live, now);
            // Whatever the attempt changed is acted upon before anybody waits.
            if matches!(outcome, Attempt::WaitForMemory) {
                shared.park(&mut under, &mut live);
            }
            let after = shared.drive(&mut under, now, pcb, &mut live, Events::empty());
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

    /// Looks at the connection, or changes what nobody has to be told of.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Live) -> R) -> R {
        let mut root = Token::root();
        let (mut live, _) = self.socket.pcb().lock(&mut root);
        work(&mut live)
    }

    /// Both ends.
    pub(crate) fn ends(&self) -> (SocketAddr, SocketAddr) {
        self.with(|live| (live.tuple.local, live.tuple.remote))
    }

    pub(crate) fn readiness(&self) -> Readiness {
        self.with(|live| Self::readiness_of(live))
    }

    fn readiness_of(live: &Live) -> Readiness {
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
}

/// The last clone of a `TcpStream` is gone. Cannot fail.
impl Drop for File {
    fn drop(&mut self) {
        let socket = &self.socket;
        if self.linger_zero.load(Ordering::Relaxed) {
            return self
                .shared
                .abort(&mut Token::root(), socket, Failure::Aborted);
        }
        // Its drop is a program's code, and runs without a lock.
        let _notify = self.shared.update(socket.pcb(), |live, now| {
            let notify = live.notify.take();
            if !live.dropped {
                // S, for the data that are still to be sent; drive gives it back if there are none.
                live.lingering = keeps(Rule::KeepLingering).then(|| socket.duplicate());
                live.connection.close(now);
            }
            (notify, Events::empty())
        });
    }
}

/// Reads what there is.
pub(crate) fn read(live: &mut Live, buf: &mut [u8], consume: bool) -> Attempt<usize> {
    if buf.is_empty() || live.read_shut {
        return Attempt::Done(Ok(0));
    }
    let connection = &mut live.connection;
    let available = usize::try_from(connection.available()).unwrap_or(usize::MAX);
    if available > 0 {
        let n = available.min(buf.len());
        live.receive
            .get(connection.consumed_offset(), &mut buf[..n]);
        if consume {
            connection.consume(n as u64);
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
    let room = live.send.room(live.held());
    let n = live.send.append(shared.nic.send_pool(), offset, buf, room);
    if n == 0 {
        return Attempt::WaitForMemory;
    }
    match live.connection.write(n as u64) {
        Ok(()) => Attempt::Done(Ok(n)),
        Err(_) => Attempt::Done(Err(io::ErrorKind::BrokenPipe.into())),
    }
}
