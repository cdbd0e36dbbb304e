//! From interrupt messages to eventfds.

use std::{os::fd::OwnedFd, sync::Arc};

use longshore_device::IrqSink;
use longshore_vfio_user::{Errno, IrqAction, IrqData, SetIrqs};
use parking_lot::Mutex;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::readlink,
};

use crate::counts::{Counters, count};

/// One vector.
#[derive(Debug, Default)]
struct Vector {
    eventfd: Option<OwnedFd>,
    masked: bool,
    /// Raised while it could not be signalled.
    pending: bool,
}

/// The vectors of a device: where its messages go.
///
/// QEMU keeps the MSI-X table to itself and tells only eventfds, one vector at a time, with all of them taken away in
/// between. So an interrupt that comes meanwhile is kept, as a masked one is, and signalled when its vector has an
/// eventfd again.
#[derive(Debug)]
pub(crate) struct Vectors {
    vectors: Mutex<Vec<Vector>>,
    counters: Arc<Counters>,
}

impl Vectors {
    pub(crate) fn new(count: u16, counters: Arc<Counters>) -> Self {
        let vectors = std::iter::repeat_with(Vector::default)
            .take(count.into())
            .collect();
        Self {
            vectors: Mutex::new(vectors),
            counters,
        }
    }

    /// Keeps the first `count`.
    pub(crate) fn truncate(&self, count: u16) {
        self.vectors.lock().truncate(count.into());
    }

    pub(crate) fn count(&self) -> u32 {
        self.vectors.lock().len() as u32
    }

    /// Pending bits, vector 0 lowest.
    pub(crate) fn pending(&self) -> u64 {
        let vectors = self.vectors.lock();
        let bits = vectors.iter().enumerate();
        bits.fold(0, |bits, (i, v)| bits | u64::from(v.pending) << i)
    }

    /// Forgets pending interrupts: the device was reset. Eventfds stay, as with the kernel's VFIO.
    pub(crate) fn reset(&self) {
        for v in self.vectors.lock().iter_mut() {
            v.pending = false;
        }
    }

    /// Forgets everything: the client is gone.
    pub(crate) fn clear(&self) {
        for v in self.vectors.lock().iter_mut() {
            *v = Vector::default();
        }
    }

    /// Does what a client asks for MSI-X, with the file descriptors beside its message.
    pub(crate) fn set(&self, set: &SetIrqs<'_>, fds: Vec<OwnedFd>) -> Result<(), Errno> {
        let mut vectors = self.vectors.lock();
        if set.count == 0 {
            // The one meaning of an empty range: switch all off.
            if set.data != IrqData::None || set.action != IrqAction::Trigger || set.start != 0 {
                return Err(Errno::INVAL);
            }
            for v in vectors.iter_mut() {
                v.eventfd = None;
                v.masked = false;
            }
            return Ok(());
        }
        let range = set.start as usize..set.start as usize + set.count as usize;
        let range = vectors.get_mut(range).ok_or(Errno::INVAL)?;
        if set.data != IrqData::Eventfd && !fds.is_empty() {
            return Err(Errno::INVAL);
        }
        let chosen = |i: usize| match set.data {
            IrqData::Bool(bytes) => bytes.get(i).is_some_and(|b| *b != 0),
            _ => true,
        };
        match (set.action, set.data) {
            (IrqAction::Trigger, IrqData::Eventfd) => return self.assign(range, fds),
            // Eventfds that tell of masking: nothing here masks but the client itself.
            (_, IrqData::Eventfd) => return Err(Errno::OPNOTSUPP),
            (IrqAction::Trigger, _) => {
                for (_, v) in range.iter_mut().enumerate().filter(|(i, _)| chosen(*i)) {
                    self.raise_one(v);
                }
            }
            (IrqAction::Mask, _) => {
                for (_, v) in range.iter_mut().enumerate().filter(|(i, _)| chosen(*i)) {
                    v.masked = true;
                }
            }
            (IrqAction::Unmask, _) => {
                for (_, v) in range.iter_mut().enumerate().filter(|(i, _)| chosen(*i)) {
                    v.masked = false;
                    self.settle(v);
                }
            }
        }
        Ok(())
    }

    fn assign(&self, range: &mut [Vector], fds: Vec<OwnedFd>) -> Result<(), Errno> {
        if fds.is_empty() {
            for v in range {
                v.eventfd = None;
            }
            return Ok(());
        }
        if fds.len() != range.len() || !fds.iter().all(is_eventfd) {
            return Err(Errno::INVAL);
        }
        for (v, fd) in range.iter_mut().zip(fds) {
            v.eventfd = Some(fd);
            self.settle(v);
        }
        Ok(())
    }

    /// Signals what was kept, if it can be now.
    fn settle(&self, v: &mut Vector) {
        if v.pending {
            self.raise_one(v);
        }
    }

    fn raise_one(&self, v: &mut Vector) {
        match &v.eventfd {
            Some(fd) if !v.masked => {
                v.pending = false;
                signal(fd);
                count(&self.counters.interrupts);
            }
            _ => {
                v.pending = true;
                count(&self.counters.pending);
            }
        }
    }
}

impl IrqSink for Vectors {
    fn raise(&self, vector: u16) {
        if let Some(v) = self.vectors.lock().get_mut(usize::from(vector)) {
            self.raise_one(v);
        }
    }
}

/// Signals without ever waiting: the client chose whether the eventfd blocks, and its counter may be at the limit, which
/// is as good as signalled.
fn signal(fd: &OwnedFd) {
    let mut fds = [PollFd::new(fd, PollFlags::OUT)];
    let ready = poll(&mut fds, Some(&Timespec::default()));
    if ready == Ok(1) && fds[0].revents().contains(PollFlags::OUT) {
        let _ = rustix::io::write(fd, &1u64.to_ne_bytes());
    }
}

/// Anything else could block, or do something else altogether, when it is written to. Where `/proc` does not tell, the
/// client is believed.
fn is_eventfd(fd: &OwnedFd) -> bool {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    readlink(link, Vec::new()).map_or(true, |to| to.to_bytes() == b"anon_inode:[eventfd]")
}

#[cfg(test)]
mod tests;
