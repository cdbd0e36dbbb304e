//! Socket options: what Linux gives and takes, level by level.

use std::io;
use std::time::Duration;

use longshore_sockets::TcpStream;
use tcp_core::KeepAlive;
use tcp_core::congestion::Algorithm;

use super::info;
use super::tcp::{State, Tcp};
use super::values::{bytes, flag, int, timeout, timeval};
use crate::address::Family;
use crate::errno::{Errno, Result};
use crate::port::Patience;
use crate::sysctl::{Defaults, algorithm, name_of};

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
    /// TCP_DEFER_ACCEPT in seconds, as Linux rounds it.
    defer_accept: i32,
    /// TCP_LINGER2 in seconds.
    pub(crate) linger_2: Option<i32>,
    /// 0: the sysctl's.
    unsent_low_water: u32,
    /// TCP_INQ.
    pub(crate) tell_queued: bool,
    pub(crate) receive_errors: bool,
    priority: i32,
    /// SO_OOBINLINE.
    pub(crate) inline: bool,
    /// TTL or hop limit; TOS or traffic class.
    hops: Option<u8>,
    class: u8,
}

/// SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF of Linux on 64 bits.
const LEAST_RECEIVE: usize = 2304;
const LEAST_SEND: usize = 4608;

/// TCP_MSS_DEFAULT
const DEFAULT_MSS: i32 = 536;
/// TCP_MIN_MSS and MAX_TCP_WINDOW bound TCP_MAXSEG.
const MSS: std::ops::RangeInclusive<i32> = 48..=32_767;
/// MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL
const KEEP_SECONDS: std::ops::RangeInclusive<i32> = 1..=32_767;
/// MAX_TCP_KEEPCNT, MAX_TCP_SYNCNT
const COUNT: std::ops::RangeInclusive<i32> = 1..=127;

// Not in every version of libc's bindings.
const TCP_INQ: i32 = 36;

/// net.ipv4.ip_default_ttl
const DEFAULT_HOPS: u8 = 64;

/// As Linux, options of IP are an int, or a byte.
fn byte(value: &[u8]) -> Result<i32> {
    match value {
        [one] => Ok((*one).into()),
        _ => int(value),
    }
}

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
            defer_accept: 0,
            linger_2: None,
            unsent_low_water: 0,
            tell_queued: false,
            receive_errors: false,
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

fn seconds(value: &[u8]) -> Result<Duration> {
    let value = int(value)?;
    if !KEEP_SECONDS.contains(&value) {
        return Err(Errno::EINVAL);
    }
    Ok(Duration::from_secs(u64::try_from(value).unwrap_or(0)))
}

fn counted(value: &[u8]) -> Result<u8> {
    let value = int(value)?;
    if !COUNT.contains(&value) {
        return Err(Errno::EINVAL);
    }
    u8::try_from(value).map_err(|_| Errno::EINVAL)
}

