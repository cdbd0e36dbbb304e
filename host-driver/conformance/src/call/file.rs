//! `read`, `write` and their kin; what all descriptors have.

use crate::errno::{Errno, Result};
use crate::files::Kind;
use crate::port::{Attempt, Patience, Port};

impl Port {
    /// How long a call on a file may wait: not at all if it is non-blocking, or the call is told not to.
    pub(super) fn patience(&self, fd: i32, now: bool, otherwise: Patience) -> Result<Patience> {
        self.call(|core| {
            let nonblocking = core.files.get(fd)?.nonblocking;
            Ok(if now || nonblocking {
                Patience::NONE
            } else {
                otherwise
            })
        })
    }

    /// read(2)
    pub(crate) fn read(&self, fd: i32, len: usize) -> Result<Vec<u8>> {
        let is_pipe = self.call(|core| match &core.files.get(fd)?.kind {
            Kind::Pipe(end) if end.writes => Err(Errno::EBADF),
            Kind::Pipe(_) => Ok(true),
            Kind::Tcp(_) | Kind::Udp(_) => Ok(false),
            Kind::Epoll(_) => Err(Errno::EINVAL),
        })?;
        if !is_pipe {
            return Ok(self.receive(fd, len, 0)?.bytes);
        }
        let patience = self.patience(fd, false, Patience::ENDLESS)?;
        self.wait(patience, |core| {
            let number = match &core.files.get(fd)?.kind {
                Kind::Pipe(end) => end.pipe,
                _ => return Err(Errno::EBADF),
            };
            let pipe = core.files.pipes.get_mut(&number).ok_or(Errno::EBADF)?;
            Ok(pipe.take(len))
        })
    }

    /// write(2)
    pub(crate) fn write(&self, fd: i32, bytes: &[u8]) -> Result<usize> {
        let is_pipe = self.call(|core| match &core.files.get(fd)?.kind {
            Kind::Pipe(end) if !end.writes => Err(Errno::EBADF),
            Kind::Pipe(_) => Ok(true),
            Kind::Tcp(_) | Kind::Udp(_) => Ok(false),
            Kind::Epoll(_) => Err(Errno::EINVAL),
        })?;
        if !is_pipe {
            return self.send(fd, bytes, 0, None);
        }
        let patience = self.patience(fd, false, Patience::ENDLESS)?;
        let mut done = 0;
        let result = self.wait(patience, |core| {
            let number = match &core.files.get(fd)?.kind {
                Kind::Pipe(end) => end.pipe,
                _ => return Err(Errno::EBADF),
            };
            let pipe = core.files.pipes.get_mut(&number).ok_or(Errno::EBADF)?;
            if let Attempt::Done(n) = pipe.put(&bytes[done..])? {
                done += n;
            }
            Ok(if done == bytes.len() {
                Attempt::Done(())
            } else {
                Attempt::Wait
            })
        });
        match result {
            Err(_) if done > 0 => Ok(done),
            other => other.map(|()| done),
        }
    }

    /// fcntl(2)
    pub(crate) fn fcntl(&self, fd: i32, command: i32, argument: usize) -> Result<i32> {
        self.call(|core| {
            let file = core.files.get_mut(fd)?;
            match command {
                libc::F_GETFL => {
                    let access = match &file.kind {
                        Kind::Pipe(end) if end.writes => libc::O_WRONLY,
                        Kind::Pipe(_) => libc::O_RDONLY,
                        _ => libc::O_RDWR,
                    };
                    let blocking = if file.nonblocking {
                        libc::O_NONBLOCK
                    } else {
                        0
                    };
                    Ok(access | blocking)
                }
                libc::F_SETFL => {
                    // An int, in whatever register it came.
                    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
                    let flags = argument as i32;
                    file.nonblocking = flags & libc::O_NONBLOCK != 0;
                    Ok(0)
                }
                libc::F_GETFD | libc::F_SETFD => Ok(0),
                _ => Err(Errno::EINVAL),
            }
        })
    }
}
