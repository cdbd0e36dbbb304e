//! `TcpStream`, with `std::net`'s names and semantics.

use longshore_refs::sync::atomic::Ordering;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tcp_core::{Counters, Events, Info, KeepAlive};

use crate::config::SocketConfig;
use crate::failure::Failure;
use crate::file::{Attempt, File, Side};
use crate::lock::Token;
use crate::options::ECN;
use crate::output::is_connecting;
use crate::protocol::Protocol as _;
use crate::ready::{Notify, Readiness};
use crate::stack::Stack;
use crate::tcp::{Origin, Tcp};

/// A TCP connection.
///
/// As `std::net::TcpStream`: the connection is closed when the stream and all its clones are dropped. What was
/// written is still sent then; if bytes that came were not read, the peer gets a reset.
///
/// Blocking calls want somebody else to run the stack ([`Stack::start`], or another thread that calls
/// [`Stack::poll`]).
pub struct TcpStream {
    file: Arc<File>,
}

impl TcpStream {
    pub(crate) fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
        }
    }

    pub(crate) fn into_file(self) -> Arc<File> {
        self.file
    }

    /// Opens a connection and waits until it is established.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, `HostUnreachable`, `NetworkUnreachable`, `AddrNotAvailable`,
    /// `InvalidInput`, `OutOfMemory`.
    pub fn connect(stack: &Stack, address: SocketAddr) -> io::Result<Self> {
        let stream = Self::start_connect(stack, address)?;
        stream.finish_connect(None)?;
        Ok(stream)
    }

    /// As [`TcpStream::connect`], for at most `timeout`.
    ///
    /// # Errors
    /// As [`TcpStream::connect`]; `TimedOut` when the time is over; `InvalidInput` for a time-out of 0.
    pub fn connect_timeout(
        stack: &Stack,
        address: &SocketAddr,
        timeout: Duration,
    ) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "cannot connect within no time at all",
            ));
        }
        let stream = Self::start_connect(stack, *address)?;
        match stream.finish_connect(Some(timeout)) {
            Ok(()) => Ok(stream),
            Err(error) => {
                stream
                    .file
                    .manner
                    .linger_zero
                    .store(true, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Begins to open a connection and returns at once. The stream becomes writable when it is established;
    /// [`TcpStream::take_error`] tells whether it failed.
    ///
    /// # Errors
    /// As [`TcpStream::connect`], if it is clear at once that nothing can come of it.
    pub fn start_connect(stack: &Stack, address: SocketAddr) -> io::Result<Self> {
        Self::start_connect_with(stack, None, address, None)
    }

    /// As [`TcpStream::start_connect`], from a local address (an unspecified one, and port 0, leave the choice to the
    /// stack), and with settings of its own.
    ///
    /// # Errors
    /// As [`TcpStream::start_connect`]; `AddrNotAvailable` if `local` is not ours, `AddrInUse` if its port has a listener or
    /// another connection to `address`.
    pub fn start_connect_with(
        stack: &Stack,
        local: Option<SocketAddr>,
        address: SocketAddr,
        config: Option<&Arc<SocketConfig>>,
    ) -> io::Result<Self> {
        let shared = stack.shared();
        let origin = Origin {
            local,
            settings: config,
        };
        let socket = Tcp::connect(shared, origin, address)?;
        Ok(Self::new(File::new(Arc::clone(shared), socket)))
    }

    /// As [`TcpStream::start_connect`], from a local port of the program's choice.
    ///
    /// # Errors
    /// As [`TcpStream::start_connect_with`].
    pub fn start_connect_from(stack: &Stack, port: u16, address: SocketAddr) -> io::Result<Self> {
        let any = match address {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        Self::start_connect_with(stack, Some((any, port).into()), address, None)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    fn finish_connect(&self, timeout: Option<Duration>) -> io::Result<()> {
        let waited = self.file.wait(
            false,
            timeout,
            io::ErrorKind::TimedOut,
            &mut |_, live, _| match live.failure.take() {
                Some(failure) => Attempt::Done(Err(failure.into())),
                None if live.dropped || !is_connecting(&live.connection) => Attempt::Done(Ok(())),
                None => Attempt::Wait,
            },
        );
        match waited {
            Err(error) if error.kind() == io::ErrorKind::TimedOut && error.get_ref().is_none() => {
                Err(Failure::ConnectTimedOut.into())
            }
            other => other,
        }
    }

    /// The peer's address.
    ///
    /// # Errors
    /// None.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.file.ends().1)
    }

    /// The own address.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.file.ends().0)
    }

    /// Another handle to the same file: connection, time-outs and blocking mode are shared.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            file: Arc::clone(&self.file),
        })
    }

    /// Ends reading, writing or both. After `Write` the peer gets end of file behind what was written; after
    /// `Read` reads give end of file here, and data that come are kept from the program but acknowledged as far
    /// as the window goes.
    ///
    /// # Errors
    /// `NotConnected` if the connection is over.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Tcp::shutdown(&self.file.shared, &self.file.socket, how)
    }

    /// Ends the connection at once: the peer gets a reset, what was not sent or read is lost. Cannot fail.
    pub fn abort(self) {
        self.file
            .shared
            .abort(&mut Token::root(), &self.file.socket, Failure::Aborted);
    }

    /// Whether calls return `WouldBlock` instead of waiting.
    ///
    /// # Errors
    /// None.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.file.nonblocking.store(nonblocking, Ordering::Relaxed);
        Ok(())
    }

    /// Sends small segments at once (true) or while none is in flight (false, Nagle's algorithm; the default).
    ///
    /// # Errors
    /// None.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        let pcb = self.file.socket.pcb();
        self.file.shared.update(pcb, |live, _| {
            live.connection.set_nagle(!nodelay);
            ((), Events::empty())
        });
        Ok(())
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
    //# Time to Live (TTL): The TTL value used to send TCP segments MUST be configurable (MUST-49).
    /// TTL (IPv4) or hop limit (IPv6) of what is sent from now on. At first that of the stack's configuration.
    ///
    /// # Errors
    /// `InvalidInput` unless 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = crate::options::hop_limit(ttl)?;
        self.file.with(|live| live.marks.hop_limit = ttl);
        Ok(())
    }

    /// TTL or hop limit of what is sent.
    ///
    /// # Errors
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.file.with(|live| live.marks.hop_limit.into()))
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
    //# The application layer MUST be able to specify the Differentiated Services field for segments that are sent
    //# on a connection (MUST-48).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
    //# It is not required, but the application SHOULD be able to change the Differentiated Services field during
    //# the connection lifetime (SHLD-21).
    /// TOS (IPv4) or traffic class (IPv6) of what is sent from now on: the Diffserv field. The two low bits are ECN's, and TCP's
    /// own: they are ignored.
    ///
    /// # Errors
    /// None.
    pub fn set_tos(&self, tos: u8) -> io::Result<()> {
        self.file.with(|live| live.marks.traffic_class = tos & !ECN);
        Ok(())
    }

    /// TOS or traffic class of what is sent, without ECN.
    ///
    /// # Errors
    /// None.
    pub fn tos(&self) -> io::Result<u8> {
        Ok(self.file.with(|live| live.marks.traffic_class))
    }

    /// TOS or traffic class of the last segment that came, ECN included.
    #[must_use]
    pub fn received_tos(&self) -> u8 {
        self.file.with(|live| live.marks.received)
    }

    /// What was told of the way to the peer that may pass, and has not: the connection goes on. If it does not come to anything,
    /// this is its error instead of `TimedOut`.
    ///
    /// # Errors
    /// None.
    pub fn soft_error(&self) -> io::Result<Option<io::Error>> {
        let soft = self.file.with(|live| live.soft);
        Ok(soft.map(io::Error::from))
    }

    /// SO_KEEPALIVE with its times: probes on an idle connection; `None` (the default) for none.
    ///
    /// # Errors
    /// None.
    pub fn set_keep_alive(&self, settings: Option<KeepAlive>) -> io::Result<()> {
        let pcb = self.file.socket.pcb();
        self.file.shared.update(pcb, |live, now| {
            live.connection.set_keep_alive(now, settings);
            ((), Events::empty())
        });
        Ok(())
    }

    /// TCP_USER_TIMEOUT: how long data may stay unacknowledged; `None` (the default) leaves it to the retransmissions.
    ///
    /// # Errors
    /// None.
    pub fn set_user_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        let pcb = self.file.socket.pcb();
        self.file.shared.update(pcb, |live, _| {
            live.connection.set_user_timeout(limit);
            ((), Events::empty())
        });
        Ok(())
    }

    /// SO_LINGER with time-out 0 on or off: whether dropping the stream aborts the connection.
    ///
    /// # Errors
    /// None.
    pub fn set_abort_on_close(&self, abort: bool) -> io::Result<()> {
        self.file.manner.linger_zero.store(abort, Ordering::Relaxed);
        Ok(())
    }

    /// How long reads wait; `None` is without end.
    ///
    /// # Errors
    /// `InvalidInput` for a time-out of 0.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.file.set_timeout(Side::Read, timeout)
    }

    /// How long writes wait; `None` is without end.
    ///
    /// # Errors
    /// `InvalidInput` for a time-out of 0.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.file.set_timeout(Side::Write, timeout)
    }

    /// How long reads wait.
    ///
    /// # Errors
    /// None.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.file.timeout(Side::Read))
    }

    /// How long writes wait.
    ///
    /// # Errors
    /// None.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.file.timeout(Side::Write))
    }

    /// Why the connection failed, if nobody was told yet.
    ///
    /// # Errors
    /// None.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.file.take_error())
    }

    /// Reads without taking.
    ///
    /// # Errors
    /// As reading.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.receive(buf, false)
    }

    /// What can be done now without waiting.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.file.readiness()
    }

    /// Whom to tell when the readiness may have changed; replaces an earlier one.
    pub fn set_notify(&self, notify: Option<Arc<dyn Notify>>) {
        self.file.set_notify(notify);
    }

    /// A snapshot of the connection, like `TCP_INFO`.
    #[must_use]
    pub fn info(&self) -> Info {
        self.file.with(|live| live.connection.info())
    }

    /// What the connection has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.file.with(|live| *live.connection.counters())
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.receive(buf, true)
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.send(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, peer) = self.file.ends();
        f.debug_struct("TcpStream")
            .field("local", &local)
            .field("peer", &peer)
            .finish_non_exhaustive()
    }
}
