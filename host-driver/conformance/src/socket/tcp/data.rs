//! Reading and writing.

use std::io::{Read as _, Write as _};

use super::{MOST, Tcp};
use crate::errno::{Errno, Result};
use crate::port::Attempt;

impl Tcp {
    /// Reads up to `len` bytes of what there is; with `peek` they stay.
    pub(crate) fn receive(&mut self, len: usize, peek: bool) -> Result<Attempt<Vec<u8>>> {
        let Some(mut stream) = self.stream() else {
            return Err(Errno::ENOTCONN);
        };
        let mut bytes = vec![0; len.min(MOST)];
        let read = if peek {
            stream.peek(&mut bytes)
        } else {
            stream.read(&mut bytes)
        };
        match read {
            Ok(n) => {
                bytes.truncate(n);
                Ok(Attempt::Done(bytes))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(Attempt::Wait),
            Err(error) => Err(error.into()),
        }
    }

    /// The urgent byte.
    pub(crate) fn receive_urgent(&mut self, peek: bool) -> Result<Vec<u8>> {
        let stream = self.stream().ok_or(Errno::ENOTCONN)?;
        Ok(vec![stream.recv_oob(peek)?])
    }

    /// Writes as much of `bytes` as there is room for; the last is urgent if so told.
    pub(crate) fn send(&mut self, bytes: &[u8], urgent: bool) -> Result<Attempt<usize>> {
        let Some(mut stream) = self.stream() else {
            return Err(Errno::EPIPE);
        };
        let sent = if urgent {
            stream.send_oob(bytes)
        } else {
            stream.write(bytes)
        };
        match sent {
            Ok(n) => {
                self.blocked |= n < bytes.len();
                self.written += n as u64;
                Ok(Attempt::Done(n))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.blocked = true;
                Ok(Attempt::Wait)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// MSG_EOR: what is written later shares no segment with what was written so far.
    pub(crate) fn end_record(&self) -> Result<()> {
        match self.stream() {
            Some(stream) => Ok(stream.end_record()?),
            None => Ok(()),
        }
    }

    /// What was written last came with MSG_ZEROCOPY: its end is told on the error queue.
    pub(crate) fn note_zero_copy(&mut self) {
        if self.options.zero_copy {
            self.errors.begin(self.written);
        }
    }

    /// Looks which sends are over. True if there is something new to tell.
    pub(super) fn complete_sends(&mut self) -> bool {
        let offset = match self.status() {
            Some(status) if !status.over => self.written - status.unacknowledged.min(self.written),
            _ => u64::MAX,
        };
        self.errors.acknowledge(offset)
    }

    /// MSG_MORE: more follows, so that what does not fill a segment waits for it. Without it, the cork is as the option says.
    pub(crate) fn announce_more(&mut self, more: bool) -> Result<()> {
        let cork = more || self.options.is_corked();
        match self.stream() {
            Some(stream) => Ok(stream.set_cork(cork)?),
            None => Ok(()),
        }
    }

    /// What TCP_INQ tells: bytes that can be read, and 1 for the end of file.
    pub(crate) fn inquire(&self) -> i32 {
        let Some(status) = self.status() else {
            return 0;
        };
        let ended = status.read_closed && status.available == 0;
        i32::try_from(status.available).unwrap_or(i32::MAX) + i32::from(ended)
    }

    /// Whether reading has come to the urgent byte.
    pub(crate) fn is_at_mark(&self) -> bool {
        self.status().is_some_and(|status| status.at_mark)
    }

    /// Whether reading gives something without waiting for more.
    pub(crate) fn is_ended(&self) -> bool {
        self.status()
            .is_none_or(|status| status.read_closed || status.failed || status.over)
    }
}
