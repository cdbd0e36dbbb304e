//! Options of SOL_TCP.

use std::time::Duration;

use super::duration;
use crate::errno::{Errno, Result};
use crate::socket::info;
use crate::socket::tcp::Tcp;
use crate::socket::values::{bytes, int};
use crate::sysctl::{algorithm, name_of};

/// TCP_MSS_DEFAULT
const DEFAULT_MSS: i32 = 536;
/// TCP_MIN_MSS and MAX_TCP_WINDOW bound TCP_MAXSEG.
const MSS: std::ops::RangeInclusive<i32> = 48..=32_767;
/// MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL
const KEEP_SECONDS: std::ops::RangeInclusive<i32> = 1..=32_767;
/// MAX_TCP_KEEPCNT, MAX_TCP_SYNCNT
const COUNT: std::ops::RangeInclusive<i32> = 1..=127;

// Not in every version of libc's bindings.
pub(super) const TCP_INQ: i32 = 36;
const TCP_RTO_MAX_MS: i32 = 44;
/// Bounds of TCP_RTO_MAX_MS.
const RTO_MAX: std::ops::RangeInclusive<i32> = 1000..=120_000;

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
pub(super) fn retransmissions(seconds: i32) -> i32 {
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

pub(super) fn time_of(retransmissions: i32) -> i32 {
    let (mut time, mut step) = (0, 1);
    for _ in 0..retransmissions {
        time += step;
        step = (step * 2).min(120);
    }
    time
}

impl Tcp {
    pub(super) fn set_tcp_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
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
            TCP_RTO_MAX_MS => {
                if !RTO_MAX.contains(&number) {
                    return Err(Errno::EINVAL);
                }
                let millis = u64::try_from(number).unwrap_or(0);
                options.rto_max = Some(Duration::from_millis(millis));
                // From the next handshake on.
                self.reconfigure();
            }
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

    pub(super) fn get_tcp_option(&mut self, option: i32) -> Result<Vec<u8>> {
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
            TCP_RTO_MAX_MS => {
                let most = options.rto_max.unwrap_or(self.defaults.tcp.max_rto);
                i32::try_from(most.as_millis()).unwrap_or(i32::MAX)
            }
            TCP_INQ => options.tell_queued.into(),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(bytes(number))
    }
}
