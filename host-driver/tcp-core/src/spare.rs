//! Memory for connections in disorder, kept ready for the next one.
//!
//! A connection that loses or reorders more than it can note in itself borrows a block, and gives it back when all is
//! repaired. Every thread keeps some of its own: no lock, and after the first few no allocation.

use core::cell::RefCell;
use std::thread::LocalKey;

/// Blocks of a kind that a thread keeps.
const KEPT: usize = 64;

/// What is kept of one kind of block: vectors of a fixed capacity, empty, or boxes.
pub(crate) type Spare<T> = RefCell<Vec<T>>;

/// An empty vector with room for `capacity`: a spare one, or if there is none, a new one.
pub(crate) fn take<T>(spare: &Spare<Vec<T>>, capacity: usize) -> Vec<T> {
    let kept = spare.borrow_mut().pop();
    kept.unwrap_or_else(|| Vec::with_capacity(capacity))
}

/// Keeps a block for the next one, unless there are many.
pub(crate) fn give<T>(spare: &Spare<Vec<T>>, mut block: Vec<T>) {
    block.clear();
    keep(spare, block);
}

fn keep<T>(spare: &Spare<T>, block: T) {
    let mut spare = spare.borrow_mut();
    if spare.len() < KEPT {
        spare.push(block);
    }
}

/// Makes sure that so many connections of this thread can be in disorder at a time without an allocation; at most 64.
///
/// Without this, a thread allocates its blocks (about 3 KiB for a sender, 1 KiB for a receiver, a few hundred bytes for
/// what only some connections ever note) as connections first need them, and keeps them.
pub fn preallocate(connections: usize) {
    let count = connections.min(KEPT);
    crate::connection::preallocate(count);
    crate::assembler::preallocate(count);
}

/// As many spare blocks as that.
pub(crate) fn fill<T>(spare: &Spare<T>, count: usize, make: impl Fn() -> T) {
    let mut spare = spare.borrow_mut();
    let more = KEPT.saturating_sub(spare.len());
    spare.reserve(more);
    while spare.len() < count {
        spare.push(make());
    }
}

/// A kind of state that most connections never have.
pub(crate) trait Lendable: Default + 'static {
    /// The thread's spare boxes for it.
    fn spare() -> &'static LocalKey<Spare<Box<Self>>>;

    /// Spare boxes for so many connections of this thread.
    fn preallocate(count: usize) {
        Self::spare().with(|spare| fill(spare, count, Box::default));
    }
}

/// State that most connections never have, in a box that is borrowed when it is first noted: a pointer until then.
#[derive(Clone, Debug)]
pub(crate) struct Lazy<T: Lendable>(Option<Box<T>>);

impl<T: Lendable> Default for Lazy<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Lendable> Lazy<T> {
    /// The state, if there is any.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// The state, if there is any.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// The state; as it is by default if there was none.
    pub(crate) fn make(&mut self) -> &mut T {
        self.0.get_or_insert_with(Self::borrow_box)
    }

    #[cold]
    fn borrow_box() -> Box<T> {
        // A thread that ends keeps none.
        let kept = T::spare().try_with(|spare| spare.borrow_mut().pop());
        match kept {
            Ok(Some(mut kept)) => {
                *kept = T::default();
                kept
            }
            _ => Box::default(),
        }
    }

    /// Forgets the state.
    pub(crate) fn clear(&mut self) {
        if let Some(block) = self.0.take() {
            Self::give_box(block);
        }
    }

    #[cold]
    fn give_box(block: Box<T>) {
        // A thread that ends keeps none: the box is freed.
        let _ = T::spare().try_with(|spare| keep(spare, block));
    }
}

impl<T: Lendable> Drop for Lazy<T> {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Note(u32);

    std::thread_local! {
        static NOTES: Spare<Box<Note>> = const { RefCell::new(Vec::new()) };
    }

    impl Lendable for Note {
        fn spare() -> &'static LocalKey<Spare<Box<Self>>> {
            &NOTES
        }
    }

    #[test]
    fn a_box_that_was_given_back_is_lent_again_as_new() {
        let mut first = Lazy::<Note>::default();
        assert_eq!(
            (first.get(), size_of_val(&first)),
            (None, size_of::<usize>())
        );
        first.make().0 = 7;
        assert_eq!(first.make().0, 7);
        drop(first);
        let kept = || NOTES.with(|spare| spare.borrow().len());
        assert_eq!(kept(), 1);
        let mut second = Lazy::<Note>::default();
        assert_eq!((second.make().0, kept()), (0, 0));
        second.clear();
        assert_eq!((second.get(), kept()), (None, 1));
    }

    #[test]
    fn a_copy_has_a_state_of_its_own() {
        let mut first = Lazy::<Note>::default();
        first.make().0 = 1;
        let mut second = first.clone();
        second.make().0 = 2;
        assert_eq!(first.get(), Some(&Note(1)));
    }
}
