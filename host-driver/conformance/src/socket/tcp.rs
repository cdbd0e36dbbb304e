//! A TCP socket: from `socket()` to `close()`.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use longshore_sockets::{Closing, SocketConfig, Stack, Status, TcpListener, TcpStream};
use tcp_core::State as Tcb;

use super::options::Options;
use super::wake::Seen;
use crate::address::{Family, any};
use crate::errno::{Errno, Result};
use crate::port::{Attempt, Patience};
use crate::sysctl::Defaults;

/// A TCP socket.
pub(crate) struct Tcp {
    pub(crate) family: Family,
    /// What /proc/sys/net said when it was opened.
    pub(crate) defaults: Defaults,
    /// Its local address and port, once it has them.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) options: Options,
    pub(crate) state: State,
    seen: Seen,
    /// Somebody found no room to write (Linux: SOCK_NOSPACE).
    blocked: bool,
}

/// What the socket is.
pub(crate) enum State {
    /// Neither listens nor connects.
    Fresh,
    /// Listens: one listener for each family that it serves.
    Listening(Vec<TcpListener>),
    /// `connect` was called, and has not told yet how it ended.
    Connecting(TcpStream),
    /// A connection, be it over.
    Connected(TcpStream),
}

/// Bytes in the send queue that were never sent. SIOCINQ is FIONREAD, SIOCOUTQ is TIOCOUTQ.
const SIOCOUTQNSD: libc::c_ulong = 0x894b;
/// Whether reading has come to the urgent byte.
const SIOCATMARK: libc::c_ulong = 0x8905;

/// Most bytes that one call moves.
pub(crate) const MOST: usize = 16 * 1024 * 1024;

fn is_opening(stream: &TcpStream) -> bool {
    matches!(stream.status().state, Tcb::SynSent | Tcb::SynReceived)
}

impl Tcp {
    pub(crate) fn new(family: Family, defaults: Defaults) -> Self {
        Self {
            family,
            options: Options::new(&defaults),
            defaults,
            local: None,
            state: State::Fresh,
            seen: Seen::default(),
            blocked: false,
        }
    }

    /// What a handshake begins with.
    pub(crate) fn config(&self) -> Arc<SocketConfig> {
        let (defaults, options) = (&self.defaults, &self.options);
        let mut tcp = defaults.tcp;
        tcp.congestion = options.congestion;
        if let Some(bytes) = options.receive_payload() {
            // Asked for, it does not grow by itself any more.
            tcp.receive_buffer = bytes;
            tcp.receive_buffer_max = 0;
        }
        if let Some(retries) = options.syn_retries {
            tcp.syn_retries = retries;
        }
        if let Some(seconds) = options.linger_2.and_then(|s| u64::try_from(s).ok()) {
            tcp.fin_wait_2 = Duration::from_secs(seconds);
        }
        Arc::new(SocketConfig {
            tcp,
            send_buffer: options.send_payload().unwrap_or(defaults.send_buffer),
            max_segment: options.max_segment,
            hop_limit: None,
            traffic_class: 0,
        })
    }

