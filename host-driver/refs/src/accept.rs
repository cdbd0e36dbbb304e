//! The queue of a listener: children that wait to be accepted, and places promised to handshakes that are being completed.
//!
//! ```text
//! handshake over: reserve → (a child is made, without the lock) → enter → accept
//!                    │ full: the half-open entry stays   │ closed meanwhile: given back, to be aborted without the lock
//!                    └ release, if no child could be made
//! close: takes all children; whoever closes aborts them without the lock
//! ```

use std::collections::VecDeque;

/// Children that a queue has room for without being asked whether it needs it.
const ROOM: usize = 64;

/// What a handshake that is over finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A place is reserved: [`AcceptQueue::enter`] or [`AcceptQueue::release`] ends that.
    Reserved,
    /// As many wait, or will wait, as may.
    Full,
    /// Nobody listens any more.
    Closed,
}

/// The children of a listener, behind its lock. `C` is a child, with its references Q and L.
#[derive(Debug)]
pub struct AcceptQueue<C> {
    open: bool,
    backlog: usize,
    reserved: usize,
    half_open: usize,
    children: VecDeque<C>,
}

impl<C> Default for AcceptQueue<C> {
    /// A queue that was not opened yet: nobody listens.
    fn default() -> Self {
        Self {
            open: false,
            backlog: 0,
            reserved: 0,
            half_open: 0,
            children: VecDeque::new(),
        }
    }
}

impl<C> AcceptQueue<C> {
    /// Listening begins; at most `backlog` children may wait.
    pub fn open(&mut self, backlog: usize) {
        self.open = true;
        self.set_backlog(backlog);
    }

    /// From listen to close.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// How many children may wait from now on; at least 1. Those that wait already stay.
    pub fn set_backlog(&mut self, backlog: usize) {
        self.backlog = backlog.max(1);
    }

    /// Whether a handshake that is over now would find no place.
    pub fn is_full(&self) -> bool {
        self.children.len() + self.reserved >= self.backlog
    }

    /// A handshake is over: asks for a place for its child, before that is made.
    pub fn reserve(&mut self) -> Place {
        if !self.open {
            return Place::Closed;
        }
        if self.is_full() {
            return Place::Full;
        }
        self.reserved += 1;
        Place::Reserved
    }

    /// The child of a reserved place was never made.
    pub fn release(&mut self) {
        debug_assert!(self.reserved > 0);
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// A child takes its reserved place.
    ///
    /// # Errors
    /// The child, if the queue was closed meanwhile: the caller aborts it, without the lock.
    pub fn enter(&mut self, child: C) -> Result<(), C> {
        self.enter_if(self.open, child)
    }

    /// As [`AcceptQueue::enter`], but the caller says whether the queue is open: for tests that break that rule.
    #[doc(hidden)]
    pub fn enter_if(&mut self, open: bool, child: C) -> Result<(), C> {
        self.release();
        if !open {
            return Err(child);
        }
        self.children.push_back(child);
        Ok(())
    }

    /// The child that has waited longest. A queue that was long once does not keep its room.
    pub fn accept(&mut self) -> Option<C> {
        let child = self.children.pop_front();
        if self.children.capacity() > ROOM.max(4 * self.children.len()) {
            self.children.shrink_to(ROOM.max(2 * self.children.len()));
        }
        child
    }

    /// Listening is over: the children are the caller's, who aborts them without the lock.
    #[must_use = "the children are to be aborted"]
    pub fn close(&mut self) -> VecDeque<C> {
        self.open = false;
        std::mem::take(&mut self.children)
    }

    /// A half-open connection more.
    pub fn begin_half_open(&mut self) {
        self.half_open += 1;
    }

    /// A half-open connection is gone, or is a child now.
    pub fn end_half_open(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// Half-open connections.
    pub fn half_open(&self) -> usize {
        self.half_open
    }

    /// Places that are promised.
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// Children that wait.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether no child waits.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_place_counts_until_it_is_taken_or_given_back() {
        let mut queue = AcceptQueue::default();
        assert_eq!(queue.reserve(), Place::Closed);
        queue.open(1);
        assert_eq!(queue.reserve(), Place::Reserved);
        assert_eq!(queue.reserve(), Place::Full);
        queue.release();
        assert_eq!(queue.reserve(), Place::Reserved);
        assert_eq!(queue.enter("child"), Ok(()));
        assert_eq!((queue.reserve(), queue.len()), (Place::Full, 1));
        assert_eq!(queue.accept(), Some("child"));
        assert!(!queue.is_full());
    }

    #[test]
    fn a_child_that_comes_after_the_close_is_given_back() {
        let mut queue = AcceptQueue::default();
        queue.open(2);
        assert_eq!(queue.reserve(), Place::Reserved);
        assert_eq!(queue.reserve(), Place::Reserved);
        assert_eq!(queue.enter("first"), Ok(()));
        assert_eq!(queue.close(), ["first"]);
        assert_eq!(queue.enter("second"), Err("second"));
        assert_eq!((queue.len(), queue.reserved()), (0, 0));
    }
}
