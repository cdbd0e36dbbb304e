//! Active opens.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use longshore_refs::sync::atomic::Ordering;

use crate::config::SocketConfig;
use crate::failure::Failure;
use crate::file::{Attempt, File};
use crate::output::is_connecting;
use crate::protocol::Protocol as _;
use crate::stack::Stack;
use crate::tcp::{Origin, Tcp};

use super::TcpStream;

impl TcpStream {
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
}