    pub(crate) fn stream(&self) -> Option<&TcpStream> {
        match &self.state {
            State::Connecting(stream) | State::Connected(stream) => Some(stream),
            State::Fresh | State::Listening(_) => None,
        }
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.stream().map(TcpStream::status)
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening(_))
    }

    /// The addresses at which it would listen.
    pub(crate) fn listen_addresses(&self) -> Vec<SocketAddr> {
        let local = self
            .local
            .unwrap_or_else(|| SocketAddr::new(any(self.family), 0));
        let mut list = vec![local];
        if local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !self.options.only_v6 {
            list.push((Ipv4Addr::UNSPECIFIED, local.port()).into());
        }
        list
    }

    /// Begins to listen.
    pub(crate) fn listen(&mut self, stack: &Stack, backlog: usize) -> Result<()> {
        if let State::Listening(listeners) = &self.state {
            for listener in listeners {
                listener.set_backlog(backlog);
            }
            return Ok(());
        }
        let mut listeners: Vec<TcpListener> = Vec::new();
        for mut address in self.listen_addresses() {
            if let Some(first) = listeners.first() {
                address.set_port(first.local_addr()?.port());
            }
            let listener = TcpListener::bind_with(stack, address, Some(self.config()))?;
            listener.set_nonblocking(true)?;
            listener.set_backlog(backlog);
            listeners.push(listener);
        }
        self.local = Some(listeners[0].local_addr()?);
        self.state = State::Listening(listeners);
        Ok(())
    }

    /// Takes a connection out of the queue.
    pub(crate) fn accept(&mut self) -> Result<Attempt<(Self, SocketAddr)>> {
        let State::Listening(listeners) = &self.state else {
            return Err(Errno::EINVAL);
        };
        for listener in listeners {
            match listener.accept() {
                Ok((stream, peer)) => {
                    let child = self.child(stream)?;
                    return Ok(Attempt::Done((child, peer)));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Attempt::Wait)
    }

    fn child(&self, stream: TcpStream) -> Result<Self> {
        stream.set_nonblocking(true)?;
        let mut child = Self::new(self.family, self.defaults.clone());
        child.options = self.options.clone();
        child.options.apply(&child.defaults, &stream)?;
        child.local = Some(stream.local_addr()?);
        child.state = State::Connected(stream);
        Ok(child)
    }

    /// Begins to connect.
    pub(crate) fn start_connect(&mut self, stack: &Stack, peer: SocketAddr) -> Result<()> {
        let from = self.local.filter(|local| {
            // Bound to all of IPv6, it connects to IPv4 all the same.
            local.is_ipv4() == peer.is_ipv4() || local.port() != 0
        });
        let from = from.map(|local| {
            if local.is_ipv4() == peer.is_ipv4() {
                local
            } else {
                SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port())
            }
        });
        let config = self.config();
        let stream = TcpStream::start_connect_with(stack, from, peer, Some(&config))?;
        stream.set_nonblocking(true)?;
        self.options.apply(&self.defaults, &stream)?;
        self.local = Some(stream.local_addr()?);
        self.state = State::Connecting(stream);
        Ok(())
    }

    /// How the attempt to connect stands. Once it has failed, another may follow.
    pub(crate) fn poll_connect(&mut self) -> Result<Attempt<()>> {
        let State::Connecting(stream) = &self.state else {
            return Err(Errno::EISCONN);
        };
        let status = stream.status();
        if status.failed || status.over {
            let error = stream.take_error()?;
            self.state = State::Fresh;
            return Err(error.map_or(Errno::ECONNABORTED, Errno::from));
        }
        if matches!(status.state, Tcb::SynSent | Tcb::SynReceived) {
            return Ok(Attempt::Wait);
        }
        let State::Connecting(stream) = std::mem::replace(&mut self.state, State::Fresh) else {
            return Err(Errno::EISCONN);
        };
        self.state = State::Connected(stream);
        Ok(Attempt::Done(()))
    }

    /// Reads up to `len` bytes of what there is; with `peek` they stay.
    pub(crate) fn receive(&mut self, len: usize, peek: bool) -> Result<Attempt<Vec<u8>>> {
        let Some(mut stream) = self.stream() else {
            return Err(Errno::ENOTCONN);
        };
        let mut bytes = vec![0; len.min(MOST)];
        let read = if peek {
            stream.peek(&mut bytes)
        } else {
            stream.read(&mut bytes)
        };
        match read {
            Ok(n) => {
                bytes.truncate(n);
                Ok(Attempt::Done(bytes))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(Attempt::Wait),
            Err(error) => Err(error.into()),
        }
    }

    /// The urgent byte.
    pub(crate) fn receive_urgent(&mut self, peek: bool) -> Result<Vec<u8>> {
        let stream = self.stream().ok_or(Errno::ENOTCONN)?;
        Ok(vec![stream.recv_oob(peek)?])
    }

    /// Writes as much of `bytes` as there is room for; the last is urgent if so told.
    pub(crate) fn send(&mut self, bytes: &[u8], urgent: bool) -> Result<Attempt<usize>> {
        let Some(mut stream) = self.stream() else {
            return Err(Errno::EPIPE);
        };
        let sent = if urgent {
            stream.send_oob(bytes)
        } else {
            stream.write(bytes)
        };
        match sent {
            Ok(n) => {
                self.blocked |= n < bytes.len();
                Ok(Attempt::Done(n))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.blocked = true;
                Ok(Attempt::Wait)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// MSG_MORE: more follows, so that what does not fill a segment waits for it. Without it, the cork is as the option says.
    pub(crate) fn announce_more(&mut self, more: bool) -> Result<()> {
        let cork = more || self.options.is_corked();
        match self.stream() {
            Some(stream) => Ok(stream.set_cork(cork)?),
            None => Ok(()),
        }
    }

    /// What TCP_INQ tells: bytes that can be read, and 1 for the end of file.
    pub(crate) fn inquire(&self) -> i32 {
        let Some(status) = self.status() else {
            return 0;
        };
        let ended = status.read_closed && status.available == 0;
        i32::try_from(status.available).unwrap_or(i32::MAX) + i32::from(ended)
    }

    /// Whether reading gives something without waiting for more.
    pub(crate) fn is_ended(&self) -> bool {
        self.status()
            .is_none_or(|status| status.read_closed || status.failed || status.over)
    }

    /// Lets go of the socket; `Some` if that is to wait until the peer has everything, and for how long.
    pub(crate) fn close(self) -> Option<(Closing, Duration)> {
        let time = self.options.linger.filter(|&seconds| seconds > 0)?;
        match self.state {
            State::Connecting(stream) | State::Connected(stream) if !is_opening(&stream) => {
                let closing = stream.start_close()?;
                Some((closing, Duration::from_secs(time.into())))
            }
            _ => None,
        }
    }

    /// Ends reading, writing or both.
    pub(crate) fn shutdown(&mut self, how: Shutdown) -> Result<()> {
        match &self.state {
            State::Fresh => Err(Errno::ENOTCONN),
            State::Listening(_) => {
                // As Linux: reading from a listener is accepting.
                if how != Shutdown::Write {
                    self.state = State::Fresh;
                }
                Ok(())
            }
            State::Connecting(stream) if is_opening(stream) => {
                self.state = State::Fresh;
                Ok(())
            }
            // Connected, though `connect` was not asked how it ended.
            State::Connecting(stream) | State::Connected(stream) => Ok(stream.shutdown(how)?),
        }
    }

    /// Gives up what it is, and may begin anew.
    pub(crate) fn disconnect(&mut self) {
        let before = std::mem::replace(&mut self.state, State::Fresh);
        if let State::Connecting(stream) | State::Connected(stream) = before {
            stream.abort();
        }
        self.seen = Seen::default();
    }

    /// Somebody looked for room to write and found none.
    pub(crate) fn note_no_room(&mut self) {
        if self.status().is_some_and(|status| !status.has_room) {
            self.blocked = true;
        }
    }

    /// SO_REUSEADDR.
    pub(crate) fn shares_address(&self) -> bool {
        self.options.reuse_address || self.options.reuse_port
    }

    /// How long reads wait.
    pub(crate) fn read_patience(&self) -> Patience {
        self.options.read_patience()
    }

    /// How long writes wait.
    pub(crate) fn write_patience(&self) -> Patience {
        self.options.write_patience()
    }

    /// What ioctl(2) tells of the queues.
    pub(crate) fn queued(&self, request: libc::c_ulong) -> Result<i32> {
        let int = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
        let status = match &self.state {
            State::Listening(_) => return Err(Errno::EINVAL),
            _ => self.status(),
        };
        let Some(status) = status else {
            return match request {
                libc::FIONREAD | libc::TIOCOUTQ | SIOCOUTQNSD | SIOCATMARK => Ok(0),
                _ => Err(Errno::ENOTTY),
            };
        };
        match request {
            libc::FIONREAD => Ok(int(status.available)),
            libc::TIOCOUTQ => Ok(int(status.unacknowledged)),
            SIOCOUTQNSD => Ok(int(status.unsent)),
            SIOCATMARK => Ok(status.at_mark.into()),
            _ => Err(Errno::ENOTTY),
        }
    }

    /// What poll(2) says, as Linux' `tcp_poll`.
    pub(crate) fn mask(&self) -> u32 {
        let mut mask = 0;
        match &self.state {
            State::Fresh => mask |= libc::EPOLLHUP | libc::EPOLLOUT | libc::EPOLLWRNORM,
            State::Listening(listeners) => {
                if listeners.iter().any(|l| l.queued() > 0) {
                    mask |= libc::EPOLLIN | libc::EPOLLRDNORM;
                }
            }
            State::Connecting(stream) | State::Connected(stream) => {
                let status = stream.status();
                if status.over || (status.read_closed && status.write_closed) {
                    mask |= libc::EPOLLHUP;
                }
                if status.read_closed || status.over {
                    mask |= libc::EPOLLIN | libc::EPOLLRDNORM | libc::EPOLLRDHUP;
                }
                if !matches!(status.state, Tcb::SynSent | Tcb::SynReceived) || status.over {
                    if status.urgent {
                        mask |= libc::EPOLLPRI;
                    }
                    if status.available >= self.options.receive_low_water as u64 {
                        mask |= libc::EPOLLIN | libc::EPOLLRDNORM;
                    }
                    if status.has_room || status.write_closed || status.over {
                        mask |= libc::EPOLLOUT | libc::EPOLLWRNORM;
                    }
                }
                if status.failed {
                    mask |= libc::EPOLLERR;
                }
            }
        }
        mask as u32
    }

    /// Events that would have woken whoever polls the socket, since the last call.
    pub(crate) fn take_wakeups(&mut self) -> u32 {
        match &self.state {
            State::Fresh => 0,
            State::Listening(listeners) => {
                let queued = listeners.iter().map(TcpListener::queued).sum();
                self.seen.listener(queued)
            }
            State::Connecting(stream) | State::Connected(stream) => {
                let status = stream.status();
                let least = self.options.receive_low_water as u64;
                self.seen.stream(status, least, &mut self.blocked)
            }
        }
    }
}
