//! Memory for connections in disorder, kept ready for the next one.
//!
//! A connection that loses or reorders more than it can note in itself borrows a block, and gives it back when all is
//! repaired. Every thread keeps some of its own: no lock, and after the first few no allocation.

use core::cell::RefCell;

/// Blocks of a kind that a thread keeps.
const KEPT: usize = 64;

/// What is kept of one kind of block: vectors of a fixed capacity, empty.
pub(crate) type Spare<T> = RefCell<Vec<Vec<T>>>;

/// An empty vector with room for `capacity`: a spare one, or if there is none, a new one.
pub(crate) fn take<T>(spare: &Spare<T>, capacity: usize) -> Vec<T> {
    let kept = spare.borrow_mut().pop();
    kept.unwrap_or_else(|| Vec::with_capacity(capacity))
}

/// Keeps a block for the next one, unless there are many.
pub(crate) fn give<T>(spare: &Spare<T>, mut block: Vec<T>) {
    let mut spare = spare.borrow_mut();
    if spare.len() < KEPT {
        block.clear();
        spare.push(block);
    }
}

/// Makes sure that so many connections of this thread can be in disorder at a time without an allocation; at most 64.
///
/// Without this, a thread allocates its blocks (about 3 KiB for a sender, 1 KiB for a receiver) as connections first need
/// them, and keeps them.
pub fn preallocate(connections: usize) {
    let count = connections.min(KEPT);
    crate::connection::preallocate(count);
    crate::assembler::preallocate(count);
}

/// As many spare blocks as that.
pub(crate) fn fill<T>(spare: &Spare<T>, count: usize, capacity: usize) {
    let mut spare = spare.borrow_mut();
    let more = KEPT.saturating_sub(spare.len());
    spare.reserve(more);
    while spare.len() < count {
        spare.push(Vec::with_capacity(capacity));
    }
}
