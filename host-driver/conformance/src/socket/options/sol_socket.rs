//! Options of SOL_SOCKET.

use super::{LEAST_RECEIVE, LEAST_SEND};
use crate::address::Family;
use crate::errno::{Errno, Result};
use crate::socket::tcp::Tcp;
use crate::socket::values::{bytes, int, timeout, timeval};

impl Tcp {
    pub(super) fn set_socket_option(&mut self, option: i32, value: &[u8]) -> Result<()> {
        let limits = self.defaults.limits;
        let options = &mut self.options;
        // As Linux: an int at least, whatever the option.
        let number = int(value)?;
        match option {
            libc::SO_REUSEADDR => options.reuse_address = number != 0,
            libc::SO_REUSEPORT => options.reuse_port = number != 0,
            libc::SO_PRIORITY => options.priority = number,
            libc::SO_ZEROCOPY => {
                if !(0..=1).contains(&number) {
                    return Err(Errno::EINVAL);
                }
                options.zero_copy = number != 0;
            }
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

    pub(super) fn get_socket_option(&mut self, option: i32) -> Result<Vec<u8>> {
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
            libc::SO_ZEROCOPY => options.zero_copy.into(),
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
}
