//! A TCP socket: from `socket()` to `close()`.
mod close;
mod data;
mod open;
mod ready;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longshore_sockets::{SocketConfig, Status, TcpListener, TcpStream};

use super::error_queue::ErrorQueue;
use super::options::Options;
use super::times::Times;
use super::wake::Seen;
use crate::address::Family;
use crate::port::Patience;
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
    /// Stream bytes written so far.
    written: u64,
    pub(crate) errors: ErrorQueue,
    pub(super) times: Times,
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
/// Most bytes that one call moves.
pub(crate) const MOST: usize = 16 * 1024 * 1024;
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
            written: 0,
            errors: ErrorQueue::default(),
            times: Times::default(),
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
        if let Some(most) = options.rto_max {
            tcp.max_rto = most;
        }
        if let Some(seconds) = options.linger_2.and_then(|s| u64::try_from(s).ok()) {
            tcp.fin_wait_2 = Duration::from_secs(seconds);
        }
        Arc::new(SocketConfig {
            tcp,
            send_buffer: options.send_payload().unwrap_or(defaults.send_buffer),
            max_segment: options.max_segment,
            hop_limit: options.hops,
            traffic_class: options.class,
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
}
