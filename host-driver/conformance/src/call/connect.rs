//! `bind`, `listen`, `accept`, `connect`.

use std::net::SocketAddr;

use crate::address::{self, Named};
use crate::errno::{Errno, Result};
use crate::files::{Files, Kind};
use crate::port::{Attempt, Core, Patience, Port};
use crate::socket::tcp::{State, Tcp};

impl Port {
    /// bind(2), to the address in these bytes.
    pub(crate) fn bind(&self, fd: i32, name: &[u8]) -> Result<i32> {
        self.call(|core| {
            let Core { files, world, .. } = core;
            if let Some(udp) = files.udp(fd)? {
                let Named::Address(wanted) = address::parse(name, udp.family)? else {
                    return Err(Errno::EAFNOSUPPORT);
                };
                udp.bind(world.stack(), wanted)?;
                return Ok(0);
            }
            let tcp = core.files.tcp(fd)?;
            let wanted = match address::parse(name, tcp.family)? {
                Named::Address(address) => address,
                // Linux takes AF_UNSPEC for "any address" here, if it is all zero.
                Named::Unspecified => return Err(Errno::EAFNOSUPPORT),
            };
            if tcp.local.is_some() || !matches!(tcp.state, State::Fresh) {
                return Err(Errno::EINVAL);
            }
            let own = ip_is_own(core, wanted);
            if !own {
                return Err(Errno::EADDRNOTAVAIL);
            }
            let local = if wanted.port() == 0 {
                free_port(&core.files, wanted).ok_or(Errno::EADDRINUSE)?
            } else {
                wanted
            };
            if collides(&core.files, fd, local) {
                return Err(Errno::EADDRINUSE);
            }
            core.files.tcp(fd)?.local = Some(local);
            Ok(0)
        })
    }

    /// listen(2)
    pub(crate) fn listen(&self, fd: i32, backlog: i32) -> Result<i32> {
        self.call(|core| {
            let tcp = core.files.tcp(fd)?;
            if tcp.stream().is_some() {
                return Err(Errno::EINVAL);
            }
            let most = tcp.defaults.backlog;
            // Negative ones are large; and one more than asked for may wait (sk_acceptq_is_full).
            let backlog = usize::try_from(backlog).unwrap_or(most).min(most) + 1;
            let Core { files, world, .. } = core;
            files.tcp(fd)?.listen(world.stack(), backlog)?;
            Ok(0)
        })
    }

    /// accept(2): the new descriptor, and the peer's name.
    pub(crate) fn accept(&self, fd: i32) -> Result<(i32, Vec<u8>)> {
        let patience = self.call(|core| {
            let tcp = core.files.tcp(fd)?;
            if !tcp.is_listening() {
                return Err(Errno::EINVAL);
            }
            Ok(tcp.read_patience())
        })?;
        let patience = self.patience(fd, false, patience)?;
        self.wait(patience, |core| {
            Ok(match core.files.tcp(fd)?.accept()? {
                Attempt::Wait => Attempt::Wait,
                Attempt::Done((child, peer)) => {
                    let name = address::encode(peer, child.family);
                    let fd = core.files.open(Kind::Tcp(Box::new(child)), false)?;
                    Attempt::Done((fd, name))
                }
            })
        })
    }

    /// connect(2), to the address in these bytes.
    pub(crate) fn connect(&self, fd: i32, name: &[u8]) -> Result<i32> {
        let (late, patience) = self.call(|core| {
            let Core { files, world, .. } = core;
            if let Some(udp) = files.udp(fd)? {
                let Named::Address(peer) = address::parse(name, udp.family)? else {
                    return Err(Errno::EAFNOSUPPORT);
                };
                udp.connect(world.stack(), peer)?;
                return Ok((None, Patience::NONE));
            }
            let tcp = files.tcp(fd)?;
            let peer = match address::parse(name, tcp.family)? {
                Named::Address(peer) => peer,
                Named::Unspecified => {
                    tcp.disconnect();
                    return Ok((None, Patience::NONE));
                }
            };
            let late = match &tcp.state {
                State::Fresh => {
                    tcp.start_connect(world.stack(), peer)?;
                    Errno::EINPROGRESS
                }
                State::Connecting(_) => Errno::EALREADY,
                State::Connected(_) | State::Listening(_) => return Err(Errno::EISCONN),
            };
            Ok((Some(late), tcp.write_patience()))
        })?;
        let Some(late) = late else { return Ok(0) };
        let patience = self.patience(fd, false, patience)?;
        self.wait(patience, |core| core.files.tcp(fd)?.poll_connect())
            .map(|()| 0)
            .map_err(|error| if error == Errno::EAGAIN { late } else { error })
    }
}

fn ip_is_own(core: &Core, address: SocketAddr) -> bool {
    address.ip().is_unspecified() || core.world.is_own(address.ip())
}

/// Whether another socket has the address, and one of the two does not share it.
fn collides(files: &Files, fd: i32, address: SocketAddr) -> bool {
    let own = match files.get(fd).map(|file| &file.kind) {
        Ok(Kind::Tcp(tcp)) => &**tcp,
        _ => return false,
    };
    files.tcps().any(|other| {
        let Some(taken) = other.local else {
            return false;
        };
        if std::ptr::eq(own, other) || taken.port() != address.port() {
            return false;
        }
        let any = |a: SocketAddr| a.ip().is_unspecified();
        // An unspecified IPv6 address stands for IPv4 too.
        let overlap = taken.ip() == address.ip()
            || (any(taken) && (taken.is_ipv4() == address.is_ipv4() || taken.is_ipv6()))
            || (any(address) && (taken.is_ipv4() == address.is_ipv4() || address.is_ipv6()));
        overlap && !(own.shares_address() && other.shares_address() && !other.is_listening())
    })
}

/// A port of the dynamic range that nobody has.
fn free_port(files: &Files, address: SocketAddr) -> Option<SocketAddr> {
    (49_152..=65_535)
        .map(|port| SocketAddr::new(address.ip(), port))
        .find(|candidate| {
            !files
                .tcps()
                .any(|tcp: &Tcp| tcp.local.is_some_and(|l| l.port() == candidate.port()))
        })
}
