//! `socket`, `pipe`, `close`, `shutdown`.

use std::net::Shutdown;

use crate::address::Family;
use crate::errno::{Errno, Result};
use crate::files::Kind;
use crate::pipe::{Pipe, PipeEnd};
use crate::port::{Attempt, Patience, Port};
use crate::socket::tcp::Tcp;
use crate::socket::udp::Udp;

impl Port {
    /// socket(2)
    pub(crate) fn socket(&self, domain: i32, kind: i32, protocol: i32) -> Result<i32> {
        let family = match domain {
            libc::AF_INET => Family::V4,
            libc::AF_INET6 => Family::V6,
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
        let kind = kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
        let datagrams = match (kind, protocol) {
            (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) => false,
            (libc::SOCK_DGRAM, 0 | libc::IPPROTO_UDP) => true,
            (libc::SOCK_STREAM | libc::SOCK_DGRAM, _) => return Err(Errno::EPROTONOSUPPORT),
            _ => return Err(Errno::ESOCKTNOSUPPORT),
        };
        self.call(|core| {
            if datagrams {
                let udp = Kind::Udp(Box::new(Udp::new(family)));
                return core.files.open(udp, nonblocking);
            }
            let tcp = Tcp::new(family, core.sysctls.defaults());
            core.files.open(Kind::Tcp(Box::new(tcp)), nonblocking)
        })
    }

    /// pipe(2): the reading end, then the writing one.
    pub(crate) fn pipe(&self) -> Result<[i32; 2]> {
        self.call(|core| {
            let number = core.files.number();
            core.files.pipes.insert(number, Pipe::new());
            let read = core
                .files
                .open(Kind::Pipe(PipeEnd::new(number, false)), false)?;
            match core
                .files
                .open(Kind::Pipe(PipeEnd::new(number, true)), false)
            {
                Ok(write) => Ok([read, write]),
                Err(error) => {
                    core.files.remove(read)?;
                    core.files.pipes.remove(&number);
                    Err(error)
                }
            }
        })
    }

    /// close(2)
    pub(crate) fn close(&self, fd: i32) -> Result<i32> {
        let lingering = self.call(|core| {
            let file = core.files.remove(fd)?;
            Ok(match file.kind {
                Kind::Tcp(tcp) => tcp.close(),
                _ => None,
            })
        })?;
        if let Some((closing, time)) = lingering {
            // SO_LINGER: Linux waits whether the socket is blocking or not, and reports nothing.
            let flushed = self.wait(Patience::of(Some(time)), |_| {
                Ok(if closing.is_flushed() {
                    Attempt::Done(())
                } else {
                    Attempt::Wait
                })
            });
            tracing::debug!(?flushed, fd, "lingered");
            self.call(|_| {
                drop(closing);
                Ok(())
            })?;
        }
        Ok(0)
    }

    /// shutdown(2)
    pub(crate) fn shutdown(&self, fd: i32, how: i32) -> Result<i32> {
        self.call(|core| {
            if !matches!(core.files.get(fd)?.kind, Kind::Tcp(_) | Kind::Udp(_)) {
                return Err(Errno::ENOTSOCK);
            }
            let how = match how {
                libc::SHUT_RD => Shutdown::Read,
                libc::SHUT_WR => Shutdown::Write,
                libc::SHUT_RDWR => Shutdown::Both,
                _ => return Err(Errno::EINVAL),
            };
            match core.files.udp(fd)? {
                Some(udp) => udp.shutdown(how)?,
                None => core.files.tcp(fd)?.shutdown(how)?,
            }
            Ok(0)
        })
    }
}
