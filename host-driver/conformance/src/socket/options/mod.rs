//! Socket options: what Linux gives and takes, level by level.
mod ip;
mod sol_socket;
mod sol_tcp;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use longshore_sockets::TcpStream;
use tcp_core::KeepAlive;
use tcp_core::congestion::Algorithm;

use super::tcp::{State, Tcp};
use super::values::{bytes, int};
use crate::address::Family;
use crate::errno::{Errno, Result};
use crate::port::Patience;
use crate::sysctl::Defaults;

/// What a program has set. Accepted connections begin with their listener's.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) only_v6: bool,
    keep_alive: bool,
    keep: KeepAlive,
    no_delay: bool,
    cork: bool,
    /// Milliseconds; 0: none.
    user_timeout: u32,
    /// SO_LINGER in seconds.
    pub(crate) linger: Option<u32>,
    /// As asked for, before Linux doubles it.
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
    pub(crate) receive_low_water: usize,
    receive_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
    pub(crate) max_segment: Option<u16>,
    quick_ack: Option<bool>,
    pub(crate) congestion: Algorithm,
    pub(crate) syn_retries: Option<u8>,
    /// TCP_RTO_MAX_MS.
    pub(crate) rto_max: Option<Duration>,
    /// TCP_DEFER_ACCEPT in seconds, as Linux rounds it.
    defer_accept: i32,
    /// TCP_LINGER2 in seconds.
    pub(crate) linger_2: Option<i32>,
    /// 0: the sysctl's.
    unsent_low_water: u32,
    /// TCP_INQ.
    pub(crate) tell_queued: bool,
    pub(crate) receive_errors: bool,
    /// SO_ZEROCOPY.
    pub(crate) zero_copy: bool,
    /// Options without an effect here that Linux keeps and tells, by level and name.
    kept: BTreeMap<(i32, i32), i32>,
    priority: i32,
    /// SO_OOBINLINE.
    pub(crate) inline: bool,
    /// TTL or hop limit; TOS or traffic class.
    pub(crate) hops: Option<u8>,
    pub(crate) class: u8,
}

/// Options that are kept and told, and change nothing here: the machine has one route, one processor that matters, and time
/// that is virtual.
const KEPT: [(i32, i32); 11] = [
    // Segments never are fragmented here, whatever one asks for.
    (libc::SOL_IP, libc::IP_MTU_DISCOVER),
    (libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER),
    (libc::SOL_SOCKET, libc::SO_MARK),
    (libc::SOL_SOCKET, libc::SO_DONTROUTE),
    (libc::SOL_SOCKET, libc::SO_BUSY_POLL),
    (libc::SOL_SOCKET, libc::SO_INCOMING_CPU),
    (libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT),
    (libc::SOL_IP, libc::IP_FREEBIND),
    (libc::SOL_IP, libc::IP_TRANSPARENT),
    (libc::SOL_TCP, libc::TCP_THIN_LINEAR_TIMEOUTS),
    (libc::SOL_TCP, libc::TCP_THIN_DUPACK),
];

/// SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF of Linux on 64 bits.
const LEAST_RECEIVE: usize = 2304;
const LEAST_SEND: usize = 4608;
impl Options {
    pub(crate) fn new(defaults: &Defaults) -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            only_v6: false,
            keep_alive: false,
            keep: defaults.keep_alive,
            no_delay: false,
            cork: false,
            user_timeout: 0,
            linger: None,
            receive_buffer: None,
            send_buffer: None,
            receive_low_water: 1,
            receive_timeout: None,
            send_timeout: None,
            max_segment: None,
            quick_ack: None,
            congestion: defaults.tcp.congestion,
            syn_retries: None,
            rto_max: None,
            defer_accept: 0,
            linger_2: None,
            unsent_low_water: 0,
            tell_queued: false,
            receive_errors: false,
            zero_copy: false,
            kept: BTreeMap::new(),
            priority: 0,
            inline: false,
            hops: None,
            class: 0,
        }
    }

    pub(crate) fn is_corked(&self) -> bool {
        self.cork
    }

    pub(crate) fn read_patience(&self) -> Patience {
        Patience::of(self.receive_timeout)
    }

    pub(crate) fn write_patience(&self) -> Patience {
        Patience::of(self.send_timeout)
    }

    /// Bytes of payload for which a receive buffer that was asked for has room: of twice as much memory half is payload.
    pub(crate) fn receive_payload(&self) -> Option<u32> {
        let memory = (2 * self.receive_buffer?).max(LEAST_RECEIVE);
        Some(u32::try_from(memory / 2).unwrap_or(u32::MAX))
    }

    /// Bytes that a send buffer that was asked for holds.
    pub(crate) fn send_payload(&self) -> Option<usize> {
        Some((2 * self.send_buffer?).max(LEAST_SEND))
    }

    fn keep_alive(&self) -> Option<KeepAlive> {
        self.keep_alive.then_some(self.keep)
    }

    fn unsent_low_water(&self, defaults: &Defaults) -> u32 {
        match self.unsent_low_water {
            0 => defaults.not_sent_low_water,
            bytes => bytes,
        }
    }

    /// Sets a connection up as the options say.
    pub(crate) fn apply(&self, defaults: &Defaults, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(self.no_delay)?;
        stream.set_cork(self.cork)?;
        stream.set_keep_alive(self.keep_alive())?;
        stream.set_user_timeout(duration(self.user_timeout))?;
        stream.set_congestion(self.congestion)?;
        stream.set_unsent_low_water(self.unsent_low_water(defaults))?;
        if let Some(quick) = self.quick_ack {
            stream.set_quick_ack(quick)?;
        }
        stream.set_oob_inline(self.inline)?;
        stream.set_tos(self.class)?;
        if let Some(hops) = self.hops {
            stream.set_ttl(hops.into())?;
        }
        stream.set_abort_on_close(self.linger == Some(0))?;
        Ok(())
    }
}

fn duration(millis: u32) -> Option<Duration> {
    (millis != 0).then(|| Duration::from_millis(millis.into()))
}

impl Tcp {
    /// setsockopt(2)
    pub(crate) fn set_option(&mut self, level: i32, option: i32, value: &[u8]) -> Result<()> {
        if KEPT.contains(&(level, option)) {
            let number = match level {
                libc::SOL_IP => ip::byte(value)?,
                _ => int(value)?,
            };
            self.options.kept.insert((level, option), number);
            return Ok(());
        }
        match level {
            libc::SOL_SOCKET => self.set_socket_option(option, value),
            libc::SOL_TCP => self.set_tcp_option(option, value),
            libc::SOL_IP => self.set_ip_option(option, value),
            libc::SOL_IPV6 if self.family == Family::V6 => self.set_ipv6_option(option, value),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// getsockopt(2)
    pub(crate) fn get_option(&mut self, level: i32, option: i32) -> Result<Vec<u8>> {
        if KEPT.contains(&(level, option)) {
            let value = self.options.kept.get(&(level, option));
            return Ok(bytes(value.copied().unwrap_or(0)));
        }
        match level {
            libc::SOL_SOCKET => self.get_socket_option(option),
            libc::SOL_TCP => self.get_tcp_option(option),
            libc::SOL_IP => self.get_ip_option(option),
            libc::SOL_IPV6 if self.family == Family::V6 => self.get_ipv6_option(option),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// Changes the connection, if there is one.
    fn on_stream(&self, change: impl FnOnce(&TcpStream) -> io::Result<()>) -> Result<()> {
        match self.stream() {
            Some(stream) => Ok(change(stream)?),
            None => Ok(()),
        }
    }

    /// Listeners hand their settings on to connections that come from now on.
    fn reconfigure(&self) {
        if let State::Listening(listeners) = &self.state {
            for listener in listeners {
                listener.set_config(Some(self.config()));
            }
        }
    }
}
