//! Urgent data as BSD has it: one byte, out of band or in line (RFC 6093 §2.2 tells how that came).

use std::io;

use tcp_core::{Connection, Events};

use crate::file;
use crate::stream::TcpStream;
use crate::tcp;

/// What the program does with urgent bytes that come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Urgent {
    /// Low bits of the mark ([`Connection::urgent_offset`]) whose byte was received out of band.
    taken: Option<std::num::NonZeroU32>,
    /// SO_OOBINLINE: they are read with the others.
    inline: bool,
}

#[expect(clippy::cast_possible_truncation)]
fn low(mark: u64) -> Option<std::num::NonZeroU32> {
    std::num::NonZeroU32::new(mark as u32)
}

impl Urgent {
    /// Bytes to skip before the next that can be read in line (the urgent one itself), and how many may be read at most: a
    /// read stops at the urgent byte.
    pub(crate) fn before_mark(self, connection: &Connection) -> (u64, u64) {
        let Some(mark) = connection.urgent_offset() else {
            return (0, u64::MAX);
        };
        match mark - 1 - connection.consumed_offset() {
            0 if self.inline => (0, u64::MAX),
            // It may not have come yet.
            0 => (connection.available().min(1), u64::MAX),
            before => (0, before),
        }
    }

    /// Bytes that can be read in line.
    pub(crate) fn readable(self, connection: &Connection) -> u64 {
        let (skip, most) = self.before_mark(connection);
        let available = connection.available() - skip;
        if self.inline {
            available
        } else {
            available.min(most)
        }
    }

    /// Whether an urgent byte is there that was not received out of band.
    pub(crate) fn has_come(self, connection: &Connection) -> bool {
        connection
            .urgent_offset()
            .is_some_and(|mark| connection.readable_offset() >= mark && self.taken != low(mark))
    }
}

impl TcpStream {
    /// Sends bytes of which the last is urgent (MSG_OOB): the peer is told of it ahead of the others. If only some are taken,
    /// none of them is.
    ///
    /// # Errors
    /// As writing.
    pub fn send_oob(&self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file();
        file.call(file::Side::Write, |call, live| {
            let outcome = file::put(call.shared, live, bytes, true);
            tcp::act_upon(call, live, outcome)
        })
    }

    /// Receives the urgent byte (MSG_OOB), ahead of those before it; once, unless `peek`.
    ///
    /// # Errors
    /// `InvalidInput` if there is none, it was received already, or urgent bytes are read in line; `WouldBlock` if the peer
    /// has told of it and it is still on its way.
    pub fn recv_oob(&self, peek: bool) -> io::Result<u8> {
        self.file().with(|live| {
            let none = || {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "no urgent byte, or it is read in line",
                )
            };
            let mark = live.connection.urgent_offset().ok_or_else(none)?;
            if live.urgent.inline || live.urgent.taken == low(mark) {
                return Err(none());
            }
            if live.connection.readable_offset() < mark {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let mut byte = [0];
            live.receive.get(mark - 1, &mut byte);
            if !peek {
                live.urgent.taken = low(mark);
            }
            Ok(byte[0])
        })
    }

    /// SO_OOBINLINE: urgent bytes are read with the others, and a read stops before one.
    ///
    /// # Errors
    /// None.
    pub fn set_oob_inline(&self, inline: bool) -> io::Result<()> {
        let file = self.file();
        file.shared.update(file.socket.pcb(), |live, _| {
            live.urgent.inline = inline;
            ((), Events::READABLE)
        });
        Ok(())
    }
}
