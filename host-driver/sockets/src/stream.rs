//! `TcpStream`, with `std::net`'s names and semantics.

mod marks;
mod open;
mod read_write;

use longshore_refs::sync::atomic::Ordering;
use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tcp_core::{Counters, Events, Info, KeepAlive};

use crate::failure::Failure;
use crate::file::File;
use crate::file_handle::file_handle;
use crate::lock::Token;
use crate::protocol::Protocol as _;
use crate::tcp::Tcp;

/// A TCP connection.
///
/// As `std::net::TcpStream`: the connection is closed when the stream and all its clones are dropped. What was
/// written is still sent then; if bytes that came were not read, the peer gets a reset.
///
/// Blocking calls want somebody else to run the stack ([`Stack::start`](crate::Stack::start), or another thread that calls
/// [`Stack::poll`](crate::Stack::poll)).
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

    pub(crate) fn file(&self) -> &File {
        &self.file
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

    /// Reads without taking.
    ///
    /// # Errors
    /// As reading.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.receive(buf, false)
    }

    /// A snapshot of the connection, like `TCP_INFO`.
    #[must_use]
    pub fn info(&self) -> Info {
        self.file.with(|live| live.connection.info())
    }

    /// What the connection has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.file.with(|live| live.connection.counters())
    }
}

file_handle!(TcpStream);

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, peer) = self.file.ends();
        f.debug_struct("TcpStream")
            .field("local", &local)
            .field("peer", &peer)
            .finish_non_exhaustive()
    }
}
