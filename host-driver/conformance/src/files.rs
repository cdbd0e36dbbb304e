//! The table of open files.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::epoll::Epoll;
use crate::errno::{Errno, Result};
use crate::pipe::{Pipe, PipeEnd};
use crate::socket::tcp::Tcp;
use crate::socket::udp::Udp;

/// Files that may be open at a time (Linux: RLIMIT_NOFILE).
const FILES: usize = 1024;
/// The lowest descriptor: 0 to 2 are other people's.
const FIRST: i32 = 3;

/// All open files by descriptor, and pipes by number.
#[derive(Default)]
pub(crate) struct Files {
    open: BTreeMap<i32, File>,
    pub(crate) pipes: BTreeMap<u64, Pipe>,
    next: u64,
}

/// An open file.
pub(crate) struct File {
    /// O_NONBLOCK.
    pub(crate) nonblocking: bool,
    pub(crate) kind: Kind,
}

/// What a file is.
pub(crate) enum Kind {
    Tcp(Box<Tcp>),
    Udp(Box<Udp>),
    Pipe(PipeEnd),
    Epoll(Epoll),
}

impl Files {
    /// A number that nothing had before.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Opens a file under the lowest free descriptor.
    pub(crate) fn open(&mut self, kind: Kind, nonblocking: bool) -> Result<i32> {
        if self.open.len() >= FILES {
            return Err(Errno::EMFILE);
        }
        let fd = (FIRST..)
            .find(|fd| !self.open.contains_key(fd))
            .ok_or(Errno::EMFILE)?;
        let file = File { nonblocking, kind };
        self.open.insert(fd, file);
        Ok(fd)
    }

    pub(crate) fn get(&self, fd: i32) -> Result<&File> {
        self.open.get(&fd).ok_or(Errno::EBADF)
    }

    pub(crate) fn get_mut(&mut self, fd: i32) -> Result<&mut File> {
        self.open.get_mut(&fd).ok_or(Errno::EBADF)
    }

    /// A file that must be a TCP socket; on UDP's what is asked for cannot be.
    pub(crate) fn tcp(&mut self, fd: i32) -> Result<&mut Tcp> {
        match &mut self.get_mut(fd)?.kind {
            Kind::Tcp(tcp) => Ok(tcp),
            Kind::Udp(_) => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    /// A file if it is a UDP socket.
    pub(crate) fn udp(&mut self, fd: i32) -> Result<Option<&mut Udp>> {
        match &mut self.get_mut(fd)?.kind {
            Kind::Udp(udp) => Ok(Some(udp)),
            _ => Ok(None),
        }
    }

    /// Takes a file out of the table, and out of every epoll's interests.
    pub(crate) fn remove(&mut self, fd: i32) -> Result<File> {
        let file = self.open.remove(&fd).ok_or(Errno::EBADF)?;
        for other in self.open.values_mut() {
            if let Kind::Epoll(epoll) = &mut other.kind {
                epoll.forget(fd);
            }
        }
        if let Kind::Pipe(end) = &file.kind
            && let Some(pipe) = self.pipes.get_mut(&end.pipe)
        {
            pipe.close(end.writes);
            if pipe.is_unused() {
                self.pipes.remove(&end.pipe);
            }
        }
        Ok(file)
    }

    /// All TCP sockets.
    pub(crate) fn tcps(&self) -> impl Iterator<Item = &Tcp> {
        self.open.values().filter_map(|file| match &file.kind {
            Kind::Tcp(tcp) => Some(&**tcp),
            _ => None,
        })
    }

    /// What poll(2) says of a file.
    pub(crate) fn mask(&self, fd: i32) -> Result<u32> {
        Ok(match &self.get(fd)?.kind {
            Kind::Tcp(tcp) => tcp.mask(),
            Kind::Udp(udp) => udp.mask(),
            Kind::Pipe(end) => self
                .pipes
                .get(&end.pipe)
                .map_or(0, |pipe| pipe.mask(end.writes)),
            Kind::Epoll(epoll) => {
                if self.events(epoll).next().is_some() {
                    (libc::EPOLLIN | libc::EPOLLRDNORM) as u32
                } else {
                    0
                }
            }
        })
    }

    /// What ioctl(2) tells of a file's queues.
    pub(crate) fn queued(&mut self, fd: i32, request: libc::c_ulong) -> Result<i32> {
        let int = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
        match &mut self.get_mut(fd)?.kind {
            Kind::Tcp(tcp) => tcp.queued(request),
            Kind::Udp(udp) if request == libc::FIONREAD => Ok(int(udp.next_len() as u64)),
            Kind::Pipe(end) if request == libc::FIONREAD => {
                let number = end.pipe;
                let pipe = self.pipes.get(&number).ok_or(Errno::EBADF)?;
                Ok(int(pipe.len() as u64))
            }
            Kind::Udp(_) | Kind::Pipe(_) | Kind::Epoll(_) => Err(Errno::ENOTTY),
        }
    }

    /// Somebody looked for room to write and found none.
    pub(crate) fn note_no_room(&mut self, fd: i32) {
        if let Ok(tcp) = self.tcp(fd) {
            tcp.note_no_room();
        }
    }

    /// The descriptors that an epoll has something to say of, with what.
    pub(crate) fn events<'a>(&'a self, epoll: &'a Epoll) -> impl Iterator<Item = (i32, u32)> + 'a {
        epoll.candidates().filter_map(|(fd, events)| {
            // An epoll inside an epoll is not looked into: it cannot be added.
            let mask = match &self.get(fd).ok()?.kind {
                Kind::Epoll(_) => 0,
                _ => self.mask(fd).ok()?,
            };
            (mask & events != 0).then_some((fd, mask & events))
        })
    }

    /// Looks at what has changed since the last call, for epolls that want to hear of changes.
    pub(crate) fn watch(&mut self, now: Duration) {
        let mut woken = Vec::new();
        for (fd, file) in &mut self.open {
            let keys = match &mut file.kind {
                Kind::Tcp(tcp) => tcp.take_wakeups(now),
                Kind::Udp(udp) => udp.take_wakeups(),
                Kind::Pipe(end) => match self.pipes.get(&end.pipe) {
                    Some(pipe) => end.take_wakeups(pipe),
                    None => 0,
                },
                Kind::Epoll(_) => 0,
            };
            if keys != 0 {
                woken.push((*fd, keys));
            }
        }
        if woken.is_empty() {
            return;
        }
        for file in self.open.values_mut() {
            if let Kind::Epoll(epoll) = &mut file.kind {
                for (fd, keys) in &woken {
                    epoll.wake(*fd, *keys);
                }
            }
        }
    }
}