fn whole(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

/// As Linux, the time of so many retransmissions that begin at a second and double: seconds to retransmissions, and back.
fn retransmissions(seconds: i32) -> i32 {
    let (mut count, mut time, mut step) = (0, 1, 1);
    if seconds <= 0 {
        return 0;
    }
    count += 1;
    while time < seconds && count < 255 {
        step = (step * 2).min(120);
        time += step;
        count += 1;
    }
    count
}

fn time_of(retransmissions: i32) -> i32 {
    let (mut time, mut step) = (0, 1);
    for _ in 0..retransmissions {
        time += step;
        step = (step * 2).min(120);
    }
    time
}

impl Tcp {
    /// setsockopt(2)
    pub(crate) fn set_option(&mut self, level: i32, option: i32, value: &[u8]) -> Result<()> {
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
        match level {
            libc::SOL_SOCKET => self.get_socket_option(option),
            libc::SOL_TCP => self.get_tcp_option(option),
            libc::SOL_IP => self.get_ip_option(option),
            libc::SOL_IPV6 if self.family == Family::V6 => self.get_ipv6_option(option),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn set_socket_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
        let limits = self.defaults.limits;
        let options = &mut self.options;
        // As Linux: an int at least, whatever the option.
        let number = int(value)?;
        match option {
            libc::SO_REUSEADDR => options.reuse_address = number != 0,
            libc::SO_REUSEPORT => options.reuse_port = number != 0,
            libc::SO_PRIORITY => options.priority = number,
            libc::SO_OOBINLINE => {
                options.inline = number != 0;
                let on = options.inline;
                return self.on_stream(|stream| stream.set_oob_inline(on));
            }
            libc::SO_KEEPALIVE => {
                options.keep_alive = number != 0;
                let settings = options.keep_alive();
                return self.on_stream(|stream| stream.set_keep_alive(settings));
            }
            libc::SO_LINGER => {
                let seconds = value.get(4..8).ok_or(Errno::EINVAL)?;
                let seconds = int(seconds)?;
                options.linger = (number != 0).then(|| u32::try_from(seconds).unwrap_or(u32::MAX));
                let abort = options.linger == Some(0);
                return self.on_stream(|stream| stream.set_abort_on_close(abort));
            }
            libc::SO_RCVBUF => {
                let asked = usize::try_from(number).unwrap_or(limits[0]).min(limits[0]);
                options.receive_buffer = Some(asked);
                if let Some(payload) = options.receive_payload() {
                    return self.on_stream(|stream| stream.set_receive_buffer(payload as usize));
                }
            }
            libc::SO_SNDBUF => {
                let asked = usize::try_from(number).unwrap_or(limits[1]).min(limits[1]);
                options.send_buffer = Some(asked);
                if let Some(payload) = options.send_payload() {
                    return self.on_stream(|stream| stream.set_send_buffer(payload));
                }
            }
            libc::SO_RCVLOWAT => {
                let bytes = usize::try_from(number).unwrap_or(i32::MAX as usize);
                options.receive_low_water = bytes.max(1);
            }
            libc::SO_RCVTIMEO => options.receive_timeout = timeout(value)?,
            libc::SO_SNDTIMEO => options.send_timeout = timeout(value)?,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn get_socket_option(&mut self, option: i32) -> Result<Vec<u8>> {
        let options = &self.options;
        let number = match option {
            libc::SO_ERROR => {
                let error = match self.stream() {
                    Some(stream) => stream.take_error()?,
                    None => None,
                };
                error.map_or(0, |error| Errno::from(error).0)
            }
            libc::SO_TYPE => libc::SOCK_STREAM,
            libc::SO_PROTOCOL => libc::IPPROTO_TCP,
            libc::SO_DOMAIN => match self.family {
                Family::V4 => libc::AF_INET,
                Family::V6 => libc::AF_INET6,
            },
            libc::SO_ACCEPTCONN => self.is_listening().into(),
            libc::SO_REUSEADDR => options.reuse_address.into(),
            libc::SO_REUSEPORT => options.reuse_port.into(),
            libc::SO_PRIORITY => options.priority,
            libc::SO_OOBINLINE => options.inline.into(),
            libc::SO_KEEPALIVE => options.keep_alive.into(),
            libc::SO_RCVBUF => {
                let set = options.receive_buffer.map(|asked| 2 * asked);
                let size = set.map_or(self.defaults.buffers[0], |set| set.max(LEAST_RECEIVE));
                i32::try_from(size).unwrap_or(i32::MAX)
            }
            libc::SO_SNDBUF => {
                let set = options.send_buffer.map(|asked| 2 * asked);
                let size = set.map_or(self.defaults.buffers[1], |set| set.max(LEAST_SEND));
                i32::try_from(size).unwrap_or(i32::MAX)
            }
            libc::SO_RCVLOWAT => i32::try_from(options.receive_low_water).unwrap_or(i32::MAX),
            libc::SO_SNDLOWAT => 1,
            libc::SO_LINGER => {
                let seconds = options.linger.unwrap_or(0);
                let mut value = bytes(options.linger.is_some().into());
                value.extend(seconds.to_ne_bytes());
                return Ok(value);
            }
            libc::SO_RCVTIMEO => return Ok(timeval(options.receive_timeout)),
            libc::SO_SNDTIMEO => return Ok(timeval(options.send_timeout)),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(bytes(number))
    }

    fn set_tcp_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
        if option == libc::TCP_CONGESTION {
            return self.set_congestion(value);
        }
        let number = int(value)?;
        let options = &mut self.options;
        match option {
            libc::TCP_NODELAY => {
                options.no_delay = number != 0;
                let on = options.no_delay;
                return self.on_stream(|stream| stream.set_nodelay(on));
            }
            libc::TCP_CORK => {
                options.cork = number != 0;
                let on = options.cork;
                return self.on_stream(|stream| stream.set_cork(on));
            }
            libc::TCP_MAXSEG => {
                if number != 0 && !MSS.contains(&number) {
                    return Err(Errno::EINVAL);
                }
                options.max_segment = u16::try_from(number).ok().filter(|&mss| mss != 0);
                self.reconfigure();
            }
            libc::TCP_KEEPIDLE => options.keep.idle = seconds(value)?,
            libc::TCP_KEEPINTVL => options.keep.interval = seconds(value)?,
            libc::TCP_KEEPCNT => options.keep.probes = counted(value)?,
            libc::TCP_SYNCNT => options.syn_retries = Some(counted(value)?),
            libc::TCP_LINGER2 => options.linger_2 = Some(number.clamp(-1, 120)),
            libc::TCP_DEFER_ACCEPT => options.defer_accept = retransmissions(number),
            libc::TCP_USER_TIMEOUT => {
                options.user_timeout = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
                let limit = duration(options.user_timeout);
                return self.on_stream(|stream| stream.set_user_timeout(limit));
            }
            libc::TCP_QUICKACK => {
                let quick = number & 1 != 0;
                options.quick_ack = Some(quick);
                return self.on_stream(|stream| stream.set_quick_ack(quick));
            }
            libc::TCP_NOTSENT_LOWAT => {
                options.unsent_low_water = u32::from_ne_bytes(number.to_ne_bytes());
                let bytes = options.unsent_low_water(&self.defaults);
                return self.on_stream(|stream| stream.set_unsent_low_water(bytes));
            }
            TCP_INQ => {
                if !(0..=1).contains(&number) {
                    return Err(Errno::EINVAL);
                }
                options.tell_queued = number != 0;
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        if matches!(
            option,
            libc::TCP_KEEPIDLE | libc::TCP_KEEPINTVL | libc::TCP_KEEPCNT
        ) && self.options.keep_alive
        {
            let settings = self.options.keep_alive();
            return self.on_stream(|stream| stream.set_keep_alive(settings));
        }
        Ok(())
    }

    fn set_congestion(&mut self, value: &[u8]) -> Result<()> {
        if value.is_empty() {
            return Err(Errno::EINVAL);
        }
        let name = value.split(|&byte| byte == 0).next().unwrap_or_default();
        let name = std::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let algorithm = algorithm(name).ok_or(Errno::ENOENT)?;
        self.options.congestion = algorithm;
        self.reconfigure();
        self.on_stream(|stream| stream.set_congestion(algorithm))
    }

    fn get_tcp_option(&mut self, option: i32) -> Result<Vec<u8>> {
        let options = &self.options;
        let number = match option {
            libc::TCP_INFO => return Ok(info::bytes(self)),
            libc::TCP_CONGESTION => {
                let algorithm = match self.stream() {
                    Some(stream) => stream.congestion()?,
                    None => options.congestion,
                };
                let mut name = name_of(algorithm).as_bytes().to_vec();
                name.resize(16, 0);
                return Ok(name);
            }
            libc::TCP_NODELAY => options.no_delay.into(),
            libc::TCP_CORK => options.cork.into(),
            libc::TCP_MAXSEG => match (self.stream(), options.max_segment) {
                (Some(stream), _) => stream.info().mss.into(),
                (None, Some(mss)) => mss.into(),
                (None, None) => DEFAULT_MSS,
            },
            libc::TCP_KEEPIDLE => whole(options.keep.idle),
            libc::TCP_KEEPINTVL => whole(options.keep.interval),
            libc::TCP_KEEPCNT => options.keep.probes.into(),
            libc::TCP_SYNCNT => options
                .syn_retries
                .unwrap_or(self.defaults.syn_retries)
                .into(),
            libc::TCP_LINGER2 => options
                .linger_2
                .unwrap_or_else(|| whole(self.defaults.tcp.fin_wait_2)),
            libc::TCP_DEFER_ACCEPT => time_of(options.defer_accept),
            libc::TCP_USER_TIMEOUT => i32::try_from(options.user_timeout).unwrap_or(i32::MAX),
            libc::TCP_QUICKACK => match self.stream() {
                Some(stream) => stream.quick_ack()?.into(),
                None => options.quick_ack.unwrap_or(true).into(),
            },
            libc::TCP_NOTSENT_LOWAT => i32::from_ne_bytes(options.unsent_low_water.to_ne_bytes()),
            TCP_INQ => options.tell_queued.into(),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(bytes(number))
    }

    fn set_ip_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
        match option {
            libc::IP_RECVERR => self.options.receive_errors = flag(value)?,
            libc::IP_TTL => return self.set_hops(byte(value)?),
            libc::IP_TOS => return self.set_class(byte(value)?),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn set_hops(&mut self, hops: i32) -> Result<()> {
        self.options.hops = match u8::try_from(hops) {
            Ok(hops @ 1..) => Some(hops),
            _ if hops == -1 => None,
            _ => return Err(Errno::EINVAL),
        };
        let hops = self.options.hops.unwrap_or(DEFAULT_HOPS);
        self.on_stream(|stream| stream.set_ttl(hops.into()))
    }

    fn set_class(&mut self, class: i32) -> Result<()> {
        // The two low bits are ECN's; the rest of an int is nobody's.
        self.options.class = class.to_le_bytes()[0] & !3;
        let class = self.options.class;
        self.on_stream(|stream| stream.set_tos(class))
    }

    fn get_ip_option(&self, option: i32) -> Result<Vec<u8>> {
        Ok(bytes(match option {
            libc::IP_TTL => self.options.hops.unwrap_or(DEFAULT_HOPS).into(),
            libc::IP_TOS => self.options.class.into(),
            libc::IP_RECVERR => self.options.receive_errors.into(),
            _ => return Err(Errno::ENOPROTOOPT),
        }))
    }

    fn set_ipv6_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
        match option {
            libc::IPV6_V6ONLY => {
                if self.local.is_some() {
                    return Err(Errno::EINVAL);
                }
                self.options.only_v6 = flag(value)?;
            }
            libc::IPV6_RECVERR => self.options.receive_errors = flag(value)?,
            libc::IPV6_UNICAST_HOPS => return self.set_hops(int(value)?),
            libc::IPV6_TCLASS => return self.set_class(int(value)?),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn get_ipv6_option(&self, option: i32) -> Result<Vec<u8>> {
        Ok(bytes(match option {
            libc::IPV6_V6ONLY => self.options.only_v6.into(),
            libc::IPV6_RECVERR => self.options.receive_errors.into(),
            libc::IPV6_UNICAST_HOPS => self.options.hops.unwrap_or(DEFAULT_HOPS).into(),
            libc::IPV6_TCLASS => self.options.class.into(),
            _ => return Err(Errno::ENOPROTOOPT),
        }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysctl::Sysctls;

    fn socket() -> Tcp {
        Tcp::new(Family::V4, Sysctls::new(None).defaults())
    }

    fn get(tcp: &mut Tcp, level: i32, option: i32) -> Result<i32> {
        int(&tcp.get_option(level, option)?)
    }

    #[test]
    fn buffers_are_doubled_as_linux_does() {
        let mut tcp = socket();
        for (option, asked, told) in [
            (libc::SO_RCVBUF, 20_000, 40_000),
            (libc::SO_RCVBUF, 0, 2304),
            (libc::SO_SNDBUF, 1, 4608),
            (libc::SO_SNDBUF, i32::MAX, 2 * 212_992),
        ] {
            tcp.set_option(libc::SOL_SOCKET, option, &bytes(asked))
                .unwrap();
            assert_eq!(get(&mut tcp, libc::SOL_SOCKET, option), Ok(told));
        }
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        let mut tcp = socket();
        for (option, bad) in [
            (libc::TCP_MAXSEG, 47),
            (libc::TCP_MAXSEG, 32_768),
            (libc::TCP_KEEPIDLE, 0),
            (libc::TCP_KEEPIDLE, 32_768),
            (libc::TCP_KEEPCNT, 128),
            (libc::TCP_SYNCNT, 0),
            (libc::TCP_USER_TIMEOUT, -1),
            (TCP_INQ, 2),
        ] {
            assert_eq!(
                tcp.set_option(libc::SOL_TCP, option, &bytes(bad)),
                Err(Errno::EINVAL),
                "{option} {bad}"
            );
        }
        assert_eq!(
            tcp.set_option(libc::SOL_TCP, libc::TCP_NODELAY, &[1, 0, 0]),
            Err(Errno::EINVAL)
        );
        assert_eq!(
            tcp.set_option(libc::SOL_TCP, 9999, &bytes(1)),
            Err(Errno::ENOPROTOOPT)
        );
        assert_eq!(
            tcp.set_option(libc::SOL_TCP, libc::TCP_CONGESTION, b"nobody"),
            Err(Errno::ENOENT)
        );
        let mut time = 1i64.to_ne_bytes().to_vec();
        time.extend(1_000_000i64.to_ne_bytes());
        assert_eq!(
            tcp.set_option(libc::SOL_SOCKET, libc::SO_RCVTIMEO, &time),
            Err(Errno::EDOM)
        );
    }

    #[test]
    fn what_is_set_is_told() {
        let mut tcp = socket();
        for (level, option, value) in [
            (libc::SOL_SOCKET, libc::SO_REUSEADDR, 1),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
            (libc::SOL_SOCKET, libc::SO_RCVLOWAT, 100),
            (libc::SOL_TCP, libc::TCP_NODELAY, 1),
            (libc::SOL_TCP, libc::TCP_CORK, 1),
            (libc::SOL_TCP, libc::TCP_MAXSEG, 1000),
            (libc::SOL_TCP, libc::TCP_KEEPIDLE, 10),
            (libc::SOL_TCP, libc::TCP_KEEPINTVL, 5),
            (libc::SOL_TCP, libc::TCP_KEEPCNT, 3),
            (libc::SOL_TCP, libc::TCP_USER_TIMEOUT, 3000),
            (libc::SOL_TCP, libc::TCP_SYNCNT, 2),
            (libc::SOL_TCP, libc::TCP_NOTSENT_LOWAT, 32_000),
            (libc::SOL_TCP, libc::TCP_QUICKACK, 0),
        ] {
            tcp.set_option(level, option, &bytes(value)).unwrap();
            assert_eq!(get(&mut tcp, level, option), Ok(value), "{level} {option}");
        }
        tcp.set_option(libc::SOL_TCP, libc::TCP_CONGESTION, b"reno\0")
            .unwrap();
        let name = tcp.get_option(libc::SOL_TCP, libc::TCP_CONGESTION).unwrap();
        assert_eq!(&name[..5], b"reno\0");
        assert_eq!(name.len(), 16);
    }

    #[test]
    fn deferred_accepts_are_counted_in_retransmissions() {
        // 1, 3, 7, 15 … seconds.
        for (asked, told) in [(0, 0), (1, 1), (2, 3), (3, 3), (10, 15)] {
            assert_eq!(time_of(retransmissions(asked)), told, "{asked}");
        }
    }
}
