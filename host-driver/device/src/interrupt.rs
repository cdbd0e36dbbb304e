//! Interrupts as files that become readable.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::Errno,
};

use crate::DeviceError;

/// An interrupt vector: an eventfd, so it can be waited for alone, polled with other files, or handed to VFIO.
///
/// Several signals before a take are one.
#[derive(Debug)]
pub struct Interrupt {
    fd: OwnedFd,
}

impl Interrupt {
    /// A fresh vector, not signalled.
    ///
    /// # Errors
    /// [`DeviceError::Io`]: out of files.
    pub fn new() -> Result<Self, DeviceError> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|e| DeviceError::io("creating an eventfd for an interrupt")(e.into()))?;
        Ok(Self { fd })
    }

    /// Signals the vector; never blocks.
    pub fn signal(&self) {
        // The only failure is a counter at its limit (EAGAIN): signalled already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Takes the signal if there is one; never blocks.
    pub fn try_take(&self) -> bool {
        rustix::io::read(&self.fd, &mut [0; 8]).is_ok()
    }

    /// Waits until the vector is signalled, at most for `timeout` (`None`: without end), and takes the signal.
    /// Returns whether there was one; a POSIX signal to the thread may end the wait early without one.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        if self.try_take() {
            return true;
        }
        // A time-out beyond the kernel's range is as good as none.
        let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => self.try_take(),
            Err(_) => false,
        }
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_taken_once_and_signals_merge() {
        let i = Interrupt::new().unwrap();
        assert!(!i.try_take());
        assert!(!i.wait(Some(Duration::ZERO)));
        i.signal();
        i.signal();
        assert!(i.wait(None));
        assert!(!i.try_take());
    }

    #[test]
    fn a_waiting_thread_is_woken() {
        let i = Interrupt::new().unwrap();
        std::thread::scope(|s| {
            let waiter = s.spawn(|| while !i.wait(None) {});
            i.signal();
            waiter.join().unwrap();
        });
    }

    #[test]
    fn it_can_be_polled_as_a_file() {
        let i = Interrupt::new().unwrap();
        i.signal();
        let mut fds = [PollFd::new(&i, PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&Timespec::default())), Ok(1));
    }
}
