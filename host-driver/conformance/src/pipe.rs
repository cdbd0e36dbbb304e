//! Pipes: what `splice` moves bytes through.

use std::collections::VecDeque;

use crate::errno::{Errno, Result};
use crate::port::Attempt;

/// Bytes that a pipe holds (Linux: 16 pages).
const CAPACITY: usize = 65_536;
/// Up to so many bytes are written whole or not at all (PIPE_BUF).
const ATOMIC: usize = 4096;

/// A pipe.
#[derive(Debug)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    read_open: bool,
    write_open: bool,
    /// Bytes ever written and ever read.
    written: u64,
    read: u64,
}

/// One end of a pipe.
#[derive(Debug)]
pub(crate) struct PipeEnd {
    pub(crate) pipe: u64,
    pub(crate) writes: bool,
    /// What was seen last: bytes ever moved by the other end, and whether that is open.
    seen: (u64, bool),
}

impl PipeEnd {
    pub(crate) fn new(pipe: u64, writes: bool) -> Self {
        Self {
            pipe,
            writes,
            seen: (0, true),
        }
    }

    /// Events that would wake whoever polls this end.
    pub(crate) fn take_wakeups(&mut self, pipe: &Pipe) -> u32 {
        let now = if self.writes {
            (pipe.read, pipe.read_open)
        } else {
            (pipe.written, pipe.write_open)
        };
        let before = std::mem::replace(&mut self.seen, now);
        if before == now { 0 } else { u32::MAX }
    }
}

impl Pipe {
    pub(crate) fn new() -> Self {
        Self {
            bytes: VecDeque::new(),
            read_open: true,
            write_open: true,
            written: 0,
            read: 0,
        }
    }

    pub(crate) fn close(&mut self, writes: bool) {
        if writes {
            self.write_open = false;
        } else {
            self.read_open = false;
        }
    }

    pub(crate) fn is_unused(&self) -> bool {
        !self.read_open && !self.write_open
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that can be written now.
    pub(crate) fn room(&self) -> usize {
        CAPACITY - self.bytes.len()
    }

    /// Nobody reads any more.
    pub(crate) fn is_broken(&self) -> bool {
        !self.read_open
    }

    /// Nobody writes any more.
    pub(crate) fn is_finished(&self) -> bool {
        !self.write_open
    }

    /// What poll(2) says of an end.
    pub(crate) fn mask(&self, writes: bool) -> u32 {
        let mut mask = 0;
        if writes {
            if self.room() > 0 {
                mask |= libc::EPOLLOUT | libc::EPOLLWRNORM;
            }
            if !self.read_open {
                mask |= libc::EPOLLERR;
            }
        } else {
            if !self.bytes.is_empty() {
                mask |= libc::EPOLLIN | libc::EPOLLRDNORM;
            }
            if !self.write_open {
                mask |= libc::EPOLLHUP;
            }
        }
        mask as u32
    }

    /// Takes up to `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Attempt<Vec<u8>> {
        if self.bytes.is_empty() && len > 0 && self.write_open {
            return Attempt::Wait;
        }
        let n = len.min(self.bytes.len());
        self.read += n as u64;
        Attempt::Done(self.bytes.drain(..n).collect())
    }

    /// The bytes at the front, without taking them.
    pub(crate) fn peek(&self, len: usize) -> Vec<u8> {
        self.bytes.iter().take(len).copied().collect()
    }

    /// Stores as much as there is room for; short writes whole or not at all.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<Attempt<usize>> {
        if !self.read_open {
            return Err(Errno::EPIPE);
        }
        let room = self.room();
        if !bytes.is_empty() && (room == 0 || (bytes.len() <= ATOMIC && room < bytes.len())) {
            return Ok(Attempt::Wait);
        }
        let n = bytes.len().min(room);
        self.bytes.extend(&bytes[..n]);
        self.written += n as u64;
        Ok(Attempt::Done(n))
    }
}
