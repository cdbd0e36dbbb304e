//! `splice`: between a pipe and a socket.

use crate::errno::{Errno, Result};
use crate::files::{Files, Kind};
use crate::port::{Attempt, Patience, Port};

impl Port {
    /// splice(2), without offsets: neither pipes nor sockets have any.
    pub(crate) fn splice(&self, from: i32, to: i32, len: usize, flags: u32) -> Result<usize> {
        let now = flags & libc::SPLICE_F_NONBLOCK != 0;
        let into_pipe = self.call(|core| {
            let end = |files: &Files, fd: i32| -> Result<Option<bool>> {
                Ok(match &files.get(fd)?.kind {
                    Kind::Pipe(end) => Some(end.writes),
                    Kind::Tcp(_) => None,
                    Kind::Udp(_) | Kind::Epoll(_) => return Err(Errno::EINVAL),
                })
            };
            match (end(&core.files, from)?, end(&core.files, to)?) {
                (None, Some(true)) => Ok(true),
                (Some(false), None) => Ok(false),
                (Some(true), _) | (_, Some(false)) => Err(Errno::EBADF),
                (None, None) | (Some(false), Some(true)) => Err(Errno::EINVAL),
            }
        })?;
        if len == 0 {
            return Ok(0);
        }
        if into_pipe {
            self.splice_in(from, to, len, now)
        } else {
            self.splice_out(from, to, len, now)
        }
    }

    fn splice_in(&self, socket: i32, pipe: i32, len: usize, now: bool) -> Result<usize> {
        let patience = self.call(|core| Ok(core.files.tcp(socket)?.read_patience()))?;
        let patience = self.patience(socket, now, patience)?;
        self.wait(patience, |core| {
            let number = pipe_of(&core.files, pipe)?;
            let end = core.files.pipes.get(&number).ok_or(Errno::EBADF)?;
            if end.is_broken() {
                return Err(Errno::EPIPE);
            }
            let room = end.room().min(len);
            if room == 0 {
                return Ok(Attempt::Wait);
            }
            match core.files.tcp(socket)?.receive(room, false)? {
                // As Linux: what comes before the urgent byte has an end.
                Attempt::Wait if core.files.tcp(socket)?.is_at_mark() => Ok(Attempt::Done(0)),
                Attempt::Wait => Ok(Attempt::Wait),
                Attempt::Done(bytes) => {
                    let end = core.files.pipes.get_mut(&number).ok_or(Errno::EBADF)?;
                    match end.put(&bytes)? {
                        Attempt::Done(n) => Ok(Attempt::Done(n)),
                        Attempt::Wait => Err(Errno::EIO),
                    }
                }
            }
        })
    }

    fn splice_out(&self, pipe: i32, socket: i32, len: usize, now: bool) -> Result<usize> {
        let patience = self.call(|core| Ok(core.files.tcp(socket)?.write_patience()))?;
        let patience = self.patience(socket, now, patience)?;
        let patience = if now { Patience::NONE } else { patience };
        self.wait(patience, |core| {
            let number = pipe_of(&core.files, pipe)?;
            let end = core.files.pipes.get(&number).ok_or(Errno::EBADF)?;
            if end.len() == 0 {
                return Ok(if end.is_finished() {
                    Attempt::Done(0)
                } else {
                    Attempt::Wait
                });
            }
            let bytes = end.peek(len);
            match core.files.tcp(socket)?.send(&bytes, false)? {
                Attempt::Wait => Ok(Attempt::Wait),
                Attempt::Done(n) => {
                    let end = core.files.pipes.get_mut(&number).ok_or(Errno::EBADF)?;
                    end.take(n);
                    Ok(Attempt::Done(n))
                }
            }
        })
    }
}

fn pipe_of(files: &Files, fd: i32) -> Result<u64> {
    match &files.get(fd)?.kind {
        Kind::Pipe(end) => Ok(end.pipe),
        _ => Err(Errno::EINVAL),
    }
}
