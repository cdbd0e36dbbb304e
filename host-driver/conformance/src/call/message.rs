//! `recv`, `send` and their kin.

use crate::errno::{Errno, Result};
use crate::port::{Attempt, Port};
use crate::socket::tcp::MOST;

/// What a call has received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    /// How many bytes the call reports.
    pub(crate) count: usize,
    /// The sender's `struct sockaddr`; empty on a stream.
    pub(crate) name: Vec<u8>,
    /// `msg_flags`.
    pub(crate) flags: i32,
    /// Control messages, as they stand in memory.
    pub(crate) control: Vec<u8>,
}

impl Port {
    /// recv(2)
    pub(crate) fn receive(&self, fd: i32, len: usize, flags: i32) -> Result<Message> {
        let patience = self.call(|core| Ok(core.files.tcp(fd)?.read_patience()))?;
        let patience = self.patience(fd, flags & libc::MSG_DONTWAIT != 0, patience)?;
        let len = len.min(MOST);
        let bytes = self.wait(patience, |core| core.files.tcp(fd)?.receive(len))?;
        Ok(Message {
            count: bytes.len(),
            bytes,
            ..Message::default()
        })
    }

    /// send(2)
    pub(crate) fn send(
        &self,
        fd: i32,
        bytes: &[u8],
        flags: i32,
        name: Option<&[u8]>,
    ) -> Result<usize> {
        // A connected stream has its peer; Linux does not look at the name then.
        if name.is_some() && self.call(|core| Ok(core.files.tcp(fd)?.stream().is_none()))? {
            return Err(Errno::EPIPE);
        }
        let patience = self.call(|core| Ok(core.files.tcp(fd)?.write_patience()))?;
        let patience = self.patience(fd, flags & libc::MSG_DONTWAIT != 0, patience)?;
        let mut done = 0;
        let result = self.wait(patience, |core| {
            let tcp = core.files.tcp(fd)?;
            loop {
                // What has gone wrong is told by the next call, if this one has something to tell.
                if done > 0 && tcp.status().is_some_and(|status| status.failed) {
                    return Err(Errno::EPIPE);
                }
                match tcp.send(&bytes[done..])? {
                    Attempt::Wait => return Ok(Attempt::Wait),
                    Attempt::Done(n) => done += n,
                }
                if done == bytes.len() {
                    return Ok(Attempt::Done(()));
                }
            }
        });
        match result {
            Err(_) if done > 0 => Ok(done),
            other => other.map(|()| done),
        }
    }
}
