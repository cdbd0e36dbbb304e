//! The seam between a simulated MAC and whatever it is plugged into.

use std::os::fd::BorrowedFd;

use crate::fault::Faults;
use crate::frame::{Frame, FramePool};
use crate::time::Picos;

/// What became of a frame handed to [`Wire::transmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When its first bit leaves: `now`, or later if the line is busy. For a frame that a fault injector took out of the
    /// stream, `now`.
    pub start: Picos,
    /// What a fault injector below did to it.
    pub faults: Faults,
}

/// One end of a wire, as a MAC sees it.
///
/// Time is simulated and is passed in; it must not go back between calls. The loop of a simulator: step to the earliest
/// [`next_event`](Self::next_event) of all ends, or to its own next event; call [`receive`](Self::receive) until it gives
/// `None`; transmit. `receive` is also what releases frames that a fault injector holds back in either direction, so it is
/// called at every `next_event`, even by an end that wants no frames.
///
/// Wires lose frames and never fail: what goes wrong is counted by the wire.
pub trait Wire: Send {
    /// Hands over a whole frame. If the line is still busy the frame queues behind, without bound: a MAC with back-pressure
    /// waits while [`tx_free_at`](Self::tx_free_at) lies ahead.
    fn transmit(&mut self, now: Picos, frame: Frame) -> Sent;

    /// The next frame whose last bit has arrived by `now`; [`Frame::arrived_at`] says when.
    fn receive(&mut self, now: Picos) -> Option<Frame>;

    /// The earliest time at which [`receive`](Self::receive) has something to do, as far as is known: `None` when the wire is
    /// silent. A wire with a descriptor ([`poll_fd`](Self::poll_fd)) cannot know what the outside world will send.
    fn next_event(&self) -> Option<Picos>;

    /// When the line is free for the next frame's first bit; in the past if it is idle.
    fn tx_free_at(&self) -> Picos;

    /// The pool that received frames come from; frames to transmit are best taken from it too.
    fn pool(&self) -> &FramePool;

    /// A descriptor that becomes readable when frames come from outside the simulation (a TAP): poll it while idle in real
    /// time. `None` if everything is inside.
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Asks fault injectors to keep the frames they lose on reception, for [`take_lost`](Self::take_lost). Captures do.
    fn keep_lost(&mut self, _keep: bool) {}

    /// A frame lost on reception since the last call, if these are kept.
    fn take_lost(&mut self) -> Option<Frame> {
        None
    }
}

impl<W: Wire + ?Sized> Wire for Box<W> {
    fn transmit(&mut self, now: Picos, frame: Frame) -> Sent {
        (**self).transmit(now, frame)
    }

    fn receive(&mut self, now: Picos) -> Option<Frame> {
        (**self).receive(now)
    }

    fn next_event(&self) -> Option<Picos> {
        (**self).next_event()
    }

    fn tx_free_at(&self) -> Picos {
        (**self).tx_free_at()
    }

    fn pool(&self) -> &FramePool {
        (**self).pool()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        (**self).poll_fd()
    }

    fn keep_lost(&mut self, keep: bool) {
        (**self).keep_lost(keep);
    }

    fn take_lost(&mut self) -> Option<Frame> {
        (**self).take_lost()
    }
}

/// The earlier of two events.
pub(crate) fn earlier(a: Option<Picos>, b: Option<Picos>) -> Option<Picos> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
