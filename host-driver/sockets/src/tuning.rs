//! What a program may change of a stream under way, besides what `std::net` has.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tcp_core::Events;
use tcp_core::congestion::Algorithm;

use crate::file::{Attempt, File};
use crate::stream::TcpStream;

impl TcpStream {
    /// TCP_CORK: holds back whatever does not fill a segment, for a retransmission time-out at most; off lets it go.
    ///
    /// # Errors
    /// None.
    pub fn set_cork(&self, cork: bool) -> io::Result<()> {
        let file = self.file();
        file.shared.update(file.socket.pcb(), |live, _| {
            live.connection.set_cork(cork);
            ((), Events::empty())
        });
        Ok(())
    }

    /// TCP_QUICKACK: acknowledges at once for a while, or delays acknowledgements until there is a reason not to.
    ///
    /// # Errors
    /// None.
    pub fn set_quick_ack(&self, quick: bool) -> io::Result<()> {
        let file = self.file();
        file.shared.update(file.socket.pcb(), |live, _| {
            live.connection.set_quick_ack(quick);
            ((), Events::empty())
        });
        Ok(())
    }

    /// Whether acknowledgements are not delayed for answers to carry them.
    ///
    /// # Errors
    /// None.
    pub fn quick_ack(&self) -> io::Result<bool> {
        Ok(self.file().with(|live| live.connection.is_quick_ack()))
    }

    /// TCP_CONGESTION: another congestion control from now on; window and threshold stay.
    ///
    /// # Errors
    /// None.
    pub fn set_congestion(&self, algorithm: Algorithm) -> io::Result<()> {
        self.file()
            .with(|live| live.connection.set_congestion(algorithm));
        Ok(())
    }

    /// Which congestion control is used.
    ///
    /// # Errors
    /// None.
    pub fn congestion(&self) -> io::Result<Algorithm> {
        Ok(self.file().with(|live| live.connection.congestion()))
    }

    /// SO_RCVBUF: room for `bytes` received ones (at most 2³⁰), or for as few as what was offered to the peer allows.
    ///
    /// # Errors
    /// None.
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        let file = self.file();
        file.shared.update(file.socket.pcb(), |live, _| {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let (from, to) = (
                live.connection.consumed_offset(),
                live.connection.receive_edge(),
            );
            let size = live.connection.set_receive_buffer(bytes);
            live.receive.resize(size as usize, from..to);
            ((), Events::empty())
        });
        Ok(())
    }

    /// SO_SNDBUF: room for `bytes` written ones that are not acknowledged. What is written stays.
    ///
    /// # Errors
    /// None.
    pub fn set_send_buffer(&self, bytes: usize) -> io::Result<()> {
        let file = self.file();
        file.shared.update(file.socket.pcb(), |live, _| {
            live.send.set_capacity(bytes);
            ((), Events::WRITABLE)
        });
        Ok(())
    }

    /// TCP_NOTSENT_LOWAT: no more than about `bytes` are taken that cannot be sent yet; `u32::MAX` for no such limit.
    ///
    /// # Errors
    /// None.
    pub fn set_unsent_low_water(&self, bytes: u32) -> io::Result<()> {
        let file = self.file();
        file.shared.update(file.socket.pcb(), |live, _| {
            live.send.set_unsent_low_water(bytes);
            ((), Events::WRITABLE)
        });
        Ok(())
    }

    /// MSG_EOR: what was written so far is a record; what is written later does not share a segment with it.
    ///
    /// # Errors
    /// None.
    pub fn end_record(&self) -> io::Result<()> {
        let file = self.file();
        file.shared.update(file.socket.pcb(), |live, _| {
            live.connection.end_record();
            ((), Events::empty())
        });
        Ok(())
    }

    /// Closes, and keeps an eye on what becomes of what was written: SO_LINGER with a time-out, for a program that does not
    /// want to be blocked. `None` if there are other handles to the same connection: then it is not closed.
    #[must_use]
    pub fn start_close(self) -> Option<Closing> {
        let file = Arc::into_inner(self.into_file())?;
        file.begin_close();
        Some(Closing { file })
    }
}

/// A closed stream whose bytes are still on their way. Dropping it leaves them to the stack, as dropping a stream does.
#[derive(Debug)]
pub struct Closing {
    file: File,
}

impl Closing {
    /// Whether the peer has acknowledged everything, or the connection is over for another reason.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.file
            .with(|live| live.dropped || live.connection.is_flushed())
    }

    /// Waits until [`Closing::is_flushed`], at most for `limit`. Returns whether it is; if not, the bytes are left to the
    /// stack when this is dropped, as after a close that does not wait.
    pub fn wait(&self, limit: Duration) -> bool {
        let late = io::ErrorKind::TimedOut;
        let waited = self.file.wait(false, Some(limit), late, &mut |_, live, _| {
            if live.dropped || live.connection.is_flushed() {
                Attempt::Done(Ok(()))
            } else {
                Attempt::Wait
            }
        });
        waited.is_ok()
    }
}
