//! `socket`, `pipe`, `close`, `shutdown`.

use std::net::Shutdown;

use crate::address::Family;
use crate::errno::{Errno, Result};
use crate::files::Kind;
use crate::pipe::{Pipe, PipeEnd};
use crate::port::Port;
use crate::socket::tcp::Tcp;

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
        match (kind, protocol) {
            (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) => {}
            (libc::SOCK_STREAM | libc::SOCK_DGRAM, _) => return Err(Errno::EPROTONOSUPPORT),
            _ => return Err(Errno::ESOCKTNOSUPPORT),
        }
        self.call(|core| {
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
        self.call(|core| {
            let file = core.files.remove(fd)?;
            drop(file);
            Ok(0)
        })
    }

    /// shutdown(2)
    pub(crate) fn shutdown(&self, fd: i32, how: i32) -> Result<i32> {
        self.call(|core| {
            let tcp = core.files.tcp(fd)?;
            let how = match how {
                libc::SHUT_RD => Shutdown::Read,
                libc::SHUT_WR => Shutdown::Write,
                libc::SHUT_RDWR => Shutdown::Both,
                _ => return Err(Errno::EINVAL),
            };
            tcp.shutdown(how)?;
            Ok(0)
        })
    }
}
