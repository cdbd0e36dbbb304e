//! Bells between threads that sleep in `poll`, and wires that ring them.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::event::{EventfdFlags, eventfd};
use sim_wire::{
    Frame, FramePool, LineConfig, Picos, Sent, Wire,
    pair::{PairEnd, pair},
};

/// Wakes a thread that polls it. Clones are the same bell.
#[derive(Debug, Clone)]
pub struct Bell(Arc<OwnedFd>);

impl Bell {
    /// A bell that has not rung.
    ///
    /// # Errors
    /// Out of files.
    pub fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Rings; never blocks.
    pub fn ring(&self) {
        // The only failure is a counter at its limit: it rings already.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    /// Ends the ringing; true if it rang.
    pub fn silence(&self) -> bool {
        rustix::io::read(&*self.0, &mut [0; 8]).is_ok()
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A wire that rings a bell for every frame that is sent over it.
pub struct Ringing<W> {
    wire: W,
    bell: Bell,
}

impl<W: Wire> Ringing<W> {
    /// Rings `bell`, whoever is at the other end of `wire`.
    pub fn new(wire: W, bell: Bell) -> Self {
        Self { wire, bell }
    }
}

impl<W: Wire> Wire for Ringing<W> {
    fn transmit(&mut self, now: Picos, frame: Frame) -> Sent {
        let sent = self.wire.transmit(now, frame);
        self.bell.ring();
        sent
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        self.wire.receive(now)
    }

    fn next_event(&self) -> Option<Picos> {
        self.wire.next_event()
    }

    fn tx_free_at(&self) -> Picos {
        self.wire.tx_free_at()
    }

    fn pool(&self) -> &FramePool {
        self.wire.pool()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.wire.poll_fd()
    }

    fn keep_lost(&mut self, keep: bool) {
        self.wire.keep_lost(keep);
    }

    fn take_lost(&mut self) -> Option<Frame> {
        self.wire.take_lost()
    }
}

/// A wire between two NICs that run in threads of their own: each end with the bell that wakes the thread at that end.
///
/// The two NICs' clocks are independent: an end that slept catches up when a frame reaches it.
///
/// # Errors
/// Out of files.
pub fn ringing_pair(line: LineConfig) -> io::Result<[(Ringing<PairEnd>, Bell); 2]> {
    let (a, b) = pair(line);
    let (at_a, at_b) = (Bell::new()?, Bell::new()?);
    Ok([
        (Ringing::new(a, at_b.clone()), at_a.clone()),
        (Ringing::new(b, at_a), at_b),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_rings_at_the_other_end_alone() {
        let [(mut a, at_a), (_b, at_b)] = ringing_pair(LineConfig::default()).unwrap();
        let frame = a.pool().copy_of(&[1; 60]);
        a.transmit(Picos::ZERO, frame);
        assert!(at_b.silence());
        assert!(!at_b.silence());
        assert!(!at_a.silence());
    }
}
