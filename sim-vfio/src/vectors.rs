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
mod tests {
    use super::*;
    use longshore_device::Interrupt;
    use std::os::fd::AsFd;

    fn vectors() -> Vectors {
        Vectors::new(4, Arc::default())
    }

    fn of(interrupt: &Interrupt) -> OwnedFd {
        interrupt.as_fd().try_clone_to_owned().unwrap()
    }

    fn set(action: IrqAction, data: IrqData<'_>, start: u32, count: u32) -> SetIrqs<'_> {
        SetIrqs {
            index: 2,
            start,
            count,
            action,
            data,
        }
    }

    fn eventfd(start: u32, count: u32) -> SetIrqs<'static> {
        set(IrqAction::Trigger, IrqData::Eventfd, start, count)
    }

    const ALL_OFF: SetIrqs<'static> = SetIrqs {
        index: 2,
        start: 0,
        count: 0,
        action: IrqAction::Trigger,
        data: IrqData::None,
    };

    #[test]
    fn an_interrupt_is_kept_while_its_vector_has_no_eventfd() {
        let v = vectors();
        let i = Interrupt::new().unwrap();
        v.raise(2);
        v.raise(9);
        assert_eq!(v.pending(), 4);
        v.set(&eventfd(2, 1), vec![of(&i)]).unwrap();
        assert!(i.try_take());
        assert_eq!(v.pending(), 0);
        v.set(&ALL_OFF, vec![]).unwrap();
        v.raise(2);
        assert!(!i.try_take());
        v.set(&eventfd(2, 1), vec![of(&i)]).unwrap();
        assert!(i.try_take());
    }

    #[test]
    fn no_descriptors_unassign_the_range() {
        let v = vectors();
        let i = Interrupt::new().unwrap();
        v.set(&eventfd(0, 2), vec![of(&i), of(&i)]).unwrap();
        v.set(&eventfd(1, 1), vec![]).unwrap();
        v.raise(1);
        assert!(!i.try_take());
        v.raise(0);
        assert!(i.try_take());
    }

    #[test]
    fn a_masked_vector_keeps_its_interrupt() {
        let v = vectors();
        let i = Interrupt::new().unwrap();
        v.set(&eventfd(1, 1), vec![of(&i)]).unwrap();
        v.set(&set(IrqAction::Mask, IrqData::Bool(&[0, 1]), 0, 2), vec![])
            .unwrap();
        v.raise(1);
        assert!(!i.try_take());
        assert_eq!(v.pending(), 2);
        v.set(&set(IrqAction::Unmask, IrqData::None, 0, 4), vec![])
            .unwrap();
        assert!(i.try_take());
    }

    #[test]
    fn a_client_can_signal_its_own_vectors() {
        let v = vectors();
        let [a, b] = [(); 2].map(|()| Interrupt::new().unwrap());
        v.set(&eventfd(0, 2), vec![of(&a), of(&b)]).unwrap();
        let bools = set(IrqAction::Trigger, IrqData::Bool(&[0, 1]), 0, 2);
        v.set(&bools, vec![]).unwrap();
        assert!(!a.try_take());
        assert!(b.try_take());
        v.set(&set(IrqAction::Trigger, IrqData::None, 0, 1), vec![])
            .unwrap();
        assert!(a.try_take());
    }

    #[test]
    fn ranges_descriptors_and_forms_that_do_not_fit_are_refused_and_change_nothing() {
        let v = vectors();
        let i = Interrupt::new().unwrap();
        v.set(&eventfd(0, 1), vec![of(&i)]).unwrap();
        let (pipe, _end) = rustix::pipe::pipe().unwrap();
        let cases = [
            (eventfd(3, 2), vec![of(&i), of(&i)], Errno::INVAL),
            (eventfd(u32::MAX, 1), vec![of(&i)], Errno::INVAL),
            (eventfd(0, 2), vec![of(&i)], Errno::INVAL),
            (eventfd(0, 1), vec![pipe], Errno::INVAL),
            (eventfd(0, 0), vec![], Errno::INVAL),
            (
                set(IrqAction::Mask, IrqData::None, 0, 0),
                vec![],
                Errno::INVAL,
            ),
            (
                set(IrqAction::Trigger, IrqData::None, 0, 1),
                vec![of(&i)],
                Errno::INVAL,
            ),
            (
                set(IrqAction::Mask, IrqData::Eventfd, 0, 1),
                vec![of(&i)],
                Errno::OPNOTSUPP,
            ),
        ];
        for (set, fds, errno) in cases {
            assert_eq!(v.set(&set, fds), Err(errno), "{set:?}");
        }
        assert!(!i.try_take());
        v.raise(0);
        assert!(i.try_take());
    }

    #[test]
    fn an_eventfd_at_its_limit_that_blocks_does_not_hold_the_device_up() {
        let v = vectors();
        let full = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
        rustix::io::write(&full, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        v.set(&eventfd(0, 1), vec![full]).unwrap();
        v.raise(0);
        assert_eq!(v.pending(), 0);
    }
}
